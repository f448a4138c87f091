package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

// BenchAggregateCmd is "wattwerk bench aggregate".
type BenchAggregateCmd struct {
	benchFlags `embed:""`
	Sensors    int    `default:"100000" help:"Sensors of the throughput part."`
	Groups     int    `default:"1000" help:"Groups of the throughput part."`
	Rounds     int    `default:"200" help:"Readings of each sensor in the throughput part."`
	Seconds    int    `default:"300" help:"Seconds of readings in each checked set-up."`
	Levels     int    `default:"7" help:"Deepest checked set-up; 4 members a group, so 4^levels sensors."`
	Profile    string `help:"Write a CPU profile of the throughput part to this file." type:"path"`
}

// Run measures. The engine is handed encoded batches, as it is by the bus.
func (c *BenchAggregateCmd) Run(_ context.Context, sys IO) error {
	var out bench.Figures
	rate, err := c.throughput()
	if err != nil {
		return err
	}
	out.Add("records_per_second_per_core", "records per second and core, decoding included", rate)
	exact, all := 0, 0
	var rows []map[string]any
	for levels := 3; levels <= c.Levels; levels++ {
		for _, backlog := range []bool{false, true} {
			for _, moving := range []bool{false, true} {
				s := &setup{levels: levels, seconds: c.Seconds, backlog: backlog, moving: moving}
				if err := s.run(); err != nil {
					return err
				}
				exact, all = exact+s.exact, all+s.all
				rows = append(rows, map[string]any{
					"levels": levels, "sensors": s.sensors, "mode": s.mode(), "records": s.records,
					"exact_results": s.exact, "all_results": s.all, "cpu_us_per_record": s.cpu.Seconds() * 1e6 / float64(s.records),
				})
			}
		}
	}
	out.Add("exact_results", "group results exact", exact)
	out.Add("all_results", "group results checked", all)
	out.Add("setups", "set-ups", rows)
	out.Machine()
	if err := out.Print(sys.Out, c.JSON); err != nil {
		return err
	}
	if !c.JSON {
		t := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "\nlevels\tsensors\tmode\trecords\texact\tof\tCPU µs/record\t") //nolint:errcheck // Flush reports
		for _, r := range rows {
			fmt.Fprintf(t, "%v\t%v\t%v\t%v\t%v\t%v\t%.3f\t\n", r["levels"], r["sensors"], r["mode"], r["records"], r["exact_results"], r["all_results"], r["cpu_us_per_record"]) //nolint:errcheck // Flush reports
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if exact != all {
		return fmt.Errorf("%d of %d results are wrong", all-exact, all)
	}
	return nil
}

// throughput runs one partition on one goroutine, as fast as it goes.
func (c *BenchAggregateCmd) throughput() (perSecond float64, err error) {
	gen, err := sim.New(sim.Options{Sensors: c.Sensors, Groups: c.Groups, BatchSize: 5000, Seed: 1})
	if err != nil {
		return 0, err
	}
	m, err := model.New(gen.Document())
	if err != nil {
		return 0, err
	}
	ticks := 0
	comb := tick.NewCombiner(tick.DefaultTiming(), 1, func(*record.Ticks) { ticks++ })
	var failed error
	now := record.MillisOf(time.Now())
	eng := tick.NewEngine(tick.DefaultTiming(), 0, 1, func(r *tick.Report) {
		if err := comb.Add(r, now, 0); err != nil {
			failed = err
		}
	})
	plan := tick.Plan{Hierarchy: sim.Hierarchy, Revision: 1, Layout: m.Layout(sim.Hierarchy)}
	comb.SetPlan(plan)
	eng.SetPlan(plan)
	start := now - record.Millis(c.Rounds+60)*1000
	// Encoded outside the measurement: the generator is not what is measured.
	var messages [][]byte
	total := 0
	for k := range min(c.Rounds, 20) {
		if err := gen.Lane(0).Fill(start+record.Millis(k)*1000, func(b []byte, n int) error {
			messages = append(messages, append([]byte(nil), b...))
			return nil
		}); err != nil {
			return 0, err
		}
	}
	stop, err := bench.Profile(c.Profile)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var b record.Batch
	cpu := bench.CPU()
	perRound := len(messages) / min(c.Rounds, 20)
	for k := range c.Rounds {
		for i := range perRound {
			if err := b.Decode(messages[(k*perRound+i)%len(messages)]); err != nil {
				return 0, err
			}
			shift := record.Millis(k/20) * 20_000 // the same messages again, later
			for j := range b.Times {
				b.Times[j] += shift
			}
			eng.Step(now, &b, math.MaxInt64)
			total += b.Len()
		}
	}
	used := bench.CPU() - cpu
	if failed != nil || ticks < c.Rounds-5 {
		return 0, fmt.Errorf("%d of %d ticks came out: %w", ticks, c.Rounds, failed)
	}
	return float64(total) / used.Seconds(), nil
}

// setup is one of the checked ones: nested groups of four, sensors of 10 W at
// 1 Hz. Live means that every reading is stored when it is made, and silent
// partitions are asked ten times a second; a backlog is stored afterwards, as
// fast as it goes. Moving means that all the time a sensor of one group is
// moved to another, and that a second hierarchy is added on the way.
type setup struct {
	levels, seconds, sensors int
	backlog, moving          bool

	records, exact, all int
	cpu                 time.Duration
}

func (s *setup) mode() string {
	m := "live"
	if s.backlog {
		m = "backlog"
	}
	if s.moving {
		m += ", moving"
	}
	return m
}

const setupPartitions = 16

func (s *setup) run() error {
	gen, err := sim.New(sim.Options{Depth: s.levels, Arity: 4, Constant: 10, Partitions: setupPartitions, Seed: 1})
	if err != nil {
		return err
	}
	s.sensors = gen.Options().Sensors
	m, err := model.New(gen.Document())
	if err != nil {
		return err
	}
	x := &checking{setup: s, got: make(map[model.HierarchyID]map[record.Millis]*record.Ticks)}
	x.comb = tick.NewCombiner(tick.DefaultTiming(), setupPartitions, x.take)
	for p := range setupPartitions {
		x.engines = append(x.engines, tick.NewEngine(tick.DefaultTiming(), p, setupPartitions, func(r *tick.Report) {
			if err := x.comb.Add(r, x.now, 0); err != nil {
				x.failed = err
			}
		}))
	}
	const start = record.Millis(1_700_000_000_000)
	x.publish(m, start)
	cpu := bench.CPU()
	var b record.Batch
	for k := range s.seconds {
		at := start + record.Millis(k)*1000
		if s.moving && k%5 == 4 {
			if m, err = x.move(m, k); err != nil {
				return err
			}
			x.publish(m, at+2000)
		}
		for p, e := range x.engines {
			stored := at + record.Millis(p)*40
			if s.backlog {
				stored = start + record.Millis(s.seconds)*1000 + record.Millis(k)
			}
			x.now = stored
			if err := gen.Lane(p).Fill(at, func(data []byte, n int) error {
				if err := b.Decode(data); err != nil {
					return err
				}
				e.Step(stored, &b, math.MaxInt64)
				s.records += n
				return nil
			}); err != nil {
				return err
			}
		}
		if !s.backlog {
			for _, e := range x.engines {
				e.Clock(at+900, math.MaxInt64)
			}
		}
	}
	x.now = start + record.Millis(s.seconds)*2000 + 120_000
	for _, e := range x.engines {
		e.Clock(x.now, math.MaxInt64)
		e.Idle(x.now, math.MaxInt64/2)
	}
	s.cpu = bench.CPU() - cpu
	if x.failed != nil {
		return x.failed
	}
	x.check(start)
	return nil
}

// checking collects results and knows what they should be.
type checking struct {
	*setup
	engines  []*tick.Engine
	comb     *tick.Combiner
	now      record.Millis
	failed   error
	revision uint64
	states   []inForce
	got      map[model.HierarchyID]map[record.Millis]*record.Ticks
}

type inForce struct {
	from  record.Millis
	model *model.Model
}

func (x *checking) take(t *record.Ticks) {
	h := model.HierarchyID(t.Hierarchy)
	if x.got[h] == nil {
		x.got[h] = make(map[record.Millis]*record.Ticks)
	}
	x.got[h][t.Ticks[0].Time] = t
}

func (x *checking) publish(m *model.Model, from record.Millis) {
	x.revision++
	x.states = append(x.states, inForce{from, m})
	for _, h := range m.Hierarchies() {
		plan := tick.Plan{Hierarchy: h, Revision: x.revision, Effective: from, Layout: m.Layout(h)}
		x.comb.SetPlan(plan)
		for _, e := range x.engines {
			e.SetPlan(plan)
		}
	}
}

// move takes the last member of one leaf group and gives it to another; half
// way it adds a second hierarchy.
func (x *checking) move(m *model.Model, k int) (*model.Model, error) {
	d := m.Document()
	var leaf []int
	for i, g := range d.Groups {
		if len(g.Members) > 0 && g.Members[0].Sensor != "" && g.ID != "other" {
			leaf = append(leaf, i)
		}
	}
	from, to := leaf[(k*7)%len(leaf)], leaf[(k*13+1)%len(leaf)]
	if a := d.Groups[from].Members; from != to && len(a) > 1 {
		d.Groups[from].Members = append([]model.Member(nil), a[:len(a)-1]...)
		d.Groups[to].Members = append(append([]model.Member(nil), d.Groups[to].Members...), a[len(a)-1])
	}
	if k > x.seconds/2 && len(d.Hierarchies) == 1 {
		g := model.Group{ID: "other"}
		for i, s := range d.Sensors {
			if i%2 == 0 {
				g.Members = append(g.Members, model.Member{Sensor: s.ID})
			}
		}
		d.Groups = append(d.Groups, g)
		d.Hierarchies = append(d.Hierarchies, model.Hierarchy{ID: "other", Root: "other", Tick: d.Hierarchies[0].Tick})
	}
	return model.New(d)
}

// check counts leaves below every group, 10 W each, in every tick. A group
// without members has no value.
func (x *checking) check(start record.Millis) {
	for h, got := range x.got {
		first := record.Millis(math.MaxInt64)
		for t := range got {
			first = min(first, t)
		}
		for k := range x.seconds {
			at := start + record.Millis(k)*1000
			var m *model.Model
			for _, st := range x.states {
				if _, ok := st.model.Hierarchy(h); ok && (m == nil || st.from <= at) {
					m = st.model
				}
			}
			if m == nil || at < first && h == "other" {
				continue // the hierarchy began later
			}
			leaves := make(map[string]int)
			l := m.Layout(h)
			for i := range l.Groups {
				g := &l.Groups[i]
				leaves[string(g.ID)] = int(g.To - g.From)
			}
			x.all += len(leaves)
			t := got[at]
			if t == nil {
				continue
			}
			for i, id := range t.Groups {
				n := leaves[id]
				sum := t.Ticks[0].Sum[i]
				if int(t.Ticks[0].Count[i]) == n && (sum == 10*float64(n) || n == 0 && math.IsNaN(sum)) {
					x.exact++
				}
			}
		}
	}
}
