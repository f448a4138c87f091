// Package trace follows deliveries through the processes: from the request
// that brings readings in, over the bus, to the sums and the history. Spans
// stand for batches, never for single records, and go to a collector by
// OTLP/HTTP.
//
// A nil *Tracer is one that is off: all its methods work, do nothing and
// allocate nothing, so callers need no conditions. Everything here is safe for
// concurrent use.
package trace
