package settlement

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// halfDays settles 40 days of two sensors from the first of February on: b has
// 1 kW all the time, a in the mornings.
func halfDays(t *testing.T, open func(*testing.T) *ledger.Store, virtual ...model.Sensor) (w *world, begin time.Time) {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	begin = time.Date(2021, 2, 1, 0, 0, 0, 0, zone)
	end := begin.AddDate(0, 0, 40)
	w = newWorld(t, open, end.Add(9*time.Hour+2*time.Minute)) // up to 9 o'clock
	d := meters("Europe/Berlin", 15*time.Minute, "a", "b")
	for i := range virtual {
		virtual[i].Site = "site"
	}
	d.Sensors = append(d.Sensors, virtual...)
	w.put(d)
	var all []record.Record
	for at := begin; at.Before(end.Add(9 * time.Hour)); at = at.Add(15 * time.Minute) {
		v := 0.
		if at.In(zone).Hour() < 12 {
			v = 1000
		}
		all = append(all, record.Record{Sensor: "a", Time: record.MillisOf(at), Value: v}, record.Record{Sensor: "b", Time: record.MillisOf(at), Value: 1000})
	}
	w.send(all...)
	w.settle()
	return w, begin
}

func (w *world) windows(id record.SensorID, size window.Size, from, to time.Time) []ledger.Row {
	w.t.Helper()
	rows, _, err := w.service.Windows(w.t.Context(), ledger.SensorPoint(id), size, record.MillisOf(from), record.MillisOf(to))
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

// TestARatioOfSums holds that no window of a ratio is a mean of shorter ones.
func TestARatioOfSums(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) {
			w, begin := halfDays(t, open,
				model.Sensor{ID: "share", Quantity: record.Ratio, Formula: `sensor("a") / group("all")`},
				model.Sensor{ID: "other", Quantity: record.Ratio, Formula: `1 - sensor("share")`},
				model.Sensor{ID: "load", Quantity: record.Ratio, Formula: `sensor("a") / 2 kW`},
				model.Sensor{ID: "fixed", Quantity: record.ActivePower, Formula: `sensor("b") + 1 kW`})
			noon := begin.Add(12 * time.Hour)
			end := begin.AddDate(0, 0, 40)
			for _, x := range []struct {
				size     window.Size
				from, to time.Time
				share    float64
			}{
				{window.FiveMinutes, noon.Add(-5 * time.Minute), noon, 1. / 2},
				{window.FiveMinutes, noon, noon.Add(5 * time.Minute), 0},
				{window.Quarter, noon.Add(-15 * time.Minute), noon, 1. / 2},
				{window.Hour, noon.Add(-time.Hour), noon, 1. / 2},
				{window.Hour, noon, noon.Add(time.Hour), 0},
				{window.Day, begin, begin.AddDate(0, 0, 1), 1. / 3},
				{window.Week, begin.AddDate(0, 0, 7), begin.AddDate(0, 0, 14), 1. / 3},
				{window.Month, begin, begin.AddDate(0, 1, 0), 1. / 3},
				{window.Day, end, end.AddDate(0, 0, 1), 1. / 2}, // until 9 o'clock
				{window.Week, begin.AddDate(0, 0, 35), begin.AddDate(0, 0, 42), (5*12 + 9) / (5*36 + 18.)},
				{window.Month, begin.AddDate(0, 1, 0), begin.AddDate(0, 2, 0), (12*12 + 9) / (12*36 + 18.)},
				{window.Year, begin, begin.AddDate(0, 0, 1), (40*12 + 9) / (40*36 + 18.)},
			} {
				for id, want := range map[record.SensorID]float64{"share": x.share, "other": 1 - x.share} {
					rows := w.windows(id, x.size, x.from, x.to)
					if len(rows) != 1 || math.Abs(rows[0].Average-want) > 1e-12 || rows[0].Known || rows[0].Quality != energy.Measured {
						t.Errorf("%s of %v from %v is %+v, not %v", id, x.size, x.from, rows, want)
					}
				}
			}
			rows := w.windows("load", window.Day, end.AddDate(0, 0, -1), end.AddDate(0, 0, 2))
			if len(rows) != 3 || rows[0].Average != .25 || rows[1].Average != .5 || rows[2].Average == rows[2].Average {
				t.Errorf("of the last day, today and tomorrow the load is %+v", rows)
			}
			rows = w.windows("fixed", window.Month, begin, begin.AddDate(0, 1, 0))
			if rows[0].Amount != 28*24*2000*energy.PerUnit || rows[0].Completeness() != 1 {
				t.Errorf("with 1 kW more February is %+v", rows)
			}
			// The day that is kept is what is answered.
			ids, err := w.store.IDs(t.Context(), []ledger.Point{ledger.SensorPoint("share")}, false)
			if err != nil {
				t.Fatal(err)
			}
			days, err := w.store.Rows(t.Context(), nil, ledger.Days, ids[0], 0, record.MaxTime)
			if err != nil || len(days) != 40 || math.Abs(days[7].Average-1./3) > 1e-12 {
				t.Errorf("%d days are kept, %v", len(days), err)
			}
		})
	}
}

