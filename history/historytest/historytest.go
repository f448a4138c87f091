// Package historytest holds what every history store must do, as one suite:
// an implementation calls [Run] from its own tests.
//
// Only tests import it. It uses no clock and does not sleep.
package historytest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	promodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// Open opens the store that is kept under dir, which it creates when it is not
// there. It is called again with the same dir after the store was closed.
type Open func(t testing.TB, dir string) history.Store

const (
	t0     record.Millis = 1_700_000_000_000
	minute               = 60_000
	day                  = 24 * 60 * minute
)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for name, f := range map[string]func(*testing.T, Open){
		"append and scan":            appendAndScan,
		"index column":               indexColumn,
		"same again":                 sameAgain,
		"contradiction":              contradiction,
		"late":                       late,
		"too old":                    tooOld,
		"null":                       null,
		"latest":                     latest,
		"flush and open again":       flushAndOpen,
		"after a flush":              afterFlush,
		"any name":                   anyName,
		"backfill":                   backfill,
		"backfill beside appending":  backfillBeside,
		"random against a map":       random,
		"scan may be slow and ended": scanEnds,
		"many flushes":               manyFlushes,
		"queryable":                  queryable,
		"settled flushes":            settledFlushes,
		"digits":                     digits,
		"milliseconds":               milliseconds,
		"many series":                manySeries,
		"silent for long":            silentForLong,
		"references again":           referencesAgain,
	} {
		t.Run(name, func(t *testing.T) { f(t, open) })
	}
}

type fixture struct {
	t    *testing.T
	open Open
	dir  string
	history.Store
}

func start(t *testing.T, open Open) *fixture {
	f := &fixture{t: t, open: open, dir: t.TempDir()}
	f.Store = open(t, f.dir)
	t.Cleanup(func() { _ = f.Store.Close() })
	return f
}

func (f *fixture) reopen() {
	f.t.Helper()
	if err := f.Store.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.Store = f.open(f.t, f.dir)
}

// put appends samples of one series and returns what was refused.
func (f *fixture) put(k history.Series, xs ...history.Sample) []history.Refusal {
	f.t.Helper()
	ref := f.Refs(nil, []history.Series{k})
	index := make([]uint32, len(xs))
	times, values := columns(xs)
	rs, err := f.Append(f.t.Context(), ref, index, times, values)
	if err != nil {
		f.t.Fatal(err)
	}
	return rs
}

func columns(xs []history.Sample) (times []record.Millis, values []float64) {
	for _, x := range xs {
		times, values = append(times, x.Time), append(values, x.Value)
	}
	return times, values
}

func (f *fixture) taken(rs []history.Refusal) {
	f.t.Helper()
	if len(rs) > 0 {
		f.t.Fatalf("refused: %v", rs)
	}
}

