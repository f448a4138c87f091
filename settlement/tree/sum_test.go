package tree

import (
	"math"
	"testing"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// TestCompletenessOfMembersThatChange merges windows of groups that got and lost
// members, in one go and in two.
func TestCompletenessOfMembersThatChange(t *testing.T) {
	const day = 96 * quarter
	row := func(n int, total uint32, share float64) ledger.Row {
		start := record.Millis(n) * day
		return ledger.Row{Start: start, End: start + day, Total: total, Members: total, Value: energy.Value{
			Known: true, Average: 7, Min: math.NaN(), Max: math.NaN(), Covered: int64(share * float64(total) * float64(day)),
		}}
	}
	for name, x := range map[string]struct {
		rows []ledger.Row
		want float64
	}{
		"two, then four":       {[]ledger.Row{row(0, 2, 1), row(1, 4, 1)}, 1},
		"four, then one":       {[]ledger.Row{row(0, 4, 1), row(1, 1, 1)}, 1},
		"half of the later":    {[]ledger.Row{row(0, 2, 1), row(1, 4, .5)}, 4. / 6},
		"a day is missing":     {[]ledger.Row{row(0, 2, 1), row(2, 4, 1)}, 6. / 10},
		"as many all the time": {[]ledger.Row{row(0, 3, 1), row(1, 3, .5)}, .75},
		"nothing":              {nil, 0},
	} {
		end := record.Millis(2) * day
		if n := len(x.rows); n > 0 {
			end = x.rows[n-1].End
		}
		r := Merge(0, end, x.rows)
		if got := r.Completeness(); math.Abs(got-x.want) > 1e-9 {
			t.Errorf("%s: complete to %v, not %v", name, got, x.want)
		}
		whole := Whole(r, false)
		if got := whole.Completeness(); math.Abs(got-x.want) > 1e-6 {
			t.Errorf("%s: as one thing it is complete to %v, not %v", name, got, x.want)
		}
		once, again := Merge(0, end+day, x.rows), Merge(0, end+day, []ledger.Row{r})
		if math.Abs(again.Completeness()-once.Completeness()) > 1e-9 {
			t.Errorf("%s: merged twice it is complete to %v, and once to %v", name, again.Completeness(), once.Completeness())
		}
	}
}
