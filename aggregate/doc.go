// Package aggregate sums sensors up the tree of groups, tick by tick.
//
// It is a combiner tree, not a shuffle. Each partition keeps the last reading
// of its own sensors and gives, per hierarchy and tick, one partial result per
// group ([tick.Engine]). A second stage adds the partials of all partitions and
// rolls them up from group to parent ([tick.Combiner]); it runs in the same way in
// one process as in many, so that growing changes nothing.
//
// What a tick means: a leaf's value at tick t is its last reading at or before
// t, if that is not older than the sensor's max age. A partition closes t when
// its watermark passes t: the largest event time seen (but never ahead of the
// time its message was stored), less the grace. A partition that falls silent
// is advanced by the time the bus stores messages at, so a replay of the same
// stream closes the same ticks on the same readings.
//
// Guarantees: sums are exact (a 192-bit fixed-point accumulator, rounded to
// float64 once), so they do not depend on order of arrival, on the number of
// partitions or on restarts, to the bit. A closed tick never changes. A record
// that comes after its tick was closed is counted as late, still goes to
// history, and is used for later ticks if it is the sensor's newest. A change
// of the model takes effect at one tick in all partitions.
//
// Partitions and combiners are shared among processes (Options.Share). An owner
// restores a partition from its checkpoint and the stream behind it, a combiner
// from the partial results that are kept until their ticks are stored. Two
// owners of one partition tell the same partial results, which count once; of
// two combiners only one can store a tick, because each write names the one
// before it. So a moment with two owners changes nothing. A tick that is told in several
// messages may be stored in part when its combiner ends; the next one stores the
// rest.
//
// What a partition tells ahead of others is limited: it waits while it has its share
// of the room for partial results, so that those that are behind find some. Its
// status and metrics are told meanwhile.
//
// The rules of ticks are in package tick; here are the goroutines around them.
package aggregate
