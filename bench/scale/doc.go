// Package scale is the experiment of figure 6 of the Titan paper as a command:
// simulated bridges fill a backlog, then one to twelve processing instances,
// each limited to half a core, work it off.
//
// The instances are processes of the real program, started as an operator
// starts them; this process holds the bus, the bridges and the check. What is
// measured is how many records all instances together take in a second, and
// what that costs them and the bus in CPU time. Every tick they give is
// compared, to the bit, with sums in whole numbers from the definition of the
// load.
//
// On a machine with few cores many instances cannot be faster than one: what
// can be shown there is that the cost of a record does not grow with their number.
//
// Only app and tests import it.
package scale
