// Package live hands what happens on the bus to browsers and programs while it
// happens: ticks of every hierarchy, and records of the sensors asked for, as
// server-sent events.
//
// Guarantees: nobody who reads slowly holds anything up. A client that falls
// behind gets the newest tick of each hierarchy and misses those between; of
// each sensor it keeps the newest records. Memory per client is bounded. Ticks
// of one hierarchy never go back in time. A new client gets the last tick of
// each hierarchy at once. It is a view, not a log: what was missed is in the
// history.
//
// Safe for concurrent use. Times are ms since 1970 UTC, values in the coherent
// unit of the quantity, null (NaN inside) is never zero.
package live
