// Package expression runs what people write into manifests: expr-lang over a few
// numbers and texts, and nothing else.
//
// Guarantees: an expression reaches only the variables it was compiled with.
// What makes time or memory depend on more than its length is not compiled:
// lists but for constant ones behind in, ranges, maps, closures, texts that are
// put together, regular expressions, and every function but those of
// [Functions]. So a run takes time and memory in proportion to the length of the
// expression, which is bounded. A panic while it runs is an error. No I/O, no
// goroutines, no clock, no environment. A [Program] is for one goroutine.
package expression
