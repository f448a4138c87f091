package dayahead

import (
	"errors"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/window"
)

// A Model forecasts the days of one series. It holds the last weeks of values that it
// needs, so it can be saved and asked without the series. It is for one goroutine at
// a time.
type Model struct {
	kind    Kind
	d       *days
	phase   int64 // when intervals begin, as the remainder of their length
	known   record.Millis
	winters *winters
	ridge   *ridge
	weights map[Kind]float64
	bands   [ahead]*band
	partial []float64 // the day that is not over
	fitted  record.Millis
	scores  []Score
}

const (
	// keep is how many days a model needs: four weeks, and eight days before a profile.
	keep = 36
	// furthest is how many days ahead a model says.
	furthest = 8
	// trialDays is how many days models are tried on before one is chosen.
	trialDays = 84
)

// ErrNothing says that there is no whole day with a value.
var ErrNothing = errors.New("forecast: no day is known")

// Choose tries all models on the last weeks of the series and fits the one that was
// least wrong: at least three weeks are needed for that, and with fewer it is the mean
// of the last seven days. The day that is not over yet is not learnt from.
func Choose(s Series, c window.Calendar) (*Model, error) { return fit(s, c, Kinds(), "") }

// Fit fits one model, whatever it is worth.
func Fit(k Kind, s Series, c window.Calendar) (*Model, error) {
	kinds := []Kind{k}
	switch {
	case k == Blend:
		kinds = append(slices.Clone(blended), k)
	case !slices.Contains(Kinds(), k):
		return nil, fmt.Errorf("no model %.30q", k)
	}
	return fit(s, c, kinds, k)
}

func fit(s Series, c window.Calendar, kinds []Kind, only Kind) (*Model, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	all := newDays(c, s.Step)
	partial := all.spread(s)
	count := len(all.rows)
	if count == 0 || all.low != all.low {
		return nil, ErrNothing
	}
	from := max(ridgeFrom, count-trialDays)
	r := newRolling(newDays(c, s.Step), from, kinds)
	if only != "" {
		r.chosen = len(kinds) - 1
	}
	for k := range count {
		will := r.say()
		if will {
			t := r.trials[r.chosen]
			if b := bandOf(t.errors[0], r.d.n, r.alpha); b != nil {
				if m, n := b.missed(all.rows[k], t.said[0], r.d.low); n > 0 {
					r.alpha = adapt(r.alpha, m/n)
				}
			}
		}
		r.learn(all.spans[k], all.rows[k], will)
	}
	for _, t := range r.trials {
		if t.method != nil {
			t.method.fit(r.d)
		}
	}
	if only == "" {
		r.choose()
	}
	return r.model(s, partial, from), nil
}

// model is what remains of the trials.
func (r *rolling) model(s Series, partial []float64, from int) *Model {
	t := r.trials[r.chosen]
	m := &Model{
		kind: t.kind, d: r.d, phase: int64(s.Start) % s.Step, known: s.End(), partial: partial,
		fitted: r.d.spans[len(r.d.spans)-1].To,
	}
	if from < len(r.d.rows) {
		at := int(int64(r.d.spans[from].From-s.Start) / s.Step)
		scale := regression.Scale(s.Values[:min(max(at, 0), len(s.Values))], int(day/s.Step))
		for _, x := range r.trials {
			m.scores = append(m.scores, x.sums.score(x.kind, scale))
		}
	}
	of := []Kind{t.kind}
	if t.kind == Blend {
		of, m.weights = blended, r.weights()
	}
	for _, k := range of {
		switch x := r.trial(k).method.(type) {
		case *winters:
			m.winters = x
		case *ridge:
			m.ridge = x
		}
	}
	for h := range m.bands {
		m.bands[h] = bandOf(t.errors[h], r.d.n, r.alpha)
	}
	m.trim()
	return m
}

// trim forgets days that are not needed any more.
func (m *Model) trim() {
	d := m.d
	drop := len(d.rows) - keep
	if drop <= 0 {
		return
	}
	d.spans, d.wday, d.angle = d.spans[drop:], d.wday[drop:], d.angle[drop:]
	d.rows, d.full = d.rows[drop:], d.full[drop:]
	if m.winters != nil {
		m.winters.day -= drop
	}
}

// Kind is the model that was chosen.
func (m *Model) Kind() Kind { return m.kind }

// Scores are how wrong the models were that were tried, in the order of [Kinds].
func (m *Model) Scores() []Score { return slices.Clone(m.scores) }

// Score is how wrong the model itself was; Days of nothing are scored with NaN.
func (m *Model) Score() (s Score, ok bool) {
	i := slices.IndexFunc(m.scores, func(s Score) bool { return s.Kind == m.kind })
	if i < 0 {
		return Score{}, false
	}
	return m.scores[i], true
}

// Fitted is the end of the last day that the model was fitted to: it is time to
// choose again a week later.
func (m *Model) Fitted() record.Millis { return m.fitted }

// Known is until when the model knows values.
func (m *Model) Known() record.Millis { return m.known }

// Step is the length of an interval, ms.
func (m *Model) Step() int64 { return m.d.step }

