package substitute

import (
	"fmt"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Need is the quality that a consumer asks for. Zero asks for nothing.
type Need struct {
	Mean     float64 `json:"mean,omitempty"`     // largest mean error taken, in the target's unit
	Relative float64 `json:"relative,omitempty"` // largest mean error taken by the mean size of the values
}

// Met tells whether an error is small enough.
func (n Need) Met(e Error) bool {
	return (n.Mean <= 0 || e.Mean <= n.Mean) && (n.Relative <= 0 || e.Relative <= n.Relative)
}

// Why says why an error is too large, with its number, or "".
func (n Need) Why(e Error, unit string) string {
	switch {
	case n.Met(e):
		return ""
	case n.Mean > 0 && e.Mean > n.Mean:
		return fmt.Sprintf("expected to be wrong by %.4g %s, %.4g %s are taken", e.Mean, unit, n.Mean, unit)
	}
	return fmt.Sprintf("expected to be wrong by %.1f %%, %.1f %% are taken", 100*e.Relative, 100*n.Relative)
}

// Choice is the way that was chosen to stand in.
type Choice struct {
	Option *Option
	Fit    *Fitted
}

// alike is by how much the error of a farther or more intricate way has to be
// smaller to be worth it.
const alike = 0.005

// Choose takes the option with the smallest error expected for values of an age,
// among those whose sources all measure and that skip does not exclude, if it is
// good enough. Otherwise the choice is empty, and the refusals say of each, the
// best first, why it was not taken. No order of methods comes before the error.
func (r *Ranking) Choose(age record.Millis, need Need, usable func(object.ID) bool, skip func(Method, []object.ID) bool) (Choice, []Refusal) {
	best := r.choose(age, need, usable, skip, nil)
	if best.Fit != nil {
		return best, nil
	}
	var refused []Refusal
	r.choose(age, need, usable, skip, func(no Refusal) { refused = append(refused, no) })
	return best, refused
}

// choose is Choose, and tells refusals to whom it may concern.
func (r *Ranking) choose(age record.Millis, need Need, usable func(object.ID) bool, skip func(Method, []object.ID) bool, tell func(Refusal)) Choice {
	var best Choice
	refuse := func(o *Option, id object.ID, why func() string) {
		if tell != nil {
			tell(Refusal{Object: id, Method: o.Method, Reason: why()})
		}
	}
next:
	for i := range r.Options {
		o := &r.Options[i]
		f, ok := o.at(age)
		if !ok {
			refuse(o, "", func() string {
				return fmt.Sprintf("known to hold for %s only", span(o.Fits[len(o.Fits)-1].UpTo))
			})
			continue
		}
		from := f.Mapping.From()
		for _, id := range from {
			if usable != nil && !usable(id) {
				refuse(o, id, func() string { return "in need of what does not measure itself now" })
				continue next
			}
		}
		switch {
		case skip != nil && skip(o.Method, from):
			refuse(o, "", func() string { return "known to have been wrong by more than was expected" })
		case !need.Met(f.Error):
			refuse(o, "", func() string { return need.Why(f.Error, r.Unit) })
		case best.Fit == nil, f.Error.Mean < best.Fit.Error.Mean*(1-alike),
			f.Error.Mean <= best.Fit.Error.Mean*(1+alike) && o.before(best.Option):
			best = Choice{Option: o, Fit: f}
		}
	}
	return best
}

// before orders options that are as good as one another.
func (o *Option) before(than *Option) bool {
	if a, b := intricate[o.Method], intricate[than.Method]; a != b {
		return a < b
	}
	return o.Place < than.Place
}

// intricate orders methods by how much may go wrong with them.
var intricate = map[Method]int{
	Balanced: 0, BalancedOff: 1, Identity: 1, LastValue: 1, DayBefore: 1, Offset: 2, Ratio: 2,
	MeanOfWeek: 2, WeekProfile: 2, HourlyRatio: 3, Past: 4, Forecast: 4, Ridge: 4, Blend: 5,
}

// span writes a duration for people: "24h", "90m".
func span(d record.Millis) string {
	switch {
	case d%hour == 0:
		return fmt.Sprintf("%dh", int64(d/hour))
	case d%60_000 == 0:
		return fmt.Sprintf("%dm", int64(d/60_000))
	}
	return fmt.Sprintf("%gs", float64(d)/1000)
}
