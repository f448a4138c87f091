package wide

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestWide compares 128 bits with math/big.
func TestWide(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	edges := []int64{0, 1, -1, 2, 499_999_999, 500_000_000, 1e9, -1e9, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1}
	number := func() int64 {
		if r.IntN(3) == 0 {
			return edges[r.IntN(len(edges))]
		}
		return int64(r.Uint64()) >> r.IntN(64)
	}
	value := func(w Int) *big.Int {
		v := new(big.Int).Lsh(big.NewInt(w.hi), 64)
		return v.Add(v, new(big.Int).SetUint64(w.lo))
	}
	limit := new(big.Int).Lsh(big.NewInt(1), 127)
	fits := func(v *big.Int) bool { return v.Cmp(limit) < 0 && v.Cmp(new(big.Int).Neg(limit)) >= 0 }
	for range 40_000 {
		a, b, c, d := number(), number(), number(), number()
		x, y := Product(a, b), Product(c, d)
		want := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		if value(x).Cmp(want) != 0 {
			t.Fatalf("%d × %d is %v", a, b, value(x))
		}
		for range r.IntN(3) {
			if z, ok := x.Plus(x); ok {
				x = z
			}
		}
		z, ok := x.Plus(y)
		want = new(big.Int).Add(value(x), value(y))
		if ok != fits(want) || ok && value(z).Cmp(want) != 0 {
			t.Fatalf("%v + %v is %v, %v", value(x), value(y), value(z), ok)
		}
		n := Magnitude(number())
		z, ok = x.Times(n)
		want = new(big.Int).Mul(value(x), new(big.Int).SetUint64(n))
		// The smallest number has no magnitude of 127 bits, and may be refused.
		if ok && (!fits(want) || value(z).Cmp(want) != 0) || !ok && fits(want) && want.Cmp(new(big.Int).Neg(limit)) != 0 {
			t.Fatalf("%v × %d is %v, %v", value(x), n, value(z), ok)
		}
		if n == 0 {
			continue
		}
		q, ok := x.Over(By(n))
		twice := new(big.Int).Lsh(new(big.Int).Abs(value(x)), 1)
		twice.Add(twice, new(big.Int).SetUint64(n))
		want = twice.Quo(twice, new(big.Int).Lsh(new(big.Int).SetUint64(n), 1))
		if value(x).Sign() < 0 {
			want.Neg(want)
		}
		if ok && (!want.IsInt64() || want.Int64() != q) || !ok && want.IsInt64() && want.Int64() != math.MinInt64 {
			t.Fatalf("%v / %d is %d, %v, want %v", value(x), n, q, ok, want)
		}
	}
}

func TestShares(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		a, whole := int64(r.Uint64()), 1+r.Int64N(4e6)
		last, total := int64(0), int64(0)
		for at := int64(0); at < whole; {
			at = min(whole, at+1+r.Int64N(1e6))
			v := Share(a, at, whole)
			total += v - last
			last = v
		}
		if total != a {
			t.Fatalf("parts of %d are %d", a, total)
		}
	}
}
