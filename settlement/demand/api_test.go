package demand

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

func near(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if math.IsNaN(want) {
		if got != nil {
			t.Errorf("%s is %v, not null", what, *got)
		}
		return
	}
	if got == nil || math.Abs(*got-want) > 1e-6*max(1, math.Abs(want)) {
		t.Errorf("%s is %v, not %v", what, got, want)
	}
}

// TestPlant settles a day of a plant and asks who made its peak.
func TestPlant(t *testing.T) {
	everywhere(t, func(t *testing.T, store *ledger.Store) {
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		day := time.Date(2026, 3, 28, 22, 0, 0, 0, zone) // the clock changes in the night
		w := newWorld(t, store, document(t), day.Add(9*time.Hour))
		peak := day.Add(5*time.Hour + 15*time.Minute)
		for at := day; at.Before(day.Add(8 * time.Hour)); at = at.Add(time.Minute) {
			in := func(from, to time.Duration) bool { return !at.Before(day.Add(from)) && at.Before(day.Add(to)) }
			for id, v := range map[record.SensorID]float64{"a": 1000, "b": 500, "halls": 700, "panels": 200, "main": 1600} {
				switch {
				case !at.Before(peak) && at.Before(peak.Add(15*time.Minute)):
					v *= 3
				case in(2*time.Hour, 3*time.Hour) && id == "panels":
					v = 5000
				case in(7*time.Hour, 8*time.Hour) && id == "a":
					continue // silent
				}
				w.memory.add(ledger.SensorPoint(id), record.MillisOf(at), v)
			}
		}
		w.settle()
		var months MonthsBody
		w.get("groups/plant/demand?from=2026-03-01&to=2026-04-01&contributors=2", &months)
		if months.Zone != "Europe/Berlin" || months.Unit != "W" || months.AmountUnit != "Wh" || len(months.Months) != 1 {
			t.Fatalf("got %+v", months)
		}
		m := months.Months[0]
		if m.Month != "2026-03" || m.Whole || len(m.Peaks) != 3 || m.Peaks[0].Start != peak.UnixMilli() || m.Peaks[0].Completeness != 1 || m.Peaks[0].Quality.String() != "measured" {
			t.Fatalf("got %+v", m)
		}
		near(t, "the highest", m.Demand, 3*(1000+700-200))
		near(t, "its energy", &m.Peaks[0].Amount, 3*1500/4.)
		near(t, "the second", &m.Peaks[1].Demand, 1500)
		near(t, "of twelve months", m.Rolling.Demand, 4500)
		if m.Peaks[1].Start != day.UnixMilli() || m.Peaks[2].Start != day.Add(15*time.Minute).UnixMilli() || m.Peaks[1].Contributors != nil {
			t.Errorf("the next are %+v", m.Peaks[1:])
		}
		// The members with their signs; of the hall its meter stands for it.
		c := m.Peaks[0].Contributors
		if len(c.Members) != 2 || c.Members[0].Sensor != "a" || c.Members[1].Group != "hall" || c.Members[1].Meter != "halls" || c.Total != 3 || c.Unknown != 0 || c.Meter != "main" {
			t.Fatalf("got %+v", c)
		}
		near(t, "a", c.Members[0].Demand, 3000)
		near(t, "share of a", c.Members[0].Share, 3000/4500.)
		near(t, "hall", c.Members[1].Demand, 2100)
		near(t, "others", c.Others, -600)
		near(t, "meter", c.Metered, 4800)
		near(t, "unaccounted", c.Unaccounted, 300)
		// What is silent is not 0, and is last.
		var at PeakBody
		w.get("groups/plant/contributors?at="+day.Add(7*time.Hour+20*time.Minute).Format("2006-01-02T15:04"), &at)
		if c = at.Contributors; len(c.Members) != 3 || c.Members[2].Sensor != "a" || c.Members[2].Demand != nil || c.Unknown != 1 || at.Completeness >= 1 {
			t.Errorf("got %+v", c)
		}
		// Fed in: the panels are first.
		w.get("groups/plant/demand?from=2026-03-01&to=2026-04-01&direction=export", &months)
		m = months.Months[0]
		near(t, "the highest fed in", m.Demand, 5000-1700)
		if len(m.Peaks) != 3 || m.Peaks[0].Start != day.Add(2*time.Hour).UnixMilli() || m.Peaks[0].Contributors.Members[0].Group != "sun" || *m.Peaks[0].Contributors.Members[0].Demand != 5000 {
			t.Errorf("got %+v", m.Peaks)
		}
		// How long it lasts.
		var d DurationBody
		w.get("groups/plant/duration?from=2026-03-28T22:00&to=2026-03-29T07:00&direction=net&points=1001&level=1499,1500,-3300", &d)
		if d.Quarters != 32 || d.Known != 32 || len(d.Demand) != 32 || d.Demand[0] != 4500 || d.Demand[31] != -3300 || d.Highest.Start != peak.UnixMilli() {
			t.Errorf("got %+v", d)
		}
		if len(d.Above) != 3 || d.Above[0].Hours != 0.25*24 || d.Above[1].Hours != 0.25 || d.Above[2].Hours != 7 {
			t.Errorf("above: %+v", d.Above)
		}
		if d.Share[31] != 1 || d.Hours[31] != 8 {
			t.Errorf("the curve ends at %v, %v", d.Share[31], d.Hours[31])
		}
		near(t, "load factor", d.LoadFactor, *d.Average/4500)
		near(t, "full-load hours", d.FullLoadHours, *d.Amount/4500)
		// Nothing is known before.
		w.get("groups/plant/demand?from=2026-01-01&to=2026-02-01", &months)
		if m = months.Months[0]; m.Demand != nil || m.Amount != nil || m.Completeness != 0 || m.Rolling.Demand != nil || len(m.Peaks) != 0 || !m.Whole {
			t.Errorf("got %+v", m)
		}
		w.get("sensors/counter/duration", &d)
		if d.Known != 0 || d.Average != nil || d.LoadFactor != nil || len(d.Share) != 0 || d.Unit != "W" || d.AmountUnit != "Wh" {
			t.Errorf("got %+v", d)
		}
		for path, want := range map[string]string{
			"sensors/none/demand":                                       "there is no sensor",
			"sensors/volts/demand":                                      "does not add up over time",
			"groups/none/running":                                       "there is no group",
			"groups/plant/demand?from=2000-01-01&to=2020-01-01":         "more than 60 months",
			"groups/plant/demand?from=x":                                "from: ",
			"groups/plant/demand?from=2026-01-02&to=2026-01-01":         "is not before",
			"groups/plant/demand?peaks=11":                              "expected number <= 10",
			"groups/plant/duration?points=2000":                         "expected number <= 1001",
			"groups/plant/duration?from=2000-01-01&to=2020-01-01":       "more than 11 years",
			"groups/plant/duration?level=1e30":                          "too large",
			"groups/plant/contributors":                                 "required query parameter",
			"groups/plant/contributors?at=2020-01-01":                   "nothing is settled",
			"groups/plant/running?limit=much":                           "invalid",
			"sensors/a/duration?direction=up":                           "expected value to be one of",
			"groups/plant/duration?from=2026-01-01T00:00:00Z&to=1e9999": "to: ",
		} {
			if code, body := w.ask(path); code < 400 || code >= 500 || !strings.Contains(string(body), want) {
				t.Errorf("%s answers %d %s, without %q", path, code, body, want)
			}
		}
	})
}

