package imports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// sample is a value of a sensor.
type sample struct {
	t record.Millis
	v float64
}

// content is what a file holds, by sensor, in order of time and of arrival
// where times are the same.
type content map[record.SensorID][]sample

// do tries or imports a file, or goes on with that.
func (s *Service) do(ctx context.Context, x *Import) error {
	c, err := x.Plan.check(s.opts.Catalog.State().Model)
	if err != nil {
		return err
	}
	if x.State == Waiting {
		x.State = Reading
		if err := s.store.save(ctx, x); err != nil {
			return err
		}
	}
	report := ImportReport{Sensors: []ImportOutcome{}, Examples: []ImportExample{}, Notes: c.notes}
	all, err := s.collect(ctx, x, c, &report)
	if err != nil {
		return err
	}
	found, err := s.compare(ctx, x, c, all, &report)
	if err != nil {
		return err
	}
	if x.Trial {
		for _, sn := range missing(c.make, s.opts.Catalog.State().Model) {
			report.Made = append(report.Made, string(sn.ID))
		}
		if err := s.suppose(ctx, x, c, all, found, &report); err != nil {
			return err
		}
		return s.end(ctx, x, Uploaded, report)
	}
	if x.State == Reading {
		if report.Made, err = s.makeSensors(ctx, x, c.make); err != nil {
			return err
		}
		// What it brought before it failed is its own, too.
		fresh, err := s.store.readings(ctx, x.ID)
		if err != nil {
			return err
		}
		for id, f := range found {
			fresh[id] = slices.Compact(slices.Sorted(slices.Values(append(fresh[id], f.fresh...))))
		}
		x.State, x.Report, x.Progress = Storing, &report, &ImportProgress{}
		if err := s.store.keepReadings(ctx, x, fresh); err != nil {
			return err
		}
	} else { // it was killed meanwhile: what was found then is what counts
		fresh, err := s.store.readings(ctx, x.ID)
		if err != nil {
			return err
		}
		for id, f := range found {
			f.fresh = fresh[id]
		}
		if x.Report != nil {
			report = *x.Report
		}
	}
	if err := s.keep(ctx, all, found, &report); err != nil {
		return err
	}
	if x.Held, err = s.replace(ctx, x, found); err != nil {
		return err
	}
	return s.end(ctx, x, Stored, report)
}

func (s *Service) end(ctx context.Context, x *Import, to State, r ImportReport) error {
	_, err := s.change(ctx, x.ID, func(now *Import) error {
		now.State, now.Report, now.Progress, now.Held = to, &r, nil, x.Held
		if to == Stored {
			now.Events = append(now.Events, ImportEvent{At: s.opts.Now().UTC(), Who: "wattwerk", What: "stored"})
		}
		return nil
	})
	return err
}

// collect reads a whole file.
func (s *Service) collect(ctx context.Context, x *Import, c checked, report *ImportReport) (content, error) {
	f, err := os.Open(s.path(x.ID))
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	all := make(content)
	n := 0
	var told atomic.Int64
	res, err := transfer.Parse(ctx, f, c.options, func(id record.SensorID, ts []record.Millis, vs []float64) error {
		if n += len(ts); n > s.opts.Limits.Values {
			return fmt.Errorf("%w: the file has more than %d values; take fewer columns, part it, or use 'wattwerk import', which takes any size", ErrTooMuch, s.opts.Limits.Values)
		}
		held := all[id]
		for i, t := range ts {
			held = append(held, sample{t, vs[i]})
		}
		all[id] = held
		return nil
	}, func(p transfer.ImportProgress) {
		now := time.Now().Unix()
		if told.Swap(now) != now { // once a second
			x.Progress = &ImportProgress{Done: p.Bytes, Total: x.Bytes}
			_ = s.store.save(ctx, x) // that it is not told does no harm; the next thing that is kept fails, too
		}
	}, func(r transfer.ImportRefusal) {
		report.Refused++
		report.example(exampleOf(r))
	})
	if err != nil {
		return nil, err
	}
	report.Rows = res.Rows
	for _, held := range all {
		slices.SortStableFunc(held, func(a, b sample) int { return cmp.Compare(a.t, b.t) })
	}
	return all, nil
}

