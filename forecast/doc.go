// Package forecast says where the demand of a running window is going to end:
// the mean power over a quarter of an hour that has not passed yet. It is one
// answer for those who watch and for the alert that warns them.
//
// It has no I/O, no goroutines and no clock: time comes with the values. Null is
// not zero: while a value is not known nothing is added, and there is no
// forecast.
//
// Values are in a coherent unit (W), times are ms since 1970 UTC. A [Running] is
// for one goroutine at a time.
package forecast
