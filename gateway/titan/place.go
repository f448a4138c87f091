package titan

import (
	"net/http"
	"slices"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// placing puts a tree of Titan in the place of a hierarchy, or makes one.
type placing struct {
	h       *hierarchy
	m       *model.Model
	into    *model.Hierarchy
	before  map[model.GroupID]*model.Group // those of the hierarchy as it is
	signs   map[string]int8                // of members as they are, in the hierarchy and in groups that join it; Titan's trees do not tell them
	meters  map[record.SensorID]bool       // of groups that stay; they are not in Titan's trees
	groups  map[model.GroupID]bool         // of the new tree
	sensors map[record.SensorID]bool
	twice   []string
	patch   model.Patch
}

// keys of signs
func groupKey(id model.GroupID) string    { return "g" + string(id) }
func sensorKey(id record.SensorID) string { return "s" + string(id) }

// place gives the patch that makes of a hierarchy what the tree says. What
// Titan's trees cannot tell stays: signs, meters of groups, everything of sensors
// but their names. Sensors are never removed: their readings stay, so they do.
// Those that are made are at the site of the hierarchy.
func (h *hierarchy) place(m *model.Model, tree *node, into *model.Hierarchy, top model.GroupID) (model.Patch, error) {
	p := &placing{
		h: h, m: m, into: into, before: within(m, top), signs: make(map[string]int8), meters: make(map[record.SensorID]bool),
		groups: make(map[model.GroupID]bool), sensors: make(map[record.SensorID]bool),
	}
	for _, g := range p.before {
		p.note(g)
	}
	p.join(tree)
	if err := p.group(tree); err != nil {
		return p.patch, err
	}
	if len(p.twice) > 0 {
		slices.Sort(p.twice)
		return p.patch, &collisions{slices.Compact(p.twice)}
	}
	for id := range p.before {
		if !p.groups[id] {
			p.patch.RemoveGroups = append(p.patch.RemoveGroups, id)
		}
	}
	slices.Sort(p.patch.RemoveGroups)
	return p.patch, nil
}

// note keeps the signs of the members of a group, unless they are known.
func (p *placing) note(g *model.Group) {
	for _, x := range g.Members {
		key := sensorKey(x.Sensor)
		if x.Group != "" {
			key = groupKey(x.Group)
		}
		if _, known := p.signs[key]; !known && !x.Meter {
			p.signs[key] = x.Sign
		}
	}
}

// join looks at the groups of a tree that are there already, whether in the
// hierarchy or in none.
func (p *placing) join(n *node) {
	if n.Children == nil {
		return
	}
	if g, ok := p.m.Group(model.GroupID(n.Identifier)); ok {
		p.note(g)
		for _, x := range g.Members {
			if x.Meter {
				p.meters[x.Sensor] = true
			}
		}
	}
	for i := range *n.Children {
		p.join(&(*n.Children)[i])
	}
}

func (p *placing) group(n *node) error {
	id := model.GroupID(n.Identifier)
	at, stands := p.m.HierarchyOf(id)
	if p.groups[id] || stands && at != p.into.ID {
		p.twice = append(p.twice, n.Identifier)
		return nil
	}
	p.groups[id] = true
	was, exists := p.m.Group(id)
	g := model.Group{ID: id, Name: nameOf(n, was != nil, func() string { return was.Name })}
	if exists {
		for _, x := range was.Members {
			if x.Meter {
				g.Members = append(g.Members, x)
			}
		}
	}
	for i := range *n.Children {
		c := &(*n.Children)[i]
		x := model.Member{Sensor: record.SensorID(c.Identifier)}
		var err error
		if c.Children != nil {
			x = model.Member{Group: model.GroupID(c.Identifier), Sign: p.signs[groupKey(model.GroupID(c.Identifier))]}
			err = p.group(c)
		} else {
			x.Sign = p.signs[sensorKey(x.Sensor)]
			err = p.sensor(c)
		}
		if err != nil {
			return err
		}
		g.Members = append(g.Members, x)
	}
	if !exists || was.Name != g.Name || !sameMembers(was.Members, g.Members) {
		p.patch.Groups = append(p.patch.Groups, g)
	}
	return nil
}

// sameMembers compares them; a sign of 0 is 1, and where among the members the
// meter stands means nothing.
func sameMembers(a, b []model.Member) bool {
	plain := func(all []model.Member) (out, meters []model.Member) {
		for _, x := range all {
			if x.Sign == 0 {
				x.Sign = 1
			}
			if x.Meter {
				meters = append(meters, x)
			} else {
				out = append(out, x)
			}
		}
		return out, meters
	}
	a, am := plain(a)
	b, bm := plain(b)
	return slices.Equal(a, b) && slices.Equal(am, bm)
}

func (p *placing) sensor(n *node) error {
	id := record.SensorID(n.Identifier)
	if p.sensors[id] || p.meters[id] {
		p.twice = append(p.twice, n.Identifier)
		return nil
	}
	p.sensors[id] = true
	was, exists := p.m.Sensor(id)
	if q := p.h.o.quantity(p.m, id); !watts(q) {
		return refuse(http.StatusUnprocessableEntity, "sensor %q measures %s, and these hierarchies are of active_power", id, q)
	}
	switch name := nameOf(n, exists, func() string { return was.Name }); {
	case !exists:
		p.patch.Sensors = append(p.patch.Sensors, model.Sensor{ID: id, Name: name, Site: p.into.Site, Quantity: record.ActivePower})
	case name != was.Name:
		changed := *was
		changed.Name = name
		p.patch.Sensors = append(p.patch.Sensors, changed)
	}
	return nil
}

// nameOf is the name that a node gives; none, or the identifier that stood for
// none, leaves it as it is.
func nameOf(n *node, exists bool, was func() string) string {
	switch {
	case n.Name != "" && n.Name != n.Identifier:
		return n.Name
	case exists && (n.Name == "" || was() == ""):
		return was()
	}
	return n.Name
}
