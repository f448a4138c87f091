package demand

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// mostDuration bounds the span of a load duration curve.
const mostDuration = 11 * 366 * 96 * quarter

// Duration is how long which demand lasts.
type Duration struct {
	From, To record.Millis // To: of what of it is settled
	Totals   ledger.Totals
	Ranks    []int           // of the points of the curve; rank 1 is the highest quarter
	Amounts  []energy.Amount // of the quarters at these ranks
	Above    []int           // quarters above each level
	Highest  *ledger.Row     // nil: none is above zero
}

// errMoving says that windows were settled while they were read.
var errMoving = huma.Error503ServiceUnavailable("windows of this time are being settled; ask again")

// duration gives the load duration curve of a span in so many points.
func (s *Service) duration(ctx context.Context, x *subject, f ledger.Flow, from, to record.Millis, points int, levels []energy.Amount) (d Duration, settled record.Millis, err error) {
	if to-from > mostDuration {
		return d, 0, huma.Error422UnprocessableEntity("more than 11 years; ask for a shorter time")
	}
	if settled, err = s.opts.Store.Progress(ctx, ledger.Frontier); err != nil {
		return d, 0, err
	}
	d = Duration{From: from, To: min(to, max(settled, from)), Above: make([]int, len(levels))}
	if x.id == 0 || d.To == d.From {
		return d, settled, nil
	}
	for range 3 { // what is settled meanwhile would not fit together
		if d.Totals, err = s.opts.Store.Totals(ctx, ledger.Quarters, f, x.id, d.From, d.To); err != nil {
			return d, settled, err
		}
		if d.Totals.Known == 0 {
			return d, settled, nil
		}
		d.Ranks = ranks(d.Totals.Known, points)
		if d.Amounts, err = s.opts.Store.Ranked(ctx, f, x.id, d.From, d.To, d.Ranks); err != nil {
			return d, settled, err
		}
		if d.Above, err = s.opts.Store.Above(ctx, f, x.id, d.From, d.To, levels); err != nil {
			return d, settled, err
		}
		highest, err := s.opts.Store.Highest(ctx, f, x.id, d.From, d.To, 1)
		if err != nil {
			return d, settled, err
		}
		if len(highest) > 0 {
			d.Highest = &highest[0]
		}
		again, err := s.opts.Store.Totals(ctx, ledger.Quarters, f, x.id, d.From, d.To)
		if err != nil {
			return d, settled, err
		}
		if again == d.Totals && len(d.Amounts) == len(d.Ranks) {
			return d, settled, nil
		}
	}
	return d, settled, errMoving
}

// ranks divides n quarters evenly: the first and the last are among them, and
// none is there twice.
func ranks(n, points int) []int {
	var out []int
	for i := range points {
		r := 1
		if points > 1 {
			r = 1 + int((int64(i)*int64(n-1)+int64(points-1)/2)/int64(points-1)) // the nearest
		}
		if len(out) == 0 || out[len(out)-1] < r {
			out = append(out, r)
		}
	}
	return out
}

// levels reads demands.
func levels(list []float64) ([]energy.Amount, error) {
	out := make([]energy.Amount, len(list))
	for i, v := range list {
		a, err := levelOf(v)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("level: %v", err))
		}
		out[i] = a
	}
	return out, nil
}
