package uc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

// Case is one of the four benchmarks.
type Case int

// Theodolite's benchmarks, by their numbers.
const (
	Store         Case = 1 // keep every record
	Downsample    Case = 2 // tumbling windows: count, mean, variance, least, greatest
	TimeAttribute Case = 3 // the same by hour of the day, over days that slide
	Hierarchy     Case = 4 // sums of nested groups
)

// Options of a run. Zero values are Theodolite's, where it has any.
type Options struct {
	Case       Case
	Backlog    bool // work off what is stored already, instead of what comes in
	Dir        string
	Sensors    int           // Hierarchy: 4 to the power of Nested
	Nested     int           // levels of groups of four
	Period     record.Millis // between two readings of a sensor; default 1 s
	Length     record.Millis // of time that the readings span
	WarmUp     record.Millis // left out of the lag's trend; default a quarter of Length, at most 60 s
	Batch      int           // records in a message of a backlog; default 1000
	Linger     time.Duration // how long a reading may wait for others; default 20 ms
	Partitions int           // default 16
	Seed       uint64

	Window record.Millis // Downsample: default 1 minute
	Days   int           // TimeAttribute: length of a window, which slides by one; default 30
	Zone   string        // TimeAttribute: default Europe/Paris
	Emit   record.Millis // TimeAttribute: between early results, 0: none; Hierarchy: tick, default 5 s
	Grace  record.Millis // for records that come late; Hierarchy: default 5 s

	// Generate sends a load in another process and returns when it has sent
	// all: told is called with what has been sent, now and then. nil: it is sent
	// by this process.
	Generate func(ctx context.Context, nats string, l Load, linger time.Duration, told func(records int64)) (cpu time.Duration, err error)
	Profile  string // file for a CPU profile of the measured time
	Log      *slog.Logger
}

// Outcome is what a run gives.
type Outcome struct {
	Figures bench.Figures
	Wrong   int // results that are not what they should be, and those that are missing
}

func (o *Options) defaults() error {
	set := func(v *record.Millis, d record.Millis) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Period, 1000)
	set(&o.Window, 60_000)
	if o.Case == Hierarchy {
		set(&o.Emit, 5000)
		set(&o.Grace, 5000)
		if o.Nested < 1 || o.Nested > 10 {
			return fmt.Errorf("%d nested groups; 1 to 10 are possible", o.Nested)
		}
		o.Sensors = 1 << (2 * o.Nested)
	}
	set(&o.WarmUp, min(o.Length/4, 60_000))
	if o.Batch == 0 {
		o.Batch = 1000
	}
	if o.Linger == 0 {
		o.Linger = 20 * time.Millisecond
	}
	if o.Partitions == 0 {
		o.Partitions = 16
	}
	if o.Days == 0 {
		o.Days = 30
	}
	if o.Zone == "" {
		o.Zone = "Europe/Paris"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Case < Store || o.Case > Hierarchy:
		return fmt.Errorf("there is no benchmark uc%d", o.Case)
	case o.Batch < 1 || o.Batch > record.MaxBatch || o.Linger < time.Millisecond || o.Partitions < 1 || o.Days < 1 || o.Days > 400:
		return errors.New("batches, partitions, the time a reading waits and the days of a window must be positive and within reason")
	case o.Grace < 0 || o.Emit < 0 || o.Window < 1 || o.WarmUp < 0 || o.WarmUp >= o.Length:
		return errors.New("windows are at least 1ms long, nothing is negative, and the warm-up is shorter than the run")
	case o.Emit > 0 && o.Case == Hierarchy && (o.Emit%1000 != 0 || day%o.Emit != 0):
		return errors.New("the tick of a hierarchy is of whole seconds and divides a day")
	}
	return nil
}

// Run measures.
func Run(ctx context.Context, o Options) (*Outcome, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	l := &Load{Sensors: o.Sensors, Period: o.Period, Seed: o.Seed, Partitions: o.Partitions}
	now := record.MillisOf(time.Now())
	l.Start, l.End = now-o.Length-3_700_000, now-3_700_000 // long enough ago that no clock has a say
	if !o.Backlog {
		l.Start, l.End = now, now+o.Length
	}
	if err := l.Validate(); err != nil {
		return nil, err
	}
	r := &runner{opts: o, load: l}
	return r.run(ctx)
}

