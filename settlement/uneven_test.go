package settlement

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// TestUneven has meters and members that are silent at times: what is unaccounted
// is the meter less the members over the quarters in which readings speak of all
// the time for all of them, in windows of every length, and nothing where there
// are none. Expected is what the quarters of the single sensors say.
func TestUneven(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) {
			begin := time.Date(2026, 3, 27, 23, 0, 0, 0, time.UTC) // midnight in Kiel; the clock changes on the 29th
			end := begin.Add(71 * time.Hour)
			w := newWorld(t, open, end.Add(time.Hour))
			w.put(document())
			random := rand.New(rand.NewPCG(7, 50))
			quiet := map[string][]span{}
			for _, id := range []string{"p0", "p1", "p4", "main1", "c1"} {
				for range 4 {
					from := begin.Add(time.Duration(random.IntN(70*60)) * time.Minute)
					quiet[id] = append(quiet[id], span{record.MillisOf(from), record.MillisOf(from.Add(time.Duration(random.IntN(300)) * time.Minute))})
				}
			}
			// Of the last day nobody knows what the meter of hall1 says.
			quiet["p4"] = append(quiet["p4"], span{record.MillisOf(end.Add(-24 * time.Hour)), record.MillisOf(end)})
			var all []record.Record
			add := func(id string, at record.Millis, v float64) {
				for _, q := range quiet[id] {
					if at >= q.from && at < q.to {
						return
					}
				}
				all = append(all, record.Record{Sensor: record.SensorID(id), Time: at, Value: v})
			}
			for m := range int(end.Sub(begin) / time.Minute) {
				at := record.MillisOf(begin.Add(time.Duration(m) * time.Minute))
				add("p0", at, 60+float64(m%7))
				add("p1", at, 30)
				add("p4", at, 120+float64(m%11))
				if m%5 == 0 {
					add("c1", at, float64(m))
				}
				if m%15 == 0 {
					add("main1", at, 2*float64(m))
				}
			}
			w.send(all...)
			w.settle()

			ask := func(p ledger.Point, size window.Size, from, to record.Millis) []ledger.Row {
				t.Helper()
				rows, _, err := w.service.Windows(t.Context(), p, size, from, to)
				if err != nil {
					t.Fatal(err)
				}
				return rows
			}
			from, to := record.MillisOf(begin), record.MillisOf(end)
			for _, g := range []struct {
				group   ledger.Point
				meter   record.SensorID
				members []record.SensorID
			}{
				{ledger.GroupPoint("place", "hall1"), "p4", []record.SensorID{"p0", "p1"}},
				{ledger.GroupPoint("costs", "press"), "main1", []record.SensorID{"c1"}},
			} {
				naive := make(map[record.Millis]energy.Amount)
				meters := ask(ledger.SensorPoint(g.meter), window.Quarter, from, to)
				members, heard := make([][]ledger.Row, len(g.members)), make([]bool, len(g.members))
				for i, id := range g.members {
					members[i] = ask(ledger.SensorPoint(id), window.Quarter, from, to)
				}
				for i, r := range meters {
					whole, rest := r.Known && r.Covered == int64(quarter), r.Amount
					for k, m := range members {
						if known := m[i].Known || m[i].Count > 0; known {
							heard[k] = true
						}
						if !heard[k] { // it is not missing
							continue
						}
						whole, rest = whole && m[i].Known && m[i].Covered == int64(quarter), rest-m[i].Amount
					}
					if whole {
						naive[r.Start] = rest
					}
				}
				if len(naive) == 0 || len(naive) == len(meters) {
					t.Fatalf("%v: %d of %d quarters can be compared", g.group, len(naive), len(meters))
				}
				differs, none := false, false
				for _, size := range []window.Size{window.Quarter, window.HalfHour, window.Hour, window.Day, window.Week, window.Month, window.Year} {
					for _, r := range ask(g.group, size, from, to) {
						want, n := energy.Amount(0), record.Millis(0)
						for at := r.Start; at < r.End; at += quarter {
							if rest, ok := naive[at]; ok {
								want, n = want+rest, n+1
							}
						}
						got, ok := r.Unaccounted()
						if ok != (n > 0) || got != want || r.Rest.Time != n*quarter || r.Compared() != float64(n*quarter)/float64(r.End-r.Start) {
							t.Errorf("%v, %v from %s: %v, %t are unaccounted over %v; want %v over %d quarters", g.group, size, r.Start, got, ok, r.Rest.Time, want, n)
						}
						differs = differs || size == window.Day && ok && got != r.Meter-r.Amount
						none = none || size == window.Day && !ok && r.Known
					}
				}
				if !differs || g.meter == "p4" && !none {
					t.Errorf("%v: no day shows what is meant", g.group)
				}
				// Windows of 5 minutes are compared by themselves.
				fives := ask(g.group, window.FiveMinutes, from, from+96*quarter)
				for i := 0; i+3 <= len(fives); i += 3 {
					of := tree.Merge(fives[i].Start, fives[i+2].End, fives[i:i+3])
					rest, ok := naive[of.Start]
					if whole := of.Rest.Time == quarter; whole != ok || whole && of.Rest.Amount != rest {
						t.Errorf("%v: three windows from %s come to %+v, not %v, %t", g.group, of.Start, of.Rest, rest, ok)
					}
				}
			}
		})
	}
}
