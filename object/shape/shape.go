package shape

import (
	"fmt"

	"github.com/wattwerk/wattwerk/object"
)

// Severity says how bad a finding is.
type Severity string

// Severities.
const (
	Wrong   Severity = "wrong"   // it cannot be as it is said
	Suspect Severity = "suspect" // it is most likely a mistake
	Hint    Severity = "hint"    // it may be meant so
)

// Finding is something that was found.
type Finding struct {
	Check    string    `json:"check" doc:"What found it" example:"empty-group"`
	Severity Severity  `json:"severity" enum:"wrong,suspect,hint" doc:"wrong: it cannot be as it is said; suspect: most likely a mistake; hint: it may be meant so"`
	Object   object.ID `json:"object,omitempty" doc:"What it is about; absent: a space"`
	Space    string    `json:"space,omitempty" doc:"The space it is about"`
	Text     string    `json:"text" doc:"What is wrong"`
	Advice   string    `json:"advice" doc:"What to do"`
}

// Check is something that is looked for.
type Check struct {
	Name     string
	Severity Severity
	Looks    string // for what
	Advice   string
	find     func(*finder)
}

// finder collects what one check finds.
type finder struct {
	world *object.World
	check *Check
	limit int
	list  []Finding
	total int
}

func (f *finder) say(o *object.Object, format string, args ...any) {
	f.add(Finding{Object: o.ID, Text: string(o.ID) + " " + fmt.Sprintf(format, args...)})
}

func (f *finder) add(x Finding) {
	f.total++
	if len(f.list) < f.limit {
		x.Check, x.Severity, x.Advice = f.check.Name, f.check.Severity, f.check.Advice
		f.list = append(f.list, x)
	}
}

// each calls for every object.
func (f *finder) each(do func(*object.Object)) {
	for i := range f.world.Objects() {
		do(f.world.At(i))
	}
}

// Checks lists what is looked for.
func Checks() []Check {
	out := make([]Check, len(checks))
	copy(out, checks)
	return out
}

// Look gives what is found, at most limit of it, and how much there is.
func Look(w *object.World, limit int) (findings []Finding, total int) {
	f := &finder{world: w, limit: limit, list: []Finding{}}
	for i := range checks {
		f.check = &checks[i]
		f.check.find(f)
	}
	return f.list, f.total
}
