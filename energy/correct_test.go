package energy

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

var gaugeRules = Rules{Integral: true, Interval: 60_000, MaxAge: 180_000}

// minutes are readings of a value every minute.
func minutes(from, to int, value func(i int) float64) (out []Reading) {
	for i := from; i < to; i++ {
		out = append(out, Reading{Time: record.Millis(i) * 60_000, Value: value(i)})
	}
	return out
}

func constant(v float64) func(int) float64 { return func(int) float64 { return v } }

func TestCorrectGauge(t *testing.T) {
	readings := minutes(0, 60, func(i int) float64 {
		if i >= 20 && i < 30 {
			return 1e6
		}
		return 1000 + 10*float64(i)
	})
	quarters := []record.Millis{0, 900_000, 1_800_000, 2_700_000, 3_600_000}
	span := window.Span{From: 0, To: 3_600_000}
	wrong := Correction{From: 20 * 60_000, To: 30 * 60_000}
	settle := func(c ...Correction) Value {
		t.Helper()
		values, _ := Settle(Correct(readings, c, gaugeRules, span), quarters, gaugeRules, nil)
		if values[0].Quality != Measured || values[0].Amount.Float64() != 267.5 {
			t.Errorf("the quarter before changed: %+v", values[0])
		}
		return values[1]
	}

	excluded := wrong
	v := settle(excluded)
	// Five minutes are left, and the last one holds for two more.
	if v.Covered != 7*60_000 || v.Quality != Measured || v.Max != 1190 || v.Count != 5 {
		t.Errorf("excluded: %+v", v)
	}
	replaced := wrong
	replaced.Method, replaced.Value = Replace, 600
	v = settle(replaced)
	if v.Covered != 900_000 || v.Quality != Corrected || v.Amount.Float64() != (1150+1160+1170+1180+1190+600*10)/60. || v.Estimated != 0 {
		t.Errorf("replaced: %+v", v)
	}
	points := wrong
	points.Method = Replace
	points.Points = []Reading{{25 * 60_000, 900, Substituted}, {20 * 60_000, 600, None}, {50 * 60_000, 5, None}}
	v = settle(points)
	if v.Quality != Substituted || v.Estimated.Float64() != 900*3/60. || v.Covered != 11*60_000 {
		t.Errorf("points: %+v", v)
	}
	line := wrong
	line.Method = Interpolate
	v = settle(line)
	// The line from 19 to 30 minutes, from 20 on.
	if v.Covered != 900_000 || v.Quality != Estimated || math.Abs(v.Estimated.Float64()-10*1250/60.) > 1e-6 {
		t.Errorf("line: %+v", v)
	}

	// The order is that of the numbers, and each works on what the one before left.
	replaced.Sequence, line.Sequence = 2, 1
	if v := settle(replaced, line); v.Quality != Corrected {
		t.Errorf("replaced at last: %+v", v)
	}
	replaced.Sequence = 0
	if v := settle(replaced, line); v.Quality != Estimated {
		t.Errorf("interpolated at last: %+v", v)
	}
	// Nothing is changed in place.
	if readings[25].Value != 1e6 {
		t.Error("the readings were changed")
	}
	if got := Correct(readings, nil, gaugeRules, span); !slices.Equal(got, readings) {
		t.Error("without corrections nothing changes")
	}
}

