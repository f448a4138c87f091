// Package reading finds the raw readings that the windows of a sensor depend
// on, and the windows that depend on readings.
//
// Guarantees: what [Gather] gives for a span is enough for energy.Settle to say
// of its windows what it would say given all readings there are, whatever people
// have set aside of them. Outside the span that [Widen] gives, windows do not
// depend on the readings it is asked about.
//
// Everything is safe for concurrent use. Times are UTC milliseconds. It imports
// record, model, window and energy; package settlement and what is below it
// import it.
package reading
