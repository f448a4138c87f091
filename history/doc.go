// Package history keeps every record and every tick for good, and answers
// questions about them: over REST and in PromQL.
//
// [Store] is the place they are kept in; history/tsdb is the embedded one. The
// [Service] reads the streams of the bus into a store, notes which stream
// positions are safely on disk, and holds the HTTP face.
//
// Guarantees: every record stored on the bus is in the history exactly once,
// also after a crash, because the bus is the write-ahead log: what was not yet
// flushed is read from it again, and appending twice is harmless. A record is
// never changed: of two records of one sensor and time with different values
// the first stays, the other goes to the dead letters, as does what is too old
// or claims to be from the future. Null is stored as a gap, never as a number.
//
// Times are UTC milliseconds, values are in the coherent unit of the sensor's
// quantity. Everything exported is safe for concurrent use.
//
// It imports record, model, bus and catalog; no other service may import it.
package history
