// Package bills keeps the bills that energy services make, with their revisions: of
// charging (S3) and of shared energy (S4).
//
// A bill is one of a service, a subject and a period, and has a name where there are
// several of these. It is computed anew when somebody asks, and once an hour for a
// hundred days after its period; what comes out differently becomes another revision
// with a note of the difference, and what comes out the same changes nothing.
//
// Guarantees: a revision is never changed. Every revision keeps what was asked for, and
// on what it rests. Everything is safe for concurrent use; who loses a race is told that
// the bill was changed meanwhile. Times are ms since 1970 UTC.
package bills
