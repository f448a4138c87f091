package uc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/aggregate"
	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// useCase is what is measured: it reads records from the bus.
type useCase interface {
	// run works until ctx ends.
	run(ctx context.Context) error
	// positions are the newest messages that are worked off, per partition.
	positions() []uint64
	// finish returns when everything is told of what has been read.
	finish(ctx context.Context) error
	// check compares all results with the oracle, and gives the latencies, in
	// ms, of those that may be judged by them.
	check(ctx context.Context) (verdict, []float64, error)
}

// resultsStream keeps the results of uc2 and uc3.
const (
	resultsStream = "BENCH-RESULTS"
	resultsPrefix = "bench.results."
)

// windows are the window operators over the bus.
type windows struct {
	opts  Options
	load  *Load
	bus   *bus.Bus
	zone  *time.Location
	parts []*windowPart
}

type windowPart struct {
	number   int
	step     func(*record.Batch)
	end      func() // of the stream
	late     func() uint64
	position atomic.Uint64
	mu       sync.Mutex // held while a message is worked off
	out      []byte     // results to be published
	failed   error
	publish  func()
}

// maxResults bounds a message of results, in bytes.
const maxResults = 512 << 10

func newWindows(ctx context.Context, o Options, l *Load, b *bus.Bus) (*windows, error) {
	zone, err := time.LoadLocation(o.Zone)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	if _, err := b.JetStream().CreateStream(ctx, jetstream.StreamConfig{Name: resultsStream, Subjects: []string{resultsPrefix + "*"}}); err != nil {
		return nil, fmt.Errorf("create %s: %w", resultsStream, err)
	}
	w := &windows{opts: o, load: l, bus: b, zone: zone}
	for p := range b.Partitions() {
		x := &windowPart{number: p, end: func() {}}
		emit := func(r Result) {
			x.out = appendResult(x.out, &r)
			if len(x.out) > maxResults {
				x.publish()
			}
		}
		switch o.Case {
		case Downsample:
			op := NewTumbling(o.Window, o.Grace, emit)
			x.step, x.end, x.late = op.Step, op.Finish, op.Late
		case TimeAttribute:
			op := NewHourOfDay(zone, o.Days, o.Emit, emit)
			x.step, x.late = op.Step, op.Late
		}
		w.parts = append(w.parts, x)
	}
	return w, nil
}

func (w *windows) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, x := range w.parts {
		x.publish = func() {
			if len(x.out) > 0 && x.failed == nil {
				_, x.failed = w.bus.JetStream().Publish(ctx, fmt.Sprint(resultsPrefix, x.number), x.out)
			}
			x.out = x.out[:0]
		}
	}
	for _, x := range w.parts {
		g.Go(func() error {
			var b record.Batch
			return w.bus.ReadRecords(ctx, x.number, 0, func(m bus.Message) error {
				if err := b.Decode(m.Data); err != nil {
					return err
				}
				x.mu.Lock()
				defer x.mu.Unlock()
				x.step(&b)
				x.publish()
				x.position.Store(m.Seq)
				return x.failed
			})
		})
	}
	return g.Wait()
}

func (w *windows) positions() []uint64 {
	out := make([]uint64, len(w.parts))
	for p, x := range w.parts {
		out[p] = x.position.Load()
	}
	return out
}

func (w *windows) finish(context.Context) error {
	for _, x := range w.parts {
		x.mu.Lock()
		x.end()
		x.publish()
		err, late := x.failed, x.late()
		x.mu.Unlock()
		if err != nil {
			return err
		}
		if late > 0 {
			return fmt.Errorf("%d records of partition %d came late, though all were in order", late, x.number)
		}
	}
	return nil
}

