package notation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/object/vocabulary"
)

// Import is what a document says of spaces and objects.
type Import struct {
	Spaces      []object.Space      // sorted by identifier
	Enrichments []object.Enrichment // sorted by object
	Faults      []string            // what it says wrongly, as sentences; at most 100
	More        int                 // how many faults there are beyond
	Statements  int                 // all of them
	Ignored     int                 // those that say nothing about spaces and enrichments
}

const maxFaults = 100

func (im *Import) fault(format string, args ...any) {
	if len(im.Faults) == maxFaults {
		im.More++
		return
	}
	im.Faults = append(im.Faults, fmt.Sprintf(format, args...))
}

// Read takes spaces and enrichments from a document of JSON-LD. What follows from
// the model anyway is left out; of an object that the model does not have, all
// that is said stays. The error is for what is no document in bounds; faults are
// told in the import, and what they are about is left out.
func Read(data []byte, m *model.Model) (*Import, error) {
	all, err := statements(data)
	if err != nil {
		return nil, err
	}
	r := &reader{
		Import: Import{Statements: len(all)}, spaces: make(map[string]*object.Space), objects: make(map[object.ID]*object.Enrichment),
		restricted: make(map[object.ID]*object.Restriction), said: make(map[graph.Triple]bool, len(all)),
	}
	for _, t := range all {
		if r.said[t] {
			continue
		}
		r.said[t] = true
		if !r.take(t) {
			r.Ignored++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.restricted)) {
		restriction := r.restricted[id]
		if err := restriction.Validate(); err != nil {
			r.fault("%s: %v", id, err)
			continue
		}
		r.objects[id].Restriction = restriction
	}
	r.reduce(m)
	slices.Sort(r.Faults)
	return &r.Import, nil
}

type reader struct {
	Import
	spaces     map[string]*object.Space
	objects    map[object.ID]*object.Enrichment
	restricted map[object.ID]*object.Restriction
	said       map[graph.Triple]bool
}

func (r *reader) take(t graph.Triple) bool {
	if id, ok := object.OfIRI(t.S.Value); ok {
		return r.ofObject(id, t)
	}
	if id, ok := object.SpaceOfIRI(t.S.Value); ok {
		return r.ofSpace(id, t)
	}
	return false
}

func (r *reader) space(id string) *object.Space {
	s, ok := r.spaces[id]
	if !ok {
		s = &object.Space{ID: id}
		r.spaces[id] = s
	}
	return s
}

// set gives a field its value, once.
func set[T comparable](r *reader, subject string, p string, to *T, v T) {
	var zero T
	if *to != zero && *to != v {
		r.fault("%s has two values of %s, %v and %v", subject, p, *to, v)
		return
	}
	*to = v
}

func (r *reader) ofSpace(id string, t graph.Triple) bool {
	subject := "space/" + id
	p, _ := vocabulary.Shorten(t.P.Value)
	switch vocabulary.Property(p) {
	case vocabulary.Type:
		c, ok := vocabulary.Lookup(t.O.Value)
		switch {
		case !ok:
			r.fault("%s has the unknown class %.100q", subject, t.O.Value)
			r.space(id)
			return true
		case !slices.Contains(object.SpaceKinds(), c):
			r.fault("%s has the class %s, which is none of spaces", subject, c)
			r.space(id)
			return true
		}
		set(r, subject, p, &r.space(id).Kind, c)
	case vocabulary.Label:
		set(r, subject, p, &r.space(id).Name, t.O.Value)
	case vocabulary.IsPartOf:
		parent, ok := object.SpaceOfIRI(t.O.Value)
		if !ok {
			r.fault("%s lies in %.100q, which is no space", subject, t.O.Value)
			return true
		}
		set(r, subject, p, &r.space(id).Parent, parent)
	case vocabulary.HasPart:
		part, ok := object.SpaceOfIRI(t.O.Value)
		if !ok {
			return false
		}
		set(r, "space/"+part, string(vocabulary.IsPartOf), &r.space(part).Parent, id)
	default:
		return false
	}
	return true
}

func (r *reader) object(id object.ID) *object.Enrichment {
	e, ok := r.objects[id]
	if !ok {
		e = &object.Enrichment{Object: id}
		r.objects[id] = e
	}
	return e
}

