package scale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Options of the experiment. Zero values are the paper's, where it has any.
type Options struct {
	Command    []string // the program to start, and arguments before "run"
	Env        []string // more of its environment
	Dir        string   // work below it
	Instances  []int    // the numbers of instances to measure, in order
	Share      float64  // of a core each instance may use; default 0.5
	Bridges    int      // default 20
	Sensors    int      // of each bridge; default 1000
	Partitions int      // default 12, which many numbers divide
	Backlog    int      // seconds of readings to work off; 0: no first part
	Measure    time.Duration
	Repeat     int // how often each number is measured; default 1
	Rate       int // records a second offered in the second part, a multiple of the sensors; 0: no second part
	Profile    string
	Log        *slog.Logger
	Say        func(format string, a ...any) // progress, for people
}

// Point is what so many instances did, over all repetitions.
type Point struct {
	Instances int
	Offered   int       // records a second; 0: a backlog
	Rates     []float64 // records a second, in each second measured
	Cost      []float64 // CPU ns a record of the instances, in each second
	Bus       []float64 // the same of this process: the bus, and the bridges when records are offered
	Lag       []float64 // records stored and not worked off, in each second
	Uneven    bool      // not every instance had its part when the measurement began
	Ticks     int       // that came
	Wrong     int       // of them, or missing in between
	Late      int       // records that came after their tick, because this machine was too busy to send them in time
	Missing   int       // ticks that are without them
	Idle      []float64 // share of a core that an instance takes while there is nothing to do; measured where records are offered
}

// Outcome is what a run gives.
type Outcome struct {
	Limit   string // how instances were held to their share
	Share   float64
	Points  []Point
	Records int64 // in the backlog
	Ticks   int
	Wrong   int
}

func (o *Options) defaults() error {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Bridges, 20)
	set(&o.Sensors, 1000)
	set(&o.Partitions, 12)
	set(&o.Repeat, 1)
	if o.Share == 0 {
		o.Share = 0.5
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	switch {
	case len(o.Command) == 0:
		return errors.New("there is no program to start")
	case len(o.Instances) == 0 || slices.Min(o.Instances) < 1 || slices.Max(o.Instances) > o.Partitions:
		return fmt.Errorf("%v instances of %d partitions; at least one, and no more than partitions, are possible", o.Instances, o.Partitions)
	case o.Bridges < 1 || o.Sensors < 1 || o.Partitions < 1 || o.Partitions > 1024 || o.Backlog < 0 || o.Backlog == 0 && o.Rate == 0 || o.Repeat < 1:
		return errors.New("bridges, sensors, partitions, backlog and repetitions must be positive")
	case o.Share <= 0 || o.Share > 1:
		return fmt.Errorf("a share of %v cores; more than 0 and at most 1 are possible", o.Share)
	case o.Measure < time.Second:
		return errors.New("a measurement lasts one second at least")
	case o.Rate%(o.Bridges*o.Sensors) != 0 || o.Rate > 0 && 1000%(o.Rate/(o.Bridges*o.Sensors)) != 0:
		return fmt.Errorf("%d records a second of %d sensors: each must read a whole number of times, which divides 1000, a second", o.Rate, o.Bridges*o.Sensors)
	}
	return nil
}

// runner is one experiment.
type runner struct {
	opts    Options
	limiter limiter
	bus     *bus.Bus
	url     string
	dir     string
	plant   *plant
	end     []uint64 // of every partition of the backlog
	perMsg  []float64
}

// Run measures.
func Run(ctx context.Context, o Options) (out *Outcome, err error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	dir, remove, err := bench.WorkDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer remove(&err)
	r := &runner{opts: o, dir: dir, limiter: newLimiter()}
	r.plant = &plant{bridges: o.Bridges, sensors: o.Sensors, hz: 1, partitions: o.Partitions}
	// Long enough ago that no clock has a say.
	now := record.MillisOf(time.Now().Truncate(time.Second))
	r.plant.start = now - record.Millis(o.Backlog)*1000 - 4_000_000
	out = &Outcome{Limit: r.limiter.how(), Share: o.Share, Records: int64(o.Backlog) * int64(r.plant.all())}
	o.Say("storing a backlog of %s records …", bench.Human(out.Records))
	// Waiting for the disk would only take time: this is not measured.
	if err := r.open(ctx, true, func(ctx context.Context) error {
		if err := r.place(ctx); err != nil {
			return err
		}
		return r.plant.fill(ctx, r.bus, o.Backlog)
	}); err != nil {
		return nil, err
	}
	err = r.open(ctx, false, func(ctx context.Context) error {
		for p := range o.Partitions {
			x, err := r.bus.RecordsExtent(ctx, p)
			if err != nil {
				return err
			}
			r.end = append(r.end, x.Last)
		}
		r.weigh()
		if o.Backlog > 0 {
			if err := r.each(ctx, out, 0); err != nil || o.Rate == 0 {
				return err
			}
		}
		r.plant.hz = o.Rate / r.plant.all()
		r.weigh()
		return r.each(ctx, out, o.Rate)
	})
	return out, err
}

