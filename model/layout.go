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
