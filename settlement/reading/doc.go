// Package reading finds the raw readings that the windows of a sensor depend
// on, and the windows that depend on readings.
//
// Guarantees: what [Gather] gives for a span is enough for energy.Settle to say
// of its windows what it would say given all readings there are, whatever people
// have decided about them. Outside the span that [Affected] gives, windows do not
// depend on the readings and decisions it is asked about.
//
// Everything is safe for concurrent use. Times are UTC milliseconds. It imports
// record, model, window and energy; package settlement and what is below it
// import it.
package reading
