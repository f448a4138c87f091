// Package plan finds out whether a service can be carried out now, for whom it is
// asked, and how: which microservices in which versions, over which objects, with what
// standing in for what.
//
// It is the three functions of Jarwar, Ali and Chong (Energies 2019, 12(3), 360):
// [Finder.FindSmartService] looks the service up, [Finder.FindDataProAnalysisMicroservices]
// the microservices whose templates fit, and [Finder.CheckAvailability] tells whether
// they can work: fully, partially, or not, and then why. [Finder.Discover] is all three.
//
// A [Finder] is for one epoch: services, templates, instances, objects and cut links
// do not change in it, and what a service means for a subject is worked out once. How the
// objects are at the moment is asked of a [View], for every plan again: a plan is never
// older than the states it is made of.
//
// The estimate is the paper's rule, the sum of all thresholds, which is a safe bound;
// or the longest way through what depends on one another, as an option.
//
// Guarantees: no I/O, no goroutines, no clock. The same input gives the same plan. A
// Finder may be used by everybody at once; what it remembers is bounded. Whatever is
// resolved is closed-world: an object that is not there is missing.
package plan
