package meter

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/meter/obis"
)

func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		raw    Int
		scaler int8
		want   string
	}{
		{Unsigned(54301577), -1, "5430157.7"}, {Signed(-31064), -2, "-310.64"}, {Unsigned(2324), 3, "2324000"}, {Unsigned(0), -4, "0"}, {Unsigned(0), 100, "0"},
		{Unsigned(5), -3, "0.005"}, {Unsigned(500), -2, "5"}, {Unsigned(10), -1, "1"}, {Unsigned(105), -1, "10.5"}, {Signed(-1), 0, "-1"}, {Unsigned(1), 100, "1e100"}, {Unsigned(7), -128, "7e-128"},
		{Signed(math.MinInt64), 0, "-9223372036854775808"}, {Unsigned(math.MaxUint64), -19, "1.8446744073709551615"},
	} {
		if got := string(c.raw.AppendDecimal(nil, c.scaler)); got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("%se%d: got %s, want %s", c.raw, c.scaler, got, c.want)
		}
	}
}

func TestFloats(t *testing.T) {
	for _, v := range []uint64{0, 1, 3, 54301577, 1<<53 - 1, 1<<53 + 1, math.MaxUint64} {
		for _, scaler := range []int8{-128, -23, -22, -4, -1, 0, 1, 3, 22, 23, 127} {
			exact := new(big.Float).SetPrec(1000).SetUint64(v)
			tens := new(big.Float).SetPrec(1000).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scaler, -scaler, 0))), nil))
			if scaler == -128 {
				tens.SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(128), nil))
			}
			if scaler < 0 {
				exact.Quo(exact, tens)
			} else {
				exact.Mul(exact, tens)
			}
			want, _ := exact.Float64()
			if got := Unsigned(v).Float(scaler); got != want {
				t.Errorf("%de%d: got %v, want %v", v, scaler, got, want)
			}
			if got := Unsigned(v).Neg().Float(scaler); got != -want {
				t.Errorf("-%de%d: got %v, want %v", v, scaler, got, -want)
			}
		}
	}
}

func FuzzInt(f *testing.F) {
	f.Add(uint64(5), false, uint64(7), true, int8(-1))
	f.Add(uint64(math.MaxUint64), true, uint64(math.MaxUint64), false, int8(3))
	f.Fuzz(func(t *testing.T, a uint64, aNeg bool, b uint64, bNeg bool, scaler int8) {
		number := func(v uint64, neg bool) (Int, *big.Int) {
			i, n := Unsigned(v), new(big.Int).SetUint64(v)
			if neg {
				return i.Neg(), n.Neg(n)
			}
			return i, n
		}
		i, x := number(a, aNeg)
		j, y := number(b, bNeg)
		if i.String() != x.String() || i.Sign() != x.Sign() {
			t.Errorf("%s is not %s", i, x)
		}
		if v, ok := i.Int64(); ok != x.IsInt64() || ok && v != x.Int64() {
			t.Errorf("%s as an int64: %d, %v", x, v, ok)
		}
		want := new(big.Int).Sub(x, y)
		if got, ok := i.Sub(j); ok != (want.BitLen() <= 64) || ok && got.String() != want.String() {
			t.Errorf("%s-%s: got %s, %v", x, y, got, ok)
		}
		text := i.AppendDecimal(nil, scaler)
		r, ok := new(big.Rat).SetString(string(text))
		tens := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(int(scaler), -int(scaler)))), nil))
		if scaler < 0 {
			tens.Inv(tens)
		}
		if !ok || !json.Valid(text) || r.Cmp(tens.Mul(tens, new(big.Rat).SetInt(x))) != 0 {
			t.Errorf("%se%d is not %s", x, scaler, text)
		}
	})
}

func TestFlags(t *testing.T) {
	for f := range Flags(1 << len(flagNames)) {
		got, ok := ParseFlags(f.String())
		if !ok || got != f || len(f.Names()) > len(flagNames) {
			t.Errorf("%d: %q reads %d, %v", f, f, got, ok)
		}
		if f == 1<<len(flagNames)-1 {
			break
		}
	}
	if _, ok := ParseFlags("salvaged,odd"); ok {
		t.Error("a flag that nobody knows is read")
	}
}

// TestSigns tells what the counters do beside a power of a sign, and whether it is
// doubted.
func TestSigns(t *testing.T) {
	type step struct {
		power   int64
		in, out uint64
	}
	for name, c := range map[string]struct {
		steps  []step
		oneWay bool
		want   []bool
	}{
		"drawing":                                {[]step{{5, 0, 0}, {5, 1, 0}, {5, 2, 0}, {5, 3, 0}}, false, []bool{false, false, false, false}},
		"feeding in":                             {[]step{{-5, 0, 0}, {-5, 0, 1}, {-5, 0, 2}, {-5, 0, 3}}, false, []bool{false, false, false, false}},
		"wrong while drawing":                    {[]step{{-5, 0, 0}, {-5, 1, 0}, {-5, 2, 0}, {-5, 3, 0}}, false, []bool{false, false, true, true}},
		"wrong while feeding":                    {[]step{{5, 0, 0}, {5, 0, 1}, {5, 0, 2}}, false, []bool{false, false, true}},
		"one step is from before the change":     {[]step{{5, 0, 0}, {-5, 1, 0}, {-5, 1, 0}, {-5, 1, 1}, {-5, 1, 2}}, false, []bool{false, false, false, false, false}},
		"phases against one another":             {[]step{{-5, 0, 0}, {-5, 1, 1}, {-5, 2, 2}}, false, []bool{false, false, false}},
		"a meter of one direction that is wrong": {[]step{{-5, 0, 0}, {-5, 1, 0}, {-5, 2, 0}}, true, []bool{false, false, true}},
		"a meter of one direction that feeds in": {[]step{{-5, 9, 0}, {-5, 9, 0}, {-5, 9, 0}}, true, []bool{false, false, false}},
		"a counter that was set":                 {[]step{{5, 9, 9}, {5, 9, 3}, {5, 9, 3}}, false, []bool{false, false, false}},
		"no power":                               {[]step{{0, 0, 0}, {0, 5, 0}, {0, 9, 0}}, false, []bool{false, false, false}},
	} {
		var s Signs
		var got []bool
		for _, step := range c.steps {
			m := Telegram{Readings: []Reading{{Code: obis.Power, Raw: Signed(step.power)}, {Code: obis.Import, Raw: Unsigned(step.in), Scaler: -1}}}
			if !c.oneWay {
				m.Readings = append(m.Readings, Reading{Code: obis.Export, Raw: Unsigned(step.out), Scaler: -1})
			}
			s.Check(&m)
			got = append(got, m.Readings[0].Flags&SignSuspect != 0)
		}
		if !cmp.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
