// Package smltest builds telegrams as meters send them: field by field, or by the
// model of a meter with every peculiarity it has. It shares no code with meter/sml, so
// that the two hold each other to the standard.
//
// Guarantees: values only; safe for concurrent use. It is for tests and for
// simulated meters.
package smltest
