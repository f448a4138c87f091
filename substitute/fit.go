package substitute

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
)

// Method names how values are put in for those of an object.
type Method string

// The methods. Those above the line take values of others at the same time, those
// below only what the object itself said before.
const (
	Identity    Method = "identity"     // another's value as it is
	Offset      Method = "offset"       // another's value and a constant
	Ratio       Method = "ratio"        // another's value times a constant
	HourlyRatio Method = "hourly_ratio" // the same with a constant for each hour of the day
	Ridge       Method = "ridge"        // a linear function of up to eight others
	Balanced    Method = "balance"      // the meter less everything else behind it
	BalancedOff Method = "balance_rest" // the same less what usually is missing between them
	Blend       Method = "blend"        // a linear function of others and of the object's past

	LastValue   Method = "last"           // the last value
	DayBefore   Method = "day_before"     // the value a day before
	MeanOfWeek  Method = "mean7"          // the mean of seven days at the same hour
	WeekProfile Method = "weekly_profile" // the mean of four weeks at the same hour of the week
	Past        Method = "past"           // a linear function of the object's past
	Forecast    Method = "forecast"       // what a forecast said
)

// Virtual tells whether the method needs no other object to measure.
func (m Method) Virtual() bool {
	switch m {
	case LastValue, DayBefore, MeanOfWeek, WeekProfile, Past, Forecast:
		return true
	}
	return false
}

// Target is the object that is to be stood in for, with what it measured so far.
type Target struct {
	Object   object.ID
	Quantity record.Quantity
	Unit     string // "" for the coherent one; errors and values are in it
	Series   Series
}

// Candidate is an object that may stand in, with what it measured so far.
type Candidate struct {
	Object   object.ID
	Place    Place
	Quantity record.Quantity
	Unit     string // of its values; "" for the coherent one
	Series   Series
}

// Signed is a member of a balance.
type Signed struct {
	Candidate
	Sign float64 // +1 or -1
}

// Balance says that the target is the signed sum of its members: the meter of a
// group less what else the group has.
type Balance struct {
	Group   object.ID
	Members []Signed
}

// Forecaster issues forecasts from a history: n values, one a cell, from the end
// of the history on. It must be a function of the history alone. Values that are
// not finite are taken as not known.
type Forecaster interface {
	Issue(history Series, n int) []float64
}

// Options bound what is fitted. The zero value is good.
type Options struct {
	Horizon    record.Millis // how long at most anything stands in; 0: a week
	Forecast   Forecaster    // a virtual model more, if any
	Keep       int           // mappings to another single object that are kept; 0: 6
	Candidates int           // of Rank: how many objects are considered, the nearest; 0: 16, at most MaxCandidates
}

// Bounds of fitting.
const (
	MaxCandidates = 64     // considered for one object; the nearest are
	maxRows       = 10_000 // cells of history looked at, the latest
	maxBalances   = 4
	folds         = 4
	ridgeOf       = 8 // siblings of a ridge
	blendOf       = 3 // others of a blend
	issues        = 14
	penalty       = 1e-3
)

// Error is what a mapping was wrong by where it was tried on values that it had
// not been fitted on, in the unit of the target.
type Error struct {
	Mean     float64 `json:"mean"`     // of the absolute differences
	Relative float64 `json:"relative"` // mean by the size of the values: 0.1 is 10 %
	Bias     float64 `json:"bias"`     // mean of what was put in less what was measured
	Worst    float64 `json:"worst"`    // mean in the worst of the windows of time that it was tried on
	Cells    int     `json:"cells"`    // how many values it was tried on
	Coverage float64 `json:"coverage"` // part of the values for which it had one
}

// Fitted is a mapping with its error for values up to an age.
type Fitted struct {
	UpTo    record.Millis `json:"up_to"` // age of what is known of the target up to which the error holds; 0: any
	Mapping Mapping       `json:"mapping"`
	Error   Error         `json:"error"`
}

// Option is one way to stand in for the target.
type Option struct {
	Method Method      `json:"method"`
	From   []object.ID `json:"from,omitempty"` // who has to measure for it
	Place  Place       `json:"place"`          // of the farthest of them
	Fits   []Fitted    `json:"fits"`           // by age, rising
}

// Refusal is an object, or a way, that cannot stand in, and why.
type Refusal struct {
	Object object.ID `json:"object,omitempty"`
	Method Method    `json:"method,omitempty"`
	Reason string    `json:"reason"`
}

