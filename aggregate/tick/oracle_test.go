package tick

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

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
		if _, ok := s.model.Hierarchy(h); !ok && m == nil {
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
	leaves  []float64 // signed
	sum     *big.Float
	meter   float64
	metered bool
	has     bool // has a meter by the model
}

func (o *oracle) group(m *model.Model, id model.GroupID, t record.Millis, out map[string]want) node {
	g, _ := m.Group(id)
	n := node{sum: new(big.Float).SetPrec(700)}
	for _, mem := range g.Members {
		sign := 1.0
		if mem.Sign < 0 {
			sign = -1
		}
		if mem.Group != "" {
			c := o.group(m, mem.Group, t, out)
			switch {
			case c.has && c.metered:
				n.leaves = append(n.leaves, sign*c.meter)
				n.sum.Add(n.sum, onGrid(sign*c.meter))
			case !c.has:
				for _, l := range c.leaves {
					n.leaves = append(n.leaves, sign*l)
				}
				n.sum.Add(n.sum, new(big.Float).Mul(big.NewFloat(sign), c.sum))
			}
			continue
		}
		s, _ := m.Sensor(mem.Sensor)
		v, ok := o.valueAt(s, t)
		if mem.Meter {
			n.has, n.metered, n.meter = true, ok, sign*v
			continue
		}
		if ok {
			n.leaves = append(n.leaves, sign*v)
			n.sum.Add(n.sum, onGrid(sign*v))
		}
	}
	null := math.NaN()
	w := want{null, null, null, null, null, uint32(len(n.leaves))}
	if len(n.leaves) > 0 {
		w.sum, _ = n.sum.Float64()
		w.min, w.max = slices.Min(n.leaves)+0, slices.Max(n.leaves)+0
	}
	if n.metered {
		w.meter = n.meter + 0
		if len(n.leaves) > 0 {
			w.unaccounted, _ = new(big.Float).SetPrec(700).Sub(onGrid(n.meter), n.sum).Float64()
		}
	}
	out[string(id)] = w
	return n
}

