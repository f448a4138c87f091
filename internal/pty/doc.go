// Package pty makes pseudo terminals: a serial port of which the program holds the far end, for simulated
// meters and for tests.
//
// Guarantees: bytes pass as they are. Who does not read loses what came long ago, as on a serial port, and never
// holds up who writes. Reading and writing are for one goroutine each, closing for any. Linux only.
package pty
