package graph

import (
	"slices"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

var timeseries = vocabulary.Expand("ref:TimeseriesReference")

// wanted writes the triples of one subject that have the predicate.
type wanted struct {
	s    Term
	p    vocabulary.Property // "" is any
	o    Term                // None is any
	emit func(Triple) bool
	over bool // nobody wants more
}

func (w *wanted) wants(p vocabulary.Property) bool { return !w.over && (w.p == "" || w.p == p) }

func (w *wanted) put(p vocabulary.Property, o Term) {
	if !w.wants(p) || w.o.Kind != None && w.o != o {
		return
	}
	w.over = !w.emit(Triple{w.s, predicates[p], o})
}

func (w *wanted) text(p vocabulary.Property, s string) {
	if s != "" && w.wants(p) {
		w.put(p, Text(s))
	}
}

// predicates are the terms of the properties, and properties those of IRIs.
var predicates, properties = func() (map[vocabulary.Property]Term, map[string]vocabulary.Property) {
	terms, back := make(map[vocabulary.Property]Term), make(map[string]vocabulary.Property)
	for _, u := range vocabulary.Uses() {
		terms[u.Property] = Resource(u.Property.IRI())
		back[u.Property.IRI()] = u.Property
	}
	return terms, back
}()

// kindsOf tells which subjects may have a property, but for substitutions.
func kindsOf(p vocabulary.Property) []nodeKind {
	switch p {
	case "":
		return []nodeKind{ofObject, ofSeries, ofDevice, ofSpace, ofClass}
	case vocabulary.Type:
		return []nodeKind{ofObject, ofSeries, ofDevice, ofSpace}
	case vocabulary.Label:
		return []nodeKind{ofObject, ofDevice, ofSpace, ofClass}
	case vocabulary.SubClassOf:
		return []nodeKind{ofClass}
	case vocabulary.HasPart, vocabulary.IsPartOf:
		return []nodeKind{ofSpace}
	case vocabulary.HasPoint:
		return []nodeKind{ofDevice}
	case vocabulary.HasTimeseriesID:
		return []nodeKind{ofSeries}
	case vocabulary.SubstFor, vocabulary.SubstBy, vocabulary.Method, vocabulary.ExpectedErr:
		return nil
	}
	return []nodeKind{ofObject}
}

// about writes the triples of a node.
func (l *Live) about(w *wanted, n node) {
	switch n.kind {
	case ofObject:
		l.aboutObject(w, l.world.At(int(n.at)))
	case ofSeries:
		id, _ := l.world.At(int(n.at)).ID.Sensor()
		w.put(vocabulary.Type, Resource(timeseries))
		w.text(vocabulary.HasTimeseriesID, string(id))
	case ofDevice:
		l.aboutDevice(w, l.devices[n.at])
	case ofSpace:
		l.aboutSpace(w, &l.world.Spaces()[n.at])
	case ofClass:
		c := l.above[n.at]
		w.text(vocabulary.Label, c.Label())
		for _, up := range c.Parents() {
			w.put(vocabulary.SubClassOf, l.classes[up])
		}
	}
}

func (l *Live) aboutObject(w *wanted, o *object.Object) {
	switch w.p { // those that questions ask for most, without a look at the others
	case vocabulary.StateWord, vocabulary.LastValue, vocabulary.LastSeen:
		l.aboutNow(w, o)
		return
	case vocabulary.Includes, vocabulary.Critical, vocabulary.IsMetered, vocabulary.Restricted, vocabulary.MinCount:
		if o.Composite {
			l.aboutComposite(w, o)
		}
		return
	case vocabulary.Type:
		l.typesOf(w, o)
		return
	}
	l.typesOf(w, o)
	w.text(vocabulary.Label, o.Name)
	if o.Quantity != "" {
		w.put(vocabulary.HasUnit, units[o.Quantity])
		w.put(vocabulary.HasQuantityKind, quantityKinds[o.Quantity])
		w.text(vocabulary.QuantityWord, string(o.Quantity))
	}
	w.text(vocabulary.KindWord, string(o.Kind))
	if o.Space != "" && w.wants(vocabulary.LocatedIn) {
		w.put(vocabulary.LocatedIn, l.spaces[l.nodes[object.SpaceIRI(o.Space)].at])
	}
	if o.Device != "" {
		w.text(vocabulary.Device, o.Device)
		if !o.Composite && w.wants(vocabulary.IsPointOf) {
			w.put(vocabulary.IsPointOf, Resource(object.DeviceIRI(o.Device)))
		}
	}
	if o.Feeds != "" {
		w.put(vocabulary.Feeds, l.object(o.Feeds))
	}
	if w.wants(vocabulary.IsFedBy) {
		for _, from := range l.world.FedBy(o.ID) {
			w.put(vocabulary.IsFedBy, l.iris[from.Index])
		}
	}
	if o.Replica != "" {
		w.put(vocabulary.ReplicaOf, l.object(o.Replica))
	}
	if w.wants(vocabulary.Interval) && o.Interval > 0 {
		w.put(vocabulary.Interval, Int(o.Interval))
	}
	if w.wants(vocabulary.MaxAge) && o.MaxAge > 0 {
		w.put(vocabulary.MaxAge, Int(o.MaxAge))
	}
	if w.wants(vocabulary.Horizon) && o.Horizon > 0 {
		w.put(vocabulary.Horizon, Int(o.Horizon))
	}
	if o.Capacity > 0 {
		w.put(vocabulary.Capacity, Int(int64(o.Capacity)))
	}
	if o.Actuator {
		w.put(vocabulary.Actuator, Bool(true))
	}
	if o.Composite {
		l.aboutComposite(w, o)
	} else {
		if w.wants(vocabulary.HasExternal) {
			w.put(vocabulary.HasExternal, Resource(seriesIRI(o)))
		}
		if w.wants(vocabulary.Meters) {
			for _, c := range l.world.Parents(o.ID) {
				if c.Meter == o.ID {
					w.put(vocabulary.Meters, l.iris[c.Index])
				}
			}
		}
	}
	l.aboutNow(w, o)
}

func (l *Live) typesOf(w *wanted, o *object.Object) {
	if !w.wants(vocabulary.Type) {
		return
	}
	w.put(vocabulary.Type, l.classes[o.Class])
	if !o.Composite {
		w.put(vocabulary.Type, l.classes[vocabulary.VirtualObject])
		return
	}
	if o.Class != vocabulary.Collection {
		w.put(vocabulary.Type, l.classes[vocabulary.Collection])
	}
	w.put(vocabulary.Type, l.classes[vocabulary.CompositeObject])
}

func (l *Live) aboutComposite(w *wanted, o *object.Object) {
	w.text(vocabulary.Restricted, o.Restriction.Kind)
	if o.Restriction.Kind == object.Min {
		w.put(vocabulary.MinCount, Int(int64(o.Restriction.K)))
	}
	if w.wants(vocabulary.Includes) {
		for _, m := range o.Members {
			w.put(vocabulary.Includes, l.object(m))
		}
	}
	if w.wants(vocabulary.Critical) {
		for _, m := range o.Critical {
			w.put(vocabulary.Critical, l.object(m))
		}
	}
	if o.Meter != "" {
		w.put(vocabulary.IsMetered, l.object(o.Meter))
	}
}

func (l *Live) aboutNow(w *wanted, o *object.Object) {
	if w.wants(vocabulary.DerivedFrom) {
		if i, ok := l.subOf[o.ID]; ok && l.subs[i].By != "" {
			w.put(vocabulary.DerivedFrom, l.object(l.subs[i].By))
		}
	}
	if l.now == nil || !w.wants(vocabulary.StateWord) && !w.wants(vocabulary.LastValue) && !w.wants(vocabulary.LastSeen) {
		return
	}
	now := l.now(o)
	w.text(vocabulary.StateWord, string(now.State))
	if now.Value != nil && w.wants(vocabulary.LastValue) {
		w.put(vocabulary.LastValue, Float(*now.Value))
	}
	if now.Seen > 0 && w.wants(vocabulary.LastSeen) {
		w.put(vocabulary.LastSeen, Time(now.Seen))
	}
}

func (l *Live) aboutDevice(w *wanted, serial string) {
	points := l.world.OfDevice(serial)
	if w.wants(vocabulary.Type) {
		class := vocabulary.ElectricalMeter
		if slices.ContainsFunc(points, func(o *object.Object) bool { return !electrical(o.Quantity) }) {
			class = vocabulary.Equipment
		}
		w.put(vocabulary.Type, l.classes[class])
	}
	w.text(vocabulary.Label, serial)
	if w.wants(vocabulary.HasPoint) {
		for _, o := range points {
			if !o.Composite {
				w.put(vocabulary.HasPoint, l.iris[o.Index])
			}
		}
	}
}

func (l *Live) aboutSpace(w *wanted, s *object.Space) {
	w.put(vocabulary.Type, l.classes[s.Kind])
	w.text(vocabulary.Label, s.Name)
	if s.Parent != "" {
		w.put(vocabulary.IsPartOf, Resource(object.SpaceIRI(s.Parent)))
	}
	if w.wants(vocabulary.HasPart) {
		for _, in := range l.world.Inside(s.ID) {
			w.put(vocabulary.HasPart, Resource(object.SpaceIRI(in)))
		}
	}
}

func (l *Live) aboutSubstitution(w *wanted, i int) {
	s := l.subs[i]
	w.put(vocabulary.Type, l.classes[vocabulary.Substitution])
	w.put(vocabulary.SubstFor, l.object(s.For))
	if s.By != "" {
		w.put(vocabulary.SubstBy, l.object(s.By))
	}
	w.text(vocabulary.Method, s.Method)
	if s.Error != nil {
		w.put(vocabulary.ExpectedErr, Float(*s.Error))
	}
}

func (l *Live) object(id object.ID) Term {
	if o, ok := l.world.Object(id); ok {
		return l.iris[o.Index]
	}
	return Resource(id.IRI())
}

func electrical(q record.Quantity) bool {
	switch q {
	case record.ActivePower, record.ReactivePower, record.ApparentPower, record.Energy, record.ReactiveEnergy, record.ApparentEnergy,
		record.Voltage, record.Current, record.Frequency, record.PowerFactor, record.PhaseAngle, record.Charge:
		return true
	}
	return false
}

var units, quantityKinds = func() (u, k map[record.Quantity]Term) {
	u, k = make(map[record.Quantity]Term), make(map[record.Quantity]Term)
	for _, q := range record.Quantities() {
		u[q], k[q] = Resource(vocabulary.Expand(vocabulary.UnitOf(q))), Resource(vocabulary.Expand(vocabulary.KindOf(q)))
	}
	return u, k
}()
