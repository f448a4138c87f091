package tick

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/exact/exacttest"
	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// The oracle computes ticks from the raw records and the documents by brute
// force: no partitions, no streams, no incremental state, arbitrary precision.

// inForce is a document and the first tick it holds for.
type inForce struct {
	from  record.Millis
	model *model.Model
}

// arrival is one record in order of arrival.
type oracle struct {
	records map[record.SensorID][]record.Record // in order of arrival
	states  []inForce
	known   map[evaluated]float64
	plans   map[*model.Model]*Plans
	rates   *oracle // the same, with rates of counters as values; itself, if it is that
	base    *oracle // it, or that whose values have these as rates
	parts   int     // partitions

	within model.HierarchyID // that is being evaluated
	first  map[hearing]record.Millis
	told   map[hearing]bool
}

func (o *oracle) add(r record.Record) { o.records[r.Sensor] = append(o.records[r.Sensor], r) }

// valueAt is the sensor's last reading at or before t, by first arrival.
func (o *oracle) valueAt(s *model.Sensor, t record.Millis) (float64, bool) {
	best := record.Millis(math.MinInt64)
	var v float64
	for _, r := range o.records[s.ID] {
		if r.Time <= t && r.Time > best {
			best, v = r.Time, r.Value
		}
	}
	if best == math.MinInt64 {
		return 0, false
	}
	age := 3 * time.Duration(s.Interval)
	if s.MaxAge != nil {
		age = time.Duration(*s.MaxAge)
	}
	if age >= 0 && int64(t-best) > age.Milliseconds() {
		return 0, false
	}
	return v, true
}

// modelAt is the model in force for hierarchy h at tick t.
func (o *oracle) modelAt(h model.HierarchyID, t record.Millis) *model.Model {
	var m *model.Model
	for _, s := range o.states {
		if _, ok := s.model.Hierarchy(h); !ok && m == nil && h != Loose {
			continue
		}
		if m == nil || s.from <= t {
			m = s.model
		}
	}
	return m
}

type want struct {
	sum, min, max, meter, unaccounted float64
	count                             uint32
}

type node struct {
	leaves []float64 // signed
	sum    *big.Float
	silent bool // some leaf that was heard once has no value
}

// group sums a group up. Its meter is asked for only where it is to be told,
// because it may follow from the sum.
func (o *oracle) group(m *model.Model, id model.GroupID, t record.Millis, out map[string]want) node {
	g, _ := m.Group(id)
	n := node{sum: new(big.Float).SetPrec(700)}
	for _, mem := range g.Members {
		sign := 1.0
		if mem.Sign < 0 {
			sign = -1
		}
		if mem.Group != "" {
			if out != nil {
				o.group(m, mem.Group, t, out)
			}
			v, metered, has := o.meter(m, mem.Group, t)
			switch {
			case has && metered:
				n.leaves = append(n.leaves, sign*v)
				n.sum.Add(n.sum, exacttest.OnGrid(sign*v))
			case has:
				child, _ := m.Group(mem.Group)
				for _, x := range child.Members {
					if x.Meter {
						n.silent = n.silent || o.silent(m, x.Sensor, t)
					}
				}
			case !has:
				c := o.group(m, mem.Group, t, nil)
				for _, l := range c.leaves {
					n.leaves = append(n.leaves, sign*l)
				}
				n.sum.Add(n.sum, new(big.Float).Mul(big.NewFloat(sign), c.sum))
				n.silent = n.silent || c.silent
			}
			continue
		}
		if mem.Meter {
			continue
		}
		if v, ok := o.value(m, mem.Sensor, t); ok {
			n.leaves = append(n.leaves, sign*v)
			n.sum.Add(n.sum, exacttest.OnGrid(sign*v))
		} else {
			n.silent = n.silent || o.silent(m, mem.Sensor, t)
		}
	}
	if out == nil {
		return n
	}
	null := math.NaN()
	w := want{null, null, null, null, null, uint32(len(n.leaves))}
	if len(n.leaves) > 0 {
		w.sum, _ = n.sum.Float64()
		w.min, w.max = slices.Min(n.leaves)+0, slices.Max(n.leaves)+0
	}
	if meter, ok, _ := o.meter(m, id, t); ok {
		w.meter = meter + 0
		if len(n.leaves) > 0 && !n.silent {
			w.unaccounted, _ = new(big.Float).SetPrec(700).Sub(exacttest.OnGrid(meter), n.sum).Float64()
		}
	}
	out[string(id)] = w
	return n
}

