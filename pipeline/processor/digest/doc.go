// Package digest summarises the values of a window: in a few bytes, one value
// after another, none of them kept.
//
// What a digest says does not depend on the order in which values were added, nor
// on how digests were merged: to the bit. Values are finite and of at most
// [record.MaxValue] in magnitude; callers see to it. Every digest is a plain
// value to be copied but for [Quantile], which has parts of its own; none is for
// several goroutines. No I/O, no clock.
package digest