// runner is one measurement.
type runner struct {
	opts Options
	load *Load
	bus  *bus.Bus
	use  useCase

	begun     time.Time
	took      time.Duration
	cpu       time.Duration
	generator time.Duration
	sent      atomic.Int64
	lag       []lag
	peak      int64
}

// lag is how much was stored and not yet worked off, at a time.
type lag struct{ second, records float64 }

func (r *runner) run(ctx context.Context) (out *Outcome, err error) {
	o := &r.opts
	dir, remove, err := bench.WorkDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer remove(&err)
	bo := bus.Options{Dir: dir, Partitions: o.Partitions, Log: o.Log}
	if o.Generate != nil {
		bo.Listen = "127.0.0.1:0"
	}
	if r.bus, err = bus.Open(ctx, bo); err != nil {
		return nil, err
	}
	defer r.bus.Close()
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	defer func() {
		cancel()
		err = errors.Join(err, g.Wait())
		if s, ok := r.use.(*store); ok {
			err = errors.Join(err, s.close())
		}
	}()
	cat := catalog.New(r.bus, o.Log)
	g.Go(func() error { return cat.Run(ctx) })
	select {
	case <-cat.Ready():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch o.Case {
	case Store:
		r.use, err = newStore(*o, r.load, r.bus, cat, dir, o.Log)
	case Hierarchy:
		r.use, err = newTree(ctx, *o, r.load, r.bus, cat, o.Log)
	default:
		r.use, err = newWindows(ctx, *o, r.load, r.bus)
	}
	if err != nil {
		return nil, err
	}
	if o.Backlog {
		if err := r.load.Fill(ctx, r.bus, o.Batch); err != nil {
			return nil, err
		}
		r.sent.Store(r.load.Records())
	}
	if !o.Backlog {
		r.load.Start = o.start(record.MillisOf(time.Now()))
		r.load.End = r.load.Start + o.Length
		if !run.Pause(ctx, time.Until((r.load.Start - o.lead()).Time())) {
			return nil, ctx.Err()
		}
	}
	bench.ResetPeak()
	stop, err := bench.Profile(o.Profile)
	if err != nil {
		return nil, err
	}
	g.Go(func() error { return r.use.run(ctx) })
	r.begun = time.Now()
	cpu := bench.CPU()
	if !o.Backlog {
		if err := r.live(ctx); err != nil {
			return nil, errors.Join(err, stop())
		}
	}
	if err := r.drain(ctx); err != nil {
		return nil, errors.Join(err, stop())
	}
	r.took, r.cpu, r.peak = time.Since(r.begun), bench.CPU()-cpu, bench.PeakRSS()
	if err := stop(); err != nil {
		return nil, err
	}
	v, latency, err := r.use.check(ctx)
	if err != nil {
		return nil, err
	}
	return r.report(v, latency), nil
}

// lead is how long before its first reading a generator is started.
func (o *Options) lead() record.Millis {
	if o.Generate == nil {
		return 100
	}
	return 1000 + record.Millis(o.Sensors)/500 // it sorts them first
}

// start is when a live load begins. A run that is shorter than a window is put
// so that a window ends in it.
func (o *Options) start(now record.Millis) record.Millis {
	start := now + o.lead()
	if o.Case != Downsample {
		return start
	}
	if end := start - start%o.Window + o.Window; end > start+o.Length*9/10 {
		start = end - o.Length*8/10
	}
	return start
}

// live offers the load at its rate and watches the lag.
func (r *runner) live(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan error, 1)
	go func() { watched <- r.watch(ctx) }()
	if r.opts.Generate == nil {
		if err := r.load.Send(ctx, r.bus, r.opts.Linger, &r.sent); err != nil {
			return err
		}
	} else {
		var err error
		if r.generator, err = r.opts.Generate(ctx, "nats://"+r.bus.ListenAddr(), *r.load, r.opts.Linger, r.sent.Store); err != nil {
			return err
		}
	}
	cancel()
	return <-watched
}

// watch notes the lag every second.
func (r *runner) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		at := time.Since(r.begun)
		behind, stored, err := r.behind(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if stored > 0 {
			r.lag = append(r.lag, lag{at.Seconds(), float64(behind) * float64(r.sent.Load()) / float64(stored)})
		}
	}
}

