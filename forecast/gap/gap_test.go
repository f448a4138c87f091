package gap

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the zones, on machines that have none

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

var nan = math.NaN()

// torn is a series with a gap, and what was there.
func torn(r replay.Series, from, n int) (s Series, g Gap, was []int64) {
	s = Series{r.Start, r.Step, r.Floats()}
	for i := from; i < from+n; i++ {
		s.Values[i] = nan
	}
	return s, Gap{from, from + n}, r.Values[from : from+n]
}

func sum(v []int64) (t int64) {
	for _, x := range v {
		t += x
	}
	return t
}

// TestScenarioS9 takes days out of the two office buildings, and has a counter: the
// sum is its difference exactly, and the hours are wrong by less than 2.5 % of what
// they are. Without the counter the rows are marked as not exact.
func TestScenarioS9(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	var wrong, size float64
	for _, o := range replay.Offices() {
		for range 150 {
			s, g, was := torn(o, 14*24+r.IntN(len(o.Values)-29*24), 24)
			before := r.Int64N(1e12)
			f, err := Fill(s, g, &Counter{Before: before, After: before + sum(was)}, window.In(o.Zone))
			if err != nil {
				t.Fatal(err)
			}
			if f.Sum() != sum(was) || !f.Exact || f.Method != Counted || f.Reset || f.Gap != g {
				t.Fatalf("%d, and the counter says %d: %+v", f.Sum(), sum(was), f)
			}
			for i, v := range f.Values {
				if v < 0 {
					t.Fatalf("%d", v)
				}
				wrong, size = wrong+math.Abs(float64(v-was[i])), size+float64(was[i])
			}
			if f, err = Fill(s, g, nil, window.In(o.Zone)); err != nil || f.Exact || f.Method != Shape {
				t.Fatalf("without a counter: %+v, %v", f, err)
			}
		}
	}
	if wrong/size > 0.025 {
		t.Errorf("the hours are wrong by %.2f %%", 100*wrong/size)
	}
}

// TestScenarioS10 has a counter that was reset within the gap, and one that jumped:
// the difference is not used, which is said, and nothing is negative.
func TestScenarioS10(t *testing.T) {
	h := replay.Homes()[2].Load // with hours of nothing
	r := rand.New(rand.NewPCG(10, 10))
	for range 300 {
		s, g, was := torn(h, r.IntN(len(h.Values)-48), 1+r.IntN(48))
		f, err := Fill(s, g, &Counter{Before: 1_000_000, After: sum(was) / 2}, window.In(h.Zone))
		if err != nil {
			t.Fatal(err)
		}
		if !f.Reset || f.Exact || f.Excess || f.Method == Counted || len(f.Values) != g.Len() || slices.Min(f.Values) < 0 {
			t.Fatalf("reset: %+v", f)
		}
		without, err := Fill(s, g, nil, window.In(h.Zone))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(f.Values, without.Values); d != "" {
			t.Fatalf("the counter had an influence: %s", d)
		}
		f, err = Fill(s, g, &Counter{Before: 5, After: 5 + 20_000*int64(g.Len()), Most: 15_000}, window.In(h.Zone))
		if err != nil || !f.Excess || f.Exact || f.Reset {
			t.Fatalf("jumped: %+v, %v", f, err)
		}
		if d := cmp.Diff(f.Values, without.Values); d != "" {
			t.Fatalf("the counter had an influence: %s", d)
		}
	}
}

