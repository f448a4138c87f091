// Package exacttest has what tests hold exact sums against: the grid of package exact in arbitrary precision, and numbers that are hard on it.
package exacttest

import (
	"math"
	"math/big"
	"math/rand/v2"

	"github.com/wattwerk/wattwerk/record"
)

// OnGrid rounds to multiples of 2^-64, half to even.
func OnGrid(x float64) *big.Float {
	f := new(big.Float).SetPrec(600).SetFloat64(x)
	f.SetMantExp(f, 64)
	i, _ := f.Int(nil)
	whole := new(big.Float).SetPrec(600).SetInt(i)
	rest, _ := new(big.Float).SetPrec(600).Sub(f, whole).Float64()
	up := math.Abs(rest) > 0.5 || math.Abs(rest) == 0.5 && i.Bit(0) == 1
	if up {
		i.Add(i, big.NewInt(int64(math.Copysign(1, x))))
	}
	r := new(big.Float).SetPrec(600).SetInt(i)
	return r.SetMantExp(r, -64)
}

// Value is a number of any size that a record may have, often one that lies between two of the grid.
func Value(r *rand.Rand) float64 {
	switch r.IntN(6) {
	case 0:
		return float64(r.IntN(2000) - 1000)
	case 1:
		return math.Ldexp(r.Float64()-0.5, r.IntN(58))
	case 2:
		return math.Ldexp(r.Float64()-0.5, -r.IntN(90))
	case 3:
		return record.MaxValue * (r.Float64()*2 - 1)
	case 4:
		return math.Ldexp(float64(1+r.IntN(9)), -66) // ties on the grid
	}
	return math.Round(r.Float64()*1e5) / 100
}