func (r *reader) ofObject(id object.ID, t graph.Triple) bool {
	subject := string(id)
	p, _ := vocabulary.Shorten(t.P.Value)
	other := func() (object.ID, bool) {
		o, ok := object.OfIRI(t.O.Value)
		if !ok {
			r.fault("%s has %s %.100q, which is no object", subject, p, t.O.Value)
		}
		return o, ok
	}
	switch vocabulary.Property(p) {
	case vocabulary.Type:
		return r.ofType(id, t.O)
	case vocabulary.LocatedIn:
		space, ok := object.SpaceOfIRI(t.O.Value)
		if !ok {
			r.fault("%s is in %.100q, which is no space", subject, t.O.Value)
			return true
		}
		set(r, subject, p, &r.object(id).Space, space)
	case vocabulary.Device:
		set(r, subject, p, &r.object(id).Device, t.O.Value)
	case vocabulary.Feeds:
		if o, ok := other(); ok {
			set(r, subject, p, &r.object(id).Feeds, o)
		}
	case vocabulary.IsFedBy:
		if o, ok := other(); ok {
			set(r, string(o), string(vocabulary.Feeds), &r.object(o).Feeds, id)
		}
	case vocabulary.ReplicaOf:
		if o, ok := other(); ok {
			set(r, subject, p, &r.object(id).Replica, o)
		}
	case vocabulary.Critical:
		if o, ok := other(); ok {
			e := r.object(id)
			e.Critical = append(e.Critical, o)
		}
	case vocabulary.Capacity:
		if n, ok := r.number(subject, p, t.O, object.MaxCapacity); ok {
			set(r, subject, p, &r.object(id).Capacity, int(n))
		}
	case vocabulary.Horizon:
		if n, ok := r.number(subject, p, t.O, time.Duration(100*model.MaxInterval).Milliseconds()); ok {
			set(r, subject, p, &r.object(id).Horizon, model.Duration(time.Duration(n)*time.Millisecond))
		}
	case vocabulary.Actuator:
		if t.O.Type != graph.Boolean {
			r.fault("%s has %s %.60q, which is neither true nor false", subject, p, t.O.Value)
			return true
		}
		r.object(id).Actuator = t.O.Value == "true" || t.O.Value == "1"
	case vocabulary.Restricted:
		set(r, subject, p, &r.restriction(id).Kind, t.O.Value)
	case vocabulary.MinCount:
		if n, ok := r.number(subject, p, t.O, model.MaxMembers); ok {
			set(r, subject, p, &r.restriction(id).K, int(n))
		}
	default:
		return false
	}
	return true
}

func (r *reader) restriction(id object.ID) *object.Restriction {
	r.object(id)
	x, ok := r.restricted[id]
	if !ok {
		x = &object.Restriction{}
		r.restricted[id] = x
	}
	return x
}

func (r *reader) ofType(id object.ID, o graph.Term) bool {
	c, ok := vocabulary.Lookup(o.Value)
	if !ok {
		r.fault("%s has the unknown class %.100q", id, o.Value)
		return true
	}
	if c == vocabulary.VirtualObject || c == vocabulary.CompositeObject || c == vocabulary.Collection {
		return false // what every object is, or every composite
	}
	set(r, string(id), string(vocabulary.Type), &r.object(id).Class, c)
	return true
}

func (r *reader) number(subject, p string, t graph.Term, most int64) (int64, bool) {
	n, err := strconv.ParseInt(t.Value, 10, 64)
	if err != nil || t.Type != graph.Integer || n < 1 || n > most {
		r.fault("%s has %s %.60q, which is no whole number between 1 and %d", subject, p, t.Value, most)
		return 0, false
	}
	return n, true
}

// reduce leaves out what follows from the model.
func (r *reader) reduce(m *model.Model) {
	for id, s := range r.spaces {
		if s.Kind == "" {
			s.Kind = vocabulary.Zone
			if _, ok := m.Site(model.SiteID(id)); ok {
				s.Kind = vocabulary.Site
			}
		}
		if site, ok := m.Site(model.SiteID(id)); ok && s.Kind == vocabulary.Site && s.Name == site.Name && s.Parent == "" {
			continue
		}
		r.Spaces = append(r.Spaces, *s)
	}
	slices.SortFunc(r.Spaces, func(a, b object.Space) int { return cmp.Compare(a.ID, b.ID) })
	plain, _ := object.NewWorld(m, nil, nil)
	var horizons []object.Enrichment // of sensors: those of groups follow from them
	for _, e := range r.objects {
		o, ok := plain.Object(e.Object)
		if ok {
			r.reduceOne(e, o)
		}
		if ok && !o.Composite && e.Horizon != 0 {
			horizons = append(horizons, object.Enrichment{Object: e.Object, Horizon: e.Horizon})
		}
	}
	if len(horizons) > 0 {
		plain, _ = object.NewWorld(m, nil, horizons)
	}
	for id, e := range r.objects {
		if o, ok := plain.Object(id); ok && o.Composite && e.Horizon == milliseconds(o.Horizon) {
			e.Horizon = 0
		}
		if !empty(e) {
			r.Enrichments = append(r.Enrichments, *e)
		}
	}
	slices.SortFunc(r.Enrichments, func(a, b object.Enrichment) int { return cmp.Compare(a.Object, b.Object) })
}

func (r *reader) reduceOne(e *object.Enrichment, o *object.Object) {
	if e.Class == o.Class {
		e.Class = ""
	}
	if e.Space == o.Space {
		e.Space = ""
	}
	if e.Device == o.Device {
		e.Device = ""
	}
	if !o.Composite && e.Horizon == milliseconds(o.Horizon) {
		e.Horizon = 0
	}
	if e.Restriction != nil && *e.Restriction == o.Restriction {
		e.Restriction = nil
	}
	// The order of critical members means nothing; that of the model is kept.
	if len(e.Critical) > 1 {
		at := make(map[object.ID]int, len(o.Members))
		for i, m := range o.Members {
			at[m] = i
		}
		slices.SortFunc(e.Critical, func(a, b object.ID) int { return cmp.Or(cmp.Compare(at[a], at[b]), cmp.Compare(a, b)) })
	}
}

func milliseconds(n int64) model.Duration { return model.Duration(time.Duration(n) * time.Millisecond) }

func empty(e *object.Enrichment) bool {
	return e.Class == "" && e.Space == "" && e.Device == "" && e.Feeds == "" && e.Replica == "" && e.Capacity == 0 && !e.Actuator &&
		e.Restriction == nil && len(e.Critical) == 0 && e.Horizon == 0
}
