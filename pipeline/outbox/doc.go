// Package outbox has results of manifests wait for their sinks: one [Queue] a sink,
// which writes what several manifests put, and a [Link] for each of them.
//
// Guarantees: what is put is written in the order in which its link put it, and
// written again until the sink takes it or refuses it, unless it is called off.
// What a link holds waits and takes no room from others. [RestOf] gives what is
// not known to be written, to be stored; a write that is under way is in it.
//
// A Queue may be used by many goroutines; a link is put to by one at a time.
package outbox
