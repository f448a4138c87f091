package profile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/column"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// Calendars tells by which calendar a point is, and what a group was made of. It
// is the settlement.
type Calendars interface {
	Calendar(p ledger.Point) window.Calendar
	Members(ctx context.Context, hierarchy, group string, at record.Millis) ([]tree.Member, record.SensorID, error)
}

// Options are what a service needs. All but Now must be set.
type Options struct {
	Store     *ledger.Store
	Catalog   *catalog.Catalog
	Calendars Calendars
	Now       func() time.Time // the clock; nil: the real one
}

// Service answers questions.
type Service struct{ opts Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Catalog == nil || o.Calendars == nil {
		return nil, errors.New("make profile: store, catalog and calendars are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o}, nil
}

// mostSpan bounds the span that is compared at once.
const mostSpan = 31*24*time.Hour + time.Hour

// ProfileBody compares quarters with what is usual, as columns.
type ProfileBody struct {
	Zone   string         `json:"zone" doc:"Time zone by whose clock the hours of the week are"`
	Unit   string         `json:"unit" doc:"Unit of all but the score; of a counter that of its rise in an hour" example:"W"`
	Weeks  int            `json:"weeks" doc:"As asked for"`
	Start  []int64        `json:"start" doc:"Begin of each quarter of an hour, ms since 1970 UTC"`
	Demand column.Numbers `json:"demand" doc:"Its mean power; null when less than 0.8 of it was measured"`
	Usual  column.Numbers `json:"usual" doc:"Median of this hour of the week; null when fewer than 4 weeks are known"`
	Spread column.Numbers `json:"spread" doc:"Usual distance from it"`
	Score  column.Numbers `json:"score" doc:"How many spreads the demand is above what is usual, or below it; null also where there never was any other"`
	Known  []int          `json:"known" doc:"Weeks that were known"`
}

// Input says of which time.
type Input struct {
	From  string `query:"from" doc:"RFC 3339, a date of the zone, or ms since 1970 UTC; at most 31 days. Default: a day before the end" example:"2026-03-01"`
	To    string `query:"to" doc:"End, not part of it. Default: now" example:"2026-03-08"`
	Weeks int    `query:"weeks" minimum:"4" maximum:"52" default:"8" doc:"So many weeks before are looked at"`
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/api/v1/settled/" + path, Summary: summary,
			Description: "Settled quarters of an hour, compared with the median and the spread of the same hour of the week in the weeks before. It is what rules about deviations see.",
			Tags:        []string{"demand"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
		}
	}
	huma.Register(api, op("settled-sensor-profile", "sensors/{id}/profile", "What is usual for a sensor at an hour of the week"), func(ctx context.Context, in *struct {
		ID record.SensorID `path:"id" doc:"Sensor" maxLength:"200"`
		Input
	}) (*struct{ Body ProfileBody }, error) {
		x, err := s.sensor(in.ID)
		if err != nil {
			return nil, err
		}
		return s.answer(ctx, &x, &in.Input)
	})
	huma.Register(api, op("settled-group-profile", "groups/{id}/profile", "What is usual for a group at an hour of the week"), func(ctx context.Context, in *struct {
		GroupInput
		Input
	}) (*struct{ Body ProfileBody }, error) {
		x, err := s.group(&in.GroupInput)
		if err != nil {
			return nil, err
		}
		return s.answer(ctx, &x, &in.Input)
	})
	s.registerStatistics(api)
}

// GroupInput names a group.
type GroupInput struct {
	ID        model.GroupID     `path:"id" doc:"Group" maxLength:"200"`
	Hierarchy model.HierarchyID `query:"hierarchy" doc:"Hierarchy; needed only for a group that is no longer in the model" maxLength:"200"`
}

// subject is what a question is about.
type subject struct {
	ledger.Point
	quantity record.Quantity
	calendar window.Calendar
}

// sensor finds a sensor; the error is one for HTTP.
func (s *Service) sensor(id record.SensorID) (subject, error) {
	sn, ok := s.opts.Catalog.State().Model.Sensor(id)
	if !ok {
		return subject{}, huma.Error404NotFound(fmt.Sprintf("there is no sensor %q in the model; what its readings mean is not known", id))
	}
	p := ledger.SensorPoint(id)
	return subject{p, sn.Quantity, s.opts.Calendars.Calendar(p)}, nil
}

// group finds a group; the error is one for HTTP.
func (s *Service) group(in *GroupInput) (subject, error) {
	m := s.opts.Catalog.State().Model
	h := in.Hierarchy
	if h == "" {
		h, _ = m.HierarchyOf(in.ID)
	}
	if h == "" {
		return subject{}, huma.Error404NotFound(fmt.Sprintf("there is no group %q in a hierarchy of the model; name the hierarchy it was in", in.ID))
	}
	p := ledger.GroupPoint(string(h), string(in.ID))
	return subject{p, m.QuantityOf(in.ID), s.opts.Calendars.Calendar(p)}, nil
}

func (s *Service) answer(ctx context.Context, x *subject, in *Input) (*struct{ Body ProfileBody }, error) {
	c := x.calendar
	if in.To == "" {
		in.To = s.opts.Now().UTC().Format(time.RFC3339)
	}
	if in.From == "" {
		if to, err := c.Moment(in.To); err == nil {
			in.From = (to - 96*quarter).Time().UTC().Format(time.RFC3339)
		}
	}
	at, err := c.Between(in.From, in.To)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	if at.To-at.From > record.Millis(mostSpan.Milliseconds()) {
		return nil, huma.Error422UnprocessableEntity("more than 31 days; ask for a shorter time")
	}
	all, err := Span(ctx, s.opts.Store, x.Point, c, at.From, at.To, in.Weeks)
	if err != nil {
		return nil, err
	}
	b := ProfileBody{Zone: c.Zone().String(), Unit: x.quantity.RateUnit(), Weeks: in.Weeks, Start: []int64{}, Known: []int{}}
	for _, d := range all {
		score := d.Score(d.Demand)
		if math.IsInf(score, 0) {
			score = math.NaN()
		}
		b.Start, b.Demand, b.Usual = append(b.Start, int64(d.From)), append(b.Demand, d.Demand), append(b.Usual, d.Median)
		b.Spread, b.Score, b.Known = append(b.Spread, d.Spread), append(b.Score, score), append(b.Known, d.Weeks)
	}
	return &struct{ Body ProfileBody }{b}, nil
}
