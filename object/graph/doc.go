// Package graph shows the objects of a world, and how they are just now, as the
// triples of an RDF graph.
//
// A [Graph] is made once of a world; [Graph.At] gives the [Live] graph with states
// and newest values, which are asked for when a triple is looked at and never
// stored: making one costs nothing. Triples are found by subject, by predicate and
// object where that leads somewhere (class, place, members, what feeds what, device),
// and by a walk otherwise.
//
// Guarantees: pure values; no I/O, no goroutines, no clock. There are no blank
// nodes. The same world gives the same triples in the same order, none twice.
// A Graph never changes and is safe for concurrent use; a Live one is as safe as the
// function that tells the states.
//
// It imports record, object and object/vocabulary and nothing else of this
// project.
package graph
