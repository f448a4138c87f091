// Package readings holds readings that other measurements work on: one a minute for
// each sensor, made while they are asked for, so that they need no room ([Made]),
// some of which come late ([Late]), or written to a history ([Write]). The same
// sensor and minute give the same reading in every run.
//
// Only app and benchmarks import it.
package readings
