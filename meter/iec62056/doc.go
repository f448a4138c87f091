// Package iec62056 reads meters of IEC 62056-21 (formerly IEC 1107): lines of
// data sets, as 1-0:1.8.0*255(000001.2345*kWh). Meters of mode D send them on their
// own; those of mode C are asked, by a [Reader], and answer with a check character.
//
// A [Decoder] is fed the bytes of either. Data sets are what other
// protocols are made of too: see [Set.Line].
//
// Guarantees: memory is bounded (a message has at most [MaxMessage] bytes), the work
// per byte is bounded whatever comes; never a panic, never an endless loop; fuzzed.
// A reading of mode C has passed the check character; mode D has none, and its
// readings are marked as unchecked. A decoder is for one meter and one goroutine.
package iec62056