func (o *oracle) tick(h model.HierarchyID, t record.Millis) map[string]want {
	m := o.modelAt(h, t)
	if m == nil {
		return nil
	}
	hier, ok := m.Hierarchy(h)
	if !ok {
		return nil
	}
	out := make(map[string]want)
	o.group(m, hier.Root, t, out)
	return out
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func compare(ticks *record.Ticks, k *record.Tick, w map[string]want) error {
	if len(ticks.Groups) != len(w) {
		return fmt.Errorf("%d groups, want %d", len(ticks.Groups), len(w))
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

// plant is a random world.
type plant struct {
	r       *rand.Rand
	doc     model.Document
	groups  int
	sensors []record.SensorID
}

func randomPlant(r *rand.Rand) *plant {
	p := &plant{r: r}
	for i := range 3 + r.IntN(25) {
		s := model.Sensor{
			ID: record.SensorID(fmt.Sprintf("s%d", i)), Quantity: "active_power", Kind: "gauge",
			Interval: model.Duration([]time.Duration{time.Second, 2 * time.Second, 7 * time.Second, 30 * time.Second}[r.IntN(4)]),
		}
		switch r.IntN(5) {
		case 0:
			d := model.Duration(time.Duration(500+r.IntN(20000)) * time.Millisecond)
			s.MaxAge = &d
		case 1:
			d := model.Unlimited
			s.MaxAge = &d
		}
		p.doc.Sensors = append(p.doc.Sensors, s)
		p.sensors = append(p.sensors, s.ID)
	}
	for i := range 1 + r.IntN(3) {
		p.addHierarchy(fmt.Sprintf("h%d", i))
	}
	return p
}

func (p *plant) addHierarchy(id string) {
	free := slices.Clone(p.sensors)
	p.r.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	free = free[:p.r.IntN(len(free)+1)]
	root := p.addGroup(&free, 0)
	tick := []time.Duration{time.Second, time.Second, 5 * time.Second}[p.r.IntN(3)]
	p.doc.Hierarchies = append(p.doc.Hierarchies, model.Hierarchy{ID: model.HierarchyID(id), Root: root, Tick: model.Duration(tick)})
}

func (p *plant) addGroup(free *[]record.SensorID, depth int) model.GroupID {
	p.groups++
	g := model.Group{ID: model.GroupID(fmt.Sprintf("g%d", p.groups))}
	sign := func() int8 { return []int8{0, 1, 1, -1}[p.r.IntN(4)] }
	take := func() record.SensorID {
		s := (*free)[0]
		*free = (*free)[1:]
		return s
	}
	if len(*free) > 0 && p.r.IntN(3) == 0 {
		g.Members = append(g.Members, model.Member{Sensor: take(), Meter: true, Sign: sign()})
	}
	for range p.r.IntN(4) {
		if len(*free) > 0 {
			g.Members = append(g.Members, model.Member{Sensor: take(), Sign: sign()})
		}
		if depth < 4 && p.r.IntN(3) == 0 {
			g.Members = append(g.Members, model.Member{Group: p.addGroup(free, depth+1), Sign: sign()})
		}
	}
	p.doc.Groups = append(p.doc.Groups, g)
	return g.ID
}

// move takes a random sensor out of a random hierarchy or puts it elsewhere.
func (p *plant) move() {
	d := model.Document{Sensors: p.doc.Sensors, Hierarchies: p.doc.Hierarchies}
	for _, g := range p.doc.Groups {
		g.Members = slices.Clone(g.Members)
		d.Groups = append(d.Groups, g)
	}
	from := &d.Groups[p.r.IntN(len(d.Groups))]
	for i, m := range from.Members {
		if m.Sensor == "" || m.Meter {
			continue
		}
		from.Members = slices.Delete(from.Members, i, i+1)
		// Within the same tree, so that no sensor stands in it twice.
		if tree := p.tree(d, from.ID); p.r.IntN(4) > 0 {
			to := tree[p.r.IntN(len(tree))]
			for j := range d.Groups {
				if d.Groups[j].ID == to {
					d.Groups[j].Members = append(d.Groups[j].Members, m)
				}
			}
		}
		break
	}
	p.doc = d
}

func (p *plant) tree(d model.Document, in model.GroupID) []model.GroupID {
	byID := make(map[model.GroupID]model.Group)
	for _, g := range d.Groups {
		byID[g.ID] = g
	}
	for _, h := range d.Hierarchies {
		var all []model.GroupID
		var walk func(model.GroupID)
		walk = func(id model.GroupID) {
			all = append(all, id)
			for _, m := range byID[id].Members {
				if m.Group != "" {
					walk(m.Group)
				}
			}
		}
		walk(h.Root)
		if slices.Contains(all, in) {
			return all
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
	o := &oracle{records: make(map[record.SensorID][]record.Record)}
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
		for _, h := range p.doc.Hierarchies {
			w.setPlan(Plan{Hierarchy: h.ID, Revision: revision, Effective: from, Layout: m.Layout(h.ID)})
		}
	}
	const start, length = record.Millis(1_700_000_000_000), 60_000
	publish(start - 5000)

	var all []arriving
	for _, s := range p.doc.Sensors {
		step := time.Duration(s.Interval).Milliseconds()
		gap := record.Millis(r.IntN(length))
		for at := start + record.Millis(r.IntN(int(step))); at < start+length; at += record.Millis(step/2 + r.Int64N(step)) {
			if at > start+gap && at < start+gap+15_000 && r.IntN(3) > 0 {
				continue // an outage
			}
			rec := record.Record{Sensor: s.ID, Time: at, Value: randomValue(r)}
			delay := record.Millis(r.IntN(1990))
			all = append(all, arriving{rec, at + delay})
			if r.IntN(10) == 0 { // delivered again, at any later time
				all = append(all, arriving{rec, at + delay + 1 + record.Millis(r.IntN(20_000))})
			}
			if r.IntN(10) == 0 { // contradicted later
				rec.Value = randomValue(r)
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
			if r.IntN(3) == 0 && len(p.doc.Hierarchies) < 5 {
				p.addHierarchy(fmt.Sprintf("late%d", revision))
			} else {
				p.move()
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
	for _, id := range final.Hierarchies() {
		st, _ := final.Hierarchy(id)
		tick := time.Duration(st.Tick).Milliseconds()
		var before bool
		for at := gridUp(from-2000, tick); at < to; at += record.Millis(tick) {
			want := o.tick(st.ID, at)
			any := false
			for _, x := range want {
				any = any || x.count > 0 || !math.IsNaN(x.meter)
			}
			got := w.got[st.ID][at]
			ticks++
			if any {
				filled++
			}
			if got == nil {
				if any && w.begun(st.ID, at) {
					t.Fatalf("%s: no tick at %v, want %v", st.ID, at, want)
				}
				before = any && w.begun(st.ID, at)
				continue
			}
			if !any && !before {
				t.Fatalf("%s: an empty tick at %v is told twice", st.ID, at)
			}
			if err := compare(got, &got.Ticks[0], want); err != nil {
				t.Fatalf("%s: %v", st.ID, err)
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
	return t >= first || h[0] == 'h'
}

// onGrid rounds to multiples of 2^-64, half to even.
func onGrid(x float64) *big.Float {
	f := new(big.Float).SetPrec(600).SetFloat64(x)
	f.SetMantExp(f, 64)
	i, _ := f.Int(nil)
	whole := new(big.Float).SetPrec(600).SetInt(i)
	rest, _ := new(big.Float).SetPrec(600).Sub(f, whole).Float64()
	up := math.Abs(rest) > 0.5 || math.Abs(rest) == 0.5 && i.Bit(0) == 1
	if up {
		i.Add(i, big.NewInt(int64(math.Copysign(1, x))))
	}
	r := new(big.Float).SetPrec(600).SetInt(i)
	return r.SetMantExp(r, -64)
}

func randomValue(r *rand.Rand) float64 {
	switch r.IntN(6) {
	case 0:
		return float64(r.IntN(2000) - 1000)
	case 1:
		return math.Ldexp(r.Float64()-0.5, r.IntN(58))
	case 2:
		return math.Ldexp(r.Float64()-0.5, -r.IntN(90))
	case 3:
		return record.MaxValue * (r.Float64()*2 - 1)
	case 4:
		return math.Ldexp(float64(1+r.IntN(9)), -66) // ties on the grid
	}
	return math.Round(r.Float64()*1e5) / 100
}
