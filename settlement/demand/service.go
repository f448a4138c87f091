package demand

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// Trees tells by which calendar a point is, and what a group was made of. It is
// the settlement.
type Trees interface {
	Calendar(p ledger.Point) window.Calendar
	Members(ctx context.Context, hierarchy, group string, at record.Millis) ([]tree.Member, record.SensorID, error)
}

// Live reads what is measured now.
type Live interface {
	// Scan hands the readings of a sensor, or the sums of a group's ticks, from
	// from to to, both inclusive, to f in order of time, many at once; NaN is
	// null. What f is handed is valid until it returns.
	Scan(ctx context.Context, p ledger.Point, from, to record.Millis, f func(times []int64, values []float64) error) error
}

// Options are what a service needs. All but Now must be set.
type Options struct {
	Store   *ledger.Store
	Catalog *catalog.Catalog
	Trees   Trees
	Live    Live
	Now     func() time.Time // the clock; nil: the real one
}

// Service answers questions.
type Service struct{ opts Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Catalog == nil || o.Trees == nil || o.Live == nil {
		return nil, errors.New("make demand: store, catalog, trees and live readings are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o}, nil
}

const (
	quarter  record.Millis = window.QuarterLength
	quarters               = 4 // in an hour
)

// demandOf is the mean power or flow of a quarter with an amount.
func demandOf(a energy.Amount) float64 { return a.Float64() * quarters }

// levelOf is the largest amount of a quarter whose demand is not above a level.
func levelOf(demand float64) (energy.Amount, error) {
	a, err := energy.Of(demand / quarters)
	if err == nil && demandOf(a) > demand {
		a--
	}
	return a, err
}

// subject is what a question is about.
type subject struct {
	ledger.Point
	id       int64 // 0: nothing was ever settled of it
	quantity record.Quantity
	sensor   *model.Sensor // nil for a group
	calendar window.Calendar
}

// sensor finds a sensor; the error is one for HTTP.
func (s *Service) sensor(ctx context.Context, id record.SensorID) (subject, error) {
	sn, ok := s.opts.Catalog.State().Model.Sensor(id)
	if !ok {
		return subject{}, huma.Error404NotFound(fmt.Sprintf("there is no sensor %q in the model; what its readings mean is not known", id))
	}
	return s.known(ctx, subject{Point: ledger.SensorPoint(id), quantity: sn.Quantity, sensor: sn})
}

// group finds a group; the error is one for HTTP.
func (s *Service) group(ctx context.Context, id model.GroupID, h model.HierarchyID) (subject, error) {
	m := s.opts.Catalog.State().Model
	if h == "" {
		h, _ = m.HierarchyOf(id)
	}
	if h == "" {
		return subject{}, huma.Error404NotFound(fmt.Sprintf("there is no group %q in a hierarchy of the model; name the hierarchy it was in", id))
	}
	return s.known(ctx, subject{Point: ledger.GroupPoint(string(h), string(id)), quantity: m.QuantityOf(id)})
}

func (s *Service) known(ctx context.Context, x subject) (subject, error) {
	if _, ok := x.quantity.Integral(); !ok && x.quantity != "" {
		return x, huma.Error422UnprocessableEntity(fmt.Sprintf("%s does not add up over time, so it has no demand", x.quantity))
	}
	ids, err := s.opts.Store.IDs(ctx, []ledger.Point{x.Point}, false)
	if err != nil {
		return x, err
	}
	x.id, x.calendar = ids[0], s.opts.Trees.Calendar(x.Point)
	return x, nil
}

// units are those of demands and of amounts.
func (x *subject) units() (demand, amount string) {
	whole, _ := x.quantity.Integral()
	return x.quantity.RateUnit(), whole.Unit().Symbol
}

// flow reads a direction.
func flow(text string) ledger.Flow {
	switch text {
	case "export":
		return ledger.Export
	case "net":
		return ledger.Net
	}
	return ledger.Import
}

// span reads a span of time by the calendar of a subject. Without an end it is
// now; without a begin what back gives of the end.
func (s *Service) span(x *subject, from, to string, back func(to record.Millis) record.Millis) (a, b record.Millis, err error) {
	b = record.MillisOf(s.opts.Now())
	if to != "" {
		if b, err = x.calendar.Moment(to); err != nil {
			return 0, 0, huma.Error422UnprocessableEntity("to: " + err.Error())
		}
	}
	a = back(b)
	if from != "" {
		if a, err = x.calendar.Moment(from); err != nil {
			return 0, 0, huma.Error422UnprocessableEntity("from: " + err.Error())
		}
	}
	if a >= b {
		return 0, 0, huma.Error422UnprocessableEntity(fmt.Sprintf("from (%s) is not before to (%s)", a, b))
	}
	return a, b, nil
}
