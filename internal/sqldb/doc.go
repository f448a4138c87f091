// Package sqldb opens the SQL databases of the program: a SQLite file of one
// machine, or a PostgreSQL that many processes share. Whoever keeps tables
// writes its queries once, with bun, and its migrations once, in SQL that both
// understand (TEXT, BIGINT, DOUBLE PRECISION; no types or functions of one
// alone); what differs is here.
//
// Guarantees: what a transaction or a statement has stored is on the disk when
// it returns. [DB.Migrate] may run in many processes at once. Of the
// transactions of one name that [DB.Alone] runs there is one at a time, in all
// processes. No call waits for ever for a server that is silent: each
// statement has [Options.Timeout], and a connection that broke is replaced by
// the next call. [Down] tells an error of a database that cannot be reached
// now, where trying again later is right, from all others.
//
// Everything is safe for concurrent use. sqldb imports nothing of this project.
package sqldb
