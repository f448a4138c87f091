package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// bound is what a service means for a subject: its microservices over the objects
// that are there, as a structure of one service.
type bound struct {
	s       *availability.Structure
	objects []*object.Object // by the structure's index; nil: it is not there
	least   []float64        // what a stand-in for each of them must be worth, where that is least
	limits  []limit          // where it must be worth more
	severed []limit          // links to objects that are cut, and what could stand in there must be worth
	names   []string         // of objects that are not there and that a template names, else ""
	tags    map[string]string
	steps   [][]boundComposite
	links   map[availability.Link]availability.Value
	cut     map[availability.Use]availability.Value

	exclusive []object.ID
	pool      sync.Pool // of *work
}

type boundComposite struct {
	index   int
	tag     string
	members []object.ID
}

// limit is a link whose stand-ins must be worth more than elsewhere.
type limit struct {
	link   availability.Link
	object int
	within string
	least  float64
}

// bind works a service out for a subject, once in an epoch.
func (f *Finder) bind(sro *SRO, mso *MSO) (*bound, error) {
	k := boundKey{mso, sro.Subject}
	if b, ok := f.bound.Load(k); ok {
		return b.(*bound), nil
	}
	b, err := f.newBound(sro, mso)
	if err != nil {
		return nil, err
	}
	if len(sro.majors) == 0 && f.kept.Load() < MaxBound {
		if kept, was := f.bound.LoadOrStore(k, b); was {
			return kept.(*bound), nil
		}
		f.kept.Add(1)
	}
	return b, nil
}

// binder puts a bound together.
type binder struct {
	f       *Finder
	subject object.ID
	out     *bound
	outline availability.Outline
	made    map[string]microservice.Requirement // composites by name
	members map[string][]object.ID
	quality map[string]float64           // by name, nested ones too
	absent  map[object.ID]string         // what is not there
	byID    map[object.ID]*object.Object // what is
	places  int
}

func (f *Finder) newBound(sro *SRO, mso *MSO) (*bound, error) {
	b := &binder{
		f: f, subject: sro.Subject, out: &bound{tags: make(map[string]string)},
		made: make(map[string]microservice.Requirement), members: make(map[string][]object.ID), quality: make(map[string]float64),
		absent: make(map[object.ID]string), byID: make(map[object.ID]*object.Object),
	}
	svc := sro.service
	x := availability.Service{Name: svc.SID, Restriction: svc.Restriction}
	for i := range mso.Steps {
		step := &mso.Steps[i]
		m := availability.Microservice{Name: step.MS, Restriction: step.template.Restriction}
		for j := range step.template.Composites {
			r := &step.template.Composites[j]
			name, err := b.composite(step.MS, r)
			if err != nil {
				return nil, err
			}
			m.Composites = append(m.Composites, name)
			if r.Critical {
				m.Critical = append(m.Critical, name)
			}
		}
		b.outline.Microservices = append(b.outline.Microservices, m)
		x.Microservices, x.Weights = append(x.Microservices, step.MS), append(x.Weights, step.weight)
		if step.critical {
			x.Critical = append(x.Critical, step.MS)
		}
	}
	for _, g := range svc.Groups {
		r := g.Restriction
		if r.Kind == "" {
			r.Kind = object.Some
		}
		x.Groups = append(x.Groups, availability.Group{Name: g.Name, Microservices: g.Microservices, Restriction: r})
	}
	b.outline.Services = []availability.Service{x}
	s, err := availability.New(b.outline)
	if err != nil {
		return nil, &NoMicroservice{SID: svc.SID, Need: "microservices that fit together", Why: err.Error()}
	}
	b.finish(s, sro, mso)
	return b.out, nil
}

// composite adds what a requirement asks for, and gives its name: its tag, unless
// another microservice means something else by it.
func (b *binder) composite(ms string, r *microservice.Requirement) (string, error) {
	name := r.Tag
	if was, ok := b.made[name]; ok {
		if sameRequirement(&was, r) {
			return name, nil
		}
		name = ms + "/" + r.Tag
	}
	b.made[name], b.out.tags[name], b.quality[name] = *r, r.Tag, r.Quality
	objects := b.resolve(r)
	if b.places += len(objects); b.places > MaxMembers {
		return "", fmt.Errorf("%w: below the subject there are more than %d objects", ErrRequest, MaxMembers)
	}
	c := availability.Composite{Name: name, Restriction: r.Restriction}
	for _, o := range objects {
		m, err := b.member(name, r.Quality, o)
		if err != nil {
			return "", err
		}
		c.Members = append(c.Members, m)
		b.members[name] = append(b.members[name], o.ID)
	}
	for _, id := range r.Objects {
		if _, ok := b.f.opts.World.Object(id); !ok {
			c.Members = append(c.Members, b.missing(name, len(c.Members), id))
			b.members[name] = append(b.members[name], id)
		}
	}
	b.pad(&c)
	b.outline.Composites = append(b.outline.Composites, c)
	return name, nil
}

