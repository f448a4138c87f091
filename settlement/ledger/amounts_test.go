package ledger_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// kinds of rows, in turn.
func kinds() []ledger.Row {
	measured := energy.Value{Known: true, Quality: energy.Measured, Count: 15, Covered: 900_000, Amount: 25_000_000, Average: 100, Min: 90, Max: 110}
	part := measured
	part.Quality, part.Estimated, part.Amount = energy.Estimated, -3, -7
	nothing := energy.Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN()}
	mean := energy.Value{Quality: energy.Measured, Covered: 1000, Average: 293, Min: 293, Max: 293}
	return []ledger.Row{
		{Value: measured, Members: 1, Total: 1},
		{Value: part, Members: 2, Total: 3, Metered: true, Meter: -5},
		{Value: nothing, Total: 1},
		{Value: mean, Total: 1},
	}
}

func filled(tb testing.TB, url string, n int) (*ledger.Store, int64) {
	tb.Helper()
	s, err := ledger.Open(tb.Context(), ledger.Options{Dir: tb.TempDir(), URL: url, NoSync: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	ids, err := s.IDs(tb.Context(), []ledger.Point{ledger.SensorPoint("a")}, true)
	if err != nil {
		tb.Fatal(err)
	}
	all := make([]ledger.Change, n)
	for i := range all {
		r := kinds()[i%4]
		r.Start = record.Millis(i) * 900_000
		r.End = r.Start + 900_000
		all[i] = ledger.Change{Point: ids[0], Row: r, New: true}
	}
	if err := s.Write(tb.Context(), ledger.Quarters, all); err != nil {
		tb.Fatal(err)
	}
	return s, ids[0]
}

// TestAmounts says the same as Rows, but for what it leaves out.
func TestAmounts(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "", "postgres": pgtest.Database(t)} {
		t.Run(name, func(t *testing.T) {
			s, id := filled(t, url, 10)
			want, err := s.Rows(t.Context(), nil, ledger.Quarters, id, 900_000, 9*900_000)
			if err != nil || len(want) != 8 {
				t.Fatal(len(want), err)
			}
			for i := range want {
				want[i].Count, want[i].Min, want[i].Max, want[i].Rest = 0, math.NaN(), math.NaN(), ledger.Rest{}
			}
			var got []ledger.Row
			if err := s.Amounts(t.Context(), id, 900_000, 9*900_000, func(r *ledger.Row) { got = append(got, *r) }); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, want, cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
			if err := s.Amounts(t.Context(), 0, 0, 9*900_000, func(*ledger.Row) { t.Error("of nothing") }); err != nil {
				t.Error(err)
			}
		})
	}
}

// BenchmarkRead reads 100 days.
func BenchmarkRead(b *testing.B) {
	const n = 9600
	s, id := filled(b, "", n)
	b.Run("rows", func(b *testing.B) {
		for b.Loop() {
			if rows, err := s.Rows(b.Context(), nil, ledger.Quarters, id, 0, n*900_000); err != nil || len(rows) != n {
				b.Fatal(len(rows), err)
			}
		}
	})
	b.Run("amounts", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k := 0
			if err := s.Amounts(b.Context(), id, 0, n*900_000, func(*ledger.Row) { k++ }); err != nil || k != n {
				b.Fatal(k, err)
			}
		}
	})
}

// TestCompletenessOfTotals has a group get members on the second of two days that
// are measured throughout.
func TestCompletenessOfTotals(t *testing.T) {
	const day = 96 * 900_000
	s, id := filled(t, "", 0)
	var all []ledger.Change
	for i, total := range []uint32{2, 4} {
		r := kinds()[0]
		r.Start, r.End = record.Millis(i)*day, record.Millis(i+1)*day
		r.Total, r.Members, r.Covered = total, total, day*int64(total)
		all = append(all, ledger.Change{Point: id, Row: r, New: true})
	}
	if err := s.Write(t.Context(), ledger.Days, all); err != nil {
		t.Fatal(err)
	}
	x, err := s.Totals(t.Context(), ledger.Days, ledger.Net, id, 0, 2*day)
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Completeness(0, 2*day); got != 1 {
		t.Errorf("two days are complete to %v", got)
	}
	if got := x.Completeness(0, 3*day); got != .6 { // four are missing on the third
		t.Errorf("three days are complete to %v", got)
	}
}
