package model

import "strings"

// Faults is everything that is wrong with a document or a patch, one sentence
// each, in a fixed order.
type Faults struct {
	Sentences []string // at most 100
	More      int      // how many more there were
}

// Error joins the sentences with "; ".
func (f *Faults) Error() string { return strings.Join(f.Sentences, "; ") }
