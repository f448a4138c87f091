package demand

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// someRows makes quarters of a group of three members in a span: some are not
// known, some missing, some estimated in part; amounts of both signs, and many
// that are equal.
func someRows(random *rand.Rand, from, to record.Millis) []ledger.Row {
	var rows []ledger.Row
	for at := from; at < to; at += quarter * record.Millis(1+random.IntN(12)) {
		r := ledger.Row{Start: at, End: at + quarter, Total: 3, Value: energy.Value{Count: 10, Average: math.NaN(), Min: math.NaN(), Max: math.NaN(), Covered: random.Int64N(3 * int64(quarter))}}
		if random.IntN(10) > 0 {
			r.Known, r.Members, r.Amount = true, uint32(1+random.IntN(3)), energy.Amount(random.Int64N(4_000)-1_000)*250_000
			if random.IntN(5) == 0 {
				r.Amount = 0
			}
			if random.IntN(8) == 0 {
				r.Estimated = energy.Amount(random.Int64N(1_000_000))
			}
			r.Quality = energy.Measured
		}
		rows = append(rows, r)
	}
	return rows
}

// TestOracle compares what the databases compute with what a loop over all rows
// does.
func TestOracle(t *testing.T) {
	everywhere(t, func(t *testing.T, store *ledger.Store) {
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		begin, settled := time.Date(2025, 2, 1, 0, 0, 0, 0, zone), time.Date(2026, 4, 10, 12, 0, 0, 0, zone)
		w := newWorld(t, store, document(t), settled.Add(20*time.Minute))
		ids, err := store.IDs(t.Context(), []ledger.Point{ledger.GroupPoint("place", "plant"), ledger.GroupPoint("place", "hall")}, true)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, 2))
		rows := someRows(random, record.MillisOf(begin), record.MillisOf(settled))
		var changes []ledger.Change
		for i := range rows {
			changes = append(changes, ledger.Change{Point: ids[0], Row: rows[i]})
			if i%3 == 0 { // of another group, in the way
				other := rows[i]
				other.Amount += 5_000 * 250_000
				changes = append(changes, ledger.Change{Point: ids[1], Row: other})
			}
		}
		if err := store.Write(t.Context(), ledger.Quarters, changes); err != nil {
			t.Fatal(err)
		}
		if err := store.SetProgress(t.Context(), ledger.Frontier, record.MillisOf(settled)); err != nil {
			t.Fatal(err)
		}
		x, err := w.demand.group(t.Context(), "plant", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []ledger.Flow{ledger.Import, ledger.Export} {
			from, to := record.MillisOf(time.Date(2026, 1, 15, 0, 0, 0, 0, zone)), record.MillisOf(time.Date(2026, 6, 1, 0, 0, 0, 0, zone))
			months, _, err := w.demand.months(t.Context(), &x, f, from, to, 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(months) != 5 {
				t.Fatalf("%d months", len(months))
			}
			for i, m := range months {
				a := time.Date(2026, time.Month(i+1), 1, 0, 0, 0, 0, zone)
				b := record.MillisOf(a.AddDate(0, 1, 0))
				if m.From != record.MillisOf(a) || m.Span.To != b || m.To != min(b, max(m.From, record.MillisOf(settled))) {
					t.Errorf("month %d is %+v", i, m.Span)
				}
				checkRows(t, fmt.Sprint(f, " of month ", i), &m.Totals, f, within(rows, m.From, m.To), m.To-m.From, m.Highest)
				year := within(rows, record.MillisOf(a.AddDate(0, -11, 0)), b)
				best := highest(f, year, 1)
				if (m.Rolling.Highest == nil) != (len(best) == 0) || len(best) > 0 && m.Rolling.Highest.Start != best[0].Start || m.Rolling.From != record.MillisOf(a.AddDate(0, -11, 0)) {
					t.Errorf("%d rolling in month %d: %+v, not %+v", f, i, m.Rolling, best)
				}
			}
		}
		for _, f := range []ledger.Flow{ledger.Import, ledger.Export, ledger.Net} {
			for range 10 {
				from := record.MillisOf(begin) + quarter*record.Millis(random.IntN(40_000))
				to := from + quarter*record.Millis(1+random.IntN(30_000))
				points := 2 + random.IntN(300)
				levels := []energy.Amount{-1, 0, 250_000 * energy.Amount(random.Int64N(3_000)), 1 << 60}
				d, _, err := w.demand.duration(t.Context(), &x, f, from, to, points, levels)
				if err != nil {
					t.Fatal(err)
				}
				all := within(rows, from, d.To)
				checkRows(t, fmt.Sprint(f, " duration"), &d.Totals, f, all, d.To-d.From, nil)
				var falling []energy.Amount
				for _, r := range all {
					if r.Known {
						falling = append(falling, f.Of(r.Amount))
					}
				}
				slices.SortFunc(falling, func(a, b energy.Amount) int { return cmp.Compare(b, a) })
				if len(d.Ranks) != min(points, len(falling)) || len(d.Ranks) > 0 && (d.Ranks[0] != 1 || d.Ranks[len(d.Ranks)-1] != len(falling)) {
					t.Errorf("%d quarters in %d points are ranks %v", len(falling), points, d.Ranks)
				}
				for i, r := range d.Ranks {
					if d.Amounts[i] != falling[r-1] {
						t.Fatalf("rank %d is %v, not %v", r, d.Amounts[i], falling[r-1])
					}
				}
				for i, l := range levels {
					n := 0
					for _, a := range falling {
						if a > l {
							n++
						}
					}
					if d.Above[i] != n {
						t.Errorf("above %v are %d, not %d", l, d.Above[i], n)
					}
				}
			}
		}
	})
}

