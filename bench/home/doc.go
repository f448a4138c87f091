// Package home is a home with everything that the six energy services look at, and
// four hundred days of made-up quarters of an hour in memory: what their way from a
// request to an answer is measured on. What is settled is read from memory here, not
// from a database, so what a database takes comes on top.
package home
