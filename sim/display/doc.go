// Package display is the display of a simulated meter with its optical button: what light does to it. Short
// flashes lead from page to page, enter the digits of a PIN, which wrap from 9 to 0, and a long one does what
// the page says: it opens the readings for good, or deletes what the meter keeps.
//
// Guarantees: a pure state machine; time comes with each call and only goes forward. What a wrong light has done is
// counted and stays to be seen. A [Display] is for one goroutine.
//
// Only simulated meters, app and tests import it.
package display
