package settlement

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestUnheard has members of metered groups that are heard late, never, with old
// readings that come afterwards, and with readings that are taken back: what is
// unaccounted is that of the members that were heard by then, whatever came when.
// Settled by an oracle from all readings at once.
func TestUnheard(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) {
			begin := time.Date(2026, 5, 4, 22, 0, 0, 0, time.UTC) // midnight in Kiel
			w := newWorld(t, open, begin)
			minute := model.Duration(time.Minute)
			d := model.Document{
				Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
				Groups: []model.Group{
					{ID: "plant", Members: []model.Member{{Sensor: "main", Meter: true}, {Group: "hall"}, {Group: "office"}, {Sensor: "late"}}},
					{ID: "hall", Members: []model.Member{{Sensor: "oven"}, {Sensor: "never"}, {Sensor: "double"}}}, // a member below a group without a meter
					{ID: "office", Members: []model.Member{{Sensor: "office main", Meter: true}, {Sensor: "pc"}}},
				},
				Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}},
			}
			for _, id := range []record.SensorID{"main", "oven", "never", "late", "office main", "pc"} {
				d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "kiel", Quantity: record.ActivePower, Interval: minute})
			}
			d.Sensors = append(d.Sensors, model.Sensor{ID: "double", Site: "kiel", Quantity: record.ActivePower, Formula: `sensor("late") * 2`})
			w.put(d)
			w.settle()
			send := func(id record.SensorID, from, to time.Duration, watts float64) {
				var all []record.Record
				for at := begin.Add(from); at.Before(begin.Add(to)); at = at.Add(time.Minute) {
					all = append(all, record.Record{Sensor: id, Time: record.MillisOf(at), Value: watts})
				}
				w.send(all...)
			}
			const day = 24 * time.Hour
			from := record.MillisOf(begin)
			check := func(what string) {
				t.Helper()
				w.settle()
				w.same(from, record.Millis(w.service.at.frontier.Load()))
				if t.Failed() {
					t.Fatal(what)
				}
			}
			plant := ledger.GroupPoint("place", "plant")
			hour := func(at time.Duration) ledger.Row {
				t.Helper()
				r, _, err := w.service.Windows(t.Context(), plant, window.Hour, record.MillisOf(begin.Add(at)), record.MillisOf(begin.Add(at+time.Hour)))
				if err != nil {
					t.Fatal(err)
				}
				fives, _, err := w.service.Windows(t.Context(), plant, window.FiveMinutes, record.MillisOf(begin.Add(at)), record.MillisOf(begin.Add(at+time.Hour)))
				if err != nil {
					t.Fatal(err)
				}
				time := record.Millis(0)
				for _, f := range fives {
					time += f.Rest.Time
				}
				if time != r[0].Rest.Time {
					t.Errorf("by 5 minutes %d ms can be compared, by quarters %d", time, r[0].Rest.Time)
				}
				return r[0]
			}
			rest := func(what string, at time.Duration, watts float64, known bool) {
				t.Helper()
				h := hour(at)
				if r, ok := h.Unaccounted(); ok != known || known && r.Float64() != watts {
					t.Errorf("%s: %v, %t are unaccounted at %v, not %v, %t", what, r, ok, at, watts, known)
				}
			}
			w.now = begin.Add(2*day + time.Hour)
			for _, x := range []struct {
				id    record.SensorID
				watts float64
			}{{"main", 1000}, {"oven", 500}, {"office main", 100}} {
				send(x.id, 0, 2*day, x.watts)
			}
			check("late and never were never heard")
			rest("late was never heard", 12*time.Hour, 400, true)
			if r := hour(12 * time.Hour); r.Members != 2 || r.Total != 5 || r.Compared() != 1 || r.Completeness() != .4 {
				t.Errorf("%d of %d members, compared %v, complete %v", r.Members, r.Total, r.Compared(), r.Completeness())
			}

			w.now = begin.Add(3*day + time.Hour)
			for _, x := range []struct {
				id    record.SensorID
				watts float64
			}{{"main", 1000}, {"oven", 500}, {"office main", 100}} {
				send(x.id, 2*day, 3*day, x.watts)
			}
			send("late", 2*day+6*time.Hour, 2*day+8*time.Hour, 50)
			check("late is heard for two hours")
			rest("before late", 2*day+5*time.Hour, 400, true)
			rest("with late", 2*day+7*time.Hour, 250, true) // and twice as much below the hall
			rest("after late", 2*day+10*time.Hour, 0, false)

			send("late", 6*time.Hour, 8*time.Hour, 50) // brought two days later
			check("old readings of late")
			rest("before the oldest", 5*time.Hour, 400, true)
			rest("with the oldest", 7*time.Hour, 250, true)
			rest("between", 24*time.Hour, 0, false)
			if n, err := w.store.CountMarks(t.Context()); n != 0 || err != nil {
				t.Errorf("%d marks are left, %v", n, err)
			}

			// Taken back, it is as before. The oracle knows no interventions.
			end := begin.Add(9 * time.Hour)
			if _, err := w.service.Intervene(t.Context(), "late", ledger.InterventionBody{Kind: ledger.Exclude, From: begin, To: &end, Why: "it was another one"}, "ada"); err != nil {
				t.Fatal(err)
			}
			w.settle()
			rest("the oldest are excluded", 7*time.Hour, 400, true)
			rest("and do not begin anything", 24*time.Hour, 400, true)
			rest("later all is as it was", 2*day+7*time.Hour, 250, true)
			rest("later all is as it was", 2*day+10*time.Hour, 0, false)

			// A new start knows no less.
			w.again()
			send("late", 30*time.Hour, 31*time.Hour, 50)
			w.settle()
			rest("before", 29*time.Hour, 400, true)
			rest("after", 32*time.Hour, 0, false)
		})
	}
}
