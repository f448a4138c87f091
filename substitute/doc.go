// Package substitute decides what stands in for an object that does not measure:
// which values of others, or of its own past, how good they are, and when to
// believe the object again.
//
// [Candidates] and [Balances] find who might stand in, by kind and place. [Fit]
// fits a mapping to each of them and to the object's own past, and tries all of
// them on values that they were not fitted on. [Ranking.Choose] takes the one with
// the smallest error expected for the age of what is known, if it is good enough
// for the consumer: no kind of method comes before another, and the raw value of a
// similar sensor is used only where its own error is the smallest. An [Agent]
// makes of it, step by step, when something stands in, changes, and goes. A
// [Provenance] computes the values.
//
// Every method is a [Mapping], a sum of terms with numbers: a substituted value
// follows from its provenance and from measured values, to the bit, also after
// both were stored.
//
// Guarantees: pure values; no I/O, no goroutines, no clock: time is passed in. The
// same input gives the same output. Nothing stands on what stands in for
// something else: sources measure themselves, so that there is no cycle whoever
// names whom. Nothing of the object that is later than what is known of it is
// used. Null is not zero: where something is missing there is no value. At most
// one change falls into a hold time. All is bounded: candidates, cells of
// history, terms, what an agent remembers.
//
// The values never enter the raw history and are never billed unmarked: this
// package gives them with their provenance, and nothing else. Who shows or adds
// them up says so.
//
// Times are ms since 1970 UTC, and values in the unit of the object that is stood
// in for. A day is 24 hours and an hour one of UTC: where clocks change, a mean over
// earlier days is an hour off for as long as it looks back.
//
// It imports record, window, model, object, regression and forecast/dayahead and
// nothing else of this project.
package substitute
