package estimation

import (
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/window"
)

// How far models look back, in days.
const (
	long   = 28
	short  = 7
	trials = 14
	sunny  = 30
)

// days are amounts by day and time of the day: row 0 is the day the forecast is
// for, row k the k-th before it. NaN is not known.
type days struct {
	rows    [][]float64 // Wh
	weekend []bool
	spans   []window.Span
	slots   int
	step    int64
	zone    *time.Location
	levels  map[int]float64 // by day, as they were asked for

	// What several models say is worked out once: by day, nil until it is asked for.
	weeks    [][]float64
	profiles [][]float64
}

// slot is the step of the day by the clock on the wall.
func (d *days) slot(t record.Millis) int {
	at := t.Time().In(d.zone)
	return int((int64(at.Hour())*60 + int64(at.Minute())) * series.Minute / d.step)
}

func newDays(c window.Calendar, day window.Span, step int64, n int) *days {
	d := &days{slots: int(series.Day / step), step: step, zone: c.Zone()}
	for range n {
		d.spans = append(d.spans, day)
		w := day.From.Time().In(d.zone).Weekday()
		d.weekend = append(d.weekend, w == time.Saturday || w == time.Sunday)
		day = c.Prev(window.Day, day)
	}
	return d
}

// fill sorts a series into days, up to a time. An hour that passes twice is the
// mean of both.
func (d *days) fill(known func(record.Millis) (float64, bool), until record.Millis) {
	d.rows, d.levels = make([][]float64, len(d.spans)), nil
	d.weeks, d.profiles = make([][]float64, len(d.spans)), make([][]float64, len(d.spans))
	counts := make([]int, d.slots)
	for k, s := range d.spans {
		row := make([]float64, d.slots)
		clear(counts)
		even := s.Length() == series.Day // the clock is not set on it
		for t := s.From; t < min(s.To, until); t += record.Millis(d.step) {
			if v, ok := known(t); ok {
				i := int(int64(t-s.From) / d.step)
				if !even {
					i = d.slot(t)
				}
				row[i] += v
				counts[i]++
			}
		}
		for i, n := range counts {
			if n == 0 {
				row[i] = math.NaN()
			} else {
				row[i] /= float64(n)
			}
		}
		d.rows[k] = row
	}
}

// mean is the mean of a slot over those of the days from first on that pass; NaN if nothing is known.
func (d *days) mean(slot, first, n int, pass func(k int) bool) float64 {
	sum, count := 0.0, 0
	for k := first; k < min(first+n, len(d.rows)); k++ {
		if v := d.rows[k][slot]; v == v && pass(k) {
			sum, count = sum+v, count+1
		}
	}
	if count == 0 {
		return math.NaN()
	}
	return sum / float64(count)
}

func all(int) bool { return true }

// week is the mean of a slot over the seven days before a day.
func (d *days) week(k, slot int) float64 {
	if d.weeks[k] == nil {
		d.weeks[k] = make([]float64, d.slots)
		for i := range d.weeks[k] {
			d.weeks[k][i] = d.mean(i, k+1, short, all)
		}
	}
	return d.weeks[k][slot]
}

// model says a slot of the day k from the days before it.
type model struct {
	name string
	say  func(d *days, k, slot int) float64
}

// loads are the models of a load, the simplest first: of equal ones it is taken.
var loads = []model{
	{"mean of 7 days", (*days).week},
	{"same weekday of 4 weeks", func(d *days, k, slot int) float64 {
		sum, count := 0.0, 0
		for j := k + 7; j < min(k+7*5, len(d.rows)); j += 7 {
			if v := d.rows[j][slot]; v == v {
				sum, count = sum+v, count+1
			}
		}
		return sum / float64(count) // NaN of none
	}},
	{"profile of 4 weeks with the level of one", profile},
	{"blend of mean and profile", func(d *days, k, slot int) float64 {
		return (d.week(k, slot) + profile(d, k, slot)) / 2
	}},
}

// suns are the models of a generation without irradiance.
var suns = []model{
	{"mean of 7 days", (*days).week},
	{"mean of 3 days", func(d *days, k, slot int) float64 { return d.mean(slot, k+1, 3, all) }},
	{"the day before", func(d *days, k, slot int) float64 { return d.mean(slot, k+1, 1, all) }},
}

