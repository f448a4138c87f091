package exact

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/wattwerk/wattwerk/exact/exacttest"
	"github.com/wattwerk/wattwerk/record"
)

// exact is the oracle: arbitrary precision, rounded once.
func exact(xs []float64) float64 {
	t := new(big.Float).SetPrec(600)
	for _, x := range xs {
		t.Add(t, exacttest.OnGrid(x))
	}
	v, _ := t.Float64()
	return v
}

func TestSumIsExactInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		xs := make([]float64, r.IntN(40))
		for i := range xs {
			xs[i] = exacttest.Value(r)
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

func TestProductsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		var s Sum
		want := new(big.Rat)
		for range r.IntN(20) {
			x, n := exacttest.Value(r), r.Int64N(1<<42)-1<<41
			s.AddProduct(x, n)
			p, _ := exacttest.OnGrid(x).Rat(nil)
			if p == nil {
				p = new(big.Rat)
			}
			want.Add(want, p.Mul(p, new(big.Rat).SetInt64(n)))
		}
		if got, _ := want.Float64(); s.Float64() != got {
			t.Fatalf("got %v, want %v", s.Float64(), got)
		}
		mul, div := 1+uint64(r.IntN(20)), 1+uint64(r.IntN(20))
		if r.IntN(2) == 0 {
			mul, div = 1, 1+r.Uint64N(math.MaxUint64)
		}
		q := new(big.Rat).SetFrac(new(big.Int).SetUint64(mul), new(big.Int).SetUint64(div))
		q.Mul(q, want)
		n, fits := round(q)
		got, ok := s.Round(mul, div)
		if ok != fits || got != n {
			t.Fatalf("%v times %d by %d: got %d %v, want %d %v", want, mul, div, got, ok, n, fits)
		}
	}
}

// round is the nearest integer, half to even, and whether its magnitude is below 2^63.
func round(q *big.Rat) (int64, bool) {
	floor := new(big.Int).Div(q.Num(), q.Denom())
	rest := new(big.Rat).Sub(q, new(big.Rat).SetInt(floor))
	if c := rest.Cmp(big.NewRat(1, 2)); c > 0 || c == 0 && floor.Bit(0) == 1 {
		floor.Add(floor, big.NewInt(1))
	}
	if floor.BitLen() > 63 {
		return 0, false
	}
	return floor.Int64(), true
}

func TestRoundHalves(t *testing.T) {
	for _, k := range []struct {
		x        float64
		mul, div uint64
		want     int64
	}{
		{9, 5, 18, 2}, {27, 5, 18, 8}, {-9, 5, 18, -2}, {-27, 5, 18, -8}, {9 + 0x1p-49, 5, 18, 3}, {9 - 0x1p-49, 5, 18, 2},
		{0, 5, 18, 0}, {0.5, 1, 1, 0}, {1.5, 1, 1, 2}, {-0.5, 1, 1, 0}, {1e18, 9, 1, 9e18},
	} {
		var s Sum
		s.Add(k.x)
		if got, ok := s.Round(k.mul, k.div); got != k.want || !ok {
			t.Errorf("%v times %d by %d: got %d %v, want %d", k.x, k.mul, k.div, got, ok, k.want)
		}
	}
	var s Sum
	s.Add(1e18)
	if _, ok := s.Round(10, 1); ok {
		t.Error("1e19 does not fit")
	}
}
