// Package format turns messages of data sources into pieces, and results into
// messages, in the format that a data kind states: text, json, senml (RFC 8428),
// csv, dataset and observation (the two of the FAR-EDGE data bus, and the live
// data set of the paper).
//
// It is pure: no I/O, no goroutines, no clock. It never panics, whatever the
// bytes; what it makes of a message is bounded by package connect's limits. What
// cannot be read is told as bad with a reason, and everything else of the message
// is taken. A value is a finite number of at most 1e18, or null; a time is within
// 1970 to 2100. A [Format] is for one goroutine at a time.
package format
