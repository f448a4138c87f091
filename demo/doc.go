// Package demo holds the model of the demo plants, and the readings of the two
// real ones as files. It knows nothing of how they are brought in; only app
// imports it.
package demo
