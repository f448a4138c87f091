package settlement

import (
	"math/rand/v2"
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
