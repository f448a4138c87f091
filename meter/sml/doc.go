// Package sml reads what German meters say: the Smart Message Language, version 1
// of its transport (TR-03109-1, annex "SML"), as it comes out of an optical
// interface.
//
// A [Decoder] is fed bytes and hands out telegrams. It finds frames wherever they begin
// or end, reads on inside one that broke off, and takes single messages out of
// broken frames where their own checksum is right; their readings are marked.
// What is known of meters that do not keep to the standard is written beside the
// code that allows for it.
//
// Guarantees: a reading has passed the checksum of its message and, unless
// it is marked as salvaged, that of its frame: CRC-16/X.25 or, for meters that send
// it, CRC-16/Kermit. Memory is bounded (a frame has at most [MaxFrame] bytes),
// nothing is allocated once the largest telegram has been seen, and the work per byte
// is bounded whatever comes. Never a panic, never an endless loop; fuzzed. A decoder is
// for one meter at a time and for one goroutine.
package sml
