// Package gpio drives lines of the GPIO character device of Linux (/dev/gpiochip*, second version of its interface, since
// Linux 5.10): an output, as for a lamp, and an input whose edges come with the time at which the kernel saw them.
//
// Guarantees: no cgo, no goroutines. An output is off when it is opened and when it is closed. What the interface says is read and
// written by pure functions that are tested byte by byte; no line of a real chip has been driven by us. A line is for one
// goroutine, closing it for any.
package gpio