// Ranking is everything that could stand in for an object, with errors, the best
// for a day first.
type Ranking struct {
	Object  object.ID     `json:"object"`
	Unit    string        `json:"unit"`
	Step    record.Millis `json:"step"`
	From    record.Millis `json:"from"`  // what it was fitted on: from here
	Until   record.Millis `json:"until"` // to here
	Size    float64       `json:"size"`  // mean size of the values it was tried on; of temperatures and angles, whose zero means nothing, by how much they vary
	Options []Option      `json:"options"`
	Refused []Refusal     `json:"refused,omitempty"`
}

// Fit fits every mapping and virtual model of the target on its history and tries
// each on what comes after: four windows of the second half, each with all before
// it to learn from. What is said of an error is out of sample.
//
// It is bounded: the latest 10,000 cells, [MaxCandidates] candidates in the order
// given, four balances.
func Fit(target Target, candidates []Candidate, balances []Balance, o Options) Ranking {
	f := newFitter(target, o)
	r := Ranking{Object: target.Object, Unit: f.unit.Symbol, Step: f.step, From: f.target.From, Until: f.target.End()}
	if f.fault != "" {
		r.Refused = append(r.Refused, Refusal{Object: target.Object, Reason: f.fault})
		return r
	}
	r.Size = f.size
	var near []neighbour
	for i, c := range candidates {
		if i == MaxCandidates {
			r.Refused = append(r.Refused, Refusal{Reason: fmt.Sprintf("%d more are farther away than the %d that are considered", len(candidates)-i, MaxCandidates)})
			break
		}
		n, why := f.neighbour(c)
		if why != "" {
			r.Refused = append(r.Refused, Refusal{Object: c.Object, Reason: why})
			continue
		}
		near = append(near, n)
	}
	for i := range near {
		near[i].options = f.single(&near[i])
		near[i].best = math.Inf(1)
		if len(near[i].options) == 0 {
			r.Refused = append(r.Refused, Refusal{Object: near[i].Object, Reason: "too few of its values are of times at which a mapping could be tried"})
		}
		for _, o := range near[i].options {
			near[i].best = min(near[i].best, o.Fits[0].Error.Mean)
		}
	}
	slices.SortStableFunc(near, func(a, b neighbour) int { return cmp.Compare(a.best, b.best) })
	keep := o.Keep
	if keep <= 0 {
		keep = 6
	}
	for i, n := range near {
		for _, o := range n.options {
			// Of the best neighbour everything is shown, that it may be seen what its
			// raw value would have been worth; of the others what was best.
			if i == 0 || i < keep && o.Fits[0].Error.Mean == n.best {
				r.Options = append(r.Options, o)
			}
		}
	}
	if len(near) > 1 {
		r.add(f.ridge(near[:min(len(near), ridgeOf)]))
	}
	for i, b := range balances {
		if i == maxBalances {
			break
		}
		options, why := f.balance(b)
		if why != "" {
			r.Refused = append(r.Refused, Refusal{Object: b.Group, Method: Balanced, Reason: why})
		}
		r.Options = append(r.Options, options...)
	}
	for _, o := range f.virtual(near[:min(len(near), blendOf)]) {
		r.add(o, true)
	}
	if o.Forecast != nil {
		r.add(f.forecast(o.Forecast))
	}
	if len(r.Options) == 0 {
		r.Refused = append(r.Refused, Refusal{Object: target.Object, Reason: "its history is too short, or has too many gaps, for anything to be tried on"})
	}
	r.sort(Day)
	return r
}

func (r *Ranking) add(o Option, ok bool) {
	if ok && len(o.Fits) > 0 {
		r.Options = append(r.Options, o)
	}
}

// sort puts the best for an age first. Among equals the order is that of methods
// as they were tried: simple before intricate.
func (r *Ranking) sort(age record.Millis) {
	worth := func(o Option) float64 {
		if f, ok := o.at(min(age, r.longest())); ok {
			return f.Error.Mean
		}
		return math.Inf(1)
	}
	slices.SortStableFunc(r.Options, func(a, b Option) int { return cmp.Compare(worth(a), worth(b)) })
}

// longest is the largest age that any option was tried for.
func (r *Ranking) longest() record.Millis {
	var most record.Millis
	for _, o := range r.Options {
		for _, f := range o.Fits {
			most = max(most, f.UpTo)
		}
	}
	return most
}

