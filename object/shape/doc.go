// Package shape looks for what is missing or contradicts itself among the objects
// of a world, as the shapes of SHACL do: what is not said is not so. There is no
// reasoner.
//
// A [Finding] says how bad it is, what it is about, what is wrong in a sentence, and
// what to do about it. [Checks] lists what is looked for.
//
// Guarantees: pure values; no I/O, no goroutines, no clock. The same world gives the
// same findings in the same order: by check, then by object. The time is in
// proportion to the world. It imports object and object/vocabulary and nothing else of
// this project.
package shape
