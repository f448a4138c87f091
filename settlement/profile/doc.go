// Package profile says what is usual for a sensor or group at an hour of the
// week, and how far a quarter of an hour is from it.
//
// What is usual is the median of the demands of the settled quarters of the same
// hour of the week in the weeks before; its spread is the median of their
// distances from that (the median absolute deviation), scaled so that it is the
// standard deviation of what is normally distributed. Both are unmoved by single
// weeks that were odd. Hours are those of the clock of the site.
//
// It also answers with load profiles: mean, variance and extremes of the settled
// quarters of each hour of the day, day of the week or hour of the week, of a
// sensor, a group, or all members of a group. Those are computed when they are
// asked for, by one query.
//
// Guarantees: nothing is said on less than [LeastWeeks] weeks, and nothing of
// quarters of which too little was measured: null is not zero. It has no state
// of its own, and everything is safe for concurrent use.
//
// Times are UTC milliseconds, demands in the coherent unit of a power or flow
// (W).
package profile
