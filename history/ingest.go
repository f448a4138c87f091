package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

// columnsLimit bounds the memory for remembered sensor columns, in bytes per
// partition.
const columnsLimit = 32 << 20

// records reads the batches of a partition into the store.
func (s *Service) records(ctx context.Context, p int) reader {
	s.opts.Store.Forget() // somebody else may have read them until now
	known := record.NewColumns[Ref](columnsLimit)
	var batch record.Batch
	var series []Series
	look := func() []Ref {
		series = series[:0]
		for _, id := range batch.Names() {
			series = append(series, RecordsOf(id))
		}
		return s.opts.Store.Refs(make([]Ref, 0, len(series)), series)
	}
	handle := func(m bus.Message) error {
		if err := batch.Decode(m.Data); err != nil {
			s.refused.WithLabelValues("malformed").Inc()
			if err := s.bury(ctx, bus.DeadLetter{Sample: printable(m.Data)}.Because(fmt.Errorf("message %d of partition %d: %w", m.Seq, p, err))); err != nil {
				return err
			}
			s.streams[p].done(m.Seq, 0)
			return nil
		}
		n := batch.Len()
		refs := known.Get(batch.SensorColumn(), look)
		limit := record.MillisOf(m.Stored) + record.Millis(s.opts.MaxFuture.Milliseconds())
		newest, ok := sound(&batch, limit)
		if !ok {
			if err := s.sift(ctx, &batch, limit); err != nil {
				return err
			}
			newest, _ = sound(&batch, limit)
		}
		if err := s.append(ctx, refs, batch.Index, batch.Times, batch.Values, func(i int) string {
			names := batch.Names()
			if len(batch.Index) > 0 {
				return string(names[batch.Index[i]])
			}
			return string(names[i])
		}); err != nil {
			return err
		}
		if w := s.opts.Watcher; w != nil {
			w.Stored(p, &batch)
		}
		s.appended.Add(uint64(n))
		s.streams[p].done(m.Seq, newest)
		return nil
	}
	return func(from uint64) error { return s.opts.Bus.FollowRecords(ctx, Reader, p, from, handle) }
}

// sound tells whether every record may be stored, and the newest time.
func sound(b *record.Batch, limit record.Millis) (newest record.Millis, ok bool) {
	ok = true
	for _, t := range b.Times {
		ok = ok && t >= record.MinTime && t <= limit
		newest = max(newest, t)
	}
	for _, v := range b.Values {
		ok = ok && math.Abs(v) <= record.MaxValue // false for NaN
	}
	return newest, ok
}

// sift takes out of the batch what may not be stored, and buries it.
func (s *Service) sift(ctx context.Context, b *record.Batch, limit record.Millis) error {
	names := b.Names()
	var bad []letter
	kept := 0
	index := make([]uint32, 0, b.Len())
	for i := range b.Values {
		at := uint32(i)
		if len(b.Index) > 0 {
			at = b.Index[i]
		}
		err := record.ValidateSample(b.Times[i], b.Values[i])
		if err == nil && b.Times[i] > limit {
			err = ErrFuture
		}
		if err != nil {
			bad = append(bad, letter{name: string(names[at]), time: b.Times[i], value: b.Values[i], reason: err})
			continue
		}
		index = append(index, at)
		b.Times[kept], b.Values[kept] = b.Times[i], b.Values[i]
		kept++
	}
	b.Times, b.Values, b.Index = b.Times[:kept], b.Values[:kept], index
	return s.buryAll(ctx, bad)
}

// append stores columns, waiting while there is no room, and buries what is
// refused. name gives whose sample is at a position.
func (s *Service) append(ctx context.Context, refs []Ref, index []uint32, times []record.Millis, values []float64, name func(int) string) error {
	for waits := false; ; waits = true {
		refused, err := s.opts.Store.Append(ctx, refs, index, times, values)
		if err != nil && ctx.Err() == nil {
			s.troubles.WithLabelValues("append").Inc()
		}
		if errors.Is(err, ErrNoRoom) || errors.Is(err, ErrAway) {
			if !waits {
				s.log.Warn("history waits for room", "error", err)
			}
			if !run.Pause(ctx, again) {
				return ctx.Err()
			}
			continue
		}
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%w: %w", errFatal, err)
		}
		if len(refused) == 0 {
			return nil
		}
		bad := make([]letter, len(refused))
		for i, r := range refused {
			bad[i] = letter{name: name(r.Index), time: times[r.Index], value: values[r.Index], reason: r.Reason, stored: r.Stored}
		}
		return s.buryAll(ctx, bad)
	}
}

