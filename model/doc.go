// Package model holds what exists in a deployment: sites, sensors, the devices
// behind them, groups and hierarchies, the rules a model obeys, and the
// depth-first numbering aggregation works on.
//
// Guarantees: pure values; no I/O, no goroutines, no clock. A [Model] has been
// validated as a whole, never changes and is safe for concurrent use; a change
// gives a new Model that shares what did not change with the old one, so a
// small change of a model of a million sensors costs well under 100 ms, and
// hierarchies a change does not touch keep their [Layout] by pointer.
//
// A sensor with a formula is virtual: what it uses exists, its units fit, and no
// value depends on itself, not even through groups.
//
// Faults are reported all at once, each as a sentence that names the thing
// concerned. Decoders take bytes from anywhere and are fuzzed.
//
// It imports record and formula and nothing else of this project; services import it.
package model
