package settlement

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// virtualDocument has virtual sensors of all rules, in groups and over groups;
// random makes other formulas and trees of it, nil those to begin with.
func virtualDocument(random *rand.Rand) model.Document {
	d := document()
	pick := func(texts ...string) string {
		if random == nil {
			return texts[0]
		}
		return texts[random.IntN(len(texts))]
	}
	virtual := func(id record.SensorID, q record.Quantity, texts ...string) {
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "kiel", Quantity: q, Formula: pick(texts...)})
	}
	// Which of them has to wait for which changes, too.
	virtual("v linear", record.ActivePower, `sensor("p0") * 0.37 + group("hall2") / 3 - 1.5 kW`, `sensor("p0") / 7 - sensor("v sum")`)
	virtual("v sum", record.ActivePower, `sensor("p0") + sensor("p1")`, `2 * sensor("p0") - group("solar", "place")`)
	virtual("v positive", record.ActivePower, `positive(sensor("p3") - sensor("p2"))`, `max(sensor("p3"), sensor("v sum"), 0)`)
	virtual("v count", record.Energy, `sensor("c0") * 0.3 + sensor("c1")`, `group("press") * 0.7`)
	virtual("v ratio", record.Ratio, `group("hall1").sum / group("plant")`, `group("plant") / group("hall1")`, `(group("hall2") - 100 W) / group("hall1").sum`)
	virtual("v yield", record.Ratio, `sensor("c1") / group("press").meter`, `sensor("c1") / sensor("v count")`)
	virtual("v twice", record.Ratio, `sensor("v ratio") / (sensor("v yield") + 2)`, `max(sensor("v ratio"), sensor("v yield"))`)
	virtual("v load", record.Ratio, `sensor("p0") / 30 kW`, `coalesce(sensor("p0") / 20 kW, sensor("v ratio"), 50 %)`)
	virtual("v part", record.ActivePower, `sensor("v ratio") * sensor("p1")`, `sensor("p1")`)
	virtual("v rate", record.ActivePower, `rate(sensor("c0")) + sensor("v positive")`, `rate(group("costs").sum)`)
	virtual("v second", record.ActivePower, `group("second") * 2`, `abs(group("second"))`)
	virtual("v top", record.ActivePower, `group("derived") - sensor("v linear")`, `negative(group("derived").sum) * 1.1`)
	// The meter of hall1 came later: the formula that needs it, too.
	rest, best := `group("hall1")`, `coalesce(group("hall1"), 5 W)`
	if random == nil {
		d.Groups[1].Members = d.Groups[1].Members[1:]
	} else {
		rest, best = `group("hall1").unaccounted`, `coalesce(group("hall1").meter, group("hall1").sum)`
		d.Groups[1].Members[0].Sign = int8(1 - 2*random.IntN(2))
		if random.IntN(2) == 0 { // p1 moves
			d.Groups[1].Members, d.Groups[2].Members = d.Groups[1].Members[:2], append(d.Groups[2].Members, model.Member{Sensor: "p1"})
		}
	}
	virtual("v rest", record.ActivePower, rest)
	virtual("v best", record.ActivePower, best)
	d.Groups = append(d.Groups,
		model.Group{ID: "derived", Members: []model.Member{{Group: "first", Sign: -1}, {Sensor: "v linear"}, {Group: "second"}}},
		model.Group{ID: "first", Members: []model.Member{{Sensor: "v positive"}, {Sensor: "v best", Sign: -1}, {Sensor: "v second"}}},
		model.Group{ID: "second", Members: []model.Member{{Sensor: "v rest", Meter: random != nil && random.IntN(2) == 0}, {Sensor: "v sum"}}},
		model.Group{ID: "top", Members: []model.Member{{Sensor: "v top"}, {Sensor: "v rate", Meter: random != nil && random.IntN(2) == 0}, {Sensor: "v part"}}},
		model.Group{ID: "ratios", Members: []model.Member{{Sensor: "v ratio"}, {Sensor: "v twice", Sign: -1}}},
	)
	d.Groups[6].Members = append(d.Groups[6].Members, model.Member{Sensor: "v count"})
	d.Hierarchies = append(d.Hierarchies, model.Hierarchy{ID: "derived", Root: "derived", Site: "kiel"}, model.Hierarchy{ID: "top", Root: "top"}, model.Hierarchy{ID: "ratios", Root: "ratios"})
	return d
}