// weigh works out how many records a message of each partition has.
func (r *runner) weigh() {
	r.perMsg = nil
	for _, all := range r.plant.sheaves() {
		n, of := 0, 0
		for _, s := range all {
			if len(s.sensors) > 0 {
				n, of = n+len(s.sensors)*r.plant.hz, of+1
			}
		}
		r.perMsg = append(r.perMsg, float64(n)/float64(max(of, 1)))
	}
}

// open has the bus open while do works.
func (r *runner) open(ctx context.Context, noSync bool, do func(context.Context) error) (err error) {
	if r.bus, err = bus.Open(ctx, bus.Options{Dir: r.dir, Partitions: r.opts.Partitions, NoSync: noSync, Listen: "127.0.0.1:0", Log: r.opts.Log}); err != nil {
		return err
	}
	defer r.bus.Close()
	r.url = "nats://" + r.bus.ListenAddr()
	return do(ctx)
}

// place puts the sensors into the model.
func (r *runner) place(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := catalog.New(r.bus, r.opts.Log)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	select {
	case <-c.Ready():
	case err := <-ended:
		return errors.Join(errors.New("the model cannot be followed"), err)
	}
	_, err := c.Commit(ctx, catalog.Change{Patch: model.Diff(model.Document{}, r.plant.document()), Who: "bench"})
	cancel()
	return errors.Join(err, <-ended)
}

