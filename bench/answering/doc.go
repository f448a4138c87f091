// Package answering measures how long energy services take to answer: discovery of
// services among objects of which some are down, in this process and over HTTP through
// the gateway, asked by a process of its own at the steps of the published ladder and
// at fixed rates, beside the same without gateway and a monolith (package town); then
// S1 to S6 from the request to the answer on a home (package home), computed anew, kept,
// by several instances, and from settled quarters in SQLite.
//
// Every answer that is neither a plan nor 503 with what is missing, and every timeout,
// is an error.
//
// Only app imports it.
package answering
