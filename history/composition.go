package history

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Energy is an energy and how well it is known.
type Energy struct {
	Value        *float64 `json:"value" doc:"The energy; null when nothing is known"`
	Completeness float64  `json:"completeness" minimum:"0" maximum:"1" doc:"Part of the asked time that is covered by readings"`
	Readings     uint64   `json:"readings" doc:"Values it was computed from"`
	Resets       int      `json:"resets,omitempty" doc:"How often a counter began anew without a known change of device"`
}

func (a amount) energy(from, to record.Millis) Energy {
	e := Energy{Value: record.Finite(a.value), Readings: a.readings, Resets: a.resets}
	if to > from {
		e.Completeness = math.Min(1, float64(a.covered)/float64(to-from))
	}
	return e
}

type sensorEnergyOutput struct {
	Body struct {
		From time.Time `json:"from"`
		To   time.Time `json:"to"`
		Unit string    `json:"unit" doc:"Unit of the energy" example:"Wh"`
		Energy
	}
}

func (s *Service) getSensorEnergy(ctx context.Context, in *sensorSpanInput) (*sensorEnergyOutput, error) {
	x, err := s.sensor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	from, to, err := s.bounds(in.SpanInput)
	if err != nil {
		return nil, err
	}
	out := &sensorEnergyOutput{}
	out.Body.From, out.Body.To = from.Time(), to.Time()
	var a amount
	q, ok := x.quantity.Integral()
	switch {
	case ok && q != x.quantity:
		a, err = s.integrate(ctx, x.series, from, s.present(to), x.rule)
	case ok:
		a, err = s.count(ctx, x.series, from, to, x.rule, x.swaps())
	case x.sensor == nil:
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("the quantity of sensor %q is not known: it is not in the model", in.ID))
	default:
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("sensor %q measures %s, which has no energy", in.ID, x.quantity))
	}
	if err != nil {
		return nil, err
	}
	out.Body.Unit, out.Body.Energy = q.Unit().Symbol, a.energy(from, to)
	return out, nil
}

// present is t, or now: no value holds in the future.
func (s *Service) present(t record.Millis) record.Millis {
	return min(t, max(record.MillisOf(s.now()), s.opts.Store.Stats().Newest))
}

type groupEnergyOutput struct {
	Body struct {
		From        time.Time `json:"from"`
		To          time.Time `json:"to"`
		Unit        string    `json:"unit" doc:"Unit of the energies" example:"Wh"`
		Sum         Energy    `json:"sum" doc:"Of the members"`
		Meter       *Energy   `json:"meter,omitempty" doc:"Of the group's own meter"`
		Unaccounted *Energy   `json:"unaccounted,omitempty" doc:"Meter less sum, over the time in which both are known, and every member that was ever heard"`
	}
}

func (s *Service) getGroupEnergy(ctx context.Context, in *struct {
	GroupPath
	SpanInput
}) (*groupEnergyOutput, error) {
	x, err := s.groupOf(ctx, in.ID, in.Hierarchy, Sum)
	if err != nil {
		return nil, err
	}
	from, to, err := s.bounds(in.SpanInput)
	if err != nil {
		return nil, err
	}
	q, ok := x.quantity.Integral()
	if (!ok || q == x.quantity) && x.quantity != "" {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("group %q adds up %s; energy is known of power only", in.ID, x.quantity))
	}
	if !ok {
		q = record.Energy
	}
	out := &groupEnergyOutput{}
	out.Body.From, out.Body.To, out.Body.Unit = from.Time(), to.Time(), q.Unit().Symbol
	get := func(m Metric) (Energy, error) {
		k := x.series
		k.Metric = m
		a, err := s.integrate(ctx, k, from, s.present(to), x.rule)
		return a.energy(from, to), err
	}
	if out.Body.Sum, err = get(Sum); err != nil {
		return nil, err
	}
	for m, dst := range map[Metric]**Energy{Meter: &out.Body.Meter, Unaccounted: &out.Body.Unaccounted} {
		e, err := get(m)
		if err != nil {
			return nil, err
		}
		if e.Value != nil {
			*dst = &e
		}
	}
	return out, nil
}

// Part is a member of a group and its share.
type Part struct {
	Kind  string     `json:"kind" enum:"sensor,group"`
	ID    string     `json:"id"`
	Name  string     `json:"name,omitempty"`
	Sign  int8       `json:"sign" doc:"1 or -1, by which it counts"`
	Time  *time.Time `json:"time" doc:"Time of its value; null when it has none"`
	Value *float64   `json:"value" doc:"Its value, without the sign; null when it has none"`
	Share *float64   `json:"share" doc:"Signed value over the whole; null when either is not known"`
}

type compositionOutput struct {
	Body struct {
		At          time.Time `json:"at"`
		Unit        string    `json:"unit"`
		Whole       *float64  `json:"whole" doc:"What shares are of: the group's own meter, or the sum where it has none"`
		Sum         *float64  `json:"sum" doc:"Signed sum of the members that have a value"`
		Meter       *float64  `json:"meter"`
		Unaccounted *float64  `json:"unaccounted" doc:"Meter less sum, by the newest tick; null unless the meter has a value, and every sensor below that was ever heard"`
		UnaccShare  *float64  `json:"unaccountedShare" doc:"Unaccounted over the whole"`
		Parts       []Part    `json:"parts" doc:"The members, in their order; the meter is not among them"`
	}
}