// TestSteelWorks compares a year of a steel works with its file.
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
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2018, 1, 1, 0, 0, 0, 0, zone)
	hold := model.Duration(15 * time.Minute)
	w := newWorld(t, sqlite(t), model.Document{
		Sites:       []model.Site{{ID: "site", Zone: "Asia/Seoul"}},
		Sensors:     []model.Sensor{{ID: "works", Site: "site", Quantity: record.ActivePower, Interval: hold, MaxAge: &hold}},
		Groups:      []model.Group{{ID: "all", Members: []model.Member{{Sensor: "works"}}}},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "all", Site: "site"}},
	}, begin.AddDate(1, 0, 0).Add(time.Hour))
	var all []float64
	top := make([]float64, 12)
	when := make([]int64, 12)
	for i, row := range rows[1:] {
		kWh, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		at, v := begin.Add(time.Duration(i)*15*time.Minute), math.Round(kWh*100)*40
		w.memory.add(ledger.SensorPoint("works"), record.MillisOf(at), v)
		all = append(all, v)
		if m := at.Month() - 1; v > top[m] {
			top[m], when[m] = v, at.UnixMilli()
		}
	}
	w.settle()
	var months MonthsBody
	w.get("groups/all/demand?from=2018-01-01&to=2019-01-01", &months)
	year := 0.
	for i, m := range months.Months {
		year = max(year, top[i])
		if len(months.Months) != 12 || !m.Whole || m.Demand == nil || *m.Demand != top[i] || m.Peaks[0].Start != when[i] || m.Completeness != 1 || *m.Rolling.Demand != year {
			t.Errorf("month %d: %+v, not %v at %d", i, m, top[i], when[i])
		}
	}
	slices.SortFunc(all, func(a, b float64) int { return int(math.Copysign(1, b-a)) })
	var d DurationBody
	w.get("sensors/works/duration?from=2018-01-01&to=2019-01-01&points=11&level=300000", &d)
	if d.Known != len(all) || *d.Amount < 959_636_500 || *d.Amount > 959_637_500 || d.Demand[0] != all[0] || d.Demand[10] != all[len(all)-1] || d.Demand[5] != all[len(all)/2-1] && d.Demand[5] != all[len(all)/2] {
		t.Errorf("got %+v", d)
	}
	n := 0
	for _, v := range all {
		if v > 300_000 {
			n++
		}
	}
	if d.Above[0].Hours != float64(n)/4 {
		t.Errorf("above 300 kW for %v h, not %v", d.Above[0].Hours, float64(n)/4)
	}
	t.Logf("highest %v W, load factor %.4f, full-load hours %.1f, above 300 kW %v h", d.Demand[0], *d.LoadFactor, *d.FullLoadHours, d.Above[0].Hours)
}

