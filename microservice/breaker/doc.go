// Package breaker keeps callers from waiting for what does not answer: after
// failures it refuses calls for a while, and then lets one through to see.
//
// It opens on five consecutive failures, or when half of at least twenty calls in
// ten seconds have failed, for ten seconds. A call that takes too long is a failure;
// who calls says so.
//
// Guarantees: no I/O, no goroutines, no clock: time is passed in, in ms since 1970
// UTC, and may stand still or go back, which changes nothing but that windows last
// longer. While it is half open there is at most one probe; one whose end nobody
// tells is given up after as long as it had been open. The window has a resolution of
// a tenth of its length. A [Breaker] is for one goroutine at a time; its zero value
// is closed and has the default options.
package breaker