func (w *windows) check(ctx context.Context) (verdict, []float64, error) {
	var v verdict
	var latency []float64
	by := make(map[record.SensorID][]Result)
	if err := readAll(ctx, w.bus, resultsStream, func(m bus.Message) error {
		stored := record.MillisOf(m.Stored)
		return decodeResults(m.Data, func(r Result) {
			by[r.Sensor] = append(by[r.Sensor], r)
			// Of a window of the end of the stream nobody waits for more.
			if !w.opts.Backlog && (r.Final || r.Hour >= 0) {
				latency = append(latency, float64(stored-r.At))
			}
		})
	}); err != nil {
		return v, nil, err
	}
	newest := make([]record.Millis, w.load.Partitions)
	for p := range newest {
		newest[p], _ = w.load.newest(p, w.load.End)
	}
	for i := range w.load.Sensors {
		id := w.load.Sensor(i)
		var want map[window]*tally
		if w.opts.Case == Downsample {
			want = w.load.tumblingOf(i, w.opts.Window)
		} else {
			want = w.load.hoursOf(i, w.zone, w.opts.Days, w.opts.Emit, newest[record.Partition(id, w.load.Partitions)])
		}
		judge(by[id], want, &v)
		delete(by, id)
	}
	for _, rest := range by { // of sensors that do not exist
		v.results += len(rest)
		v.wrong += len(rest)
	}
	return v, latency, nil
}

// errAll ends a reader that has seen what there was.
var errAll = errors.New("all seen")

// readAll reads what a stream holds now.
func readAll(ctx context.Context, b *bus.Bus, stream string, take func(bus.Message) error) error {
	x, err := b.Extent(ctx, stream)
	if err != nil || x.Last < x.First || x.Last == 0 {
		return err
	}
	err = b.Read(ctx, stream, "", 0, func(m bus.Message) error {
		if err := take(m); err != nil {
			return err
		}
		if m.Seq >= x.Last {
			return errAll
		}
		return nil
	})
	if errors.Is(err, errAll) {
		return nil
	}
	return err
}

// store is uc1: the history.
type store struct {
	opts    Options
	load    *Load
	bus     *bus.Bus
	db      *tsdb.Store
	history *history.Service
	mu      sync.Mutex
	seen    []progress
}

// progress is when a position was reached.
type progress struct {
	at        time.Time
	positions []uint64
}

func newStore(o Options, l *Load, b *bus.Bus, c *catalog.Catalog, dir string, log *slog.Logger) (*store, error) {
	db, err := tsdb.Open(tsdb.Options{Dir: filepath.Join(dir, "history"), Series: l.Sensors, Log: log})
	if err != nil {
		return nil, err
	}
	h, err := history.New(history.Options{Bus: b, Catalog: c, Store: db, Log: log})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &store{opts: o, load: l, bus: b, db: db, history: h}, nil
}

// watchEvery is how exactly uc1 knows when a record was stored.
const watchEvery = 2 * time.Millisecond

func (s *store) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.history.Run(ctx) })
	if !s.opts.Backlog {
		g.Go(func() error {
			tick := time.NewTicker(watchEvery)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
				p := progress{positions: s.history.Positions()}
				p.at = time.Now()
				s.mu.Lock()
				s.seen = append(s.seen, p)
				s.mu.Unlock()
			}
		})
	}
	return g.Wait()
}

func (s *store) positions() []uint64 { return s.history.Positions() }

func (s *store) finish(context.Context) error { return nil }

func (s *store) close() error { return s.db.Close() }

// check reads every sensor's whole history back. Every record is a result.
func (s *store) check(ctx context.Context) (verdict, []float64, error) {
	var v verdict
	for i := range s.load.Sensors {
		first := s.load.Start + s.load.phase(i)
		n := s.load.readings(i, s.load.End)
		k := int64(0)
		if err := s.db.Scan(ctx, history.RecordsOf(s.load.Sensor(i)), record.MinTime, record.MaxTime, func(times []int64, values []float64) error {
			for j, at := range times {
				v.results++
				// What is stored comes in order, so one that is not next is not right.
				if at != int64(first+record.Millis(k)*s.load.Period) || values[j] != float64(s.load.eighths(i, k))/8 {
					v.wrong++
				}
				k++
			}
			return nil
		}); err != nil {
			return v, nil, err
		}
		v.missing += int(max(0, n-k))
	}
	latency, err := s.latency(ctx)
	return v, latency, err
}

