// Package cir is a Common Interoperability Registry after OpenO&M ws-CIR 1.0
// (MIMOSA, candidate of June 2015): it knows by which identifiers different
// systems call the same thing. A registry has categories, a category entries,
// an entry properties; entries with the same CIRID are equivalent. The
// specification binds its model and operations to SOAP; here they are REST and
// JSON, see [Service.Register] and docs/cir.md, where the conformance is stated.
//
// Guarantees: every command is atomic: it is done wholly, or it is refused with
// the specification's fault and the identifier at which it failed, and nothing
// has changed. Commands are in one order in all processes of one database. What
// a command of people has changed is kept beside it, so that it can be undone,
// as long as what it touched was not changed again. Patterns cannot hold
// anybody up: they run in time linear in what they look at, and a question
// looks at a bounded number of entries before it answers with a place to go on
// from.
//
// Things of the installation register themselves through a [Feed] and follow it:
// a new name is taken over, what is gone becomes inactive. Nothing is removed
// by itself, and what people have linked stays linked.
//
// A CIRID that is made here is a UUID of version 7 (RFC 9562): time-based as the
// specification asks, in the order of time, so that an index grows at its end,
// and without the address of a network card, as version 1 would show. Those of
// others may be of any version.
//
// Everything exported is safe for concurrent use.
package cir