// get reads everything of a series.
func (f *fixture) get(k history.Series) []history.Sample {
	f.t.Helper()
	var out []history.Sample
	err := f.Scan(f.t.Context(), k, record.MinTime, record.MaxTime, func(ts []int64, vs []float64) error {
		for i, t := range ts {
			out = append(out, history.Sample{Time: record.Millis(t), Value: vs[i]})
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

func (f *fixture) want(k history.Series, want ...history.Sample) {
	f.t.Helper()
	if got := f.get(k); !slices.EqualFunc(got, want, same) {
		f.t.Fatalf("%s holds %v, want %v", k.Name, short(got), short(want))
	}
}

func short(xs []history.Sample) []history.Sample { return xs[:min(len(xs), 20)] }

func same(a, b history.Sample) bool {
	return a.Time == b.Time && (a.Value == b.Value || math.IsNaN(a.Value) && math.IsNaN(b.Value))
}

func (f *fixture) flush() {
	f.t.Helper()
	if err := f.Flush(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

func x(minutes int, v float64) history.Sample {
	return history.Sample{Time: t0 + record.Millis(minutes)*minute, Value: v}
}

var a, b = history.RecordsOf("a"), history.RecordsOf("b")

func appendAndScan(t *testing.T, open Open) {
	f := start(t, open)
	f.want(a)
	f.taken(f.put(a, x(0, 1), x(1, 2.5), x(2, -3)))
	f.want(a, x(0, 1), x(1, 2.5), x(2, -3))
	f.want(b)
	var n int
	err := f.Scan(t.Context(), a, t0+minute, t0+minute, func(ts []int64, _ []float64) error { n += len(ts); return nil })
	if err != nil || n != 1 {
		t.Errorf("both ends are inclusive: got %d samples, %v", n, err)
	}
	if err := f.Scan(t.Context(), a, t0+1, t0, func([]int64, []float64) error { t.Error("called"); return nil }); err != nil {
		t.Error(err)
	}
	st := f.Stats()
	if st.Newest != t0+2*minute || st.Unflushed != 3 {
		t.Errorf("stats %+v", st)
	}
}

func indexColumn(t *testing.T, open Open) {
	f := start(t, open)
	refs := f.Refs(nil, []history.Series{a, b, a})
	if refs[0] != refs[2] || refs[0] == refs[1] {
		t.Fatalf("references %v", refs)
	}
	if _, err := f.Append(t.Context(), refs[:2], nil, []record.Millis{t0, t0}, []float64{1, 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Append(t.Context(), refs[:2], []uint32{1, 0, 1}, []record.Millis{t0 + 1, t0 + 1, t0 + 2}, []float64{3, 4, 5}); err != nil {
		t.Fatal(err)
	}
	f.want(a, history.Sample{Time: t0, Value: 1}, history.Sample{Time: t0 + 1, Value: 4})
	f.want(b, history.Sample{Time: t0, Value: 2}, history.Sample{Time: t0 + 1, Value: 3}, history.Sample{Time: t0 + 2, Value: 5})
}

func sameAgain(t *testing.T, open Open) {
	f := start(t, open)
	for range 3 {
		f.taken(f.put(a, x(0, 1), x(1, 2), x(2, 3)))
		f.want(a, x(0, 1), x(1, 2), x(2, 3))
		f.flush()
	}
	f.reopen()
	f.taken(f.put(a, x(2, 3), x(1, 2), x(1, 2)))
	f.want(a, x(0, 1), x(1, 2), x(2, 3))
}

func contradiction(t *testing.T, open Open) {
	f := start(t, open)
	check := func(rs []history.Refusal, want ...history.Refusal) {
		t.Helper()
		slices.SortFunc(rs, func(a, b history.Refusal) int { return a.Index - b.Index })
		if !slices.EqualFunc(rs, want, func(a, b history.Refusal) bool {
			return a.Index == b.Index && a.Stored == b.Stored && errors.Is(a.Reason, b.Reason)
		}) {
			t.Fatalf("refused %v, want %v", rs, want)
		}
	}
	check(f.put(a, x(0, 1), x(0, 9)), history.Refusal{Index: 1, Stored: 1, Reason: history.ErrContradiction})
	f.taken(f.put(a, x(5, 5)))
	check(f.put(a, x(5, 6), x(6, 6), x(0, 2), x(3, 3), x(3, 4)),
		history.Refusal{Index: 0, Stored: 5, Reason: history.ErrContradiction},
		history.Refusal{Index: 2, Stored: 1, Reason: history.ErrContradiction},
		history.Refusal{Index: 4, Stored: 3, Reason: history.ErrContradiction})
	f.want(a, x(0, 1), x(3, 3), x(5, 5), x(6, 6))
	f.flush()
	check(f.put(a, x(3, 7)), history.Refusal{Index: 0, Stored: 3, Reason: history.ErrContradiction})
	f.reopen()
	check(f.put(a, x(3, 7), x(6, 0), x(4, 4)),
		history.Refusal{Index: 0, Stored: 3, Reason: history.ErrContradiction},
		history.Refusal{Index: 1, Stored: 6, Reason: history.ErrContradiction})
	f.want(a, x(0, 1), x(3, 3), x(4, 4), x(5, 5), x(6, 6))
}

func late(t *testing.T, open Open) {
	f := start(t, open)
	f.taken(f.put(a, x(0, 0)))
	var want []history.Sample
	// A month of minutes arrives backwards, day by day, after the newest record.
	const days = 30
	for d := days; d > 0; d-- {
		var up []history.Sample
		for m := range 24 * 60 {
			up = append(up, x(-d*24*60+m, float64(d*m)))
		}
		want = append(want, up...)
	}
	for d := range days {
		f.taken(f.put(a, want[(days-1-d)*1440:(days-d)*1440]...))
	}
	f.taken(f.put(b, x(-89*24*60, 1), x(-88*24*60, 2)))
	want = append(want, x(0, 0))
	f.want(a, want...)
	f.flush()
	f.want(a, want...)
	f.taken(f.put(a, want[100:200]...))
	f.reopen()
	f.want(a, want...)
	f.want(b, x(-89*24*60, 1), x(-88*24*60, 2))
}

func tooOld(t *testing.T, open Open) {
	f := start(t, open)
	f.taken(f.put(a, x(0, 1)))
	old := -120 * 24 * 60
	for range 2 {
		rs := f.put(b, x(old, 1), x(0, 2))
		if len(rs) != 1 || rs[0].Index != 0 || !errors.Is(rs[0].Reason, history.ErrTooOld) {
			t.Fatalf("refused %v", rs)
		}
		f.want(b, x(0, 2))
		f.reopen()
	}
}

func null(t *testing.T, open Open) {
	f := start(t, open)
	g := history.Series{Metric: history.Sum, Hierarchy: "h", Name: "g"}
	f.taken(f.put(g, x(0, 1), history.Sample{Time: t0 + minute, Value: history.Null}, x(2, 3)))
	f.taken(f.put(g, history.Sample{Time: t0 + minute, Value: history.Null}))
	f.want(g, x(0, 1), x(1, math.NaN()), x(2, 3))
	f.reopen()
	f.want(g, x(0, 1), x(1, math.NaN()), x(2, 3))
	if rs := f.put(g, x(1, 7)); len(rs) != 1 {
		t.Error("null is a value too: the first one stays")
	}
}

func latest(t *testing.T, open Open) {
	f := start(t, open)
	c := history.Series{Metric: history.Sum, Hierarchy: "h", Name: "c"}
	ask := []history.Series{b, c, a, history.RecordsOf("nobody")}
	check := func(want ...history.Sample) {
		t.Helper()
		for range 2 {
			got, err := f.Latest(t.Context(), nil, ask)
			if err != nil || !slices.EqualFunc(got, want, same) {
				t.Fatalf("got %v, %v; want %v", got, err, want)
			}
		}
	}
	none := history.Sample{Value: math.NaN()}
	check(none, none, none, none)
	f.taken(f.put(a, x(0, 1), x(3, 3), x(1, 2)))
	check(none, none, x(3, 3), none)
	f.taken(f.put(b, x(-80*24*60, 8)))
	f.taken(f.put(c, x(0, 1), history.Sample{Time: t0 + 1, Value: history.Null}))
	want := []history.Sample{x(-80*24*60, 8), {Time: t0 + 1, Value: math.NaN()}, x(3, 3), none}
	check(want...)
	f.flush()
	check(want...)
	f.reopen()
	check(want...)
	f.reopen()
	f.taken(f.put(a, x(2, 2)))
	check(want...)
	f.taken(f.put(a, x(4, 4)))
	want[2] = x(4, 4)
	check(want...)
}

func flushAndOpen(t *testing.T, open Open) {
	f := start(t, open)
	f.flush() // of nothing
	f.taken(f.put(a, x(0, 1)))
	f.flush()
	if n := f.Stats().Unflushed; n != 0 {
		t.Errorf("%d samples unflushed after a flush", n)
	}
	f.taken(f.put(a, x(1, 2)))
	f.reopen()
	f.want(a, x(0, 1), x(1, 2))
	if st := f.Stats(); st.Oldest > t0 || st.Newest < t0+minute {
		t.Errorf("stats %+v", st)
	}
}

func afterFlush(t *testing.T, open Open) {
	f := start(t, open)
	refs := f.Refs(nil, []history.Series{a, b})
	put := func(m int) {
		if _, err := f.Append(t.Context(), refs, nil, []record.Millis{t0 + record.Millis(m), t0 + record.Millis(m)}, []float64{float64(m), -float64(m)}); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	f.flush()
	put(2)
	put(3)
	f.flush()
	put(4)
	if got := f.get(a); len(got) != 4 || got[3].Value != 4 {
		t.Errorf("got %v", got)
	}
}

func anyName(t *testing.T, open Open) {
	f := start(t, open)
	names := []string{"a|b", ".*", "Zähler (Küche) \"1\"", "日本語", "{sensor=\"x\"}", "x y", "a", "b", "\\", "$^"}
	for i, n := range names {
		f.taken(f.put(history.RecordsOf(record.SensorID(n)), x(0, float64(i))))
	}
	f.reopen()
	var ask []history.Series
	for _, n := range names {
		ask = append(ask, history.RecordsOf(record.SensorID(n)))
	}
	got, err := f.Latest(t.Context(), nil, ask)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range ask {
		f.want(k, x(0, float64(i)))
		if got[i].Value != float64(i) {
			t.Errorf("newest of %q is %v", k.Name, got[i])
		}
		f.taken(f.put(k, x(0, float64(i))))
	}
}

func backfill(t *testing.T, open Open) {
	f := start(t, open)
	f.taken(f.put(a, x(0, 1)))
	var want []history.Sample
	for m := range 3 * 365 * 24 {
		want = append(want, x((m-3*365*24-24)*60, float64(m)))
	}
	run := func(xs []history.Sample) history.BackfillResult {
		t.Helper()
		bf, err := f.Backfill(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer bf.Abort()
		times, values := columns(xs)
		for at := 0; at < len(xs); at += 1000 {
			end := min(at+1000, len(xs))
			if err := bf.Add(a, times[at:end], values[at:end]); err != nil {
				t.Fatal(err)
			}
		}
		r, err := bf.Commit()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	shuffled := slices.Clone(want)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	n := uint64(len(want))
	if r := run(shuffled); r != (history.BackfillResult{Stored: n}) {
		t.Errorf("first: %+v", r)
	}
	want = append(want, x(0, 1))
	f.want(a, want...)
	if r := run(append(shuffled, x(0, 1))); r != (history.BackfillResult{Duplicates: n + 1}) {
		t.Errorf("again: %+v", r)
	}
	if r := run([]history.Sample{x(0, 5), x(-60*24, 0.25), x(-60*24, 0.5)}); r.Refused != 2 || r.Stored != 1 {
		t.Errorf("contradicting: %+v", r)
	}
	want = slices.Insert(want, len(want)-1, x(-60*24, 0.25))
	f.want(a, want...)
	f.taken(f.put(a, x(1, 1)))
	f.reopen()
	f.want(a, append(want, x(1, 1))...)
}

func backfillBeside(t *testing.T, open Open) {
	f := start(t, open)
	f.taken(f.put(a, x(0, 1), x(10, 2)))
	bf, err := f.Backfill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := bf.Add(a, []record.Millis{t0 + 5*minute, t0 + 20*minute}, []float64{5, 20}); err != nil {
		t.Fatal(err)
	}
	f.taken(f.put(b, x(3, 3)))
	if err := bf.Add(b, []record.Millis{t0 + 20*minute}, []float64{20}); err != nil {
		t.Fatal(err)
	}
	if _, err := bf.Commit(); err != nil {
		t.Fatal(err)
	}
	// What was filled in counts as stored first.
	if rs := f.put(a, x(20, 21), x(15, 15), x(20, 20)); len(rs) != 1 || rs[0].Stored != 20 {
		t.Errorf("refused %v", rs)
	}
	if rs := f.put(b, x(20, 21)); len(rs) != 1 {
		t.Errorf("refused %v", rs)
	}
	f.reopen()
	f.want(a, x(0, 1), x(5, 5), x(10, 2), x(15, 15), x(20, 20))
	f.want(b, x(3, 3), x(20, 20))
}

func random(t *testing.T, open Open) {
	f := start(t, open)
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	type key struct {
		k int
		t record.Millis
	}
	model := make(map[key]float64)
	series := make([]history.Series, 6)
	for i := range series {
		series[i] = history.RecordsOf(record.SensorID(rune('a' + i)))
	}
	for step := range 150 {
		refs := f.Refs(nil, series)
		var index []uint32
		var times []record.Millis
		var values []float64
		refused := 0
		for range 1 + r.IntN(40) {
			k := r.IntN(len(series))
			at := t0 + record.Millis(step/2*minute) + record.Millis(r.IntN(40)-20)*minute/2
			v := float64(r.IntN(2))
			index, times, values = append(index, uint32(k)), append(times, at), append(values, v)
			if old, ok := model[key{k, at}]; !ok {
				model[key{k, at}] = v
			} else if old != v {
				refused++
			}
		}
		rs, err := f.Append(t.Context(), refs, index, times, values)
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) != refused {
			t.Fatalf("step %d: %d refused, want %d", step, len(rs), refused)
		}
		switch r.IntN(12) {
		case 0:
			f.flush()
		case 1:
			f.reopen()
		}
	}
	for i, k := range series {
		var want []history.Sample
		for kk, v := range model {
			if kk.k == i {
				want = append(want, history.Sample{Time: kk.t, Value: v})
			}
		}
		slices.SortFunc(want, func(a, b history.Sample) int { return int(a.Time - b.Time) })
		f.want(k, want...)
		got, err := f.Latest(t.Context(), nil, []history.Series{k})
		if err != nil || got[0] != want[len(want)-1] {
			t.Errorf("newest %v, %v, want %v", got, err, want[len(want)-1])
		}
	}
}

func scanEnds(t *testing.T, open Open) {
	f := start(t, open)
	f.taken(f.put(a, x(0, 1)))
	stop := errors.New("stop")
	err := f.Scan(t.Context(), a, t0, t0, func([]int64, []float64) error {
		f.flush() // a slow reader must not hold this up
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Scan(ctx, a, t0, t0, func([]int64, []float64) error { return nil }); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func manyFlushes(t *testing.T, open Open) {
	f := start(t, open)
	var want []history.Sample
	for i := range 40 {
		for j := range 10 {
			want = append(want, x(i*10+j, float64(i*j)))
		}
		f.taken(f.put(a, want[i*10:]...))
		f.flush()
	}
	f.want(a, want...)
	f.reopen()
	f.want(a, want...)
}

func settledFlushes(t *testing.T, open Open) {
	f := start(t, open)
	var want [4][]history.Sample
	series := []history.Series{history.RecordsOf("s0"), history.RecordsOf("s1"), history.RecordsOf("s2"), history.RecordsOf("s3")}
	last := record.Millis(0)
	for i := range 60 {
		for k := range series {
			s := x(i-2*k, float64(i*k)) // some are always behind
			want[k] = append(want[k], s)
			f.taken(f.put(series[k], s))
		}
		if i%7 == 0 {
			through, err := f.FlushSettled(t.Context())
			if err != nil || through < last {
				t.Fatal(through, err)
			}
			last = through
		}
	}
	for range 2 {
		for k := range series {
			f.want(series[k], want[k]...)
			f.taken(f.put(series[k], want[k]...))
		}
		f.reopen()
	}
}

func queryable(t *testing.T, open Open) {
	f := start(t, open)
	f.taken(f.put(a, x(0, 1), x(1, 2)))
	f.taken(f.put(history.Series{Metric: history.Sum, Hierarchy: "h", Name: "g"}, x(0, 5)))
	q, err := f.Queryable().Querier(int64(t0), int64(t0+minute))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchRegexp, promodel.MetricNameLabel, "wattwerk_.+"))
	var got []history.Series
	n := 0
	for set.Next() {
		k, ok := history.SeriesOf(set.At().Labels())
		if !ok {
			t.Errorf("labels %v", set.At().Labels())
		}
		got = append(got, k)
		for it := set.At().Iterator(nil); it.Next() == chunkenc.ValFloat; {
			n++
		}
	}
	want := []history.Series{{Metric: history.Sum, Hierarchy: "h", Name: "g"}, a}
	if set.Err() != nil || !slices.Equal(got, want) || n != 3 {
		t.Errorf("got %v with %d samples, %v", got, n, set.Err())
	}
}
