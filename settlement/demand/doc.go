// Package demand answers what is asked about power over quarters of an hour:
// the highest of each month and of twelve months, who drew it, how long which
// power lasts, where the running quarter is going to end, and what has been used
// since a day, week, month or year began.
//
// Guarantees: all but what is running is computed from settled windows, so it is
// what they are: the same whatever came when, and another when they are settled
// again. A demand is the amount of a settled quarter over a quarter of an hour;
// nothing is put in for what is not known, so that a quarter with a gap has a
// demand that is a lower bound, and its completeness says so. Null is not zero.
// The databases do the work: however long the time asked for, what is held in
// memory does not grow with it.
//
// It has no state of its own. Everything is safe for concurrent use. Times are
// UTC milliseconds, demands in the coherent unit of a power or flow (W), amounts
// millionths of the unit of an energy.
package demand
