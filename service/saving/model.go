package saving

import (
	"fmt"
	"math"
	"strings"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
)

// day is a day of the building.
type day struct {
	from      record.Millis
	number    int     // in order, gaps included
	kwh       float64 // NaN: something is not known
	celsius   float64 // NaN: not known
	free      bool    // weekend or holiday
	estimated bool
}

// shape is which terms a model has.
type shape struct {
	heat, cool float64 // change points; NaN: not in the model
	free       bool
}

// row gives the features of a day, in x.
func (s shape) row(d *day, x []float64) []float64 {
	x = x[:0]
	if s.heat == s.heat {
		x = append(x, math.Max(0, s.heat-d.celsius))
	}
	if s.cool == s.cool {
		x = append(x, math.Max(0, d.celsius-s.cool))
	}
	if s.free {
		v := 0.0
		if d.free {
			v = 1
		}
		x = append(x, v)
	}
	return x
}

// points is how many change points it has.
func (s shape) points() (n int) {
	if s.heat == s.heat {
		n++
	}
	if s.cool == s.cool {
		n++
	}
	return n
}

func (s shape) weather() bool { return s.points() > 0 }

// fitted is a model on its way.
type fitted struct {
	shape
	regression.Linear
	sse float64
	n   int
	x   [3]float64 // for features
}

func (f *fitted) at(d *day) float64 {
	if f.weather() && d.celsius != d.celsius {
		return math.NaN()
	}
	return f.At(f.row(d, f.x[:]))
}

// tiny makes equations right whose terms depend on one another, and moves no
// digit that is shown.
const tiny = 1e-9

// fit fits a shape to days; it is not ok when the days do not carry it.
func fit(s shape, days []*day) (f fitted, ok bool) {
	g := regression.NewGram(len(s.row(&day{}, f.x[:])))
	for _, d := range days {
		if s.weather() && d.celsius != d.celsius {
			continue
		}
		g.Add(s.row(d, f.x[:]), d.kwh)
	}
	return solved(s, g, days)
}

// solved is a shape with its equations, of days.
func solved(s shape, g *regression.Gram, days []*day) (f fitted, ok bool) {
	f = fitted{shape: s}
	l, err := g.Solve(tiny)
	if err != nil || g.Rows() < len(l.Weights)+10 {
		return f, false
	}
	f.Linear = l
	for i, w := range l.Weights {
		// A building that needs less the colder it is has another reason.
		if i < s.points() && w <= 0 {
			return f, false
		}
	}
	for _, d := range days {
		if v := f.at(d); v == v {
			f.sse += (d.kwh - v) * (d.kwh - v)
			f.n++
		}
	}
	return f, true
}

// schwarz is the criterion of Schwarz: of a model that explains everything it
// is as small as a number can be.
func (f *fitted) schwarz() float64 {
	n := float64(f.n)
	return n*math.Log(math.Max(f.sse/n, 1e-12)) + float64(1+len(f.Weights)+f.points())*math.Log(n)
}

// Between which temperatures change points are looked for, °C.
const (
	coldPoint, warmPoint = 8.0, 22.0
	mildPoint, hotPoint  = 14.0, 28.0
)

// gram has the equations of all features that a shape may have, so that days are added up
// once for all shapes.
type gram struct{ *regression.Gram }

const (
	hotFeatures  = int(warmPoint - coldPoint + 1) // after those of heating, one for each degree
	freeFeature  = hotFeatures + int(hotPoint-mildPoint+1)
	mostFeatures = freeFeature + 1
)

// features adds up days. Without the weather features of it mean nothing.
func features(days []*day, weather bool) gram {
	g := gram{regression.NewGram(mostFeatures)}
	var row [mostFeatures]float64
	for _, d := range days {
		if weather {
			for i := range hotFeatures {
				row[i] = math.Max(0, coldPoint+float64(i)-d.celsius)
			}
			for i := hotFeatures; i < freeFeature; i++ {
				row[i] = math.Max(0, d.celsius-(mildPoint+float64(i-hotFeatures)))
			}
		}
		row[freeFeature] = 0
		if d.free {
			row[freeFeature] = 1
		}
		g.Add(row[:], d.kwh)
	}
	return g
}

// some gives the equations of a shape.
func (g gram) some(s shape) *regression.Gram {
	var list [3]int
	of := list[:0]
	if s.heat == s.heat {
		of = append(of, int(s.heat-coldPoint))
	}
	if s.cool == s.cool {
		of = append(of, hotFeatures+int(s.cool-mildPoint))
	}
	if s.free {
		of = append(of, freeFeature)
	}
	return g.Some(of...)
}

