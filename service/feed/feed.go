package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/forecast/dayahead"
	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// Sample is one reading; NaN is null.
type Sample struct {
	At    record.Millis
	Value float64
}

// Source is what was measured, and what things cost. Spans begin and end with a
// quarter of an hour.
type Source interface {
	// Quarters gives what is settled of the quarters of an hour of a span, each with its
	// number from the beginning on, in order; what is not known may be left out. The value
	// is that of the call.
	Quarters(ctx context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error
	// Samples gives the readings of a sensor in a span, at most so many.
	Samples(ctx context.Context, id record.SensorID, from, to record.Millis, most int) ([]Sample, error)
	// Settled tells up to when quarters are settled.
	Settled(ctx context.Context) (record.Millis, error)
	// Tariff gives a tariff by its identifier; false when there is none.
	Tariff(ctx context.Context, id string) (tariff.Tariff, bool, error)
	// Assigned gives the tariff that prices an object at a time; false when none does.
	Assigned(ctx context.Context, id object.ID, at record.Millis) (tariff.Tariff, bool, error)
	// Quotes gives a series of prices in a span.
	Quotes(ctx context.Context, name string, from, to record.Millis) ([]tariff.Quote, error)
	// Parts gives what an object is the sum of, by definition; nil when it is none.
	Parts(id object.ID) []Part
	// Zone is the time zone of an object; "" when nobody says.
	Zone(id object.ID) string
}

// Part is an object that a sum is made of.
type Part struct {
	Object object.ID
	Less   bool // it is taken away
}

// StandIns gives values of what stood in for an object, one for each quarter of an
// hour of a span as a mean, in the unit of the object; NaN where nothing did. It may be nil.
type StandIns interface {
	StoodIn(ctx context.Context, id object.ID, from, to record.Millis) ([]float64, error)
}

// Forecasts is what somebody else says of a day that is to come. It may be nil.
type Forecasts interface {
	// DayAhead gives what is forecast of a day of an object, in the unit of its mean power,
	// on which nothing that was known after a time had an influence, and as which share of
	// the values its model was wrong on days before (nil: not known); false: nothing is.
	DayAhead(ctx context.Context, id object.ID, day window.Span, known record.Millis) (dayahead.Forecast, *float64, bool)
}

// ErrAsked is wrapped by errors that whoever asks can mend: something is missing, or
// cannot be.
var ErrAsked = errors.New("the request cannot be")

func asked(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrAsked, fmt.Sprintf(format, a...))
}

// Bounds of requests.
const (
	MaxObjects = 500
	MaxSpan    = 400 * series.Day
)

// Feed gathers.
type Feed struct {
	Source    Source
	StandIns  StandIns  // may be nil
	Forecasts Forecasts // may be nil
}

// Request is what is to be computed, for whom.
type Request struct {
	Computation string // estimation, appliance, charging, sharing, occupancy, saving
	World       *object.World
	Subject     object.ID
	Roles       map[string][]object.ID // objects by role, as the plan bound them; may be nil
	From, To    record.Millis          // 0: as the computation is by default
	Now         record.Millis
	Parameters  json.RawMessage
	Previous    json.RawMessage // the revision before, of bills
}

// Rested is on what one series of a result rests.
type Rested struct {
	Role    string              `json:"role" doc:"What it is to the service" example:"load"`
	Object  object.ID           `json:"object" doc:"Whose values they are" example:"sensor/boiler"`
	Quality series.QualityCount `json:"quality" doc:"On what its intervals rest"`
}

// Outcome is what came of a computation.
type Outcome struct {
	Result   any      // in the words of its package
	Revision int      // of bills; else 0
	Rests    []Rested // the series it was given
	From, To record.Millis
}

// gather is one request on its way.
type gather struct {
	*Feed
	Request
	out   Outcome
	parts int // of sums that were looked into

	energies rooms[series.EnergyValue]
	gauges   rooms[series.GaugeValue]
}

