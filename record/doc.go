// Package record holds the words every other package speaks: identifiers,
// records, quantities and units, and the wire form of the two streams that
// carry them.
//
// Guarantees: values only, no I/O, no goroutines, no clock. Everything here is
// safe for concurrent reading; nothing locks, so a value that is written is
// owned by one goroutine. Times are UTC milliseconds, values are finite
// float64 in the coherent unit of the sensor's quantity (W, Wh, V, A, …).
//
// Decoders take bytes from anywhere: they never panic, never allocate more
// than a small multiple of their input, and are fuzzed.
//
// Every package may import record; record imports nothing of this project.
package record
