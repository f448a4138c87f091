package availability

import (
	"slices"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/object"
)

// Bounds of structures.
const (
	MaxPlaces   = 1 << 22 // members of composites, composites of microservices and so on, together
	MaxSlots    = 1 << 29 // objects below a service, each as often as it is reached
	maxSentence = 200     // bytes of a name in a sentence
)

// Outline is a structure by names, as it is put together.
type Outline struct {
	Composites    []Composite
	Microservices []Microservice
	Services      []Service
}

// Composite is a composite virtual object: objects and further composites, and
// how many of them it needs.
type Composite struct {
	Name        string
	Members     []Member
	Restriction object.Restriction // the zero value: all
	Critical    []Member           // members it needs in any case
}

// Member is an object or a composite; exactly one of the fields is set.
type Member struct {
	Object    object.ID
	Composite string
}

// Microservice needs some of its composites.
type Microservice struct {
	Name        string
	Composites  []string
	Restriction object.Restriction // the zero value: all
	Critical    []string
}

// Service needs some of its microservices.
type Service struct {
	Name          string
	Microservices []string
	Restriction   object.Restriction // the zero value: all
	Critical      []string
	Weights       []float64 // of the microservices in the mean; absent: all the same
	Groups        []Group
}

// Group is some of a service's microservices, looked at by themselves.
type Group struct {
	Name          string
	Microservices []string
	Restriction   object.Restriction // the zero value: all
}

// Structure is an outline that has been checked, over dense indexes: objects,
// composites, microservices and services are numbered from 0. It does not change.
type Structure struct {
	objects    []object.ID
	composites []composite
	order      []int32 // composites, members before those that hold them
	rank       []int32 // of each composite in order
	micros     []micro
	services   []service

	objectAt, compositeAt, microAt, serviceAt map[string]int32

	usesOfObject, usesOfComposite [][]Link
	microsOf                      [][]Use // of each composite
}

type composite struct {
	name     string
	members  []int32 // an object, or ^composite
	need     int
	critical []int32 // positions among the members, rising
	slots    int     // objects below it, each as often as it is reached
}

type micro struct {
	name       string
	composites []int32
	need       int
	critical   []int32 // positions
	slots      int
}

type service struct {
	name     string
	set      set
	critical []int32 // positions
	groups   []string
	sets     []set // of the groups
	objects  []int32
}

// set is microservices that are looked at together.
type set struct {
	micros  []int32
	weights []float64 // nil: all 1
	weight  float64   // together
	need    int
	slots   int
}

// Link is the place of a member in a composite, both by index.
type Link struct{ Composite, Position int }

// Use is the place of a composite in a microservice, both by index.
type Use struct{ Microservice, Position int }

// New checks an outline. Objects are numbered in the order in which they are
// first named, everything else as it is given. The error is a [*strict.Faults].
func New(o Outline) (*Structure, error) {
	b := builder{s: &Structure{
		objectAt: make(map[string]int32), compositeAt: make(map[string]int32), microAt: make(map[string]int32), serviceAt: make(map[string]int32),
	}}
	b.places(&o)
	if err := b.faults.Err(); err != nil {
		return nil, err
	}
	for i := range o.Composites {
		b.name("composite", b.s.compositeAt, o.Composites[i].Name)
	}
	for i := range o.Microservices {
		b.name("microservice", b.s.microAt, o.Microservices[i].Name)
	}
	for i := range o.Services {
		b.name("service", b.s.serviceAt, o.Services[i].Name)
	}
	if err := b.faults.Err(); err != nil {
		return nil, err
	}
	for i := range o.Composites {
		b.composite(&o.Composites[i])
	}
	b.sort()
	for i := range o.Microservices {
		b.micro(&o.Microservices[i])
	}
	for i := range o.Services {
		b.service(&o.Services[i])
	}
	if err := b.faults.Err(); err != nil {
		return nil, err
	}
	b.below()
	return b.s, nil
}

type builder struct {
	s      *Structure
	faults strict.Faults
}

