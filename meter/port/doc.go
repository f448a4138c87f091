// Package port opens what meters are connected to: a serial port, or a converter that passes one
// on over TCP. It drives go.bug.st/serial; nobody else imports it.
//
// Guarantees: reading waits until there is something, a deadline passes or the port
// is closed, which any goroutine may do; it does not give nothing without an error. Reading and
// writing are for one goroutine each.
package port
