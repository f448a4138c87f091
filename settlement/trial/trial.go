package trial

import (
	"context"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/window"
)

// Data is what there is. All must be set.
type Data struct {
	Readings reading.Source
	Store    *ledger.Store
	// Decided gives what people have decided about a sensor.
	Decided func(context.Context, record.SensorID) (reading.Decisions, error)
}

// Totals are what the settled quarters of an hour of a span come to.
type Totals struct {
	Known  bool // some have an amount
	Amount energy.Amount
}

// Change is what would become of the windows of a sensor.
type Change struct {
	Span          window.Span // in which windows may be others
	Windows       int         // quarters of an hour that would say something else
	Before, After Totals      // of the span
}

const quarter record.Millis = window.QuarterLength

// mostWindows bounds the span: about a hundred years.
const mostWindows = 4_000_000

// Suppose tells what would be settled of a sensor if these readings were added,
// which are in order and of times without a reading, and then these corrections
// were made. It is false when nothing of that time is settled.
func (d Data) Suppose(ctx context.Context, sn *model.Sensor, added []energy.Reading, more []energy.Correction) (out Change, ok bool, err error) {
	frontier, err := d.Store.Progress(ctx, ledger.Frontier)
	if err != nil || frontier == 0 || len(added)+len(more) == 0 {
		return out, false, err
	}
	before, err := d.Decided(ctx, sn.ID)
	if err != nil {
		return out, false, err
	}
	after := before
	after.Corrections = slices.Clone(before.Corrections)
	last := int64(0)
	for _, c := range before.Corrections {
		last = max(last, c.Sequence)
	}
	want := window.Span{From: record.MaxTime, To: record.MinTime}
	for _, c := range more {
		last++
		c.Sequence = last
		after.Corrections = append(after.Corrections, c)
		want.From, want.To = min(want.From, c.From), max(want.To, c.To)
	}
	if n := len(added); n > 0 {
		want.From, want.To = min(want.From, added[0].Time), max(want.To, added[n-1].Time+1)
	}
	want.From, want.To = want.From/quarter*quarter, (want.To+quarter-1)/quarter*quarter
	sides := []side{{d.Readings, before}, {overlay{d.Readings, sn.ID, added}, after}}
	rules := reading.Rules(sn)
	at := want
	for _, s := range sides {
		x, err := reading.Affected(ctx, s.readings, sn.ID, want, rules, s.decided)
		if err != nil {
			return out, false, err
		}
		at.From, at.To = min(at.From, x.From), max(at.To, x.To)
	}
	if at.To = min(at.To, frontier/quarter*quarter); at.From >= at.To {
		return out, false, nil
	}
	first, end := at.Quarters()
	if end-first > mostWindows {
		return out, false, fmt.Errorf("suppose readings of %s: they touch %d windows; at most %d are compared", sn.ID, end-first, mostWindows)
	}
	edges := make([]record.Millis, 0, end-first+1)
	for t := at.From; t <= at.To; t += quarter {
		edges = append(edges, t)
	}
	var values [2][]energy.Value
	for i, s := range sides {
		rs, err := reading.Gather(ctx, s.readings, sn.ID, at, rules, s.decided)
		if err != nil {
			return out, false, err
		}
		values[i], _ = energy.Settle(energy.Correct(rs, s.decided.Corrections, rules, at), edges, rules, s.decided.Overrides)
		s.decided.Enter(values[i], edges)
	}
	out.Span = at
	for i := range values[0] {
		x, y := &values[0][i], &values[1][i]
		if x.Known != y.Known || x.Amount != y.Amount || x.Estimated != y.Estimated || x.Count != y.Count || x.Covered != y.Covered || x.Quality != y.Quality {
			out.Windows++
		}
		for v, to := range map[*energy.Value]*Totals{x: &out.Before, y: &out.After} {
			if !v.Known {
				continue
			}
			to.Known = true
			if to.Amount, err = to.Amount.Add(v.Amount); err != nil {
				return out, false, fmt.Errorf("suppose readings of %s: %w", sn.ID, err)
			}
		}
	}
	return out, true, nil
}

type side struct {
	readings reading.Source
	decided  reading.Decisions
}

// overlay has readings besides those of a source.
type overlay struct {
	reading.Source
	sensor record.SensorID
	added  []energy.Reading
}

// Extent contains the added ones.
func (o overlay) Extent() (oldest, newest record.Millis) {
	oldest, newest = o.Source.Extent()
	if n := len(o.added); n > 0 {
		if oldest == 0 || o.added[0].Time < oldest {
			oldest = o.added[0].Time
		}
		newest = max(newest, o.added[n-1].Time)
	}
	return oldest, newest
}

// Scan merges both.
func (o overlay) Scan(ctx context.Context, id record.SensorID, from, to record.Millis, f func(times []int64, values []float64) error) error {
	if id != o.sensor {
		return o.Source.Scan(ctx, id, from, to, f)
	}
	find := func(t record.Millis) int {
		i, _ := slices.BinarySearchFunc(o.added, t, func(r energy.Reading, t record.Millis) int { return int(min(max(r.Time-t, -1), 1)) })
		return i
	}
	rest := o.added[find(from):find(to+1)]
	var ts []int64
	var vs []float64
	until := func(t record.Millis) { // those before it
		for len(rest) > 0 && rest[0].Time < t {
			ts, vs, rest = append(ts, int64(rest[0].Time)), append(vs, rest[0].Value), rest[1:]
		}
	}
	err := o.Source.Scan(ctx, id, from, to, func(times []int64, values []float64) error {
		ts, vs = ts[:0], vs[:0]
		for i, t := range times {
			until(record.Millis(t))
			ts, vs = append(ts, t), append(vs, values[i])
		}
		return f(ts, vs)
	})
	if err != nil {
		return err
	}
	ts, vs = ts[:0], vs[:0]
	if until(to + 1); len(ts) == 0 {
		return nil
	}
	return f(ts, vs)
}
