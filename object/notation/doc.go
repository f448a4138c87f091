// Package notation writes the graph of objects as JSON-LD, Turtle and N-Triples,
// and reads spaces and enrichments from JSON-LD.
//
// What is written obeys the shapes of Brick 1.4: spaces are those of REC and
// things are rec:locatedIn them, a composite is a brick:Collection that
// rec:includes its members, units are individuals of QUDT by brick:hasUnit,
// quantity kinds stand behind qudt:hasQuantityKind, and values are kept at a
// ref:TimeseriesReference. Substitutions are nodes of their own.
//
// Reading takes any form of JSON-LD 1.1 with one context, at the top, written
// there or called [ContextIRI]; nothing is ever fetched. What follows from the model
// anyway is left out of the enrichments, so that what was written and is read again
// gives the same spaces and enrichments. Statements that say nothing about objects
// or spaces are counted.
//
// JSON-LD is understood by github.com/piprate/json-gold: it brings two further
// modules, all under Apache-2.0, and takes every form of JSON-LD that other
// programs write, which a reader of our own would not.
//
// Guarantees: no I/O but to the given writer, no goroutines, no clock. The same
// graph is written in the same bytes. Reading takes bytes from anybody, in bounds
// of length, depth and number of parts, and is fuzzed; a panic of the library is an
// error. It imports model, object, object/graph and object/vocabulary.
package notation
