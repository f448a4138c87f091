// Package thing describes devices and objects as W3C Web of Things Thing
// Descriptions 1.1: what can be read of each, in which unit, and where.
//
// Every object is a thing with one property, status, which is what the HTTP API
// answers about it; every device is one with a property for each of its sensors.
// Groups and members link to one another. The caller gives the address below which
// the API answers; all others are relative to it.
//
// Guarantees: pure values; no I/O, no goroutines, no clock. The same world gives
// the same descriptions. What the API needs to let somebody in is said, and never a
// secret. It imports object and object/vocabulary and nothing else of this
// project.
package thing
