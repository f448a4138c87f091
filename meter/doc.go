// Package meter holds the words for what meters say: readings with their raw
// integer, scaler, unit, status and flags, and telegrams, which are what a meter
// said at once.
//
// A meter's integer is kept as it came. Its value is Raw times ten to the power
// of Scaler in Unit, exactly; float64 comes only where a record is made of it.
// What makes a reading doubtful is a flag beside it, never a silent change.
//
// The protocols are below: meter/sml. Each is a [Decoder], which is fed bytes in
// pieces of any size and does no I/O.
//
// Guarantees: values only, no goroutines, no clock. A telegram and all it points
// to belongs to its decoder, and is valid until the function it was handed to
// returns. Nothing here may be used by several goroutines at once.
package meter
