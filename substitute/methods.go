package substitute

import (
	"fmt"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
)

// sums are what the mappings to one other are fitted from, in one pass.
type sums struct {
	n, x, y, xx, xy float64
	hx, hy          [24]float64
}

func (s *sums) add(h int, x, y float64) {
	s.n++
	s.x += x
	s.y += y
	s.xx += x * x
	s.xy += x * y
	s.hx[h] += x
	s.hy[h] += y
}

func (s *sums) offset() float64 { return (s.y - s.x) / s.n }

func (s *sums) ratio() (float64, bool) {
	if math.Abs(s.x) < 1e-9*math.Sqrt(s.xx*s.n) || s.x == 0 {
		return 0, false
	}
	return s.y / s.x, true
}

// hourly gives a ratio for each hour; that of all where the other is nearly zero.
func (s *sums) hourly(out []float64) bool {
	all, ok := s.ratio()
	for h := range out {
		out[h] = all
		if math.Abs(s.hx[h]) > 1e-3*math.Abs(s.x)/24 {
			out[h] = s.hy[h] / s.hx[h]
		}
	}
	return ok
}

func (s *sums) line() (c, a float64, ok bool) {
	spread := s.xx - s.x*s.x/s.n
	if !(spread > 1e-9*s.xx) {
		return 0, 0, false
	}
	a = (s.xy - s.x*s.y/s.n) / (spread * (1 + penalty))
	return (s.y - a*s.x) / s.n, a, true
}

// single tries the mappings to one other.
func (f *fitter) single(n *neighbour) []Option {
	var s sums
	var identity, offset, ratio, hourly, line tally
	var byHour [24]float64
	ok := [5]bool{true, true, f.zero, f.zero && n.positive && f.positive && f.step <= hour, true}
	clip := func(v float64) float64 { return min(max(v, f.lo), f.hi) }
	learnt := 0
	for w := range folds {
		for t := learnt; t < f.cuts[w]; t++ {
			if x, y := n.x[t], f.y[t]; x == x && y == y {
				s.add(hourOf(f.time(t)), x, y)
			}
		}
		learnt = f.cuts[w]
		b := s.offset()
		r, k := s.ratio()
		ok[2] = ok[2] && k
		ok[3] = s.hourly(byHour[:]) && ok[3]
		c, a, k := s.line()
		ok[4] = ok[4] && k
		for t := f.cuts[w]; t < f.cuts[w+1]; t++ {
			x, y := n.x[t], f.y[t]
			if x != x || y != y {
				continue
			}
			identity.add(w, x, y)
			offset.add(w, clip(x+b), y)
			ratio.add(w, clip(r*x), y)
			hourly.add(w, clip(byHour[hourOf(f.time(t))]*x), y)
			line.add(w, clip(c+a*x), y)
		}
	}
	for t := learnt; t < len(f.y); t++ {
		if x, y := n.x[t], f.y[t]; x == x && y == y {
			s.add(hourOf(f.time(t)), x, y)
		}
	}
	r, k := s.ratio()
	ok[2] = ok[2] && k
	ok[3] = s.hourly(byHour[:]) && ok[3]
	c, a, k := s.line()
	ok[4] = ok[4] && k
	var out []Option
	add := func(i int, method Method, of tally, constant float64, term Term) {
		e, enough := f.error(of)
		if !ok[i] || !enough {
			return
		}
		term.Of = Now
		m := f.mapping(constant, []Term{term}, n)
		if method == Identity {
			m.Min, m.Max = -record.MaxValue, record.MaxValue
		}
		out = append(out, Option{Method: method, From: []object.ID{n.Object}, Place: n.Place, Fits: []Fitted{{Mapping: m, Error: e}}})
	}
	add(0, Identity, identity, 0, Term{Factor: 1})
	add(1, Offset, offset, s.offset(), Term{Factor: 1})
	add(2, Ratio, ratio, 0, Term{Factor: r})
	add(3, HourlyRatio, hourly, 0, Term{ByHour: slices.Clone(byHour[:])})
	add(4, Ridge, line, c, Term{Factor: a})
	return out
}

// mapping has sources of neighbours, in their order.
func (f *fitter) mapping(constant float64, terms []Term, near ...*neighbour) Mapping {
	m := Mapping{Step: f.step, Terms: terms, Constant: constant, Min: f.lo, Max: f.hi}
	for _, n := range near {
		m.Sources = append(m.Sources, Source{Object: n.Object, Scale: n.scale, Shift: n.shift})
	}
	return m
}

