package exact

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

// exact is the oracle: arbitrary precision, rounded once.
func exact(xs []float64) float64 {
	t := new(big.Float).SetPrec(600)
	for _, x := range xs {
		t.Add(t, onGrid(x))
	}
	v, _ := t.Float64()
	return v
}

// onGrid rounds to multiples of 2^-64, half to even.
func onGrid(x float64) *big.Float {
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

func randomValue(r *rand.Rand) float64 {
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

func TestSumIsExactInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		xs := make([]float64, r.IntN(40))
		for i := range xs {
			xs[i] = randomValue(r)
		}
		var a, b Sum
		for _, x := range xs {
			a.Add(x)
		}
		var left, right Sum
		for i, j := range r.Perm(len(xs)) {
			if i%2 == 0 {
				left.Add(xs[j])
			} else {
				right.Sub(xs[j])
			}
		}
		b.AddSum(left, 1)
		b.AddSum(right, -1)
		want := exact(xs)
		if got := a.Float64(); got != want || a != b {
			t.Fatalf("sum of %v: got %v and %v, want %v", xs, got, b.Float64(), want)
		}
		if Load(a.Append(nil)) != a {
			t.Fatal("the stored form differs")
		}
	}
}

func FuzzSum(f *testing.F) {
	f.Add(1.5, -1.5, 1e18)
	f.Add(math.SmallestNonzeroFloat64, 0x1p-64, 0x1p-65)
	f.Add(math.Copysign(0, -1), 0.1, -0.3)
	f.Fuzz(func(t *testing.T, a, b, c float64) {
		for _, x := range []float64{a, b, c} {
			if record.ValidateSample(0, x) != nil {
				return
			}
		}
		var s Sum
		s.Add(a)
		s.Add(b)
		s.Add(c)
		if got, want := s.Float64(), exact([]float64{a, b, c}); got != want {
			t.Fatalf("%v + %v + %v: got %v, want %v", a, b, c, got, want)
		}
	})
}

func BenchmarkSumAdd(b *testing.B) {
	var s Sum
	for i := range b.N {
		s.Add(float64(i&1023) * 0.37)
	}
}
