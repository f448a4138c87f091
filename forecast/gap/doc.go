// Package gap fills what is missing in a series of energies, and says how it did.
//
// Where an energy counter was read before and after a gap, what passed is known:
// only its distribution is guessed. The filled intervals add up to the difference
// of the counter exactly, so whatever is billed by their sum is right. Without a
// counter, or when it was reset within the gap, nothing is certain: up to an hour is
// the line between both edges, and more is the profile of the weeks around, moved to
// meet the edges.
//
// Guarantees:
//
//   - Amounts are integers. With a counter the sum is its difference, to the last
//     digit; see [Share].
//   - Nothing filled is negative: the series is of one direction.
//   - Nothing is filled silently: every [Filled] says by which [Method], and whether
//     the counter was used, was reset, or says what cannot be.
//   - The profile is by the clock on the wall, on days when it changes too.
//   - Pure values, no I/O, no goroutines, no clock; nothing that is passed in is changed.
//
// Filled values are estimates, and to be marked as such wherever they go. In a gap
// that is not over yet, forecast instead: package dayahead.
package gap