// nest is between the name of a composite and that of a group within.
const nest = "|"

func sameRequirement(a, b *microservice.Requirement) bool {
	return a.Class == b.Class && a.Quantity == b.Quantity && a.Restriction == b.Restriction && a.Quality == b.Quality && a.Whole == b.Whole && slices.Equal(a.Objects, b.Objects)
}

// member is an object, or a group as a composite of its own.
func (b *binder) member(name string, quality float64, o *object.Object) (availability.Member, error) {
	if !o.Composite {
		b.byID[o.ID] = o
		return availability.Member{Object: o.ID}, nil
	}
	nested := name + nest + string(o.ID)
	if _, made := b.quality[nested]; made {
		return availability.Member{Composite: nested}, nil
	}
	b.quality[nested] = quality
	c := availability.Composite{Name: nested, Restriction: o.Restriction}
	for _, id := range o.Members {
		x, ok := b.f.opts.World.Object(id)
		if !ok {
			c.Members = append(c.Members, b.missing(nested, len(c.Members), id))
			continue
		}
		if b.places++; b.places > MaxMembers {
			return availability.Member{}, fmt.Errorf("%w: below the subject there are more than %d objects", ErrRequest, MaxMembers)
		}
		m, err := b.member(name, quality, x)
		if err != nil {
			return availability.Member{}, err
		}
		c.Members = append(c.Members, m)
		if slices.Contains(o.Critical, id) {
			c.Critical = append(c.Critical, m)
		}
	}
	b.pad(&c)
	b.outline.Composites = append(b.outline.Composites, c)
	return availability.Member{Composite: nested}, nil
}

// missing is a member that is not there.
func (b *binder) missing(name string, n int, id object.ID) availability.Member {
	none := object.ID(fmt.Sprintf("absent/%s/%d", name, n))
	b.absent[none] = string(id)
	return availability.Member{Object: none}
}

// pad adds members that are not there, until there are as many as are needed: a
// composite of nothing is not usable, whatever it needs.
func (b *binder) pad(c *availability.Composite) {
	least := 1
	if c.Restriction.Kind == object.Min {
		least = c.Restriction.K
	}
	for len(c.Members) < least {
		c.Members = append(c.Members, b.missing(c.Name, len(c.Members), ""))
	}
}

// resolve gives the objects that a requirement asks for: those that it names; or
// those of its class below the subject. Where a group has none, those where the group is:
// a group holds one quantity only, and may need the temperature of its room.
func (b *binder) resolve(r *microservice.Requirement) []*object.Object {
	w := b.f.opts.World
	if len(r.Objects) > 0 {
		var out []*object.Object
		for _, id := range r.Objects {
			if o, ok := w.Object(id); ok {
				out = append(out, o)
			}
		}
		return out
	}
	fits := func(o *object.Object) bool { return r.Quantity == "" || o.Quantity == r.Quantity }
	within := func(space string) []*object.Object {
		var out []*object.Object
		for _, o := range w.Within(space) {
			if isA(o, r.Class) && fits(o) {
				out = append(out, o)
			}
		}
		slices.SortFunc(out, func(a, b *object.Object) int { return cmp.Compare(a.Index, b.Index) })
		return slices.Compact(out)
	}
	if space, ok := SpaceOf(b.subject); ok && !r.Whole {
		return within(space)
	}
	under := b.subject
	if r.Whole {
		under = ""
	}
	var out []*object.Object
	for _, o := range w.OfClass(r.Class, under) {
		if fits(o) {
			out = append(out, o)
		}
	}
	if len(out) > 0 || under == "" {
		return out
	}
	o, ok := w.Object(under)
	if !ok {
		return nil
	}
	if isA(o, r.Class) && fits(o) {
		return []*object.Object{o}
	}
	if o.Space == "" {
		return nil
	}
	return within(o.Space)
}

// Takes gives a function that tells whether an object may be among what the microservices
// are carried out with when it is the subject itself: it is named, or of a class that is
// asked for. It says no without looking for anything; only discovery says yes for certain.
// The function is for one goroutine.
func (m *MSO) Takes() func(o *object.Object) bool {
	type kind struct {
		class     vocabulary.Class
		quantity  record.Quantity
		composite bool
	}
	known := make(map[kind]bool)
	named := make(map[object.ID]bool)
	var asked []*microservice.Requirement
	for i := range m.Steps {
		all := m.Steps[i].template.Composites
		for j := range all {
			if len(all[j].Objects) == 0 {
				asked = append(asked, &all[j])
			}
			for _, id := range all[j].Objects {
				named[id] = true
			}
		}
	}
	return func(o *object.Object) bool {
		k := kind{o.Class, o.Quantity, o.Composite}
		takes, ok := known[k]
		if !ok {
			takes = slices.ContainsFunc(asked, func(r *microservice.Requirement) bool {
				return isA(o, r.Class) && (r.Quantity == "" || o.Quantity == r.Quantity)
			})
			known[k] = takes
		}
		return takes || named[o.ID]
	}
}