func profile(d *days, k, slot int) float64 {
	if d.profiles[k] == nil {
		p, like, level := make([]float64, d.slots), func(j int) bool { return d.weekend[j] == d.weekend[k] }, d.level(k)
		for i := range p {
			p[i] = d.mean(i, k+1, long, like) * level
		}
		d.profiles[k] = p
	}
	return d.profiles[k][slot]
}

// level is what the last week took, by what four took; 1 where that is not
// known.
func (d *days) level(k int) float64 {
	if v, done := d.levels[k]; done {
		return v
	}
	var near, far float64
	for slot := range d.slots {
		a, b := d.week(k, slot), d.mean(slot, k+1, long, all)
		if a == a && b == b {
			near, far = near+a, far+b
		}
	}
	v := 1.0
	if far > 0 {
		v = near / far
	}
	if d.levels == nil {
		d.levels = make(map[int]float64)
	}
	d.levels[k] = v
	return v
}

// said is what a model says of a day, and how wrong it was on the days before.
type said struct {
	of     EstimationModel
	values []float64   // by slot
	errors [][]float64 // by day tried, then slot: what was less what was said
	found  []int       // the days tried
}

// try tries a model on the days before, and says the day 0. Levels are taken
// once for a day.
func (d *days) try(m model) said {
	out := said{of: EstimationModel{Name: m.name}, values: make([]float64, d.slots)}
	for slot := range d.slots {
		out.values[slot] = m.say(d, 0, slot)
	}
	wrong, total := 0.0, 0.0
	for k := 1; k < min(1+trials, len(d.rows)); k++ {
		row, known := make([]float64, d.slots), 0
		for slot := range d.slots {
			row[slot] = d.rows[k][slot] - m.say(d, k, slot)
			if row[slot] == row[slot] {
				known++
			}
		}
		if known*2 < d.slots {
			continue // of less than half a day nothing is learned
		}
		out.errors, out.found = append(out.errors, row), append(out.found, k)
		for slot, e := range row {
			if e == e {
				wrong, total = wrong+math.Abs(e), total+math.Abs(d.rows[k][slot])
			}
		}
	}
	out.of.Days = len(out.errors)
	if total > 0 {
		out.of.Wrong = new(wrong / total)
	}
	return out
}

// best tries models and takes the one that was least wrong, and that says
// something of most of the day.
func (d *days) best(models []model) said {
	var out said
	for i, m := range models {
		s := d.try(m)
		if i == 0 || says(s.values) > says(out.values) || says(s.values) == says(out.values) && s.of.Days >= out.of.Days && s.of.Wrong != nil && (out.of.Wrong == nil || *s.of.Wrong < *out.of.Wrong) {
			out = s
		}
	}
	return out
}

// says counts what is said.
func says(values []float64) (n int) {
	for _, v := range values {
		if v == v {
			n++
		}
	}
	return n
}

// band is the band of a slot: quantiles of the errors there and beside it.
func (s *said) band(slot int, mean, part float64) EstimationBand {
	var errors []float64
	for _, row := range s.errors {
		for i := max(slot-1, 0); i <= min(slot+1, len(row)-1); i++ {
			if e := row[i]; e == e {
				errors = append(errors, e)
			}
		}
	}
	return around(mean, errors, part)
}

// around is a mean with the quantiles of errors about it, not below zero.
func around(mean float64, errors []float64, part float64) EstimationBand {
	b := EstimationBand{Low: mean, Mean: mean, High: mean}
	if n := float64(len(errors)); n > 1 {
		// What comes next is one of n+1 that are alike (conformal prediction): it lies
		// below the k-th of n by k/(n+1).
		tail := math.Max(0, ((1-part)/2*(n+1)-1)/(n-1))
		sorted := slices.DeleteFunc(slices.Clone(errors), func(e float64) bool { return e != e })
		slices.Sort(sorted)
		b.Low = math.Max(0, math.Min(mean, mean+regression.QuantileSorted(sorted, tail)))
		b.High = math.Max(mean, mean+regression.QuantileSorted(sorted, 1-tail))
	}
	return b
}

// error is the error of a day tried at a slot; false when it is not known.
func (s *said) error(day, slot int) (float64, bool) {
	for i, k := range s.found {
		if k == day {
			e := s.errors[i][slot]
			return e, e == e
		}
	}
	return 0, false
}
