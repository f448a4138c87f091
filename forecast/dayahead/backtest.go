package dayahead

import (
	"errors"
	"math"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/window"
)

// A Score is how wrong a model was about the days ahead.
type Score struct {
	Kind  Kind    `json:"kind"`
	MAE   float64 `json:"mae"`   // in the unit of the values
	MASE  float64 `json:"mase"`  // as a share of how much a value differs from the one a day before
	WAPE  float64 `json:"wape"`  // as a share of the values
	NRMSE float64 `json:"nrmse"` // root of the mean square, as a share of the mean
}

// A Report is the result of a backtest: each day was forecast with what was known
// before it began.
type Report struct {
	From     record.Millis `json:"from"` // the first day that counts
	Days     int           `json:"days"`
	Scores   []Score       `json:"scores"`   // of each model, in the order of [Kinds]
	Chosen   Score         `json:"chosen"`   // of whichever was chosen week by week, by the errors up to then
	Picks    map[Kind]int  `json:"picks"`    // for how many of the days
	Coverage float64       `json:"coverage"` // share of the values within the bands of what was chosen; NaN without bands
	Width    float64       `json:"width"`    // mean width of the bands
	Actual   []float64     `json:"-"`        // by day and slot
	Said     []float64     `json:"-"`        // by what was chosen
}

// ErrShort says that a series is too short.
var ErrShort = errors.New("forecast: fewer than 28 days are known")

// Backtest goes through the days of a series and forecasts each at its midnight; the
// models are fitted anew every week. What counts are the last share of the days;
// as many before are forecast to choose by. Nothing of a day, nor of a later one, has an
// influence on what is said of it.
func Backtest(s Series, c window.Calendar, share float64) (Report, error) {
	if err := s.Check(); err != nil {
		return Report{}, err
	}
	if !(share > 0 && share < 1) {
		return Report{}, errors.New("backtest: the share is not between 0 and 1")
	}
	all := newDays(c, s.Step)
	all.spread(s)
	count := len(all.rows)
	test := int(float64(count) * (1 - share))
	from := max(int(float64(count)*(1-2*share)), ridgeFrom)
	if count < 28 || test <= from {
		return Report{}, ErrShort
	}
	r := newRolling(newDays(c, s.Step), from, Kinds())
	said := make([][]float64, len(r.trials))
	out := Report{From: all.spans[test].From, Days: count - test, Picks: make(map[Kind]int)}
	var missed, known, width, wide float64
	for k := range count {
		row := all.rows[k]
		will := r.say()
		if will {
			chosen := r.trials[r.chosen]
			b := bandOf(chosen.errors[0], r.d.n, r.alpha)
			if k >= test {
				for i, t := range r.trials {
					said[i] = append(said[i], t.said[0]...)
				}
				out.Actual = append(out.Actual, row...)
				out.Said = append(out.Said, chosen.said[0]...)
				out.Picks[chosen.kind]++
			}
			if b != nil {
				m, n := b.missed(row, chosen.said[0], r.d.low)
				if n > 0 {
					r.alpha = adapt(r.alpha, m/n)
				}
				if k >= test {
					missed, known = missed+m, known+n
					for s, v := range chosen.said[0] {
						l, u := b.around(v, s, r.d.low)
						width, wide = width+u-l, wide+1
					}
				}
			}
		}
		r.learn(all.spans[k], row, will)
	}
	scale := regression.Scale(s.Values[:min(int((int64(out.From-s.Start))/s.Step), len(s.Values))], int(day/s.Step))
	for i, t := range r.trials {
		out.Scores = append(out.Scores, scoreOf(t.kind, out.Actual, said[i], scale))
	}
	out.Chosen = scoreOf("chosen", out.Actual, out.Said, scale)
	out.Coverage, out.Width = math.NaN(), math.NaN()
	if known > 0 {
		out.Coverage, out.Width = 1-missed/known, width/wide
	}
	return out, nil
}

func scoreOf(k Kind, actual, said []float64, scale float64) Score {
	return Score{
		Kind: k, MAE: regression.MAE(actual, said), MASE: regression.MASE(actual, said, scale),
		WAPE: regression.WAPE(actual, said), NRMSE: regression.NRMSE(actual, said),
	}
}

// Of gives the score of a model.
func (r Report) Of(k Kind) Score {
	for _, s := range r.Scores {
		if s.Kind == k {
			return s
		}
	}
	return Score{Kind: k, MAE: math.NaN(), MASE: math.NaN(), WAPE: math.NaN(), NRMSE: math.NaN()}
}