// at gives the fit of an option whose error holds for an age.
func (o *Option) at(age record.Millis) (*Fitted, bool) {
	for i := range o.Fits {
		if o.Fits[i].UpTo == 0 || age <= o.Fits[i].UpTo {
			return &o.Fits[i], true
		}
	}
	return nil, false
}

// neighbour is a candidate on the target's grid, in the target's unit.
type neighbour struct {
	Candidate
	scale, shift float64
	x            []float64
	positive     bool // never below zero, and not always zero
	best         float64
	options      []Option
}

// A fitter has the target on its grid, and where it is tried.
type fitter struct {
	object   object.ID
	quantity record.Quantity
	unit     record.Unit
	target   Series
	step     record.Millis
	y        []float64
	ages     []record.Millis
	cuts     [folds + 1]int // where windows of trial begin, and the end
	tried    int            // known values in them
	size     float64
	lo, hi   float64 // bounds of what is put in
	positive bool
	zero     bool // its unit begins where there is nothing, so that twice as much has a meaning
	fault    string
}

func newFitter(target Target, o Options) *fitter {
	f := &fitter{object: target.Object, quantity: target.Quantity, step: target.Series.Step}
	var ok bool
	if f.unit, ok = target.Quantity.LookupUnit(target.Unit); !ok {
		f.fault = fmt.Sprintf("unit %.40q is none of %s", target.Unit, target.Quantity)
		return f
	}
	if f.step <= 0 || Day%f.step != 0 {
		f.fault = fmt.Sprintf("a step of %d ms does not divide a day", int64(f.step))
		return f
	}
	f.target = target.Series.last(maxRows)
	f.y = f.target.Values
	first, lo, hi, known := -1, math.Inf(1), math.Inf(-1), 0
	for t, v := range f.y {
		if v != v {
			continue
		}
		if first < 0 {
			first = t
		}
		known++
		lo, hi = min(lo, v), max(hi, v)
	}
	least := int(min(3*Day/f.step, 72))
	if known > 0 && (math.Abs(lo) > record.MaxValue || math.Abs(hi) > record.MaxValue) {
		f.fault = "it has values that are larger than any real quantity"
		return f
	}
	if known < least {
		f.fault = fmt.Sprintf("it has only %d values, %d are needed", known, least)
		return f
	}
	f.positive = lo >= 0 && hi > 0
	f.zero = f.quantity != record.Temperature && f.quantity != record.PhaseAngle
	f.lo, f.hi = lo-(hi-lo)/2, hi+(hi-lo)/2
	if lo >= 0 {
		f.lo = 0
	}
	half := first + (len(f.y)-first)/2
	for i := range f.cuts {
		f.cuts[i] = half + (len(f.y)-half)*i/folds
	}
	middle := 0.0
	if !f.zero {
		middle = regression.Mean(f.y[half:])
	}
	for _, v := range f.y[half:] {
		if v == v {
			f.size += math.Abs(v - middle)
			f.tried++
		}
	}
	if f.tried < folds {
		f.fault = fmt.Sprintf("it has only %d values in the later half of its history", f.tried)
		return f
	}
	f.size /= float64(f.tried)
	horizon := o.Horizon
	if horizon <= 0 {
		horizon = 7 * Day
	}
	for _, age := range []record.Millis{f.step, 6 * hour, Day, 3 * Day, 7 * Day} {
		if age >= f.step && age < horizon && !slices.Contains(f.ages, age) {
			f.ages = append(f.ages, age)
		}
	}
	f.ages = append(f.ages, max(horizon-horizon%f.step, f.step))
	slices.Sort(f.ages)
	f.ages = slices.Compact(f.ages)
	return f
}

// time is when cell i begins.
func (f *fitter) time(i int) record.Millis { return f.target.From + record.Millis(i)*f.step }