func (b *builder) places(o *Outline) {
	n := 0
	for i := range o.Composites {
		n += 1 + len(o.Composites[i].Members) + len(o.Composites[i].Critical)
	}
	for i := range o.Microservices {
		n += 1 + len(o.Microservices[i].Composites) + len(o.Microservices[i].Critical)
	}
	for i := range o.Services {
		x := &o.Services[i]
		n += 1 + len(x.Microservices) + len(x.Critical)
		for j := range x.Groups {
			n += 1 + len(x.Groups[j].Microservices)
		}
	}
	if n > MaxPlaces {
		b.faults.Add("a structure has %d places, at most %d are taken", n, MaxPlaces)
	}
}

func (b *builder) name(kind string, at map[string]int32, name string) {
	switch _, twice := at[name]; {
	case name == "":
		b.faults.Add("a %s has no name", kind)
	case twice:
		b.faults.Add("%s %.*q is there twice", kind, maxSentence, name)
	default:
		at[name] = int32(len(at))
	}
}

// need gives how many of n a restriction asks for.
func (b *builder) need(kind, name string, r object.Restriction, n int) int {
	switch {
	case n == 0:
		b.faults.Add("%s %.*q is empty", kind, maxSentence, name)
	case r.Kind == "" || r.Kind == "all":
		return n
	case r.Kind == "some":
		return 1
	case r.Kind != "min":
		b.faults.Add("%s %.*q: restriction %.40q is none of all, min, some", kind, maxSentence, name, r.Kind)
	case r.K < 1 || r.K > n:
		b.faults.Add("%s %.*q: min %d of %d cannot be", kind, maxSentence, name, r.K, n)
	default:
		return r.K
	}
	return n
}

