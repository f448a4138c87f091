package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
)

// Amounts gives the quarters of a point in a span, as Rows does, without what only
// reports need: extremes, how many readings there were, and what is unaccounted. A row is
// that of the call. It is for long spans, and takes half of the time.
func (s *Store) Amounts(ctx context.Context, point int64, from, to record.Millis, each func(r *Row)) error {
	if point == 0 {
		return nil
	}
	q := fmt.Sprintf("SELECT start, amount, estimated, meter, average, covered, members, total, quality FROM settled_quarters WHERE %s ORDER BY start", between(point, from, to))
	// Into any, values are put as they are; everything else is converted by reflection.
	var in [9]any
	var at [len(in)]any
	for i := range in {
		at[i] = &in[i]
	}
	var r Row
	return s.scan(ctx, q, func(found *sql.Rows) error {
		if err := found.Scan(at[:]...); err != nil {
			return err
		}
		whole := func(i int) (v int64, known bool) {
			v, known = in[i].(int64)
			return v, known
		}
		start, _ := whole(0)
		amount, known := whole(1)
		estimated, _ := whole(2)
		meter, metered := whole(3)
		covered, _ := whole(5)
		members, _ := whole(6)
		total, _ := whole(7)
		quality, ok := whole(8)
		if !ok {
			return fmt.Errorf("a quality is %T", in[8])
		}
		average, some := in[4].(float64)
		if !some {
			average = math.NaN()
		}
		r = Row{Start: record.Millis(start), End: record.Millis(start) + quarter, Metered: metered, Meter: energy.Amount(meter), Members: uint32(members), Total: uint32(total)}
		r.Value = energy.Value{
			Known: known, Quality: energy.Quality(quality), Covered: covered, Amount: energy.Amount(amount), Estimated: energy.Amount(estimated),
			Average: average, Min: math.NaN(), Max: math.NaN(),
		}
		each(&r)
		return nil
	})
}
