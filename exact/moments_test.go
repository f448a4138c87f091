package exact

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// slowVariance is what the variance is by fractions.
func slowVariance(values []float64, sample bool) float64 {
	n := new(big.Rat).SetInt64(int64(len(values)))
	sum := new(big.Rat)
	for _, v := range values {
		sum.Add(sum, new(big.Rat).SetFloat64(v))
	}
	mean := sum.Quo(sum, n)
	all := new(big.Rat)
	for _, v := range values {
		d := new(big.Rat).SetFloat64(v)
		d.Sub(d, mean)
		all.Add(all, d.Mul(d, d))
	}
	d := int64(len(values))
	if sample {
		d--
	}
	out, _ := all.Quo(all, new(big.Rat).SetInt64(d)).Float64()
	return out
}

func TestMomentsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		scale := math.Pow(10, float64(round%18))
		values := make([]float64, 2+r.IntN(40))
		for i := range values {
			values[i] = scale + math.Round(r.NormFloat64()*1024)/1024 // on the grid
			if round%3 == 0 {
				values[i] = -values[i]
			}
		}
		var m, left, back Moments
		for i, v := range values {
			m.Add(v)
			if i%2 == 0 {
				left.Add(v)
			}
		}
		r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		var again Moments
		for _, v := range values {
			again.Add(v)
		}
		if again != m {
			t.Fatalf("the order of %v matters", values)
		}
		for _, sample := range []bool{false, true} {
			if got, want := m.Variance(sample), slowVariance(values, sample); math.Abs(got-want) > want*0x1p-52 {
				t.Fatalf("variance of %v is %v, want %v", values, got, want)
			}
		}
		back.Merge(&m)
		back.Merge(&left)
		if back.N != m.N+left.N {
			t.Fatal("merged ones are not counted")
		}
		stored := LoadMoments(back.Append(nil))
		if stored != back {
			t.Fatal("stored ones are others")
		}
		for _, v := range values {
			stored.Remove(v)
		}
		if stored != left {
			t.Fatalf("what is left of %v is not what was not removed", values)
		}
	}
}

func TestMomentsOfFew(t *testing.T) {
	var m Moments
	if !math.IsNaN(m.Mean()) || !math.IsNaN(m.Variance(false)) || !math.IsNaN(m.Variance(true)) {
		t.Error("nothing has a mean")
	}
	m.Add(-1e18)
	if m.Mean() != -1e18 || m.Variance(false) != 0 || !math.IsNaN(m.Variance(true)) {
		t.Errorf("one value: %v, %v, %v", m.Mean(), m.Variance(false), m.Variance(true))
	}
	m.Add(1e18)
	if m.Mean() != 0 || m.Variance(false) != 1e36 || m.Variance(true) != 2e36 {
		t.Errorf("two values: %v, %v, %v", m.Mean(), m.Variance(false), m.Variance(true))
	}
}

func BenchmarkMoments(b *testing.B) {
	var m Moments
	for i := range b.N {
		m.Add(float64(i&1023) * 1.7)
	}
}

func BenchmarkVariance(b *testing.B) {
	var m Moments
	for i := range 100 {
		m.Add(float64(i&1023) * 1.7)
	}
	for b.Loop() {
		m.Variance(true)
	}
}
