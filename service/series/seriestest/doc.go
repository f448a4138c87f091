// Package seriestest reads the scripts that tests of energy services are written in,
// and makes series of them.
//
// A script is a row of steps "== TITLE", a body, a line of four dashes and what the
// step gives. In a body,
//
//	set NAME VALUE
//	energy NAME FROM TO[ daily HH:MM-HH:MM[ DAYS]]: KWH[, QUALITY[ ESTIMATED]]
//	gauge NAME FROM TO[ daily HH:MM-HH:MM[ DAYS]]: VALUE[, QUALITY]
//	text NAME
//	| lines of a text
//
// set settings, of which "zone" and "step" (of the series that follow) have a
// meaning here, and fill each interval that begins in the time, later lines over
// earlier ones; DAYS is workdays or weekend. FROM and TO are dates, with or without times, by the clock of
// the zone. What no line speaks of is not known.
//
// Guarantees: it is for tests alone, and imports record, window, energy and
// service/series.
package seriestest
