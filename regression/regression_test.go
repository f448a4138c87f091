package regression

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var nan = math.NaN()

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func made(r *rand.Rand, n int) (x [][]float64, y []float64) {
	for range n {
		a, b := 1e6+100*r.NormFloat64(), r.NormFloat64()
		x = append(x, []float64{a, b, 7, a - b})
		y = append(y, 3*a-500*b+12)
	}
	return x, y
}

// TestRidge finds what the rows were made of: features of very different size, one
// that never changes, and one that follows from the others.
func TestRidge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x, y := made(r, 500)
	l, err := Ridge(x, y, 1e-9)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range x {
		near(t, "row", l.At(row), y[i], 1e-2)
	}
	if l.Weights[2] != 0 {
		t.Errorf("what never changes has weight %v", l.Weights[2])
	}
	strong, err := Ridge(x, y, 1e12)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "all that is left is the mean", strong.At(x[3]), Mean(y), 1)
}

// TestRidgeByHand solves one feature by hand: the slope is cov/(var + lambda/n).
func TestRidgeByHand(t *testing.T) {
	l, err := Ridge([][]float64{{1}, {2}, {3}}, []float64{2, 4, 6}, 3)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "slope", l.Weights[0], 1, 1e-12)
	near(t, "intercept", l.Intercept, 2, 1e-12)
}

// TestNoFeatures: without features the model is the mean.
func TestNoFeatures(t *testing.T) {
	g := NewGram(0)
	for _, y := range []float64{4, 1, 7, 2} {
		g.Add(nil, y)
	}
	l, err := g.Solve(1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean", l.Intercept, 3.5, 1e-12)
}

// TestGramAddsAndRemoves compares with a fit of the rows that are left.
func TestGramAddsAndRemoves(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	x, y := made(r, 60)
	for i := range y {
		y[i] += 10 * r.NormFloat64()
	}
	g := NewGram(4)
	for i := range x {
		if !g.Add(x[i], y[i]) {
			t.Fatal("a row was not taken")
		}
	}
	for i := range 20 {
		g.Remove(x[i], y[i])
	}
	if g.Add([]float64{nan, 1, 2, 3}, 1) || g.Add(x[0], math.Inf(1)) || g.Rows() != 40 {
		t.Errorf("%d rows", g.Rows())
	}
	got, err := g.Solve(1)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Ridge(x[20:], y[20:], 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range x {
		near(t, "the same", got.At(row), want.At(row), 1e-3)
	}
}

// TestSome takes features out of many, in another order, and compares with a fit of them.
func TestSome(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	x, y := made(r, 60)
	all := NewGram(4)
	for i := range x {
		y[i] += 10 * r.NormFloat64()
		all.Add(x[i], y[i])
	}
	for _, features := range [][]int{{}, {0}, {3, 1}, {1, 2, 3}, {0, 1, 2, 3}} {
		few := NewGram(len(features))
		for i := range x {
			row := make([]float64, len(features))
			for k, f := range features {
				row[k] = x[i][f]
			}
			few.Add(row, y[i])
		}
		got, err := all.Some(features...).Solve(1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := few.Solve(1)
		if err != nil {
			t.Fatal(err)
		}
		if got.Intercept != want.Intercept || !slices.Equal(got.Weights, want.Weights) {
			t.Errorf("%v: %+v, not %+v", features, got, want)
		}
	}
	if _, err := NewGram(2).Some(1).Solve(1); err == nil {
		t.Error("of no rows")
	}
}

// TestWeights compares a row of weight 3 with three of it.
func TestWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x, y := made(r, 30)
	three, one := NewGram(4), NewGram(4)
	one.Add([]float64{1, 2, 3, 4}, 5)
	one.Reset()
	for i := range x {
		y[i] += 10 * r.NormFloat64()
		one.Add(x[i], y[i])
		three.Add(x[i], y[i])
	}
	one.AddWeighted(x[4], y[4], 3)
	for range 3 {
		three.Add(x[4], y[4])
	}
	if one.AddWeighted(x[0], 1, 0) || one.AddWeighted(x[0], 1, math.Inf(1)) || one.Rows() != 31 {
		t.Errorf("%d rows", one.Rows())
	}
	got, err := one.Solve(1)
	if err != nil {
		t.Fatal(err)
	}
	want, err := three.Solve(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range x {
		near(t, "the same", got.At(row), want.At(row), 1e-6)
	}
}

func TestRidgeRefuses(t *testing.T) {
	if _, err := Ridge(nil, nil, 1); err == nil {
		t.Error("no rows")
	}
	if _, err := Ridge([][]float64{{nan}}, []float64{1}, 1); err == nil {
		t.Error("no known rows")
	}
	if _, err := Ridge([][]float64{{1}}, []float64{1}, nan); err == nil {
		t.Error("no lambda")
	}
}

func TestStatistics(t *testing.T) {
	values := []float64{5, nan, 1, 3, 100}
	near(t, "median", Median(values), 4, 0)
	near(t, "quantile", Quantile(values, 1), 100, 0)
	near(t, "lower quantile", Quantile(values, 0.5/3), 2, 1e-12)
	m, mad := MAD(values)
	near(t, "MAD", mad, 2, 0)
	near(t, "its median", m, 4, 0)
	near(t, "nothing", Median([]float64{nan}), nan, 0)
	near(t, "mean", Mean(values), 27.25, 0)
	a, s := []float64{1, 2, nan, 4}, []float64{2, 2, 5, 2}
	near(t, "MAE", MAE(a, s), 1, 0)
	near(t, "RMSE", RMSE(a, s), math.Sqrt(5.0/3), 1e-12)
	near(t, "WAPE", WAPE(a, s), 3.0/7, 1e-12)
	near(t, "NRMSE", NRMSE(a, s), math.Sqrt(5.0/3)/(7.0/3), 1e-12)
	near(t, "scale", Scale([]float64{1, 5, 2, nan, 4}, 2), 1.5, 1e-12)
	near(t, "no scale", Scale(a, 4), nan, 0)
	near(t, "MASE", MASE(a, s, 2), 0.5, 0)
	near(t, "nothing compared", MAE([]float64{nan}, []float64{1}), nan, 0)
	near(t, "nothing there", WAPE([]float64{0}, []float64{0}), 0, 0)
	near(t, "correlation", Correlation([]float64{1, 2, 3, nan}, []float64{-2, -4, -6, 1}), -1, 1e-12)
	near(t, "no correlation", Correlation([]float64{1, 2}, []float64{3, 3}), nan, 0)
}

func BenchmarkGramAdd(b *testing.B) {
	g := NewGram(70)
	x := make([]float64, 70)
	for i := range x {
		x[i] = float64(i%5) + 1
	}
	for b.Loop() {
		g.Add(x, 3)
	}
}
