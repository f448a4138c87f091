package model

import (
	"slices"

	"github.com/wattwerk/wattwerk/record"
)

// Patch is a change of a model: whole things put in the place of those with
// the same identifier, or added, and things removed. What it names is disjoint.
type Patch struct {
	Sites       []Site      `json:"sites,omitempty" yaml:"sites,omitempty"`
	Sensors     []Sensor    `json:"sensors,omitempty" yaml:"sensors,omitempty"`
	Groups      []Group     `json:"groups,omitempty" yaml:"groups,omitempty"`
	Hierarchies []Hierarchy `json:"hierarchies,omitempty" yaml:"hierarchies,omitempty"`

	RemoveSites       []SiteID          `json:"removeSites,omitempty" yaml:"removeSites,omitempty"`
	RemoveSensors     []record.SensorID `json:"removeSensors,omitempty" yaml:"removeSensors,omitempty"`
	RemoveGroups      []GroupID         `json:"removeGroups,omitempty" yaml:"removeGroups,omitempty"`
	RemoveHierarchies []HierarchyID     `json:"removeHierarchies,omitempty" yaml:"removeHierarchies,omitempty"`
}

// Empty tells whether the patch changes nothing.
func (p *Patch) Empty() bool {
	return len(p.Sites)+len(p.Sensors)+len(p.Groups)+len(p.Hierarchies)+
		len(p.RemoveSites)+len(p.RemoveSensors)+len(p.RemoveGroups)+len(p.RemoveHierarchies) == 0
}

// change is a new model in the making.
type change struct {
	was         *Model
	age         uint64
	sites       *edit[SiteID, *siteNode]
	sensors     *edit[record.SensorID, *sensorNode]
	groups      *edit[GroupID, *groupNode]
	hierarchies map[HierarchyID]*hierarchyNode
	roots       map[GroupID]HierarchyID
	inverse     Patch
	faults      Faults
	zones       map[string]bool
	interned    map[string]string

	siteUses map[SiteID]int        // how many more things name a site
	fresh    []membership          // memberships that were not there before
	moved    []GroupID             // groups that left the one they were in
	touched  []GroupID             // groups whose members, or what counts of them, changed
	place    map[GroupID]placement // of touched groups and those above them

	virtuals *edit[record.SensorID, *virtual] // nil when there are no formulas, before and after
	users    *edit[operandKey, *users]
}

// membership is a member that stands in a group since this change.
type membership struct {
	group  GroupID
	member Member
}

// Apply gives the model with the patch applied, and the patch that undoes it.
// The error is a [*Faults]. Its cost grows with the patch and the size of the
// groups it touches and of those above them, not with the model. The slices
// within the patch are used on and must not be changed any more.
func (m *Model) Apply(p Patch) (*Model, Patch, error) {
	c := &change{
		was: m, age: m.age + 1,
		sites: m.sites.edited(len(p.Sites)), sensors: m.sensors.edited(len(p.Sensors)), groups: m.groups.edited(len(p.Groups)),
		hierarchies: make(map[HierarchyID]*hierarchyNode, len(m.hierarchies)+len(p.Hierarchies)),
		roots:       make(map[GroupID]HierarchyID, len(m.roots)+len(p.Hierarchies)),
		zones:       make(map[string]bool), interned: make(map[string]string), siteUses: make(map[SiteID]int),
	}
	for id, n := range m.hierarchies {
		c.hierarchies[id] = n
	}
	c.putSites(p.Sites, p.RemoveSites)
	c.putSensors(p.Sensors, p.RemoveSensors)
	c.putGroups(p.Groups, p.RemoveGroups)
	c.putHierarchies(p.Hierarchies, p.RemoveHierarchies)
	c.checkCounts()
	c.useSites(p)
	c.checkRemoved(p)
	c.rootGroups()
	if c.grow() {
		c.checkSensorsTwice()
		c.checkFormulas(p)
	}
	if err := c.faults.Err(); err != nil {
		return nil, Patch{}, err
	}
	c.renewLayouts()
	next := &Model{
		sites: c.sites.shards, sensors: c.sensors.shards, groups: c.groups.shards,
		hierarchies: c.hierarchies, roots: c.roots, age: c.age,
	}
	if c.virtuals != nil {
		next.virtuals, next.users = c.virtuals.shards, c.users.shards
	}
	return next, c.inverse, nil
}

// once reports what is named twice, among the things put and removed.
func once[T any, K ~string](c *change, kind string, put []T, id func(*T) K, remove []K) map[K]bool {
	seen := make(map[K]bool, len(put)+len(remove))
	for i := range put {
		k := id(&put[i])
		if seen[k] {
			c.faults.Add("%s %q is given twice", kind, k)
		}
		seen[k] = true
	}
	for _, k := range remove {
		if seen[k] {
			c.faults.Add("%s %q is to be removed, and given at the same time", kind, k)
		}
		seen[k] = true
	}
	return seen
}

