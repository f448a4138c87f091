package report

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report/indicator"
	"github.com/wattwerk/wattwerk/window"
)

// DefaultHeatingLimit is the outdoor temperature in degrees Celsius below which
// a day has degree days, as VDI 3807 and EN ISO 15927-6 use.
const DefaultHeatingLimit = 15

// mostSteps bounds the steps of an indicator on each side.
const mostSteps = 800

// IndicatorSpec says how an indicator is computed.
type IndicatorSpec struct {
	Name         string   `json:"name,omitempty" maxLength:"200"`
	Production   string   `json:"production" minLength:"1" maxLength:"200" doc:"The sensor that counts what is produced: pieces, mass, volume"`
	Unit         string   `json:"unit,omitempty" maxLength:"20" doc:"Unit of production; default: the coherent one of the sensor" example:"t"`
	Step         string   `json:"step,omitempty" enum:"1d,1w,1M" default:"1M" doc:"How long the steps are that are compared"`
	BaselineFrom string   `json:"baselineFrom" doc:"First date of the baseline" example:"2025-01-01" maxLength:"10"`
	BaselineTo   string   `json:"baselineTo" doc:"The date after its last" example:"2026-01-01" maxLength:"10"`
	Temperature  string   `json:"temperature,omitempty" maxLength:"200" doc:"A sensor of the outdoor temperature; then degree days count, too"`
	HeatingLimit *float64 `json:"heatingLimit,omitempty" minimum:"-50" maximum:"50" doc:"Degrees Celsius below which a day has degree days; default 15"`
}

func (s *IndicatorSpec) step() (window.Size, error) {
	if s.Step == "" {
		return window.Month, nil
	}
	size, err := window.ParseSize(s.Step)
	if err == nil && size != window.Day && size != window.Week && size != window.Month {
		err = fmt.Errorf("the step is %s", s.Step)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w; 1d, 1w and 1M are possible", ErrInvalid, err)
	}
	return size, nil
}

// baseline reads its dates.
func (s *IndicatorSpec) baseline(zone *time.Location) (window.Span, error) {
	var at [2]record.Millis
	for i, text := range []string{s.BaselineFrom, s.BaselineTo} {
		t, err := time.ParseInLocation("2006-01-02", text, zone)
		if err != nil || t.Year() < 1971 || t.Year() > 2098 {
			return window.Span{}, fmt.Errorf("%w: the baseline begins or ends at %.20q, which is no date as 2025-01-31", ErrInvalid, text)
		}
		at[i] = record.MillisOf(t)
	}
	if at[0] >= at[1] {
		return window.Span{}, fmt.Errorf("%w: the baseline does not begin before it ends", ErrInvalid)
	}
	return window.Span{From: at[0], To: at[1]}, nil
}

// Check tells what is wrong with it, given the model.
func (s *IndicatorSpec) Check(m *model.Model) error {
	if _, err := s.step(); err != nil {
		return err
	}
	if _, err := s.baseline(time.UTC); err != nil {
		return err
	}
	_, _, err := s.unit(m)
	return err
}

// unit finds the unit of production and, when there is one, the temperature.
func (s *IndicatorSpec) unit(m *model.Model) (unit record.Unit, temperature bool, err error) {
	sn, ok := m.Sensor(record.SensorID(s.Production))
	if !ok {
		return unit, false, fmt.Errorf("%w: there is no sensor %q in the model that counts production", ErrInvalid, s.Production)
	}
	whole, adds := sn.Quantity.Integral()
	if !adds && sn.Kind != model.Counter {
		return unit, false, fmt.Errorf("%w: what %q measures adds up to nothing over time; make it a counter", ErrInvalid, s.Production)
	}
	if unit, ok = whole.LookupUnit(s.Unit); !ok || unit.Factor == 0 {
		return unit, false, fmt.Errorf("%w: %.20q is no unit of what %q counts", ErrInvalid, s.Unit, s.Production)
	}
	if s.Temperature == "" {
		return unit, false, nil
	}
	if t, ok := m.Sensor(record.SensorID(s.Temperature)); !ok || t.Quantity != record.Temperature {
		return unit, false, fmt.Errorf("%w: there is no sensor %q of a temperature in the model", ErrInvalid, s.Temperature)
	}
	return unit, true, nil
}

// display gives the unit in which people read amounts, and coherent units in
// one of it.
func display(unit string) (string, float64) {
	switch unit {
	case "Wh", "varh", "VAh":
		return "k" + unit, 1000
	}
	return unit, 1
}

