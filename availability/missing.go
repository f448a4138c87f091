package availability

import (
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Cause says why something is missing.
type Cause string

// The causes there are.
const (
	ObjectFailed     Cause = "object"       // the object has no value, for anybody
	LinkCut          Cause = "link"         // the object or composite may be there, and cannot be reached from here
	MicroserviceDown Cause = "microservice" // no instance works
)

// Missing is one thing that is not there.
type Missing struct {
	Microservice string
	Composite    string    // as the microservice names it; "" when the microservice is down
	Within       string    // the composite below it that misses the member, if it is another one
	Object       object.ID // "" when something larger is missing
	Member       string    // the composite that cannot be reached, of a cut link to one
	Cause        Cause
	Since        record.Millis // 0: not known
}

// StandIn is one value that is not measured, in one microservice.
type StandIn struct {
	Microservice string
	Composite    string
	Object       object.ID // for which something stands in; "" for a composite's link
	Value        Value
	Link         bool // for this composite only
}

// Missing gives what a service misses, at most so many, and how much there is in
// all: of every microservice, in order. Whatever is missing is listed, also where
// restrictions are met without it.
func (s *Structure) Missing(c *Condition, service, most int) ([]Missing, int) {
	var out []Missing
	n := 0
	s.walk(c, service, func(m Missing, _ Value, missing bool) {
		if !missing {
			return
		}
		if n++; len(out) < most {
			out = append(out, m)
		}
	})
	return out, n
}

// StandIns gives the values of a service that are not measured, at most so many,
// and how many there are in all.
func (s *Structure) StandIns(c *Condition, service, most int) ([]StandIn, int) {
	var out []StandIn
	n := 0
	s.walk(c, service, func(m Missing, v Value, missing bool) {
		if missing || v.Source == Live {
			return
		}
		if n++; len(out) < most {
			in := m.Composite
			if m.Within != "" {
				in = m.Within
			}
			out = append(out, StandIn{Microservice: m.Microservice, Composite: in, Object: m.Object, Value: v, Link: m.Cause == LinkCut})
		}
	})
	return out, n
}

// walk tells every place of a service that is missing or stood in for. Each
// composite is looked at once for each microservice.
func (s *Structure) walk(c *Condition, service int, tell func(m Missing, v Value, missing bool)) {
	seen := make([]int32, len(s.composites))
	var mark int32
	var under func(top string, microservice string, i int32)
	under = func(top, microservice string, i int32) {
		if seen[i] == mark {
			return
		}
		seen[i] = mark
		x := &s.composites[i]
		m := Missing{Microservice: microservice, Composite: top}
		if x.name != top {
			m.Within = x.name
		}
		for p, j := range x.members {
			m.Object, m.Member, m.Cause = "", "", ObjectFailed
			if j >= 0 {
				m.Object = s.objects[j]
			}
			v, link := c.Links[Link{int(i), p}]
			if link {
				m.Cause = LinkCut
				if j < 0 {
					m.Member = s.composites[^j].name
				}
			} else if j < 0 {
				under(top, microservice, ^j)
				continue
			} else {
				v = c.Objects[j]
			}
			m.Since = v.Since
			if v.Share == 0 {
				tell(m, v, true)
			} else if v.Source != Live {
				tell(m, v, false)
			}
		}
	}
	for _, j := range s.services[service].set.micros {
		x := &s.micros[j]
		if v, down := c.Down[int(j)]; down {
			tell(Missing{Microservice: x.name, Cause: MicroserviceDown, Since: v.Since}, v, true)
			continue
		}
		mark++
		for p, i := range x.composites {
			if v, cut := c.Cut[Use{int(j), p}]; cut {
				tell(Missing{Microservice: x.name, Composite: s.composites[i].name, Cause: LinkCut, Since: v.Since}, v, true)
				continue
			}
			under(s.composites[i].name, x.name, i)
		}
	}
}