// purge empties a stream that exists.
func (r *runner) purge(ctx context.Context, stream string) error {
	s, err := r.bus.JetStream().Stream(ctx, stream)
	if err == nil {
		err = s.Purge(ctx)
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}

// forget removes all that instances have left behind, but not the records and
// the model.
func (r *runner) forget(ctx context.Context) error {
	for _, name := range []string{"AGGREGATES", "PARTIALS", "KV_positions", "OBJ_aggregate"} {
		if err := r.purge(ctx, name); err != nil {
			return fmt.Errorf("empty %s: %w", name, err)
		}
	}
	return nil
}

// each measures every number of instances, as often as wished.
func (r *runner) each(ctx context.Context, out *Outcome, offered int) error {
	points := make([]Point, len(r.opts.Instances))
	for k := range r.opts.Repeat {
		for i, n := range r.opts.Instances {
			p := &points[i]
			p.Instances, p.Offered = n, offered
			what := "a backlog"
			if offered > 0 {
				what = bench.Human(offered) + " records a second"
			}
			if err := r.point(ctx, p); err != nil {
				return fmt.Errorf("%d instances, %s: %w", n, what, err)
			}
			_, rate, _ := bench.Quartiles(p.Rates)
			_, cost, _ := bench.Quartiles(p.Cost)
			r.opts.Say("%d instances, %s, repetition %d: %s records a second, %s ns of CPU each", n, what, k+1, bench.Human(rate), bench.Human(cost))
		}
	}
	for _, p := range points {
		out.Points = append(out.Points, p)
		out.Ticks, out.Wrong = out.Ticks+p.Ticks, out.Wrong+p.Wrong
	}
	return nil
}

// How long things may take.
const (
	readyWithin = 2 * time.Minute
	evenWithin  = time.Minute
	lookEvery   = time.Second
)

// point measures a number of instances once.
func (r *runner) point(ctx context.Context, p *Point) (err error) {
	if err := r.forget(ctx); err != nil {
		return err
	}
	if p.Offered > 0 { // what was offered before is of another time
		for n := range r.opts.Partitions {
			if err := r.purge(ctx, fmt.Sprintf("RECORDS-%04d", n)); err != nil {
				return err
			}
		}
	}
	dir, err := os.MkdirTemp(r.dir, "point-")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	var all []*instance
	defer func() {
		cancel()
		err = errors.Join(err, g.Wait())
		// Side by side: each takes its time.
		var stop errgroup.Group
		for _, x := range all {
			stop.Go(x.stop)
		}
		err = errors.Join(err, stop.Wait(), os.RemoveAll(dir))
	}()
	for n := range p.Instances {
		x, err := r.launch(n, dir)
		if err != nil {
			return err
		}
		all = append(all, x)
	}
	within, done := context.WithTimeout(ctx, r.opts.patience(readyWithin))
	defer done()
	for _, x := range all {
		if err := x.ready(within); err != nil {
			return err
		}
	}
	if p.Offered > 0 {
		if err := r.idle(ctx, p, all); err != nil {
			return err
		}
		r.plant.start = record.MillisOf(time.Now().Truncate(time.Second).Add(time.Second))
		var sent atomic.Int64
		g.Go(func() error { return r.plant.live(ctx, r.bus, &sent) })
	}
	at, err := r.even(ctx, p, all)
	if err != nil {
		return err
	}
	noted, late := len(p.Rates), at.late
	for begun := time.Now(); time.Since(begun) < r.opts.Measure || len(p.Rates) == noted && time.Since(begun) < r.opts.patience(evenWithin); {
		next, err := r.look(ctx, all, lookEvery)
		if err != nil {
			return err
		}
		if len(next.by) < len(all) {
			continue // somebody's part is not known
		}
		if p.Offered == 0 && r.dry(next) {
			break // what follows is not the work of all
		}
		r.note(p, at, next)
		at, late = next, max(late, next.late)
	}
	p.Late += late
	if len(p.Rates) == noted {
		return errors.New("nothing was measured: the backlog was worked off before all instances had their part; a larger one is needed")
	}
	return r.check(ctx, p, late)
}

// state is how far everything is at a moment.
type state struct {
	at   time.Time
	by   []map[int]uint64 // for each instance that answered, its partitions
	most []uint64         // per partition
	cpu  time.Duration    // of all instances
	bus  time.Duration    // of this process
	lag  float64          // records
	late int              // records, since the instances began
}

// look waits and sees how far everything is.
func (r *runner) look(ctx context.Context, all []*instance, wait time.Duration) (*state, error) {
	if !run.Pause(ctx, wait) {
		return nil, ctx.Err()
	}
	by, late, err := r.ask(ctx, len(all))
	if err != nil {
		return nil, err
	}
	s := &state{at: time.Now(), bus: bench.CPU(), by: by, late: late, most: make([]uint64, r.opts.Partitions)}
	for _, x := range all {
		select {
		case <-x.ended:
			return nil, fmt.Errorf("an instance ended: %s", &x.said)
		default:
		}
		s.cpu += cpuOf(x.cmd.Process.Pid)
	}
	for _, of := range by {
		for p, seq := range of {
			s.most[p] = max(s.most[p], seq)
		}
	}
	for p := range s.most {
		x, err := r.bus.RecordsExtent(ctx, p)
		if err != nil {
			return nil, err
		}
		s.lag += float64(x.Last-min(x.Last, s.most[p])) * r.perMsg[p]
	}
	return s, nil
}

// answerWithin is how long an instance with half a core may take to say how far
// it is.
const answerWithin = 2 * time.Second

// patience is how long to wait for instances where one of half a core would have
// d: who has less of a core takes longer for everything.
func (o *Options) patience(d time.Duration) time.Duration {
	return time.Duration(float64(d) * max(1, 0.5/o.Share))
}

// ask asks all instances at once how far they are: on the bus, which costs them
// less than a request to each.
func (r *runner) ask(ctx context.Context, instances int) (by []map[int]uint64, late int, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.patience(answerWithin))
	defer cancel()
	// Who is slow will be asked again.
	var wrong error
	err = r.bus.AskAll(ctx, bus.AggregationSubject, func(data []byte) bool {
		var st struct {
			Partitions []struct {
				Partition int    `json:"partition"`
				Position  uint64 `json:"position"`
				Late      int    `json:"late"`
			} `json:"partitions"`
		}
		if wrong = json.Unmarshal(data, &st); wrong != nil {
			return true
		}
		of := make(map[int]uint64)
		for _, p := range st.Partitions {
			if p.Partition >= 0 && p.Partition < r.opts.Partitions {
				of[p.Partition] = p.Position
				late += p.Late
			}
		}
		by = append(by, of)
		return len(by) >= instances
	})
	if err = errors.Join(err, wrong); err != nil {
		return nil, 0, fmt.Errorf("the instances: %w", err)
	}
	return by, late, nil
}

