package sender

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/household"
)

// incident is what may have happened to a meter.
type incident struct {
	meter string
	typ   household.IncidentType
}

// condition is whether it has.
type condition struct {
	open   bool
	detail string
	told   bool // the service knows
}

// maxDetail is how long a detail may be, in bytes.
const maxDetail = 500

// Incident says that something is so, or no more, of a meter; the empty one: of the device. The service
// is told when it changes, and once after a start what is not so. Of the device it is told as soon as its meter is known.
func (s *Sender) Incident(meter string, t household.IncidentType, open bool, detail string) {
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if meter == "" {
		meter = s.o.Meter
	}
	if s.state.Ended != "" {
		return
	}
	k := incident{meter, t}
	if c := s.incidents[k]; c == nil || c.open != open {
		s.incidents[k] = &condition{open: open, detail: detail}
		if open {
			s.log.Warn("incident", "meter", meter, "type", string(t), "detail", detail)
		}
	}
}

// SetMeter says for which meter incidents of the device are reported. Those that wait for that are reported soon.
func (s *Sender) SetMeter(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Meter = id
	if id == "" {
		return
	}
	for k, c := range s.incidents {
		if k.meter != "" {
			continue
		}
		delete(s.incidents, k)
		if to := (incident{id, k.typ}); s.incidents[to] == nil {
			s.incidents[to] = c
		}
	}
}

// open lists the incidents that are.
func (s *Sender) open() []Open {
	out := []Open{}
	for k, c := range s.incidents {
		if c.open {
			out = append(out, Open{k.meter, k.typ, c.detail})
		}
	}
	slices.SortFunc(out, func(a, b Open) int {
		return cmp.Or(cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Type, b.Type))
	})
	return out
}

// report tells the service what it does not know. False: it cannot be told now.
func (s *Sender) report(ctx context.Context) bool {
	type change struct {
		incident
		*condition
	}
	var changes []change
	s.mu.Lock()
	for k, c := range s.incidents {
		if !c.told && k.meter != "" { // the others wait for SetMeter
			changes = append(changes, change{k, c})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.meter, b.meter), cmp.Compare(a.typ, b.typ))
	})
	for _, c := range changes {
		var err error
		if c.open {
			_, err = s.o.Service.Report(ctx, c.meter, household.Report{Type: c.typ, Detail: c.detail})
		} else {
			err = s.o.Service.Resolve(ctx, c.meter, c.typ)
		}
		if err != nil && client.ActionOf(err) != household.None {
			s.act(ctx, reporting, err)
			return false
		}
		if err != nil {
			s.log.Warn("an incident was refused", "meter", c.meter, "type", string(c.typ), "error", err)
		}
		s.mu.Lock()
		c.told = true
		s.mu.Unlock()
	}
	return true
}
