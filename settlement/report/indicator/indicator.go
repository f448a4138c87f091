package indicator

import (
	"math"
	"time"
)

// Reasons why a step is left out or something is null.
const (
	Energy      = "energy"      // the energy of the step is not known well enough
	Production  = "production"  // nor its production
	Temperature = "temperature" // nor its temperature

	Few      = "few"      // fewer steps than a line needs
	Constant = "constant" // production was the same throughout
	Together = "together" // production and degree days rise and fall together, or there were no degree days: their parts cannot be told apart
	Overlap  = "overlap"  // the baseline does not end before the period begins
)

// Step is a day, week or month.
type Step struct {
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Energy     *float64  `json:"energy"`
	Production *float64  `json:"production"`
	DegreeDays *float64  `json:"degreeDays,omitempty" doc:"K·d"`
	Expected   *float64  `json:"expected" doc:"By the line of the baseline"`
	Out        string    `json:"leftOut,omitempty" enum:"energy,production,temperature" doc:"What is not known well enough; the step counts nowhere"`
}

// Phase is the baseline, or the time that is compared with it.
type Phase struct {
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Steps      int       `json:"steps" doc:"Steps in it"`
	Used       int       `json:"used" doc:"Steps of which everything is known; the others are left out"`
	Energy     *float64  `json:"energy" doc:"Of the steps that are used"`
	Production *float64  `json:"production"`
	DegreeDays *float64  `json:"degreeDays,omitempty"`
	Ratio      *float64  `json:"ratio" doc:"Energy by production; null without production"`
}

// Line is fitted by least squares.
type Line struct {
	N         int      `json:"n" doc:"Steps it is fitted to"`
	Base      float64  `json:"base" doc:"Energy of a step without production"`
	Slope     float64  `json:"slope" doc:"Energy for a unit of production"`
	Heating   *float64 `json:"heating,omitempty" doc:"Energy for a degree day"`
	R2        *float64 `json:"r2" doc:"Coefficient of determination; null when energy was constant"`
	Deviation float64  `json:"deviation" doc:"Standard error of a step"`
	CV        *float64 `json:"cv" doc:"The same by the mean energy; null when that is zero"`
	Least     float64  `json:"least" doc:"Least production of the baseline"`
	Most      float64  `json:"most" doc:"Most production of the baseline"`
}

// Indicator compares a time with its baseline.
type Indicator struct {
	Name         string   `json:"name"`
	Sensor       string   `json:"sensor" doc:"What counts the production"`
	Unit         string   `json:"unit" doc:"Of production" example:"t"`
	EnergyUnit   string   `json:"energyUnit" example:"kWh"`
	StepSize     string   `json:"stepSize" enum:"1d,1w,1M"`
	HeatingLimit *float64 `json:"heatingLimit,omitempty" doc:"Degrees Celsius of outdoor temperature below which a day has degree days"`
	Baseline     Phase    `json:"baseline"`
	Reporting    Phase    `json:"reporting"`
	RatioChange  *float64 `json:"ratioChange" doc:"Ratio by that of the baseline, less 1: -0.1 is a tenth less energy for a unit"`
	Line         *Line    `json:"line" doc:"Null when there is none"`
	Why          string   `json:"why,omitempty" enum:"few,constant,together,overlap" doc:"Why there is no line"`
	Expected     *float64 `json:"expected" doc:"Energy by the line, of the steps that are used"`
	Savings      *float64 `json:"savings" doc:"Expected less actual energy: positive is saved"`
	SavingsShare *float64 `json:"savingsShare" doc:"The same by what was expected"`
	Beyond       int      `json:"beyond" doc:"Steps that are used although their production is outside that of the baseline: there the line is a guess"`
	Steps        []Step   `json:"steps,omitempty" doc:"Of the time that is compared"`
}

// Compare fills in all that follows from steps of both sides. heated says that
// degree days count. Steps of the reporting side are kept, with what is
// expected of them.
func (x *Indicator) Compare(baseline, reporting []Step, heated bool) {
	judge(baseline, heated)
	judge(reporting, heated)
	sum(&x.Baseline, baseline, heated)
	sum(&x.Reporting, reporting, heated)
	x.Steps = reporting
	x.RatioChange = by(x.Reporting.Ratio, x.Baseline.Ratio)
	if x.Why != "" {
		return
	}
	var line *Line
	if line, x.Why = Fit(baseline, heated); line == nil {
		return
	}
	x.Line = line
	if x.Reporting.Used == 0 {
		return
	}
	var total float64
	for i := range reporting {
		s := &reporting[i]
		if s.Out != "" {
			continue
		}
		e := line.Base + line.Slope**s.Production
		if line.Heating != nil {
			e += *line.Heating * *s.DegreeDays
		}
		s.Expected = &e
		total += e
		if *s.Production < line.Least || *s.Production > line.Most {
			x.Beyond++
		}
	}
	saved := total - *x.Reporting.Energy
	x.Expected, x.Savings = &total, &saved
	if total > same*math.Abs(*x.Reporting.Energy) {
		x.SavingsShare = new(saved / total)
	}
}

