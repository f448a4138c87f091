// Package meter holds the words for what meters say: readings with their raw
// integer, scaler, unit, status and flags, and telegrams, which are what a meter
// said at once.
//
// A meter's integer is kept as it came. Its value is Raw times ten to the power
// of Scaler in Unit, exactly; float64 comes only where a record is made of it.
// What makes a reading doubtful is a flag beside it, never a silent change.
//
// The protocols are below, as meter/sml. A [Decoder] is fed bytes in pieces of any
// size and does no I/O; meter/kind names them all. A [Reader] gets telegrams from where they come,
// by listening (meter/listen) or by asking.
//
// Guarantees: values and interfaces only, no I/O, no goroutines, no clock. A telegram and all
// it points to belongs to who hands it out, and is valid until the function it was handed to
// returns. Nothing here may be used by several goroutines at once.
package meter
