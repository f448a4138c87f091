package dayahead

import (
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/regression"
)

// coverage is the share of values that bands are to hold.
const coverage = 0.8

// A band is what is added to a forecast for its bounds, by slot.
type band struct {
	Lower []float64 `json:"lower"`
	Upper []float64 `json:"upper"`
}

// fewest is how many days of errors make a band.
const fewest = 10

// bandOf takes the quantiles of what the errors of each hour, and of those beside
// it, were lately: a share of alpha lies outside. It is the split conformal band, with
// the correction for few values. Of too few days there is none.
func bandOf(errors recent, n int, alpha float64) *band {
	if len(errors) < fewest {
		return nil
	}
	b := &band{make([]float64, n), make([]float64, n)}
	reach := max(n/24, 1)
	var pool []float64
	for s := range n {
		pool = pool[:0]
		for _, row := range errors {
			for k := s - reach; k <= s+reach; k++ {
				if v := row[(k+n)%n]; v == v {
					pool = append(pool, v)
				}
			}
		}
		slices.Sort(pool)
		m := float64(len(pool))
		tail := min(alpha/2*(m+1)/max(m, 1)-1/max(m, 1), 0.5)
		tail = max(tail, 0)
		b.Lower[s] = regression.QuantileSorted(pool, tail)
		b.Upper[s] = regression.QuantileSorted(pool, 1-tail)
	}
	return b
}

// missed is the share of the values of a day that lie outside.
func (b *band) missed(row, said []float64, low float64) (out, known float64) {
	for s, v := range row {
		if v != v {
			continue
		}
		known++
		if l, u := b.around(said[s], s, low); v < l || v > u {
			out++
		}
	}
	return out, known
}

// around are the bounds of a value, which lies between them.
func (b *band) around(v float64, s int, low float64) (lower, upper float64) {
	lower, upper = v+b.Lower[s], v+b.Upper[s]
	if low >= 0 {
		lower, upper = max(lower, 0), max(upper, 0)
	}
	return math.Min(lower, v), math.Max(upper, v)
}

// adapt moves alpha towards what makes the bands hold as many values as they
// should: adaptive conformal inference of Gibbs and Candès (2021).
func adapt(alpha, missed float64) float64 {
	const speed = 0.05
	return min(max(alpha+speed*((1-coverage)-missed), 0.02), 0.6)
}
