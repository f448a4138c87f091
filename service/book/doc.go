// Package book keeps what module service writes down, in SQL: what people say
// of objects, services and microservices, when objects changed their state,
// what stood in for what, leases of actuators, bills, and work that waits.
//
// Guarantees: what a call has stored is on the disk when it returns. A document
// that was changed meanwhile is not overwritten: [ErrChanged]. The token of a
// lease is larger than those of all earlier leases of its object, in all
// processes. A bill is never changed: what late readings make of it is another
// revision. What waits is there once for a service, a subject and a span, in the
// order in which it came. Every table that grows by itself is bounded.
//
// Times are UTC milliseconds. Everything is safe for concurrent use. Documents
// are texts here; package service knows what they mean.
package book
