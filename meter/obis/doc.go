// Package obis holds the names that meters give to what they measure: OBIS codes
// (IEC 62056-61, EN 13757-1) and the unit codes of DLMS/COSEM (IEC 62056-62).
//
// Guarantees: values only, no I/O, no goroutines, no clock. Everything is safe
// for concurrent use. Decoders take bytes from anywhere, never panic, and are
// fuzzed.
//
// Package meter and what is below it import obis; it imports record alone.
package obis
