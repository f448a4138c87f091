package bench

import (
	"math"
	"slices"
)

// Percentile p (0 to 100) of a list, 0 when it is empty: the element below
// which p percent of the others are.
func Percentile(xs []float64, p int) float64 {
	if len(xs) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(xs))
	return s[min(len(s)-1, len(s)*p/100)]
}

// Quartiles gives the 25th, 50th and 75th percentile, between two elements in
// proportion (R's type 7); zeros for an empty list.
func Quartiles(xs []float64) (low, median, high float64) {
	if len(xs) == 0 {
		return 0, 0, 0
	}
	s := slices.Sorted(slices.Values(xs))
	at := func(q float64) float64 {
		x := q * float64(len(s)-1)
		i := int(x)
		if i+1 == len(s) {
			return s[i]
		}
		return s[i] + (x-float64(i))*(s[i+1]-s[i])
	}
	return at(0.25), at(0.5), at(0.75)
}

// Slope is that of the straight line nearest to the points, by least squares;
// 0 for fewer than two points or when all xs are the same.
func Slope(xs, ys []float64) float64 {
	n := float64(min(len(xs), len(ys)))
	if n < 2 {
		return 0
	}
	var mx, my float64
	for i := range int(n) {
		mx, my = mx+xs[i]/n, my+ys[i]/n
	}
	var xy, xx float64
	for i := range int(n) {
		xy += (xs[i] - mx) * (ys[i] - my)
		xx += (xs[i] - mx) * (xs[i] - mx)
	}
	if xx == 0 || math.IsNaN(xy) {
		return 0
	}
	return xy / xx
}
