// Package processor has the processors of manifests: what filters, converts,
// computes and judges, each a pure step over items in event time.
//
// An [Operator] has no I/O, no goroutines and no clock: time comes with the items
// and as watermarks. The same items and watermarks give the same results, to the
// bit; one that was saved and loaded goes on as the one it was saved from. An
// operator is for one goroutine at a time.
//
// A new processor is one file with its [Entry], and its line in [Entries];
// docs/processors.md says how.
package processor