func within(rows []ledger.Row, from, to record.Millis) (out []ledger.Row) {
	for _, r := range rows {
		if r.Start >= from && r.Start < to {
			out = append(out, r)
		}
	}
	return out
}

func highest(f ledger.Flow, rows []ledger.Row, n int) []ledger.Row {
	all := slices.DeleteFunc(slices.Clone(rows), func(r ledger.Row) bool { return !r.Known || f.Of(r.Amount) <= 0 })
	slices.SortStableFunc(all, func(a, b ledger.Row) int { return cmp.Compare(f.Of(b.Amount), f.Of(a.Amount)) })
	return all[:min(n, len(all))]
}

func checkRows(t *testing.T, what string, got *ledger.Totals, f ledger.Flow, rows []ledger.Row, length record.Millis, top []ledger.Row) {
	t.Helper()
	want := ledger.Totals{Rows: len(rows)}
	for _, r := range rows {
		want.Covered += r.Covered
		want.Total = 3
		want.Length, want.Members = want.Length+quarter, want.Members+3*int64(quarter)
		if r.Known {
			want.Known++
			want.Amount += f.Of(r.Amount)
			want.Estimated += r.Estimated
			if r.Estimated > 0 {
				want.Uncertain++
			}
		}
	}
	if *got != want {
		t.Errorf("%s: %+v, not %+v", what, *got, want)
	}
	if length > 0 && got.Completeness(0, length) != float64(want.Covered)/(3*float64(length)) && len(rows) > 0 {
		t.Errorf("%s: completeness %v", what, got.Completeness(0, length))
	}
	if top != nil && !slices.EqualFunc(top, highest(f, rows, 3), func(a, b ledger.Row) bool { return ledger.Same(&a, &b) }) {
		t.Errorf("%s: the highest are %+v", what, top)
	}
}

// TestLevels has a level stand exactly between amounts that are above it and
// those that are not.
func TestLevels(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		level := math.Exp(random.Float64()*30 - 6)
		if random.IntN(3) == 0 {
			level = math.Round(level)
		}
		a, err := levelOf(level)
		if err != nil || demandOf(a) > level || demandOf(a+1) <= level && level < 1e9 {
			t.Fatalf("level %v is %v: %v, %v; %v", level, a, demandOf(a), demandOf(a+1), err)
		}
	}
	if _, err := levelOf(math.Inf(1)); err == nil {
		t.Error("an endless level")
	}
}

// TestRanks has the first and the last among the points, and none twice.
func TestRanks(t *testing.T) {
	for _, x := range []struct {
		n, points int
		want      []int
	}{{1, 5, []int{1}}, {2, 5, []int{1, 2}}, {5, 5, []int{1, 2, 3, 4, 5}}, {9, 5, []int{1, 3, 5, 7, 9}}, {10, 2, []int{1, 10}}, {35_040, 3, []int{1, 17_521, 35_040}}} {
		if got := ranks(x.n, x.points); !slices.Equal(got, x.want) {
			t.Errorf("%d in %d points: %v", x.n, x.points, got)
		}
	}
}
