package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/record"
)

// checkCounts holds the model to its bounds.
func (c *change) checkCounts() {
	for _, x := range []struct {
		what    string
		n, most int
	}{
		{"sites", c.sites.n, MaxSites},
		{"sensors", c.sensors.n, MaxSensors},
		{"groups", c.groups.n, MaxGroups},
		{"hierarchies", len(c.hierarchies), MaxHierarchies},
	} {
		if x.n > x.most {
			c.faults.Add("there are %d %s, at most %d are possible", x.n, x.what, x.most)
		}
	}
}

// useSites checks that every site named is there, and counts its users.
func (c *change) useSites(p Patch) {
	known := func(kind, id string, s SiteID) {
		if s == "" {
			return
		}
		if _, ok := c.sites.get(s); !ok {
			c.faults.Add("%s %q is at the unknown site %q", kind, id, s)
		}
	}
	for i := range p.Sensors {
		known("sensor", string(p.Sensors[i].ID), p.Sensors[i].Site)
	}
	for i := range p.Hierarchies {
		known("hierarchy", string(p.Hierarchies[i].ID), p.Hierarchies[i].Site)
	}
	for id, more := range c.siteUses {
		if n, ok := c.sites.get(id); ok && more != 0 {
			own := *n
			own.uses += more
			c.sites.set(id, &own)
		}
	}
	for _, id := range p.RemoveSites {
		if was, ok := c.was.sites.get(id); ok && was.uses+c.siteUses[id] > 0 {
			c.faults.Add("site %q is to be removed, but %d sensors or hierarchies are still there", id, was.uses+c.siteUses[id])
		}
	}
}

// checkRemoved takes the removed sensors and groups out, if nothing names them.
func (c *change) checkRemoved(p Patch) {
	for _, id := range p.RemoveSensors {
		if n, ok := c.sensors.get(id); ok {
			if len(n.in) > 0 {
				c.faults.Add("sensor %q is to be removed, but it still is a member of group %q", id, n.in[0])
			}
			c.sensors.delete(id)
		}
	}
	for _, id := range p.RemoveGroups {
		if n, ok := c.groups.get(id); ok {
			if n.parent != "" {
				c.faults.Add("group %q is to be removed, but it still is a member of group %q", id, n.parent)
			}
			c.groups.delete(id)
		}
	}
}

// rootGroups checks the root of every hierarchy; there are few.
func (c *change) rootGroups() {
	ids := make([]HierarchyID, 0, len(c.hierarchies))
	for id := range c.hierarchies {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		h := c.hierarchies[id]
		if h.Root == "" {
			continue
		}
		g, ok := c.groups.get(h.Root)
		other, taken := c.roots[h.Root]
		switch {
		case !ok:
			c.faults.Add("hierarchy %q has the unknown group %q as its root", id, h.Root)
		case g.parent != "":
			c.faults.Add("hierarchy %q has the group %q as its root, which is a member of group %q; nothing stands above a root", id, h.Root, g.parent)
		case taken:
			c.faults.Add("hierarchies %q and %q have the same root %q; a group has one place in one hierarchy", other, id, h.Root)
		default:
			c.roots[h.Root] = id
		}
	}
}

// placement is where a group stands in the tree of a change.
type placement int8

const (
	waiting placement = iota // not reached from any top yet
	reached
	cyclic
)

// grow works out anew what touched groups and those above them say about
// their subtrees, from the tops down and back up. It tells whether the groups
// form trees at all.
func (c *change) grow() bool {
	c.place = make(map[GroupID]placement, len(c.touched))
	var tops []*groupNode
	var order []GroupID
	for _, id := range c.touched {
		for {
			if _, known := c.place[id]; known {
				break
			}
			n, ok := c.groups.get(id)
			if !ok {
				break
			}
			c.place[id] = waiting
			order = append(order, id)
			if n.parent == "" {
				tops = append(tops, n)
				break
			}
			id = n.parent
		}
	}
	sound := true
	for _, top := range tops {
		if !c.growGroup(top, 1) {
			sound = false
		}
	}
	for _, id := range order {
		if c.place[id] == waiting {
			// No top leads here: walking up ends in a circle, or below a group
			// that lies too deep.
			sound = false
			c.reportCycle(id)
		}
	}
	return sound
}