// latency of every record: from its time until the history was seen to have it.
func (s *store) latency(ctx context.Context) ([]float64, error) {
	if s.opts.Backlog {
		return nil, nil
	}
	s.mu.Lock()
	seen := s.seen // what is noted from now on is of no interest
	s.mu.Unlock()
	var all []float64
	for p := range s.load.Partitions {
		x, err := s.bus.RecordsExtent(ctx, p)
		if err != nil {
			return nil, err
		}
		if x.Last == 0 || x.Last < x.First {
			continue
		}
		var b record.Batch
		at := 0
		err = s.bus.ReadRecords(ctx, p, 0, func(m bus.Message) error {
			if err := b.Decode(m.Data); err != nil {
				return err
			}
			for at < len(seen) && seen[at].positions[p] < m.Seq {
				at++
			}
			if at < len(seen) {
				stored := float64(seen[at].at.UnixMicro()) / 1000
				for _, t := range b.Times {
					all = append(all, stored-float64(t))
				}
			}
			if m.Seq >= x.Last {
				return errAll
			}
			return nil
		})
		if err != nil && !errors.Is(err, errAll) {
			return nil, err
		}
	}
	return all, nil
}

// tree is uc4: the aggregation.
type tree struct {
	opts      Options
	load      *Load
	bus       *bus.Bus
	aggregate *aggregate.Service
	layout    *model.Layout
	above     [][]int // per sensor, the positions of its groups in the layout
}

const hierarchy model.HierarchyID = "theodolite"

// document nests groups of four, as Theodolite's load generator does.
func (o Options) document(l *Load) model.Document {
	age := model.Duration(o.Emit * 1e6)
	d := model.Document{Hierarchies: []model.Hierarchy{{ID: hierarchy, Root: "root", Tick: age}}}
	for i := range l.Sensors {
		d.Sensors = append(d.Sensors, model.Sensor{
			ID: l.Sensor(i), Quantity: record.ActivePower, Interval: model.Duration(l.Period * 1e6), MaxAge: &age,
		})
	}
	var nest func(id model.GroupID, from, n int)
	nest = func(id model.GroupID, from, n int) {
		g := model.Group{ID: id}
		for k := range 4 {
			if each := n / 4; each > 1 {
				child := model.GroupID(fmt.Sprintf("%s.%d", id, k))
				g.Members = append(g.Members, model.Member{Group: child})
				nest(child, from+k*each, each)
			} else {
				g.Members = append(g.Members, model.Member{Sensor: l.Sensor(from + k)})
			}
		}
		d.Groups = append(d.Groups, g)
	}
	nest("root", 0, l.Sensors)
	return d
}

func newTree(ctx context.Context, o Options, l *Load, b *bus.Bus, c *catalog.Catalog, log *slog.Logger) (*tree, error) {
	doc := o.document(l)
	m, err := model.New(doc)
	if err != nil {
		return nil, err
	}
	if _, err := c.Commit(ctx, catalog.Change{Patch: model.Diff(model.Document{}, doc), Who: "bench"}); err != nil {
		return nil, err
	}
	timing := tick.DefaultTiming()
	timing.Grace = int64(o.Grace)
	s, err := aggregate.New(aggregate.Options{Bus: b, Catalog: c, Log: log, Timing: timing})
	if err != nil {
		return nil, err
	}
	return &tree{opts: o, load: l, bus: b, aggregate: s, layout: m.Layout(hierarchy), above: groupsAbove(l, m.Layout(hierarchy))}, nil
}

func (t *tree) run(ctx context.Context) error { return t.aggregate.Run(ctx) }

func (t *tree) positions() []uint64 {
	out := make([]uint64, t.load.Partitions)
	for _, p := range t.aggregate.Status().Partitions { // those that it works on by now
		out[p.Partition] = p.Position
	}
	return out
}

