package demand

import (
	"math"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestUsed compares what was used since a week began with the windows it is
// made of, and with what live readings say of the rest.
func TestUsed(t *testing.T) {
	everywhere(t, func(t *testing.T, store *ledger.Store) {
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 3, 29, 14, 7, 30, 0, zone) // a Sunday on which the clock changed
		w := newWorld(t, store, document(t), now)
		plant, a, counter := ledger.GroupPoint("place", "plant"), ledger.SensorPoint("a"), ledger.SensorPoint("counter")
		begin, c := now.AddDate(0, 0, -2), window.In(zone)
		i := 0
		for at := begin; !at.After(now); at = at.Add(time.Minute) {
			if i++; i%500 < 40 {
				continue // silent for longer than values hold
			}
			w.memory.add(a, record.MillisOf(at), float64(i%97)*10)
			if i%5 == 0 {
				w.memory.add(counter, record.MillisOf(at), float64(i))
			}
			w.memory.add(plant, record.MillisOf(at), 50)
		}
		w.settle()
		settled := record.MillisOf(time.Date(2026, 3, 29, 14, 0, 0, 0, zone))
		from, to := c.Span(window.Week, record.MillisOf(now)).From, record.MillisOf(now)
		for name, x := range map[string]struct {
			p    ledger.Point
			open float64
			part record.Millis
		}{
			"gauge":   {a, math.NaN(), to - settled},
			"counter": {counter, 60 * 7.5 / 60, to - settled}, // rises by 60 an hour
			"group":   {plant, 0, 3_000},                      // a tick a minute, each of which holds for three seconds
		} {
			rows, frontier, err := w.settlement.Windows(t.Context(), x.p, window.Quarter, from, to)
			if err != nil || frontier != settled {
				t.Fatal(frontier, settled, err)
			}
			var amount, estimated, covered float64
			for _, r := range rows {
				if r.Known {
					amount += r.Amount.Float64()
					estimated += math.Abs(r.Estimated.Float64())
				}
				covered += r.Completeness() * float64(quarter)
			}
			if name == "gauge" {
				x.open = 0
				for _, s := range w.memory[a] {
					x.open += s.v * float64(max(0, min(s.at+60_000, to)-max(s.at, settled))) / 3_600_000
				}
			}
			usage := Usage{Store: store, Catalog: w.catalog, Live: live{w.memory}}
			u, err := usage.Used(t.Context(), x.p, c, from, to)
			if err != nil {
				t.Fatal(err)
			}
			if name == "group" {
				// Seven ticks since 14:00 held for three seconds each; one came just now.
				x.open, x.part = 50*3*7/3600., 21_000
			}
			if math.Abs(u.Amount-amount-x.open) > 1e-6 || math.Abs(u.Estimated-estimated-math.Abs(x.open)) > 1e-6 || u.Settled != settled {
				t.Errorf("%s: %+v; settled are %v, %v estimated, open %v", name, u, amount, estimated, x.open)
			}
			if want := (covered + float64(x.part)) / float64(to-from); math.Abs(u.Completeness-want) > 0.02 {
				t.Errorf("%s: completeness %v, not %v", name, u.Completeness, want)
			}
			// Without live readings what is settled is all.
			usage.Live = nil
			if u, err = usage.Used(t.Context(), x.p, c, from, to); err != nil || math.Abs(u.Amount-amount) > 1e-6 {
				t.Errorf("%s: %+v, not %v; %v", name, u, amount, err)
			}
			// A day that begins after what is settled has nothing yet.
			if u, err = usage.Used(t.Context(), x.p, c, to, to+1000); err != nil || !math.IsNaN(u.Amount) || u.Completeness != 0 {
				t.Errorf("%s: %+v, %v", name, u, err)
			}
		}
		usage := Usage{Store: store, Catalog: w.catalog, Live: live{w.memory}}
		if u, err := usage.Used(t.Context(), ledger.SensorPoint("b"), c, from, to); err != nil || !math.IsNaN(u.Amount) || u.Estimated != 0 {
			t.Errorf("of who never said anything: %+v, %v", u, err)
		}
	})
}
