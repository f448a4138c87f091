package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/aggregate"
	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

// BenchIngestCmd is "wattwerk bench ingest".
type BenchIngestCmd struct {
	benchFlags `embed:""`
	Sensors    int           `default:"1000000" help:"Sensors."`
	Groups     int           `default:"10000" help:"Groups they are spread over."`
	Duration   time.Duration `name:"seconds" default:"60s" help:"How long to measure, such as 60s."`
	Batch      int           `default:"5000" help:"Records in one message; each message is fsynced."`
	Partitions int           `default:"16" help:"Partitions."`
	Rate       float64       `default:"0" help:"Readings a second of each sensor; 0: as fast as they are taken."`
	NoSync     bool          `help:"Do not fsync; not how it should be run, only to see what that costs."`
	Memory     int64         `default:"3600" help:"Let Go's memory grow to about this many MiB before it works harder to keep it small."`
	Profile    string        `help:"Write a CPU profile of the measured time to this file." type:"path"`
	Heap       string        `help:"Write a heap profile of the end of the measured time to this file." type:"path"`
}

// backlog is how many records may be on the bus and not yet in the history:
// enough to keep both busy, too few to hide a reader that is too slow.
const backlog = 4_000_000

// engineRoom is what ingest needs of a process, without its HTTP side.
type engineRoom struct {
	bus       *bus.Bus
	catalog   *catalog.Catalog
	store     *tsdb.Store
	history   *history.Service
	aggregate *aggregate.Service
}

// openEngineRoom starts the modules between sensors and stored ticks on dir.
// stop ends them and reports what failed.
func openEngineRoom(ctx context.Context, dir string, partitions, series int, noSync bool) (*engineRoom, func() error, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := bus.Open(ctx, bus.Options{Dir: dir, Partitions: partitions, NoSync: noSync, Log: log})
	if err != nil {
		return nil, nil, err
	}
	e := &engineRoom{bus: b, catalog: catalog.New(b, log)}
	if e.store, err = tsdb.Open(tsdb.Options{Dir: filepath.Join(dir, "history"), Series: series, Log: log}); err != nil {
		b.Close()
		return nil, nil, err
	}
	fail := func(err error) (*engineRoom, func() error, error) {
		err = errors.Join(err, e.store.Close())
		b.Close()
		return nil, nil, err
	}
	if e.history, err = history.New(history.Options{Bus: b, Catalog: e.catalog, Store: e.store, Log: log}); err != nil {
		return fail(err)
	}
	if e.aggregate, err = aggregate.New(aggregate.Options{Bus: b, Catalog: e.catalog, Log: log, HistoryReader: history.AggregatesReader}); err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	// They end in the order in which a process ends them, one after the other: what
	// the history flushes at the end would take the time that checkpoints have.
	var ends []func()
	for _, run := range []func(context.Context) error{e.aggregate.Run, e.history.Run, e.catalog.Run} {
		own, end := context.WithCancel(ctx)
		ended := make(chan struct{})
		ends = append(ends, func() { end(); <-ended })
		g.Go(func() error {
			defer close(ended)
			return run(own)
		})
	}
	stop := func() error {
		for _, end := range ends {
			end()
		}
		cancel()
		err := errors.Join(g.Wait(), e.store.Close())
		b.Close()
		return err
	}
	select {
	case <-e.catalog.Ready():
		return e, stop, nil
	case <-ctx.Done():
		return nil, nil, stop()
	}
}

// setModel makes a document the model.
func (e *engineRoom) setModel(ctx context.Context, doc model.Document) error {
	empty, err := model.New(model.Document{})
	if err != nil {
		return err
	}
	_, err = e.catalog.Commit(ctx, catalog.Change{Patch: model.Diff(empty.Document(), doc), Who: "bench"})
	return err
}