func (r *ImportReport) example(e ImportExample) {
	if len(r.Examples) < mostExamples {
		r.Examples = append(r.Examples, e)
	}
}

// finding is what became of the values of a sensor.
type finding struct {
	fresh     []record.Millis // that are not stored
	replacing [][]sample      // that are to count instead of what is stored
}

// compare holds what a file has against what is stored.
func (s *Service) compare(ctx context.Context, x *Import, c checked, all content, report *ImportReport) (map[record.SensorID]*finding, error) {
	excluded, err := s.excluded(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[record.SensorID]*finding)
	for _, column := range c.options.Columns {
		id := column.Sensor
		o := ImportOutcome{Sensor: id, Values: uint64(len(all[id]))}
		if held := all[id]; len(held) > 0 {
			o.From, o.To = new(held[0].t.Time()), new(held[len(held)-1].t.Time())
			w := walk{values: held, outcome: &o, report: report, replace: x.Plan.Conflicts == "replace"}
			if ids := excluded[id]; len(ids) > 0 {
				if w.excluded, err = s.opts.Corrections.Excluded(ctx, id, ids); err != nil {
					return nil, err
				}
			}
			if err := s.opts.Store.Scan(ctx, history.RecordsOf(id), held[0].t, held[len(held)-1].t, w.stored); err != nil {
				return nil, fmt.Errorf("import: %w", err)
			}
			w.until(record.MaxTime + 1)
			out[id] = &w.finding
			if column.Per > 0 {
				o.Amount = new(w.amount(column.Per))
			}
		}
		report.Sensors = append(report.Sensors, o)
	}
	n := 0
	for _, f := range out {
		for _, run := range f.replacing {
			n += (len(run) + mostPoints - 1) / mostPoints
		}
	}
	if n > mostRuns {
		return nil, fmt.Errorf("%w: the values to be replaced are in %d stretches; %d can be replaced at once", ErrTooMuch, n, mostRuns)
	}
	return out, nil
}

// excluded are the interventions by which imports were taken back, of each
// sensor.
func (s *Service) excluded(ctx context.Context) (map[record.SensorID]map[string]bool, error) {
	undone, err := s.store.list(ctx, 10_000, 0, Undone)
	if err != nil {
		return nil, err
	}
	out := make(map[record.SensorID]map[string]bool)
	for _, x := range undone {
		for _, d := range x.Held {
			if d.Kind == excludeKind && !d.Over {
				if out[d.Sensor] == nil {
					out[d.Sensor] = make(map[string]bool)
				}
				out[d.Sensor][d.ID] = true
			}
		}
	}
	return out, nil
}

// walk goes along values of a file and what is stored.
type walk struct {
	values   []sample
	excluded []Intervention
	replace  bool
	outcome  *ImportOutcome
	report   *ImportReport
	finding

	at   int
	open bool // the last one is to count instead of another
}

// stored takes what is stored next.
func (w *walk) stored(ts []int64, vs []float64) error {
	for i, t := range ts {
		w.until(record.Millis(t))
		if w.at == len(w.values) || w.values[w.at].t != record.Millis(t) {
			w.open = false // another reading is between
			continue
		}
		w.take(&vs[i])
	}
	return nil
}

// until takes the values before a time, beside which nothing is stored.
func (w *walk) until(t record.Millis) {
	for w.at < len(w.values) && w.values[w.at].t < t {
		w.take(nil)
	}
}