// TestRunning follows a quarter of an hour while it runs.
func TestRunning(t *testing.T) {
	begin := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	w := newWorld(t, sqlite(t), document(t), begin)
	plant, a, counter := ledger.GroupPoint("place", "plant"), ledger.SensorPoint("a"), ledger.SensorPoint("counter")
	var b RunningBody
	w.get("groups/plant/running?limit=100", &b)
	if b.Forecast != nil || b.Amount != nil || b.Mean != nil || b.Exceeds != nil || b.Last != nil || *b.Left != 100 || b.Known != 0 {
		t.Errorf("of nothing: %+v", b)
	}
	for at := begin.Add(-5 * time.Minute); at.Before(begin.Add(6 * time.Minute)); at = at.Add(time.Second) {
		v := 80.
		if !at.Before(begin.Add(5 * time.Minute)) {
			v = 140 // an oven is switched on
		}
		w.memory.add(plant, record.MillisOf(at), v)
	}
	w.now = begin.Add(5*time.Minute + 59*time.Second)
	w.get("groups/plant/running?limit=100", &b)
	// 5 min of 80, 59 s of 140, and the rest of it.
	near(t, "amount", b.Amount, (80*300+140*59)/3600.)
	near(t, "mean", b.Mean, (80*300+140*59)/359.)
	near(t, "left", b.Left, (100*900-80*300-140*59)/541.)
	near(t, "left energy", b.LeftAmount, (100*900-80*300-140*59)/3600.)
	if b.Known != 1 || *b.Value != 140 || *b.Forecast < 120 || *b.Forecast > 130 || !*b.Exceeds || *b.Last != w.now.UnixMilli() {
		t.Errorf("got %+v", b)
	}
	// Ticks come some seconds after their time: that is no silence.
	w.now = begin.Add(6*time.Minute + 8*time.Second)
	b = RunningBody{}
	w.get("groups/plant/running?limit=100", &b)
	near(t, "amount", b.Amount, (80*300+140*68)/3600.)
	if b.Known != 1 || b.Value == nil || *b.Value != 140 || b.Forecast == nil || *b.Last != begin.Add(6*time.Minute-time.Second).UnixMilli() {
		t.Errorf("with late ticks: %+v", b)
	}
	// They stay away: soon there is no forecast, and what is known stays.
	w.now = begin.Add(8 * time.Minute)
	b = RunningBody{}
	w.get("groups/plant/running?limit=100", &b)
	near(t, "amount", b.Amount, (80*300+140*62)/3600.)
	if b.Forecast != nil || b.Value != nil || b.Exceeds != nil || b.Left == nil || b.Known < 0.74 || b.Known > 0.76 {
		t.Errorf("silent: %+v", b)
	}
	// In the next quarter nothing is known.
	w.now = begin.Add(15 * time.Minute)
	b = RunningBody{}
	w.get("groups/plant/running?limit=100", &b)
	if b.Start != w.now.UnixMilli() || b.Amount != nil || b.Mean != nil || b.Forecast != nil || *b.Left != 100 {
		t.Errorf("in the next quarter: %+v", b)
	}
	// A sensor that feeds in.
	w.memory.add(a, record.MillisOf(begin.Add(-time.Minute)), -60)
	w.memory.add(a, record.MillisOf(begin.Add(time.Minute)), -120)
	w.now = begin.Add(2 * time.Minute)
	b = RunningBody{}
	w.get("sensors/a/running?direction=export", &b)
	near(t, "mean fed in", b.Mean, 90)
	near(t, "forecast fed in", b.Forecast, (90*120+120*780)/900.)
	// A counter: what it rises by per hour.
	w.now = begin.Add(7 * time.Minute)
	for i, v := range []float64{1000, 1010, 1030} {
		w.memory.add(counter, record.MillisOf(begin.Add(time.Duration(5*i-5)*time.Minute)), v)
	}
	b = RunningBody{}
	w.get("sensors/counter/running?limit=300", &b)
	near(t, "power of the counter", b.Value, 240)
	near(t, "its energy", b.Amount, 20+240*2/60.)
	near(t, "its forecast", b.Forecast, 240)
	w.memory.add(counter, record.MillisOf(begin.Add(10*time.Minute)), 5)
	w.now = begin.Add(11 * time.Minute)
	b = RunningBody{}
	w.get("sensors/counter/running", &b)
	if b.Value != nil || b.Forecast != nil || *b.Amount != 20 {
		t.Errorf("after a reset: %+v", b)
	}
}
