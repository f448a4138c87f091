package record

import (
	"cmp"
	"slices"
)

// Row is times that are equally far apart, both ends included.
type Row struct {
	First, Last Millis
	Step        int64 // ms, at least 1, also of a single time
}

// Rows are times, in order: no row begins before the one before has ended.
type Rows []Row

// RowsOf puts times that rise into rows, each as long as it can be.
func RowsOf(times []Millis) (out Rows) {
	for len(times) > 0 {
		n, step := 1, int64(1)
		if len(times) > 1 {
			step = int64(times[1] - times[0])
			for n++; n < len(times) && int64(times[n]-times[n-1]) == step; n++ {
			}
		}
		out = append(out, Row{times[0], times[n-1], step})
		times = times[n:]
	}
	return out
}

// Has tells whether a time is one of them.
func (rs Rows) Has(t Millis) bool {
	i, there := slices.BinarySearchFunc(rs, t, func(r Row, t Millis) int { return cmp.Compare(r.First, t) })
	if there || i == 0 {
		return there
	}
	r := rs[i-1]
	return t <= r.Last && int64(t-r.First)%r.Step == 0
}