// idleFor is how long idle instances are watched, after as long a rest.
const idleFor = 4 * time.Second

// idle measures what instances cost that have nothing to do.
func (r *runner) idle(ctx context.Context, p *Point, all []*instance) error {
	from, err := r.look(ctx, all, idleFor)
	if err != nil {
		return err
	}
	to, err := r.look(ctx, all, idleFor)
	if err != nil {
		return err
	}
	p.Idle = append(p.Idle, (to.cpu-from.cpu).Seconds()/to.at.Sub(from.at).Seconds()/float64(len(all)))
	return nil
}

// even waits until every instance moves on in its part of the partitions, and
// ticks come.
func (r *runner) even(ctx context.Context, p *Point, all []*instance) (*state, error) {
	before, err := r.look(ctx, all, 0)
	if err != nil {
		return nil, err
	}
	least, most := r.opts.Partitions/len(all), (r.opts.Partitions+len(all)-1)/len(all)
	for begun := time.Now(); ; {
		now, err := r.look(ctx, all, lookEvery)
		if err != nil {
			return nil, err
		}
		even := len(now.by) == len(all)
		for _, of := range now.by {
			even = even && len(of) >= least && len(of) <= most
		}
		for n := range now.most {
			even = even && (r.perMsg[n] == 0 || now.most[n] > before.most[n])
		}
		if even {
			x, err := r.bus.AggregatesExtent(ctx)
			if err != nil || x.Last > 0 && x.First <= x.Last {
				return now, err
			}
		}
		if time.Since(begun) > r.opts.patience(evenWithin) || p.Offered == 0 && r.dry(now) {
			p.Uneven = true
			return now, nil
		}
		before = now
	}
}

// dry tells whether a partition has nothing left.
func (r *runner) dry(s *state) bool {
	for p, seq := range s.most {
		if r.perMsg[p] > 0 && seq >= r.end[p] {
			return true
		}
	}
	return false
}

// note adds what happened between two moments.
func (r *runner) note(p *Point, from, to *state) {
	records := 0.0
	for n := range to.most {
		if to.most[n] < from.most[n] {
			return // another instance has taken it over
		}
		records += float64(to.most[n]-from.most[n]) * r.perMsg[n]
	}
	if records <= 0 {
		return
	}
	p.Rates = append(p.Rates, records/to.at.Sub(from.at).Seconds())
	p.Cost = append(p.Cost, float64((to.cpu-from.cpu).Nanoseconds())/records)
	p.Bus = append(p.Bus, float64((to.bus-from.bus).Nanoseconds())/records)
	p.Lag = append(p.Lag, to.lag)
}

// errAll ends a reader that has seen what there was.
var errAll = errors.New("all seen")

