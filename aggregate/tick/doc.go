// Package tick holds the rules by which readings become ticks: [Engine]
// evaluates the leaves of one partition, [Combiner] adds the parts of all and
// rolls them up, [Previewer] does so before the grace has passed.
//
// Everything here is a pure step function without clock, goroutines or I/O:
// what goes in decides what comes out, so reading a stream again gives the
// same ticks to the bit. Nothing here is safe for concurrent use.
package tick
