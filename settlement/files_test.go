package settlement

import (
	"compress/gzip"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// rowsOfFile reads a file of readings, without its head.
func rowsOfFile(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// column makes records of a column whose rows follow one another: the mean
// power of each, or an energy divided by the hours it took.
func columnOfFile(t *testing.T, rows [][]string, column int, id record.SensorID, begin time.Time, step time.Duration, watts func(float64) float64) []record.Record {
	t.Helper()
	var all []record.Record
	for i, row := range rows {
		if column >= len(row) || row[column] == "" {
			continue
		}
		v, err := strconv.ParseFloat(row[column], 64)
		if err != nil {
			t.Fatalf("row %d: %v", i+1, err)
		}
		all = append(all, record.Record{Sensor: id, Time: record.MillisOf(begin.Add(time.Duration(i) * step)), Value: watts(v)})
	}
	return all
}

// deliver sends records shuffled, so that most of them are late when what came
// first, and some of it twice, has been settled; of the others some come twice,
// too. A whole year is settled with each settling: there are no more than
// it takes.
func (w *world) deliver(random *rand.Rand, all []record.Record) {
	w.t.Helper()
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	n := 1 + random.IntN(len(all)-1)
	w.send(all[:n]...)
	w.send(all[random.IntN(n):n]...)
	w.settle()
	w.send(all[n:]...)
	w.send(all[random.IntN(len(all)):]...)
	w.settle()
}

// total adds up the windows of a point over a span.
func (w *world) total(p ledger.Point, size window.Size, from, to record.Millis) (sum energy.Amount) {
	w.t.Helper()
	rows, _, err := w.service.Windows(w.t.Context(), p, size, from, to)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		if r.Known {
			sum += r.Amount
		}
	}
	return sum
}

func meters(zone string, interval time.Duration, ids ...record.SensorID) model.Document {
	d := model.Document{
		Sites:       []model.Site{{ID: "site", Zone: zone}},
		Hierarchies: []model.Hierarchy{{ID: "site", Root: "all", Site: "site"}},
	}
	g := model.Group{ID: "all"}
	hold := model.Duration(interval)
	for _, id := range ids {
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "site", Quantity: record.ActivePower, Interval: hold, MaxAge: &hold})
		g.Members = append(g.Members, model.Member{Sensor: id})
	}
	d.Groups = []model.Group{g}
	return d
}

// same compares the totals of all sizes of windows with one that is known.
func (w *world) totals(p ledger.Point, from, to record.Millis, want energy.Amount) {
	w.t.Helper()
	for _, size := range []window.Size{window.Quarter, window.HalfHour, window.Hour, window.Day, window.Week, window.Month, window.Year} {
		if got := w.total(p, size, from, to); got != want {
			w.t.Errorf("%v: the windows of %v add up to %v, not %v", p, size, got, want)
		}
	}
}

// TestSteelWorks settles a year of a steel works to the sum of its file:
// 959,637 kWh as everybody rounds it.
func TestSteelWorks(t *testing.T) {
	rows := rowsOfFile(t, "../demo/data/steel_15min.csv.gz")
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2018, 1, 1, 0, 0, 0, 0, zone)
	all := columnOfFile(t, rows, 1, "works", begin, 15*time.Minute, func(kWh float64) float64 { return kWh * 1000 * 4 })
	var want energy.Amount
	for _, row := range rows { // in hundredths of a kW·h, as they are printed
		v, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		a, err := energy.Of(float64(int64(v*100+.5)) * 10)
		if err != nil {
			t.Fatal(err)
		}
		want += a
	}
	if kWh := want.Float64() / 1000; int64(kWh+.5) != 959_637 {
		t.Fatalf("the file adds up to %v kW·h", kWh)
	}
	end := begin.AddDate(1, 0, 0)
	w := newWorld(t, sqlite, end.Add(time.Hour))
	w.put(meters("Asia/Seoul", 15*time.Minute, "works"))
	w.deliver(rand.New(rand.NewPCG(1, 2)), all)
	for _, p := range []ledger.Point{ledger.SensorPoint("works"), ledger.GroupPoint("site", "all")} {
		w.totals(p, record.MillisOf(begin), record.MillisOf(end), want)
	}
}

