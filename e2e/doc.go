// Package e2e tests the program as people run it: the real binary, its own
// process, HTTP from outside. It has tests only.
package e2e
