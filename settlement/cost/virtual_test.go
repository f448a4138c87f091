package cost

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// TestCostsOfVirtualSensors prices formulas: by days, in bills, up to now, again
// after a late reading, and after the formula has changed. What is fed in of a
// virtual sensor is given back for.
func TestCostsOfVirtualSensors(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		zone := berlin(t)
		day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, zone) }
		d := meters("Europe/Berlin", time.Minute, 0, "grid", "roof")
		site := d.Sensors[0].Site
		d.Sensors = append(d.Sensors, model.Sensor{ID: "used", Site: site, Quantity: record.ActivePower, Formula: `sensor("grid") + sensor("roof")`})
		w := newWorld(t, url, day(4).Add(10*time.Hour), d)
		w.must("PUT", "tariffs/home", yamlType, flat, nil)
		var a AssignmentBody
		w.must("POST", "costs/assignments", "", `{"sensor":"used","tariff":"home","from":"2026-03-01"}`, &a)
		w.send(constant("grid", 1000, day(1), w.now)...)
		w.send(constant("roof", 500, day(1), w.now)...) // 36 kW·h a day together
		w.settled()
		bill := func() (b BillBody) {
			t.Helper()
			w.must("GET", "costs/sensors/used/bill?from=2026-03-01&to=2026-03-04", "", "", &b)
			return b
		}
		w.expect("three days", bill().Total, "33.90") // 108 kW·h and three days
		w.expect("days", w.days(a.ID, day(1), day(4)), "[03-01 11.30 r1 03-02 11.30 r1 03-03 11.30 r1]")
		var now CostNowBody
		w.must("GET", "costs/sensors/used/now", "", "", &now)
		if now.Day.Total == nil || now.Month.Total == nil {
			t.Errorf("up to now it is %+v", now)
		}
		// A late reading of what the formula uses.
		w.send(record.Record{Sensor: "roof", Time: record.MillisOf(day(2).Add(90 * time.Second)), Value: 6500}) // half a minute of 6 kW more
		w.settled()
		w.expect("days", w.days(a.ID, day(1), day(4)), "[03-01 11.30 r1 03-02 11.315 r1 03-03 11.30 r1]")
		w.expect("three days", bill().Total, "33.915")
		// Another formula holds for all the past.
		st := w.catalog.State()
		next := st.Model.Document()
		for i := range next.Sensors {
			if next.Sensors[i].ID == "used" {
				next.Sensors[i].Formula = `sensor("grid") * 2`
			}
		}
		if _, err := w.catalog.Commit(t.Context(), catalog.Change{Base: st.Revision, Patch: model.Diff(st.Model.Document(), next), Who: "ada"}); err != nil {
			t.Fatal(err)
		}
		if err := w.settle.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.settled()
		w.expect("days", w.days(a.ID, day(1), day(4)), "[03-01 14.90 r1 03-02 14.90 r1 03-03 14.90 r1]")
		w.expect("three days", bill().Total, "44.70")
	})
}