// TestHomeWithPanels settles a year of a home that consumes and generates, by
// half hours, in a zone whose clock changes: import and export netted by half
// hour are those that are known of it.
func TestHomeWithPanels(t *testing.T) {
	rows := rowsOfFile(t, "../internal/replay/data/ausgrid12_30min.csv.gz")
	// The clock of the file does not change.
	zone := time.FixedZone("AEST", 10*3600)
	begin := time.Date(2011, 7, 1, 0, 0, 0, 0, zone)
	watts := func(wattHours float64) float64 { return wattHours * 2 }
	all := append(columnOfFile(t, rows, 1, "consumption", begin, 30*time.Minute, watts), columnOfFile(t, rows, 2, "generation", begin, 30*time.Minute, watts)...)
	end := begin.AddDate(1, 0, 0)
	w := newWorld(t, sqlite, end.Add(time.Hour))
	d := meters("Australia/Sydney", 30*time.Minute, "consumption", "generation")
	d.Groups[0].Members[1].Sign = -1
	w.put(d)
	w.deliver(rand.New(rand.NewPCG(3, 4)), all)
	from, to := record.MillisOf(begin), record.MillisOf(end)
	exactly := func(kWh float64) energy.Amount {
		a, err := energy.Of(kWh * 1000)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for p, want := range map[ledger.Point]float64{
		ledger.SensorPoint("consumption"): 11_876.738, ledger.SensorPoint("generation"): 2_592.808, ledger.GroupPoint("site", "all"): 9_283.930,
	} {
		if got := w.total(p, window.Quarter, from, to); got != exactly(want) {
			t.Errorf("%v: %v W·h, not %v kW·h", p, got, want)
		}
	}
	net, _, err := w.service.Windows(t.Context(), ledger.GroupPoint("site", "all"), window.HalfHour, from, to)
	if err != nil {
		t.Fatal(err)
	}
	var imported, exported energy.Amount
	for _, r := range net {
		imported += max(r.Amount, 0)
		exported += max(-r.Amount, 0)
	}
	if imported != exactly(9_467.438) || exported != exactly(183.508) {
		t.Errorf("imported %v W·h, exported %v W·h; they are 9467438 and 183508", imported, exported)
	}
}

// TestHousehold settles two weeks of a house, minute by minute, to exactly the
// sum of the file: each quarter of an hour is the sum of its minutes, rounded
// to the millionth of a watt hour that windows are kept in.
func TestHousehold(t *testing.T) {
	rows := rowsOfFile(t, "../demo/data/household_1min.csv.gz")
	begin := time.Date(2006, 12, 16, 16, 24, 0, 0, time.UTC) // 17:24 in Paris
	all := columnOfFile(t, rows, 1, "house", begin, time.Minute, func(kW float64) float64 { return kW * 1000 })
	end := begin.Add(time.Duration(len(rows)) * time.Minute)
	w := newWorld(t, sqlite, end.Add(time.Hour))
	w.put(meters("Europe/Paris", time.Minute, "house"))
	minutes := make(map[int32]int64) // of each quarter, in W·min
	for _, r := range all {
		minutes[window.QuarterOf(r.Time)] += int64(r.Value + .5)
	}
	var want energy.Amount
	for _, n := range minutes {
		want += energy.Amount((n*energy.PerUnit + 30) / 60)
	}
	w.deliver(rand.New(rand.NewPCG(5, 6)), all)
	for _, p := range []ledger.Point{ledger.SensorPoint("house"), ledger.GroupPoint("site", "all")} {
		w.totals(p, record.MillisOf(begin), record.MillisOf(end), want)
	}
}
