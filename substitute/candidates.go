package substitute

import (
	"fmt"
	"strings"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// Place says how near to an object another is, from near to far.
type Place int

// The places. Of two that are expected to be as good the nearer stands in.
const (
	Replica  Place = iota // measures the same
	Together              // of the same device, or in the same group
	Room                  // in the same room
	Floor                 // on the same floor
	Building              // in the same building
	External              // elsewhere
)

var places = [...]string{"replica", "group", "room", "floor", "building", "external"}

// String is the word for it.
func (p Place) String() string {
	if p < 0 || int(p) >= len(places) {
		return fmt.Sprintf("place %d", int(p))
	}
	return places[p]
}

// MarshalText writes the word.
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the word.
func (p *Place) UnmarshalText(b []byte) error {
	for i, s := range places {
		if s == string(b) {
			*p = Place(i)
			return nil
		}
	}
	return fmt.Errorf("place %.40q is none of %s", b, strings.Join(places[:], ", "))
}

// Found is an object that may stand in for another, by kind and place alone.
type Found struct {
	Object *object.Object
	Place  Place
}

// Candidates lists the sensors that measure the same quantity as an object, the
// nearest first and at most most of them (0: [MaxCandidates]), and those near by
// that do not, with the reason. What is computed by a formula is none: it may
// stand on the object itself.
func Candidates(w *object.World, id object.ID, most int) ([]Found, []Refusal) {
	if most <= 0 || most > MaxCandidates {
		most = MaxCandidates
	}
	self, ok := w.Object(id)
	if !ok {
		return nil, []Refusal{{Object: id, Reason: "the object is unknown"}}
	}
	var found []Found
	var refused []Refusal
	seen := map[object.ID]bool{id: true}
	look := func(place Place, list []*object.Object) {
		for _, o := range list {
			if len(found) >= most || len(refused) >= MaxCandidates {
				return
			}
			if o.Composite || seen[o.ID] {
				continue
			}
			seen[o.ID] = true
			if why := unfit(self, o); why != "" {
				if place < Building {
					refused = append(refused, Refusal{Object: o.ID, Reason: why})
				}
				continue
			}
			found = append(found, Found{Object: o, Place: place})
		}
	}
	twins := w.Replicas(id)
	if self.Replica != "" {
		if o, ok := w.Object(self.Replica); ok {
			twins = append([]*object.Object{o}, twins...)
		}
		twins = append(twins[:len(twins):len(twins)], w.Replicas(self.Replica)...)
	}
	look(Replica, twins)
	if self.Device != "" {
		look(Together, w.OfDevice(self.Device))
	}
	for _, g := range w.Parents(id) {
		for _, m := range g.Members {
			if o, ok := w.Object(m); ok {
				look(Together, []*object.Object{o})
			}
		}
	}
	for _, around := range []struct {
		place Place
		kinds []vocabulary.Class
	}{
		{Room, []vocabulary.Class{vocabulary.Zone, vocabulary.Room}},
		{Floor, []vocabulary.Class{vocabulary.Level}},
		{Building, []vocabulary.Class{vocabulary.Building, vocabulary.Site}},
	} {
		for _, kind := range around.kinds {
			if s, ok := w.Around(self.Space, kind); ok {
				look(around.place, w.Within(s.ID))
			}
		}
	}
	if len(found) < most {
		look(External, w.Exactly(self.Class))
		look(External, w.OfClass(vocabulary.Point, ""))
	}
	return found, refused
}

// Rank finds who might stand in for an object of a world and fits them on what they
// measured, which history gives, all of them on one grid. For counters it gives
// amounts per cell. The horizon is the object's unless the options have one.
func Rank(w *object.World, m *model.Model, id object.ID, history func(*object.Object) (Series, bool), o Options) Ranking {
	self, ok := w.Object(id)
	if !ok || self.Composite {
		return Ranking{Object: id, Refused: []Refusal{{Object: id, Reason: "it is no sensor: what a group has follows from its members"}}}
	}
	if o.Horizon <= 0 {
		o.Horizon = record.Millis(self.Horizon)
	}
	if o.Candidates <= 0 {
		o.Candidates = 16
	}
	found, refused := Candidates(w, id, o.Candidates)
	var candidates []Candidate
	have := map[object.ID]Series{}
	known := func(o *object.Object) (Series, bool) {
		if s, ok := have[o.ID]; ok {
			return s, true
		}
		s, ok := history(o)
		if ok {
			have[o.ID] = s
		}
		return s, ok
	}
	for _, f := range found {
		s, ok := known(f.Object)
		if !ok {
			refused = append(refused, Refusal{Object: f.Object.ID, Reason: "nothing is known of what it measured"})
			continue
		}
		candidates = append(candidates, Candidate{Object: f.Object.ID, Place: f.Place, Quantity: f.Object.Quantity, Series: s})
	}
	ways, no := Balances(w, m, id)
	refused = append(refused, no...)
	var balances []Balance
next:
	for _, way := range ways {
		b := Balance{Group: way.Group}
		for _, p := range way.Members {
			s, ok := known(p.Object)
			if !ok {
				refused = append(refused, Refusal{Object: p.Object.ID, Method: Balanced, Reason: "nothing is known of what it measured"})
				continue next
			}
			b.Members = append(b.Members, Signed{Sign: p.Sign, Candidate: Candidate{Object: p.Object.ID, Place: Together, Quantity: p.Object.Quantity, Series: s}})
		}
		balances = append(balances, b)
	}
	s, ok := known(self)
	if !ok {
		return Ranking{Object: id, Refused: append(refused, Refusal{Object: id, Reason: "nothing is known of what it measured"})}
	}
	r := Fit(Target{Object: id, Quantity: self.Quantity, Series: s}, candidates, balances, o)
	r.Refused = append(refused, r.Refused...)
	return r
}

// unfit says why an object cannot stand in for another whatever its values, or
// "".
func unfit(self, o *object.Object) string {
	switch {
	case o.Quantity != self.Quantity:
		return fmt.Sprintf("it measures %s in %s, not %s in %s", o.Quantity, o.Quantity.Unit().Symbol, self.Quantity, self.Quantity.Unit().Symbol)
	case o.Virtual:
		return "it is computed from others, not measured"
	case o.Actuator:
		return "it is written to, not measured"
	}
	return ""
}

// Balances lists the ways in which an object follows from the meters of its
// groups: what the nearest group with a meter of its own measures, less all its
// other members; and, if the object is the meter of a group, the sum of that group's
// members. The members have their signs from the model; those that are groups stand
// for their meter, or for what they consist of. A way that would need more than 32
// sensors, or one that measures something else, is refused.
func Balances(w *object.World, m *model.Model, id object.ID) ([]Way, []Refusal) {
	self, ok := w.Object(id)
	if !ok || self.Composite {
		return nil, nil
	}
	sensor, _ := id.Sensor()
	var out []Way
	var refused []Refusal
	refuse := func(id object.ID, why string) {
		refused = append(refused, Refusal{Object: id, Method: Balanced, Reason: why})
	}
	for _, in := range m.Parents(sensor) {
		if len(out) >= maxBalances {
			break
		}
		at, ok := in, true
		if meterOf(w, in) == id {
			b := builder{w: w, m: m, self: self, target: sensor}
			switch b.walk(in, 1, 0); {
			case b.why != "":
				refuse(object.OfGroup(in), b.why)
			case len(b.members) > 0:
				out = append(out, Way{Group: object.OfGroup(in), Members: b.members})
			}
			if at, ok = m.Parent(in); !ok {
				continue
			}
		}
		for ok && meterOf(w, at) == "" {
			at, ok = m.Parent(at)
		}
		if !ok {
			refuse(object.OfGroup(in), "neither the group nor one around it has a meter of its own")
			continue
		}
		// meter = sign·self + rest, so self = (meter - rest)·sign
		b := builder{w: w, m: m, self: self, target: sensor}
		b.take(meterOf(w, at), -1)
		b.walk(at, 1, 0)
		switch {
		case b.why != "":
			refuse(object.OfGroup(at), b.why)
		case b.sign != 0:
			for i := range b.members {
				b.members[i].Sign *= -b.sign
			}
			out = append(out, Way{Group: object.OfGroup(at), Members: b.members})
		}
	}
	return out, refused
}

// meterOf is the own meter of a group, or "".
func meterOf(w *object.World, g model.GroupID) object.ID {
	if o, ok := w.Object(object.OfGroup(g)); ok {
		return o.Meter
	}
	return ""
}

// Way is a balance by its objects.
type Way struct {
	Group   object.ID
	Members []Part
}

// Part is a member of a way.
type Part struct {
	Object *object.Object
	Sign   float64
}

type builder struct {
	w       *object.World
	m       *model.Model
	self    *object.Object
	target  record.SensorID
	members []Part
	sign    float64 // of the target
	why     string
}

// walk takes what a group consists of, and finds the target, or the group whose meter
// it is, among it.
func (b *builder) walk(id model.GroupID, sign float64, depth int) {
	g, ok := b.m.Group(id)
	if !ok || depth > 64 {
		b.why = fmt.Sprintf("group %.60s cannot be looked into", string(id))
		return
	}
	for _, e := range g.Members {
		s := sign
		if e.Sign < 0 {
			s = -sign
		}
		if b.why != "" {
			return
		}
		switch meter := meterOf(b.w, e.Group); {
		case e.Meter:
		case e.Group == "" && e.Sensor == b.target, e.Group != "" && meter == b.self.ID:
			b.sign = s
		case e.Group == "":
			b.take(object.OfSensor(e.Sensor), s)
		case meter != "":
			b.take(meter, s)
		default:
			b.walk(e.Group, s, depth+1)
		}
	}
}

func (b *builder) take(id object.ID, sign float64) {
	o, ok := b.w.Object(id)
	if !ok {
		b.why = fmt.Sprintf("%s is unknown", id)
		return
	}
	if why := unfit(b.self, o); why != "" {
		b.why = fmt.Sprintf("%s: %s", id, why)
		return
	}
	if len(b.members) == maxSources {
		b.why = fmt.Sprintf("it has more than %d members", maxSources)
		return
	}
	b.members = append(b.members, Part{Object: o, Sign: sign})
}
