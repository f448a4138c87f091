package settlement

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestBrokenOff is killed after windows were stored and before they count as
// settled, upwards and downwards; before they are settled again some of the
// readings are not there any more. Nothing of what was stored may stay.
func TestBrokenOff(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"SQLite": sqlite, "PostgreSQL": postgres} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			begin := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
			first := begin.Add(36 * time.Hour)
			w := newWorld(t, open, first)
			w.put(model.Document{
				Sites:       []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
				Sensors:     []model.Sensor{{ID: "a", Site: "kiel", Quantity: record.ActivePower, Interval: model.Duration(time.Minute)}},
				Groups:      []model.Group{{ID: "all", Members: []model.Member{{Sensor: "a"}}}},
				Hierarchies: []model.Hierarchy{{ID: "place", Root: "all", Site: "kiel"}},
			})
			w.settle() // where it begins: half of the time is before it
			for at := begin; at.Before(begin.Add(72 * time.Hour)); at = at.Add(time.Minute) {
				w.send(record.Record{Sensor: "a", Time: record.MillisOf(at), Value: 600})
			}
			w.now = begin.Add(80 * time.Hour)
			w.settle()

			for edge, to := range map[string]time.Time{ledger.Frontier: first, ledger.Floor: first} {
				if err := w.store.SetProgress(ctx, edge, record.MillisOf(to)); err != nil {
					t.Fatal(err)
				}
			}
			silent := func(at record.Millis) bool {
				h := at.Time().Sub(begin) / time.Hour
				return 10 <= h && h < 14 || 50 <= h && h < 54
			}
			w.memory.mu.Lock()
			var left []record.Record
			for _, r := range w.memory.all["a"] {
				if !silent(r.Time) {
					left = append(left, r)
				}
			}
			w.memory.all["a"] = left
			w.memory.mu.Unlock()
			w.again()
			w.settle()

			for _, p := range []ledger.Point{ledger.SensorPoint("a"), ledger.GroupPoint("place", "all")} {
				rows, _, err := w.service.Windows(ctx, p, window.Quarter, record.MillisOf(begin), record.MillisOf(begin.Add(79*time.Hour)))
				if err != nil {
					t.Fatal(err)
				}
				for i, r := range rows[:72*4] {
					// What was measured last holds for a while.
					if gap := silent(r.Start) && silent(r.Start-quarter); r.Known == gap {
						t.Errorf("%v: window %d of %v is known: %v", p, i, r.Start.Time(), r.Known)
					}
				}
				days, _, err := w.service.Windows(ctx, p, window.Day, record.MillisOf(begin), record.MillisOf(begin.Add(72*time.Hour)))
				if err != nil {
					t.Fatal(err)
				}
				sum := int64(0)
				for _, r := range rows {
					sum += int64(r.Amount)
				}
				for _, r := range days {
					sum -= int64(r.Amount)
				}
				if sum != 0 {
					t.Errorf("%v: days differ from quarters by %d", p, sum)
				}
			}
		})
	}
}