// Refused is a sample of a sensor that was not stored.
type Refused struct {
	Sensor record.SensorID
	Sample Sample
	Refusal
}

// BuryRefused writes dead letters about samples that somebody else offered to
// the store.
func (s *Service) BuryRefused(ctx context.Context, all []Refused) error {
	bad := make([]letter, len(all))
	for i, x := range all {
		bad[i] = letter{name: string(x.Sensor), time: x.Sample.Time, value: x.Sample.Value, stored: x.Stored, reason: x.Reason}
	}
	return s.buryAll(ctx, bad)
}

// letter is one sample that was refused.
type letter struct {
	name   string
	time   record.Millis
	value  float64
	stored float64 // with ErrContradiction
	reason error
}

func (l letter) String() string {
	if errors.Is(l.reason, ErrContradiction) {
		return fmt.Sprintf("%s %v, stored %v", l.time, l.value, l.stored)
	}
	return fmt.Sprintf("%s %v", l.time, l.value)
}

// buryAll writes dead letters: one for all samples of one series with one
// reason, as far as they fit.
func (s *Service) buryAll(ctx context.Context, bad []letter) error {
	type kind struct{ name, reason string }
	var order []kind
	by := make(map[kind][]letter)
	for _, l := range bad {
		k := kind{l.name, l.reason.Error()}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], l)
		s.refused.WithLabelValues(label(l.reason)).Inc()
	}
	for _, k := range order {
		for all := by[k]; len(all) > 0; {
			var text strings.Builder
			n := 0
			for n < len(all) && text.Len()+80 < bus.MaxSample {
				fmt.Fprintln(&text, all[n])
				n++
			}
			first := all[0]
			d := bus.DeadLetter{Sensor: record.SensorID(first.name), Time: first.time, Value: &first.value}.Because(first.reason)
			if math.IsNaN(first.value) || math.IsInf(first.value, 0) {
				d.Value = nil // JSON has no such number
			}
			if errors.Is(first.reason, ErrContradiction) {
				d.Params = phrase.Params{"time": phrase.Time(first.time.Time()), "offered": first.value, "stored": first.stored}
				d.Reason = fmt.Sprintf("%v: %v was offered for %s, %v is stored", first.reason, first.value, first.time, first.stored)
			}
			if n > 1 {
				d.Reason += fmt.Sprintf(" (and %d more like it)", n-1)
				d.Params = d.Params.With("more", n-1)
				d.Sample = text.String()
			}
			if err := s.bury(ctx, d); err != nil {
				return err
			}
			all = all[n:]
		}
	}
	return nil
}

func label(reason error) string {
	switch {
	case errors.Is(reason, ErrContradiction):
		return "contradiction"
	case errors.Is(reason, ErrTooOld):
		return "too_old"
	case errors.Is(reason, ErrFuture):
		return "future"
	}
	return "invalid"
}

// bury stores a dead letter, and waits until the bus takes it: nothing is
// dropped without a trace.
func (s *Service) bury(ctx context.Context, d bus.DeadLetter) error {
	d.Source = "history"
	for {
		err := s.opts.Bus.Bury(ctx, d)
		if err == nil {
			return nil
		}
		s.log.Warn("dead letter not stored, trying again", "error", err)
		if !run.Pause(ctx, again) {
			return ctx.Err()
		}
	}
}

func printable(data []byte) string { return fmt.Sprintf("%.500q", data) }

// tickColumns are the metrics of a tick in the order they are stored in.
var tickColumns = [...]Metric{Sum, Min, Max, Count, Total, Meter, Unaccounted}

// lanes are those of one hierarchy: one, or one for each part in which its ticks
// come.
type lanes struct {
	parts []*lane
	gone  *lane // series of lanes that were replaced, until the last part has come: they may be in another one
}

