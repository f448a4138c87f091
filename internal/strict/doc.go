// Package strict reads documents that people write, and says all that is wrong
// with them.
//
// Guarantees: pure values, no I/O, no goroutines. Unknown and repeated keys,
// anchors and aliases, and whatever follows a document are errors. The readers
// take bytes from anywhere, never panic and are fuzzed. It imports nothing of
// this project; everybody may import it.
package strict
