// Package bridge takes foreign messages and gives records: the way into the
// system for everything that does not speak its own language.
//
// A [Bridge] is a declaration: a source of typed messages and the steps filter,
// map and flatMap that lead to readings. What all bridges have in common is
// done once, by the [Service]: units are converted, identifiers, times and
// values checked, records stored, unknown sensors announced, and whatever
// cannot be taken is kept as a dead letter with its reason, counted and told to
// the sender. docs/bridges.md shows how to add a protocol.
//
// Guarantees: a nil error (over HTTP: a 2xx) means that all accepted records
// are stored on the bus and all refused ones are dead letters there. An error
// means that some may be not, and offering the whole message again is harmless,
// because a record that is stored twice is one record. Nothing is dropped
// silently: received parts are accepted, refused or, by declaration, filtered,
// and each is counted. Memory is bounded by a budget for bodies under way.
// Everything is safe for concurrent use.
//
// Drivers with a third-party client hang below (bridge/mqtt), as does the
// replay of files (bridge/replay). Services do not import this package.
package bridge
