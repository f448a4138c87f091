package settlement

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// expect computes everything at once from all readings, in the simplest way.
func (w *world) expect(from, to record.Millis) map[ledger.Point]map[record.Millis]ledger.Row {
	m := w.catalog.State().Model
	out := make(map[ledger.Point]map[record.Millis]ledger.Row)
	var edges []record.Millis
	for t := from; t <= to; t += quarter {
		edges = append(edges, t)
	}
	for sn := range m.Sensors() {
		var rs []energy.Reading
		for _, r := range w.memory.all[sn.ID] {
			rs = append(rs, energy.Reading{Time: r.Time, Value: r.Value, Quality: energy.Measured})
		}
		values, _ := energy.Settle(rs, edges, rulesOf(sn), nil)
		rows := make(map[record.Millis]ledger.Row)
		for _, r := range rowsOf(values, edges) {
			rows[r.Start] = r
		}
		out[ledger.SensorPoint(sn.ID)] = rows
	}
	for _, h := range m.Hierarchies() {
		hierarchy, _ := m.Hierarchy(h)
		w.expectGroup(m, h, hierarchy.Root, edges, out)
	}
	return out
}

// expectGroup follows the words of the decision: a group is the signed sum of
// its members, a child with a meter counts by that.
func (w *world) expectGroup(m *model.Model, h model.HierarchyID, id model.GroupID, edges []record.Millis, out map[ledger.Point]map[record.Millis]ledger.Row) {
	g, _ := m.Group(id)
	for _, x := range g.Members {
		if x.Group != "" {
			w.expectGroup(m, h, x.Group, edges, out)
		}
	}
	rows := make(map[record.Millis]ledger.Row)
	for _, t := range edges[:len(edges)-1] {
		r := ledger.Row{Start: t, End: t + quarter, Value: energy.Value{Min: math.NaN(), Max: math.NaN()}}
		some, average := false, false
		for _, x := range g.Members {
			p, total, sign := ledger.SensorPoint(x.Sensor), uint32(1), max(x.Sign, -1)
			if sign == 0 {
				sign = 1
			}
			if x.Group != "" {
				child, _ := m.Group(x.Group)
				p, total = ledger.GroupPoint(string(h), string(x.Group)), w.leaves(m, child)
				for _, y := range child.Members {
					if y.Meter {
						p, total = ledger.SensorPoint(y.Sensor), 1
					}
				}
			}
			o, ok := out[p][t]
			some = some || ok
			if x.Meter {
				r.Metered, r.Meter = ok && o.Known, o.Amount
				continue
			}
			r.Total += total
			if !ok {
				continue
			}
			if o.Known {
				r.Known = true
				r.Amount += energy.Amount(sign) * o.Amount
				r.Estimated += max(o.Estimated, -o.Estimated)
				r.Members += o.Members
			}
			if !math.IsNaN(o.Average) {
				average = true
				r.Average += float64(sign) * o.Average
			}
			for _, v := range []float64{float64(sign) * o.Min, float64(sign) * o.Max} {
				if !math.IsNaN(v) {
					if math.IsNaN(r.Min) {
						r.Min, r.Max = v, v
					}
					r.Min, r.Max = min(r.Min, v), max(r.Max, v)
				}
			}
			r.Count += o.Count
			r.Covered += o.Covered
			r.Quality = max(r.Quality, o.Quality)
		}
		if !average {
			r.Average = math.NaN()
		}
		if some {
			rows[t] = r
		}
	}
	out[ledger.GroupPoint(string(h), string(id))] = rows
}

