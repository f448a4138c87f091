package record

import (
	"math"
	"math/big"
	"testing"
)

func TestUnitsSayWhatTheMeterSays(t *testing.T) {
	for _, c := range []struct {
		value float64
		unit  string
		want  float64
	}{
		{2.01, "kW", 2010}, {4.216, "kW", 4216}, {1.1, "MWh", 1_100_000}, {-0.3, "kW", -300}, {0.07, "kW", 70},
		{1234.5, "mW", 1.2345}, {3, "kW", 3000}, {0, "kW", 0}, {5e-324, "W", 5e-324}, {1e308, "kW", math.Inf(1)},
	} {
		if got, _, err := Convert(c.value, c.unit); err != nil || got != c.want {
			t.Errorf("%v %s is %v, %v; want %v", c.value, c.unit, got, err, c.want)
		}
	}
}

func FuzzShift(f *testing.F) {
	f.Add(2.01, 3)
	f.Add(-1e300, 9)
	f.Add(5e-324, -3)
	f.Fuzz(func(t *testing.T, v float64, tens int) {
		// The digits of numbers near the smallest there is say little.
		if tens < -22 || tens > 22 || math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) < 1e-280 {
			return
		}
		got := shift(v, tens)
		ten := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(tens, -tens))), nil))
		exact := new(big.Rat).SetFloat64(v)
		if tens < 0 {
			exact.Quo(exact, ten)
		} else {
			exact.Mul(exact, ten)
		}
		near, _ := exact.Float64()
		if math.IsInf(near, 0) != math.IsInf(got, 0) && math.Abs(near) < math.MaxFloat64 {
			t.Fatalf("shift(%v, %d) is %v, the product %v", v, tens, got, near)
		}
		if math.Abs(got-near) > math.Abs(near)*0x1p-51+5e-324 {
			t.Errorf("shift(%v, %d) is %v, the product %v", v, tens, got, near)
		}
	})
}