// behind is how many messages are stored and not worked off, and how many are
// stored.
func (r *runner) behind(ctx context.Context) (behind, stored uint64, err error) {
	for p, at := range r.use.positions() {
		x, err := r.bus.RecordsExtent(ctx, p)
		if err != nil {
			return 0, 0, err
		}
		stored += x.Last
		behind += x.Last - min(at, x.Last)
	}
	return behind, stored, nil
}

// drainWithin is how long a backlog may take.
const drainWithin = 10 * time.Minute

// drain waits until everything stored is worked off and told of.
func (r *runner) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		behind, _, err := r.behind(ctx)
		if err != nil {
			return fmt.Errorf("the backlog is not worked off: %w", err)
		}
		if behind == 0 {
			return r.use.finish(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d messages are not worked off: %w", behind, ctx.Err())
		case <-tick.C:
		}
	}
}

func (r *runner) report(v verdict, latency []float64) *Outcome {
	o := &r.opts
	out := &Outcome{Wrong: v.wrong + v.missing}
	f := &out.Figures
	records := r.load.Records()
	mode := "live"
	if o.Backlog {
		mode = "backlog"
	}
	f.Add("benchmark", "benchmark", fmt.Sprintf("uc%d", o.Case))
	f.Add("mode", "mode", mode)
	f.Add("sensors", "sensors", o.Sensors)
	if o.Case == Hierarchy {
		f.Add("nested_groups", "nested groups of four", o.Nested)
	}
	f.Add("period_ms", "period of a sensor in ms", int64(o.Period))
	f.Add("partitions", "partitions", o.Partitions)
	f.Add("records", "records", records)
	f.Add("seconds", "seconds", r.took.Seconds())
	if o.Backlog {
		f.Add("records_per_second", "records per second", float64(records)/r.took.Seconds())
	} else {
		r.trend(f, records)
	}
	f.Add("cpu_ns_per_record", "CPU nanoseconds per record, bus included, generator not", float64(r.cpu.Nanoseconds())/float64(records))
	f.Add("cpu_share_of_one_core", "share of one core", r.cpu.Seconds()/r.took.Seconds())
	generator := "not running: the backlog is stored before"
	if !o.Backlog {
		generator = "a process of its own"
		if o.Generate == nil {
			generator = "in this process, and counted"
		}
	}
	f.Add("generator", "generator", generator)
	if r.generator > 0 {
		f.Add("generator_cpu_ns_per_record", "CPU nanoseconds per record of the generator", float64(r.generator.Nanoseconds())/float64(records))
	}
	f.Add("peak_rss_bytes", "peak memory in bytes", r.peak)
	if len(latency) > 0 {
		f.Add("latency_p50_ms", "event to result, p50 in ms", bench.Percentile(latency, 50))
		f.Add("latency_p99_ms", "event to result, p99 in ms", bench.Percentile(latency, 99))
		f.Add("latency_max_ms", "event to result, most in ms", bench.Percentile(latency, 100))
		f.Add("latencies", "latencies taken", len(latency))
	}
	f.Add("results_checked", "results checked", v.results)
	f.Add("results_wrong", "results wrong", v.wrong)
	f.Add("results_missing", "results missing", v.missing)
	f.Machine()
	return out
}

// What the lag may grow by, in records a second: Theodolite's limit, and that of
// ShuffleBench, which is a share of the load.
const (
	theodoliteSlope   = 2000
	shuffleBenchSlope = 0.01
)

// trend judges whether the load was kept up with.
func (r *runner) trend(f *bench.Figures, records int64) {
	load := float64(records) / (float64(r.opts.Length) / 1000)
	var at, behind []float64
	most := 0.0
	for _, x := range r.lag {
		if x.second*1000 >= float64(r.opts.WarmUp) {
			at, behind = append(at, x.second), append(behind, x.records)
			most = max(most, x.records)
		}
	}
	slope := bench.Slope(at, behind)
	f.Add("offered_records_per_second", "records per second offered", load)
	f.Add("sent_records", "records sent", r.sent.Load())
	f.Add("lag_trend_records_per_second", "trend of the lag, records per second", slope)
	f.Add("lag_max_records", "greatest lag after the warm-up, in records", most)
	f.Add("slo_theodolite", "lag grows by less than 2,000 records a second (Theodolite)", slope < theodoliteSlope)
	f.Add("slo_one_percent", "lag grows by at most 1 % of the load (ShuffleBench)", slope <= shuffleBenchSlope*load)
}
