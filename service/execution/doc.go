// Package execution finds services, tells how available they are and carries them
// out: the services of an installation over its objects as they are at this moment.
//
// What there is, is put together of what is built in and what people wrote down
// (definitions), of the processes that live (instances of microservices) and of the
// newest moment of the objects (service/watch). For each of these a [plan.Finder] works
// out once what a service means for a subject; a plan is made of the moment for every
// request again.
//
// Guarantees: discovery reads memory only. Data are read within the time that a
// service may take; a source that does not answer is left alone for a while, by a
// breaker. Work that cannot be done yet waits in SQL, bounded and once for a service, a
// subject and a span, and is done once, the oldest first. A lease of an actuator has one
// holder in all processes, and a token that rises; who has waited long is known to
// each process for itself. Everything is safe for concurrent use.
//
// Without a [book.Store] nothing is kept, and without a [feed.Feed] nothing is carried
// out: enough to discover, for tests and measurements.
package execution