// neighbour takes a candidate, or says why not.
func (f *fitter) neighbour(c Candidate) (neighbour, string) {
	n := neighbour{Candidate: c}
	if c.Object == f.object {
		return n, "it is the object itself"
	}
	if c.Quantity != f.quantity {
		return n, fmt.Sprintf("it measures %s in %s, not %s in %s", c.Quantity, c.Quantity.Unit().Symbol, f.quantity, f.unit.Symbol)
	}
	u, ok := f.quantity.LookupUnit(c.Unit)
	if !ok {
		return n, fmt.Sprintf("its unit %.40q is none of %s", c.Unit, c.Quantity)
	}
	n.scale, n.shift = conversion(u, f.unit)
	n.x, ok = c.Series.on(f.target.From, f.step, len(f.y), n.scale, n.shift)
	if !ok {
		return n, fmt.Sprintf("its values are on a grid of %d ms, not on that of %d ms", int64(c.Series.Step), int64(f.step))
	}
	both, learn, lo, hi := 0, 0, math.Inf(1), math.Inf(-1)
	for t, x := range n.x {
		if x == x {
			lo, hi = min(lo, x), max(hi, x)
			if f.y[t] == f.y[t] {
				both++
				if t < f.cuts[0] {
					learn++
				}
			}
		}
	}
	if both > 0 && (math.Abs(lo) > record.MaxValue || math.Abs(hi) > record.MaxValue) {
		return n, "it has values that are larger than any real quantity"
	}
	if least := int(min(3*Day/f.step, 72)); both < least || learn < least/3 {
		return n, fmt.Sprintf("only %d of its values are of the same times, %d are needed", both, least)
	}
	n.positive = lo >= 0 && hi > 0
	return n, ""
}

// conversion gives v·scale + shift, from one unit of a quantity to another.
func conversion(from, to record.Unit) (scale, shift float64) {
	if from.Code == to.Code {
		return 1, 0
	}
	shift = to.From(from.Coherent(0))
	if shift == 0 {
		return to.From(from.Coherent(1)), 0
	}
	return (to.From(from.Coherent(1000)) - shift) / 1000, shift
}

// A tally adds up what a mapping was wrong by, by window.
type tally struct {
	n   [folds]int
	abs [folds]float64
	err float64
}

func (s *tally) add(window int, put, was float64) {
	d := put - was
	s.n[window]++
	s.abs[window] += math.Abs(d)
	s.err += d
}

// error is false when there were too few values to say: less than half of those
// the target has.
func (f *fitter) error(s tally) (Error, bool) { return f.judge(s, (f.tried+1)/2) }

// judge is error for at least so many values.
func (f *fitter) judge(s tally, least int) (Error, bool) {
	e := Error{Bias: s.err}
	for w, n := range s.n {
		e.Cells += n
		e.Mean += s.abs[w]
	}
	if e.Cells == 0 || e.Cells < least || !finite(e.Mean) || !finite(e.Bias) {
		return Error{}, false
	}
	n := float64(e.Cells)
	e.Mean /= n
	e.Bias /= n
	e.Coverage = n / float64(f.tried)
	e.Relative = relative(e.Mean, f.size)
	for w, n := range s.n {
		if n > 0 {
			e.Worst = max(e.Worst, s.abs[w]/float64(n))
		}
	}
	return e, true
}

// relative is a by b, and large but finite for what is relative to nothing.
func relative(a, b float64) float64 {
	if a == 0 {
		return 0
	}
	return min(a/b, 1e6)
}

// column computes what a term is worth in each cell, for what is known until an
// age before it.
func (f *fitter) column(term Term, age record.Millis, series ...[]float64) []float64 {
	if term.Of == Level {
		return f.level(int(age / f.step))
	}
	term.Factor = 1
	m := Mapping{Step: f.step, Terms: []Term{term}, Min: math.Inf(-1), Max: math.Inf(1)}
	out := make([]float64, len(f.y))
	at := func(i int, cell int64) (float64, bool) {
		if uint64(cell) >= uint64(len(series[i])) {
			return 0, false
		}
		v := series[i][cell]
		return v, v == v
	}
	cells := int64(age / f.step)
	for t := range int64(len(out)) {
		v, ok := m.value(t, t-cells, at)
		if !ok {
			v = math.NaN()
		}
		out[t] = v
	}
	return out
}

// level is the column of [Level], by running sums: a day may have many cells.
func (f *fitter) level(age int) []float64 {
	day := int(Day / f.step)
	out := make([]float64, len(f.y))
	sum, known := 0.0, 0
	for t := range out {
		if i := t - age; i >= 0 && f.y[i] == f.y[i] {
			sum += f.y[i]
			known++
		}
		if i := t - age - day; i >= 0 && f.y[i] == f.y[i] {
			sum -= f.y[i]
			known--
		}
		out[t] = math.NaN()
		if known >= (day+1)/2 {
			out[t] = sum / float64(known)
		}
	}
	return out
}
