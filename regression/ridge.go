package regression

import (
	"errors"
	"math"
)

// A Linear is a fitted model: the sum of an intercept and of each feature by its
// weight.
type Linear struct {
	Intercept float64   `json:"intercept"`
	Weights   []float64 `json:"weights"`
}

// At is what the model says for features x; NaN if one is not known that counts.
func (l Linear) At(x []float64) float64 {
	y := l.Intercept
	for i, w := range l.Weights {
		if w != 0 {
			y += w * x[i]
		}
	}
	return y
}

// A Gram holds the normal equations of least squares, to which rows are added one
// by one: what has been fitted once need not be seen again. Its size is the square
// of the number of features.
type Gram struct {
	p, n   int
	weight float64   // of all rows
	origin []float64 // the first row, subtracted from all so that digits are not lost
	first  float64
	sum    []float64 // of x
	xx     []float64 // upper triangle of x·xᵀ, row by row
	xy     []float64
	y      float64
	row    []float64
}

// NewGram is for rows of that many features.
func NewGram(features int) *Gram {
	return &Gram{
		p: features, sum: make([]float64, features), xx: make([]float64, features*(features+1)/2), xy: make([]float64, features), row: make([]float64, features),
	}
}

// Rows says how many rows there are.
func (g *Gram) Rows() int { return g.n }

// Add takes in a row. It says whether it did: one with a value that is not a
// finite number is left out.
func (g *Gram) Add(x []float64, y float64) bool { return g.add(x, y, 1, 1) }

// AddWeighted takes in a row that counts as much as weight rows do, more than 0:
// rows that are weighted by what a fit was wrong by tend to the least absolute
// differences.
func (g *Gram) AddWeighted(x []float64, y, weight float64) bool {
	return weight > 0 && g.add(x, y, weight, 1)
}

// Remove takes a row away that was added before.
func (g *Gram) Remove(x []float64, y float64) bool { return g.add(x, y, -1, -1) }

// Reset forgets all rows.
func (g *Gram) Reset() {
	g.n, g.weight, g.y, g.origin = 0, 0, 0, nil
	clear(g.sum)
	clear(g.xx)
	clear(g.xy)
}

func (g *Gram) add(x []float64, y, sign float64, rows int) bool {
	if !finite(y) || !finite(sign) {
		return false
	}
	for _, v := range x[:g.p] {
		if !finite(v) {
			return false
		}
	}
	if g.origin == nil {
		g.origin, g.first = append(make([]float64, 0, g.p), x[:g.p]...), y // of no features, too, it is not nil
	}
	for i := range g.row {
		g.row[i] = x[i] - g.origin[i]
	}
	y -= g.first
	g.n += rows
	g.weight += sign
	g.y += sign * y
	k := 0
	for i, v := range g.row {
		v *= sign
		if v == 0 {
			k += g.p - i
			continue
		}
		g.sum[i] += v
		g.xy[i] += v * y
		line := g.xx[k : k+g.p-i]
		for j, w := range g.row[i:] {
			line[j] += v * w
		}
		k += g.p - i
	}
	return true
}

// Some gives the equations of some of the features, in the order in which they are named:
// they are to the bit what they were if rows had been added of these alone, and know
// nothing of rows that are added later.
func (g *Gram) Some(features ...int) *Gram {
	out := NewGram(len(features))
	out.n, out.weight, out.first, out.y = g.n, g.weight, g.first, g.y
	if g.origin != nil {
		out.origin = make([]float64, 0, len(features))
	}
	k := 0
	for i, a := range features {
		if g.origin != nil {
			out.origin = append(out.origin, g.origin[a])
		}
		out.sum[i], out.xy[i] = g.sum[a], g.xy[a]
		for _, b := range features[i:] {
			lo, hi := min(a, b), max(a, b)
			out.xx[k] = g.xx[lo*g.p-lo*(lo-1)/2+hi-lo]
			k++
		}
	}
	return out
}

// ErrFew says that there are no rows to fit.
var ErrFew = errors.New("fit: no rows")

// Solve fits the rows. Features are standardised first, so that lambda means the
// same to all of them: it weighs as much as that many rows that say that a
// feature has no influence. A feature that never changes gets no weight. Lambda is
// more than 0, which also makes features right that depend on one another.
func (g *Gram) Solve(lambda float64) (Linear, error) {
	if g.n < 1 {
		return Linear{}, ErrFew
	}
	if !(lambda > 0) || math.IsInf(lambda, 1) {
		return Linear{}, errors.New("fit: lambda must be more than 0")
	}
	n := g.weight
	var use []int
	sd := make([]float64, g.p)
	start := make([]int, g.p)
	for i, k := 0, 0; i < g.p; i++ {
		start[i] = k
		square := g.xx[k]
		// What remains of a feature that never changes is rounding.
		if v := square - g.sum[i]*g.sum[i]/n; v > 1e-12*square && v > 0 {
			sd[i] = math.Sqrt(v / n)
			use = append(use, i)
		}
		k += g.p - i
	}
	m := len(use)
	a, b := make([]float64, m*m), make([]float64, m)
	for r, i := range use {
		b[r] = (g.xy[i] - g.sum[i]*g.y/n) / sd[i]
		for c, j := range use[r:] {
			a[(r+c)*m+r] = (g.xx[start[i]+j-i] - g.sum[i]*g.sum[j]/n) / (sd[i] * sd[j])
		}
		a[r*m+r] += lambda
	}
	if !cholesky(a, b, m) {
		return Linear{}, errors.New("fit: the equations have no single answer")
	}
	l := Linear{Intercept: g.first + g.y/n, Weights: make([]float64, g.p)}
	for r, i := range use {
		w := b[r] / sd[i]
		l.Weights[i] = w
		l.Intercept -= w * (g.origin[i] + g.sum[i]/n)
	}
	return l, nil
}

// cholesky solves a·x = b in place, where the lower triangle of a is given.
func cholesky(a, b []float64, n int) bool {
	for j := range n {
		rj := a[j*n : j*n+j+1]
		d := rj[j]
		for _, v := range rj[:j] {
			d -= v * v
		}
		if !(d > 0) {
			return false
		}
		d = math.Sqrt(d)
		rj[j] = d
		for i := j + 1; i < n; i++ {
			ri := a[i*n : i*n+j+1]
			s := ri[j]
			for k, v := range rj[:j] {
				s -= v * ri[k]
			}
			ri[j] = s / d
		}
	}
	for i := range n {
		for k := range i {
			b[i] -= a[i*n+k] * b[k]
		}
		b[i] /= a[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			b[i] -= a[k*n+i] * b[k]
		}
		b[i] /= a[i*n+i]
	}
	return true
}

// Ridge fits y to the rows x; see [Gram.Solve].
func Ridge(x [][]float64, y []float64, lambda float64) (Linear, error) {
	if len(x) == 0 {
		return Linear{}, ErrFew
	}
	g := NewGram(len(x[0]))
	for i, row := range x {
		g.Add(row, y[i])
	}
	return g.Solve(lambda)
}

func finite(v float64) bool { return v-v == 0 }