func (w *world) leaves(m *model.Model, g *model.Group) (n uint32) {
	for _, x := range g.Members {
		if child, ok := m.Group(x.Group); ok {
			metered := false
			for _, y := range child.Members {
				metered = metered || y.Meter
			}
			if metered {
				n++
			} else {
				n += w.leaves(m, child)
			}
		} else if !x.Meter {
			n++
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
	for p, want := range w.expect(from, to) {
		ids, err := w.store.IDs(w.t.Context(), []ledger.Point{p}, false)
		if err != nil {
			w.t.Fatal(err)
		}
		rows, err := w.store.Rows(w.t.Context(), nil, ledger.Quarters, ids[0], 0, record.MaxTime)
		if err != nil {
			w.t.Fatal(err)
		}
		got := make(map[record.Millis]ledger.Row)
		for _, r := range rows {
			got[r.Start] = r
			if o, ok := want[r.Start]; !ok {
				bad("%v %s is settled, and nothing is known of it: %+v", p, r.Start, r)
			} else if !ledger.Same(&r, &o) {
				bad("%v %s is\n%+v, not\n%+v", p, r.Start, r, o)
			}
		}
		for t := range want {
			if _, ok := got[t]; !ok {
				bad("%v %s is not settled", p, t)
			}
		}
		w.sameDays(p, rows, bad)
	}
	if faults > 20 {
		w.t.Errorf("and %d more", faults-20)
	}
}

// sameDays compares the days that are kept with the sums of their quarters.
func (w *world) sameDays(p ledger.Point, rows []ledger.Row, bad func(string, ...any)) {
	ids, err := w.store.IDs(w.t.Context(), []ledger.Point{p}, false)
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := w.store.Rows(w.t.Context(), nil, ledger.Days, ids[0], 0, record.MaxTime)
	if err != nil {
		w.t.Fatal(err)
	}
	c := w.service.calendarOf(w.catalog.State().Model, p)
	sums := make(map[record.Millis]energy.Amount)
	limit := record.Millis(w.service.at.frontier.Load())
	for _, r := range rows {
		if d := c.Span(window.Day, r.Start); d.To <= limit {
			sums[d.From] += r.Amount
		}
	}
	for _, d := range got {
		if want, ok := sums[d.Start]; !ok || d.Amount != want {
			bad("%v: the day of %s is %d, not %d", p, d.Start, d.Amount, want)
		}
		delete(sums, d.Start)
	}
	for t := range sums {
		bad("%v: the day of %s is missing", p, t)
	}
}

// TestOrderDoesNotMatter delivers readings in time, late, shuffled and twice,
// over the night in which the clock changes, with restarts in between, and
// compares with all of them settled at once.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testOrder(t, sqlite, 1, 2, 3) })
	t.Run("postgres", func(t *testing.T) { testOrder(t, postgres, 4, 5) })
}

func testOrder(t *testing.T, open func(*testing.T) *ledger.Store, seeds ...uint64) {
	for _, seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 0))
		begin := time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC)
		end := begin.Add(40 * time.Hour)
		all := someReadings(random, begin, end)
		w := newWorld(t, open, begin.Add(5*time.Hour)) // some of it was there before the first start
		w.put(document())
		var late []record.Record
		for ; w.now.Before(end.Add(time.Hour)); w.now = w.now.Add(time.Duration(random.Int64N(int64(3 * time.Hour)))) {
			for len(all) > 0 && all[0].Time < record.MillisOf(w.now) {
				if random.IntN(5) == 0 {
					late = append(late, all[0])
				} else {
					w.send(all[0])
					if random.IntN(10) == 0 {
						late = append(late, all[0]) // once more
					}
				}
				all = all[1:]
			}
			random.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
			n := random.IntN(len(late) + 1)
			for _, r := range late[:n] {
				w.send(r)
			}
			late = late[n:]
			w.settle()
			if random.IntN(4) == 0 {
				w.again()
			}
		}
		for _, r := range append(late, all...) {
			w.send(r)
		}
		w.now = end.Add(30 * time.Hour)
		w.settle()
		oldest, _ := w.memory.Extent()
		w.same(oldest/quarter*quarter, record.Millis(w.service.at.frontier.Load()))
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}