func TestLineNeedsBothEnds(t *testing.T) {
	readings := minutes(10, 20, constant(7))
	all := window.Span{From: 0, To: 3_600_000}
	for _, c := range []Correction{{From: 0, To: 15 * 60_000}, {From: 15 * 60_000, To: 30 * 60_000}} {
		c.Method = Interpolate
		if got := Correct(readings, []Correction{c}, gaugeRules, all); len(got) != 5 {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if got := Correct(readings, []Correction{{From: 5, To: 5, Method: Replace}}, gaugeRules, all); len(got) != 10 {
		t.Error("an empty range changes nothing")
	}
}

func TestCorrectCounter(t *testing.T) {
	rules := Rules{Counter: true, MaxAge: 1_800_000}
	readings := minutes(0, 46, func(i int) float64 { return 1000 + 10*float64(i) })
	readings[20].Value, readings[21].Value = 5000, 6000
	span := window.Span{From: 0, To: 2_700_000}
	quarters := []record.Millis{0, 900_000, 1_800_000, 2_700_000}
	c := Correction{From: 20 * 60_000, To: 22 * 60_000}
	for _, k := range []struct {
		method    Method
		value     float64
		quality   Quality
		estimated float64
	}{
		{Exclude, 0, Measured, 0},
		{Interpolate, 0, Estimated, 30},
		{Replace, 1200, Corrected, 0},
	} {
		c.Method, c.Value = k.method, k.value
		values, notes := Settle(Correct(readings, []Correction{c}, rules, span), quarters, rules, nil)
		v := values[1]
		if v.Amount.Float64() != 150 || v.Quality != k.quality || v.Estimated.Float64() != k.estimated || v.Covered != 900_000 || len(notes) != 0 {
			t.Errorf("%s: %+v %v", k.method, v, notes)
		}
		if values[0].Quality != Measured || values[2].Quality != Measured {
			t.Errorf("%s: the quarters beside it changed: %+v", k.method, values)
		}
	}
}

// What a span gets is what the whole gets.
func TestCorrectionsAreLocal(t *testing.T) {
	readings := minutes(0, 600, func(i int) float64 { return float64(i%7) * 100 })
	corrections := []Correction{
		{Sequence: 1, From: 61_234, To: 200 * 60_000, Method: Interpolate},
		{Sequence: 2, From: 100 * 60_000, To: 130*60_000 + 17, Method: Replace, Value: 5},
		{Sequence: 3, From: 300 * 60_000, To: 500 * 60_000, Method: Replace, Value: 7},
	}
	for _, age := range []int64{-1, 180_000} {
		rules := gaugeRules
		rules.MaxAge = age
		var edges []record.Millis
		for at := record.Millis(0); at <= 600*60_000; at += 300_000 {
			edges = append(edges, at)
		}
		whole := window.Span{From: edges[0], To: edges[len(edges)-1]}
		want, _ := Settle(Correct(readings, corrections, rules, whole), edges, rules, nil)
		for i, w := range want {
			span := window.Span{From: edges[i], To: edges[i+1]}
			got, _ := Settle(Correct(readings, corrections, rules, span), edges[i:i+2], rules, nil)
			if !same(got[0], w) {
				t.Fatalf("max age %d, %d: got %+v, want %+v", age, edges[i], got[0], w)
			}
		}
	}
}

func times(ms []int64) (out []record.Millis) {
	for _, t := range ms {
		out = append(out, record.Millis(t))
	}
	return out
}

// TestExcludeSome takes rows of readings out of a range, and leaves those that
// came between them and what was decided beside it.
func TestExcludeSome(t *testing.T) {
	rules := Rules{MaxAge: 60_000}
	readings := minutes(0, 60, func(i int) float64 { return float64(i) })
	span := window.Span{From: 0, To: 3_600_000}
	some := Correction{Method: Exclude, From: 0, To: 50*60_000 + 1, Only: record.Rows{{First: 0, Last: 20 * 60_000, Step: 10 * 60_000}, {First: 33 * 60_000, Last: 33 * 60_000, Step: 1}, {First: 40 * 60_000, Last: 50 * 60_000, Step: 5 * 60_000}}}
	later := Correction{Sequence: 1, Method: Replace, From: 40 * 60_000, To: 41 * 60_000, Points: []Reading{{Time: 40 * 60_000, Value: -1}}}
	for _, order := range [][]Correction{{some, later}, {later, some}} {
		var gone []int
		for i, left := 0, Correct(readings, order, rules, span); i < 60; i++ {
			j, there := slices.BinarySearchFunc(left, record.Millis(i*60_000), func(r Reading, t record.Millis) int { return cmp.Compare(r.Time, t) })
			switch {
			case !there:
				gone = append(gone, i)
			case i == 40 && left[j].Value != -1, i != 40 && left[j].Value != float64(i):
				t.Errorf("minute %d is %v", i, left[j])
			}
		}
		if want := []int{0, 10, 20, 33, 45, 50}; !slices.Equal(gone, want) {
			t.Errorf("%v are gone, not %v", gone, want)
		}
	}
}

// TestCorrectPartOfTheTime corrects for one quarter of an hour after another, and
// finds what correcting all the time at once finds.
func TestCorrectPartOfTheTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const minute, quarter, n = 60_000, 900_000, 16
	for round := range 300 {
		rules := gaugeRules
		rules.MaxAge = []int64{90_000, 180_000, 1_200_000, -1}[random.IntN(4)]
		var readings []Reading
		for at := range n * 15 {
			if random.IntN(3) == 0 {
				readings = append(readings, Reading{Time: record.Millis(at * minute), Value: float64(random.IntN(1000))})
			}
		}
		var corrections []Correction
		for i := range 1 + random.IntN(6) {
			c := Correction{Sequence: int64(i), From: record.Millis(random.IntN(n*15) * minute), Method: Method(random.IntN(3)), Value: float64(random.IntN(1000))}
			c.To = c.From + record.Millis(1+random.IntN(60))*minute
			corrections = append(corrections, c)
		}
		edges := make([]record.Millis, n+1)
		for i := range edges {
			edges[i] = record.Millis(i * quarter)
		}
		all, _ := Settle(Correct(readings, corrections, rules, window.Span{From: 0, To: n * quarter}), edges, rules, nil)
		for i := range n {
			part, _ := Settle(Correct(readings, corrections, rules, window.Span{From: edges[i], To: edges[i+1]}), edges[i:i+2], rules, nil)
			x, y := all[i], part[0]
			if x.Amount != y.Amount || x.Covered != y.Covered || x.Count != y.Count || x.Quality != y.Quality || x.Estimated != y.Estimated {
				t.Fatalf("round %d, max age %d: quarter %d is %+v by itself, and %+v of all; corrections %+v", round, rules.MaxAge, i, y, x, corrections)
			}
		}
	}
}
