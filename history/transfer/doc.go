// Package transfer brings files into the history and out of it: CSV, NDJSON and
// Parquet.
//
// Guarantees: both directions stream in bounded memory. An import may hold
// records of any age, changes nothing when it is done again, and tells of
// everything it could not take. An export that breaks off breaks the
// connection: a file that arrived whole is whole. What an export wrote can be
// imported as it is.
//
// Times are UTC unless the options name a zone; values are converted into the
// coherent unit of their quantity. Readers of files take bytes from anywhere
// and are fuzzed. It is safe for concurrent use.
//
// It imports history and record; only app imports it.
package transfer