// Run gathers and computes. An error that wraps [ErrAsked] is for whoever asked.
func (f *Feed) Run(ctx context.Context, r Request) (Outcome, error) {
	g := &gather{Feed: f, Request: r}
	if len(g.Parameters) == 0 {
		g.Parameters = json.RawMessage("{}")
	}
	if r.From != 0 && r.To != 0 && (r.To <= r.From || int64(r.To-r.From) > MaxSpan) {
		return Outcome{}, asked("the span from %v to %v is none of up to %d days", r.From, r.To, MaxSpan/series.Day)
	}
	g.out.From, g.out.To = r.From, r.To
	compute, ok := computations[r.Computation]
	if !ok {
		return Outcome{}, asked("there is no computation %.100q in this program", r.Computation)
	}
	if err := compute(g, ctx); err != nil {
		return Outcome{}, err
	}
	return g.out, nil
}

// computations are all there are.
var computations = map[string]func(*gather, context.Context) error{
	"estimation": (*gather).estimation,
	"appliance":  (*gather).appliance,
	"charging":   (*gather).charging,
	"sharing":    (*gather).sharing,
	"occupancy":  (*gather).occupancy,
	"saving":     (*gather).saving,
}

// Computations lists them, sorted.
func Computations() []string {
	out := make([]string, 0, len(computations))
	for name := range computations {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Bills tells whether a computation makes bills, which are kept with their revisions.
func Bills(computation string) bool { return computation == "charging" || computation == "sharing" }

// parameters reads what the request says.
func (g *gather) parameters(into any) error {
	if err := strict.JSON(g.Parameters, into); err != nil {
		return asked("parameters: %v", err)
	}
	return nil
}

// known has the object exist.
func (g *gather) known(role string, id object.ID) (*object.Object, error) {
	o, ok := g.World.Object(id)
	if !ok {
		return nil, asked("%s: there is no object %.220q", role, id)
	}
	return o, nil
}

// span gives the span of the request in whole quarters, or the one before now.
func (g *gather) span(history int64) (from, to record.Millis) {
	q := record.Millis(series.Quarter)
	from, to = g.From, g.To
	if to == 0 {
		to = g.Now
	}
	if from == 0 {
		from = to - record.Millis(history)
	}
	from, to = from-from%q, to-to%q
	g.out.From, g.out.To = from, to
	return max(from, 0), to
}

// counts tells whether what an object measures comes to energy.
func counts(o *object.Object) bool {
	return o.Quantity == record.ActivePower || o.Quantity == record.Energy
}

// amounts gives the energy of an object by quarters of an hour.
func (g *gather) amounts(ctx context.Context, role string, id object.ID, from, to record.Millis) (series.EnergySeries, error) {
	o, err := g.known(role, id)
	if err != nil {
		return series.EnergySeries{}, err
	}
	if !counts(o) {
		return series.EnergySeries{}, asked("%s: %q measures %s, which is no energy", role, id, o.Quantity)
	}
	out := series.EnergySeries{Start: from, Step: series.Quarter}
	if out.Values, err = g.quarters(ctx, id, from, to); err != nil {
		return series.EnergySeries{}, err
	}
	if slices.ContainsFunc(out.Values, unknown) {
		if err := g.fill(ctx, id, from, to, out.Values, 0); err != nil {
			return series.EnergySeries{}, err
		}
	}
	var count series.QualityCount
	for _, v := range out.Values {
		count.Note(v.Quality)
	}
	g.out.Rests = append(g.out.Rests, Rested{role, id, count})
	return out, nil
}

// quarters gives what is settled of an object.
func (g *gather) quarters(ctx context.Context, id object.ID, from, to record.Millis) ([]series.EnergyValue, error) {
	out := take(&g.energies, &amountRooms, int(max(0, (to-from)/record.Millis(series.Quarter))))
	err := g.Source.Quarters(ctx, id, from, to, func(i int, v *energy.Value) { out[i] = series.Settled(v) })
	return out, err
}

func unknown(v series.EnergyValue) bool { return !v.Known() }

// deepest bounds how deep groups are looked into for what stood in.
const deepest = 20

// fill puts what stood in for an object where its amount is not known; of a sum that
// of its parts, where all of them are known or stood in for.
func (g *gather) fill(ctx context.Context, id object.ID, from, to record.Millis, values []series.EnergyValue, depth int) error {
	if g.StandIns == nil || depth > deepest {
		return nil
	}
	in, err := g.StandIns.StoodIn(ctx, id, from, to)
	if err != nil {
		return err
	}
	holes := false
	for i := range values {
		if values[i].Known() {
			continue
		}
		if i < len(in) && !math.IsNaN(in[i]) {
			if a, ok := series.Amount(in[i], series.Quarter); ok {
				values[i] = series.EnergyValue{Amount: a, Estimated: a, Quality: energy.Substituted}
				continue
			}
		}
		holes = true
	}
	parts := g.Source.Parts(id)
	if !holes || len(parts) == 0 {
		return nil
	}
	if g.parts += len(parts); g.parts > MaxObjects {
		return asked("below %q there are more than %d objects without values", id, MaxObjects)
	}
	sum := make([]series.EnergyValue, len(values))
	for n, part := range parts {
		next, err := g.quarters(ctx, part.Object, from, to)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(next, unknown) {
			if err := g.fill(ctx, part.Object, from, to, next, depth+1); err != nil {
				return err
			}
		}
		for i := range sum {
			a, b := &sum[i], next[i]
			if part.Less {
				b.Amount, b.Estimated = -b.Amount, -b.Estimated
			}
			switch {
			case n == 0:
				*a = b
			case !a.Known() || !b.Known():
				*a = series.EnergyValue{}
			default:
				a.Amount, a.Estimated = a.Amount+b.Amount, a.Estimated+b.Estimated
				a.Quality, a.Covered = max(a.Quality, b.Quality), min(a.Covered, b.Covered)
			}
		}
	}
	for i := range values {
		if !values[i].Known() {
			values[i] = sum[i]
		}
	}
	return nil
}

// made adds up what several objects generate: what is not known of one is not known.
func (g *gather) made(ctx context.Context, ids []object.ID, from, to record.Millis) (*series.EnergySeries, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if len(ids) > MaxObjects {
		return nil, asked("%s: %d objects are more than %d", roleGeneration, len(ids), MaxObjects)
	}
	all, err := g.amounts(ctx, roleGeneration, ids[0], from, to)
	if err != nil {
		return nil, err
	}
	for _, id := range ids[1:] {
		next, err := g.amounts(ctx, roleGeneration, id, from, to)
		if err != nil {
			return nil, err
		}
		for i := range all.Values {
			a, b := &all.Values[i], next.Values[i]
			if !a.Known() || !b.Known() {
				*a = series.EnergyValue{}
				continue
			}
			a.Amount += b.Amount
			a.Estimated += b.Estimated
			a.Quality, a.Covered = max(a.Quality, b.Quality), min(a.Covered, b.Covered)
		}
	}
	return &all, nil
}

// positive makes what is made of amounts below zero: a meter may count what flows out
// that way.
func positive(s *series.EnergySeries) *series.EnergySeries {
	if s == nil {
		return nil
	}
	below, above := 0, 0
	for _, v := range s.Values {
		if v.Amount < 0 {
			below++
		} else if v.Amount > 0 {
			above++
		}
	}
	for i := range s.Values {
		v := &s.Values[i]
		if below > above {
			v.Amount, v.Estimated = -v.Amount, -v.Estimated
		}
		if v.Amount < 0 { // what an inverter takes at night
			v.Amount, v.Estimated = 0, 0
		}
	}
	return s
}

// levels gives the mean of an object by quarters of an hour.
func (g *gather) levels(ctx context.Context, role string, id object.ID, from, to record.Millis) (series.GaugeSeries, error) {
	if _, err := g.known(role, id); err != nil {
		return series.GaugeSeries{}, err
	}
	out := series.GaugeSeries{Start: from, Step: series.Quarter, Values: take(&g.gauges, &levelRooms, int(max(0, (to-from)/record.Millis(series.Quarter))))}
	known := 0
	err := g.Source.Quarters(ctx, id, from, to, func(i int, v *energy.Value) {
		// What does not add up, as a temperature, has no amount and is known all the same.
		if v.Covered > 0 && !math.IsNaN(v.Average) {
			out.Values[i] = series.GaugeValue{Value: v.Average, Quality: max(v.Quality, energy.Measured)}
			known++
		}
	})
	if err != nil {
		return series.GaugeSeries{}, err
	}
	if known < len(out.Values) && g.StandIns != nil {
		in, err := g.StandIns.StoodIn(ctx, id, from, to)
		if err != nil {
			return series.GaugeSeries{}, err
		}
		for i := range out.Values {
			if !out.Values[i].Known() && i < len(in) && !math.IsNaN(in[i]) {
				out.Values[i] = series.GaugeValue{Value: in[i], Quality: energy.Substituted}
			}
		}
	}
	var count series.QualityCount
	for _, v := range out.Values {
		count.Note(v.Quality)
	}
	g.out.Rests = append(g.out.Rests, Rested{role, id, count})
	return out, nil
}

// zone is what the request says, or where the subject is.
func (g *gather) zone(given string) string {
	if given != "" || g.Subject == "" {
		return given
	}
	// A space has the zone of what is in it.
	if space, ok := strings.CutPrefix(string(g.Subject), "space/"); ok {
		for _, o := range g.World.Within(space) {
			if zone := g.Source.Zone(o.ID); zone != "" {
				return zone
			}
		}
		return ""
	}
	return g.Source.Zone(g.Subject)
}

// Price says what something costs: a tariff that is written out, or the identifier
// of one that the installation knows.
type Price struct {
	Tariff string         `json:"tariff,omitempty" doc:"Identifier of a tariff of the installation" maxLength:"200"`
	Of     *tariff.Tariff `json:"of,omitempty" doc:"Or a tariff, written out"`
}

// price finds a tariff: the one that is said, or the one that is assigned.
func (g *gather) price(ctx context.Context, what string, p *Price, id object.ID, at record.Millis) (*tariff.Tariff, error) {
	switch {
	case p != nil && p.Of != nil:
		return p.Of, nil
	case p != nil && p.Tariff != "":
		t, ok, err := g.Source.Tariff(ctx, p.Tariff)
		if err == nil && !ok {
			err = asked("%s: there is no tariff %.200q", what, p.Tariff)
		}
		return &t, err
	case id != "":
		t, ok, err := g.Source.Assigned(ctx, id, at)
		if err != nil || ok {
			return &t, err
		}
	}
	return nil, asked("%s: no tariff is given, and none is assigned to %q", what, id)
}

// quotes gives the series of prices that tariffs name.
func (g *gather) quotes(ctx context.Context, given []bill.ServiceQuotes, from, to record.Millis, all ...*tariff.Tariff) ([]bill.ServiceQuotes, error) {
	out := given
	for _, t := range all {
		if t == nil {
			continue
		}
		for _, v := range t.Versions {
			for _, c := range v.Components {
				if c.Series == nil {
					continue
				}
				name := c.Series.Name
				if slices.ContainsFunc(out, func(q bill.ServiceQuotes) bool { return q.Name == name }) {
					continue
				}
				quotes, err := g.Source.Quotes(ctx, name, from, to)
				if err != nil {
					return nil, err
				}
				if len(quotes) > bill.MaxQuotes {
					return nil, asked("the series %.200q has %d prices, at most %d are taken", name, len(quotes), bill.MaxQuotes)
				}
				one := bill.ServiceQuotes{Name: name, Quotes: make([]bill.ServiceQuote, 0, len(quotes))}
				for _, q := range quotes {
					if q.Known {
						one.Quotes = append(one.Quotes, bill.ServiceQuote{From: q.Span.From, To: q.Span.To, Value: tariff.Decimal(q.Price.String())})
					}
				}
				out = append(out, one)
			}
		}
	}
	return out, nil
}