func TestMethods(t *testing.T) {
	c := window.In(time.UTC)
	short := Series{0, hour, []float64{3, nan, nan, 6, 9}}
	for _, x := range []struct {
		name string
		s    Series
		k    *Counter
		how  Method
		want []int64
	}{
		{"a line", short, nil, Line, []int64{4, 5}},
		{"evenly", short, &Counter{Before: 10, After: 17}, Even, []int64{4, 3}},
		{"nothing passed", short, &Counter{Before: 10, After: 10}, Even, []int64{0, 0}},
		{"from minus", short, &Counter{Before: -4, After: 2}, Even, []int64{3, 3}},
		{"reset", short, &Counter{Before: 10, After: 9}, Line, []int64{4, 5}},
		{"to the end", Series{0, hour, []float64{7, 2, nan, nan}}, nil, Line, []int64{2, 2}},
		{"from the beginning", Series{0, hour, []float64{nan, nan, 5}}, nil, Line, []int64{5, 5}},
		{"no number", short, &Counter{Before: math.MinInt64, After: math.MaxInt64}, Line, []int64{4, 5}},
	} {
		f, err := Fill(x.s, x.s.Gaps()[0], x.k, c)
		if err != nil || f.Method != x.how || !cmp.Equal(f.Values, x.want) {
			t.Errorf("%s: %+v, %v", x.name, f, err)
		}
	}
	if _, err := Fill(Series{0, hour, []float64{nan, nan}}, Gap{0, 2}, nil, c); !errors.Is(err, ErrNothing) {
		t.Error(err)
	}
	for _, g := range []Gap{{-1, 1}, {1, 6}, {2, 2}, {3, 1}} {
		if _, err := Fill(short, g, nil, c); err == nil {
			t.Errorf("gap %v", g)
		}
	}
	if got := (Series{0, hour, []float64{nan, 1, nan, nan, 2, nan}}).Gaps(); !cmp.Equal(got, []Gap{{0, 1}, {2, 4}, {5, 6}}) {
		t.Error(got)
	}
}

// TestTheProfileIsOfTheClock fills a day after the clock was changed, by values that
// depend on the time of day alone.
func TestTheProfileIsOfTheClock(t *testing.T) {
	c, err := window.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	quarter := hour / 4
	start := record.MillisOf(time.Date(2026, 3, 2, 0, 0, 0, 0, c.Zone()))
	s := Series{Start: start, Step: quarter}
	for i := range 96 * 50 {
		s.Values = append(s.Values, float64(1000*(s.Start+record.Millis(int64(i)*quarter)).Time().In(c.Zone()).Hour()))
	}
	for _, day := range []int{29, 30} { // March; the clock is set on the 29th
		span := c.Span(window.Day, record.MillisOf(time.Date(2026, 3, day, 12, 0, 0, 0, c.Zone())))
		g := Gap{int(int64(span.From-start) / quarter), int(int64(span.To-start) / quarter)}
		gone := s
		gone.Values = slices.Clone(s.Values)
		var was []int64
		for i := g.From; i < g.To; i++ {
			was = append(was, int64(s.Values[i]))
			gone.Values[i] = nan
		}
		f, err := Fill(gone, g, nil, c)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(was, f.Values); d != "" || f.Method != Shape {
			t.Errorf("%d March: %s: %s", day, f.Method, d)
		}
	}
}

func TestShare(t *testing.T) {
	for _, x := range []struct {
		total int64
		shape []float64
		want  []int64
	}{
		{10, []float64{1, 1, 1}, []int64{4, 3, 3}},
		{1, []float64{1, 2}, []int64{0, 1}},
		{7, []float64{0, nan, -3}, []int64{3, 2, 2}},
		{7, []float64{0, 2, -3}, []int64{0, 7, 0}},
		{0, []float64{1, 2}, []int64{0, 0}},
		{-5, []float64{1, 2}, []int64{0, 0}},
		{5, nil, []int64{}},
		{math.MaxInt64, []float64{math.MaxFloat64, math.MaxFloat64}, []int64{math.MaxInt64/2 + 1, math.MaxInt64 / 2}},
	} {
		if got := Share(x.total, x.shape); !cmp.Equal(got, x.want) {
			t.Errorf("%d in %v: %d, want %d", x.total, x.shape, got, x.want)
		}
	}
}

// FuzzShare holds every division together.
func FuzzShare(f *testing.F) {
	f.Add(int64(100), 1.0, 2.0, 3.0)
	f.Add(int64(math.MaxInt64), 0.1, math.MaxFloat64, 1e-300)
	f.Add(int64(1)<<60, math.Inf(1), math.NaN(), -1.0)
	f.Fuzz(func(t *testing.T, total int64, a, b, c float64) {
		shape := []float64{a, b, c, a + b, b + c}
		parts := Share(total, shape)
		if got := sum(parts); got != max(total, 0) {
			t.Errorf("%d of %d", got, total)
		}
		if slices.Min(parts) < 0 {
			t.Errorf("%d", parts)
		}
	})
}

func BenchmarkFillDay(b *testing.B) {
	o := replay.Offices()[0]
	s, g, was := torn(o, 100*24, 24)
	for b.Loop() {
		if _, err := Fill(s, g, &Counter{After: sum(was)}, window.In(o.Zone)); err != nil {
			b.Fatal(err)
		}
	}
}
