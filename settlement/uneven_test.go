package settlement

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestUneven has the meter of a group silent for most of a day, and its members
// for a part of it: what is unaccounted is of the time in which both are known,
// in windows of every size.
func TestUneven(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) {
			w, begin := constant(t, open) // the member p0 draws 60 W all day
			var all []record.Record
			for m := range 6 * 60 {
				all = append(all, record.Record{Sensor: "p4", Time: record.MillisOf(begin.Add(time.Duration(m) * time.Minute)), Value: 100})
			}
			w.send(all...)
			w.settle()
			hall := ledger.GroupPoint("place", "hall1")
			exclude := func(from, to int) {
				t.Helper()
				end := begin.Add(time.Duration(to) * time.Minute)
				if _, err := w.service.Intervene(t.Context(), "p0", ledger.InterventionBody{Kind: ledger.Exclude, From: begin.Add(time.Duration(from) * time.Minute), To: &end, Why: "it was out of order"}, "ada"); err != nil {
					t.Fatal(err)
				}
				w.settle()
			}
			// check compares every size with the quarters of an hour.
			check := func(known bool) (day ledger.Row) {
				t.Helper()
				for _, size := range []window.Size{window.Hour, window.Day, window.Week, window.Month, window.Year} {
					rows, _, err := w.service.Windows(t.Context(), hall, size, record.MillisOf(begin), record.MillisOf(begin.Add(24*time.Hour)))
					if err != nil {
						t.Fatal(err)
					}
					some := false
					for i := range rows {
						r := &rows[i]
						quarters, _, err := w.service.Windows(t.Context(), hall, window.Quarter, max(r.Start, record.MillisOf(begin)), min(r.End, record.MillisOf(begin.Add(25*time.Hour))))
						if err != nil {
							t.Fatal(err)
						}
						want, both := energy.Amount(0), false
						for _, q := range quarters {
							if q.Known && q.Metered {
								want, both = want+q.Meter-q.Amount, true
							}
						}
						got, ok := r.Unaccounted()
						if ok != both || ok && got != want {
							t.Errorf("%v from %v: %v, %v are unaccounted; want %v, %v", size, r.Start, got, ok, want, both)
						}
						some = some || ok
						if size == window.Day {
							day = *r
						}
					}
					if some != known {
						t.Errorf("%v: something is known is %v", size, some)
					}
				}
				return day
			}
			if day := check(true); day.Amount != 1440*energy.PerUnit || day.Meter <= 600*energy.PerUnit || day.Meter >= 610*energy.PerUnit {
				t.Errorf("the day is %v and its meter %v", day.Amount, day.Meter)
			}
			exclude(60, 120) // the members are silent, and the meter is not
			check(true)
			exclude(0, 7*60)
			if day := check(false); !day.Known || !day.Metered {
				t.Errorf("the day is %+v", day)
			}
		})
	}
}
