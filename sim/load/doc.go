// Package load says what households draw and feed in: a curve of power over time, made up or from a
// file, and the counters of a meter that measures it.
//
// Guarantees: everything is a function of the options and the time, in every run and process: what a meter
// said at a time can be computed afterwards. Power is in whole milliwatts, energy in milliwatt seconds, exact. A curve may be
// used by several goroutines, a [Counter] by one.
//
// Only simulated meters, app and tests import it.
package load
