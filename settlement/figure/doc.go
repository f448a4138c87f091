// Package figure lets people enter production by hand: the amount of a day, week or
// month, or what a counter showed at a time, one at a time, besides what is
// imported.
//
// Guarantees: an entered figure is a decision like a correction
// (settlement/ledger): who entered, changed or deleted it, when and why is kept for
// ever. It counts in settled windows, and in all that is derived from them, in the
// place of readings. The amount of a time is divided evenly over its quarters of
// an hour, and the quarters are the amount, exactly. Of the amounts of a sensor no
// two are of the same time, unless two people enter them in the same moment: then
// the later one counts.
//
// It has no state of its own, and everything is safe for concurrent use. It imports
// record, catalog, window and settlement/ledger; app alone imports it.
package figure