// Run measures.
func (c *BenchIngestCmd) Run(ctx context.Context, sys IO) error {
	debug.SetMemoryLimit(c.Memory << 20)
	dir, remove, err := c.workDir()
	if err != nil {
		return err
	}
	defer remove()
	e, stop, err := openEngineRoom(ctx, dir, c.Partitions, c.Sensors+6*c.Groups, c.NoSync)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = stop()
		}
	}()
	gen, err := sim.New(sim.Options{Sensors: c.Sensors, Groups: c.Groups, BatchSize: c.Batch, Partitions: c.Partitions, Seed: 1})
	if err != nil {
		return err
	}
	fmt.Fprintf(sys.Err, "loading a model of %d sensors in %d groups …\n", c.Sensors, c.Groups) //nolint:errcheck // only words
	if err := e.setModel(ctx, gen.Document()); err != nil {
		return err
	}
	run := &ingestRun{cmd: c, room: e, gen: gen}
	// One round outside the measurement makes the series.
	run.start = record.MillisOf(time.Now().Add(-30 * time.Minute).Truncate(time.Second))
	if c.Rate > 0 {
		run.start = record.MillisOf(time.Now().Truncate(time.Second))
	}
	if err := run.rounds(ctx, func(n int) bool { return n < 2 }); err != nil {
		return err
	}
	if err := run.settle(ctx); err != nil {
		return err
	}
	debug.FreeOSMemory() // what loading the model left behind

	fmt.Fprintf(sys.Err, "measuring for %v …\n", c.Duration) //nolint:errcheck // only words
	stopProfile, err := bench.Profile(c.Profile)
	if err != nil {
		return err
	}
	begun, cpu, before, ticks := time.Now(), bench.CPU(), e.history.Appended(), run.next
	if err := run.rounds(ctx, func(int) bool { return time.Since(begun) < c.Duration }); err != nil {
		return err
	}
	if err := run.settle(ctx); err != nil {
		return err
	}
	took, used := time.Since(begun), bench.CPU()-cpu
	if err := stopProfile(); err != nil {
		return err
	}
	if c.Heap != "" {
		if err := bench.HeapProfile(c.Heap); err != nil {
			return err
		}
	}
	stored := e.history.Appended() - before
	right, all, err := run.check(ctx, ticks)
	if err != nil {
		return err
	}
	var out bench.Figures
	out.Add("sensors", "sensors", c.Sensors)
	out.Add("groups", "groups", c.Groups)
	out.Add("records_per_message", "records in a message", c.Batch)
	out.Add("sync_always", "every message fsynced", !c.NoSync)
	out.Add("records_stored", "records stored in the history", stored)
	out.Add("records", "records sent", run.measured)
	out.Add("seconds", "seconds", took.Seconds())
	out.Add("records_per_second", "records per second", float64(run.measured)/took.Seconds())
	out.Add("cpu_seconds", "CPU seconds", used.Seconds())
	out.Add("cpu_us_per_record", "CPU microseconds per record", used.Seconds()*1e6/float64(run.measured))
	out.Add("cpu_share_of_one_core", "share of one core", used.Seconds()/took.Seconds())
	out.Add("peak_rss_bytes", "peak memory in bytes", bench.PeakRSS())
	out.Add("stream_bytes_per_record", "bytes a record on the bus", run.busBytes(ctx))
	out.Add("exact_results", "group ticks checked and exact", right)
	out.Add("all_results", "group ticks checked", all)
	out.Machine()
	stopped = true
	if err := stop(); err != nil {
		return err
	}
	out.Add("history_bytes_per_sample", "bytes a sample in the history, after the stop", float64(bench.SizeOf(filepath.Join(dir, "history")))/float64(e.history.Appended()))
	if err := out.Print(sys.Out, c.JSON); err != nil {
		return err
	}
	if right != all {
		return fmt.Errorf("%d of %d group ticks are wrong", all-right, all)
	}
	return nil
}

// ingestRun is the generator's side of a measurement.
type ingestRun struct {
	cmd       *BenchIngestCmd
	room      *engineRoom
	gen       *sim.Generator
	start     record.Millis
	next      int // the round to come
	published atomic.Uint64
	measured  uint64
}

