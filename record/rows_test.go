package record

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRows puts times into rows, and finds those times in them and no others.
func TestRows(t *testing.T) {
	for _, c := range []struct {
		times []Millis
		rows  int
	}{
		{nil, 0}, {[]Millis{5}, 1}, {[]Millis{5, 6}, 1}, {[]Millis{0, 10, 20, 30}, 1}, {[]Millis{0, 10, 20, 25, 30, 35}, 2}, {[]Millis{0, 10, 11, 20}, 2},
	} {
		if got := RowsOf(c.times); len(got) != c.rows {
			t.Errorf("%v are %v", c.times, got)
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var times []Millis
		for at := Millis(0); at < 400; at += Millis(1 + random.IntN(3)*random.IntN(20)) {
			times = append(times, at)
		}
		rows := RowsOf(times)
		for at := Millis(-5); at < 450; at++ {
			if got := rows.Has(at); got != slices.Contains(times, at) {
				t.Fatalf("%v in %v: %v", at, times, got)
			}
		}
	}
}
