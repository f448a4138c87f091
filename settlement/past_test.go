package settlement

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestTheTreeOfThen sums up by the tree that was in force, until somebody says
// that another one was.
func TestTheTreeOfThen(t *testing.T) {
	d := meters("UTC", time.Minute, "a", "b")
	for i := range d.Sensors {
		d.Sensors[i].MaxAge = new(model.Unlimited)
	}
	d.Groups[0].Members = d.Groups[0].Members[:1]
	w := newWorld(t, sqlite, time.Now())
	w.put(d)
	// The second tree is in force from now on: the clock of the test goes ahead.
	d.Groups = []model.Group{{ID: "all", Members: []model.Member{{Sensor: "a"}, {Sensor: "b"}}}}
	w.put(d)
	change := w.catalog.State().Effective.Time()
	begin := change.Truncate(15 * time.Minute).Add(-time.Hour)
	end := begin.Add(3 * time.Hour)
	w.send(record.Record{Sensor: "a", Time: record.MillisOf(begin), Value: 1000}, record.Record{Sensor: "b", Time: record.MillisOf(begin), Value: 100})
	w.now = end.Add(time.Hour)
	w.settle()
	sums := func(when string, both record.Millis) {
		t.Helper()
		rows, _, err := w.service.Windows(t.Context(), ledger.GroupPoint("site", "all"), window.Quarter, record.MillisOf(begin), record.MillisOf(end))
		if err != nil || len(rows) != 12 {
			t.Fatalf("%d windows, %v", len(rows), err)
		}
		for _, r := range rows {
			want := energy.Amount(250 * energy.PerUnit)
			if r.Start >= both {
				want = 275 * energy.PerUnit
			}
			if r.Amount != want {
				t.Errorf("%s: at %s it is %v W·h, not %v", when, r.Start, r.Amount, want)
			}
		}
	}
	first := upQuarter(record.MillisOf(change))
	sums("as it was", first)
	w.again() // it is kept
	sums("after a restart", first)
	early := record.MillisOf(begin.Add(40 * time.Minute))
	for _, bad := range []struct {
		h   model.HierarchyID
		at  record.Millis
		why string
	}{{"nothing", early, "x"}, {"site", early, " "}, {"site", record.MillisOf(end), "x"}} {
		if err := w.service.Reach(t.Context(), bad.h, bad.at, bad.why, "ada"); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
	if err := w.service.Reach(t.Context(), "site", early, "b was there already", "ada"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	sums("reaching back", upQuarter(early))
	w.again()
	if all := w.service.trees["site"]; len(all) != 2 || all[1].Who != "ada" || all[1].Since != early {
		t.Errorf("kept are %+v", all)
	}
	if err := w.service.Reach(t.Context(), "site", record.MillisOf(begin), "b was there from the beginning", "ada"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	sums("from the beginning", 0)
}

// TestWhatIsGoneStays settles again after the readings of the first days are
// gone, because they are kept for a limited time.
func TestWhatIsGoneStays(t *testing.T) {
	w, begin := constant(t, sqlite)
	for m := 24 * 60; m < 3*24*60; m++ {
		w.send(record.Record{Sensor: "p0", Time: record.MillisOf(begin.Add(time.Duration(m) * time.Minute)), Value: 60})
	}
	w.now = begin.Add(74 * time.Hour)
	w.settle()
	w.memory.mu.Lock()
	w.memory.all["c0"] = nil
	w.memory.all["p0"] = w.memory.all["p0"][20*60:]
	w.memory.mu.Unlock()
	w.again()
	if _, err := w.service.Again(t.Context(), nil, 0, record.MaxTime); err != nil {
		t.Fatal(err)
	}
	w.settle()
	for day := range 3 {
		if r := w.day(ledger.SensorPoint("p0"), begin.AddDate(0, 0, day)); r.Amount != 1440*energy.PerUnit {
			t.Errorf("day %d is %v W·h", day, r.Amount)
		}
	}
	if r := w.day(ledger.SensorPoint("c0"), begin); r.Amount != 1435*energy.PerUnit {
		t.Errorf("the day of the counter is %v W·h", r.Amount)
	}
}

// TestAnotherZone moves a site into another zone: its days are other ones.
func TestAnotherZone(t *testing.T) {
	w, begin := constant(t, sqlite)
	for m := 24 * 60; m < 3*24*60; m++ {
		w.send(record.Record{Sensor: "p0", Time: record.MillisOf(begin.Add(time.Duration(m) * time.Minute)), Value: 60})
	}
	w.now = begin.Add(74 * time.Hour)
	w.settle()
	d := document()
	d.Sites[0].Zone = "UTC"
	w.put(d)
	w.settle()
	midnight := begin.Truncate(24*time.Hour).AddDate(0, 0, 1)
	for _, p := range []ledger.Point{ledger.SensorPoint("p0"), ledger.GroupPoint("place", "hall1")} {
		rows, _, err := w.service.Windows(t.Context(), p, window.Day, record.MillisOf(midnight), record.MillisOf(midnight.Add(48*time.Hour)))
		if err != nil || len(rows) != 2 || rows[0].Start != record.MillisOf(midnight) || rows[0].Amount != 1440*energy.PerUnit || rows[1].Amount != 1440*energy.PerUnit {
			t.Errorf("%v: %v, the days are %+v", p, err, rows)
		}
	}
	w.same(record.MillisOf(begin), record.Millis(w.service.at.frontier.Load()))
}