// change puts other formulas and trees, and has some of the trees hold for the
// past.
func (w *world) change(random *rand.Rand, begin time.Time) {
	w.t.Helper()
	w.put(virtualDocument(random))
	for _, h := range w.catalog.State().Model.Hierarchies() {
		since := record.MillisOf(begin.Add(time.Duration(random.Int64N(int64(40 * time.Hour)))))
		if newest := w.service.trees.Newest(string(h)); random.IntN(2) == 0 && newest.Since > since {
			if err := w.service.Reach(w.t.Context(), h, since, "it was so", "ada"); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// intervene decides something about the readings of a sensor, of any kind, or
// undoes what was decided.
func (w *world) intervene(random *rand.Rand, begin time.Time) {
	w.t.Helper()
	all, err := w.store.Interventions(w.t.Context(), "", false, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	if n := len(all); n > 0 && random.IntN(4) == 0 {
		if _, err := w.service.Undo(w.t.Context(), all[random.IntN(n)].ID, "it was not so", "bob"); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	ids := []record.SensorID{"p0", "p0", "p2", "p3", "c0", "c1", "main1"}
	id := ids[random.IntN(len(ids))]
	counter := id[0] != 'p'
	kinds := []string{ledger.Interpolate, ledger.Interpolate, ledger.Interpolate, ledger.Exclude, ledger.Replace, ledger.Figure}
	if counter {
		kinds = append(kinds, ledger.Ignore, ledger.Accept, ledger.Reset, ledger.Rollover, ledger.Rise, ledger.Reading)
	}
	b := ledger.InterventionBody{Kind: kinds[random.IntN(len(kinds))], Why: "the log says so"}
	b.From = begin.Add(time.Duration(random.IntN(40*60)) * time.Minute)
	if b.Kind == ledger.Figure {
		b.From = b.From.Truncate(15 * time.Minute)
	}
	if rs := w.memory.all[id]; !ledger.Ranged(b.Kind) && b.Kind != ledger.Reading && len(rs) > 0 {
		b.From = rs[random.IntN(len(rs))].Time.Time()
	}
	if ledger.Ranged(b.Kind) {
		b.To = new(b.From.Add(time.Duration(1+random.IntN(20)) * 15 * time.Minute))
	}
	switch {
	case b.Kind == ledger.Replace && (counter || random.IntN(2) == 0):
		for at := b.From; at.Before(*b.To); at = at.Add(time.Duration(5+random.IntN(60)) * time.Minute) {
			b.Points = append(b.Points, ledger.PointInTime{Time: at, Value: math.Round(1000 * random.Float64())})
		}
	case b.Kind == ledger.Replace || b.Kind == ledger.Rise || b.Kind == ledger.Figure || b.Kind == ledger.Reading:
		b.Value = new(math.Round(1000 * random.Float64()))
	}
	if _, err := w.service.Intervene(w.t.Context(), id, b, "ada"); err != nil {
		w.t.Fatal(err)
	}
}

// oracle computes everything at once from all readings, in the simplest way:
// every value by its own words, and again whenever it is asked for, but for
// what it remembers.
type oracle struct {
	w      *world
	now    *model.Model
	from   record.Millis
	sensor map[record.SensorID]map[record.Millis]ledger.Row
	known  map[question]answer
	heard  map[question]bool
}

type question struct {
	p        ledger.Point
	from, to record.Millis
}

type answer struct {
	ledger.Row
	ok bool
}

func (w *world) oracle(from, to record.Millis) *oracle {
	o := &oracle{w: w, now: w.catalog.State().Model, from: from, sensor: make(map[record.SensorID]map[record.Millis]ledger.Row), known: make(map[question]answer), heard: make(map[question]bool)}
	var edges []record.Millis
	for t := from; t <= to; t += quarter {
		edges = append(edges, t)
	}
	for sn := range o.now.Sensors() {
		var rs []energy.Reading
		for _, r := range w.memory.all[sn.ID] {
			rs = append(rs, energy.Reading{Time: r.Time, Value: r.Value, Quality: energy.Measured})
		}
		rules := reading.Rules(sn)
		d, err := Decided(w.t.Context(), w.store, sn.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		values, _ := energy.Settle(energy.Correct(rs, d.Corrections, rules, window.Span{From: from, To: to}), edges, rules, d.Overrides)
		if sn.Formula == "" {
			d.Enter(values, edges)
		}
		rows := make(map[record.Millis]ledger.Row)
		for _, r := range rowsOf(values, edges) {
			rows[r.Start] = r
		}
		o.sensor[sn.ID] = rows
	}
	return o
}

// tree is the model by whose tree a hierarchy is summed up.
func (o *oracle) tree(h string, t record.Millis) *model.Model {
	revision := uint64(0)
	for _, x := range o.w.service.trees[h] {
		if (x.Since+quarter-1)/quarter*quarter <= t {
			revision = x.Revision
		}
	}
	return o.w.models[revision]
}

// row is what is known of a point in a window.
func (o *oracle) row(p ledger.Point, from, to record.Millis) (ledger.Row, bool) {
	q := question{p, from, to}
	a, known := o.known[q]
	if !known {
		a.Row, a.ok = o.find(p, from, to)
		o.known[q] = a
	}
	return a.Row, a.ok
}

func (o *oracle) find(p ledger.Point, from, to record.Millis) (ledger.Row, bool) {
	f, virtual := o.now.Formula(record.SensorID(p.Name))
	virtual = virtual && p.Hierarchy == ""
	switch {
	case virtual && (to-from == quarter || f.Rule() == formula.Anew):
		v, err := f.Settle(int64(to-from), func(i int) energy.Value { return o.operand(f.Operands()[i], from, to) })
		if err != nil {
			o.w.t.Fatal(err)
		}
		r := ledger.Row{Start: from, End: to, Value: v, Total: 1}
		if v.Known {
			r.Members = 1
		}
		return r, v.Known || !math.IsNaN(v.Average)
	case to-from != quarter:
		var rows []ledger.Row
		for t := from; t < to; t += quarter {
			if r, ok := o.row(p, t, t+quarter); ok {
				rows = append(rows, r)
			}
		}
		return tree.Merge(from, to, rows), len(rows) > 0
	case p.Hierarchy == "":
		r, ok := o.sensor[record.SensorID(p.Name)][from]
		return r, ok
	}
	return o.group(p, from)
}

// part is a point of a group, as one thing with a sign.
func (o *oracle) part(p ledger.Point, sign int8, from, to record.Millis) energy.Value {
	r, ok := o.row(p, from, to)
	if !ok {
		return energy.Value{Average: math.NaN()}
	}
	if r.Total > 1 {
		r.Covered /= int64(r.Total)
	}
	if sign < 0 {
		r.Amount, r.Average = -r.Amount, -r.Average
	}
	return r.Value
}

// operand is the value of an operand in a window. Where it has a meter is
// asked of every quarter.
func (o *oracle) operand(x formula.Operand, from, to record.Millis) energy.Value {
	if x.Group == "" {
		return o.part(ledger.SensorPoint(x.Sensor), 1, from, to)
	}
	id := model.GroupID(x.Group)
	h, _ := o.now.HierarchyOf(id)
	var meters, sums []ledger.Row
	for t := from; t < to; t += quarter {
		sum := ledger.GroupPoint(string(h), x.Group)
		meter, sign := meterOf(o.tree(string(h), t), id)
		add := func(to *[]ledger.Row, p ledger.Point, sign int8) {
			if _, ok := o.row(p, t, t+quarter); ok {
				*to = append(*to, ledger.Row{Start: t, End: t + quarter, Total: 1, Value: o.part(p, sign, t, t+quarter)})
			}
		}
		switch {
		case x.Part == formula.Sum || x.Part == formula.Whole && meter == "":
			add(&sums, sum, 1)
		case meter == "":
		case x.Part == formula.Unaccounted:
			if r, ok := o.row(sum, t, t+quarter); ok {
				v := energy.Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN(), Count: r.Count}
				if r.Rest.Time > 0 {
					v.Known, v.Covered, v.Quality, v.Amount, v.Estimated = true, int64(quarter), r.Quality, r.Rest.Amount, r.Rest.Estimated
					if v.Average = r.Rest.Amount.Float64() * 4; v.Estimated != 0 {
						v.Quality = max(v.Quality, energy.Substituted)
					} else {
						v.Quality = min(v.Quality, energy.Corrected)
					}
				}
				sums = append(sums, ledger.Row{Start: t, End: t + quarter, Total: 1, Value: v})
			}
		default:
			add(&meters, ledger.SensorPoint(meter), sign)
		}
	}
	return tree.Merge(from, to, append(meters, sums...)).Value
}

func meterOf(m *model.Model, id model.GroupID) (record.SensorID, int8) {
	g, ok := m.Group(id)
	if !ok {
		return "", 1
	}
	for _, x := range g.Members {
		if x.Meter {
			return x.Sensor, x.Sign
		}
	}
	return "", 1
}

// group follows the words of the decision: a group is the signed sum of its
// members, a child with a meter counts by that.
func (o *oracle) group(p ledger.Point, t record.Millis) (ledger.Row, bool) {
	r := ledger.Row{Start: t, End: t + quarter, Value: energy.Value{Min: math.NaN(), Max: math.NaN()}}
	m := o.tree(p.Hierarchy, t)
	g, ok := m.Group(model.GroupID(p.Name))
	if !ok {
		return r, false
	}
	some, average, whole, estimated := false, false, true, energy.Amount(0)
	full := func(c ledger.Row, ok bool, total uint32) bool {
		if total == 0 {
			return true
		}
		return ok && c.Known && c.Members == total && c.Covered == int64(total)*int64(quarter)
	}
	for _, x := range g.Members {
		at, total, sign := ledger.SensorPoint(x.Sensor), uint32(1), x.Sign
		if x.Group != "" {
			at, total = ledger.GroupPoint(p.Hierarchy, string(x.Group)), leaves(m, x.Group)
			if id, inverse := meterOf(m, x.Group); id != "" {
				at, total, sign = ledger.SensorPoint(id), 1, sign*inverse
			}
		}
		c, ok := o.row(at, t, t+quarter)
		some = some || ok
		if x.Meter {
			r.Metered, r.Meter = ok && c.Known, energy.Amount(sign)*c.Amount
			whole, estimated = whole && full(c, ok, 1), max(c.Estimated, -c.Estimated)
			continue
		}
		r.Total += total
		counts := total
		if x.Group != "" && at.Hierarchy != "" {
			counts = o.counting(m, x.Group, t)
		} else if !o.was(at, t) {
			counts = 0
		}
		if whole = whole && full(c, ok, counts); !ok {
			continue
		}
		if c.Known {
			r.Known = true
			r.Amount += energy.Amount(sign) * c.Amount
			r.Estimated += max(c.Estimated, -c.Estimated)
			r.Members += c.Members
		}
		if !math.IsNaN(c.Average) {
			average = true
			r.Average += float64(sign) * c.Average
		}
		for _, v := range []float64{float64(sign) * c.Min, float64(sign) * c.Max} {
			if !math.IsNaN(v) {
				if math.IsNaN(r.Min) {
					r.Min, r.Max = v, v
				}
				r.Min, r.Max = min(r.Min, v), max(r.Max, v)
			}
		}
		r.Count += c.Count
		r.Covered += c.Covered
		r.Quality = max(r.Quality, c.Quality)
	}
	if !average {
		r.Average = math.NaN()
	}
	if whole && r.Known && r.Metered {
		r.Rest = ledger.Rest{Time: quarter, Amount: r.Meter - r.Amount, Estimated: r.Estimated + estimated}
	}
	return r, some
}

// was tells whether anything is known of a sensor in a quarter or before it.
func (o *oracle) was(p ledger.Point, t record.Millis) bool {
	if t < o.from {
		return false
	}
	q := question{p, t, t}
	was, known := o.heard[q]
	if !known {
		if was = o.was(p, t-quarter); !was {
			_, was = o.row(p, t, t+quarter)
		}
		o.heard[q] = was
	}
	return was
}

// counting gives how many of the leaves of a group without a meter were heard in
// a quarter or before it.
func (o *oracle) counting(m *model.Model, id model.GroupID, t record.Millis) (n uint32) {
	g, _ := m.Group(id)
	for _, x := range g.Members {
		switch meter, _ := meterOf(m, x.Group); {
		case x.Group == "":
			meter = x.Sensor
			fallthrough
		case meter != "":
			if o.was(ledger.SensorPoint(meter), t) {
				n++
			}
		default:
			n += o.counting(m, x.Group, t)
		}
	}
	return n
}

func leaves(m *model.Model, id model.GroupID) (n uint32) {
	g, _ := m.Group(id)
	for _, x := range g.Members {
		if x.Group == "" {
			if !x.Meter {
				n++
			}
		} else if meter, _ := meterOf(m, x.Group); meter != "" {
			n++
		} else {
			n += leaves(m, x.Group)
		}
	}
	return n
}

// same compares what is stored with what is expected.
func (w *world) same(from, to record.Millis) {
	w.t.Helper()
	faults := 0
	bad := func(format string, a ...any) {
		if faults++; faults < 20 {
			w.t.Errorf(format, a...)
		}
	}
	o := w.oracle(from, to)
	var points []ledger.Point
	for sn := range o.now.Sensors() {
		points = append(points, ledger.SensorPoint(sn.ID))
	}
	for g := range o.now.Groups() {
		h, _ := o.now.HierarchyOf(g.ID)
		points = append(points, ledger.GroupPoint(string(h), string(g.ID)))
	}
	limit := record.Millis(w.service.at.frontier.Load())
	for _, p := range points {
		var days []window.Span
		c := w.service.calendarOf(o.now, p)
		for d := range c.Spans(window.Day, from, to) {
			if d.To <= limit {
				days = append(days, d)
			}
		}
		hours, _, err := w.service.Windows(w.t.Context(), p, window.Hour, from, to)
		if err != nil {
			w.t.Fatal(err)
		}
		for i := range hours {
			want, ok := o.row(p, hours[i].Start, hours[i].End)
			if !ok {
				want = tree.Merge(hours[i].Start, hours[i].End, nil)
			}
			if hours[i].End <= to && hours[i].Start >= from && !ledger.Same(&hours[i], &want) {
				bad("%v: the hour of %s is\n%+v, not\n%+v", p, hours[i].Start, hours[i], want)
			}
		}
		var quarters []window.Span
		for t := from; t < to; t += quarter {
			quarters = append(quarters, window.Span{From: t, To: t + quarter})
		}
		for _, x := range []struct {
			what    string
			table   ledger.Table
			windows []window.Span
		}{{"quarter", ledger.Quarters, quarters}, {"day", ledger.Days, days}} {
			ids, err := w.store.IDs(w.t.Context(), []ledger.Point{p}, false)
			if err != nil {
				w.t.Fatal(err)
			}
			rows, err := w.store.Rows(w.t.Context(), nil, x.table, ids[0], 0, record.MaxTime)
			if err != nil {
				w.t.Fatal(err)
			}
			got := make(map[record.Millis]ledger.Row)
			for _, r := range rows {
				got[r.Start] = r
			}
			for _, at := range x.windows {
				want, ok := o.row(p, at.From, at.To)
				r, stored := got[at.From]
				delete(got, at.From)
				switch {
				case ok && !stored:
					bad("%v: the %s of %s is not settled", p, x.what, at.From)
				case !ok && stored:
					bad("%v: the %s of %s is settled, and nothing is known of it: %+v", p, x.what, at.From, r)
				case ok && !ledger.Same(&r, &want):
					bad("%v: the %s of %s is\n%+v, not\n%+v", p, x.what, at.From, r, want)
				}
			}
			for t, r := range got {
				bad("%v: there is a %s of %s, %+v", p, x.what, t, r)
			}
		}
	}
	if faults > 20 {
		w.t.Errorf("and %d more", faults-20)
	}
	if faults > 0 {
		for h, all := range w.service.trees {
			for _, x := range all {
				w.t.Logf("%s since %s: revision %d", h, x.Since, x.Revision)
			}
		}
	}
}
