package strict

import (
	"fmt"
	"strings"
)

// MaxFaults is how many sentences a [Faults] holds.
const MaxFaults = 100

// Faults is everything that is wrong with a document, one sentence each, in the
// order in which things were given. It is owned by whoever adds to it.
type Faults struct {
	Sentences []string // at most MaxFaults
	More      int      // how many more there were
}

// Error joins the sentences with "; ".
func (f *Faults) Error() string {
	s := strings.Join(f.Sentences, "; ")
	if f.More > 0 {
		s += fmt.Sprintf("; and %d more", f.More)
	}
	return s
}

// Add adds a sentence.
func (f *Faults) Add(format string, args ...any) {
	if len(f.Sentences) == MaxFaults {
		f.More++
		return
	}
	f.Sentences = append(f.Sentences, fmt.Sprintf(format, args...))
}

// Err gives the faults as an error, or nil when there are none.
func (f *Faults) Err() error {
	if len(f.Sentences) == 0 {
		return nil
	}
	return f
}