// isA tells whether an object is of a class, as World.OfClass has it.
func isA(o *object.Object, c vocabulary.Class) bool {
	switch c {
	case vocabulary.VirtualObject:
		return true
	case vocabulary.CompositeObject:
		return o.Composite
	}
	return o.Class.Is(c)
}

// finish fills in what goes by the indexes of the structure.
func (b *binder) finish(s *availability.Structure, sro *SRO, mso *MSO) {
	out := b.out
	out.s = s
	n, _, _, _ := s.Counts()
	out.objects, out.least, out.names = make([]*object.Object, n), make([]float64, n), make([]string, n)
	for i := range n {
		id := s.ObjectID(i)
		out.objects[i], out.names[i] = b.byID[id], b.absent[id]
		out.least[i] = 2
	}
	type place struct {
		link   availability.Link
		object int
		within string
	}
	var places []place
	for _, c := range b.outline.Composites {
		for _, m := range c.Members {
			if i, ok := s.Object(m.Object); ok && m.Composite == "" {
				l, _ := s.Link(c.Name, m)
				places = append(places, place{l, i, c.Name})
				out.least[i] = min(out.least[i], b.quality[c.Name])
			}
		}
	}
	for _, p := range places {
		if q := b.quality[p.within]; q > out.least[p.object] {
			out.limits = append(out.limits, limit{p.link, p.object, p.within, q})
		}
	}
	for i := range mso.Steps {
		var of []boundComposite
		for j, name := range b.outline.Microservices[i].Composites {
			at, _ := s.Composite(name)
			of = append(of, boundComposite{at, mso.Steps[i].template.Composites[j].Tag, b.members[name]})
		}
		out.steps = append(out.steps, of)
	}
	for _, o := range out.objects {
		if o != nil && o.Actuator {
			out.exclusive = append(out.exclusive, o.ID)
		}
	}
	slices.Sort(out.exclusive)
	b.cuts(sro.SID)
	out.pool.New = func() any {
		return &work{condition: availability.Condition{Objects: make([]availability.Value, n), Cut: out.cut, Down: make(map[int]availability.Value)}}
	}
}

// cuts finds the links that are cut.
func (b *binder) cuts(sid string) {
	out := b.out
	for _, c := range b.f.opts.Cuts {
		if c.SID != "" && c.SID != sid {
			continue
		}
		for name, tag := range out.tags {
			if tag != c.Composite {
				continue
			}
			if c.Object != "" {
				b.cut(name, c.Object, c.Since)
				continue
			}
			for _, m := range b.outline.Microservices {
				if c.MS != "" && c.MS != m.Name {
					continue
				}
				if u, ok := out.s.Use(m.Name, name); ok {
					if out.cut == nil {
						out.cut = make(map[availability.Use]availability.Value)
					}
					out.cut[u] = availability.Missed(c.Since)
				}
			}
		}
	}
}

func (b *binder) cut(name string, id object.ID, since record.Millis) {
	m := availability.Member{Object: id}
	if nested := name + nest + string(id); b.f.isGroup(id) {
		m = availability.Member{Composite: nested}
	}
	if l, ok := b.out.s.Link(name, m); ok {
		if b.out.links == nil {
			b.out.links = make(map[availability.Link]availability.Value)
		}
		_, was := b.out.links[l]
		b.out.links[l] = availability.Missed(since)
		if i, ok := b.out.s.Object(id); ok && m.Composite == "" && !was && b.out.objects[i] != nil {
			b.out.severed = append(b.out.severed, limit{l, i, name, b.quality[name]})
		}
	}
}

func (f *Finder) isGroup(id object.ID) bool {
	o, ok := f.opts.World.Object(id)
	return ok && o.Composite
}

// work is what one plan is made in.
type work struct {
	condition availability.Condition
	result    availability.Result
	links     map[availability.Link]availability.Value
	causes    map[string]cause // by object, or by composite and object: see key
	standing  bool             // something stands in
	conflict  record.Millis    // when the first lease in the way ends; 0: none is
}

type cause struct {
	cause  Cause
	holder *Holder
	since  record.Millis
}

func (w *work) reset(b *bound) {
	clear(w.condition.Down)
	clear(w.causes)
	w.condition.Links = b.links
	w.standing, w.conflict = false, 0
}

// own gives links that may be changed.
func (w *work) own(b *bound) map[availability.Link]availability.Value {
	if w.links == nil {
		w.links = make(map[availability.Link]availability.Value)
	}
	clear(w.links)
	maps.Copy(w.links, b.links)
	w.condition.Links = w.links
	return w.links
}

func (w *work) because(key string, c cause) {
	if w.causes == nil {
		w.causes = make(map[string]cause)
	}
	w.causes[key] = c
}

func key(within string, id object.ID) string { return within + "\n" + string(id) }
