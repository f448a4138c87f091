// Package feed gathers what an energy service needs of a subject, and carries the
// service out: amounts, levels and samples of its objects, tariffs and prices.
//
// Where settled amounts come from is a [Source], which app fills in. What is not
// known of an object, and what stands in for it has values, is filled with those and
// marked as substituted; whoever computes sees on what each value rests.
//
// Guarantees: nothing is made up here: a value is measured and settled, or marked, or
// none. Every request is bounded, in time and in objects. It holds no state but its
// source and is safe for concurrent use. Times are ms since 1970 UTC, amounts µWh.
package feed