// meter is what a group's meter says, whether that is known, and whether it has one.
func (o *oracle) meter(m *model.Model, id model.GroupID, t record.Millis) (v float64, known, has bool) {
	g, _ := m.Group(id)
	for _, mem := range g.Members {
		if mem.Meter {
			if v, known = o.value(m, mem.Sensor, t); mem.Sign < 0 {
				v = -v
			}
			return v, known, true
		}
	}
	return 0, false, false
}

// value is that of a sensor, read or evaluated.
func (o *oracle) value(m *model.Model, id record.SensorID, t record.Millis) (float64, bool) {
	f, ok := m.Formula(id)
	s, _ := m.Sensor(id)
	switch {
	case o == o.rates && s.Kind != model.Counter:
		return 0, false
	case o == o.rates && !ok:
		return o.rateAt(s, t)
	case !ok:
		return o.valueAt(s, t)
	}
	key := evaluated{m, id, t, o.within}
	v, known := o.known[key]
	if !known {
		v = f.Eval(func(i int) float64 { return o.operand(m, f.Operands()[i], t) }) + 0
		if math.Abs(v) > record.MaxValue {
			v = math.NaN()
		}
		o.known[key] = v
	}
	return v, v == v
}

type evaluated struct {
	model *model.Model
	id    record.SensorID
	t     record.Millis
	in    model.HierarchyID
}

func (o *oracle) operand(m *model.Model, x formula.Operand, t record.Millis) float64 {
	if x.Rate {
		o = o.rates
	}
	if x.Group == "" {
		v, ok := o.value(m, x.Sensor, t)
		if _, virtual := m.Formula(x.Sensor); !ok || virtual {
			return nullUnless(v, ok)
		}
		v, _ = exacttest.OnGrid(v).Float64()
		return v
	}
	id := model.GroupID(x.Group)
	metered, has, meter := false, false, math.NaN()
	if x.Part != formula.Sum {
		var at float64
		if at, metered, has = o.meter(m, id, t); metered {
			if meter = at; !o.metersVirtual(m, id) {
				meter, _ = exacttest.OnGrid(at).Float64()
			}
			if x.Part != formula.Unaccounted && has {
				return meter
			}
		}
		if has && !metered || x.Part == formula.Meter || x.Part == formula.Unaccounted && !has {
			return math.NaN()
		}
	}
	n := o.group(m, id, t, nil)
	if len(n.leaves) == 0 || has && n.silent {
		return math.NaN()
	}
	sum := n.sum
	if has {
		sum = new(big.Float).SetPrec(700).Sub(exacttest.OnGrid(meter), n.sum)
	}
	out, _ := sum.Float64()
	return out
}

func (o *oracle) metersVirtual(m *model.Model, id model.GroupID) bool {
	g, _ := m.Group(id)
	return slices.ContainsFunc(g.Members, func(x model.Member) bool {
		_, ok := m.Formula(x.Sensor)
		return ok && x.Meter
	})
}

// nullUnless makes null of what is not known.
func nullUnless(v float64, known bool) float64 {
	if !known {
		return math.NaN()
	}
	return v
}

func (o *oracle) plansOf(m *model.Model) *Plans {
	if o.plans[m] == nil {
		o.plans[m] = NewPlans(m)
	}
	return o.plans[m]
}

// expectation is what a tick should say.
type expectation struct {
	groups map[string]want
	values map[record.SensorID]float64
	heard  bool
}

