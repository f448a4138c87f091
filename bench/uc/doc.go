// Package uc runs Theodolite's four stream-processing benchmarks on Wattwerk:
// store (uc1), downsample (uc2), aggregate by an attribute of time (uc3) and
// aggregate up a hierarchy (uc4), by its definitions and with its record
// (identifier, timestamp, valueInW) and load: every key fires at a rate of its
// own, from a phase of its own.
//
// What Theodolite does not do, this package does: values vary, and every
// result is compared with an oracle that computes it from the definition of
// the load, in whole numbers and by another way than what is measured. Counts,
// sums, least and greatest values must be equal to the bit, means within
// 1e-12, variances within 1e-9.
//
// uc1 is package history and uc4 package aggregate, as they are deployed. The
// window operators of uc2 and uc3 are here: step functions without clock,
// goroutines or I/O ([Tumbling], [HourOfDay]), one a partition, that read from
// the bus and publish to the bus. They keep their state in memory only; they
// make place for declared pipelines when there are any.
//
// Only app and tests import it.
package uc