// last is the newest tick that the records close by themselves.
func (t *tree) last() record.Millis {
	least := record.MaxTime
	for p := range t.load.Partitions {
		if at, ok := t.load.newest(p, t.load.End); ok {
			least = min(least, at)
		}
	}
	return (least - t.opts.Grace) / t.opts.Emit * t.opts.Emit
}

// finish waits for the last tick.
func (t *tree) finish(ctx context.Context) error {
	last := t.last()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		data, _, err := t.bus.LastAggregates(ctx, string(hierarchy))
		if err != nil {
			return err
		}
		var k record.Ticks
		if data != nil {
			if err := k.Decode(data); err != nil {
				return err
			}
			if n := len(k.Ticks); n > 0 && k.Ticks[n-1].Time >= last {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the tick at %v does not come: %w", last, ctx.Err())
		case <-tick.C:
		}
	}
}

// groupsAbove gives for every sensor the positions of the groups it is below. They
// follow from its number, by fours.
func groupsAbove(l *Load, layout *model.Layout) [][]int {
	index := make(map[model.GroupID]int, len(layout.Groups))
	for i := range layout.Groups {
		index[layout.Groups[i].ID] = i
	}
	out := make([][]int, l.Sensors)
	for i := range out {
		id := model.GroupID("root")
		for n, from := l.Sensors, 0; ; {
			out[i] = append(out[i], index[id])
			if n /= 4; n <= 1 {
				break
			}
			id = model.GroupID(fmt.Sprintf("%s.%d", id, (i-from)/n))
			from += (i - from) / n * n
		}
	}
	return out
}

// sums are what every group should be at a tick, in the order of the layout.
func (t *tree) sums(at record.Millis) []tally {
	out := make([]tally, len(t.layout.Groups))
	l := t.load
	for i := range l.Sensors {
		k := l.readings(i, at+1) - 1
		if k < 0 || at-(l.Start+l.phase(i)+record.Millis(k)*l.Period) > t.opts.Emit {
			continue
		}
		v := l.eighths(i, k)
		for _, g := range t.above[i] {
			out[g].add(v)
		}
	}
	return out
}

// check compares every group of every tick, and expects all ticks from the one
// at which every sensor has fired to the last.
func (t *tree) check(ctx context.Context) (verdict, []float64, error) {
	var v verdict
	var latency []float64
	var parts bench.Parts
	told := make(map[record.Millis]int) // groups of a tick
	x, err := t.bus.AggregatesExtent(ctx)
	if err != nil || x.Last == 0 {
		return v, nil, err
	}
	at := make(map[string]int)
	for i := range t.layout.Groups {
		at[string(t.layout.Groups[i].ID)] = i
	}
	err = t.bus.ReadAggregates(ctx, 0, func(m bus.Message) error {
		var k record.Ticks
		if err := k.Decode(m.Data); err != nil {
			return err
		}
		for i := range k.Ticks {
			tick := &k.Ticks[i]
			want := t.sums(tick.Time)
			twice := parts.Came(tick.Time, k.Part)
			told[tick.Time] += len(k.Groups)
			for g, id := range k.Groups {
				w := want[at[id]]
				v.results++
				if twice || int64(tick.Count[g]) != w.n || w.n > 0 && (tick.Sum[g] != float64(w.sum)/8 || tick.Min[g] != float64(w.least)/8 || tick.Max[g] != float64(w.most)/8) {
					v.wrong++
				}
			}
			if !t.opts.Backlog {
				latency = append(latency, float64(record.MillisOf(m.Stored)-tick.Time))
			}
		}
		if m.Seq >= x.Last {
			return errAll
		}
		return nil
	})
	if err != nil && !errors.Is(err, errAll) {
		return v, nil, err
	}
	for tick := (t.load.Start+t.load.Period)/t.opts.Emit*t.opts.Emit + t.opts.Emit; tick <= t.last(); tick += t.opts.Emit {
		v.missing += max(len(t.layout.Groups)-told[tick], 0)
	}
	return v, latency, nil
}
