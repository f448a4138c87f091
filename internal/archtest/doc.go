// Package archtest holds the code and the map in ARCHITECTURE.md together, in
// both directions, and the few rules of the house that a compiler does not
// know: package comments, the size of files, third-party clients inside their
// drivers, names that say nothing. It has tests only; 'go test
// ./internal/archtest' says in sentences what is wrong.
package archtest
