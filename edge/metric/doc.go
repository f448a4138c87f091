// Package metric tells how a measurement device does, in the format of Prometheus: what it measured and
// sent, what waits, how its meters are read, its clock, its memory and its updates.
//
// Guarantees: nothing told says who lives there, which device or meter of a survey it is, or what was measured. Meters
// are numbered as the settings name them. What is not known, as the clock before the data service
// was asked, is absent and not zero. Counts begin with the program. Nothing is kept between two questions.
//
// A handler is safe for concurrent use. It imports edge and edge/update.
package metric
