package settlement

import (
	"context"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// How much is settled of marks in one go: as many of them, and all others of the
// same sensors, as far as there are so many; and windows of sensors, after which
// no mark is taken that adds some.
const (
	marksAtOnce   = 5000
	marksBeside   = 200_000
	windowsAtOnce = 500_000
)

// settleMarks settles what is marked.
func (s *Service) settleMarks(ctx context.Context) (bool, error) {
	marks, err := s.opts.Store.Marks(ctx, marksAtOnce)
	if err != nil || len(marks) == 0 {
		s.at.marks.Store(0)
		s.doubt = s.doubt && err != nil
		return false, err
	}
	if done, err := s.split(ctx, marks); done || err != nil {
		return done, err
	}
	if len(marks) == marksAtOnce { // late readings of hours are marked every few seconds
		more, err := s.opts.Store.MarksBeside(ctx, marks, marksBeside)
		if err != nil {
			return false, err
		}
		marks = append(marks, more...)
	}
	within, kept := s.settled(), s.kept()
	j, err := s.newJob(ctx, within, kept, within.to)
	if err != nil {
		return false, err
	}
	j.doubt = s.doubt
	sensors := make(map[record.SensorID]spans)
	left := int64(s.atOnce)
	taken := make([]ledger.Mark, 0, len(marks))
	for _, m := range marks {
		id, at := record.SensorID(m.Name), span{m.Begin / quarter * quarter, upQuarter(m.End)}
		var room bool
		switch {
		case m.Kind == ledger.HierarchyKind:
			room = enter(j.stale, m.Name, at.cut(kept), int64(s.groups(m.Name)), &left)
		case j.outline.Virtuals[id] != nil:
			room = enter(j.renewed, id, at.cut(kept), 0, &left)
		default:
			room = enter(sensors, id, at.cut(within), 1, &left)
		}
		if room {
			taken = append(taken, m)
		}
	}
	each := func(yield func(record.SensorID, span) bool) {
		for id, all := range sensors {
			for _, at := range all {
				if !yield(id, at) {
					return
				}
			}
		}
	}
	// Their quarters may be as they were, and their days others.
	if err := j.sensors(ctx, each, func(id record.SensorID, at span) {
		p := ledger.SensorPoint(id)
		j.points[p] = j.points[p].with(at)
	}); err != nil {
		return false, err
	}
	if err := j.finish(ctx); err != nil {
		return false, err
	}
	if err := s.opts.Store.DropMarks(ctx, taken); err != nil {
		return false, err
	}
	n, err := s.opts.Store.CountMarks(ctx)
	s.at.marks.Store(int64(n))
	return true, err
}

// enter adds a span to those in which one is to be settled, of so many windows a
// quarter, and tells whether it did: once no windows are left, only what adds none
// finds room.
func enter[K comparable](all map[K]spans, one K, at span, windows int64, left *int64) bool {
	was := all[one]
	is := slices.Clone(was).with(at)
	adds := int64(is.length()-was.length()) / int64(quarter) * windows
	if adds > 0 && *left <= 0 {
		return false
	}
	if *left -= adds; len(is) > 0 {
		all[one] = is
	}
	return true
}
