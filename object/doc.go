// Package object sees what a model holds as objects with meaning: every sensor
// a virtual object, every group a composite of its members, with class,
// quantity, unit, place, device and what people say beyond the model.
//
// A [World] is made of a [model.Model], spaces and enrichments by [NewWorld]. It
// numbers its objects and knows them by class, with the subclasses, below a
// group, by space and by what they feed. [StateAt] tells from the newest
// reading whether an object lives.
//
// Guarantees: pure values; no I/O, no goroutines, no clock. A World never
// changes and is safe for concurrent use. What enrichments and spaces say
// wrongly is left out and told as a [Fault]; there is always a World. Objects
// are numbered in the order of their identifiers: the same input gives the same
// world. What lies below a group is one slice, and costs nothing to ask for.
// Times are ms since 1970 UTC, durations ms; values are in the coherent unit of
// the quantity.
//
// It imports record, model and object/vocabulary and nothing else of this
// project.
package object
