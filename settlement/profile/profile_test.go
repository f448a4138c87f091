package profile

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func open(t *testing.T, dir, url string) *ledger.Store {
	t.Helper()
	s, err := ledger.Open(t.Context(), ledger.Options{Dir: dir, URL: url, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func sqlite(t *testing.T) *ledger.Store {
	return open(t, filepath.Join(t.TempDir(), "data"), "")
}

// keep stores quarters with these demands from a time on; NaN is not known.
func keep(t *testing.T, s *ledger.Store, p ledger.Point, from time.Time, demands []float64) {
	t.Helper()
	ids, err := s.IDs(t.Context(), []ledger.Point{p}, true)
	if err != nil {
		t.Fatal(err)
	}
	var changes []ledger.Change
	at := record.MillisOf(from)
	for i, v := range demands {
		start := at + record.Millis(i)*quarter
		r := ledger.Row{Start: start, End: start + quarter, Total: 1, Value: energy.Value{Average: v, Min: v, Max: v}}
		if !math.IsNaN(v) {
			a, err := energy.Of(v / quarters)
			if err != nil {
				t.Fatal(err)
			}
			r.Known, r.Amount, r.Covered, r.Count, r.Members, r.Quality = true, a, int64(quarter), 15, 1, energy.Measured
		}
		changes = append(changes, ledger.Change{Point: ids[0], Row: r})
	}
	if err := s.Write(t.Context(), ledger.Quarters, changes); err != nil {
		t.Fatal(err)
	}
	if err := s.SetProgress(t.Context(), ledger.Frontier, at+record.Millis(len(demands))*quarter); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, zone string) window.Calendar {
	t.Helper()
	c, err := window.Load(zone)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// plant draws by the hour of the week of a clock, with noise: 20 kW at night and
// on Sunday, 100 kW in two shifts.
func plant(random *rand.Rand, at time.Time) float64 {
	v := 20_000.
	if h := at.Hour(); at.Weekday() != time.Sunday && h >= 6 && h < 22 {
		v = 100_000
	}
	return v * (1 + 0.03*random.NormFloat64())
}

// TestPlant watches a plant over a change of the clock, with a week of holidays
// before, and finds what is wrong with it.
func TestPlant(t *testing.T) {
	for name, store := range map[string]func(t *testing.T) *ledger.Store{
		"sqlite":   sqlite,
		"postgres": func(t *testing.T) *ledger.Store { return open(t, "", pgtest.Database(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			s, c, p := store(t), load(t, "Europe/Berlin"), ledger.GroupPoint("place", "plant")
			begin := time.Date(2026, 2, 9, 0, 0, 0, 0, c.Zone()) // a Monday
			random := rand.New(rand.NewPCG(1, 2))
			day := func(n, h int) time.Time { return time.Date(2026, 2, 9+n, h, 0, 0, 0, c.Zone()) }
			var demands []float64
			for at := begin; at.Before(day(56, 5)); at = at.Add(15 * time.Minute) {
				v := plant(random, at)
				switch {
				case !at.Before(day(21, 0)) && at.Before(day(28, 0)): // holidays
					v = 20_000
				case !at.Before(day(50, 12)) && at.Before(day(50, 13)): // silent
					v = math.NaN()
				case !at.Before(day(53, 2)): // compressed air leaks, day and night
					v += 15_000
				}
				demands = append(demands, v)
			}
			keep(t, s, p, begin, demands)
			ask := func(from, to time.Time, weeks int) []Deviation {
				all, err := Span(t.Context(), s, p, c, record.MillisOf(from), record.MillisOf(to), weeks)
				if err != nil {
					t.Fatal(err)
				}
				return all
			}
			// Less than four weeks are too few, also where it is said to look further.
			for _, d := range ask(day(21, 0), day(22, 0), 8) {
				if !math.IsNaN(d.Median) || d.Weeks != 3 || !math.IsNaN(d.Score(d.Demand)) {
					t.Fatalf("on three weeks: %+v", d)
				}
			}
			// What is usual follows the clock, over its change on March 29.
			quiet, loudest := 0, 0.
			for _, d := range ask(day(45, 0), day(53, 0), 6) {
				at := d.From.Time().In(c.Zone())
				want := 20_000.
				if h := at.Hour(); at.Weekday() != time.Sunday && h >= 6 && h < 22 {
					want = 100_000
				}
				if at.Hour() == 2 && d.From.Time().Add(-time.Hour).In(c.Zone()).Hour() == 2 {
					continue
				}
				if math.Abs(d.Median-want) > 0.03*want || d.Spread < leastSpread*d.Median {
					t.Fatalf("at %s: %+v", at, d)
				}
				if math.IsNaN(d.Demand) {
					quiet++
				} else {
					loudest = max(loudest, math.Abs(d.Score(d.Demand)))
				}
			}
			if quiet != 4 || loudest > 5 {
				t.Errorf("%d quarters are not known, the largest score is %.1f", quiet, loudest)
			}
			// The leak is seen at night, where it is large beside what is usual.
			for _, d := range ask(day(55, 0), day(55, 5), 6) {
				if d.Score(d.Demand) < 6 {
					t.Errorf("the leak has %.1f: %+v", d.Score(d.Demand), d)
				}
			}
			// One is the same, read for itself.
			all := ask(day(56, 4), day(56, 5), 6)
			if one := ask(all[3].From.Time(), all[3].To.Time(), 6); len(one) != 1 || one[0] != all[3] || all[3].Score(all[3].Demand) < 6 {
				t.Errorf("the newest is %+v, not %+v", one, all[3])
			}
			if d, err := Span(t.Context(), s, ledger.SensorPoint("none"), c, all[0].From, all[0].To, 6); err != nil || len(d) != 1 || !math.IsNaN(d[0].Demand) || !math.IsNaN(d[0].Median) {
				t.Errorf("of what is not known: %+v, %v", d, err)
			}
		})
	}
}

// TestRobust has the median and the spread unmoved by what is odd.
func TestRobust(t *testing.T) {
	var rows []ledger.Row
	add := func(at record.Millis, v float64, covered float64) {
		a, err := energy.Of(v / quarters)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, ledger.Row{Start: at, End: at + quarter, Total: 1, Value: energy.Value{Known: true, Amount: a, Covered: int64(covered * float64(quarter))}})
	}
	const week = 7 * 96 * quarter
	at := 20 * week
	before := hours(window.In(time.UTC), at, 8)
	if len(before) != 8 || before[7].From != at-8*week {
		t.Fatalf("the hours are %v", before)
	}
	for i, h := range before {
		for k := range record.Millis(4) {
			v := 100 + float64(k)
			if i == 2 || i == 5 {
				v = 1e6 // two odd weeks of eight
			}
			add(h.From+k*quarter, v, 1)
		}
	}
	add(before[0].From-quarter, 5, 1)
	u := usual(before, index(rows))
	if u.Weeks != 8 || u.Median != 102 || math.Abs(u.Spread-max(1.4826*1.5, 5.1)) > 1e-9 || math.Abs(u.Score(132.6)-6) > 1e-9 || u.Score(102) != 0 {
		t.Errorf("usual is %+v", u)
	}
	// What was measured too little does not count.
	rows = nil
	for _, h := range before {
		add(h.From, 100, 0.79)
	}
	if u = usual(before, index(rows)); u.Weeks != 0 || !math.IsNaN(u.Median) {
		t.Errorf("usual is %+v", u)
	}
	// What was never other than 0.
	rows = nil
	for _, h := range before {
		add(h.From, 0, 1)
	}
	if u = usual(before, index(rows)); u.Score(0) != 0 || !math.IsInf(u.Score(1), 1) || !math.IsInf(u.Score(-1), -1) {
		t.Errorf("usual is %+v", u)
	}
}

// TestClock leaves out the hour that a clock skipped.
func TestClock(t *testing.T) {
	c := load(t, "Europe/Berlin")
	at := time.Date(2026, 4, 12, 2, 30, 0, 0, c.Zone()) // a Sunday; on March 29 there was no such hour
	got := hours(c, record.MillisOf(at), 4)
	var days []int
	for _, h := range got {
		b := h.From.Time().In(c.Zone())
		if b.Weekday() != time.Sunday || b.Hour() != 2 || h.To-h.From != 4*quarter {
			t.Errorf("hour %s", b)
		}
		days = append(days, b.YearDay()-at.YearDay())
	}
	if !slices.Equal(days, []int{-7, -21, -28}) {
		t.Errorf("days %v", days)
	}
}

// TestSteelWorks watches a year of real load. It says how often the default
// limit is passed, and that a fault is found in the night.
func TestSteelWorks(t *testing.T) {
	f, err := os.Open("../../demo/data/steel_15min.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	c, p := load(t, "Asia/Seoul"), ledger.SensorPoint("works")
	begin := time.Date(2018, 1, 1, 0, 0, 0, 0, c.Zone())
	fault := begin.AddDate(0, 0, 200) // 15 kW more for a day and a night, of 4 kW at night
	var demands []float64
	for i, row := range rows[1:] {
		kWh, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		v := kWh * 4000
		if at := begin.Add(time.Duration(i) * 15 * time.Minute); !at.Before(fault) && at.Before(fault.AddDate(0, 0, 1)) {
			v += 15_000
		}
		demands = append(demands, v)
	}
	s := sqlite(t)
	keep(t, s, p, begin, demands)
	known, odd, run, longest, night, found := 0, 0, 0, 0, 0, 0
	for month := 3; month <= 12; month++ {
		from := time.Date(2018, time.Month(month), 1, 0, 0, 0, 0, c.Zone())
		all, err := Span(t.Context(), s, p, c, record.MillisOf(from), record.MillisOf(from.AddDate(0, 1, 0)), 8)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			at := d.From.Time().In(c.Zone())
			if math.IsNaN(d.Median) || d.Weeks != 8 {
				t.Fatalf("at %s: %+v", at, d)
			}
			far := math.Abs(d.Score(d.Demand)) > 6
			if !at.Before(fault) && at.Before(fault.AddDate(0, 0, 1)) {
				if at.Hour() < 6 {
					night++
					if far {
						found++
					}
				}
				continue
			}
			known++
			if run++; !far {
				run = 0
			} else {
				odd++
			}
			longest = max(longest, run)
		}
	}
	t.Logf("%d of %d quarters (%.2f %%) are off by more than 6 spreads, %d in a row at most; of the fault %d of %d at night", odd, known, 100*float64(odd)/float64(known), longest, found, night)
	if float64(odd) > 0.05*float64(known) {
		t.Errorf("%d of %d quarters are said to be unusual", odd, known)
	}
	if found < night*9/10 {
		t.Errorf("of the fault %d of %d quarters at night are found", found, night)
	}
}
