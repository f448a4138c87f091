// Package lamp has the lamps that light optical interfaces besides the break condition of the serial port by which a
// meter is read: a line of GPIO, and an optical head in the network that takes '1' and '0' and answers each by itself.
//
// Guarantees: a lamp is off when Light returns, and when the context ends while it is on. A lamp is for one goroutine.
package lamp
