// Package dayahead forecasts a day before it begins, from nothing but the values of
// the series itself and the calendar: what each interval of a local day is going to
// take or give, and between which bounds.
//
// There are eight models, from the same hour of the day before to ridge regression and
// a blend. [Choose] tries all of them on the last weeks of a series, each day said
// with what was known at its midnight, and keeps the one that was least wrong; the
// bounds are what its errors were at that hour lately. [Backtest] reports how
// wrong they all are.
//
// Guarantees:
//
//   - Nothing from a day on has an influence on what is said of it. A forecast says
//     until when values were known to it.
//   - Days are those of the calendar. On those when the clock changes there are as
//     many values as intervals, and each is that of its time of day.
//   - Null is not zero: a value that is not known (NaN) is no value. It is not fitted,
//     not scored, and guessed from the days before where one is needed.
//   - Where nothing below 0 was ever seen nothing below 0 is said. Every value said is
//     finite, and lies within its bounds.
//   - Pure values, no I/O, no goroutines, no clock; the same input gives the same
//     output to the bit, on one kind of machine. A [Model] is for one goroutine at a time.
//   - [Read] takes bytes from anywhere, bounded, and is fuzzed.
//
// Values have whatever unit the series has; times are ms since 1970 UTC.
package dayahead
