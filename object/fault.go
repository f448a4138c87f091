package object

import "fmt"

// FaultKind says what kind of thing is wrong.
type FaultKind string

// Kinds of faults.
const (
	TooMany        FaultKind = "too-many"
	Repeated       FaultKind = "repeated"
	BadSpace       FaultKind = "bad-space"
	UnknownSpace   FaultKind = "unknown-space"
	SpaceCycle     FaultKind = "space-cycle"
	UnknownObject  FaultKind = "unknown-object"
	UnknownClass   FaultKind = "unknown-class"
	WrongClass     FaultKind = "wrong-class"
	UnknownFeeds   FaultKind = "unknown-feeds"
	FeedsItself    FaultKind = "feeds-itself"
	BadReplica     FaultKind = "bad-replica"
	BadRestriction FaultKind = "bad-restriction"
	NotAGroup      FaultKind = "not-a-group"
	NotAMember     FaultKind = "not-a-member"
	BadNumber      FaultKind = "bad-number"
)

// Fault is something that a space or an enrichment says wrongly, and that was
// left out of the world therefore.
type Fault struct {
	Object ID     // whose enrichment it is; "" of a space
	Space  string // "" of an enrichment
	Kind   FaultKind
	Text   string // a sentence that names the thing
}

// Error is the sentence.
func (f Fault) Error() string { return f.Text }

func (w *World) fault(f Fault) { w.faults = append(w.faults, f) }

func sentence(format string, args ...any) string { return fmt.Sprintf(format, args...) }