// rounds lets every sensor read once a round, all partitions side by side.
func (r *ingestRun) rounds(ctx context.Context, more func(n int) bool) error {
	var begun = time.Now()
	from := r.published.Load()
	for n := 0; more(n); n++ {
		at := r.start + record.Millis(r.next)*1000
		if r.cmd.Rate > 0 {
			wait := time.Duration(float64(n) / r.cmd.Rate * float64(time.Second))
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Until(begun.Add(wait))):
			}
			at = max(record.MillisOf(time.Now().Truncate(time.Second)), at)
		}
		r.next++
		g, gctx := errgroup.WithContext(ctx)
		for p := range r.cmd.Partitions {
			g.Go(func() error {
				return r.gen.Lane(p).Fill(at, func(batch []byte, records int) error {
					if err := r.throttle(gctx); err != nil {
						return err
					}
					_, err := r.room.bus.PublishRecords(gctx, p, batch)
					r.published.Add(uint64(records))
					return err
				})
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	r.measured = r.published.Load() - from
	return nil
}

// throttle waits while too much is on the bus that is not yet stored.
func (r *ingestRun) throttle(ctx context.Context) error {
	for r.cmd.Rate == 0 && r.published.Load() > r.room.history.Appended()+backlog {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// settle waits until everything published is in the history and combined.
func (r *ingestRun) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	want := make([]uint64, r.cmd.Partitions)
	for p := range want {
		x, err := r.room.bus.RecordsExtent(ctx, p)
		if err != nil {
			return err
		}
		want[p] = x.Last
	}
	for {
		done := true
		for p, at := range r.room.history.Positions() {
			done = done && at >= want[p]
		}
		for p, st := range r.room.aggregate.Status().Partitions {
			done = done && st.Position >= want[p]
		}
		if done {
			// Ticks are stored when they are combined, so they come last.
			x, err := r.room.bus.AggregatesExtent(ctx)
			if err != nil {
				return err
			}
			if r.room.history.AggregatesPosition() >= x.Last {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the backlog is not worked off: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// check computes groups of some ticks from what the sensors said.
func (r *ingestRun) check(ctx context.Context, first int) (right, all int, err error) {
	want := make(map[record.Millis][]float64) // per group of the document
	doc := r.gen.Document()
	if r.cmd.Rate > 0 {
		return 0, 0, nil // the clock decides which readings there are
	}
	for _, round := range []int{first, (first + r.next) / 2, r.next - 4} {
		if round < 0 {
			continue
		}
		at := r.start + record.Millis(round)*1000
		of := make(map[record.SensorID]float64, r.cmd.Sensors)
		for i := range r.cmd.Sensors {
			if v, ok := r.gen.Value(i, at); ok {
				of[r.gen.Sensor(i)] = v
			}
		}
		sums := make(map[model.GroupID]*exact.Sum)
		var total exact.Sum
		for _, g := range doc.Groups {
			sums[g.ID] = new(exact.Sum)
			for _, m := range g.Members {
				if m.Sensor != "" {
					sums[g.ID].Add(of[m.Sensor])
				}
			}
			total.AddSum(*sums[g.ID], 1)
		}
		want[at] = nil
		root := doc.Hierarchies[0].Root
		*sums[root] = total
		for _, g := range doc.Groups {
			want[at] = append(want[at], sums[g.ID].Float64())
		}
	}
	at := make(map[string]int)
	for i, g := range doc.Groups {
		at[string(g.ID)] = i
	}
	all = len(want) * len(doc.Groups)
	type part struct { // of a tick; one of very many groups is told in several messages
		at     record.Millis
		number uint32
	}
	seen, told := make(map[part]bool), 0
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	stop := errors.New("all seen")
	err = r.room.bus.ReadAggregates(ctx, 0, func(m bus.Message) error {
		var t record.Ticks
		if err := t.Decode(m.Data); err != nil {
			return err
		}
		for i := range t.Ticks {
			k := &t.Ticks[i]
			sums, ok := want[k.Time]
			if !ok || seen[part{k.Time, t.Part}] {
				continue
			}
			seen[part{k.Time, t.Part}] = true
			told += len(t.Groups)
			for g, id := range t.Groups {
				if math.Float64bits(k.Sum[g]) == math.Float64bits(sums[at[id]]) && k.Count[g] == k.Total[g] {
					right++
				}
			}
		}
		if told >= all {
			return stop
		}
		return nil
	})
	if err != nil && !errors.Is(err, stop) {
		return right, all, err
	}
	return right, all, nil
}

func (r *ingestRun) busBytes(ctx context.Context) float64 {
	var bytes uint64
	for p := range r.cmd.Partitions {
		if x, err := r.room.bus.RecordsExtent(ctx, p); err == nil {
			bytes += x.Bytes
		}
	}
	return float64(bytes) / float64(r.published.Load())
}