// linear fits a sum of terms, whose columns are given, and tries it.
func (f *fitter) linear(columns [][]float64, robust bool) (l regression.Linear, e Error, ok bool) {
	g := newFitting(f.y, columns, robust)
	var s tally
	for w := range folds {
		row := g.until(f.cuts[w])
		if !g.fit(row) {
			continue
		}
		for ; row < len(g.cell) && g.cell[row] < f.cuts[w+1]; row++ {
			s.add(w, min(max(g.linear.At(g.row(row)), f.lo), f.hi), g.y[row])
		}
	}
	if e, ok = f.error(s); !ok || !g.fit(len(g.cell)) {
		return l, e, false
	}
	return g.linear, e, true
}

// ridge is a linear function of several others.
func (f *fitter) ridge(near []neighbour) (Option, bool) {
	o := Option{Method: Ridge}
	var columns [][]float64
	var terms []Term
	var sources []*neighbour
	for i := range near {
		n := &near[i]
		columns = append(columns, n.x)
		terms = append(terms, Term{Source: i, Of: Now})
		sources = append(sources, n)
		o.From = append(o.From, n.Object)
		o.Place = max(o.Place, n.Place)
	}
	l, e, ok := f.linear(columns, false)
	if !ok {
		return o, false
	}
	for i := range terms {
		terms[i].Factor = l.Weights[i]
	}
	o.Fits = []Fitted{{Mapping: f.mapping(l.Intercept, terms, sources...), Error: e}}
	return o, true
}

// balance is the signed sum of its members, and the same with a constant for
// what usually is between them.
func (f *fitter) balance(b Balance) ([]Option, string) {
	if len(b.Members) == 0 || len(b.Members) > maxSources {
		return nil, fmt.Sprintf("a balance of %d members, 1 to %d are taken", len(b.Members), maxSources)
	}
	var near []*neighbour
	var terms []Term
	var from []object.ID
	place := Replica
	sum := make([]float64, len(f.y))
	for i, m := range b.Members {
		n, why := f.neighbour(m.Candidate)
		if why != "" {
			return nil, fmt.Sprintf("%s: %s", m.Object, why)
		}
		near = append(near, &n)
		terms = append(terms, Term{Source: i, Of: Now, Factor: m.Sign})
		from = append(from, m.Object)
		place = max(place, m.Place)
		for t := range sum {
			sum[t] += m.Sign * n.x[t]
		}
	}
	whole := neighbour{x: sum, Candidate: Candidate{Place: place}}
	var out []Option
	for _, o := range f.single(&whole) {
		fit := o.Fits[0]
		switch o.Method {
		case Identity:
			o.Method = Balanced
		case Offset:
			o.Method = BalancedOff
		default:
			continue
		}
		m := f.mapping(fit.Mapping.Constant, slices.Clone(terms), near...)
		m.Min, m.Max = fit.Mapping.Min, fit.Mapping.Max
		out = append(out, Option{Method: o.Method, From: from, Place: place, Fits: []Fitted{{Mapping: m, Error: fit.Error}}})
	}
	if len(out) == 0 {
		return nil, "its members have too few values of the same times"
	}
	return out, ""
}

// past is what of the object's own history the linear models take.
var past = []Term{{Of: DayBack}, {Of: Mean7}, {Of: Median7}, {Of: Median14}, {Of: Weeks4}, {Of: Level}}

// virtual tries what the object said before, alone and together with others.
func (f *fitter) virtual(near []neighbour) []Option {
	self := &neighbour{Candidate: Candidate{Object: f.object}, scale: 1, x: f.y}
	options := []Option{{Method: LastValue}, {Method: DayBefore}, {Method: MeanOfWeek}, {Method: WeekProfile}, {Method: Past}, {Method: Blend}}
	plain := []Of{Last, DayBack, Mean7, Weeks4}
	blend := &options[5]
	sources := []*neighbour{self}
	for i := range near {
		sources = append(sources, &near[i])
		blend.Place = max(blend.Place, near[i].Place)
	}
	type key struct {
		source int
		of     Of
		days   int64
	}
	columns := make(map[key][]float64)
	column := func(t Term, age record.Millis) []float64 {
		k := key{source: t.Source, of: t.Of, days: back(int64(age), 0, int64(Day))}
		if t.Of == Last || t.Of == Level {
			k.days = -int64(age)
		}
		if _, ok := columns[k]; !ok {
			if t.Of == Like { // the source's index in column's own two
				columns[k] = f.column(Term{Of: Like, Source: 1, Base: 0}, age, f.y, sources[t.Source].x)
			} else {
				columns[k] = f.column(Term{Of: t.Of}, age, sources[t.Source].x)
			}
		}
		return columns[k]
	}
	for _, age := range f.ages {
		for i, of := range plain {
			c := column(Term{Of: of}, age)
			if e, ok := f.error(f.trial(c)); ok {
				m := f.mapping(0, []Term{{Of: of, Factor: 1}}, self)
				options[i].Fits = append(options[i].Fits, Fitted{UpTo: age, Mapping: m, Error: e})
			}
		}
		terms := slices.Clone(past)
		if age < Day {
			terms = append(terms, Term{Of: Last})
		}
		options[4].fit(f, age, terms, column, self)
		if len(near) == 0 {
			continue
		}
		for i := range near {
			if near[i].x == nil {
				continue
			}
			terms = append(terms, Term{Source: i + 1, Of: Now}, Term{Source: i + 1, Of: Mean7})
			if f.zero && f.positive && near[i].positive {
				terms = append(terms, Term{Source: i + 1, Of: Like})
			}
		}
		blend.fit(f, age, terms, column, sources...)
	}
	if n := len(blend.Fits); n > 0 {
		blend.From = blend.Fits[n-1].Mapping.From()
	}
	return options
}

