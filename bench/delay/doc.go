// Package delay measures how long it takes from the moment before a push is sent over
// HTTP to a whole process, so that its acceptance is included, to the first event on the
// stream whose tick takes the push in: the preview and the final tick.
//
// Only app imports it.
package delay
