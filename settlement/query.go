package settlement

import (
	"context"
	"fmt"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// MostWindows is how many windows are given at once.
const MostWindows = 40_000

// mostFine bounds the work on windows that are not kept, as windows times
// sensors.
const mostFine = 2_000_000

// errTooMuch is wrapped by errors about questions that ask for too much.
type tooMuch struct{ text string }

func (e *tooMuch) Error() string { return e.text }

// Windows gives the windows of a point that touch a span, in order and without
// a hole: where nothing is known the row says so. settled is up to when they
// are settled.
//
// What is longer than a quarter of an hour is the sum of its quarters. Windows
// of 5 minutes are not kept but computed when they are asked for.
func (s *Service) Windows(ctx context.Context, p ledger.Point, size window.Size, from, to record.Millis) (rows []ledger.Row, settled record.Millis, err error) {
	m := s.opts.Catalog.State().Model
	calendar := s.calendarOf(m, p)
	n := 0
	var all []window.Span
	for w := range calendar.Spans(size, from, to) {
		if n++; n > MostWindows {
			return nil, 0, &tooMuch{fmt.Sprintf("more than %d windows; ask for a shorter time or longer windows", MostWindows)}
		}
		all = append(all, w)
	}
	if settled, err = s.opts.Store.Progress(ctx, ledger.Frontier); err != nil || len(all) == 0 {
		return nil, settled, err
	}
	whole := span{all[0].From, all[len(all)-1].To}
	o, err := s.outline(ctx, m)
	if err != nil {
		return nil, settled, err
	}
	var parts []ledger.Row
	switch v := o.Anew(p); {
	case size == window.FiveMinutes:
		work := 0
		parts, err = o.Fine(p, all, min(upQuarter(whole.to), settled), func(id record.SensorID, all []window.Span) ([]ledger.Row, error) {
			if work += len(all); work > mostFine {
				return nil, &tooMuch{"too many windows of too many sensors; ask for a shorter time, or for windows of 15 minutes, which are kept"}
			}
			return s.fineSensor(ctx, m, id, all)
		}, s.firstsOf(ctx))
	case v != nil && size > window.Quarter:
		parts, err = s.anew(ctx, o, v, size, all, settled)
	case size >= window.Day:
		parts, err = s.coarse(ctx, calendar, p, whole, settled)
	default:
		parts, err = s.stored(ctx, ledger.Quarters, p, whole)
	}
	if err != nil {
		return nil, settled, err
	}
	rows = make([]ledger.Row, len(all))
	for i, w := range all {
		rows[i] = tree.Merge(w.From, w.To, tree.Between(parts, w.From, w.To))
	}
	return rows, settled, nil
}

func (s *Service) stored(ctx context.Context, t ledger.Table, p ledger.Point, at span) ([]ledger.Row, error) {
	ids, err := s.opts.Store.IDs(ctx, []ledger.Point{p}, false)
	if err != nil {
		return nil, err
	}
	return s.opts.Store.Rows(ctx, nil, t, ids[0], at.from, at.to)
}

// coarse gives the days that lie in a span as a whole, and the quarters of the
// rest of it, as of the day that has not passed.
func (s *Service) coarse(ctx context.Context, c window.Calendar, p ledger.Point, at span, settled record.Millis) ([]ledger.Row, error) {
	begin, end := c.Span(window.Day, at.from), c.Span(window.Day, min(at.to, settled))
	days := span{begin.From, end.From}
	if begin.From < at.from {
		days.from = begin.To
	}
	if days.empty() {
		return s.stored(ctx, ledger.Quarters, p, at)
	}
	var rows []ledger.Row
	for _, x := range []struct {
		table ledger.Table
		span
	}{{ledger.Quarters, span{at.from, days.from}}, {ledger.Days, days}, {ledger.Quarters, span{days.to, at.to}}} {
		if x.empty() {
			continue
		}
		more, err := s.stored(ctx, x.table, p, x.span)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

func (s *Service) fineSensor(ctx context.Context, m *model.Model, id record.SensorID, all []window.Span) ([]ledger.Row, error) {
	sn, ok := m.Sensor(id)
	if !ok {
		return nil, nil
	}
	edges := make([]record.Millis, 0, len(all)+1)
	for _, w := range all {
		edges = append(edges, w.From)
	}
	edges = append(edges, all[len(all)-1].To)
	values, _, err := s.values(ctx, sn, edges)
	if err != nil {
		return nil, err
	}
	return rowsOf(values, edges), nil
}

// values settles a sensor between edges that are given.
func (s *Service) values(ctx context.Context, sn *model.Sensor, edges []record.Millis) ([]energy.Value, []energy.Annotation, error) {
	rules := reading.Rules(sn)
	d, err := Decided(ctx, s.opts.Store, sn.ID)
	if err != nil {
		return nil, nil, err
	}
	at := span{edges[0], edges[len(edges)-1]}
	// What Settle needs begins at a quarter of an hour.
	rs, err := reading.Gather(ctx, s.opts.Readings, sn.ID, window.Span{From: at.from / quarter * quarter, To: at.to}, rules, d)
	if err != nil {
		return nil, nil, err
	}
	values, notes := energy.Settle(energy.Correct(rs, d.Corrections, rules, window.Span{From: at.from, To: at.to}), edges, rules, d.Overrides)
	d.Enter(values, edges)
	return values, notes, nil
}

// rowsOf makes rows of the values that say something.
func rowsOf(values []energy.Value, edges []record.Millis) []ledger.Row {
	rows := make([]ledger.Row, 0, len(values))
	for i, v := range values {
		if !v.Known && v.Count == 0 && v.Covered == 0 {
			continue
		}
		r := ledger.Row{Start: edges[i], End: edges[i+1], Value: v, Total: 1}
		if v.Known {
			r.Members = 1
		}
		rows = append(rows, r)
	}
	return rows
}
