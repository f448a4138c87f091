// Package microservice has the words of microservices: templates that say what
// one does, needs and gives, their versions, and services that are made of them.
//
// A [Template] is what discovery reads instead of code. It has the ten nodes of
// the template of Jarwar, Ali and Chong (Energies 2019, 12(3), 360, Fig. 4); the
// figure itself is an image, and the fields are those that the text names. Nodes 08
// and 09, instances and where they are, are filled in by microservice/registry.
//
// A [Service] says which microservices it needs, how many of them at least, how
// urgent it is and how long it may take. Beside the microservices that it names
// it may need values that others give: these are composed, see microservice/plan.
//
// Guarantees: pure values, no I/O, no goroutines, no clock. Whatever is taken from
// people is bounded, and [Template.Check] and [Service.Check] say all that is wrong in
// sentences. Thresholds are durations, priorities rise with urgency.
package microservice
