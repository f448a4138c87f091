package object

import (
	"cmp"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// World is all objects and spaces, with indexes. It never changes; nothing that
// it gives may be changed.
type World struct {
	objects  []Object // sorted by identifier
	index    map[ID]int32
	parents  [][]*Object // by index: composites it is a member or the meter of
	fedBy    map[ID][]*Object
	replicas map[ID][]*Object
	classes  map[vocabulary.Class][]*Object // of exactly the class, in order
	kinds    map[vocabulary.Class][]*Object // of the class or one below it
	devices  map[string][]*Object

	order []*Object  // depth-first: what lies below a composite is one stretch
	spans [][2]int32 // by index: the stretch in order

	spaces     []Space // sorted by identifier
	spaceIndex map[string]int32
	inside     [][]string  // by space: spaces directly within
	located    [][]*Object // by space: objects exactly there

	faults []Fault
}

// NewWorld makes the world of a model, spaces and enrichments. What is wrong
// with these is left out and told, in the order in which it was found; the world
// is there in any case.
func NewWorld(m *model.Model, spaces []Space, more []Enrichment) (*World, []Fault) {
	w := &World{}
	w.addSpaces(m, spaces)
	w.addObjects(m)
	w.enrich(more)
	w.layout()
	w.listAll()
	return w, w.Faults()
}

// source is a sensor or a group on its way into the world.
type source struct {
	id     ID
	sensor *model.Sensor
	group  *model.Group
}

func (w *World) addObjects(m *model.Model) {
	_, sensors, groups, _ := m.Counts()
	from := make([]source, 0, sensors+groups)
	for s := range m.Sensors() {
		from = append(from, source{id: OfSensor(s.ID), sensor: s})
	}
	for g := range m.Groups() {
		from = append(from, source{id: OfGroup(g.ID), group: g})
	}
	slices.SortFunc(from, func(a, b source) int { return cmp.Compare(a.id, b.id) })
	w.objects = make([]Object, len(from))
	w.index = make(map[ID]int32, len(from))
	for i, f := range from {
		o := &w.objects[i]
		o.ID, o.Index = f.id, i
		w.index[o.ID] = int32(i)
		if f.sensor != nil {
			ofSensor(o, f.sensor)
		} else {
			ofGroup(o, f.group, m)
		}
	}
}

func ofSensor(o *Object, s *model.Sensor) {
	o.Name = s.Name
	o.Virtual = s.Formula != ""
	o.Class = vocabulary.ClassOf(s.Quantity)
	o.Quantity = s.Quantity
	o.Unit = s.Quantity.Unit().Symbol
	o.Kind = s.Kind
	o.Space = string(s.Site)
	if n := len(s.Devices); n > 0 && s.Devices[n-1].To == nil {
		o.Device = s.Devices[n-1].Serial
	}
	o.Interval = time.Duration(s.Interval).Milliseconds()
	o.MaxAge = s.Age()
	o.Horizon = max(DefaultHorizon, o.MaxAge)
}

func ofGroup(o *Object, g *model.Group, m *model.Model) {
	o.Name = g.Name
	o.Composite = true
	o.Class = vocabulary.Collection
	o.Quantity = m.QuantityOf(g.ID)
	o.Unit = o.Quantity.Unit().Symbol
	if h, ok := m.HierarchyOf(g.ID); ok {
		if h, ok := m.Hierarchy(h); ok {
			o.Space = string(h.Site)
		}
	}
	o.Restriction = Restriction{Kind: Some}
	o.Members = make([]ID, 0, len(g.Members))
	for _, e := range g.Members {
		switch {
		case e.Group != "":
			o.Members = append(o.Members, OfGroup(e.Group))
		case e.Meter:
			o.Meter = OfSensor(e.Sensor)
		default:
			o.Members = append(o.Members, OfSensor(e.Sensor))
		}
	}
}

// layout numbers depth-first from the tops of the trees, and gives composites
// the times of their leaves. The model has no cycles and is at most 64 deep.
func (w *World) layout() {
	w.parents = make([][]*Object, len(w.objects))
	inner := make([]bool, len(w.objects))
	for i := range w.objects {
		o := &w.objects[i]
		for _, id := range w.held(o) {
			if at, ok := w.index[id]; ok {
				w.parents[at] = append(w.parents[at], o)
				inner[at] = true
			}
		}
	}
	w.spans = make([][2]int32, len(w.objects))
	w.order = make([]*Object, 0, len(w.objects))
	var walk func(o *Object) (horizon int64) // the greatest of its leaves
	walk = func(o *Object) (horizon int64) {
		w.order = append(w.order, o)
		if !o.Composite {
			return o.Horizon
		}
		from := int32(len(w.order))
		for _, id := range w.held(o) {
			at, ok := w.index[id]
			if !ok {
				continue
			}
			e := &w.objects[at]
			horizon = max(horizon, walk(e))
			o.Interval = max(o.Interval, e.Interval)
			if o.MaxAge >= 0 && (e.MaxAge < 0 || e.MaxAge > o.MaxAge) {
				o.MaxAge = e.MaxAge
			}
		}
		if o.Horizon == 0 { // nobody said
			o.Horizon = horizon
		}
		w.spans[o.Index] = [2]int32{from, int32(len(w.order))}
		return horizon
	}
	for i := range w.objects {
		if o := &w.objects[i]; o.Composite && !inner[i] {
			walk(o)
		}
	}
}

// held is what lies directly below a composite: its meter, then its members.
func (w *World) held(o *Object) []ID {
	if o.Meter == "" {
		return o.Members
	}
	return append([]ID{o.Meter}, o.Members...)
}

func (w *World) listAll() {
	w.classes = make(map[vocabulary.Class][]*Object)
	w.devices = make(map[string][]*Object)
	w.fedBy = make(map[ID][]*Object)
	w.replicas = make(map[ID][]*Object)
	w.kinds = make(map[vocabulary.Class][]*Object)
	w.located = make([][]*Object, len(w.spaces))
	above := make(map[vocabulary.Class][]vocabulary.Class)
	for i := range w.objects {
		o := &w.objects[i]
		supers, ok := above[o.Class]
		if !ok {
			supers = o.Class.Above()
			above[o.Class] = supers
		}
		for _, c := range supers {
			w.kinds[c] = append(w.kinds[c], o)
		}
		w.classes[o.Class] = append(w.classes[o.Class], o)
		if o.Device != "" {
			w.devices[o.Device] = append(w.devices[o.Device], o)
		}
		if o.Feeds != "" {
			w.fedBy[o.Feeds] = append(w.fedBy[o.Feeds], o)
		}
		if o.Replica != "" {
			w.replicas[o.Replica] = append(w.replicas[o.Replica], o)
		}
		if at, ok := w.spaceIndex[o.Space]; ok {
			w.located[at] = append(w.located[at], o)
		}
	}
}

// Objects lists every object, sorted by identifier; an object's Index is its
// place here.
func (w *World) Objects() []Object { return w.objects }

// Len is how many objects there are.
func (w *World) Len() int { return len(w.objects) }

// At gives the object of an index.
func (w *World) At(i int) *Object { return &w.objects[i] }

// Object gives an object and whether there is one.
func (w *World) Object(id ID) (*Object, bool) {
	i, ok := w.index[id]
	if !ok {
		return nil, false
	}
	return &w.objects[i], true
}

// Exactly lists the objects of exactly the class, sorted by identifier.
func (w *World) Exactly(c vocabulary.Class) []*Object { return w.classes[c] }

// OfClass lists the objects of the class and its subclasses: of the whole world
// sorted by identifier when under is "", else of what lies below the composite,
// in its order. The class may be written in any way that [vocabulary.Lookup]
// takes, also [vocabulary.VirtualObject] and [vocabulary.CompositeObject].
func (w *World) OfClass(c vocabulary.Class, under ID) []*Object {
	if full, ok := vocabulary.Lookup(string(c)); ok {
		c = full
	}
	if c == vocabulary.VirtualObject || c == vocabulary.CompositeObject {
		return w.ofKind(c == vocabulary.CompositeObject, under)
	}
	if under == "" {
		return w.kinds[c]
	}
	set := c.Below()
	var out []*Object
	last, in := vocabulary.Class(""), false
	for _, o := range w.Below(under) {
		if o.Class != last {
			last, in = o.Class, set.Has(o.Class)
		}
		if in {
			out = append(out, o)
		}
	}
	return out
}

func (w *World) ofKind(composite bool, under ID) []*Object {
	var out []*Object
	take := func(o *Object) {
		if o.Composite || !composite {
			out = append(out, o)
		}
	}
	if under == "" {
		for i := range w.objects {
			take(&w.objects[i])
		}
		return out
	}
	for _, o := range w.Below(under) {
		take(o)
	}
	return out
}

// Below lists everything within a composite, at any depth, each composite before
// what is in it; the composite's own meter stands first. It is empty for a
// sensor and for what is unknown.
func (w *World) Below(id ID) []*Object {
	i, ok := w.index[id]
	if !ok {
		return nil
	}
	return w.order[w.spans[i][0]:w.spans[i][1]:w.spans[i][1]]
}

// Parents lists the composites that the object is a member or the meter of.
func (w *World) Parents(id ID) []*Object {
	if i, ok := w.index[id]; ok {
		return w.parents[i]
	}
	return nil
}

// FedBy lists the objects that feed the object.
func (w *World) FedBy(id ID) []*Object { return w.fedBy[id] }

// Replicas lists the objects that say to measure the same as the object.
func (w *World) Replicas(id ID) []*Object { return w.replicas[id] }

// OfDevice lists the objects of the device of a serial number.
func (w *World) OfDevice(serial string) []*Object { return w.devices[serial] }

// Devices lists the serial numbers of all devices, sorted.
func (w *World) Devices() []string {
	out := make([]string, 0, len(w.devices))
	for s := range w.devices {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// Measuring lists the objects of the quantity, sorted by identifier.
func (w *World) Measuring(q record.Quantity) []*Object {
	var out []*Object
	for i := range w.objects {
		if w.objects[i].Quantity == q {
			out = append(out, &w.objects[i])
		}
	}
	return out
}

// Faults lists what was wrong with the spaces and enrichments.
func (w *World) Faults() []Fault { return slices.Clone(w.faults) }