// lane is what is known of the ticks of one hierarchy, or of one part of them.
type lane struct {
	column []byte   // the groups, as they are encoded
	groups []string // the same
	refs   []Ref    // per group and column
	open   []bool   // per group and column: the last value was not null
	last   record.Millis
}

// aggregates reads ticks into the store.
func (s *Service) aggregates(ctx context.Context) reader {
	s.opts.Store.Forget() // somebody else may have read them until now
	known, virtual := make(map[string]*lanes), make(map[part]*lane)
	handle := func(m bus.Message) error {
		var ticks record.Ticks
		if err := ticks.Decode(m.Data); err != nil {
			s.refused.WithLabelValues("malformed").Inc()
			if err := s.bury(ctx, bus.DeadLetter{Sample: printable(m.Data)}.Because(fmt.Errorf("message %d of the aggregates: %w", m.Seq, err))); err != nil {
				return err
			}
			s.aggregated().done(m.Seq, 0)
			return nil
		}
		newest := record.Millis(0)
		if len(ticks.Ticks) > 0 {
			l, err := s.lane(ctx, known, &ticks)
			if err != nil {
				return err
			}
			for i := range ticks.Ticks {
				if err := s.appendTick(ctx, l, &ticks.Ticks[i]); err != nil {
					return err
				}
				newest = max(newest, ticks.Ticks[i].Time)
			}
			if err := s.appendVirtual(ctx, virtual, &ticks); err != nil {
				return err
			}
		}
		s.aggregated().done(m.Seq, newest)
		return nil
	}
	return func(from uint64) error { return s.opts.Bus.FollowAggregates(ctx, AggregatesReader, from, handle) }
}

// part names a part of the ticks of a hierarchy.
type part struct {
	hierarchy string
	number    uint32
}

// lane finds the lane of the ticks, and when the groups are others than before
// makes a new one. Groups that are in no part any more are ended when the last
// part has come.
func (s *Service) lane(ctx context.Context, known map[string]*lanes, t *record.Ticks) (*lane, error) {
	all := known[t.Hierarchy]
	if all == nil {
		all = new(lanes)
		known[t.Hierarchy] = all
	}
	number, parts := int(t.Part), int(max(t.Parts, 1))
	for len(all.parts) <= number {
		all.parts = append(all.parts, nil)
	}
	l := all.parts[number]
	if l == nil || string(l.column) != string(t.GroupColumn()) {
		now, err := s.newLane(ctx, t)
		if err != nil {
			return nil, err
		}
		if l != nil {
			now.last = l.last
			all.replaced(l)
		}
		l = now
		all.parts[number] = l
	}
	if number < parts-1 {
		return l, nil
	}
	for _, old := range all.parts[parts:] {
		if old != nil {
			all.replaced(old)
		}
	}
	all.parts = all.parts[:parts]
	return l, s.endGone(ctx, all, t.Ticks[0].Time)
}

func (s *Service) newLane(ctx context.Context, t *record.Ticks) (*lane, error) {
	l := &lane{column: slices.Clone(t.GroupColumn()), groups: t.Groups}
	series := make([]Series, 0, len(t.Groups)*len(tickColumns))
	for _, g := range t.Groups {
		for _, m := range tickColumns {
			series = append(series, Series{Metric: m, Hierarchy: t.Hierarchy, Name: g})
		}
	}
	l.refs = s.opts.Store.Refs(make([]Ref, 0, len(series)), series)
	newest, err := s.opts.Store.Latest(ctx, nil, series)
	if errors.Is(err, ErrAway) {
		return nil, err // it is read again
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFatal, err)
	}
	for _, x := range newest {
		l.open = append(l.open, !math.IsNaN(x.Value))
	}
	return l, nil
}

// replaced remembers the open series of a lane that is none any more.
func (all *lanes) replaced(l *lane) {
	if all.gone == nil {
		all.gone = new(lane)
	}
	all.gone.last = max(all.gone.last, l.last)
	for i, r := range l.refs {
		if l.open[i] {
			all.gone.refs, all.gone.groups = append(all.gone.refs, r), append(all.gone.groups, l.groups[i/len(tickColumns)])
		}
	}
}

