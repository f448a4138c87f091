// Package watch knows when each sensor was last heard of, and what it said then.
//
// Guarantees: memory is bounded by the sensors that are watched, not by what
// comes in: 24 bytes and the name of each. Of sensors that nobody named, at most 20,000,
// the newest reading of the last half minute is kept, so that one that spoke a moment
// before it was named has been heard. A reading that is older than the
// newest of its sensor changes nothing; one that lies in the future counts as of
// when it was stored. What was seen can be written down and taken up again, with
// how far each stream was read, so that after a restart nothing was missed.
//
// It has no goroutines and no clock. A [Reader] is for one goroutine, everything
// else is safe for concurrent use.
package watch
