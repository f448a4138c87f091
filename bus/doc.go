// Package bus is the only way services meet: NATS JetStream, embedded in the
// process or reached at an address, with the same code.
//
// It offers the records streams (one per partition, the write-ahead log of
// everything else), a [Writer] that answers when records are stored, readers
// that start at a known position, live subjects, key-value buckets, objects
// and the dead-letter stream.
//
// Guarantees: a write that returned nil is stored, and with SyncAlways it is
// on the disk (fsync). Messages of one partition are read in the order they
// were stored, without gaps, at least once after a restart. Everything is
// safe for concurrent use. When the disk is nearly full writes are refused
// with [ErrFull] before anything can break, and go on when there is room; with
// an embedded server that is so in every process on it.
//
// The bus knows records and bytes, not the model; it imports only record.
package bus