func (o *oracle) tick(h model.HierarchyID, t record.Millis) *expectation {
	m := o.modelAt(h, t)
	if m == nil {
		return nil
	}
	o.evalIn(h)
	out := &expectation{groups: make(map[string]want), values: make(map[record.SensorID]float64), heard: o.heard(m, h, t)}
	if hier, ok := m.Hierarchy(h); ok {
		o.group(m, hier.Root, t, out.groups)
	} else if h != Loose {
		return nil
	}
	for id, home := range o.plansOf(m).home {
		if home == h {
			out.values[id], _ = o.value(m, id, t)
		}
	}
	if !out.heard { // the begin of a silence, whatever formulas fall back on
		null := math.NaN()
		for g := range out.groups {
			out.groups[g] = want{null, null, null, null, null, 0}
		}
		for id := range out.values {
			out.values[id] = null
		}
	}
	return out
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func compare(ticks *record.Ticks, k *record.Tick, x *expectation) error {
	w := x.groups
	if len(ticks.Groups) != len(w) || len(ticks.Sensors) != len(x.values) {
		return fmt.Errorf("%d groups and %d virtual sensors, want %d and %d", len(ticks.Groups), len(ticks.Sensors), len(w), len(x.values))
	}
	for i, id := range ticks.Sensors {
		if v, ok := x.values[id]; !ok || !same(k.Values[i], v) || k.Values[i] == 0 && math.Signbit(k.Values[i]) {
			return fmt.Errorf("sensor %s at %v: got %v, want %v", id, k.Time, k.Values[i], v)
		}
	}
	for i, g := range ticks.Groups {
		got := want{k.Sum[i], k.Min[i], k.Max[i], k.Meter[i], k.Unaccounted[i], k.Count[i]}
		x, ok := w[g]
		if !ok {
			return fmt.Errorf("group %s is not in the model", g)
		}
		if !same(got.sum, x.sum) || !same(got.min, x.min) || !same(got.max, x.max) || !same(got.meter, x.meter) ||
			!same(got.unaccounted, x.unaccounted) || got.count != x.count {
			return fmt.Errorf("group %s at %v: got %+v, want %+v", g, k.Time, got, x)
		}
		if math.Signbit(k.Sum[i]) && k.Sum[i] == 0 {
			return fmt.Errorf("group %s: minus zero", g)
		}
	}
	return nil
}

// arriving is a record and when it arrives.
type arriving struct {
	record.Record
	at record.Millis
}

// world drives engines and a combiner as the service does, with faults.
type world struct {
	t        *testing.T
	r        *rand.Rand
	engines  []*Engine
	kept     []kept // checkpoints
	logs     [][]message
	combiner *Combiner
	plans    []Plan
	got      map[model.HierarchyID]map[record.Millis]*record.Ticks
	order    map[model.HierarchyID]record.Millis
	pending  []*Report
	known    record.Millis
}

type message struct {
	stored record.Millis
	data   []byte
}

type kept struct {
	data []byte
	n    int // messages taken
}

func (w *world) engine(p int) *Engine {
	return NewEngine(DefaultTiming(), p, len(w.engines), func(r *Report) {
		var back Report
		if err := back.Decode(r.Encode(nil)); err != nil {
			w.t.Fatal(err)
		}
		w.pending = append(w.pending, &back)
	})
}

func (w *world) setPlan(p Plan) {
	w.plans = append(w.plans, p)
	for _, e := range w.engines {
		e.SetPlan(p)
	}
	w.combiner.SetPlan(p)
}

func (w *world) combine(now record.Millis) {
	for _, r := range w.pending {
		for range 1 + w.r.IntN(2) { // now and then twice
			if err := w.combiner.Add(r, now, 0); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.pending = nil
}

func (w *world) collect(k *record.Ticks) {
	var back record.Ticks
	if err := back.Decode(k.Encode(nil)); err != nil {
		w.t.Fatal(err)
	}
	h := model.HierarchyID(k.Hierarchy)
	if w.got[h] == nil {
		w.got[h] = make(map[record.Millis]*record.Ticks)
	}
	for i := range back.Ticks {
		t := back.Ticks[i].Time
		if last, ok := w.order[h]; ok && t <= last {
			w.t.Fatalf("tick %v of %s after %v", t, h, last)
		}
		w.order[h] = t
		w.got[h][t] = &back
	}
}

func (w *world) send(p int, m message) {
	w.logs[p] = append(w.logs[p], m)
	w.feed(p, m)
	if w.r.IntN(20) == 0 { // a restart from the last checkpoint
		e := w.engine(p)
		at := 0
		if w.kept[p].data != nil {
			seq, err := e.Restore(w.kept[p].data)
			if err != nil {
				w.t.Fatal(err)
			}
			at = int(seq)
		}
		for _, pl := range w.plans {
			e.SetPlan(pl)
		}
		w.engines[p] = e
		for _, old := range w.logs[p][at:] {
			w.feed(p, old)
		}
	} else if w.r.IntN(10) == 0 {
		data, err := w.engines[p].Checkpoint(uint64(len(w.logs[p])))
		if err != nil {
			w.t.Fatal(err)
		}
		w.kept[p] = kept{data, len(w.logs[p])}
	}
}

func (w *world) feed(p int, m message) {
	var b record.Batch
	if err := b.Decode(m.data); err != nil {
		w.t.Fatal(err)
	}
	w.engines[p].Step(m.stored, &b, w.known)
}

// TestOracle compares engines and combiner with brute force: random trees,
// arrival in any order within the grace, duplicates, contradictions, restarts,
// sensors moved and hierarchies added on the way, live and as a backlog.
func TestOracle(t *testing.T) {
	seeds := 400
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { oracleRun(t, uint64(seed)) })
	}
}

func oracleRun(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	p := randomPlant(r)
	backlog := r.IntN(2) == 0
	partitions := 1 + r.IntN(6)
	w := &world{
		t: t, r: r, engines: make([]*Engine, partitions), kept: make([]kept, partitions), logs: make([][]message, partitions),
		got: make(map[model.HierarchyID]map[record.Millis]*record.Ticks), order: make(map[model.HierarchyID]record.Millis), known: always,
	}
	w.combiner = NewCombiner(DefaultTiming(), partitions, w.collect)
	for i := range w.engines {
		w.engines[i] = w.engine(i)
	}
	o := newOracle(partitions)
	revision := uint64(0)
	publish := func(from record.Millis) {
		m, err := model.New(p.doc)
		if err != nil {
			t.Fatal(err)
		}
		revision++
		if n := len(o.states); n > 0 {
			from = max(from, o.states[n-1].from)
		}
		o.states = append(o.states, inForce{from, m})
		plans := NewPlans(m)
		for _, h := range append(m.Hierarchies(), Loose) {
			w.setPlan(plans.Plan(h, revision, from))
		}
	}
	const start, length = record.Millis(1_700_000_000_000), 60_000
	publish(start - 5000)

	var all []arriving
	for _, s := range p.doc.Sensors {
		if s.Formula != "" {
			continue
		}
		step := time.Duration(s.Interval).Milliseconds()
		gap, count := record.Millis(r.IntN(length)), 0.
		for at := start + record.Millis(r.IntN(int(step))); at < start+length; at += record.Millis(step/2 + r.Int64N(step)) {
			if at > start+gap && at < start+gap+15_000 && r.IntN(3) > 0 {
				continue // an outage
			}
			rec := record.Record{Sensor: s.ID, Time: at, Value: exacttest.Value(r)}
			if count += 100 * r.Float64(); s.Kind == model.Counter && r.IntN(8) > 0 {
				rec.Value = count
			}
			delay := record.Millis(r.IntN(1990))
			all = append(all, arriving{rec, at + delay})
			if r.IntN(10) == 0 { // delivered again, at any later time
				all = append(all, arriving{rec, at + delay + 1 + record.Millis(r.IntN(20_000))})
			}
			if r.IntN(10) == 0 { // contradicted later
				rec.Value = exacttest.Value(r)
				all = append(all, arriving{rec, at + delay + 1 + record.Millis(r.IntN(20_000))})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b arriving) int { return int(a.at - b.at) })
	now, stalled := start, start
	open := make([]record.Batch, partitions)
	stored := func() record.Millis {
		if backlog {
			return start + 10*length + (now-start)/100
		}
		return now
	}
	flush := func(q int) {
		if open[q].Len() > 0 {
			w.send(q, message{stored(), open[q].Encode(nil)})
			open[q].Reset()
		}
	}
	for _, a := range all {
		now = a.at
		// The model is known up to now, but now and then that takes a while.
		if !backlog {
			if r.IntN(40) == 0 {
				stalled = now + record.Millis(r.IntN(8000))
			}
			if now > stalled {
				w.known = now
			}
			for q := range partitions {
				if r.IntN(3) == 0 {
					w.engines[q].Clock(now-1, w.known)
					w.engines[q].Idle(now-1, w.known)
				}
			}
		}
		o.add(a.Record)
		q := record.Partition(a.Sensor, partitions)
		open[q].Append(a.Record)
		if !backlog || r.IntN(3) == 0 {
			flush(q)
		}
		if r.IntN(4) == 0 {
			w.combine(stored())
		}
		if r.IntN(len(all)/6+1) == 0 {
			// A change of the model, effective where no partition has been yet.
			was := p.doc
			switch n := r.IntN(4); {
			case n == 0 && len(p.doc.Hierarchies) < 5:
				p.addHierarchy(fmt.Sprintf("late%d", revision))
			case n == 1:
				p.formulas()
			default:
				p.move()
			}
			if _, err := model.New(p.doc); err != nil {
				p.doc = was // a circle of formulas and groups
			}
			from := now + record.Millis(r.IntN(3000))
			publish(gridUp(from, 1000))
		}
	}
	w.known = always / 2
	for q := range partitions {
		flush(q)
	}
	w.combine(stored())
	end := now + 120_000
	if backlog {
		end = start + 10*length + 120_000
	}
	for round := range 3 { // silence, until everybody has been passed
		for q := range w.engines {
			w.engines[q].Clock(end+record.Millis(round)*20_000, always/2)
			w.engines[q].Idle(end+record.Millis(round)*20_000, always/2)
		}
		w.combine(end + record.Millis(round)*20_000)
	}
	checkWorld(t, w, o, start, start+length+5000)
}

func checkWorld(t *testing.T, w *world, o *oracle, from, to record.Millis) {
	t.Helper()
	ticks, filled := 0, 0
	final := o.states[len(o.states)-1].model
	for _, id := range append(final.Hierarchies(), Loose) {
		tick := time.Duration(model.DefaultTick).Milliseconds()
		if st, ok := final.Hierarchy(id); ok {
			tick = time.Duration(st.Tick).Milliseconds()
		}
		var before bool
		for at := gridUp(from-2000, tick); at < to; at += record.Millis(tick) {
			want := o.tick(id, at)
			any := want != nil && want.heard
			got := w.got[id][at]
			ticks++
			if any {
				filled++
			}
			if got == nil {
				if any && w.begun(id, at) {
					t.Fatalf("%s: no tick at %v, want %v", id, at, want)
				}
				before = any && w.begun(id, at)
				continue
			}
			if !any && !before {
				t.Fatalf("%s: an empty tick at %v is told twice", id, at)
			}
			if err := compare(got, &got.Ticks[0], want); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			before = any
		}
	}
	if ticks == 0 {
		t.Fatal("nothing was compared")
	}
}

// begun tells whether the hierarchy was being computed at t: one that is added
// on the way begins with the ticks that are still open then.
func (w *world) begun(h model.HierarchyID, t record.Millis) bool {
	first := always
	for at := range w.got[h] {
		first = min(first, at)
	}
	return t >= first || h[0] == 'h' || h == Loose
}