// fit adds a linear function of terms for an age. Where history is too short for
// all terms it tries those that are known.
func (o *Option) fit(f *fitter, age record.Millis, terms []Term, column func(Term, record.Millis) []float64, sources ...*neighbour) {
	var columns [][]float64
	var used []Term
	for _, t := range terms {
		c := column(t, age)
		known := 0
		for i := range f.cuts[0] {
			if c[i] == c[i] && f.y[i] == f.y[i] {
				known++
			}
		}
		if 4*known < f.cuts[0] {
			continue
		}
		columns = append(columns, c)
		used = append(used, t)
	}
	if len(used) == 0 {
		return
	}
	l, e, ok := f.linear(columns, true)
	if !ok {
		return
	}
	for i := range used {
		used[i].Factor = l.Weights[i]
	}
	o.Fits = append(o.Fits, Fitted{UpTo: age, Mapping: f.mapping(l.Intercept, used, sources...), Error: e})
}

// trial tries what needs no fitting.
func (f *fitter) trial(column []float64) tally {
	var s tally
	for w := range folds {
		for t := f.cuts[w]; t < f.cuts[w+1]; t++ {
			if v, y := column[t], f.y[t]; v == v && y == y {
				s.add(w, v, y)
			}
		}
	}
	return s
}

// forecast tries a forecaster at 14 times of the later half of the history, at
// different hours, and keeps what it issues at the end. The error for an age is that
// of values between the age before and it. As that is tried on fewer values than
// other methods are, it is told by what the mean of seven days was wrong by on the
// same values.
func (f *fitter) forecast(by Forecaster) (Option, bool) {
	o := Option{Method: Forecast}
	var counts []int
	var usual [][]float64
	var whole []Error
	for _, age := range f.ages {
		if n := int(age / f.step); n <= maxIssued {
			c := f.column(Term{Of: Mean7}, age, f.y)
			e, _ := f.error(f.trial(c))
			counts, usual, whole = append(counts, n), append(usual, c), append(whole, e)
		}
	}
	if len(counts) == 0 {
		return o, false
	}
	most := counts[len(counts)-1]
	tallies, beside := make([]tally, len(counts)), make([]tally, len(counts))
	for k := range issues {
		begin := f.cuts[0] + (len(f.y)-f.cuts[0])*k/issues + int(record.Millis(5*k%24)*hour/f.step)
		if begin >= len(f.y) {
			break
		}
		issued := by.Issue(Series{From: f.target.From, Step: f.step, Values: f.y[:begin:begin]}, min(most, len(f.y)-begin))
		age := 0
		for i := 0; i < min(len(issued), most, len(f.y)-begin); i++ {
			for i >= counts[age] {
				age++
			}
			y, w := f.y[begin+i], k*folds/issues
			if !finite(issued[i]) || y != y {
				continue
			}
			if u := usual[age][begin+i]; u == u {
				tallies[age].add(w, min(max(issued[i], f.lo), f.hi), y)
				beside[age].add(w, u, y)
			}
		}
	}
	for i, s := range tallies {
		if e, ok := f.judge(s, 1); ok {
			if u, _ := f.judge(beside[i], 1); u.Mean > 0 && whole[i].Mean > 0 {
				by := whole[i].Mean / u.Mean
				e.Mean, e.Worst, e.Bias, e.Relative = e.Mean*by, e.Worst*by, e.Bias*by, e.Relative*by
			}
			o.Fits = append(o.Fits, Fitted{UpTo: record.Millis(counts[i]) * f.step, Error: e})
		}
	}
	if len(o.Fits) == 0 {
		return o, false
	}
	n := int(o.Fits[len(o.Fits)-1].UpTo / f.step)
	issued := by.Issue(Series{From: f.target.From, Step: f.step, Values: f.y}, n)
	issued = issued[:min(len(issued), n)]
	for i, v := range issued {
		if !finite(v) {
			issued = issued[:i]
			break
		}
	}
	if len(issued) == 0 {
		return o, false
	}
	m := f.mapping(0, []Term{{Of: Issued, Factor: 1}})
	m.Issued = &Issue{From: f.target.End(), Values: slices.Clone(issued)}
	for i := range o.Fits {
		o.Fits[i].Mapping = m
	}
	return o, true
}