func (x *builder) indicators(ctx context.Context) error {
	for i := range x.spec.Indicators {
		one, err := x.indicator(ctx, &x.spec.Indicators[i])
		if err != nil {
			return err
		}
		x.out.Indicators = append(x.out.Indicators, *one)
	}
	return nil
}

func (x *builder) indicator(ctx context.Context, s *IndicatorSpec) (*indicator.Indicator, error) {
	size, err := s.step()
	if err != nil {
		return nil, err
	}
	base, err := s.baseline(x.cal.Zone())
	if err != nil {
		return nil, err
	}
	unit, heated, err := s.unit(x.m)
	if err != nil {
		return nil, err
	}
	name, factor := display(x.out.Unit)
	now := x.period.span
	out := &indicator.Indicator{
		Name: s.Name, Sensor: s.Production, Unit: unit.Symbol, EnergyUnit: name, StepSize: size.String(),
		Baseline:  indicator.Phase{From: x.local(base.From), To: x.local(base.To)},
		Reporting: indicator.Phase{From: x.local(now.From), To: x.local(now.To)},
	}
	limit := float64(DefaultHeatingLimit)
	if s.HeatingLimit != nil {
		limit = *s.HeatingLimit
	}
	if heated {
		out.HeatingLimit = &limit
	}
	if base.To > now.From {
		out.Why = indicator.Overlap
	}
	var sides [2][]indicator.Step
	for i, at := range []window.Span{base, now} {
		if sides[i], err = x.steps(ctx, s, size, at, factor, unit, heated, limit); err != nil {
			return nil, err
		}
	}
	out.Compare(sides[0], sides[1], heated)
	return out, nil
}

// steps gives the whole steps of a span.
func (x *builder) steps(ctx context.Context, s *IndicatorSpec, size window.Size, at window.Span, factor float64, unit record.Unit, heated bool, limit float64) ([]indicator.Step, error) {
	var spans []window.Span
	for w := range x.cal.Spans(size, at.From, at.To) {
		if w.From < at.From || w.To > at.To {
			continue
		}
		if spans = append(spans, w); len(spans) > mostSteps {
			return nil, fmt.Errorf("%w: more than %d steps of %s in a baseline or period; take longer steps", ErrInvalid, mostSteps, size)
		}
	}
	if len(spans) == 0 {
		return nil, nil
	}
	whole := window.Span{From: spans[0].From, To: spans[len(spans)-1].To}
	used, settled, err := x.windows(ctx, x.head, window.Day, whole)
	if err != nil {
		return nil, err
	}
	made, _, err := x.windows(ctx, ledger.SensorPoint(record.SensorID(s.Production)), window.Day, whole)
	if err != nil {
		return nil, err
	}
	var warm []ledger.Row
	if heated {
		if warm, _, err = x.windows(ctx, ledger.SensorPoint(record.SensorID(s.Temperature)), window.Day, whole); err != nil {
			return nil, err
		}
	}
	out := make([]indicator.Step, 0, len(spans))
	for _, w := range spans {
		step := indicator.Step{From: x.local(w.From), To: x.local(w.To)}
		if w.To <= settled {
			step.Energy = enough(figureOf(within(used, w), x.sign), factor)
			step.Production = enough(figureOf(within(made, w), 1), unit.Factor)
			if heated {
				step.DegreeDays = indicator.DegreeDays(means(within(warm, w)), limit)
			}
		}
		out = append(out, step)
	}
	return out, nil
}

// enough is an amount in units of that many coherent ones; null when too little is known of it.
func enough(f Figure, per float64) *float64 {
	a, ok := f.Known()
	if !ok || f.Completeness < Enough {
		return nil
	}
	return new(a.Float64() / per)
}

func means(rows []ledger.Row) []float64 {
	out := make([]float64, 0, len(rows))
	for i := range rows {
		v := rows[i].Average
		if rows[i].Completeness() < Enough {
			v = math.NaN()
		}
		out = append(out, v)
	}
	return out
}

// within gives the rows of a span.
func within(rows []ledger.Row, w window.Span) []ledger.Row {
	at := func(r ledger.Row, t record.Millis) int { return cmp.Compare(r.Start, t) }
	from, _ := slices.BinarySearchFunc(rows, w.From, at)
	to, _ := slices.BinarySearchFunc(rows, w.To, at)
	return rows[from:to]
}