func (s *Service) getComposition(ctx context.Context, in *struct {
	ID model.GroupID `path:"id" doc:"Group"`
	At string        `query:"at" doc:"Time. Default: now"`
}) (*compositionOutput, error) {
	m := s.model()
	var g *model.Group
	if m != nil {
		g, _ = m.Group(in.ID)
	}
	if g == nil {
		return nil, huma.Error404NotFound(fmt.Sprintf("there is no group %q in the model", in.ID))
	}
	if in.At == "" {
		in.At = "now"
	}
	at, err := when(in.At, s.now())
	if err != nil {
		return nil, huma.Error422UnprocessableEntity("at: " + err.Error())
	}
	h, _ := m.HierarchyOf(in.ID)
	tick := heldTicks * time.Duration(model.DefaultTick).Milliseconds()
	if l := m.Layout(h); l != nil {
		tick = heldTicks * l.Tick.Milliseconds()
	}
	tick += tickLate.Milliseconds() // of now there are no ticks yet
	out := &compositionOutput{}
	b := &out.Body
	b.At, b.Unit, b.Parts = at.Time(), s.groupUnit(m, h), make([]Part, 0, len(g.Members))
	var ask []asked
	meter := -1
	for i, mb := range g.Members {
		p := Part{Kind: "sensor", ID: string(mb.Sensor), Sign: max(mb.Sign, -1)}
		if p.Sign == 0 {
			p.Sign = 1
		}
		if mb.Group != "" {
			p.Kind, p.ID = "group", string(mb.Group)
			if c, ok := m.Group(mb.Group); ok {
				p.Name = c.Name
			}
			ask = append(ask, asked{Series{Metric: s.leafColumn(m, mb.Group), Hierarchy: string(h), Name: string(mb.Group)}, tick})
		} else {
			age := int64(forever)
			if sn, ok := m.Sensor(mb.Sensor); ok {
				p.Name = sn.Name
				if a := Holds(m, sn); a >= 0 {
					age = a
				}
			}
			ask = append(ask, asked{RecordsOf(mb.Sensor), age})
		}
		if mb.Meter {
			meter = i
		}
		b.Parts = append(b.Parts, p)
	}
	// Whether members are missing is what ticks know.
	ask = append(ask, asked{Series{Metric: Unaccounted, Hierarchy: string(h), Name: string(in.ID)}, tick})
	values, err := s.valuesAt(ctx, ask, at)
	if err != nil {
		return nil, err
	}
	var sum exact.Sum
	known := false
	parts := b.Parts[:0]
	for i, p := range b.Parts {
		if i == meter {
			b.Meter = record.Finite(values[i].Value)
			continue
		}
		if v := record.Finite(values[i].Value); v != nil {
			t := values[i].Time.Time()
			p.Value, p.Time, known = v, &t, true
			sum.Add(float64(p.Sign) * *v)
		}
		parts = append(parts, p)
	}
	b.Parts = parts
	if known {
		b.Sum = record.Finite(sum.Float64())
	}
	b.Whole = b.Sum
	if b.Meter != nil {
		b.Whole, b.Unaccounted = b.Meter, record.Finite(values[len(g.Members)].Value)
	}
	if b.Whole != nil && *b.Whole != 0 {
		for i := range b.Parts {
			if p := &b.Parts[i]; p.Value != nil {
				p.Share = record.Finite(float64(p.Sign) * *p.Value / *b.Whole)
			}
		}
		if b.Unaccounted != nil {
			b.UnaccShare = record.Finite(*b.Unaccounted / *b.Whole)
		}
	}
	return out, nil
}

// leafColumn is the column by which a group counts in its parent: its meter
// when it has one.
func (s *Service) leafColumn(m *model.Model, id model.GroupID) Metric {
	if g, ok := m.Group(id); ok {
		for _, mb := range g.Members {
			if mb.Meter {
				return Meter
			}
		}
	}
	return Sum
}

// asked is a series and how long its values hold, in ms.
type asked struct {
	series Series
	hold   int64
}

// valuesAt gives the value of every series at a time by the holding rule, NaN
// where none holds.
func (s *Service) valuesAt(ctx context.Context, ask []asked, at record.Millis) ([]Sample, error) {
	series := make([]Series, len(ask))
	for i, a := range ask {
		series[i] = a.series
	}
	out, err := s.opts.Store.Latest(ctx, nil, series)
	if err != nil {
		return nil, err
	}
	for i, a := range ask {
		if out[i].Time > at { // newer than asked for: look for the one that held then
			x, ok, err := s.lastBefore(ctx, a.series, at+1, a.hold)
			if err != nil {
				return nil, err
			}
			if out[i] = x; !ok {
				out[i].Value = math.NaN()
			}
		}
		if int64(at-out[i].Time) > a.hold {
			out[i].Value = math.NaN()
		}
	}
	return out, nil
}
