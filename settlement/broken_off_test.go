package settlement

import (
	"slices"
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

// TestBrokenOffAmongGroups is killed when the windows of sensors were stored and
// those of the groups above them not, in a span that is settled for the first
// time and in one that is settled again.
func TestBrokenOffAmongGroups(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"SQLite": sqlite, "PostgreSQL": postgres} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			begin := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
			first := begin.Add(36 * time.Hour)
			end := begin.Add(72 * time.Hour)
			w := newWorld(t, open, first)
			w.put(model.Document{
				Sites:       []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
				Sensors:     []model.Sensor{{ID: "a", Site: "kiel", Quantity: record.ActivePower, Interval: model.Duration(time.Minute)}},
				Groups:      []model.Group{{ID: "all", Members: []model.Member{{Group: "hall"}}}, {ID: "hall", Members: []model.Member{{Sensor: "a"}}}},
				Hierarchies: []model.Hierarchy{{ID: "place", Root: "all", Site: "kiel"}},
			})
			w.settle()
			for at := begin; at.Before(end); at = at.Add(time.Minute) {
				w.send(record.Record{Sensor: "a", Time: record.MillisOf(at), Value: 600})
			}
			w.now = begin.Add(80 * time.Hour)
			w.settle()
			sums := func() (all []int64) {
				for _, size := range []window.Size{window.Quarter, window.Day} {
					for _, p := range []ledger.Point{ledger.SensorPoint("a"), ledger.GroupPoint("place", "hall"), ledger.GroupPoint("place", "all")} {
						rows, _, err := w.service.Windows(ctx, p, size, record.MillisOf(begin), record.MillisOf(end))
						if err != nil {
							t.Fatal(err)
						}
						sum := int64(0)
						for _, r := range rows {
							sum += int64(r.Amount)
						}
						all = append(all, sum)
					}
				}
				return all
			}
			want := sums()
			if want[0] == 0 || want[3] == 0 || slices.Min(want[:3]) != slices.Max(want[:3]) || slices.Min(want[3:]) != slices.Max(want[3:]) {
				t.Fatalf("sensor, hall and all have %v", want)
			}
			lose := func() {
				t.Helper()
				for _, p := range []ledger.Point{ledger.GroupPoint("place", "hall"), ledger.GroupPoint("place", "all")} {
					ids, err := w.store.IDs(ctx, []ledger.Point{p}, false)
					if err != nil {
						t.Fatal(err)
					}
					for _, table := range []ledger.Table{ledger.Quarters, ledger.Days} {
						rows, err := w.store.Rows(ctx, nil, table, ids[0], 0, record.MaxTime)
						if err != nil {
							t.Fatal(err)
						}
						var gone []ledger.Change
						for _, r := range rows {
							gone = append(gone, ledger.Change{Point: ids[0], Gone: true, Row: r})
						}
						if err := w.store.Write(ctx, table, gone); err != nil {
							t.Fatal(err)
						}
					}
				}
				if slices.Equal(sums(), want) {
					t.Fatal("nothing is lost")
				}
				w.again()
			}
			lose()
			for _, edge := range []string{ledger.Frontier, ledger.Floor} {
				if err := w.store.SetProgress(ctx, edge, record.MillisOf(first)); err != nil {
					t.Fatal(err)
				}
			}
			w.again()
			w.settle()
			if got := sums(); !slices.Equal(got, want) {
				t.Errorf("settled for the first time: %v, want %v", got, want)
			}

			lose()
			if err := w.store.Mark(ctx, "a", record.MillisOf(begin), record.MillisOf(end)); err != nil {
				t.Fatal(err)
			}
			w.settle()
			if got := sums(); !slices.Equal(got, want) {
				t.Errorf("settled again: %v, want %v", got, want)
			}
		})
	}
}
