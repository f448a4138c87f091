// Package engine runs the checked graph of one manifest: a pure step over the
// messages of the stream of observations.
//
// Guarantees: the same messages give the same results, to the bit, whatever
// happens in between: an [Instance] that was saved and opened again goes on as
// the one that was saved. Time comes with the messages: of items when they
// happened, of messages when they were stored. A node sees its items before the
// watermark that they move.
//
// The watermark of a source is the largest event time that was seen of it. After
// [Silence] without anything it goes on at the pace at which messages are stored,
// so that a window ends when its meter is broken. A source of which nothing came
// for that long from the beginning is not waited for. A node's watermark is the
// least of its inputs.
//
// There is no I/O, no goroutine and no clock in it. An instance is for one
// goroutine at a time.
package engine