func (c *change) growGroup(n *groupNode, depth int) bool {
	c.place[n.ID] = reached
	if depth > MaxDepth {
		c.faults.Add("group %q lies more than %d groups deep", n.ID, MaxDepth)
		return false
	}
	n = c.group(n.ID)
	n.leaves, n.total, n.height, n.quantity, n.metered = 0, 0, 1, "", false
	sound, mixed := true, false
	first := "" // the member the quantity is of
	meet := func(q record.Quantity, e *Member) {
		switch {
		case q == "" || mixed:
		case n.quantity == "":
			n.quantity, first = q, e.name()
		case n.quantity != q:
			mixed = true
			if first == "" {
				first = "another member"
			}
			c.faults.Add("group %q mixes quantities: %s measures %s, %s %s", n.ID, first, n.quantity, e.name(), q)
		}
	}
	for i := range n.Members {
		e := &n.Members[i]
		if e.Sensor != "" {
			n.leaves++
			if e.Meter {
				n.metered = true
			} else {
				n.total++
			}
			if s, ok := c.sensors.get(e.Sensor); ok {
				meetFast(n, s.Quantity, e, meet)
			}
			continue
		}
		child, ok := c.groups.get(e.Group)
		if !ok || child.parent != n.ID {
			continue
		}
		if p, dirty := c.place[child.ID]; dirty && p == waiting {
			sound = c.growGroup(child, depth+1) && sound
			child, _ = c.groups.get(e.Group)
		} else if !dirty && depth+child.height > MaxDepth {
			c.faults.Add("group %q with what it contains lies more than %d groups deep", child.ID, MaxDepth)
			sound = false
		}
		n.leaves += child.leaves
		if child.metered {
			n.total++
		} else {
			n.total += child.total
		}
		n.height = max(n.height, child.height+1)
		meet(child.quantity, e)
	}
	return sound
}

// meetFast spares the common case, a member of the same quantity, its call.
func meetFast(n *groupNode, q record.Quantity, e *Member, meet func(record.Quantity, *Member)) {
	if n.quantity != q {
		meet(q, e)
	}
}

func (c *change) reportCycle(id GroupID) {
	var path []GroupID
	seen := make(map[GroupID]int)
	defer func() {
		for g := range seen {
			c.place[g] = cyclic // or leads to a circle: told once
		}
	}()
	for {
		if c.place[id] != waiting {
			return // known already, or too deep, which is reported
		}
		if at, again := seen[id]; again {
			path = path[at:]
			break
		}
		seen[id] = len(path)
		path = append(path, id)
		n, ok := c.groups.get(id)
		if !ok || n.parent == "" {
			return
		}
		id = n.parent
	}
	// Begin with the least, so that the sentence does not depend on where the
	// circle was entered.
	least := 0
	for i := range path {
		if path[i] < path[least] {
			least = i
		}
	}
	path = append(append([]GroupID(nil), path[least:]...), path[:least]...)
	var b strings.Builder
	for i, g := range path {
		if i == 8 {
			fmt.Fprintf(&b, " … (%d groups)", len(path))
			break
		}
		fmt.Fprintf(&b, "%q in ", g)
	}
	fmt.Fprintf(&b, "%q", path[0])
	c.faults.Add("groups contain one another in a circle: %s", b.String())
}

// top gives the group at the top of the tree a group stands in.
func top(groups *shards[GroupID, *groupNode], id GroupID, known map[GroupID]GroupID) GroupID {
	if t, ok := known[id]; ok {
		return t
	}
	at := id
	for {
		n, ok := groups.get(at)
		if !ok || n.parent == "" {
			break
		}
		at = n.parent
	}
	known[id] = at
	return at
}

// checkSensorsTwice finds sensors that stand twice in one tree. Only sensors
// with a new membership can, and those below a group that was joined to
// another tree.
func (c *change) checkSensorsTwice() {
	now, before := make(map[GroupID]GroupID), make(map[GroupID]GroupID)
	told := make(map[record.SensorID]bool)
	check := func(id record.SensorID) {
		n, ok := c.sensors.get(id)
		if !ok || len(n.in) < 2 || told[id] {
			return
		}
		for i, a := range n.in {
			for _, b := range n.in[:i] {
				if a != b && top(&c.groups.shards, a, now) == top(&c.groups.shards, b, now) {
					told[id] = true
					c.faults.Add("sensor %q stands twice in one hierarchy: in group %q and in group %q", id, b, a)
					return
				}
			}
		}
	}
	var below func(id GroupID)
	below = func(id GroupID) {
		n, ok := c.groups.get(id)
		if !ok {
			return
		}
		for _, e := range n.Members {
			if e.Sensor != "" {
				check(e.Sensor)
			} else if child, ok := c.groups.get(e.Group); ok && child.parent == id {
				below(e.Group)
			}
		}
	}
	for _, f := range c.fresh {
		if f.member.Sensor != "" {
			check(f.member.Sensor)
			continue
		}
		if _, old := c.was.groups.get(f.member.Group); !old {
			continue // everything in a new group is new
		}
		_, old := c.was.groups.get(f.group)
		if old && top(&c.was.groups, f.group, before) == top(&c.was.groups, f.member.Group, before) {
			continue // moved within a tree
		}
		below(f.member.Group)
	}
}

// renewLayouts gives every hierarchy in which something counts differently a
// layout to be computed anew.
func (c *change) renewLayouts() {
	now := make(map[GroupID]GroupID)
	for _, id := range c.touched {
		h, ok := c.roots[top(&c.groups.shards, id, now)]
		if !ok {
			continue
		}
		n := c.hierarchies[h]
		if was, ok := c.was.hierarchies[h]; ok && was.cell == n.cell {
			own := *n
			own.cell = new(layoutCell)
			c.hierarchies[h] = &own
		}
	}
}
