// Package item has the words of a Common Interoperability Registry: registries,
// categories, entries and properties, how they are identified, the faults of
// OpenO&M ws-CIR 1.0, its patterns, and how entries are written in a table.
//
// Guarantees: pure values, no I/O, no goroutines. What is read from others is
// bounded; a pattern takes time linear in the text it is held against.
package item
