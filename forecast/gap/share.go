package gap

import (
	"math"
	"slices"
)

// Share divides a total, not below 0, into whole parts in the proportion of the
// shape. The parts add up to the total exactly: each has its part rounded down, and
// what is left goes to those that lost most, the first of them first. A part of the
// shape that is not known, or negative, gets nothing; if that is all of it, all get
// the same.
func Share(total int64, shape []float64) []int64 {
	out := make([]int64, len(shape))
	if total <= 0 || len(shape) == 0 {
		return out
	}
	weights := make([]float64, len(shape))
	most := 0.0
	for i, v := range shape {
		if v > 0 && v-v == 0 {
			weights[i] = v
			most = max(most, v)
		}
	}
	for i := range weights {
		if most == 0 {
			weights[i] = 1
			continue
		}
		weights[i] /= most // so that their sum is finite
	}
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	lost := make([]float64, len(shape))
	left := total
	for i, w := range weights {
		part := float64(total) * (w / sum)
		down := math.Floor(part)
		// Beyond 2^53 floats are whole already, and may be a little too large.
		out[i] = min(toInt(down), left)
		lost[i] = part - down
		left -= out[i]
	}
	order := make([]int, 0, len(shape))
	for i, w := range weights {
		if w > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case lost[a] > lost[b]:
			return -1
		case lost[a] < lost[b]:
			return 1
		}
		return 0
	})
	// Of small totals less than one each is left; of huge ones what floats cannot tell.
	each := left / int64(len(order))
	for n, i := range order {
		out[i] += each
		if int64(n) < left%int64(len(order)) {
			out[i]++
		}
	}
	return out
}

func toInt(v float64) int64 {
	if v >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(v)
}
