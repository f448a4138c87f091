// Package coverage says what of sensors there is: which of those of a group send
// as they should, where readings of one are missing, and what it said, one by
// one; and it shows several sensors and groups side by side.
//
// A sensor is live when its newest reading is not older than one and a half of
// its expected intervals, late when it is older but still counts, silent when it
// does not count any more, and never when there is no reading. A gap is a time in
// which no reading holds: from when the last one stopped to hold until the next.
//
// Guarantees: everything is computed when it is asked for, and bounded: in how
// many readings are looked at, and in how much is answered. What is cut off is
// said. It has no state of its own, and everything is safe for concurrent use.
//
// Times are UTC milliseconds, values in the coherent unit of the sensor.
package coverage
