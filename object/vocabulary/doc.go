// Package vocabulary is the part of Brick 1.4, REC and QUDT that objects are
// described with: some ninety classes with their parents, some forty
// properties, and a unit and a quantity kind for every quantity of package
// record. The table is written by hand and names the terms of those
// vocabularies; nothing is loaded and nothing is inferred, but that a class
// contains its subclasses.
//
// Classes are written short, as "brick:Active_Power_Sensor"; [Lookup] takes the
// whole IRI and the bare name too. A class knows its closure as a set of bits,
// so that asking whether one class lies below another takes no walk.
//
// Guarantees: pure values; no I/O, no goroutines, no clock. The tables never
// change and are safe for concurrent use.
//
// It imports record and nothing else of this project; object and what is below
// it import it.
package vocabulary
