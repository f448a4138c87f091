// Package clock reads times as devices and files write them, and finds the
// instant that a clock on the wall means, also where it was changed.
//
// It is pure: no I/O beyond the zone data, no clock of its own. Its values are
// safe for concurrent use. Every bridge may import it.
package clock
