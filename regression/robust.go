package regression

import (
	"math"
	"slices"
)

// known gives the values that are not NaN, sorted.
func known(values []float64) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		if v == v {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// Quantile is the value below which the share q of the values lies, 0 to 1, on the
// line between the two that are next to it.
func Quantile(values []float64, q float64) float64 { return QuantileSorted(known(values), q) }

// QuantileSorted is [Quantile] of values that are sorted and known.
func QuantileSorted(sorted []float64, q float64) float64 {
	if len(sorted) == 0 || !(q >= 0 && q <= 1) {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Median is the value in the middle.
func Median(values []float64) float64 { return Quantile(values, 0.5) }

// MAD is the median of the distances from the median. By 1.4826 it is the standard
// deviation of what is distributed normally.
func MAD(values []float64) (median, mad float64) {
	sorted := known(values)
	median = QuantileSorted(sorted, 0.5)
	for i, v := range sorted {
		sorted[i] = math.Abs(v - median)
	}
	slices.Sort(sorted)
	return median, QuantileSorted(sorted, 0.5)
}

// Mean is the mean of what is known.
func Mean(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if v == v {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n)
}

// sums compares pairs of which both are known.
func sums(actual, said []float64) (n, abs, square, size, total float64) {
	for i, a := range actual {
		if e := said[i] - a; e == e {
			n++
			abs += math.Abs(e)
			square += e * e
			size += math.Abs(a)
			total += a
		}
	}
	return n, abs, square, size, total
}

// MAE is the mean absolute error, in the unit of the values.
func MAE(actual, said []float64) float64 {
	n, abs, _, _, _ := sums(actual, said)
	return abs / n
}

// RMSE is the root of the mean squared error, in the unit of the values.
func RMSE(actual, said []float64) float64 {
	n, _, square, _, _ := sums(actual, said)
	return math.Sqrt(square / n)
}

// WAPE is the sum of the absolute errors as a share of the sum of the absolute
// values.
func WAPE(actual, said []float64) float64 {
	n, abs, _, size, _ := sums(actual, said)
	return share(abs/n, size/n)
}

// NRMSE is [RMSE] as a share of the mean of the values.
func NRMSE(actual, said []float64) float64 {
	n, _, square, _, total := sums(actual, said)
	return share(math.Sqrt(square/n), math.Abs(total/n))
}

// Scale is the mean absolute difference from the value lag places before: what
// errors are compared with for [MASE]. It is taken from the part of a series that
// models were fitted to.
func Scale(values []float64, lag int) float64 {
	if lag < 1 || len(values) <= lag {
		return math.NaN()
	}
	return MAE(values[lag:], values[:len(values)-lag])
}

// MASE is [MAE] as a share of the scale of the series, see [Scale].
func MASE(actual, said []float64, scale float64) float64 { return share(MAE(actual, said), scale) }

// share divides; of nothing it is 0 when nothing is wrong, and else not known.
func share(part, whole float64) float64 {
	switch {
	case whole > 0:
		return part / whole
	case whole == 0 && part == 0:
		return 0
	}
	return math.NaN()
}

// Correlation is Pearson's coefficient of the pairs of which both are known; NaN
// if one side never changes.
func Correlation(a, b []float64) float64 {
	var n, ma, mb, va, vb, c float64
	for i, x := range a {
		y := b[i]
		if d := x - y; d != d {
			continue
		}
		n++
		da, db := x-ma, y-mb
		ma += da / n
		mb += db / n
		va += da * (x - ma)
		vb += db * (y - mb)
		c += da * (y - mb)
	}
	if !(va > 0 && vb > 0) {
		return math.NaN()
	}
	return c / math.Sqrt(va*vb)
}
