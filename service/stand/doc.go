// Package stand keeps what stands in for objects that do not measure: it feeds the
// agents of package substitute with settled history and states, and writes down
// what they decide with its provenance.
//
// A [Desk] works at one process at a time. A [View] is what every process knows:
// what stands in now, and the values of it, computed from provenance and measured
// values whenever they are asked for.
//
// Guarantees: work is bounded: of objects that are away at most [MostAgents] have
// an agent, and rankings are fitted one after another. No value that stands in is
// written to the history, and none is made of another that stands in. What cannot
// be known is told, and is no value.
//
// A Desk is for one goroutine; everything else is safe for concurrent use.
package stand
