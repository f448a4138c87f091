package indicator

import (
	"math"
	"testing"
)

func steps(x, y []float64, z ...float64) []Step {
	var out []Step
	for i := range y {
		s := Step{Energy: &y[i], Production: &x[i]}
		if len(z) > 0 {
			s.DegreeDays = &z[i]
		}
		out = append(out, s)
	}
	return out
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }

// TestAnscombe fits the four sets of Anscombe (1973), which share a line:
// 3.0001 + 0.5001 x with R² 0.6665 for the first.
func TestAnscombe(t *testing.T) {
	x := []float64{10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5}
	for i, c := range []struct {
		x, y            []float64
		base, slope, r2 float64
	}{
		{x, []float64{8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68}, 3.00009090909091, 0.500090909090909, 0.666542459508775},
		{x, []float64{9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74}, 3.00090909090909, 0.5, 0.666242033727484},
		{x, []float64{7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73}, 3.00245454545455, 0.499727272727273, 0.666324041066559},
		{[]float64{8, 8, 8, 8, 8, 8, 8, 19, 8, 8, 8}, []float64{6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.50, 5.56, 7.91, 6.89}, 3.00172727272727, 0.499909090909091, 0.666707256898465},
	} {
		l, why := Fit(steps(c.x, c.y), false)
		if why != "" || l.N != 11 || !near(l.Base, c.base) || !near(l.Slope, c.slope) || math.Abs(*l.R2-c.r2) > 1e-9 {
			t.Errorf("set %d: %+v %q", i+1, l, why)
		}
	}
}

// TestPlane finds a plane it was made from, far from zero.
func TestPlane(t *testing.T) {
	x := []float64{1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 5}
	z := []float64{400, 300, 0, 20, 250}
	var y []float64
	for i := range x {
		y = append(y, 500+3*x[i]+2*z[i])
	}
	l, why := Fit(steps(x, y, z...), true)
	if why != "" || math.Abs(l.Slope-3) > 1e-6 || math.Abs(*l.Heating-2) > 1e-6 || math.Abs(l.Base-500) > 1 || *l.R2 < 1-1e-12 {
		t.Errorf("%+v %q", l, why)
	}
}

func TestNoLine(t *testing.T) {
	for _, c := range []struct {
		why    string
		steps  []Step
		heated bool
	}{
		{Few, nil, false},
		{Few, steps([]float64{1, 2}, []float64{1, 2}), false},
		{Few, steps([]float64{1, 2, 4}, []float64{1, 2, 3}, 1, 5, 2), true},
		{Constant, steps([]float64{7, 7, 7, 7}, []float64{1, 2, 3, 4}), false},
		{Constant, steps([]float64{0, 0, 0}, []float64{1, 2, 3}), false},
		{Constant, steps([]float64{.1 + .2, .3, .3}, []float64{1, 2, 3}), false},
		{Together, steps([]float64{1, 2, 3, 4}, []float64{1, 2, 3, 5}, 10, 20, 30, 40), true},
		{Together, steps([]float64{1, 2, 3, 4}, []float64{1, 2, 3, 5}, 0, 0, 0, 0), true},
	} {
		if l, why := Fit(c.steps, c.heated); l != nil || why != c.why {
			t.Errorf("%q, want %q: %+v", why, c.why, l)
		}
	}
	// Energy that was constant has a line, and nothing for it to explain.
	if l, why := Fit(steps([]float64{1, 2, 3}, []float64{5, 5, 5}), false); why != "" || l.R2 != nil || l.Base != 5 || l.Slope != 0 || l.Deviation != 0 {
		t.Errorf("%+v %q", l, why)
	}
}

func TestCompare(t *testing.T) {
	base := steps([]float64{100, 200, 300, 400}, []float64{1300, 1600, 1900, 2200}) // 1000 + 3 x
	base = append(base, Step{Energy: new(1e9)}, Step{Production: new(1e9)}, Step{Energy: new(1.), Production: new(1.), Out: Energy})
	now := steps([]float64{250, 500}, []float64{1700, 2400})
	now = append(now, Step{})
	var x Indicator
	x.Compare(base, now, false)
	for name, c := range map[string]struct {
		got  *float64
		want float64
	}{
		"ratio before": {x.Baseline.Ratio, 7}, "ratio now": {x.Reporting.Ratio, 4100. / 750}, "ratio change": {x.RatioChange, 4100./750/7 - 1},
		"expected": {x.Expected, 4250}, "savings": {x.Savings, 150}, "share": {x.SavingsShare, 150. / 4250}, "r2": {x.Line.R2, 1},
	} {
		if c.got == nil || !near(*c.got, c.want) {
			t.Errorf("%s is %v, not %v", name, c.got, c.want)
		}
	}
	if x.Baseline.Used != 4 || x.Baseline.Steps != 7 || x.Reporting.Used != 2 || x.Reporting.Steps != 3 || x.Beyond != 1 || x.Steps[2].Out != Energy || !near(*x.Steps[1].Expected, 2500) {
		t.Errorf("%+v", x)
	}
	if base[4].Out != Production || base[5].Out != Energy {
		t.Errorf("%+v", base)
	}
}

// TestNothingProduced has no ratio, and a line all the same.
func TestNothingProduced(t *testing.T) {
	var x Indicator
	x.Compare(steps([]float64{1, 2, 3}, []float64{2, 4, 6}), steps([]float64{0}, []float64{5}), false)
	if x.Reporting.Ratio != nil || x.RatioChange != nil || x.Expected == nil || math.Abs(*x.Expected) > 1e-9 || !near(*x.Savings, -5) || x.Beyond != 1 {
		t.Errorf("%+v", x)
	}
	x = Indicator{}
	x.Compare(nil, nil, false)
	if x.Why != Few || x.Baseline.Energy != nil || x.Expected != nil {
		t.Errorf("%+v", x)
	}
	x = Indicator{Why: Overlap}
	x.Compare(steps([]float64{1, 2, 3}, []float64{2, 4, 6}), steps([]float64{1}, []float64{5}), false)
	if x.Line != nil || x.Why != Overlap || x.RatioChange == nil {
		t.Errorf("%+v", x)
	}
}

func TestDegreeDays(t *testing.T) {
	if d := DegreeDays([]float64{15, 5, -5, 22}, 15); d == nil || *d != 30 {
		t.Errorf("%v", d)
	}
	if d := DegreeDays([]float64{3, math.NaN()}, 15); d != nil {
		t.Errorf("%v", *d)
	}
}
