// Package modbus asks devices for registers by Modbus, over TCP or on a serial line (RTU): a
// client, and a server to try it with (Modbus Application Protocol V1.1b3, Modbus
// over Serial Line V1.02).
//
// Guarantees: an answer is one to the request: transaction, unit, function and length
// are compared, and on a serial line the CRC. Where that fails the connection is closed
// and opened again for the next request, so that a late answer is never taken for another.
// A [Client] may be used by several goroutines; it asks one thing at a time, as lines
// want it. Decoders never panic and are fuzzed.
package modbus
