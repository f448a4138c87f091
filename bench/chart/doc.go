// Package chart measures how long a chart waits: a year of one sensor, a reading a
// minute, is asked for over HTTP of a whole process and reduced to some points, one
// query after the other. The year is written to the history first, so that bytes a
// sample and the rate of writing are known too.
//
// Only app imports it.
package chart
