// Package query answers questions about the graph of objects, written in a
// subset of SPARQL 1.1.
//
// There are PREFIX, SELECT with variables, DISTINCT and COUNT, basic graph
// patterns with ";", "," and "a", FILTER, OPTIONAL, property paths of sequences
// and of "*" and "+" behind a predicate, GROUP BY, ORDER BY, LIMIT and OFFSET.
// Everything else is refused with its place and a sentence. The prefixes of
// package vocabulary are known without being declared. What is answered is what
// SPARQL 1.1 says; docs/objects.md has the grammar.
//
// Guarantees: a question reads and changes nothing. [Parse] takes text from
// anybody, in bounds of length, patterns and depth, and is fuzzed. [Query.Run]
// stays within a [Budget] of steps and rows, looks at its context every
// thousand steps, and says which bound was met; it never gives part of an answer.
// Regular expressions are those of RE2, which take time in proportion to the
// text. A Query never changes and is safe for concurrent use; there is no I/O and
// there are no goroutines.
//
// It imports object/graph and object/vocabulary and nothing else of this
// project.
package query