// take decides about the next value, and those of the same time.
func (w *walk) take(stored *float64) {
	x := w.values[w.at]
	within := slices.ContainsFunc(w.excluded, func(i Intervention) bool { return i.Concerns(x.t) })
	same := stored != nil && math.Float64bits(*stored) == math.Float64bits(x.v)
	if stored == nil {
		w.outcome.New++
		w.fresh = append(w.fresh, x.t)
	}
	switch {
	case within || stored != nil && !same && w.replace:
		if !w.open {
			w.replacing = append(w.replacing, nil)
		}
		last := &w.replacing[len(w.replacing)-1]
		*last = append(*last, x)
		w.open = true
		w.outcome.Replacing++
	case same:
		w.outcome.Same++
		w.open = false
	case stored != nil:
		w.conflict(x, *stored, "another value is stored for this sensor and time, and the first one stays")
		w.open = false
	default:
		w.open = false
	}
	for w.at++; w.at < len(w.values) && w.values[w.at].t == x.t; w.at++ {
		if y := w.values[w.at]; math.Float64bits(y.v) == math.Float64bits(x.v) {
			w.outcome.Same++
		} else {
			w.conflict(y, x.v, "the file has another value for this sensor and time before, and the first one stays")
		}
	}
}

func (w *walk) conflict(x sample, first float64, why string) {
	w.outcome.Conflicts++
	e := ImportExample{Sensor: w.outcome.Sensor, Time: new(x.t.Time()), Value: new(x.v), Reason: why}
	if first == first {
		e.Stored = new(first)
	}
	w.report.example(e)
}

// amount adds up what the intervals of a column amount to, each rounded to a
// millionth.
func (w *walk) amount(per time.Duration) float64 {
	sum, last := int64(0), record.Millis(-1)
	for _, x := range w.values {
		if x.t != last {
			sum += int64(math.RoundToEven(x.v * per.Hours() * 1e6))
		}
		last = x.t
	}
	return float64(sum) / 1e6
}

// makeSensors makes those that do not exist.
func (s *Service) makeSensors(ctx context.Context, x *Import, all []model.Sensor) (made []string, err error) {
	st := s.opts.Catalog.State()
	todo := missing(all, st.Model)
	if len(todo) == 0 {
		return nil, nil
	}
	for _, sn := range todo {
		made = append(made, string(sn.ID))
	}
	_, err = s.opts.Catalog.Commit(ctx, catalog.Change{
		Base: st.Revision, Patch: model.Patch{Sensors: todo}, Who: s.by(x), Note: fmt.Sprintf("import of %s (%s)", x.Name, x.ID),
	})
	if err != nil {
		return nil, fmt.Errorf("make sensors: %w", err)
	}
	return made, nil
}

// by is who asked for the import.
func (s *Service) by(x *Import) string {
	for i := len(x.Events) - 1; i >= 0; i-- {
		if e := x.Events[i]; e.What == "import" {
			return e.Who
		}
	}
	return x.Who
}

// suppose tells what would be settled.
func (s *Service) suppose(ctx context.Context, x *Import, c checked, all content, found map[record.SensorID]*finding, report *ImportReport) error {
	if s.opts.Suppose == nil {
		return nil
	}
	m := s.opts.Catalog.State().Model
	for i := range report.Sensors {
		o := &report.Sensors[i]
		f := found[o.Sensor]
		if f == nil {
			continue
		}
		sn, ok := m.Sensor(o.Sensor)
		for k := range c.make {
			if !ok && c.make[k].ID == o.Sensor {
				sn, ok = &c.make[k], true
			}
		}
		if !ok {
			continue
		}
		ts, vs := f.news(all[o.Sensor])
		var err error
		if o.Settled, err = s.opts.Suppose(ctx, sn, ts, vs, f.instead(x, new(0))); err != nil {
			return err
		}
	}
	return nil
}

