// Package queue keeps the work that a microservice could not do, until it can:
// bounded, in order, and each piece once.
//
// A piece of work is named by the service and the interval it is for. Whoever adds
// the same again changes nothing, also while it is being done and after it has
// been done, as long as that is remembered. Of each microservice the oldest
// interval comes first.
//
// Guarantees: no I/O, no goroutines, no clock. Work is never dropped silently: a
// queue that is full refuses, and counts it. A [Queue] is for one goroutine at a time.
package queue
