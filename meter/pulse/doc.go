// Package pulse counts the pulses of an S0 output (DIN EN 62053-31): so many of them are
// a kilowatt hour.
//
// Guarantees: a pure step function; time comes with the edges. Contacts that bounce, and
// disturbances shorter than a pulse, are not counted. Energy is computed from the total of
// pulses, so that rounding never adds up. A [Counter] is for one goroutine.
package pulse
