// Package access knows who may do what: users with roles, browser sessions,
// tokens for machines, one-time sign-in links. It keeps them in one SQLite
// file, DIR/wattwerk.db, or in a PostgreSQL that the processes of an
// installation share.
//
// Guarantees: no secret is stored as it is. Passwords are argon2id hashes;
// sessions, tokens and links are random (at least 128 bits) and kept as
// SHA-256. A link works once. A revoked token or ended session stops working
// at once in this process and within [CacheTime] in any other on the same
// database. Several processes may have a file open (write-ahead log, waiting
// for locks), so a token can be made while the server runs. The limits of
// sign-in attempts are kept per process.
//
// While a PostgreSQL is away, calls return errors that [sqldb.Down]
// recognises; nobody is signed out by that.
//
// Everything is safe for concurrent use. Times are UTC, kept to the
// millisecond. gateway turns its answers into HTTP.
package access
