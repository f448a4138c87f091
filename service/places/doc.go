// Package places shares sensors that only so many may use at once: those with a
// capacity.
//
// Whoever has asked for such an object keeps wanting it for a while, and of all who
// want it those with the highest priority are let to it, in the order of
// [lease.Compare]; the others are led to a replica, or learn that it is full. So
// services that come again and again settle: the most urgent ones at the best
// object, never all at one.
//
// Guarantees: memory is bounded. A place ends by itself. Everything is safe for
// concurrent use. Each process knows its own services only.
package places
