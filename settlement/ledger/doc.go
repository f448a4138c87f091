// Package ledger is the SQL database of settled windows: rows of 15 minutes and
// of days for sensors and groups, marks of what has to be settled again, and
// the books: what people have decided, and the past of the trees.
//
// Guarantees: what a call has stored is on the disk when it returns. In a
// directory there are two SQLite files, [FileName] with what can be computed
// again and [BooksName] with what cannot; a PostgreSQL holds both. Nothing is
// ever removed from the books but a structure that no window is computed by.
//
// [Marks] are told by the history what it has stored, and note what was late.
//
// Times are UTC milliseconds, amounts millionths of the coherent unit.
// Everything is safe for concurrent use. It imports record, window and energy; package
// settlement alone imports it, and app, which opens it.
package ledger
