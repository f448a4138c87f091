// Package replay plays files of measurements back as if their meters were
// sending: at any speed with their own timestamps, or shifted to now and going
// on for ever.
//
// A row holds for an interval. Its readings get the time at which the interval
// begins, whatever the file writes, so that a value that holds from its time to
// the next one gives the energy of the file, and sums are those of its rows.
//
// Guarantees: what a row yields depends on the row alone, and when shifted, on
// the row and the time: a replay that is stopped and started again sends the
// same records for the same times, which are then one. Rows that cannot be
// read become dead letters and do not stop it. While the bus takes nothing it
// waits. Clocks that are put back are followed by the order of the rows.
package replay
