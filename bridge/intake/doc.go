// Package intake sums up what the bridges of all processes were offered: those
// that take readings in ask one another over the bus.
//
// Guarantees: a sum is of the processes that run when it is asked for, and since
// they started; one that does not answer within a second is named and is not in
// it. Only bridge and app may import it.
package intake
