package model

import (
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Layout is the depth-first numbering of a hierarchy: every group is a
// contiguous range of leaves. Equal content gives equal layouts.
type Layout struct {
	Hierarchy HierarchyID
	Tick      time.Duration
	Groups    []LayoutGroup // parents before children; Groups[0] is the root
	Leaves    []Leaf        // every sensor once, in the order of the tree
}

// LayoutGroup is a group of a layout.
type LayoutGroup struct {
	ID     GroupID
	Parent int32  // index in Groups; -1 for the root
	Sign   int8   // +1 or -1, within the parent
	From   int32  // the leaves of the whole subtree are Leaves[From:To],
	To     int32  // meters included
	Meter  int32  // index in Leaves of the group's own meter; -1 none
	Total  uint32 // leaves that count: own sensors without the meter; a child with a meter counts as one, another as its Total
}

// Leaf is a sensor of a layout.
type Leaf struct {
	Sensor record.SensorID
	Group  int32 // index in Groups of the group it is a member of
	Sign   int8  // +1 or -1, within that group
	Meter  bool  // it is that group's own meter
	MaxAge int64 // how old a reading may be and still count, in ms; -1 unlimited
}

// Layout gives the numbering of a hierarchy, nil when there is no such. It is
// computed once and shared; it must not be changed.
func (m *Model) Layout(h HierarchyID) *Layout {
	n, ok := m.hierarchies[h]
	if !ok {
		return nil
	}
	n.cell.once.Do(func() { n.cell.layout = m.number(&n.Hierarchy) })
	return n.cell.layout
}

func (m *Model) number(h *Hierarchy) *Layout {
	l := &Layout{Hierarchy: h.ID, Tick: time.Duration(h.Tick)}
	if root, ok := m.groups.get(h.Root); ok {
		l.Leaves = make([]Leaf, 0, root.leaves)
		m.numberGroup(l, root, -1, 1)
	}
	return l
}

// numberGroup appends a group and everything below it. Its depth is bounded by
// MaxDepth.
func (m *Model) numberGroup(l *Layout, g *groupNode, parent int32, sign int8) {
	at := int32(len(l.Groups))
	l.Groups = append(l.Groups, LayoutGroup{
		ID: g.ID, Parent: parent, Sign: sign, From: int32(len(l.Leaves)), Meter: -1, Total: g.total,
	})
	for _, e := range g.Members {
		if e.Sensor == "" {
			if c, ok := m.groups.get(e.Group); ok {
				m.numberGroup(l, c, at, e.Sign)
			}
			continue
		}
		if e.Meter {
			l.Groups[at].Meter = int32(len(l.Leaves))
		}
		leaf := Leaf{Sensor: e.Sensor, Group: at, Sign: e.Sign, Meter: e.Meter}
		if s, ok := m.sensors.get(e.Sensor); ok {
			leaf.MaxAge = s.Age()
		}
		l.Leaves = append(l.Leaves, leaf)
	}
	l.Groups[at].To = int32(len(l.Leaves))
}
