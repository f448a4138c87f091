// Package intake measures the way from sensors to stored history and group ticks,
// everything on the disk: bus, aggregation and history run as a process has them, and a
// generator (package sim) fills the bus as fast as it is taken, or at a rate. Groups of
// some ticks are computed from what the sensors said, and compared to the bit.
//
// Only app imports it.
package intake
