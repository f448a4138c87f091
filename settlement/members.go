package settlement

import (
	"context"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// Members gives what a group was summed up from in a window that begins at a
// time, and its meter, which is empty when it had none. Nothing when the group
// was not there.
func (s *Service) Members(ctx context.Context, hierarchy, group string, at record.Millis) (members []tree.Member, meter record.SensorID, err error) {
	row, ok, err := s.opts.Store.StructureAt(ctx, hierarchy, at)
	if err != nil || !ok {
		return nil, "", err
	}
	x, err := tree.Read(row)
	if err != nil {
		return nil, "", err
	}
	members, meter = x.Members(group)
	return members, meter, nil
}

// Calendar is that of the site of a sensor, or of the hierarchy of a group.
func (s *Service) Calendar(p ledger.Point) window.Calendar {
	return s.calendarOf(s.opts.Catalog.State().Model, p)
}

// Outline gives what follows from what: the trees of all times, as they are, or a
// few seconds ago were. It does not change.
func (s *Service) Outline(ctx context.Context) (*tree.Outline, error) {
	return s.outline(ctx, s.opts.Catalog.State().Model)
}

// Meters gives the meters that a group had in a span that begins and ends at a
// quarter of an hour, in order and without a hole.
func (s *Service) Meters(ctx context.Context, p ledger.Point, at window.Span) ([]tree.Metering, error) {
	o, err := s.outline(ctx, s.opts.Catalog.State().Model)
	if err != nil {
		return nil, err
	}
	return o.Past.Meters(p.Hierarchy, p.Name, at), nil
}
