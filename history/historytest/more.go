package historytest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// agree tells whether two values agree to the digits every store keeps.
func agree(a, b float64) bool { return math.Abs(a-b) <= 1e-11*max(math.Abs(a), math.Abs(b)) }

// digits stores values of every size. Whatever a store makes of them, the same
// one again is no contradiction.
func digits(t *testing.T, open Open) {
	f := start(t, open)
	all := []float64{
		0, 1, -1, 0.1, 0.1 + 0.2, 1. / 3, -2. / 3, math.Pi, math.E * 1e6, 123456789.123, 1 << 53, -1 << 53,
		999999999999, 123456789012.5, 1e15 + 0.125, record.MaxValue, -record.MaxValue, 1e-6, 1.5e-9, 230.45,
	}
	keys := make([]history.Series, len(all))
	for i, v := range all {
		keys[i] = history.RecordsOf(record.SensorID(fmt.Sprint("digits-", i)))
		f.taken(f.put(keys[i], x(0, v), x(1, -v), x(2, v/7)))
	}
	check := func() {
		t.Helper()
		for i, v := range all {
			got := f.get(keys[i])
			if len(got) != 3 || !agree(got[0].Value, v) || !agree(got[1].Value, -v) || !agree(got[2].Value, v/7) {
				t.Errorf("got %v for %v, %v, %v", got, v, -v, v/7)
			}
			f.taken(f.put(keys[i], x(0, v), x(1, -v), x(2, v/7)))
			if rs := f.put(keys[i], x(0, v+1e-3*max(1, math.Abs(v)))); len(rs) != 1 || !agree(rs[0].Stored, v) {
				t.Errorf("%v and a thousandth more: refused %v", v, rs)
			}
		}
	}
	check()
	f.flush()
	check()
	f.reopen()
	check()
}

// milliseconds stores a burst, whose samples are a millisecond apart.
func milliseconds(t *testing.T, open Open) {
	f := start(t, open)
	var want []history.Sample
	for i := range 3000 {
		want = append(want, history.Sample{Time: t0 + record.Millis(i), Value: float64(i % 7)})
	}
	f.taken(f.put(a, want[1000:2000]...))
	f.flush()
	f.taken(f.put(a, want[2000:]...))
	f.taken(f.put(a, want[:1500]...))
	f.reopen()
	f.want(a, want...)
	n := 0
	if err := f.Scan(t.Context(), a, t0+17, t0+18, func(ts []int64, _ []float64) error { n += len(ts); return nil }); err != nil || n != 2 {
		t.Errorf("%d samples between two milliseconds, %v", n, err)
	}
}

// manySeries has more series than one question to a database can name.
func manySeries(t *testing.T, open Open) {
	f := start(t, open)
	const n = 3000
	keys := make([]history.Series, 0, n)
	for i := range n {
		k := history.RecordsOf(record.SensorID(fmt.Sprintf("hall/%d.power", i)))
		if i%3 == 0 {
			k = history.Series{Metric: history.Sum, Hierarchy: fmt.Sprint("h", i%2), Name: fmt.Sprint("g", i/6)}
		}
		keys = append(keys, k)
	}
	put := func(m int) {
		t.Helper()
		refs := f.Refs(nil, keys)
		times, values := make([]record.Millis, n), make([]float64, n)
		for i := range n {
			times[i], values[i] = t0+record.Millis(m)*minute, float64(m*n+i)
		}
		rs, err := f.Append(t.Context(), refs, nil, times, values)
		if err != nil {
			t.Fatal(err)
		}
		f.taken(rs)
	}
	check := func(m int) {
		t.Helper()
		got, err := f.Latest(t.Context(), nil, keys)
		if err != nil {
			t.Fatal(err)
		}
		for i := range keys {
			if got[i] != x(m, float64(m*n+i)) {
				t.Fatalf("newest of %v is %v", keys[i], got[i])
			}
		}
	}
	put(0)
	put(1)
	check(1)
	f.reopen()
	check(1)
	put(1)
	put(2)
	f.reopen()
	put(0)
	check(2)
	for _, i := range []int{0, 1, 2, 3, n - 1} {
		f.want(keys[i], x(0, float64(i)), x(1, float64(n+i)), x(2, float64(2*n+i)))
	}
}

// silentForLong has sensors that stopped long before others, with a gap at
// their end.
func silentForLong(t *testing.T, open Open) {
	f := start(t, open)
	hours := []int{0, 1, 5, 30, 24 * 9, 24 * 50, 24 * 85}
	keys := make([]history.Series, len(hours))
	want := make([]history.Sample, len(hours))
	f.taken(f.put(b, x(0, 1)))
	for i, h := range hours {
		keys[i] = history.RecordsOf(record.SensorID(fmt.Sprint("silent-", h)))
		f.taken(f.put(keys[i], x(-h*60-2, 1), x(-h*60-1, 2)))
		want[i] = x(-h*60-1, 2)
		if i%2 == 1 {
			want[i] = history.Sample{Time: want[i].Time + 500, Value: history.Null}
			f.taken(f.put(keys[i], want[i]))
		}
	}
	f.reopen()
	got, err := f.Latest(t.Context(), nil, keys)
	if err != nil || !slices.EqualFunc(got, want, same) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// referencesAgain asks for references in the middle: what was appended by the
// old ones counts.
func referencesAgain(t *testing.T, open Open) {
	f := start(t, open)
	old := f.Refs(nil, []history.Series{a})
	put := func(ref []history.Ref, s history.Sample) int {
		t.Helper()
		rs, err := f.Append(t.Context(), ref, nil, []record.Millis{s.Time}, []float64{s.Value})
		if err != nil {
			t.Fatal(err)
		}
		return len(rs)
	}
	if put(old, x(0, 1)) != 0 || put(old, x(1, 2)) != 0 {
		t.Error("refused")
	}
	f.Forget() // as a store that takes over does
	again := f.Refs(nil, []history.Series{b, a})
	if again[1] != old[0] {
		t.Errorf("another reference: %v, %v", old, again)
	}
	if put(again[1:], x(1, 3)) != 1 || put(again[1:], x(1, 2)) != 0 || put(again[1:], x(0, 7)) != 1 || put(again[1:], x(2, 3)) != 0 {
		t.Error("what was appended before does not count")
	}
	f.want(a, x(0, 1), x(1, 2), x(2, 3))
}
