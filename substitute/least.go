package substitute

import (
	"math"

	"github.com/wattwerk/wattwerk/regression"
)

// A fitting fits a linear function of columns where everything is known, to the
// rows of the beginning and again to more of them.
type fitting struct {
	p      int
	x      []float64 // rows of p
	y      []float64
	cell   []int // of each row
	robust bool  // least absolute differences, not least squares
	near   float64
	gram   *regression.Gram
	linear regression.Linear
	fitted bool
}

func newFitting(y []float64, columns [][]float64, robust bool) *fitting {
	g := &fitting{p: len(columns), robust: robust, gram: regression.NewGram(len(columns))}
	g.x = make([]float64, 0, len(y)*len(columns))
rows:
	for t, v := range y {
		if v != v {
			continue
		}
		n := len(g.x)
		for _, c := range columns {
			if c[t] != c[t] {
				g.x = g.x[:n]
				continue rows
			}
			g.x = append(g.x, c[t])
		}
		g.y = append(g.y, v)
		g.cell = append(g.cell, t)
	}
	mean := regression.Mean(g.y)
	for _, v := range g.y {
		g.near += math.Abs(v - mean)
	}
	// What is nearer than 2 % of what the values vary by counts as near.
	g.near *= 0.02 / float64(max(len(g.y), 1))
	return g
}

// until is how many rows lie before a cell.
func (g *fitting) until(cell int) int {
	n := 0
	for n < len(g.cell) && g.cell[n] < cell {
		n++
	}
	return n
}

func (g *fitting) row(i int) []float64 { return g.x[i*g.p : (i+1)*g.p : (i+1)*g.p] }

// fit learns from the first n rows. A robust fit begins with the last one, or
// with least squares, and weighs rows by what it was wrong by.
func (g *fitting) fit(n int) bool {
	if n < 3*(g.p+1) {
		return false
	}
	rounds := 1
	if g.robust && g.near > 0 {
		if !g.fitted {
			rounds = 4
		}
	}
	for range rounds {
		g.gram.Reset()
		weight := 0.0
		for i := range n {
			x, w := g.row(i), 1.0
			if g.robust && g.fitted && g.near > 0 {
				w = g.near / max(g.near, math.Abs(g.y[i]-g.linear.At(x)))
			}
			weight += w
			g.gram.AddWeighted(x, g.y[i], w)
		}
		l, err := g.gram.Solve(penalty)
		if err != nil {
			return false
		}
		g.linear, g.fitted = l, true
	}
	for _, w := range g.linear.Weights {
		if !finite(w) {
			return false
		}
	}
	return finite(g.linear.Intercept)
}
