package model

import (
	"cmp"
	"iter"
	"slices"
	"sync"

	"github.com/wattwerk/wattwerk/record"
)

// Model is a validated document with indexes. It never changes.
type Model struct {
	sites       shards[SiteID, *siteNode]
	sensors     shards[record.SensorID, *sensorNode]
	groups      shards[GroupID, *groupNode]
	hierarchies map[HierarchyID]*hierarchyNode
	roots       map[GroupID]HierarchyID
	virtuals    shards[record.SensorID, *virtual] // sensors with a formula
	users       shards[operandKey, *users]        // by what formulas use
	age         uint64                            // how many changes ago the model was empty
}

type siteNode struct {
	Site
	uses int // sensors and hierarchies that name it
}

type sensorNode struct {
	Sensor
	in  []GroupID // groups it is a member of
	age uint64    // the model's age when the node was made: only that change may write to it
}

type groupNode struct {
	Group
	parent   GroupID         // "" at the top of a tree
	leaves   int             // sensors in the subtree
	total    uint32          // see LayoutGroup
	height   int             // 1: no groups within
	quantity record.Quantity // of all leaves; "" without leaves
	metered  bool            // has a meter
	age      uint64
}

type hierarchyNode struct {
	Hierarchy
	cell *layoutCell // shared by models in which nothing of it differs
}

type layoutCell struct {
	once   sync.Once
	layout *Layout
}

// New validates the document and indexes it. The error is a [*Faults] with
// everything that is wrong. The slices within the document are used on and
// must not be changed any more.
func New(d Document) (*Model, error) {
	m, _, err := new(Model).Apply(Patch{Sites: d.Sites, Sensors: d.Sensors, Groups: d.Groups, Hierarchies: d.Hierarchies})
	return m, err
}

// Document gives the model as a document, lists sorted by identifier, defaults
// filled in. Slices within are shared and must not be changed.
func (m *Model) Document() Document {
	d := Document{
		Sites:       make([]Site, 0, m.sites.n),
		Sensors:     make([]Sensor, 0, m.sensors.n),
		Groups:      make([]Group, 0, m.groups.n),
		Hierarchies: make([]Hierarchy, 0, len(m.hierarchies)),
	}
	for s := range m.Sites() {
		d.Sites = append(d.Sites, *s)
	}
	for s := range m.Sensors() {
		d.Sensors = append(d.Sensors, *s)
	}
	for g := range m.Groups() {
		d.Groups = append(d.Groups, *g)
	}
	for _, h := range m.hierarchies {
		d.Hierarchies = append(d.Hierarchies, h.Hierarchy)
	}
	slices.SortFunc(d.Sites, func(a, b Site) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(d.Sensors, func(a, b Sensor) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(d.Groups, func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(d.Hierarchies, func(a, b Hierarchy) int { return cmp.Compare(a.ID, b.ID) })
	return d
}

// Sites goes through all sites, in no particular order.
func (m *Model) Sites() iter.Seq[*Site] {
	return func(yield func(*Site) bool) {
		for _, n := range m.sites.all() {
			if !yield(&n.Site) {
				return
			}
		}
	}
}

// Sensors goes through all sensors, in no particular order. None may be changed.
func (m *Model) Sensors() iter.Seq[*Sensor] {
	return func(yield func(*Sensor) bool) {
		for _, n := range m.sensors.all() {
			if !yield(&n.Sensor) {
				return
			}
		}
	}
}

// Groups goes through all groups, in no particular order. None may be changed.
func (m *Model) Groups() iter.Seq[*Group] {
	return func(yield func(*Group) bool) {
		for _, n := range m.groups.all() {
			if !yield(&n.Group) {
				return
			}
		}
	}
}

// Sensor gives a sensor and whether there is one. It must not be changed.
func (m *Model) Sensor(id record.SensorID) (*Sensor, bool) {
	n, ok := m.sensors.get(id)
	if !ok {
		return nil, false
	}
	return &n.Sensor, true
}

// Group gives a group and whether there is one. It must not be changed.
func (m *Model) Group(id GroupID) (*Group, bool) {
	n, ok := m.groups.get(id)
	if !ok {
		return nil, false
	}
	return &n.Group, true
}

// Hierarchy gives a hierarchy and whether there is one. It must not be changed.
func (m *Model) Hierarchy(id HierarchyID) (*Hierarchy, bool) {
	n, ok := m.hierarchies[id]
	if !ok {
		return nil, false
	}
	return &n.Hierarchy, true
}

// Site gives a site and whether there is one. It must not be changed.
func (m *Model) Site(id SiteID) (*Site, bool) {
	n, ok := m.sites.get(id)
	if !ok {
		return nil, false
	}
	return &n.Site, true
}

// Hierarchies lists the identifiers of all hierarchies, sorted.
func (m *Model) Hierarchies() []HierarchyID {
	out := make([]HierarchyID, 0, len(m.hierarchies))
	for id := range m.hierarchies {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// Parents lists the groups a sensor is a member of, one per hierarchy at most.
// The slice must not be changed.
func (m *Model) Parents(id record.SensorID) []GroupID {
	if n, ok := m.sensors.get(id); ok {
		return n.in
	}
	return nil
}

// Parent gives the group a group is a member of, if any.
func (m *Model) Parent(id GroupID) (GroupID, bool) {
	n, ok := m.groups.get(id)
	if !ok || n.parent == "" {
		return "", false
	}
	return n.parent, true
}

// HierarchyOf gives the hierarchy a group stands in, if any.
func (m *Model) HierarchyOf(id GroupID) (HierarchyID, bool) {
	for {
		n, ok := m.groups.get(id)
		if !ok {
			return "", false
		}
		if n.parent == "" {
			h, ok := m.roots[id]
			return h, ok
		}
		id = n.parent
	}
}

// QuantityOf gives what a group sums up: the quantity of all its leaves, ""
// when it has none or is unknown.
func (m *Model) QuantityOf(id GroupID) record.Quantity {
	if n, ok := m.groups.get(id); ok {
		return n.quantity
	}
	return ""
}

// Counts tells how many of each the model holds.
func (m *Model) Counts() (sites, sensors, groups, hierarchies int) {
	return m.sites.n, m.sensors.n, m.groups.n, len(m.hierarchies)
}

// Changed lists the hierarchies, sorted, whose layout may differ between two
// models, those that only one of them has included. It is exact for models
// that came from another by Apply, and lists too much rather than too little.
func Changed(from, to *Model) []HierarchyID {
	var out []HierarchyID
	for id, n := range to.hierarchies {
		if was, ok := from.hierarchies[id]; !ok || was.cell != n.cell {
			out = append(out, id)
		}
	}
	for id := range from.hierarchies {
		if _, ok := to.hierarchies[id]; !ok {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
