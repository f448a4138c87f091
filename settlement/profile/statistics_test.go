package profile

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// near tells whether two numbers differ by what adding up in another order
// makes.
func near(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*(1+math.Abs(b))
}

// anyRows are quarters of a point with everything that may be: holes, parts, a
// base that is large beside what varies, counters that were spread.
func anyRows(random *rand.Rand, from, to time.Time, base float64, total uint32) []ledger.Row {
	var rows []ledger.Row
	for at := record.MillisOf(from); at < record.MillisOf(to); at += quarter {
		if random.IntN(20) == 0 {
			continue
		}
		r := ledger.Row{Start: at, End: at + quarter, Total: total, Value: energy.Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN(), Count: 3}}
		if v := base + 1000*random.NormFloat64(); random.IntN(20) > 0 {
			a, err := energy.Of(v / quarters)
			if err != nil {
				panic(err)
			}
			r.Average, r.Min, r.Max, r.Known, r.Amount, r.Members, r.Quality = v, v-5, v+5, true, a, total, energy.Measured
			switch r.Covered = int64(quarter) * int64(total); random.IntN(8) {
			case 0:
				r.Covered, r.Estimated, r.Quality = 0, a, energy.Estimated
			case 1:
				r.Covered = random.Int64N(int64(quarter)*int64(total)-1) + 1
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// write stores quarters.
func write(t testing.TB, s *ledger.Store, p ledger.Point, rows []ledger.Row) int64 {
	t.Helper()
	ids, err := s.IDs(t.Context(), []ledger.Point{p}, true)
	if err != nil {
		t.Fatal(err)
	}
	changes := make([]ledger.Change, len(rows))
	for i, r := range rows {
		changes[i] = ledger.Change{Point: ids[0], Row: r}
	}
	if err := s.Write(t.Context(), ledger.Quarters, changes); err != nil {
		t.Fatal(err)
	}
	return ids[0]
}

// brute computes cells one by one from the clock on the wall.
func brute(rows []ledger.Row, by ledger.Cells, zone *time.Location, from, to record.Millis) []ledger.Cell {
	cellOf := func(at record.Millis) int {
		t := at.Time().In(zone)
		day := int(t.Weekday()+6) % 7
		switch by {
		case ledger.HourOfDay:
			return t.Hour()
		case ledger.DayOfWeek:
			return day
		}
		return 24*day + t.Hour()
	}
	out := ledger.NoCells(by)
	if len(rows) == 0 {
		return out
	}
	all := make([][]record.Millis, len(out))
	for q := (from + quarter - 1) / quarter * quarter; q < to; q += quarter {
		all[cellOf(q)] = append(all[cellOf(q)], q)
	}
	find := index(rows)
	for cell, at := range all {
		k := &out[cell]
		var weight, sum, covered, estimated, amount float64
		var total, missing, most int64
		each := func(f func(r *ledger.Row, w float64)) {
			for _, q := range at {
				if r := find(q); r != nil && !math.IsNaN(r.Average) {
					w := float64(r.Covered) / float64(r.Total)
					if w == 0 {
						w = float64(quarter)
					}
					f(r, w)
				}
			}
		}
		least, greatest := math.Inf(1), math.Inf(-1)
		each(func(r *ledger.Row, w float64) {
			k.Quarters++
			weight, sum = weight+w, sum+w*r.Average
			least, greatest = min(least, r.Average), max(greatest, r.Average)
		})
		if k.Quarters > 0 {
			k.Mean, k.Min, k.Max, k.Variance = sum/weight, least, greatest, 0
			each(func(r *ledger.Row, w float64) { k.Variance += w / weight * (r.Average - k.Mean) * (r.Average - k.Mean) })
		}
		for _, q := range at {
			r := find(q)
			if r == nil {
				missing++
				continue
			}
			total, most, covered = total+int64(r.Total), max(most, int64(r.Total)), covered+float64(r.Covered)
			if r.Known {
				estimated, amount = estimated+math.Abs(r.Estimated.Float64()), amount+math.Abs(r.Amount.Float64())
			}
		}
		if total += missing * most; total > 0 {
			k.Completeness = covered / float64(total) / float64(quarter)
		}
		if amount > 0 {
			k.Estimated = min(1, estimated/amount)
		}
	}
	return out
}

// TestStatistics compares cells with what one by one gives, over the changes of
// clocks by an hour and by half of one, and a zone that is a quarter off.
func TestStatistics(t *testing.T) {
	everywhere(t, func(t *testing.T, s *ledger.Store) {
		random := rand.New(rand.NewPCG(3, 4))
		for i, x := range []struct {
			zone     string
			from, to string
			base     float64
		}{
			{"Europe/Berlin", "2025-10-20", "2026-04-08", 50_000},
			{"Australia/Lord_Howe", "2026-03-25", "2026-10-12", 2_000},
			{"Asia/Kathmandu", "2026-01-01", "2026-01-09", 0},
			{"America/Los_Angeles", "2026-10-28", "2026-11-05", 3e9},
		} {
			c := load(t, x.zone)
			at, err := c.Between(x.from, x.to)
			if err != nil {
				t.Fatal(err)
			}
			rows := anyRows(random, at.From.Time().Add(-30*time.Hour), at.To.Time().Add(30*time.Hour), x.base, 1)
			whole := anyRows(random, at.From.Time().Add(100*time.Hour), at.To.Time(), x.base, uint32(3+i))
			for j := range whole[:len(whole)/2] {
				whole[j].Total++ // a member that was taken away
			}
			id := write(t, s, ledger.SensorPoint(record.SensorID(x.zone)), rows)
			group := write(t, s, ledger.GroupPoint("place", x.zone), whole)
			for _, by := range []ledger.Cells{ledger.HourOfDay, ledger.DayOfWeek, ledger.HourOfWeek} {
				for _, span := range [][2]record.Millis{{at.From, at.To}, {at.From + 1, at.From + 7*quarter + 1}} {
					got, err := s.Statistics(t.Context(), []int64{group, id, id}, by, c, span[0], span[1])
					if err != nil {
						t.Fatal(err)
					}
					for p, rows := range map[int64][]ledger.Row{id: rows, group: whole} {
						want := brute(rows, by, c.Zone(), span[0], span[1])
						have := got[p]
						if have == nil {
							have = ledger.NoCells(by)
						}
						for k, w := range want {
							g := have[k]
							// The square root, as a variance of large numbers has fewer digits.
							if got[p] == nil {
								g.Completeness = w.Completeness // nothing is kept: nothing is said
							}
							if g.Quarters != w.Quarters || !near(g.Mean, w.Mean) || !near(math.Sqrt(g.Variance), math.Sqrt(w.Variance)) && math.Abs(g.Variance-w.Variance) > 1e-6*w.Variance+1e-3 ||
								g.Min != w.Min && !math.IsNaN(w.Min) || g.Max != w.Max && !math.IsNaN(w.Max) || !near(g.Completeness, w.Completeness) || !near(g.Estimated, w.Estimated) {
								t.Fatalf("%s, cells %d, point %d, cell %d: %+v, not %+v", x.zone, by, p, k, g, w)
							}
						}
					}
				}
			}
		}
	})
}

// TestStatisticsAnswers asks for cells as a page does.
func TestStatisticsAnswers(t *testing.T) {
	everywhere(t, func(t *testing.T, s *ledger.Store) {
		c := load(t, "Europe/Berlin")
		now := time.Date(2026, 3, 30, 0, 7, 0, 0, c.Zone())
		day := time.Date(2026, 3, 28, 0, 0, 0, 0, c.Zone()) // on the next the clock is put forward
		var demands []float64
		for at := day; at.Before(now.Add(-22 * time.Minute)); at = at.Add(15 * time.Minute) {
			demands = append(demands, float64(100*at.In(c.Zone()).Hour()))
		}
		keep(t, s, ledger.SensorPoint("a"), day, demands)
		write(t, s, ledger.SensorPoint("halls"), anyRows(rand.New(rand.NewPCG(1, 1)), day, day.Add(6*time.Hour), 10, 1))
		a, hall := ledger.SensorPoint("a"), ledger.GroupPoint("place", "hall")
		ask := serve(t, s, trees{c, []tree.Member{{Point: a, By: a, Sign: 1}, {Point: hall, By: ledger.SensorPoint("halls"), Sign: -1}, {Point: ledger.SensorPoint("gone"), By: ledger.SensorPoint("gone"), Sign: 1}}}, now)
		var b StatisticsBody
		ask("sensors/a/statistics?from=2026-03-28&to=2026-03-30&by=hourOfDay", &b)
		settled := record.MillisOf(day) + record.Millis(len(demands))*quarter
		if b.Zone != "Europe/Berlin" || b.Unit != "W" || b.By != "hourOfDay" || b.Until != int64(settled) || len(b.Mean) != 24 || len(b.Count) != 24 {
			t.Fatalf("got %+v", b)
		}
		if b.Count[2] != 4 || b.Count[3] != 8 || !near(b.Mean[3], 300) || b.Variance[3] > 1e-9 || b.Completeness[2] != 1 || b.Estimated[5] != 0 || b.Count[23] != 7 || b.Completeness[23] != 1 {
			t.Errorf("got %+v", b)
		}
		if got := ask("groups/plant/statistics?by=dayOfWeek", nil); !strings.Contains(got, `"count":[0,0,0,0,0,0,0],"mean":[null,null,null,null,null,null,null]`) {
			t.Errorf("of nothing: %s", got)
		}
		var m MembersBody
		ask("groups/plant/members/statistics?from=now-3d&by=hourOfDay&limit=2", &m)
		if len(m.Members) != 2 || m.Left != 1 || m.Members[0].Name != "Press" || m.Members[0].Kind != "sensor" || !near(m.Members[0].Mean[3], 300) ||
			m.Members[1].Kind != "group" || m.Members[1].ID != "hall" || m.Members[1].Name != "Hall" || m.Members[1].Meter != "halls" || m.Members[1].Sign != -1 || m.Members[1].Count[2] == 0 || m.Members[1].Count[9] != 0 {
			t.Errorf("got %+v", m)
		}
		for path, want := range map[string]string{
			"sensors/none/statistics":                         `404 `,
			"groups/none/statistics":                          `404 `,
			"sensors/a/statistics?from=1990-01-01":            "more than 20 years",
			"sensors/a/statistics?from=x":                     "from: ",
			"sensors/a/statistics?to=x":                       "to: ",
			"sensors/a/statistics?from=now&to=now-1d":         "is not before to",
			"sensors/a/statistics?by=month":                   "422 ",
			"groups/plant/members/statistics?limit=501":       "422 ",
			"groups/plant/members/statistics?from=2016-01-01": "200 ",
		} {
			if got := ask(path, nil); !strings.Contains(got, want) {
				t.Errorf("%s answers %s", path, got)
			}
		}
	})
}

// BenchmarkStatistics puts a year into 168 cells.
func BenchmarkStatistics(b *testing.B) {
	s, err := ledger.Open(b.Context(), ledger.Options{Dir: b.TempDir(), NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	var ids []int64
	for _, name := range []record.SensorID{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		ids = append(ids, write(b, s, ledger.SensorPoint(name), anyRows(random, from, from.AddDate(1, 0, 0), 1000, 1)))
	}
	c, err := window.Load("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("rows", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Rows(b.Context(), nil, ledger.Quarters, ids[0], record.MillisOf(from), record.MillisOf(from.AddDate(1, 0, 0))); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, x := range []struct {
		name   string
		points []int64
		by     ledger.Cells
	}{{"one-sensor/hourOfWeek", ids[:1], ledger.HourOfWeek}, {"ten-members/hourOfDay", ids, ledger.HourOfDay}} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Statistics(b.Context(), x.points, x.by, c, record.MillisOf(from), record.MillisOf(from.AddDate(1, 0, 0))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
