// Package letter shows what could not be taken, the dead letters, and tries them
// again when what stood in the way was mended: a sensor got another quantity, a
// time is no longer in the future.
//
// Guarantees: a letter that was stored is marked, and is not stored again, by
// whichever process it is tried. Who tries one says so first; when that process
// dies in between, the letter can be tried again after a minute, and a record that
// was stored already is the same record: the history keeps it once.
//
// It has no state of its own, and everything is safe for concurrent use.
package letter