// news are the values that are new, of each time the first.
func (f *finding) news(all []sample) (ts []record.Millis, vs []float64) {
	fresh := f.fresh
	for _, x := range all {
		for len(fresh) > 0 && fresh[0] < x.t {
			fresh = fresh[1:]
		}
		if len(fresh) > 0 && fresh[0] == x.t { // the first one of a time
			ts, vs, fresh = append(ts, x.t), append(vs, x.v), fresh[1:]
		}
	}
	return ts, vs
}

// instead are the interventions by which values count instead of stored ones; n
// counts those of an import.
func (f *finding) instead(x *Import, n *int) (all []Intervention) {
	for _, run := range f.replacing {
		for len(run) > 0 {
			some := run[:min(len(run), mostPoints)]
			run = run[len(some):]
			*n++
			i := Intervention{ID: interventionID(x, "r", *n), From: some[0].t, To: some[len(some)-1].t + 1}
			for _, p := range some {
				i.Times, i.Values = append(i.Times, p.t), append(i.Values, p.v)
			}
			all = append(all, i)
		}
	}
	return all
}

// keep stores what is new, and has windows settled again.
func (s *Service) keep(ctx context.Context, all content, found map[record.SensorID]*finding, report *ImportReport) error {
	fill, err := s.opts.Store.Backfill(ctx)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer fill.Abort()
	fill.OnRefused(func(k history.Series, x history.Sample, why history.Refusal) {
		report.Refused++
		report.example(ImportExample{Sensor: record.SensorID(k.Name), Time: new(x.Time.Time()), Value: new(x.Value), Reason: why.Reason.Error()})
	})
	for _, id := range slices.Sorted(maps.Keys(found)) {
		ts, vs := found[id].news(all[id])
		if len(ts) == 0 {
			continue
		}
		if err := fill.Add(history.RecordsOf(id), ts, vs); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	if _, err := fill.Commit(); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	for id, f := range found {
		if n := len(f.fresh); n > 0 {
			if err := s.opts.Filled(ctx, id, f.fresh[0], f.fresh[n-1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Kinds of interventions.
const (
	excludeKind = "exclude"
	replaceKind = "replace"
)

const (
	mostPoints = 50_000 // of one intervention
	mostRuns   = 5_000  // interventions of one import
	mostRows   = 5_000  // of readings that one intervention is about
)

// interventionID is the same whenever the same is done again.
func interventionID(x *Import, what string, n int) string {
	round := 0
	for _, e := range x.Events {
		if e.What == "import" || e.What == "undo" || e.What == "redo" {
			round++
		}
	}
	return fmt.Sprintf("i_%s_%d%s%d", x.ID, round, what, n)
}

// replace has values count instead of stored ones.
func (s *Service) replace(ctx context.Context, x *Import, found map[record.SensorID]*finding) (held []ImportDecision, err error) {
	n := 0
	for _, id := range slices.Sorted(maps.Keys(found)) {
		all := found[id].instead(x, &n)
		for _, i := range all {
			held = append(held, ImportDecision{ID: i.ID, Sensor: id, Kind: replaceKind})
		}
		if len(all) > 0 {
			if err := s.opts.Corrections.Intervene(ctx, id, all, fmt.Sprintf("import of %s (%s)", x.Name, x.ID), s.by(x)); err != nil {
				return nil, err
			}
		}
	}
	return held, nil
}

// Undo takes an import back: exactly the readings that it alone brought are
// excluded, and what it replaced counts again.
func (s *Service) Undo(ctx context.Context, id, why string) (Import, error) {
	return s.change(ctx, id, func(x *Import) error {
		if x.State != Stored {
			return fmt.Errorf("%w: the import is %s", ErrState, x.State)
		}
		who := s.opts.Actor(ctx)
		brought, err := s.store.readings(ctx, id)
		if err != nil {
			return err
		}
		byRun := make(map[record.SensorID][]Intervention)
		n := 0
		for _, sensor := range slices.Sorted(maps.Keys(brought)) {
			times := brought[sensor]
			if only := record.RowsOf(times); len(only) <= mostRows {
				n++
				byRun[sensor] = append(byRun[sensor], Intervention{ID: interventionID(x, "u", n), From: times[0], To: times[len(times)-1] + 1, Only: only})
				continue
			}
			runs, err := s.runs(ctx, sensor, times)
			if err != nil {
				return err
			}
			for _, r := range runs {
				n++
				byRun[sensor] = append(byRun[sensor], Intervention{ID: interventionID(x, "u", n), From: r[0], To: r[1] + 1})
			}
		}
		if n > mostRuns {
			return fmt.Errorf("%w: the readings of this import lie between others, in %d stretches; %d can be excluded at once. Exclude ranges of the sensors by hand", ErrTooMuch, n, mostRuns)
		}
		for i := range x.Held {
			if d := &x.Held[i]; d.Kind == replaceKind && !d.Over {
				if err := s.opts.Corrections.End(ctx, []string{d.ID}, why, who); err != nil {
					return err
				}
				d.Over = true
			}
		}
		for _, sensor := range slices.Sorted(maps.Keys(byRun)) {
			if err := s.opts.Corrections.Intervene(ctx, sensor, byRun[sensor], fmt.Sprintf("import of %s (%s) undone: %s", x.Name, x.ID, why), who); err != nil {
				return err
			}
			for _, i := range byRun[sensor] {
				x.Held = append(x.Held, ImportDecision{ID: i.ID, Sensor: sensor, Kind: excludeKind})
			}
		}
		x.State = Undone
		x.Events = append(x.Events, ImportEvent{At: s.opts.Now().UTC(), Who: who, What: "undo", Why: why})
		return nil
	})
}

// Redo has an import that was undone count again.
func (s *Service) Redo(ctx context.Context, id, why string) (Import, error) {
	return s.change(ctx, id, func(x *Import) error {
		if x.State != Undone {
			return fmt.Errorf("%w: the import is %s", ErrState, x.State)
		}
		who := s.opts.Actor(ctx)
		var ended []string
		n := 0
		var again []ImportDecision
		for i := range x.Held {
			switch d := &x.Held[i]; {
			case d.Kind == excludeKind && !d.Over:
				ended = append(ended, d.ID)
				d.Over = true
			case d.Kind == replaceKind && d.Over:
				n++
				id := interventionID(x, "r", n)
				if err := s.opts.Corrections.Again(ctx, d.Sensor, d.ID, id, why, who); err != nil {
					return err
				}
				again = append(again, ImportDecision{ID: id, Sensor: d.Sensor, Kind: replaceKind})
			}
		}
		if err := s.opts.Corrections.End(ctx, ended, why, who); err != nil {
			return err
		}
		// What was said again stands for what was undone.
		x.Held = append(slices.DeleteFunc(x.Held, func(d ImportDecision) bool { return d.Kind == replaceKind && d.Over }), again...)
		x.State = Stored
		x.Events = append(x.Events, ImportEvent{At: s.opts.Now().UTC(), Who: who, What: "redo", Why: why})
		return nil
	})
}

// errEnough ends a scan.
var errEnough = errors.New("enough")

// runs are the stretches of a sensor's readings in which there are none but
// these; both ends included.
func (s *Service) runs(ctx context.Context, id record.SensorID, times []record.Millis) (out [][2]record.Millis, err error) {
	open := false
	err = s.opts.Store.Scan(ctx, history.RecordsOf(id), times[0], times[len(times)-1], func(ts []int64, _ []float64) error {
		for _, t := range ts {
			if _, ours := slices.BinarySearch(times, record.Millis(t)); !ours {
				open = false
				continue
			}
			if !open {
				out = append(out, [2]record.Millis{record.Millis(t)})
			}
			open = true
			out[len(out)-1][1] = record.Millis(t)
			if len(out) > mostRuns {
				return errEnough
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("undo import: %w", err)
	}
	return out, nil
}
