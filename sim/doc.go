// Package sim stands in for sensors: a generator of any number of them, for
// benchmarks and tests, and a small data centre whose power-distribution units
// push over HTTP as real ones do, for the demonstration.
//
// Guarantees: everything is a function of the options and the time: the same
// sensor has the same value at the same time in every run and process, so what
// was sent twice is one record, and what should have arrived can be computed.
// A generator is safe for concurrent use, each of its lanes for one goroutine.
// Values are W, multiples of 1/8 W, exact in binary.
//
// Only app, benchmarks and tests import it.
package sim
