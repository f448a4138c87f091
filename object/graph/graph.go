package graph

import (
	"iter"
	"slices"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// Graph is a world as triples, without what changes by the second.
type Graph struct {
	world   *object.World
	iris    []Term // by object
	nodes   map[string]node
	devices []string // serial numbers, sorted
	series  []int32  // objects that have values of their own: sensors
	spaces  []Term
	classes map[vocabulary.Class]Term
	above   []vocabulary.Class
}

// node is a subject.
type node struct {
	kind nodeKind
	at   int32
}

type nodeKind uint8

const (
	ofObject nodeKind = iota + 1
	ofSeries          // at: the object
	ofDevice
	ofSpace
	ofClass
)

// New makes the graph of a world.
func New(w *object.World) *Graph {
	g := &Graph{world: w, iris: make([]Term, w.Len()), nodes: make(map[string]node, 3*w.Len()), classes: make(map[vocabulary.Class]Term)}
	for i := range w.Objects() {
		o := w.At(i)
		g.iris[i] = Resource(o.ID.IRI())
		g.nodes[g.iris[i].Value] = node{ofObject, int32(i)}
		if !o.Composite {
			g.series = append(g.series, int32(i))
			g.nodes[seriesIRI(o)] = node{ofSeries, int32(i)}
		}
	}
	for _, d := range w.Devices() {
		if slices.ContainsFunc(w.OfDevice(d), isPoint) {
			g.nodes[object.DeviceIRI(d)] = node{ofDevice, int32(len(g.devices))}
			g.devices = append(g.devices, d)
		}
	}
	for i, s := range w.Spaces() {
		g.spaces = append(g.spaces, Resource(object.SpaceIRI(s.ID)))
		g.nodes[g.spaces[i].Value] = node{ofSpace, int32(i)}
	}
	g.above = vocabulary.Classes()
	for i, c := range g.above {
		g.classes[c] = Resource(c.IRI())
		g.nodes[c.IRI()] = node{ofClass, int32(i)}
	}
	return g
}

// World is the world whose graph it is.
func (g *Graph) World() *object.World { return g.world }

func isPoint(o *object.Object) bool { return !o.Composite }

func seriesIRI(o *object.Object) string {
	s, _ := o.ID.Sensor()
	return object.SeriesIRI(s)
}

// Now is how an object is at the moment.
type Now struct {
	State object.State  // "" when nobody knows
	Value *float64      // the newest value, in the coherent unit; nil when there is none
	Seen  record.Millis // when that was; 0 when never
}

// Substitution is what stands in for an object.
type Substitution struct {
	For    object.ID
	By     object.ID // "" when it is made of the object's own earlier values
	Method string
	Error  *float64 // expected, as a share
}

// Live is the graph with what changes by the second.
type Live struct {
	*Graph
	now   func(*object.Object) Now
	subs  []Substitution
	extra map[string]int32 // substitutions by IRI
	subOf map[object.ID]int32
}

// At gives the graph as it is now. The function tells how an object is; it is
// called whenever a triple about that is looked at, and may be nil. Of several
// substitutions for an object the first counts.
func (g *Graph) At(now func(*object.Object) Now, subs []Substitution) *Live {
	l := &Live{Graph: g, now: now}
	if len(subs) > 0 {
		l.extra, l.subOf = make(map[string]int32, len(subs)), make(map[object.ID]int32, len(subs))
		for _, s := range subs {
			if _, ok := l.subOf[s.For]; !ok {
				l.extra[substitutionIRI(s)], l.subOf[s.For] = int32(len(l.subs)), int32(len(l.subs))
				l.subs = append(l.subs, s)
			}
		}
	}
	return l
}

func substitutionIRI(s Substitution) string { return object.SubstitutionIRI(s.For) }

// Match goes through the triples that fit: a zero Term fits all.
func (l *Live) Match(s, p, o Term) iter.Seq[Triple] {
	return func(yield func(Triple) bool) { l.Each(s, p, o, yield) }
}

// Each calls for every triple that fits, until that says false.
func (l *Live) Each(s, p, o Term, yield func(Triple) bool) {
	property, ok := propertyOf(p)
	if !ok || s.Kind == Literal {
		return
	}
	w := wanted{s: s, p: property, o: o, emit: yield}
	if s.Kind != None {
		if n, ok := l.nodes[s.Value]; ok {
			l.about(&w, n)
		} else if i, ok := l.extra[s.Value]; ok {
			l.aboutSubstitution(&w, int(i))
		}
		return
	}
	nodes, ok := l.pointing(property, o)
	if !ok {
		nodes = l.every(property)
	}
	for n := range nodes {
		w.s = l.termOf(n)
		if l.about(&w, n); w.over {
			return
		}
	}
	for i := range l.subs {
		w.s = Resource(substitutionIRI(l.subs[i]))
		if l.aboutSubstitution(&w, i); w.over {
			return
		}
	}
}

// propertyOf is the property of a predicate, "" when it may be any; false when
// no triple has it.
func propertyOf(p Term) (vocabulary.Property, bool) {
	if p.Kind == None {
		return "", true
	}
	property, ok := properties[p.Value]
	return property, ok && p.Kind == IRI
}

// Estimate tells about how many triples fit, without looking at them.
func (l *Live) Estimate(s, p, o Term) int {
	property, ok := propertyOf(p)
	switch {
	case !ok || s.Kind == Literal:
		return 0
	case s.Kind != None && property != "":
		return 2
	case s.Kind != None:
		return 20
	case property == "":
		return 20 * (l.world.Len() + len(l.above))
	case o.Kind == None:
		n := len(l.subs)
		for _, k := range kindsOf(property) {
			n += l.count(k)
		}
		return n
	}
	nodes, ok := l.pointing(property, o)
	if !ok {
		return l.world.Len()/2 + 1
	}
	n := len(l.subs)
	for range nodes {
		n++
	}
	return n
}

func (l *Live) count(k nodeKind) int {
	switch k {
	case ofObject:
		return l.world.Len()
	case ofSeries:
		return len(l.series)
	case ofDevice:
		return len(l.devices)
	case ofSpace:
		return len(l.spaces)
	}
	return len(l.above)
}

// every goes through the subjects that may have the predicate.
func (l *Live) every(p vocabulary.Property) iter.Seq[node] {
	return func(yield func(node) bool) {
		for _, k := range kindsOf(p) {
			if k == ofSeries {
				for _, i := range l.series {
					if !yield(node{ofSeries, i}) {
						return
					}
				}
				continue
			}
			for i := range l.count(k) {
				if !yield(node{k, int32(i)}) {
					return
				}
			}
		}
	}
}

func (l *Live) termOf(n node) Term {
	switch n.kind {
	case ofObject:
		return l.iris[n.at]
	case ofSeries:
		return Resource(seriesIRI(l.world.At(int(n.at))))
	case ofDevice:
		return Resource(object.DeviceIRI(l.devices[n.at]))
	case ofSpace:
		return l.spaces[n.at]
	}
	return l.classes[l.above[n.at]]
}

func (g *Graph) objects(list []*object.Object) iter.Seq[node] {
	return func(yield func(node) bool) {
		for _, o := range list {
			if !yield(node{ofObject, int32(o.Index)}) {
				return
			}
		}
	}
}

func single(n node) iter.Seq[node] { return func(yield func(node) bool) { yield(n) } }

func none(func(node) bool) {}
