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
// groups: as a member it is the group's own meter less the other members, as a
// meter the sum of the members. The members have their signs from the model;
// those that are groups stand for their meter, or for what they consist of. A way
// that would need more than 32 sensors, or one that measures something else, is
// refused.
func Balances(w *object.World, m *model.Model, id object.ID) ([]Way, []Refusal) {
	self, ok := w.Object(id)
	if !ok || self.Composite {
		return nil, nil
	}
	sensor, _ := id.Sensor()
	var out []Way
	var refused []Refusal
	for _, in := range m.Parents(sensor) {
		g, ok := m.Group(in)
		if !ok {
			continue
		}
		b := builder{w: w, m: m, self: self, target: sensor}
		b.walk(g, 1, 0)
		group := object.OfGroup(in)
		top, _ := w.Object(group)
		switch {
		case b.why != "":
			refused = append(refused, Refusal{Object: group, Method: Balanced, Reason: b.why})
		case top == nil || top.Meter == "":
			refused = append(refused, Refusal{Object: group, Method: Balanced, Reason: "the group has no meter of its own"})
		case top.Meter == id:
			if len(b.members) > 0 && b.sign == 0 {
				out = append(out, Way{Group: group, Members: b.members})
			}
		case b.sign != 0:
			// meter = sign·self + rest, so self = (meter - rest)·sign
			way := Way{Group: group}
			b.members = append([]Part{{Sign: -1}}, b.members...)
			b.members[0].Object, _ = w.Object(top.Meter)
			if why := unfit(self, b.members[0].Object); why != "" {
				refused = append(refused, Refusal{Object: top.Meter, Method: Balanced, Reason: why})
				continue
			}
			for _, p := range b.members {
				way.Members = append(way.Members, Part{Object: p.Object, Sign: -p.Sign * b.sign})
			}
			out = append(out, way)
		}
		if len(out) == maxBalances {
			break
		}
	}
	return out, refused
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

func (b *builder) walk(g *model.Group, sign float64, depth int) {
	for _, e := range g.Members {
		s := sign
		if e.Sign < 0 {
			s = -sign
		}
		switch {
		case b.why != "":
			return
		case e.Meter:
		case e.Sensor == b.target && e.Sensor != "":
			b.sign = s
		case e.Sensor != "":
			b.take(object.OfSensor(e.Sensor), s)
		default:
			sub, ok := b.m.Group(e.Group)
			if !ok || depth > 64 {
				b.why = fmt.Sprintf("group %.60s cannot be looked into", string(e.Group))
				return
			}
			if o, ok := b.w.Object(object.OfGroup(e.Group)); ok && o.Meter != "" && o.Meter != b.self.ID {
				b.take(o.Meter, s)
			} else {
				b.walk(sub, s, depth+1)
			}
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
	if len(b.members) == maxSources-1 {
		b.why = fmt.Sprintf("it has more than %d members", maxSources-1)
		return
	}
	b.members = append(b.members, Part{Object: o, Sign: sign})
}
