package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/record"
)

// Averages gives the mean of each quarter of a point that begins in a span, which
// begins with one itself, in order and without a hole: NaN where it is not known.
func (s *Store) Averages(ctx context.Context, point int64, from, to record.Millis) ([]float64, error) {
	out := make([]float64, max(0, (to-from+quarter-1)/quarter))
	for i := range out {
		out[i] = math.NaN()
	}
	if point == 0 || len(out) == 0 {
		return out, nil
	}
	q := fmt.Sprintf("SELECT start, average FROM settled_quarters WHERE %s AND average IS NOT NULL", between(point, from, to))
	err := s.scan(ctx, q, func(found *sql.Rows) error {
		var start record.Millis
		var v float64
		if err := found.Scan(&start, &v); err != nil { // as when ctx has ended
			return err
		}
		out[(start-from)/quarter] = v
		return nil
	})
	return out, err
}
