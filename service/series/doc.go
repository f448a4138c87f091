// Package series is what energy services are given: amounts and levels on an even
// grid of time, each with what it rests on, and the needs by which a service says
// what it must be given.
//
// A grid is one of UTC: steps of 1, 5, 10, 15, 30 or 60 minutes from a start that is a
// multiple of the step. Days and hours of a zone are made of whole steps wherever
// its offset is a multiple of the step, so a day has 92, 96 or 100 quarter
// hours (94 or 98 where the clock is set by half an hour).
//
// Null is not zero: a value of quality none is not known, whatever its number says.
//
// Guarantees: pure values; no I/O beyond reading zones, no goroutines, no clock.
// Amounts are µWh, levels in the coherent unit of their quantity, times ms of
// UTC. Every series is bounded. It imports record, window and energy; the
// services below package service import it.
package series
