// Package availability says how available services are whose microservices
// look at objects through composites, and what would help most.
//
// A [Structure] is what depends on what, over dense indexes. A [Condition] is
// what is known at one moment: the value of every object between 0 and 1 and
// where it comes from, links that are cut, and microservices that are down. Both
// together give a [Result]:
//
//   - strict: an object with any value counts 1. The share of microservices all
//     of whose composites are usable.
//   - mean: the mean, over the microservices, of the share of their usable
//     composites.
//   - quality: like strict, with the products of what the values are worth. It is
//     never mixed with strict: a service on stand-ins alone is strictly
//     available, and its quality says what that is worth.
//   - coupled and series: what a monolith of the same parts would have: the share
//     of the places of objects in microservices without any failed member, and 1
//     when nothing at all has failed.
//
// A cut link is not a failed object: it takes the object from one composite,
// where a failed object is missing from every one. Both are told apart.
//
// The definitions are those of Jarwar, Ali and Chong, Energies 2019, 12(3), 360,
// as far as the text of the paper says them; its equations are images, and what
// is here is rebuilt from its prose and its figures.
//
// Guarantees: pure values, no I/O, no goroutines, no clock; the same input gives
// the same output, simulations included. A [Structure] does not change and may be
// used by everybody at once. Shares are between 0 and 1, times are ms since 1970
// UTC. What is not known is told, and is not zero.
package availability
