package execution

import (
	"errors"
	"slices"

	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// BrokenService is a service that cannot be carried out, and what of it does not work.
type BrokenService struct {
	SID, Name string
	Why       string
	Missing   []object.ID
	More      int
	Since     record.Millis // the newest of what does not work; 0: not known
}

// Broken gives the services that cannot be carried out for everything there is, because
// something that they have does not work. What nobody has is no fault, and neither is a
// conflict.
func (e *Execution) Broken() (out []BrokenService) {
	d := e.defined.Load()
	for i := range d.list {
		s := &d.list[i]
		_, err := e.Discover(plan.Request{SID: s.SID, Domain: s.Domain}, plan.BySum)
		var no *plan.NotAvailable
		if !errors.As(err, &no) || no.Reason != plan.Restriction && no.Reason != plan.NoneIsUp {
			continue
		}
		x := BrokenService{SID: s.SID, Name: s.Name, Why: no.Error(), More: no.More}
		absent := false
		for _, m := range no.Missing {
			switch m.Cause {
			case plan.Absent:
				absent = true
			case plan.ObjectFailed, plan.Poor, plan.LinkCut:
				if m.VO != "" && !slices.Contains(x.Missing, m.VO) {
					x.Missing = append(x.Missing, m.VO)
					x.Since = max(x.Since, m.Since)
				}
			}
		}
		// With what nobody has it might not run either: then it is not to be repaired.
		if len(x.Missing) > 0 && !absent {
			out = append(out, x)
		}
	}
	return out
}