// among finds names among those at, and says which are not or repeated.
func (b *builder) among(kind, name, what string, names []string, at map[string]int32) []int32 {
	out := make([]int32, 0, len(names))
	seen := make(map[int32]bool, len(names))
	for _, x := range names {
		switch i, ok := at[x]; {
		case !ok:
			b.faults.Add("%s %.*q: there is no %s %.*q", kind, maxSentence, name, what, maxSentence, x)
		case seen[i]:
			b.faults.Add("%s %.*q: %s %.*q is there twice", kind, maxSentence, name, what, maxSentence, x)
		default:
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}

// positions gives where the critical ones stand in list.
func (b *builder) positions(kind, name string, critical, list []int32) []int32 {
	out := make([]int32, 0, len(critical))
	for _, c := range critical {
		if p := slices.Index(list, c); p >= 0 {
			out = append(out, int32(p))
		} else {
			b.faults.Add("%s %.*q: something critical is not part of it", kind, maxSentence, name)
		}
	}
	slices.Sort(out)
	return out
}

func (b *builder) member(name string, m Member) (int32, bool) {
	switch {
	case (m.Object == "") == (m.Composite == ""):
		b.faults.Add("composite %.*q: a member is an object or a composite", maxSentence, name)
	case m.Composite != "":
		c, ok := b.s.compositeAt[m.Composite]
		if !ok {
			b.faults.Add("composite %.*q: there is no composite %.*q", maxSentence, name, maxSentence, m.Composite)
		}
		return ^c, ok
	default:
		i, ok := b.s.objectAt[string(m.Object)]
		if !ok {
			i = int32(len(b.s.objects))
			b.s.objectAt[string(m.Object)] = i
			b.s.objects = append(b.s.objects, m.Object)
		}
		return i, true
	}
	return 0, false
}

func (b *builder) composite(o *Composite) {
	c := composite{name: o.Name, members: make([]int32, 0, len(o.Members))}
	seen := make(map[int32]int, len(o.Members))
	for _, m := range o.Members {
		i, ok := b.member(o.Name, m)
		if !ok {
			continue
		}
		if _, twice := seen[i]; twice {
			b.faults.Add("composite %.*q: member %.*q is there twice", maxSentence, o.Name, maxSentence, string(m.Object)+m.Composite)
			continue
		}
		seen[i] = len(c.members)
		c.members = append(c.members, i)
	}
	for _, m := range o.Critical {
		i, known := b.s.objectAt[string(m.Object)]
		if m.Composite != "" {
			i, known = b.s.compositeAt[m.Composite]
			i = ^i
		}
		p, in := seen[i]
		if !known || !in {
			b.faults.Add("composite %.*q: %.*q is critical and no member", maxSentence, o.Name, maxSentence, string(m.Object)+m.Composite)
			continue
		}
		c.critical = append(c.critical, int32(p))
	}
	slices.Sort(c.critical)
	c.critical = slices.Compact(c.critical)
	c.need = b.need("composite", o.Name, o.Restriction, len(c.members))
	b.s.composites = append(b.s.composites, c)
}

// sort puts members before those that hold them, and finds circles.
func (b *builder) sort() {
	s := b.s
	n := len(s.composites)
	s.usesOfObject, s.usesOfComposite, s.microsOf = make([][]Link, len(s.objects)), make([][]Link, n), make([][]Use, n)
	waits := make([]int, n)
	for i := range s.composites {
		for p, m := range s.composites[i].members {
			l := Link{i, p}
			if m >= 0 {
				s.usesOfObject[m] = append(s.usesOfObject[m], l)
			} else {
				s.usesOfComposite[^m] = append(s.usesOfComposite[^m], l)
				waits[i]++
			}
		}
	}
	s.order, s.rank = make([]int32, 0, n), make([]int32, n)
	for i := range waits {
		if waits[i] == 0 {
			s.order = append(s.order, int32(i))
		}
	}
	for k := 0; k < len(s.order); k++ {
		s.rank[s.order[k]] = int32(k)
		for _, l := range s.usesOfComposite[s.order[k]] {
			if waits[l.Composite]--; waits[l.Composite] == 0 {
				s.order = append(s.order, int32(l.Composite))
			}
		}
	}
	if len(s.order) < n {
		for i, w := range waits {
			if w > 0 {
				b.faults.Add("composite %.*q holds itself, through others or directly", maxSentence, s.composites[i].name)
			}
		}
		return
	}
	for _, i := range s.order {
		c := &s.composites[i]
		for _, m := range c.members {
			if m >= 0 {
				c.slots++
			} else {
				c.slots = min(c.slots+s.composites[^m].slots, MaxSlots)
			}
		}
	}
}

func (b *builder) micro(o *Microservice) {
	s := b.s
	m := micro{name: o.Name, composites: b.among("microservice", o.Name, "composite", o.Composites, s.compositeAt)}
	m.critical = b.positions("microservice", o.Name, b.among("microservice", o.Name, "composite", o.Critical, s.compositeAt), m.composites)
	m.need = b.need("microservice", o.Name, o.Restriction, len(m.composites))
	for p, c := range m.composites {
		m.slots = min(m.slots+s.composites[c].slots, MaxSlots)
		s.microsOf[c] = append(s.microsOf[c], Use{len(s.micros), p})
	}
	s.micros = append(s.micros, m)
}

func (b *builder) set(kind, name string, micros []string, weights []float64, r object.Restriction) set {
	x := set{micros: b.among(kind, name, "microservice", micros, b.s.microAt), weights: weights}
	x.need = b.need(kind, name, r, len(x.micros))
	x.weight = float64(len(x.micros))
	for _, m := range x.micros {
		x.slots = min(x.slots+b.s.micros[m].slots, MaxSlots)
	}
	if x.slots == MaxSlots {
		b.faults.Add("%s %.*q has too many objects below it", kind, maxSentence, name)
	}
	if weights == nil {
		return x
	}
	x.weight = 0
	for _, w := range weights {
		if !(w >= 0 && w <= 1e9) {
			b.faults.Add("%s %.*q: a weight is between 0 and 1e9", kind, maxSentence, name)
		}
		x.weight += w
	}
	if len(weights) != len(micros) || !(x.weight > 0) {
		b.faults.Add("%s %.*q: there is one weight for each microservice, and not all are 0", kind, maxSentence, name)
	}
	return x
}

func (b *builder) service(o *Service) {
	x := service{name: o.Name, set: b.set("service", o.Name, o.Microservices, slices.Clone(o.Weights), o.Restriction)}
	x.critical = b.positions("service", o.Name, b.among("service", o.Name, "microservice", o.Critical, b.s.microAt), x.set.micros)
	for i := range o.Groups {
		g := &o.Groups[i]
		name := o.Name + "/" + g.Name
		if g.Name == "" || slices.Contains(x.groups, g.Name) {
			b.faults.Add("service %.*q: a group has no name, or that of another", maxSentence, o.Name)
		}
		y := b.set("group", name, g.Microservices, nil, g.Restriction)
		b.positions("group", name, y.micros, x.set.micros)
		x.groups, x.sets = append(x.groups, g.Name), append(x.sets, y)
	}
	b.s.services = append(b.s.services, x)
}

// below finds the objects of each service.
func (b *builder) below() {
	s := b.s
	seen := make([]int32, len(s.composites))
	objects := make([]int32, len(s.objects))
	for i := range s.services {
		x := &s.services[i]
		mark := int32(i + 1)
		var stack []int32
		reach := func(c int32) {
			if seen[c] != mark {
				seen[c] = mark
				stack = append(stack, c)
			}
		}
		for _, m := range x.set.micros {
			for _, c := range s.micros[m].composites {
				reach(c)
			}
		}
		for len(stack) > 0 {
			c := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for _, m := range s.composites[c].members {
				if m < 0 {
					reach(^m)
				} else if objects[m] != mark {
					objects[m] = mark
					x.objects = append(x.objects, m)
				}
			}
		}
		slices.Sort(x.objects)
	}
}

// Counts gives how many objects, composites, microservices and services there are.
func (s *Structure) Counts() (objects, composites, microservices, services int) {
	return len(s.objects), len(s.composites), len(s.micros), len(s.services)
}

// ObjectID gives the identifier of an object by its index.
func (s *Structure) ObjectID(i int) object.ID { return s.objects[i] }

// CompositeName gives the name of a composite by its index.
func (s *Structure) CompositeName(i int) string { return s.composites[i].name }

// ServiceName gives the name of a service by its index.
func (s *Structure) ServiceName(i int) string { return s.services[i].name }

// GroupNames gives the names of a service's groups, in their order. It is not to
// be changed.
func (s *Structure) GroupNames(service int) []string { return s.services[service].groups }

func find(at map[string]int32, name string) (int, bool) {
	i, ok := at[name]
	return int(i), ok
}

// Object finds an object.
func (s *Structure) Object(id object.ID) (int, bool) { return find(s.objectAt, string(id)) }

// Composite finds a composite.
func (s *Structure) Composite(name string) (int, bool) { return find(s.compositeAt, name) }

// Microservice finds a microservice.
func (s *Structure) Microservice(name string) (int, bool) { return find(s.microAt, name) }

// Service finds a service.
func (s *Structure) Service(name string) (int, bool) { return find(s.serviceAt, name) }

// Link finds the place of a member in a composite.
func (s *Structure) Link(composite string, m Member) (Link, bool) {
	c, ok := s.compositeAt[composite]
	i, known := s.objectAt[string(m.Object)]
	if m.Composite != "" {
		i, known = s.compositeAt[m.Composite]
		i = ^i
	}
	if !ok || !known {
		return Link{}, false
	}
	p := slices.Index(s.composites[c].members, i)
	return Link{int(c), p}, p >= 0
}

// Use finds the place of a composite in a microservice.
func (s *Structure) Use(microservice, composite string) (Use, bool) {
	m, ok := s.microAt[microservice]
	c, known := s.compositeAt[composite]
	if !ok || !known {
		return Use{}, false
	}
	p := slices.Index(s.micros[m].composites, c)
	return Use{int(m), p}, p >= 0
}