// choose fits all shapes to days and takes the best. With the weather the temperature of
// every day is known.
func choose(days []*day, weather bool) (fitted, bool) {
	var best fitted
	found := false
	none := math.NaN()
	of := features(days, weather)
	try := func(s shape) {
		f, ok := solved(s, of.some(s), days)
		if ok && (!found || f.schwarz() < best.schwarz()-1e-9) {
			best, found = f, true
		}
	}
	for _, free := range []bool{false, true} {
		try(shape{none, none, free})
		if !weather {
			continue
		}
		for heat := coldPoint; heat <= warmPoint; heat += 2 {
			try(shape{heat, none, free})
			for cool := math.Max(heat, mildPoint); cool <= hotPoint; cool += 2 {
				try(shape{heat, cool, free})
			}
		}
		for cool := mildPoint; cool <= hotPoint; cool += 2 {
			try(shape{none, cool, free})
		}
	}
	// Around the best one of these, by whole degrees.
	near := best.shape
	for _, h := range []float64{-1, 0, 1} {
		for _, c := range []float64{-1, 0, 1} {
			s := shape{near.heat + h, near.cool + c, near.free}
			if s != near && s.weather() && !(s.heat < coldPoint || s.heat > warmPoint || s.cool < mildPoint || s.cool > hotPoint || s.cool < s.heat) {
				try(s)
			}
		}
	}
	return best, found
}

// measures of errors over pairs of what was and what was said.
func measure(was, said []float64, p int) (f SavingFit) {
	var sse, bias, sum float64
	for i := range was {
		e := was[i] - said[i]
		sse, bias, sum = sse+e*e, bias+e, sum+was[i]
	}
	n := float64(len(was))
	mean := sum / n
	var total float64
	for _, v := range was {
		total += (v - mean) * (v - mean)
	}
	if free := n - float64(p); free > 0 && mean > 0 {
		f.CVRMSE, f.NMBE = math.Sqrt(sse/free)/mean, bias/(free*mean)
	}
	if total > 0 {
		f.R2 = 1 - sse/total
	}
	return f
}

// folds is into how many parts weeks are divided.
const folds = 5

// describe says how good a model is.
func (f *fitted) describe(days []*day) SavingModel {
	m := SavingModel{Days: f.n, Terms: 1 + len(f.Weights), Base: f.Intercept, Coldest: math.Inf(1), Hottest: math.Inf(-1)}
	i := 0
	text := []string{fmt.Sprintf("%.1f", f.Intercept)}
	term := func(to *float64, format string, args ...any) {
		*to = f.Weights[i]
		text = append(text, fmt.Sprintf("%+.2f", f.Weights[i])+fmt.Sprintf(format, args...))
		i++
	}
	if f.heat == f.heat {
		m.HeatPoint = f.heat
		term(&m.Heating, "·max(0, %.0f °C − T)", f.heat)
	}
	if f.cool == f.cool {
		m.CoolPoint = f.cool
		term(&m.Cooling, "·max(0, T − %.0f °C)", f.cool)
	}
	if f.free {
		term(&m.Free, " on weekends and holidays")
	}
	m.Text = strings.Join(text, " ")
	var was, said, errors []float64
	var pairs [2][]float64
	last := -2
	for _, d := range days {
		v := f.at(d)
		if v != v {
			continue
		}
		if d.celsius == d.celsius {
			m.Coldest, m.Hottest = math.Min(m.Coldest, d.celsius), math.Max(m.Hottest, d.celsius)
		}
		was, said, errors = append(was, d.kwh), append(said, v), append(errors, d.kwh-v)
		if n := len(errors); d.number == last+1 && n > 1 {
			pairs[0], pairs[1] = append(pairs[0], errors[n-2]), append(pairs[1], errors[n-1])
		}
		last = d.number
	}
	if math.IsInf(m.Coldest, 0) {
		m.Coldest, m.Hottest = 0, 0
	}
	m.Mean = regression.Mean(was)
	m.Within = measure(was, said, m.Terms)
	m.Outside = f.outside(days)
	if r := regression.Correlation(pairs[0], pairs[1]); r == r {
		m.Rho = r
	}
	return m
}

// outside measures errors on days that a model of the same shape was not fitted
// to.
func (f *fitted) outside(days []*day) SavingFit {
	var was, said []float64
	for k := range folds {
		var in, out []*day
		for _, d := range days {
			if d.number/7%folds == k {
				out = append(out, d)
			} else {
				in = append(in, d)
			}
		}
		g, ok := fit(f.shape, in)
		if !ok {
			continue
		}
		for _, d := range out {
			if v := g.at(d); v == v {
				was, said = append(was, d.kwh), append(said, v)
			}
		}
	}
	return measure(was, said, 0)
}

// student is the quantile 95 % of Student's distribution, by the expansion of
// Cornish and Fisher: to the third digit from 5 degrees of freedom on.
func student(free float64) float64 {
	const z = 1.6448536269514722
	return z + (z*z*z+z)/(4*free) + (5*math.Pow(z, 5)+16*z*z*z+3*z)/(96*free*free)
}

// uncertainty is U at 90 % of a saving over m days, of which the model says sum.
func (m *SavingModel) uncertainty(sum float64, days int) float64 {
	if days == 0 {
		return 0
	}
	n := float64(m.Days)
	rho := math.Min(math.Max(m.Rho, 0), 0.99)
	like := math.Max(n*(1-rho)/(1+rho), 2)
	free := math.Max(like-float64(m.Terms), 3)
	return 1.26 * student(free) * m.Within.CVRMSE * sum * math.Sqrt(n/like*(1+2/like)/float64(days))
}
