package graph

import (
	"iter"
	"slices"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
)

// pointing goes through subjects among which are all that have the object by the
// predicate; false says that there is no index for it.
func (l *Live) pointing(p vocabulary.Property, o Term) (iter.Seq[node], bool) {
	if o.Kind == None || p == "" {
		return nil, false
	}
	w := l.world
	var to node
	if o.Kind == IRI {
		to = l.nodes[o.Value]
	}
	switch p {
	case vocabulary.Type:
		return l.typed(o)
	case vocabulary.LocatedIn:
		if to.kind == ofSpace {
			return l.objects(w.Located(w.Spaces()[to.at].ID)), true
		}
	case vocabulary.Includes, vocabulary.Critical, vocabulary.IsMetered:
		if to.kind == ofObject {
			return l.objects(w.Parents(w.At(int(to.at)).ID)), true
		}
	case vocabulary.Meters:
		if to.kind == ofObject {
			return l.related(w.At(int(to.at)).Meter), true
		}
	case vocabulary.Feeds:
		if to.kind == ofObject {
			return l.objects(w.FedBy(w.At(int(to.at)).ID)), true
		}
	case vocabulary.IsFedBy:
		if to.kind == ofObject {
			return l.related(w.At(int(to.at)).Feeds), true
		}
	case vocabulary.ReplicaOf:
		if to.kind == ofObject {
			return l.objects(w.Replicas(w.At(int(to.at)).ID)), true
		}
	case vocabulary.IsPointOf:
		if to.kind == ofDevice {
			return l.objects(w.OfDevice(l.devices[to.at])), true
		}
	case vocabulary.Device:
		if o.Kind == Literal && o.Type == "" {
			return l.objects(w.OfDevice(o.Value)), true
		}
	case vocabulary.HasPoint:
		if to.kind == ofObject {
			if n, ok := l.nodes[object.DeviceIRI(w.At(int(to.at)).Device)]; ok {
				return single(n), true
			}
			return none, true
		}
	case vocabulary.HasExternal:
		if to.kind == ofSeries {
			return single(node{ofObject, to.at}), true
		}
	case vocabulary.IsPartOf:
		if to.kind == ofSpace {
			return l.within(w.Inside(w.Spaces()[to.at].ID)), true
		}
	case vocabulary.HasPart:
		if to.kind == ofSpace {
			return l.within([]string{w.Spaces()[to.at].Parent}), true
		}
	case vocabulary.SubClassOf:
		return l.subclasses(to), true
	default:
		return nil, false
	}
	return none, true // it leads to something else than that
}

func (l *Live) related(id object.ID) iter.Seq[node] {
	if o, ok := l.world.Object(id); ok {
		return single(node{ofObject, int32(o.Index)})
	}
	return none
}

func (l *Live) within(spaces []string) iter.Seq[node] {
	return func(yield func(node) bool) {
		for _, s := range spaces {
			if n, ok := l.nodes[object.SpaceIRI(s)]; ok && s != "" && !yield(n) {
				return
			}
		}
	}
}

func (l *Live) subclasses(to node) iter.Seq[node] {
	return func(yield func(node) bool) {
		if to.kind != ofClass {
			return
		}
		for i, c := range l.above {
			if slices.Contains(c.Parents(), l.above[to.at]) && !yield(node{ofClass, int32(i)}) {
				return
			}
		}
	}
}

// typed goes through what may be of exactly the class.
func (l *Live) typed(o Term) (iter.Seq[node], bool) {
	if o.Kind != IRI {
		return none, true
	}
	c, ok := vocabulary.Lookup(o.Value)
	if !ok {
		if o.Value == timeseries {
			return nil, false
		}
		return none, true
	}
	switch {
	case o.Value != c.IRI():
		return none, true
	case c == vocabulary.Collection || c == vocabulary.CompositeObject:
		return l.objects(l.world.OfClass(vocabulary.CompositeObject, "")), true
	case c.Is("rec:Space"):
		return func(yield func(node) bool) {
			for i := range l.spaces {
				if !yield(node{ofSpace, int32(i)}) {
					return
				}
			}
		}, true
	case c == vocabulary.VirtualObject:
		return nil, false
	case c == vocabulary.ElectricalMeter || c == vocabulary.Equipment:
		return func(yield func(node) bool) {
			for n := range l.objects(l.world.Exactly(c)) {
				if !yield(n) {
					return
				}
			}
			for i := range l.devices {
				if !yield(node{ofDevice, int32(i)}) {
					return
				}
			}
		}, true
	}
	return l.objects(l.world.Exactly(c)), true
}
