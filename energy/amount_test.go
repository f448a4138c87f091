package energy

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestOfRoundsOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	million := big.NewRat(1_000_000, 1)
	for i := range 200_000 {
		var v float64
		switch i % 5 {
		case 0:
			v = math.Ldexp(r.Float64()-0.5, r.IntN(60)-20)
		case 1:
			v = (float64(r.IntN(1<<30)) + 0.5) / PerUnit // near halves
		case 2:
			v = math.Ldexp(float64(2*r.IntN(1<<20)+1), -7) // halves: 5^6·odd/2
		case 3:
			v = float64(r.Int64N(1<<40)) / 10
		case 4:
			v = math.Nextafter((float64(r.IntN(1<<20))+0.5)/PerUnit, float64(r.IntN(3)-1))
		}
		if r.IntN(2) == 0 {
			v = -v
		}
		if math.Abs(v) > 9.2e12 {
			continue
		}
		want := halfEven(new(big.Rat).Mul(rat(v), million)).Int64()
		if got, err := Of(v); err != nil || int64(got) != want {
			t.Fatalf("%v: got %d %v, want %d", v, got, err, want)
		}
	}
}

func TestAmounts(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 9.3e12, -9.3e12, 1e300} {
		if _, err := Of(v); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v: %v", v, err)
		}
	}
	for text, a := range map[string]Amount{"0": 0, "1": 1_000_000, "-0.25": -250_000, "0.000001": 1, "-9223372036854.775808": math.MinInt64} {
		if a.String() != text {
			t.Errorf("got %s, want %s", a, text)
		}
	}
	if Amount(1_500_000).Float64() != 1.5 {
		t.Error("1.5")
	}
	for _, k := range [][3]Amount{{1, 2, 3}, {-1, 1, 0}, {0, 0, 0}, {math.MaxInt64, -1, math.MaxInt64 - 1}, {math.MinInt64, math.MaxInt64, -1}} {
		if c, err := k[0].Add(k[1]); err != nil || c != k[2] {
			t.Errorf("%v: %s %v", k, c, err)
		}
	}
	for _, k := range [][2]Amount{{math.MaxInt64, 1}, {math.MinInt64, -1}, {math.MinInt64, math.MinInt64}} {
		if _, err := k[0].Add(k[1]); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v: %v", k, err)
		}
	}
}

func TestWordsInText(t *testing.T) {
	for i := range uint8(9) {
		for _, w := range []interface {
			MarshalText() ([]byte, error)
			String() string
		}{Quality(i), Kind(i), OverrideKind(i), Method(i)} {
			text, err := w.MarshalText()
			if err != nil {
				continue
			}
			if string(text) != w.String() {
				t.Errorf("%s is %s", text, w)
			}
			switch w := w.(type) {
			case Quality:
				var back Quality
				err = back.UnmarshalText(text)
				if back != w {
					t.Error(back, w)
				}
			case Kind:
				var back Kind
				err = back.UnmarshalText(text)
				if back != w {
					t.Error(back, w)
				}
			case OverrideKind:
				var back OverrideKind
				err = back.UnmarshalText(text)
				if back != w {
					t.Error(back, w)
				}
			case Method:
				var back Method
				err = back.UnmarshalText(text)
				if back != w {
					t.Error(back, w)
				}
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	var q Quality
	if err := q.UnmarshalText([]byte("good")); err == nil {
		t.Error("good is no quality")
	}
	if _, err := Quality(9).MarshalText(); err == nil {
		t.Error("9 is no quality")
	}
}

// What does not fit is not known, and said; it is never wrapped.
func TestTooLarge(t *testing.T) {
	edges := []int64{0, 86_400_000}
	day := Reading{Value: 5e12}
	values, notes := Settle([]Reading{day}, times(edges), Rules{Integral: true, MaxAge: -1}, nil)
	if v := values[0]; v.Known || v.Amount != 0 || v.Average != 5e12 || len(notes) != 1 || notes[0].Kind != TooLarge {
		t.Errorf("a gauge: %+v %v", v, notes)
	}
	rise := 9e12
	up := []Override{{60_000, Rise, &rise}, {120_000, Rise, &rise}}
	// A person cannot state more than a counter is understood for.
	values, notes = Settle([]Reading{{Time: 0}, {Time: 60_000}, {Time: 120_000}}, times(edges), Rules{Counter: true, MaxAge: -1}, up)
	if v := values[0]; v.Known || len(notes) != 2 || notes[0].Known {
		t.Errorf("a counter: %+v %v", v, notes)
	}
	rise = 2e12
	var readings []Reading
	up = nil
	for i := range 10 {
		at := times([]int64{int64(i) * 60_000})[0]
		readings = append(readings, Reading{Time: at})
		up = append(up, Override{at, Rise, &rise})
	}
	values, notes = Settle(readings, times(edges), Rules{Counter: true, MaxAge: -1}, up)
	if v := values[0]; v.Known || v.Amount != 0 || notes[0].Kind != TooLarge {
		t.Errorf("a counter: %+v %v", v, notes)
	}
	values, notes = Settle([]Reading{{Time: 0, Value: 1}, {Time: 60_000, Value: 1e17}, {Time: 120_000, Value: 2}}, times(edges), Rules{Counter: true, MaxAge: -1}, nil)
	if v := values[0]; v.Amount != 1_000_000 || len(notes) != 1 || notes[0].Kind != TooLarge {
		t.Errorf("a reading: %+v %v", v, notes)
	}
}
