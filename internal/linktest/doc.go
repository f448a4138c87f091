// Package linktest is a link between two addresses that tests can cut, stall
// and heal.
package linktest
