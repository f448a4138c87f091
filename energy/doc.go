// Package energy makes amounts of what sensors measured: energy of power, of
// meters that count, and of every other quantity that adds up over time.
//
// An [Amount] is an integer of millionths of a coherent unit, so that sums are
// the same in any order and grouping. It is rounded once, in a quarter hour of
// a sensor; all that is larger is a sum of integers. What does not fit is an
// unknown amount with an [Annotation], never a wrong one.
//
// [Settle] is a pure function from readings to the values of windows. It is the
// same for the same readings, whatever their order and however often they
// are given, and local: see [Context].
//
// # Gauges
//
// A reading holds until the next, for MaxAge at most; a null ends it. The amount
// is the integral over time, taken exactly and rounded half to even at the ends
// of windows within each quarter hour of UTC, so that three 5 minutes sum to
// their quarter, and quarters to all else. The average is the integral by the time
// that is covered; a window of which nothing is covered has no value. A part
// that rests on substituted or estimated readings counts as estimated.
//
// # Counters
//
// The amount between two readings is the difference of both, each rounded, so
// that amounts sum up to the difference of the first and the last reading. An edge
// between two readings takes its share by time; one at a reading is that
// reading. A pair of readings farther apart than MaxAge is estimated, and its time
// not covered. Nulls of counters are passed over. What is not a plain rise:
//
//   - glitch: up to 3 readings that all lie below those before and after,
//     of which the later one is not the lower, or all above, when the rise
//     between those two is possible. They are set aside. Where MaxRate is known,
//     a run of several that itself counts on, and can be explained by a counter
//     that began anew, is none.
//   - backstep: a fall of at most Tolerance counts as the small negative amount it
//     is.
//   - swap: between the last reading of a device and the first of the next
//     there is no difference; what they ended and started with is used, and where that is
//     not known nothing, as an estimate.
//   - rollover: a fall is taken for one when the way over Width is possible: by
//     MaxRate, and where that is unknown when it is at most a tenth of Width.
//   - reset: a fall to what the counter can have reached since it began at zero:
//     by MaxRate, and where that is unknown at most half of what it showed before. The
//     amount is what it shows.
//   - jump: a rise above what MaxRate allows, and any other fall. The amount is
//     not known.
//
// A rise is possible by MaxRate when it is at most MaxRate times the time plus
// Tolerance. An [Override] by a person goes before all of these. Where an amount is
// not known its time is not covered.
//
// Guarantees: pure values, no I/O, no goroutines, no clock. A [Settler] is owned
// by one goroutine. Times are UTC milliseconds within 1970 to 2100, values in the
// coherent unit of the sensor; readings out of these bounds are left out. Every
// package may import energy; it imports record, window and exact.
package energy
