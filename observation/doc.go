// Package observation is what flows through manifests: values with their time
// and their marks, and batches of them as they are stored on the bus.
//
// It has no I/O, no goroutines and no clock. Times are ms since 1970 UTC, values
// float64 in whatever unit the kind of the source states. Null is an item that
// is marked [Null]; its value means nothing. A [Table] is for one goroutine at a
// time, everything else does not change.
package observation
