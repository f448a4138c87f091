// Package listen gets telegrams from meters that send on their own: it opens where they
// come from, a serial port or a socket, and feeds a decoder.
//
// Guarantees: a source that ends, fails or says nothing is an error and closed; the next
// Read opens it again and goes on decoding. Nothing is read in a loop without an end, and
// nothing waits beyond its context. A [Reader] is for one goroutine.
package listen