// TestWindowsOfFiveMinutes holds that those of a linear formula sum up to the
// quarter, and that the others are those of the operands.
func TestWindowsOfFiveMinutes(t *testing.T) {
	w, begin := halfDays(t, sqlite,
		model.Sensor{ID: "third", Quantity: record.ActivePower, Formula: `sensor("a") / 3 + sensor("b") / 7`},
		model.Sensor{ID: "lack", Quantity: record.ActivePower, Formula: `-negative(sensor("a") - sensor("b"))`})
	at := begin.AddDate(0, 0, 3).Add(11*time.Hour + 50*time.Minute) // not at a quarter
	whole := w.windows("third", window.Quarter, begin.AddDate(0, 0, 3), begin.AddDate(0, 0, 4))
	parts := w.windows("third", window.FiveMinutes, begin.AddDate(0, 0, 3), begin.AddDate(0, 0, 4))
	for i, q := range whole {
		sum := energy.Amount(0)
		for _, p := range parts[3*i : 3*i+3] {
			sum += p.Amount
			if d := 3*p.Amount - q.Amount; d < -3 || d > 3 || !p.Known {
				t.Errorf("5 minutes at %s are %v, the quarter is %v", p.Start, p.Amount, q.Amount)
			}
		}
		if sum != q.Amount || sum%3 == 0 && i == 0 {
			t.Errorf("the 5 minutes of %s sum up to %v, not %v", q.Start, sum, q.Amount)
		}
	}
	if rows := w.windows("third", window.FiveMinutes, at, at.Add(5*time.Minute)); len(rows) != 1 || rows[0].Amount != parts[142].Amount {
		t.Errorf("alone, 5 minutes are %+v, not %v", rows, parts[142].Amount)
	}
	rows := w.windows("lack", window.FiveMinutes, at, at.Add(15*time.Minute))
	if len(rows) != 3 || rows[1].Amount != 0 || math.Abs(rows[2].Amount.Float64()-1000./12) > 1e-6 {
		t.Errorf("around noon it is %+v", rows)
	}
}

