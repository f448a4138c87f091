// Package table writes settled windows as files: CSV and Parquet, of a sensor,
// or of a group with all that is below it.
//
// Guarantees: what is written is what the service answers, every amount with all its
// digits. It streams in bounded memory, point by point. A file that breaks off
// breaks the connection: one that arrived whole is whole. Text in CSV that a
// spreadsheet would take for a formula has a quote before it. Null is an empty field, or null.
//
// Times are ISO 8601 with the offset of the site, in Parquet UTC. It is safe for
// concurrent use. It imports record, model, catalog, window, energy, settlement
// and ledger; app alone imports it.
package table
