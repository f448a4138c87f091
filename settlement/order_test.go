package settlement

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// TestOrderDoesNotMatter delivers readings in time, late, shuffled and twice,
// over the night in which the clock changes, with restarts in between, and
// compares with all of them settled at once. Meanwhile formulas and trees
// change, also those of the past, and people decide about readings, also about
// those that have not come.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testOrder(t, sqlite, 1, 2, 3) })
	t.Run("postgres", func(t *testing.T) { testOrder(t, postgres, 4, 5) })
}

func testOrder(t *testing.T, open func(*testing.T) *ledger.Store, seeds ...uint64) {
	for _, seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 0))
		begin := time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC)
		end := begin.Add(40 * time.Hour)
		all := someReadings(random, begin, end)
		w := newWorld(t, open, begin.Add(5*time.Hour)) // some of it was there before the first start
		w.put(virtualDocument(nil))
		var late []record.Record
		for ; w.now.Before(end.Add(time.Hour)); w.now = w.now.Add(time.Duration(random.Int64N(int64(3 * time.Hour)))) {
			for len(all) > 0 && all[0].Time < record.MillisOf(w.now) {
				if random.IntN(5) == 0 {
					late = append(late, all[0])
				} else {
					w.send(all[0])
					if random.IntN(10) == 0 {
						late = append(late, all[0]) // once more
					}
				}
				all = all[1:]
			}
			random.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
			n := random.IntN(len(late) + 1)
			for _, r := range late[:n] {
				w.send(r)
			}
			late = late[n:]
			if random.IntN(4) == 0 {
				w.change(random, begin)
			}
			for range random.IntN(4) {
				w.intervene(random, begin)
			}
			w.settle()
			if random.IntN(4) == 0 {
				w.again()
			}
		}
		for _, r := range append(late, all...) {
			w.send(r)
		}
		w.change(random, begin)
		w.now = end.Add(30 * time.Hour)
		w.settle()
		oldest, _ := w.memory.Extent()
		w.same(oldest/quarter*quarter, record.Millis(w.service.at.frontier.Load()))
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// TestDecisionsDoNotDependOnOrder delivers readings late, some of one sensor at a
// time, next to what people have decided, so that little is settled again, and
// then undoes what was decided. After each of it everything is as if settled at
// once.
func TestDecisionsDoNotDependOnOrder(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 17))
		begin := time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC)
		end := begin.Add(12 * time.Hour)
		w := newWorld(t, sqlite, end.Add(time.Hour))
		w.put(document())
		type gap struct {
			sensor   record.SensorID
			from, to record.Millis
			held     []record.Record
		}
		var gaps []gap
		for _, id := range []record.SensorID{"p0", "p0", "p2", "c0", "c1"} {
			from := begin.Add(time.Duration(random.Int64N(int64(11 * time.Hour))))
			gaps = append(gaps, gap{sensor: id, from: record.MillisOf(from), to: record.MillisOf(from.Add(time.Duration(random.Int64N(int64(time.Hour)))))})
		}
		var all []record.Record
		for _, r := range someReadings(random, begin, end) {
			i := slices.IndexFunc(gaps, func(g gap) bool { return g.sensor == r.Sensor && g.from <= r.Time && r.Time < g.to })
			if i < 0 {
				all = append(all, r)
			} else {
				gaps[i].held = append(gaps[i].held, r)
			}
		}
		w.send(all...)
		w.settle()
		oldest, _ := w.memory.Extent()
		same := func(after string) {
			t.Helper()
			if w.same(oldest/quarter*quarter, record.Millis(w.service.at.frontier.Load())); t.Failed() {
				t.Fatalf("after %s, with seed %d", after, seed)
			}
		}
		decide := func(id record.SensorID, kind string, from, to record.Millis) {
			t.Helper()
			b := ledger.InterventionBody{Kind: kind, From: from.Time(), To: new(to.Time()), Why: "it was so"}
			if _, err := w.service.Intervene(t.Context(), id, b, "ada"); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range gaps { // beside what is missing, and beside that
			long := record.Millis(1+random.IntN(12)) * 10 * 60_000
			decide(g.sensor, ledger.Interpolate, g.to, g.to+long)
			decide(g.sensor, ledger.Interpolate, g.from-long, g.from)
			decide(g.sensor, ledger.Exclude, g.to+long, g.to+long+20*60_000)
			decide(g.sensor, ledger.Interpolate, g.to+long+20*60_000, g.to+2*long+20*60_000)
		}
		for range 4 {
			w.intervene(random, begin)
		}
		w.settle()
		same("deciding")
		for _, g := range gaps {
			random.Shuffle(len(g.held), func(i, j int) { g.held[i], g.held[j] = g.held[j], g.held[i] })
			for len(g.held) > 0 {
				n := min(len(g.held), 1+random.IntN(30))
				w.send(g.held[:n]...)
				w.settle()
				same("readings of " + string(g.sensor))
				g.held = g.held[n:]
			}
		}
		decided, err := w.store.Interventions(t.Context(), "", false, 1000)
		if err != nil {
			t.Fatal(err)
		}
		random.Shuffle(len(decided), func(i, j int) { decided[i], decided[j] = decided[j], decided[i] })
		for _, x := range decided {
			if _, err := w.service.Undo(t.Context(), x.ID, "it was not", "bob"); err != nil {
				t.Fatal(err)
			}
			w.settle()
			same("undoing " + x.Kind + " of " + string(x.Sensor))
		}
	}
}
