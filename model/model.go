package model

import (
	"errors"

	"github.com/wattwerk/wattwerk/record"
)

// Model is a validated document with indexes. It never changes.
type Model struct {
}

// New validates the document and indexes it. The error is a [*Faults] with
// everything that is wrong. The document may be used on; nothing is aliased
// that the caller could change, except member and device slices, which must
// not be changed any more.
func New(d Document) (*Model, error) { return nil, errors.ErrUnsupported }

// Document gives the model as a document, lists sorted by identifier, defaults
// filled in. Slices within are shared and must not be changed.
func (m *Model) Document() Document { return Document{} }

// Sensor gives a sensor and whether there is one. It must not be changed.
func (m *Model) Sensor(id record.SensorID) (*Sensor, bool) { return nil, false }

// Group gives a group and whether there is one. It must not be changed.
func (m *Model) Group(id GroupID) (*Group, bool) { return nil, false }

// Hierarchy gives a hierarchy and whether there is one. It must not be changed.
func (m *Model) Hierarchy(id HierarchyID) (*Hierarchy, bool) { return nil, false }

// Site gives a site and whether there is one. It must not be changed.
func (m *Model) Site(id SiteID) (*Site, bool) { return nil, false }

// Hierarchies lists the identifiers of all hierarchies, sorted.
func (m *Model) Hierarchies() []HierarchyID { return nil }

// Parents lists the groups a sensor is a member of, one per hierarchy at most.
func (m *Model) Parents(id record.SensorID) []GroupID { return nil }

// Parent gives the group a group is a member of, if any.
func (m *Model) Parent(id GroupID) (GroupID, bool) { return "", false }

// HierarchyOf gives the hierarchy a group stands in, if any.
func (m *Model) HierarchyOf(id GroupID) (HierarchyID, bool) { return "", false }

// Counts tells how many of each the model holds.
func (m *Model) Counts() (sites, sensors, groups, hierarchies int) { return }

// Apply gives the model with the patch applied, and the patch that undoes it.
// The error is a [*Faults]. Its cost grows with the patch and the size of the
// groups it touches, not with the model.
func (m *Model) Apply(p Patch) (*Model, Patch, error) { return nil, Patch{}, errors.ErrUnsupported }

// Changed lists the hierarchies, sorted, whose layout may differ between two
// models, those that only one of them has included. It is exact for models
// that came from another by Apply, and lists too much rather than too little.
func Changed(from, to *Model) []HierarchyID { return nil }

// Layout gives the numbering of a hierarchy, nil when there is no such. It is
// computed once and shared; it must not be changed.
func (m *Model) Layout(h HierarchyID) *Layout { return nil }
