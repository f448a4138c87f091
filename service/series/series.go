package series

import (
	"fmt"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// MaxValues is how many values a series has at most: three months of minutes, or
// more than a year of five minutes.
const MaxValues = 140_000

// MaxAmount bounds one amount, 50 GWh in µWh, and MaxTotal what a series, or all
// of a service, adds up to: 4 TWh.
const (
	MaxAmount = energy.Amount(5e16)
	MaxTotal  = 4e18
)

// Lengths in ms.
const (
	Minute  = int64(60_000)
	Quarter = window.QuarterLength
	Hour    = 4 * Quarter
	Day     = 24 * Hour
)

// EnergySeries is a row of amounts.
type EnergySeries struct {
	Start  record.Millis `json:"start" doc:"Beginning of the first interval, ms since 1970 UTC; a multiple of the step"`
	Step   int64         `json:"step" doc:"Length of an interval in ms: 60000, 300000, 600000, 900000, 1800000 or 3600000" example:"900000"`
	Values []EnergyValue `json:"values" doc:"One for each interval" maxItems:"140000"`
}

// EnergyValue is what is known of one interval, from From (inclusive) on.
type EnergyValue struct {
	Amount    energy.Amount  `json:"amount" doc:"Energy in µWh"`
	Estimated energy.Amount  `json:"estimated,omitempty" doc:"The part of it that was not measured, in µWh"`
	Quality   energy.Quality `json:"quality" enum:"none,measured,corrected,substituted,estimated" doc:"The worst of what it rests on; none: it is not known"`
	Covered   int64          `json:"covered,omitempty" doc:"How many ms of the interval were measured"`
}

// Known tells whether there is an amount.
func (v EnergyValue) Known() bool { return v.Quality != energy.None }

// Unmeasured is the part of the amount that may not be billed unmarked: all of
// it when it is substituted or estimated as a whole.
func (v EnergyValue) Unmeasured() energy.Amount {
	if v.Quality >= energy.Substituted && v.Estimated == 0 {
		return v.Amount
	}
	return v.Estimated
}

// Measured is an amount that was measured over the whole step.
func Measured(a energy.Amount, step int64) EnergyValue {
	return EnergyValue{Amount: a, Quality: energy.Measured, Covered: step}
}

// GaugeSeries is a row of levels: power, temperature, irradiance, people.
type GaugeSeries struct {
	Start  record.Millis `json:"start" doc:"Beginning of the first interval, ms since 1970 UTC; a multiple of the step"`
	Step   int64         `json:"step" doc:"Length of an interval in ms: 60000, 300000, 600000, 900000, 1800000 or 3600000" example:"900000"`
	Values []GaugeValue  `json:"values" doc:"One for each interval: the mean over it" maxItems:"140000"`
}

// GaugeValue is the mean level of one interval.
type GaugeValue struct {
	Value   float64        `json:"value" doc:"In the coherent unit of the quantity"`
	Quality energy.Quality `json:"quality" enum:"none,measured,corrected,substituted,estimated" doc:"On what it rests; none: it is not known"`
}

// Known tells whether there is a level.
func (v GaugeValue) Known() bool { return v.Quality != energy.None }

// checkGrid says what is wrong with a grid.
func checkGrid(name string, start record.Millis, step int64, n int) error {
	switch {
	case !slices.Contains([]int64{Minute, 5 * Minute, 10 * Minute, Quarter, 2 * Quarter, Hour}, step):
		return fmt.Errorf("%s: a step of %d ms is none of 1, 5, 10, 15, 30 and 60 minutes", name, step)
	case n > MaxValues:
		return fmt.Errorf("%s: %d values are more than %d", name, n, MaxValues)
	case start < record.MinTime || start > record.MaxTime || int64(start)+int64(n)*step > int64(record.MaxTime):
		return fmt.Errorf("%s: it is not between 1970 and 2100", name)
	case int64(start)%step != 0:
		return fmt.Errorf("%s: the start %v is no multiple of its step of %d ms", name, start, step)
	}
	return nil
}

// Check says what is wrong with the series, by its name.
func (s *EnergySeries) Check(name string) error {
	if err := checkGrid(name, s.Start, s.Step, len(s.Values)); err != nil {
		return err
	}
	if t := s.Total(); t > MaxTotal {
		return fmt.Errorf("%s: %g Wh are more than can be added up", name, t/energy.PerUnit)
	}
	for i, v := range s.Values {
		switch {
		case v.Quality > energy.Estimated:
			return fmt.Errorf("%s: value %d has no known quality", name, i+1)
		case v.Amount > MaxAmount || v.Amount < -MaxAmount:
			return fmt.Errorf("%s: value %d, %s Wh, is larger than any meter shows in an interval", name, i+1, v.Amount)
		case v.Covered < 0 || v.Covered > s.Step:
			return fmt.Errorf("%s: value %d is covered for %d ms of a step of %d", name, i+1, v.Covered, s.Step)
		case v.Amount >= 0 && (v.Estimated < 0 || v.Estimated > v.Amount) || v.Amount < 0 && (v.Estimated > 0 || v.Estimated < v.Amount):
			return fmt.Errorf("%s: value %d has an estimated part of %s Wh in %s Wh", name, i+1, v.Estimated, v.Amount)
		}
	}
	return nil
}

// Total is about the sum of the sizes of all amounts, in µWh.
func (s *EnergySeries) Total() (sum float64) {
	for _, v := range s.Values {
		sum += math.Abs(float64(v.Amount))
	}
	return sum
}

// CheckPositive is Check, and refuses amounts below zero.
func (s *EnergySeries) CheckPositive(name string) error {
	if err := s.Check(name); err != nil {
		return err
	}
	for i, v := range s.Values {
		if v.Known() && v.Amount < 0 {
			return fmt.Errorf("%s: value %d, at %v, is below zero: %s Wh; hand over what flowed the other way as a series of its own", name, i+1, s.At(i).From, v.Amount)
		}
	}
	return nil
}

// Check says what is wrong with the series, by its name.
func (s *GaugeSeries) Check(name string) error {
	if err := checkGrid(name, s.Start, s.Step, len(s.Values)); err != nil {
		return err
	}
	for i, v := range s.Values {
		switch {
		case v.Quality > energy.Estimated:
			return fmt.Errorf("%s: value %d has no known quality", name, i+1)
		case v.Known() && !(math.Abs(v.Value) <= 1e12):
			return fmt.Errorf("%s: value %d is no number that was measured", name, i+1)
		}
	}
	return nil
}

// At is the span of the interval i.
func (s *EnergySeries) At(i int) window.Span {
	from := s.Start + record.Millis(int64(i)*s.Step)
	return window.Span{From: from, To: from + record.Millis(s.Step)}
}

// At is the span of the interval i.
func (s *GaugeSeries) At(i int) window.Span {
	from := s.Start + record.Millis(int64(i)*s.Step)
	return window.Span{From: from, To: from + record.Millis(s.Step)}
}

// Span is all of its time.
func (s *EnergySeries) Span() window.Span {
	return window.Span{From: s.Start, To: s.Start + record.Millis(int64(len(s.Values))*s.Step)}
}

// Span is all of its time.
func (s *GaugeSeries) Span() window.Span {
	return window.Span{From: s.Start, To: s.Start + record.Millis(int64(len(s.Values))*s.Step)}
}

// index finds the interval that holds t.
func index(start record.Millis, step int64, n int, t record.Millis) (int, bool) {
	if step <= 0 || t < start {
		return 0, false
	}
	i := int64(t-start) / step
	return int(i), i < int64(n)
}

// Of is the value of the interval that holds t; outside the series nothing is
// known.
func (s *EnergySeries) Of(t record.Millis) EnergyValue {
	if i, ok := index(s.Start, s.Step, len(s.Values), t); ok {
		return s.Values[i]
	}
	return EnergyValue{}
}

// Of is the value of the interval that holds t; outside the series nothing is
// known.
func (s *GaugeSeries) Of(t record.Millis) GaugeValue {
	if i, ok := index(s.Start, s.Step, len(s.Values), t); ok {
		return s.Values[i]
	}
	return GaugeValue{}
}

// Sum adds up a span of whole intervals: an amount is known when that of every
// interval is; the quality is the worst of them.
func (s *EnergySeries) Sum(at window.Span) EnergyValue {
	v, whole := s.Part(at)
	if !whole {
		return EnergyValue{Covered: v.Covered}
	}
	return v
}

// Part adds up what is known of a span, and tells whether that is all of it. An
// interval counts when it begins in the span.
func (s *EnergySeries) Part(at window.Span) (sum EnergyValue, whole bool) {
	if s.Step <= 0 || at.From >= at.To {
		return EnergyValue{}, false
	}
	whole = true
	first := ceil(int64(at.From-s.Start), s.Step)
	end := ceil(int64(at.To-s.Start), s.Step)
	if first < 0 || end > int64(len(s.Values)) || first >= end {
		whole = false
	}
	for i := max(first, 0); i < min(end, int64(len(s.Values))); i++ {
		v := s.Values[i]
		if !v.Known() {
			whole = false
			continue
		}
		sum.Amount += v.Amount
		sum.Estimated += v.Unmeasured()
		sum.Covered += v.Covered
		sum.Quality = max(sum.Quality, v.Quality)
	}
	return sum, whole
}

// Mean is the mean of the known levels of a span, and which part of it is known,
// from 0 to 1.
func (s *GaugeSeries) Mean(at window.Span) (mean, known float64) {
	if s.Step <= 0 || at.From >= at.To {
		return 0, 0
	}
	first := ceil(int64(at.From-s.Start), s.Step)
	end := ceil(int64(at.To-s.Start), s.Step)
	n, sum := 0, 0.0
	for i := max(first, 0); i < min(end, int64(len(s.Values))); i++ {
		if v := s.Values[i]; v.Known() {
			n, sum = n+1, sum+v.Value
		}
	}
	if n == 0 {
		return 0, 0
	}
	return sum / float64(n), float64(n) / float64(end-first)
}

// ceil divides and rounds up.
func ceil(a, b int64) int64 {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}

// Power is an amount as the mean power of a step, in W.
func Power(a energy.Amount, step int64) float64 {
	return a.Float64() * float64(Hour) / float64(step)
}

// Amount is the energy of a mean power over a time in ms; what does not fit is
// not known.
func Amount(watts float64, length int64) (energy.Amount, bool) {
	a, err := energy.Of(watts * float64(length) / float64(Hour))
	return a, err == nil
}

// Settled is a settled value as a series has it.
func Settled(v *energy.Value) EnergyValue {
	if !v.Known {
		return EnergyValue{}
	}
	return EnergyValue{Amount: v.Amount, Estimated: v.Estimated, Quality: max(v.Quality, energy.Measured), Covered: v.Covered}
}
