package substitute

import (
	"math"

	"github.com/wattwerk/wattwerk/forecast/dayahead"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// DayAhead is a [Forecaster] by one of the models of dayahead, on the days of a
// calendar. It fits the model each time it issues; the profile and level of the day
// before is the default.
type DayAhead struct {
	Calendar window.Calendar
	Kind     dayahead.Kind
}

// Issue says what the n cells after the history are going to be: nothing where the
// history is too short for the model, and at most the rest of the day and seven more.
func (d DayAhead) Issue(history Series, n int) []float64 {
	kind := d.Kind
	if kind == "" {
		kind = dayahead.ProfileLevel
	}
	m, err := dayahead.Fit(kind, dayahead.Series{Start: history.From, Step: int64(history.Step), Values: history.Values}, d.Calendar)
	if err != nil {
		return nil // a history that cannot be forecast has no forecast: that is the whole answer
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	begin := history.End()
	for at := begin; at < begin+record.Millis(n)*history.Step; {
		day, err := m.Day(at)
		if err != nil || day.Day.To <= at {
			break
		}
		for k, v := range day.Values {
			if i := int((day.Start-begin)/history.Step) + k; i >= 0 && i < n && day.Start >= begin-record.Millis(k)*history.Step {
				out[i] = v
			}
		}
		at = day.Day.To
	}
	return out
}
