// Package bench holds what all measurements of Wattwerk have in common:
// figures that are shown as a table or as one JSON object, the CPU time and
// memory of a process, profiles, and a little statistics.
//
// The measurements themselves are in the packages below it. Like app they put
// services together, to measure them; they never decide how a deployment
// runs, and only app and tests import them.
package bench
