// Package service knows the objects of an installation with their availability,
// what stands in for what, forecasts, and the energy services that stand on them.
//
// Every process that runs it follows the model and the records on the bus, so each
// can answer by itself from memory; one of them at a time writes down what
// happened: which object changed its state, what stands in for it, what waits. See
// [Service.Register] for what it answers.
//
// Guarantees: a state that changed is in the next answer; nothing is answered from
// a plan that was made before. What stands in for readings is never written to the
// history, says where it comes from, and can be computed again. An actuator has one
// holder at a time in all processes, told apart from earlier ones by a token that
// rises. A bill is never changed: late readings make another revision that says
// what is different. Memory is bounded by the model.
//
// Services never import one another: what this one asks of settled windows and
// tariffs goes through interfaces that it owns, and app fills in.
package service
