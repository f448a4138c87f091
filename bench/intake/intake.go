package intake

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

// Options say what is taken in.
type Options struct {
	Sensors    int
	Groups     int           // they are spread over
	Duration   time.Duration // how long it is measured
	Batch      int           // records in one message; each message is fsynced
	Partitions int
	Rate       float64 // readings a second of each sensor; 0: as fast as they are taken
	NoSync     bool    // do not fsync

	Dir     string // work below it; "": that for temporary files
	Profile string // write a CPU profile of the measured time to this file; "": do not
	Heap    string // write a heap profile of its end to this file; "": do not
	Log     *slog.Logger
	Say     func(format string, a ...any) // progress, for people
}

// Outcome is what a run gives.
type Outcome struct {
	bench.Figures
	Right int // group ticks that are as they should be
	All   int // group ticks that were checked
}

// backlog is how many records may be on the bus and not yet in the history:
// enough to keep both busy, too few to hide a reader that is too slow.
const backlog = 4_000_000

// Run measures.
func Run(ctx context.Context, o Options) (out *Outcome, err error) {
	dir, remove, err := bench.WorkDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer remove(&err)
	e, stop, err := openRig(ctx, dir, o.Partitions, o.Sensors+6*o.Groups, o.NoSync, o.Log)
	if err != nil {
		return nil, err
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = stop()
		}
	}()
	gen, err := sim.New(sim.Options{Sensors: o.Sensors, Groups: o.Groups, BatchSize: o.Batch, Partitions: o.Partitions, Seed: 1})
	if err != nil {
		return nil, err
	}
	o.Say("loading a model of %d sensors in %d groups …", o.Sensors, o.Groups)
	if err := e.setModel(ctx, gen.Document()); err != nil {
		return nil, err
	}
	run := &load{opts: &o, room: e, gen: gen}
	// One round outside the measurement makes the series.
	run.start = record.MillisOf(time.Now().Add(-30 * time.Minute).Truncate(time.Second))
	if o.Rate > 0 {
		run.start = record.MillisOf(time.Now().Truncate(time.Second))
	}
	if err := run.rounds(ctx, func(n int) bool { return n < 2 }); err != nil {
		return nil, err
	}
	if err := run.settle(ctx); err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // what loading the model left behind

	o.Say("measuring for %v …", o.Duration)
	stopProfile, err := bench.Profile(o.Profile)
	if err != nil {
		return nil, err
	}
	begun, cpu, before, ticks := time.Now(), bench.CPU(), e.history.Appended(), run.next
	if err := run.rounds(ctx, func(int) bool { return time.Since(begun) < o.Duration }); err != nil {
		return nil, err
	}
	if err := run.settle(ctx); err != nil {
		return nil, err
	}
	took, used := time.Since(begun), bench.CPU()-cpu
	if err := stopProfile(); err != nil {
		return nil, err
	}
	if o.Heap != "" {
		if err := bench.HeapProfile(o.Heap); err != nil {
			return nil, err
		}
	}
	stored := e.history.Appended() - before
	right, all, err := run.check(ctx, ticks)
	if err != nil {
		return nil, err
	}
	out = &Outcome{Right: right, All: all}
	out.Add("sensors", "sensors", o.Sensors)
	out.Add("groups", "groups", o.Groups)
	out.Add("records_per_message", "records in a message", o.Batch)
	out.Add("sync_always", "every message fsynced", !o.NoSync)
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
		return nil, err
	}
	out.Add("history_bytes_per_sample", "bytes a sample in the history, after the stop", float64(bench.SizeOf(filepath.Join(dir, "history")))/float64(e.history.Appended()))
	return out, nil
}

// load is the generator's side of a measurement.
type load struct {
	opts      *Options
	room      *rig
	gen       *sim.Generator
	start     record.Millis
	next      int // the round to come
	published atomic.Uint64
	measured  uint64
}

// rounds lets every sensor read once a round, all partitions side by side.
func (r *load) rounds(ctx context.Context, more func(n int) bool) error {
	var begun = time.Now()
	from := r.published.Load()
	for n := 0; more(n); n++ {
		at := r.start + record.Millis(r.next)*1000
		if r.opts.Rate > 0 {
			wait := time.Duration(float64(n) / r.opts.Rate * float64(time.Second))
			if !run.Pause(ctx, time.Until(begun.Add(wait))) {
				return ctx.Err()
			}
			at = max(record.MillisOf(time.Now().Truncate(time.Second)), at)
		}
		r.next++
		g, gctx := errgroup.WithContext(ctx)
		for p := range r.opts.Partitions {
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
func (r *load) throttle(ctx context.Context) error {
	for r.opts.Rate == 0 && r.published.Load() > r.room.history.Appended()+backlog {
		if !run.Pause(ctx, 2*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

// settle waits until everything published is in the history and combined.
func (r *load) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	want := make([]uint64, r.opts.Partitions)
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
		if !run.Pause(ctx, 5*time.Millisecond) {
			return fmt.Errorf("the backlog is not worked off: %w", ctx.Err())
		}
	}
}

func (r *load) busBytes(ctx context.Context) float64 {
	var bytes uint64
	for p := range r.opts.Partitions {
		if x, err := r.room.bus.RecordsExtent(ctx, p); err == nil {
			bytes += x.Bytes
		}
	}
	return float64(bytes) / float64(r.published.Load())
}