func (c *change) putSites(put []Site, remove []SiteID) {
	once(c, "site", put, func(s *Site) SiteID { return s.ID }, remove)
	for _, s := range put {
		c.checkSite(&s)
		n := &siteNode{Site: s}
		if was, ok := c.was.sites.get(s.ID); ok {
			if was.Site == s {
				continue
			}
			n.uses = was.uses
			c.inverse.Sites = append(c.inverse.Sites, was.Site)
		} else {
			c.inverse.RemoveSites = append(c.inverse.RemoveSites, s.ID)
		}
		c.sites.set(s.ID, n)
	}
	for _, id := range remove {
		was, ok := c.was.sites.get(id)
		if !ok {
			c.faults.Add("site %q is to be removed, but there is none", id)
			continue
		}
		c.inverse.Sites = append(c.inverse.Sites, was.Site)
		c.sites.delete(id)
	}
}

func (c *change) putSensors(put []Sensor, remove []record.SensorID) {
	once(c, "sensor", put, sensorID, remove)
	for _, s := range put {
		c.checkSensor(&s)
		n := &sensorNode{Sensor: s, age: c.age}
		if was, ok := c.was.sensors.get(s.ID); ok {
			if sameSensor(&was.Sensor, &s) {
				continue
			}
			n.in = was.in
			c.inverse.Sensors = append(c.inverse.Sensors, was.Sensor)
			if was.Site != "" {
				c.siteUses[was.Site]--
			}
			if was.Quantity != s.Quantity || was.Age() != s.Age() {
				c.touched = append(c.touched, was.in...)
			}
		} else {
			c.inverse.RemoveSensors = append(c.inverse.RemoveSensors, s.ID)
		}
		if s.Site != "" {
			c.siteUses[s.Site]++
		}
		c.sensors.set(s.ID, n)
	}
	for _, id := range remove {
		was, ok := c.was.sensors.get(id)
		if !ok {
			c.faults.Add("sensor %q is to be removed, but there is none", id)
			continue
		}
		if was.Site != "" {
			c.siteUses[was.Site]--
		}
		c.inverse.Sensors = append(c.inverse.Sensors, was.Sensor)
		// The node stays until the groups are done: they may let go of it.
	}
}

func (c *change) putGroups(put []Group, remove []GroupID) {
	once(c, "group", put, func(g *Group) GroupID { return g.ID }, remove)
	type pair struct {
		was *groupNode
		is  *Group
	}
	var changed []pair // whose members differ
	for i := range put {
		g := put[i]
		c.checkGroup(&g)
		was, ok := c.was.groups.get(g.ID)
		if ok {
			if slices.Equal(was.Members, g.Members) {
				if was.Name != g.Name {
					c.inverse.Groups = append(c.inverse.Groups, was.Group)
					n := *was
					n.Name = g.Name
					c.groups.set(g.ID, &n)
				}
				continue
			}
			c.inverse.Groups = append(c.inverse.Groups, was.Group)
			n := *was
			n.Group, n.age = g, c.age
			c.groups.set(g.ID, &n)
		} else {
			c.inverse.RemoveGroups = append(c.inverse.RemoveGroups, g.ID)
			c.groups.set(g.ID, &groupNode{Group: g, age: c.age})
		}
		changed = append(changed, pair{was, &g})
		c.touched = append(c.touched, g.ID)
	}
	for _, id := range remove {
		was, ok := c.was.groups.get(id)
		if !ok {
			c.faults.Add("group %q is to be removed, but there is none", id)
			continue
		}
		c.inverse.Groups = append(c.inverse.Groups, was.Group)
		changed = append(changed, pair{was, &Group{ID: id}})
	}
	// All lose their old members before any gets its new ones, so that a move
	// is no double membership.
	stays := make([]map[Member]bool, len(changed))
	for i, p := range changed {
		if p.was != nil {
			stays[i] = c.leave(p.was, p.is)
		}
	}
	for i, p := range changed {
		c.join(p.is, stays[i])
	}
}

// leave takes out of the indexes what is no longer a member, and gives what
// still is, whatever its sign.
func (c *change) leave(was *groupNode, is *Group) map[Member]bool {
	stay := make(map[Member]bool, len(is.Members))
	for _, e := range is.Members {
		stay[Member{Sensor: e.Sensor, Group: e.Group}] = false
	}
	for _, e := range was.Members {
		key := Member{Sensor: e.Sensor, Group: e.Group}
		if _, ok := stay[key]; ok {
			stay[key] = true
			continue
		}
		if e.Sensor != "" {
			if s := c.sensor(e.Sensor); s != nil {
				s.in = slices.DeleteFunc(slices.Clone(s.in), func(g GroupID) bool { return g == was.ID })
			}
		} else if g := c.group(e.Group); g != nil {
			g.parent = ""
			c.moved = append(c.moved, g.ID)
		}
	}
	return stay
}

