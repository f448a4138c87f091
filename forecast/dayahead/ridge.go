package dayahead

import (
	"math"
	"time"

	"github.com/wattwerk/wattwerk/regression"
)

// The features of a slot, in order.
const (
	featDay       = iota // the same slot a day before,
	featTwoDays          // two days,
	featWeek             // a week,
	featTwoWeeks         // and two weeks before
	featMean7            // mean of the slot in the last seven days,
	featMean28           // and in the last four weeks
	featDayLevel         // mean of the day before,
	featWeekLevel        // and of the week before
	featLast             // the last slot before midnight,
	featAboveMean        // how far it was above the week's, less with each hour,
	featAboveWeek        // above that of a week before, less with each hour,
	featEvening          // and the evening above those of the week
	featYearSin          // the time of year
	featYearCos
	featWeekday                    // one for each weekday,
	featHour    = featWeekday + 7  // for each hour of a working day,
	featWeekend = featHour + 24    // and for each hour of a weekend
	features    = featWeekend + 24 //
)

// ridge is linear regression on the calendar and on values that are known a day
// ahead. Its equations grow by a row for each slot of a day; fitting again does not
// look at the days again.
type ridge struct {
	gram   *regression.Gram
	linear regression.Linear
	row    []float64
}

const (
	// lambda is the weight of no influence, in rows.
	lambda = 30
	// ridgeFrom is the first day that is learnt: those before it are its lags.
	ridgeFrom = 14
	// fading is how many hours it takes until what midnight was like matters by a
	// third only.
	fading = 6
)

func newRidge() *ridge {
	return &ridge{gram: regression.NewGram(features), row: make([]float64, features)}
}

// eve is what all slots of a day share: what came before it.
type eve struct {
	day, week, last      float64
	aboveMean, aboveWeek float64
	evening              float64
}

func (d *days) eve(k int) eve {
	end := d.n - 1
	e := eve{day: d.level(k, 1), week: d.level(k, 7), last: d.at(k, 1, end)}
	e.aboveMean, e.aboveWeek = e.last-d.mean(d.full, k, end, 7), e.last-d.at(k, 8, end)
	from := d.n - d.n/6 // four hours
	now, before, n := 0.0, 0.0, 0.0
	for s := from; s <= end; s++ {
		now += d.at(k, 1, s)
		for back := 2; back <= 8 && back <= k; back++ {
			before, n = before+d.full[k-back][s], n+1
		}
	}
	if n > 0 {
		e.evening = now/float64(d.n/6) - before/n
	}
	return e
}

func (r *ridge) features(d *days, k, s int, e *eve) []float64 {
	x := r.row
	clear(x)
	h := s * 24 / d.n
	fade := math.Exp(-float64(s) * 24 / float64(d.n) / fading)
	x[featDay], x[featTwoDays] = d.at(k, 1, s), d.at(k, 2, s)
	x[featWeek], x[featTwoWeeks] = d.at(k, 7, s), d.at(k, 14, s)
	x[featMean7], x[featMean28] = d.mean(d.full, k, s, 7), d.mean(d.full, k, s, 28)
	x[featDayLevel], x[featWeekLevel] = e.day, e.week
	x[featLast], x[featAboveMean], x[featAboveWeek], x[featEvening] = e.last, e.aboveMean*fade, e.aboveWeek*fade, e.evening
	w, angle := d.weekday(k), d.yearAngle(k)
	x[featYearSin], x[featYearCos] = math.Sincos(angle)
	x[featWeekday+int(w)] = 1
	if w == time.Saturday || w == time.Sunday {
		x[featWeekend+h] = 1
	} else {
		x[featHour+h] = 1
	}
	return x
}

func (r *ridge) learn(d *days, k int) {
	if k < ridgeFrom {
		return
	}
	e := d.eve(k)
	for s, v := range d.rows[k] {
		if v == v {
			r.gram.Add(r.features(d, k, s, &e), v)
		}
	}
}

func (r *ridge) fit(*days) {
	if l, err := r.gram.Solve(lambda); err == nil {
		r.linear = l
	}
}

func (r *ridge) say(d *days, k int, out []float64) {
	if r.linear.Weights == nil {
		meanOf7(d, k, out)
		return
	}
	e := d.eve(k)
	for s := range out {
		out[s] = r.linear.At(r.features(d, k, s, &e))
	}
}