// Follow takes in newer values of the series. They need not begin where the last
// ones ended: what the model has already it does not look at, but for the day
// that was not over, and what lies between is not known. The model stays the same, with its
// parameters.
func (m *Model) Follow(s Series) error {
	if err := s.Check(); err != nil {
		return err
	}
	d := m.d
	if s.Step != d.step || int64(s.Start)%s.Step != m.phase {
		return errors.New("follow: the intervals are not those of the model")
	}
	over := d.spans[len(d.spans)-1].To
	if s.End() <= max(over, m.known) {
		return nil
	}
	if s.Start > over+keep*record.Millis(day) {
		return fmt.Errorf("follow: nothing is known of the %d days after %v; choose a model again", keep, over)
	}
	if s.Start > over { // what lies between is not known
		missing := (int64(s.Start-over) + s.Step - 1) / s.Step
		s.Values = append(nans(int(missing)), s.Values...)
		s.Start -= record.Millis(missing * s.Step)
		if m.partial != nil && m.known > over {
			m.keepPartial(&s)
		}
	}
	skip := max((int64(over-s.Start)+s.Step-1)/s.Step, 0)
	s.Values, s.Start = s.Values[skip:], s.Start+record.Millis(skip*s.Step)
	more := newDays(d.calendar, d.step)
	m.partial = more.spread(s)
	m.known = s.End()
	for i, row := range more.rows {
		d.add(more.spans[i], row)
		if m.winters != nil {
			m.winters.learn(d, len(d.rows)-1)
		}
		m.trim()
	}
	return nil
}

// keepPartial puts what is known of the day that was not over into a series that
// begins after it.
func (m *Model) keepPartial(s *Series) {
	for i := range s.Values {
		t := s.Start + record.Millis(int64(i)*s.Step)
		if t >= m.known {
			return
		}
		if v := m.partial[slot(m.d.calendar, m.d.step, t)]; s.Values[i] != s.Values[i] {
			s.Values[i] = v
		}
	}
}

// A Forecast is what the values of a day are going to be.
type Forecast struct {
	Kind   Kind
	Issued record.Millis // until when values were known; nothing later had an influence
	Ahead  int           // 1 is the day after the last that is known, or the one that is not over
	Day    window.Span
	Start  record.Millis // when the first interval begins
	Step   int64         // ms
	Values []float64
	Lower  []float64 // 80 % of the values are to lie from here
	Upper  []float64 // to here; nil while too few days were forecast to say
}

// Series is the forecast as values.
func (f Forecast) Series() Series { return Series{f.Start, f.Step, f.Values} }

// Day says what the day that holds the time is going to be: the first that is not
// over, or one of the seven after it. Of the day that has begun it says what was to be
// expected at its midnight; the days after it are said with what is known of it.
// On days when the clock changes there are as many values as intervals.
func (m *Model) Day(at record.Millis) (Forecast, error) {
	d := *m.d // its slices grow in another place than those of m
	d.spans, d.rows, d.full = slices.Clip(d.spans), slices.Clip(d.rows), slices.Clip(d.full)
	d.wday, d.angle = slices.Clip(d.wday), slices.Clip(d.angle)
	over := d.spans[len(d.spans)-1].To
	want := d.calendar.Span(window.Day, at)
	switch {
	case want.From < over:
		return Forecast{}, fmt.Errorf("forecast: the day of %v is over", at)
	case int64(want.From-over) > (furthest+1)*day:
		return Forecast{}, fmt.Errorf("forecast: %v is more than %d days ahead", at, furthest)
	}
	f := Forecast{Kind: m.kind, Issued: over, Step: d.step}
	for span := range d.calendar.Spans(window.Day, over, want.To) {
		if f.Ahead++; f.Ahead > furthest {
			return Forecast{}, fmt.Errorf("forecast: %v is more than %d days ahead", at, furthest)
		}
		out := m.say(&d)
		if span == want {
			f.Day = span
			m.place(&f, out)
			return f, nil
		}
		if f.Ahead == 1 && m.partial != nil {
			f.Issued = m.known
			for s, v := range m.partial {
				if v == v {
					out[s] = v
				}
			}
		}
		d.add(span, out)
	}
	return Forecast{}, fmt.Errorf("forecast: there is no day at %v", at)
}

// say is what the day after the last is going to be, by slot.
func (m *Model) say(d *days) []float64 {
	k := len(d.rows)
	one := func(kind Kind) []float64 {
		out := make([]float64, d.n)
		var how method
		switch kind {
		case Winters:
			how = m.winters
		case Ridge:
			how = m.ridge
		default:
			how = newMethod(kind, d.n)
		}
		how.say(d, k, out)
		d.clip(k, out)
		return out
	}
	if m.kind != Blend {
		return one(m.kind)
	}
	out := make([]float64, d.n)
	for _, kind := range blended {
		if w := m.weights[kind]; w > 0 {
			for s, v := range one(kind) {
				out[s] += w * v
			}
		}
	}
	return out
}

// place gives the slots the intervals of the day.
func (m *Model) place(f *Forecast, slots []float64) {
	b := m.bands[min(f.Ahead, ahead)-1]
	f.Start = f.Day.From
	if r := (int64(f.Start)%f.Step - m.phase + f.Step) % f.Step; r != 0 {
		f.Start += record.Millis(f.Step - r)
	}
	for t := f.Start; t < f.Day.To; t += record.Millis(f.Step) {
		s := slot(m.d.calendar, f.Step, t)
		f.Values = append(f.Values, slots[s])
		if b != nil {
			lower, upper := b.around(slots[s], s, m.d.low)
			f.Lower, f.Upper = append(f.Lower, lower), append(f.Upper, upper)
		}
	}
}