// endGone ends what was replaced and is in no part any more.
func (s *Service) endGone(ctx context.Context, all *lanes, at record.Millis) error {
	if all.gone == nil {
		return nil
	}
	still := make(map[Ref]bool)
	for _, l := range all.parts {
		if l == nil {
			continue // it began to read between two parts
		}
		for _, r := range l.refs {
			still[r] = true
		}
	}
	gone := &lane{last: all.gone.last}
	for i, r := range all.gone.refs {
		if !still[r] {
			gone.refs, gone.groups = append(gone.refs, r), append(gone.groups, all.gone.groups[i])
		}
	}
	if err := s.end(ctx, gone, at); err != nil {
		return err
	}
	all.gone = nil
	return nil
}

// end writes the begin of a gap for every series of the lane.
func (s *Service) end(ctx context.Context, l *lane, at record.Millis) error {
	if len(l.refs) == 0 || at <= l.last {
		return nil
	}
	times, values := make([]record.Millis, len(l.refs)), make([]float64, len(l.refs))
	for i := range l.refs {
		times[i], values[i] = at, Null
	}
	return s.append(ctx, l.refs, nil, times, values, func(i int) string { return l.groups[i] })
}

// appendVirtual stores the values of virtual sensors as if they were records of
// theirs, and where null begins.
func (s *Service) appendVirtual(ctx context.Context, lanes map[part]*lane, t *record.Ticks) error {
	if len(t.Sensors) == 0 {
		return nil
	}
	key := part{t.Hierarchy, t.Part}
	l := lanes[key]
	if l == nil || string(l.column) != string(t.SensorColumn()) {
		// One that is told no more may be told by another hierarchy at the same
		// time, so nothing is ended.
		old := l
		l = &lane{column: slices.Clone(t.SensorColumn())}
		series := make([]Series, len(t.Sensors))
		for i, id := range t.Sensors {
			series[i] = RecordsOf(id)
		}
		l.refs = s.opts.Store.Refs(make([]Ref, 0, len(series)), series)
		newest, err := s.opts.Store.Latest(ctx, nil, series)
		if errors.Is(err, ErrAway) {
			return err // it is read again
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errFatal, err)
		}
		for _, x := range newest {
			l.open = append(l.open, !math.IsNaN(x.Value))
		}
		if old != nil {
			l.last = old.last
		}
		lanes[key] = l
	}
	var index []uint32
	var times []record.Millis
	var values []float64
	for k := range t.Ticks {
		at := t.Ticks[k].Time
		for i, v := range t.Ticks[k].Values {
			if math.IsNaN(v) {
				if !l.open[i] || at <= l.last {
					continue
				}
				v = Null
			}
			if at > l.last {
				l.open[i] = !math.IsNaN(v)
			}
			index, times, values = append(index, uint32(i)), append(times, at), append(values, v)
		}
		l.last = max(l.last, at)
	}
	if len(index) == 0 {
		return nil
	}
	return s.append(ctx, l.refs, index, times, values, func(i int) string { return string(t.Sensors[index[i]]) })
}

// appendTick stores what of a tick is not null, and where null begins.
func (s *Service) appendTick(ctx context.Context, l *lane, t *record.Tick) error {
	n := len(l.refs)
	index, times, values := make([]uint32, 0, n), make([]record.Millis, 0, n), make([]float64, 0, n)
	put := func(at int, v float64) {
		if math.IsNaN(v) {
			if !l.open[at] || t.Time <= l.last {
				return
			}
			v = Null
		}
		// What is read a second time says nothing new about the present.
		if t.Time > l.last {
			l.open[at] = !math.IsNaN(v)
		}
		index, times, values = append(index, uint32(at)), append(times, t.Time), append(values, v)
	}
	for g := range t.Sum {
		at := g * len(tickColumns)
		put(at, t.Sum[g])
		put(at+1, t.Min[g])
		put(at+2, t.Max[g])
		put(at+3, float64(t.Count[g]))
		put(at+4, float64(t.Total[g]))
		put(at+5, t.Meter[g])
		put(at+6, t.Unaccounted[g])
	}
	l.last = max(l.last, t.Time)
	return s.append(ctx, l.refs, index, times, values, func(i int) string { return l.groups[int(index[i])/len(tickColumns)] })
}