// judge leaves out the steps of which something is not known.
func judge(steps []Step, heated bool) {
	for i := range steps {
		switch s := &steps[i]; {
		case s.Out != "":
		case s.Energy == nil:
			s.Out = Energy
		case s.Production == nil:
			s.Out = Production
		case heated && s.DegreeDays == nil:
			s.Out = Temperature
		}
	}
}

func sum(p *Phase, steps []Step, heated bool) {
	p.Steps, p.Used = len(steps), 0
	var e, n, d float64
	for i := range steps {
		if s := &steps[i]; s.Out == "" {
			p.Used++
			e, n = e+*s.Energy, n+*s.Production
			if heated {
				d += *s.DegreeDays
			}
		}
	}
	if p.Used == 0 {
		return
	}
	p.Energy, p.Production = &e, &n
	if heated {
		p.DegreeDays = &d
	}
	if n > 0 {
		p.Ratio = new(e / n)
	}
}

func by(a, b *float64) *float64 {
	if a == nil || b == nil || *b == 0 {
		return nil
	}
	return new(*a / *b - 1)
}

// same is how little a sum of squares may be of what it could be and still be
// told from rounding.
const same = 1e-12

// Fit fits a line to the steps that are not left out; without one it says why.
func Fit(steps []Step, heated bool) (*Line, string) {
	var x, z, y []float64
	for i := range steps {
		if s := &steps[i]; s.Out == "" {
			x, y = append(x, *s.Production), append(y, *s.Energy)
			if heated {
				z = append(z, *s.DegreeDays)
			}
		}
	}
	n, unknowns := len(y), 2
	if heated {
		unknowns = 3
	}
	if n <= unknowns {
		return nil, Few
	}
	// About the means, so that large values do not swallow small differences.
	mx, my := mean(x), mean(y)
	sxx, sxy, syy := product(x, x, mx, mx), product(x, y, mx, my), product(y, y, my, my)
	if flat(x, sxx) {
		return nil, Constant
	}
	l := &Line{N: n, Least: math.Inf(1), Most: math.Inf(-1)}
	for _, v := range x {
		l.Least, l.Most = min(l.Least, v), max(l.Most, v)
	}
	if !heated {
		l.Slope = sxy / sxx
		l.Base = my - l.Slope*mx
	} else {
		mz := mean(z)
		szz, sxz, szy := product(z, z, mz, mz), product(x, z, mx, mz), product(z, y, mz, my)
		det := sxx*szz - sxz*sxz
		if flat(z, szz) || det <= 1e-9*sxx*szz {
			return nil, Together
		}
		l.Slope = (sxy*szz - szy*sxz) / det
		h := (szy*sxx - sxy*sxz) / det
		l.Heating, l.Base = &h, my-l.Slope*mx-h*mz
	}
	var rest float64
	for i := range y {
		e := l.Base + l.Slope*x[i]
		if heated {
			e += *l.Heating * z[i]
		}
		rest += (y[i] - e) * (y[i] - e)
	}
	if !flat(y, syy) {
		l.R2 = new(max(0, 1-rest/syy))
	}
	l.Deviation = math.Sqrt(rest / float64(n-unknowns))
	if my > 0 {
		l.CV = new(l.Deviation / my)
	}
	return l, ""
}

func mean(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

func product(a, b []float64, ma, mb float64) float64 {
	var s float64
	for i := range a {
		s += (a[i] - ma) * (b[i] - mb)
	}
	return s
}

// flat tells whether values do not differ by more than rounding.
func flat(v []float64, squares float64) bool {
	var all float64
	for _, x := range v {
		all += x * x
	}
	return squares <= same*all
}

// DegreeDays are those of days with these mean outdoor temperatures in degrees
// Celsius: the sum of how far each is below the limit. NaN: the mean of a day
// is not known, and then neither is the sum.
func DegreeDays(means []float64, limit float64) *float64 {
	var d float64
	for _, t := range means {
		if math.IsNaN(t) {
			return nil
		}
		d += max(0, limit-t)
	}
	return &d
}
