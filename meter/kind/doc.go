// Package kind names the protocols of meters: it makes the decoder of a name, and one that
// finds out by the content which it is.
//
// Guarantees: values only; see package meter. The names are those of settings and of the
// command line, and do not change.
package kind
