// Package tsdb is the embedded history store: the Prometheus TSDB as a library.
//
// Guarantees: what Append took is readable at once and durable after Flush;
// the TSDB's own log is off, because the bus is the log. Blocks are written
// beside the others, synced (files, their directory and its parent) and only
// then renamed into place, so a crash or a power cut leaves whole blocks and
// perhaps a temporary directory that the next Open removes. When the disk is
// nearly full Append refuses with [history.ErrNoRoom] before the TSDB is
// touched, because it panics when it cannot write.
//
// Of two samples of one series and time the first stays: what is not newer
// than everything known of its series is looked up before it is stored.
//
// The store is safe for concurrent use, with the restriction of
// [history.Store.Append] that calls at the same time are about different
// series. Only app and tests may import this package.
package tsdb