// check compares all ticks that came, each group, with what they should be. They
// come in order, without a gap. late is how many records were too late for theirs.
func (r *runner) check(ctx context.Context, p *Point, late int) error {
	x, err := r.bus.AggregatesExtent(ctx)
	if err != nil {
		return err
	}
	if x.Last < x.First || x.Last == 0 {
		return errors.New("no tick came")
	}
	last := record.Millis(0)
	groups := 1 + r.opts.Bridges + r.opts.Bridges*((r.opts.Sensors+rack-1)/rack)
	err = r.bus.ReadAggregates(ctx, x.First, func(m bus.Message) error {
		var t record.Ticks
		if err := t.Decode(m.Data); err != nil {
			return err
		}
		for i := range t.Ticks {
			k := &t.Ticks[i]
			p.Ticks++
			sum, count := r.plant.sums(k.Time)
			right := (last == 0 || k.Time == last+1000) && len(t.Groups) == groups
			for g, id := range t.Groups {
				right = right && int64(k.Count[g]) == count[id] && (count[id] == 0 || k.Sum[g] == float64(sum[id])/8)
			}
			switch {
			case right:
			case late > 0 && p.Offered > 0: // it tells of what had come when it was due
				p.Missing++
			default:
				p.Wrong++
			}
			last = k.Time
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

// Figures gives the outcome as figures, the points under "points".
func (o *Outcome) Figures(opts Options) *bench.Figures {
	f := new(bench.Figures)
	f.Add("bridges", "bridges", opts.Bridges)
	f.Add("sensors_per_bridge", "sensors of each", opts.Sensors)
	f.Add("partitions", "partitions", opts.Partitions)
	f.Add("backlog_records", "records of the backlog", o.Records)
	f.Add("share_of_one_core", "share of a core of each instance", opts.Share)
	f.Add("limited_by", "held to it by", o.Limit+", GOMAXPROCS=1")
	f.Add("repetitions", "repetitions", opts.Repeat)
	f.Add("ticks_checked", "ticks checked", o.Ticks)
	f.Add("ticks_wrong", "ticks wrong", o.Wrong)
	var rows []map[string]any
	for _, p := range o.Points {
		row := map[string]any{"instances": p.Instances, "offered_records_per_second": p.Offered, "ticks_checked": p.Ticks, "ticks_wrong": p.Wrong, "late_records": p.Late, "ticks_missing_late_records": p.Missing, "uneven": p.Uneven}
		for key, xs := range map[string][]float64{
			"records_per_second": p.Rates, "cpu_ns_per_record": p.Cost, "bus_cpu_ns_per_record": p.Bus, "lag_records": p.Lag,
			"idle_share_of_one_core": p.Idle,
		} {
			low, median, high := bench.Quartiles(xs)
			row[key], row[key+"_q1"], row[key+"_q3"] = median, low, high
		}
		if beyond, ok := p.beyond(); ok {
			row["cpu_ns_per_record_beyond_idle"] = beyond
		}
		rows = append(rows, row)
	}
	f.Add("points", "points", rows)
	f.Machine()
	return f
}

// beyond is what a record costs the instances, in CPU ns, over what they take
// while nothing comes.
func (p *Point) beyond() (ns float64, ok bool) {
	_, rate, _ := bench.Quartiles(p.Rates)
	if len(p.Idle) == 0 || !(rate > 0) {
		return 0, false
	}
	_, cost, _ := bench.Quartiles(p.Cost)
	_, idle, _ := bench.Quartiles(p.Idle)
	return cost - idle*float64(p.Instances)*1e9/rate, true
}

// Table is the points for people, for a page if wished.
func (o *Outcome) Table(markdown bool) string {
	var b strings.Builder
	form := "%9s  %9s  %36s  %20s  %11s  %10s  %11s  %11s%s\n"
	if markdown {
		form = "| %s | %s | %s | %s | %s | %s | %s | %s%s |\n"
	}
	fmt.Fprintf(&b, "\n"+form, "instances", "offered/s", "records a second: median (quartiles)", "CPU ns a record", "beyond idle", "of the bus", "idle, each", "ticks right", "")
	if markdown {
		b.WriteString("|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	}
	for _, p := range o.Points {
		offered := "backlog"
		if p.Offered > 0 {
			offered = bench.Human(p.Offered)
		}
		l, m, h := bench.Quartiles(p.Rates)
		cl, cm, ch := bench.Quartiles(p.Cost)
		_, bm, _ := bench.Quartiles(p.Bus)
		remark, idle, over := "", "–", "–"
		if ns, ok := p.beyond(); ok {
			_, share, _ := bench.Quartiles(p.Idle)
			idle, over = fmt.Sprintf("%.2f %%", share*100), fmt.Sprintf("%.0f", ns)
		}
		if p.Uneven {
			remark = "  (partitions not spread evenly)"
		}
		if p.Late > 0 {
			remark += fmt.Sprintf("  (%s records were sent too late for their ticks: this machine was too busy)", bench.Human(p.Late))
		}
		fmt.Fprintf(&b, form, fmt.Sprint(p.Instances), offered, fmt.Sprintf("%s (%s to %s)", bench.Human(m), bench.Human(l), bench.Human(h)),
			fmt.Sprintf("%.0f (%.0f to %.0f)", cm, cl, ch), over, fmt.Sprintf("%.0f", bm), idle, fmt.Sprintf("%d of %d", p.Ticks-p.Wrong-p.Missing, p.Ticks), remark)
	}
	if n := runtime.NumCPU(); !markdown && len(o.Points) > 0 && float64(o.Points[len(o.Points)-1].Instances)*0.5 > float64(n) {
		fmt.Fprintf(&b, "\nThis machine has %d cores, and the bus needs its part of them, so more instances cannot be faster than a few.\nWhat it can show is what a record costs: that is what must not grow with the number of instances.\n", n)
	}
	return b.String()
}
