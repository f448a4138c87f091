// Package lease says who may use an object: sensors by as many as they have
// capacity for, actuators by one at a time.
//
// An exclusive lease ends at its time, and has a token that is higher than every
// one before it: whoever writes to an actuator shows it, and one that is not the
// newest is refused (fencing). A strictly higher priority takes an exclusive lease away;
// an equal one never does. Whoever is refused learns the holder's priority and the
// end of its lease.
//
// Of several that ask, the order is: priority, the highest first; then the earliest
// deadline; then who asked first; then the service's identifier. Whoever has been
// refused so many times counts one level more, and so on: it comes before others
// that wait, and a holder that would renew its lease for ever gives way to it. It
// takes nothing away from a lease that runs, and never counts as an emergency.
//
// Guarantees: no I/O, no goroutines, no clock: time is passed in, in ms since 1970
// UTC. There are never two holders of an actuator, and tokens only rise. What is
// remembered is bounded. A [Table] is for one goroutine at a time.
package lease
