package reading

import (
	"math"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

// Figure is the amount of a time that somebody has entered. The time begins and
// ends at a quarter of an hour.
type Figure struct {
	window.Span
	Amount energy.Amount
}

// upTo is the part of the amount that falls before t: evenly in time, so that the
// parts of consecutive windows are the whole, exactly.
func (f *Figure) upTo(t record.Millis) energy.Amount {
	return energy.Amount(wide.Share(int64(f.Amount), int64(min(max(t, f.From), f.To)-f.From), f.Length()))
}

// Enter puts figures in the place of the values between edges that lie in their
// time, whatever readings say of it; a later figure in that of an earlier one.
func (d *Decisions) Enter(values []energy.Value, edges []record.Millis) {
	for k := range d.Figures {
		f := &d.Figures[k]
		for i := range values {
			from, to := edges[i], edges[i+1]
			if from < f.From || to > f.To {
				continue
			}
			v := &values[i]
			*v = energy.Value{Known: true, Quality: energy.Corrected, Covered: int64(to - from), Amount: f.upTo(to) - f.upTo(from), Min: math.NaN(), Max: math.NaN()}
			v.Average = v.Amount.Float64() / (float64(to-from) / 3_600_000)
		}
	}
}