// TestAnotherFormula changes a formula, and declares another virtual sensor:
// both have a past, also where readings are gone.
func TestAnotherFormula(t *testing.T) {
	w, begin := halfDays(t, sqlite, model.Sensor{ID: "v", Quantity: record.ActivePower, Formula: `sensor("a") + sensor("b")`})
	is := func(id record.SensorID, want energy.Amount) {
		t.Helper()
		for _, day := range []int{0, 20, 39} {
			if r := w.day(ledger.SensorPoint(id), begin.AddDate(0, 0, day)); r.Amount != want*energy.PerUnit {
				t.Errorf("%s: day %d is %v W·h, not %v", id, day, r.Amount, want)
			}
		}
	}
	is("v", 36_000)
	w.memory.mu.Lock()
	for id, rs := range w.memory.all {
		w.memory.all[id] = rs[10*96:]
	}
	w.memory.mu.Unlock()
	d := w.catalog.State().Model.Document()
	for i := range d.Sensors {
		if d.Sensors[i].ID == "v" {
			d.Sensors[i].Formula = `sensor("a") - sensor("b")`
		}
	}
	d.Sensors = append(d.Sensors, model.Sensor{ID: "w", Site: "site", Quantity: record.ActivePower, Formula: `abs(sensor("v"))`})
	w.put(d)
	w.settle()
	is("v", -12_000)
	is("w", 12_000)
	// What the readings of something real would be is nobody's business.
	_, err := w.service.Intervene(t.Context(), "v", ledger.InterventionBody{Kind: ledger.Exclude, From: begin, To: new(begin.Add(time.Hour)), Why: "x"}, "ada")
	if err == nil || !strings.Contains(err.Error(), `sensor "v" is virtual and has no readings of its own; correct those of the sensors that its formula uses`) {
		t.Errorf("an intervention is answered by %v", err)
	}
	from := begin.AddDate(0, 0, 20)
	if _, err := w.service.Intervene(t.Context(), "a", ledger.InterventionBody{Kind: ledger.Exclude, From: from, To: new(from.Add(12 * time.Hour)), Why: "x"}, "ada"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	for id, want := range map[record.SensorID]energy.Amount{"v": -12_000, "w": 12_000} { // 12 hours are left
		if r := w.day(ledger.SensorPoint(id), from); r.Amount != want*energy.PerUnit || r.Completeness() != .5 {
			t.Errorf("corrected, %s is %+v", id, r)
		}
	}
}

// TestACircleOfThePast has a virtual sensor use a group that it stood in.
func TestACircleOfThePast(t *testing.T) {
	w, begin := halfDays(t, sqlite)
	d := meters("Europe/Berlin", 15*time.Minute, "a", "b")
	d.Sensors = append(d.Sensors, model.Sensor{ID: "v", Site: "site", Quantity: record.ActivePower, Formula: `sensor("b")`},
		model.Sensor{ID: "r", Site: "site", Quantity: record.Ratio, Formula: `sensor("v") / sensor("b")`})
	d.Groups[0].Members = []model.Member{{Sensor: "a"}, {Sensor: "v"}}
	w.put(d)
	if err := w.service.Reach(t.Context(), "site", record.MillisOf(begin), "it was so", "ada"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	is := func(what string, group, v energy.Amount, r float64, members uint32) {
		t.Helper()
		rows, _, err := w.service.Windows(t.Context(), ledger.GroupPoint("site", "all"), window.Day, record.MillisOf(begin), record.MillisOf(begin)+1)
		if err != nil || rows[0].Amount != group*energy.PerUnit || rows[0].Members != members {
			t.Errorf("%s: the group is %+v, %v", what, rows, err)
		}
		if row := w.windows("v", window.Day, begin, begin.AddDate(0, 0, 1))[0]; row.Amount != v*energy.PerUnit || row.Known != (v != 0) {
			t.Errorf("%s: v is %+v", what, row)
		}
		for _, size := range []window.Size{window.Day, window.Week} {
			if row := w.windows("r", size, begin, begin.AddDate(0, 0, 1))[0]; row.Average != r && row.Average == row.Average {
				t.Errorf("%s: r is %+v", what, row)
			}
		}
		if rows := w.windows("v", window.FiveMinutes, begin, begin.Add(time.Minute)); rows[0].Known != (v != 0) {
			t.Errorf("%s: 5 minutes of v are %+v", what, rows)
		}
	}
	is("in the group", 36_000, 24_000, 1, 2)
	d.Groups[0].Members = d.Groups[0].Members[:1]
	d.Sensors[2].Formula = `group("all") * 2`
	w.put(d)
	w.settle()
	is("in a circle", 12_000, 0, math.NaN(), 1)
	if err := w.service.Reach(t.Context(), "site", record.MillisOf(begin), "it never was", "ada"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	is("over the group", 12_000, 24_000, 1, 1)
}

// TestAnotherMeaning has groups measure something else, and stand elsewhere: a
// formula over them that reads the same means something else in all the past.
func TestAnotherMeaning(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
		for _, down := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/away: %t", name, down), func(t *testing.T) { anotherMeaning(t, open, down) })
		}
	}
}

func anotherMeaning(t *testing.T, open func(*testing.T) *ledger.Store, down bool) {
	w, begin := halfDays(t, open)
	d := w.catalog.State().Model.Document()
	for i, x := range []string{"left", "right"} {
		volts, power := record.SensorID([]string{"a", "b"}[i]), record.SensorID("p "+x)
		d.Sensors = append(d.Sensors, model.Sensor{ID: power, Site: "site", Quantity: record.ActivePower})
		d.Groups = append(d.Groups, model.Group{ID: model.GroupID(x), Members: []model.Member{{Sensor: volts}}})
		d.Hierarchies = append(d.Hierarchies, model.Hierarchy{ID: model.HierarchyID(x), Root: model.GroupID(x), Site: "site"})
	}
	for i := range d.Sensors {
		if id := d.Sensors[i].ID; id == "a" || id == "b" {
			d.Sensors[i].Quantity, d.Sensors[i].Unit = record.Voltage, ""
		}
	}
	d.Sensors = append(d.Sensors, model.Sensor{ID: "v", Site: "site", Quantity: record.Ratio, Formula: `group("left") / group("right")`},
		model.Sensor{ID: "w", Site: "site", Quantity: record.Ratio, Formula: `sensor("v") * 2`})
	w.put(d)
	w.settle()
	noon := begin.AddDate(0, 0, 10).Add(12 * time.Hour)
	is := func(what string, id record.SensorID, want float64) {
		t.Helper()
		for _, size := range []window.Size{window.Quarter, window.Hour} {
			if r := w.windows(id, size, noon.Add(-time.Minute), noon)[0]; r.Average != want && (r.Average == r.Average || want == want) {
				t.Errorf("%s: %v of %s is %v, not %v", what, size, id, r.Average, want)
			}
		}
	}
	is("volts by volts", "v", 1)
	is("volts by volts", "w", 2)
	change := func(f func(d *model.Document)) {
		d := w.catalog.State().Model.Document()
		f(&d)
		if down {
			st := w.catalog.State()
			if _, err := w.catalog.Commit(t.Context(), catalog.Change{Base: st.Revision, Patch: model.Diff(st.Model.Document(), d), Who: "ada"}); err != nil {
				t.Fatal(err)
			}
			d.Sites[0].Name += "x" // and another revision, after which it comes back
			st = w.catalog.State()
			next, err := w.catalog.Commit(t.Context(), catalog.Change{Base: st.Revision, Patch: model.Diff(st.Model.Document(), d), Who: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			w.again()
			next.Changed = next.Model.Hierarchies()
			if err := w.service.follow(t.Context(), next); err != nil {
				t.Fatal(err)
			}
		} else {
			w.put(d)
		}
		w.settle()
	}
	swap := func(to string) func(d *model.Document) {
		return func(d *model.Document) {
			for i, g := range d.Groups {
				if g.ID == "left" || g.ID == "right" {
					id := map[string]map[model.GroupID]record.SensorID{"volts": {"left": "a", "right": "b"}, "power": {"left": "p left", "right": "p right"}}[to][g.ID]
					d.Groups[i].Members = []model.Member{{Sensor: id}}
				}
			}
		}
	}
	change(swap("power"))
	is("power by power, which volts of the past are not", "v", math.NaN())
	is("power by power, which volts of the past are not", "w", math.NaN())
	change(swap("volts"))
	is("volts again", "v", 1)
	is("volts again", "w", 2)
	change(func(d *model.Document) {
		d.Hierarchies = slices.DeleteFunc(d.Hierarchies, func(h model.Hierarchy) bool { return h.ID == "left" })
		for i := range d.Groups {
			if d.Groups[i].ID == "right" {
				d.Groups[i].Members = append(d.Groups[i].Members, model.Member{Group: "left"})
			}
		}
	})
	is("a group that was not in the hierarchy then", "v", math.NaN())
}
