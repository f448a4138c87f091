package summing

import (
	"math"
	"time"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

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
