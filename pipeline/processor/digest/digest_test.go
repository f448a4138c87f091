package digest

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/wattwerk/wattwerk/record"
)

// TestQuantilesAreNear holds quantiles against sorted values, in any order and
// grouping.
func TestQuantilesAreNear(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, c := range map[string]struct {
		value func() float64
		near  float64
	}{
		"power":     {func() float64 { return 1000 + 300*r.NormFloat64() }, 1. / 512},
		"both ways": {func() float64 { return r.NormFloat64() }, 1. / 512},
		"scattered": {func() float64 { return math.Copysign(math.Pow(10, r.Float64()*36-18), r.NormFloat64()) }, 1. / 32},
		"few":       {func() float64 { return float64(r.IntN(3)) }, 1. / 512},
	} {
		for _, n := range []int{1, 2, MaxExact, MaxExact + 1, 1000, 30_000} {
			values := make([]float64, n)
			var q Quantile
			parts := make([]Quantile, 3)
			for i := range values {
				values[i] = c.value()
				q.Add(0, values[i])
				parts[r.IntN(3)].Add(0, values[i])
			}
			slices.Sort(values)
			var merged Quantile
			for i := range parts {
				merged.Merge(&parts[i])
			}
			for _, p := range []float64{0, 1, 25, 50, 95, 99.9, 100} {
				got, _ := q.Percentile(p)
				want := values[Rank(p, uint64(n))]
				if math.Abs(got-want) > c.near*math.Abs(want)*1.0001+1e-19 {
					t.Errorf("%s: %v %% of %d is %v, want %v", name, p, n, got, want)
				}
				if n <= MaxExact && got != want {
					t.Errorf("%s: %v %% of %d is %v, not exactly %v", name, p, n, got, want)
				}
				if m, _ := merged.Percentile(p); m != got {
					t.Errorf("%s: %v %% of %d is %v, merged %v", name, p, n, got, m)
				}
			}
			if len(q.keys) > MaxBuckets || len(q.values) > MaxExact {
				t.Errorf("%s: %d buckets, %d values", name, len(q.keys), len(q.values))
			}
		}
	}
}

func TestSizes(t *testing.T) {
	if a, b, c, d := unsafe.Sizeof(Mean{}), unsafe.Sizeof(Extremes{}), unsafe.Sizeof(Ends{}), unsafe.Sizeof(Spread{}); a != 32 || b != 24 || c != 40 || d != 72 {
		t.Errorf("mean %d, extremes %d, ends %d, spread %d bytes", a, b, c, d)
	}
}

func TestNothingIsNotZero(t *testing.T) {
	var m Mean
	var e Extremes
	var n Ends
	var s Spread
	var q Quantile
	if v, ok := m.Tell(Count); v != 0 || !ok {
		t.Error("nothing is not counted")
	}
	_, a := m.Tell(Average)
	_, b := e.Tell(Minimum)
	_, c := n.Tell(First)
	_, d := s.Tell(Deviation)
	_, f := s.Tell(Sum)
	_, g := q.Percentile(50)
	if a || b || c || d || f || g {
		t.Error("nothing has a value", a, b, c, d, f, g)
	}
	e.Add(0, math.Copysign(0, -1))
	if v, _ := e.Tell(Minimum); math.Signbit(v) {
		t.Error("there is a zero below zero")
	}
}

func FuzzLoad(f *testing.F) {
	var q Quantile
	for i := range 3 {
		q.Add(0, float64(i))
	}
	f.Add(q.Append(nil))
	for i := range 100 {
		q.Add(0, math.Pow(1.3, float64(i)))
	}
	f.Add(q.Append(nil))
	var s Spread
	s.Add(0, 5)
	f.Add(s.Append(nil))
	var e Ends
	e.Add(5, 5)
	f.Add(e.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		try(t, b, new(Mean))
		try(t, b, new(Extremes))
		try(t, b, new(Ends))
		try(t, b, new(Spread))
		try(t, b, new(Quantile))
		if q := new(Quantile); len(b) > 0 {
			if _, err := q.Load(b); err == nil {
				if v, ok := q.Percentile(50); ok && !(math.Abs(v) <= record.MaxValue*1.04) {
					t.Errorf("median %v", v)
				}
			}
		}
	})
}

func try(t *testing.T, b []byte, d interface {
	Add(record.Millis, float64)
	Append([]byte) []byte
	Load([]byte) ([]byte, error)
}) {
	rest, err := d.Load(b)
	if err != nil {
		return
	}
	stored := d.Append(nil)
	again, err := d.Load(stored)
	if err != nil || len(again) > 0 || !bytes.Equal(d.Append(nil), stored) || len(rest) > len(b) {
		t.Fatalf("%T is stored otherwise: %v", d, err)
	}
	d.Add(7, 1)
}

func BenchmarkQuantile(b *testing.B) {
	var q Quantile
	for i := range b.N {
		q.Add(0, float64(1000+i%997))
	}
}
