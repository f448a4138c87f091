// Package lending gives leases of actuators, in all processes of an installation: one
// holder at a time, by priority, with tokens that rise.
//
// The rules are those of microservice/lease; what is held is in SQL (service/book), in
// one order for everybody. Who waits, and how long, each process knows for itself: that
// decides nothing but who of those that asked here comes first.
//
// Guarantees: an equal priority never takes a lease away, a strictly higher one does at
// once. A token that is not the newest is refused. What is remembered is bounded.
// Everything is safe for concurrent use. Times are ms since 1970 UTC.
package lending