// join puts new members into the indexes.
func (c *change) join(g *Group, stays map[Member]bool) {
	seen := make(map[Member]bool, len(g.Members))
	for _, e := range g.Members {
		key := Member{Sensor: e.Sensor, Group: e.Group}
		if e.Sensor != "" && e.Group != "" || key == (Member{}) {
			continue // reported already
		}
		if seen[key] {
			c.faults.Add("group %q has %s as a member twice", g.ID, e.name())
			continue
		}
		seen[key] = true
		if stays[key] {
			continue
		}
		if e.Sensor != "" {
			s := c.sensor(e.Sensor)
			if s == nil {
				c.faults.Add("group %q has the unknown sensor %q as a member", g.ID, e.Sensor)
				continue
			}
			s.in = append(slices.Clip(s.in), g.ID)
			c.fresh = append(c.fresh, membership{g.ID, e})
			continue
		}
		n := c.group(e.Group)
		switch {
		case n == nil:
			c.faults.Add("group %q has the unknown group %q as a member", g.ID, e.Group)
		case e.Group == g.ID:
			c.faults.Add("group %q is a member of itself", g.ID)
		case n.parent != "":
			c.faults.Add("group %q is a member of both %q and %q; a group has one place in one hierarchy", e.Group, n.parent, g.ID)
		default:
			n.parent = g.ID
			c.fresh = append(c.fresh, membership{g.ID, e})
		}
	}
}

// sensor and group give a node this change may write to, nil when there is none.
func (c *change) sensor(id record.SensorID) *sensorNode {
	n, ok := c.sensors.get(id)
	if !ok {
		return nil
	}
	if n.age != c.age {
		own := *n
		n = &own
		n.age = c.age
		c.sensors.set(id, n)
	}
	return n
}

func (c *change) group(id GroupID) *groupNode {
	n, ok := c.groups.get(id)
	if !ok {
		return nil
	}
	if n.age != c.age {
		own := *n
		n = &own
		n.age = c.age
		c.groups.set(id, n)
	}
	return n
}

func (c *change) putHierarchies(put []Hierarchy, remove []HierarchyID) {
	once(c, "hierarchy", put, func(h *Hierarchy) HierarchyID { return h.ID }, remove)
	for _, h := range put {
		c.checkHierarchy(&h)
		n := &hierarchyNode{Hierarchy: h, cell: new(layoutCell)}
		if was, ok := c.was.hierarchies[h.ID]; ok {
			if was.Hierarchy == h {
				continue
			}
			if was.Root == h.Root && was.Tick == h.Tick {
				n.cell = was.cell
			}
			if was.Site != "" {
				c.siteUses[was.Site]--
			}
			c.inverse.Hierarchies = append(c.inverse.Hierarchies, was.Hierarchy)
		} else {
			c.inverse.RemoveHierarchies = append(c.inverse.RemoveHierarchies, h.ID)
		}
		if h.Site != "" {
			c.siteUses[h.Site]++
		}
		c.hierarchies[h.ID] = n
	}
	for _, id := range remove {
		was, ok := c.was.hierarchies[id]
		if !ok {
			c.faults.Add("hierarchy %q is to be removed, but there is none", id)
			continue
		}
		if was.Site != "" {
			c.siteUses[was.Site]--
		}
		c.inverse.Hierarchies = append(c.inverse.Hierarchies, was.Hierarchy)
		delete(c.hierarchies, id)
	}
}

func sensorID(s *Sensor) record.SensorID { return s.ID }

func sameSensor(a, b *Sensor) bool {
	if a.ID != b.ID || a.Name != b.Name || a.Site != b.Site || a.Quantity != b.Quantity || a.Unit != b.Unit ||
		a.Kind != b.Kind || a.Formula != b.Formula || a.Interval != b.Interval || !samePointed(a.MaxAge, b.MaxAge) || !sameRegister(a.Register, b.Register) {
		return false
	}
	return slices.EqualFunc(a.Devices, b.Devices, func(x, y Device) bool {
		return x.Serial == y.Serial && x.Description == y.Description && x.From.Equal(y.From) &&
			samePointed(x.Start, y.Start) && samePointed(x.End, y.End) &&
			(x.To == nil) == (y.To == nil) && (x.To == nil || x.To.Equal(*y.To))
	})
}

func sameRegister(a, b *Register) bool {
	return a == b || a != nil && b != nil && samePointed(a.Width, b.Width) && samePointed(a.Tolerance, b.Tolerance) && samePointed(a.MaxRate, b.MaxRate)
}

func samePointed[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}
