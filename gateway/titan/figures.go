package titan

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/wattwerk/wattwerk/record"
)

// ahead is how far in the future a newest record is looked for.
const ahead record.Millis = 25 * 3_600_000

// last gives the n newest values of a span, in order of time. It reads backwards
// in steps that grow.
func (h *history) last(ctx context.Context, all scan, at during, n int) (times []int64, values []float64, err error) {
	now := clock(h.o.Now).now()
	at.to = min(at.to, now+ahead)
	step := record.Millis(60_000)
	end := at.to
	begin := min(at.to, now) - step
	for end >= at.from {
		begin = max(begin, at.from)
		var ts []int64
		var vs []float64
		err := present(all)(ctx, during{begin, end}, func(t []int64, v []float64) error {
			ts, vs = append(ts, t...), append(vs, v...)
			if more := len(ts) - n; more > n+1024 { // the newest are enough
				ts, vs = slices.Delete(ts, 0, more), slices.Delete(vs, 0, more)
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		times, values = append(ts, times...), append(vs, values...)
		if len(times) >= n {
			return times[len(times)-n:], values[len(values)-n:], nil
		}
		step *= 16
		end, begin = begin-1, begin-1-step
	}
	return times, values, nil
}

var errEnough = errors.New("enough")

// first gives the n oldest values of a span.
func first(ctx context.Context, all scan, at during, n int) ([]float64, error) {
	var out []float64
	err := present(all)(ctx, at, func(_ []int64, vs []float64) error {
		out = append(out, vs[:min(len(vs), n-len(out))]...)
		if len(out) == n {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

// latest gives the newest records, newest first.
func (h *history) latest(ctx context.Context, t table, at during, n int) ([]byte, error) {
	l := newList()
	times, _, err := h.last(ctx, t.scan, at, n)
	if err != nil || len(times) == 0 {
		return l.done(), err
	}
	var begins []int
	at = during{record.Millis(times[0]), record.Millis(times[len(times)-1])}
	err = t.rows(ctx, at, func(write func(*list)) error {
		begins = append(begins, len(l.b))
		write(l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	// They are turned round as they are written: each with the comma before it.
	out := newList()
	for i, end := len(begins)-1, len(l.b); i >= 0; i-- {
		out.next(bytes.TrimPrefix(l.b[begins[i]:end], []byte{','}))
		end = begins[i]
	}
	return out.done(), nil
}

// next adds an object that is written.
func (l *list) next(row []byte) {
	if len(l.b) > 1 {
		l.b = append(l.b, ',')
	}
	l.b = append(l.b, row...)
}

// trend is the mean of the newest values over that of the oldest; 1 when the
// latter is not above 0, -1 when there are none.
func (h *history) trend(ctx context.Context, all scan, at during, n int) ([]byte, error) {
	_, newest, err := h.last(ctx, all, at, n)
	if err != nil {
		return nil, err
	}
	oldest, err := first(ctx, all, at, n)
	if err != nil {
		return nil, err
	}
	v := -1.
	if len(newest) > 0 && len(oldest) > 0 {
		if v = 1; mean(oldest) > 0 {
			v = mean(newest) / mean(oldest)
		}
	}
	return appendDouble(nil, v), nil
}

func mean(values []float64) float64 {
	sum := 0.
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// distribution counts values in buckets of one width between the extremes; none
// when there are no values. When all are equal they are in the first, and all
// bounds are that value.
func distribution(ctx context.Context, all scan, at during, n int) ([]byte, error) {
	all = present(all)
	some, low, high := false, 0., 0.
	err := all(ctx, at, func(_ []int64, vs []float64) error {
		for _, v := range vs {
			if !some {
				some, low, high = true, v, v
			}
			low, high = min(low, v), max(high, v)
		}
		return nil
	})
	if err != nil || !some {
		return []byte("[]"), err
	}
	elements := make([]int64, n)
	slice := (high - low) / float64(n)
	err = all(ctx, at, func(_ []int64, vs []float64) error {
		for _, v := range vs {
			i := 0
			if slice > 0 {
				i = max(0, min(int((v-low)/slice), n-1)) // what came in between may be outside
			}
			elements[i]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b := []byte{'['}
	for i, k := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendDouble(append(b, `{"lower":`...), low)
		low += slice
		b = appendDouble(append(b, `,"upper":`...), low)
		b = strconv.AppendInt(append(b, `,"elements":`...), k, 10)
		b = append(b, '}')
	}
	return append(b, ']'), nil
}
