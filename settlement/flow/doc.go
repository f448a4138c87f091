// Package flow says how energy went from a group down its tree in a span of time:
// what each member of a group, and each member of those, came to, and what of a
// metered group its members do not account for.
//
// It adds up settled windows: whole days where days are kept, and quarters of an
// hour at both ends. Where the tree of the hierarchy changed in between, a member
// counts for the time in which it was one, so what the members of a group come to
// is what the group comes to, to the last digit.
//
// Guarantees: an amount of which nothing is known is null and not 0. The work is
// bounded: by how many windows are read, and how many nodes an answer has. It has
// no state of its own, and everything is safe for concurrent use.
//
// Times are UTC milliseconds, amounts in the coherent unit (W·h).
package flow
