package demand

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// UsedBody is what was used since a day began.
type UsedBody struct {
	Amount       *float64 `json:"amount" doc:"Energy with its sign, of the time and the members of which something is known; null when nothing is"`
	Estimated    float64  `json:"estimated" doc:"How much of it, without sign, was not measured in its quarter, or is not settled yet"`
	Completeness float64  `json:"completeness" minimum:"0" maximum:"1" doc:"Part of the day so far, and of the members, that readings speak of; below 1 the energy is not that of the whole day so far"`
	Settled      int64    `json:"settled" doc:"Up to here it is from settled windows, ms since 1970 UTC; from here on from live readings"`
}

// DayBody is the running day, or one that has passed.
type DayBody struct {
	Zone       string `json:"zone" doc:"Time zone of the site, by which the day is"`
	AmountUnit string `json:"amountUnit" doc:"Unit of energies" example:"Wh"`
	Start      int64  `json:"start" doc:"Begin of the day, ms since 1970 UTC"`
	At         int64  `json:"at" doc:"Up to when it is counted"`
	UsedBody
	Meter *UsedBody `json:"meter,omitempty" doc:"Of a group with a meter of its own: what that says; the energy beside it is the sum of the members"`
}

// DayInput says of which day, and up to when.
type DayInput struct {
	At string `query:"at" doc:"A time of the day, up to which is counted, not after now: RFC 3339, a date and time of the zone, or ms since 1970 UTC. Default: now" example:"2026-03-04T09:15"`
}

// registerDay adds the routes of the running day.
func (s *Service) registerDay(api huma.API) {
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/api/v1/settled/" + path, Summary: summary,
			Description: "Settled windows since midnight of the site, and live readings from there on, for two hours at most. How much of the day that covers is said beside it.",
			Tags:        []string{"demand"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
		}
	}
	huma.Register(api, op("settled-sensor-day", "sensors/{id}/day", "What a sensor has used since its day began"), func(ctx context.Context, in *struct {
		SensorPath
		DayInput
	}) (*struct{ Body DayBody }, error) {
		x, err := s.sensor(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return s.answerDay(ctx, &x, in.At, model.Member{})
	})
	huma.Register(api, op("settled-group-day", "groups/{id}/day", "What a group has used since its day began"), func(ctx context.Context, in *struct {
		GroupPath
		DayInput
	}) (*struct{ Body DayBody }, error) {
		x, err := s.group(ctx, in.ID, in.Hierarchy)
		if err != nil {
			return nil, err
		}
		var meter model.Member
		if g, ok := s.opts.Catalog.State().Model.Group(in.ID); ok {
			for _, m := range g.Members {
				if m.Meter {
					meter = m
				}
			}
		}
		return s.answerDay(ctx, &x, in.At, meter)
	})
}

// answerDay tells what was used, and what the meter says where there is one.
func (s *Service) answerDay(ctx context.Context, x *subject, when string, meter model.Member) (*struct{ Body DayBody }, error) {
	at := record.MillisOf(s.opts.Now())
	if when != "" {
		asked, err := x.calendar.Moment(when)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity("at: " + err.Error())
		}
		if asked > at {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("at (%s) is after now (%s)", asked, at))
		}
		at = asked
	}
	day := x.calendar.Span(window.Day, at)
	out := &struct{ Body DayBody }{DayBody{Zone: x.calendar.Zone().String(), Start: int64(day.From), At: int64(at)}}
	_, out.Body.AmountUnit = x.units()
	usage := Usage{Store: s.opts.Store, Catalog: s.opts.Catalog, Live: s.opts.Live}
	used := func(p ledger.Point) (UsedBody, error) {
		u, err := usage.Used(ctx, p, x.calendar, day.From, at)
		if errors.Is(err, errMany) {
			return UsedBody{}, huma.Error422UnprocessableEntity(err.Error())
		}
		return UsedBody{Amount: record.Finite(u.Amount), Estimated: u.Estimated, Completeness: min(u.Completeness, 1), Settled: int64(u.Settled)}, err
	}
	var err error
	if out.Body.UsedBody, err = used(x.Point); err != nil || meter.Sensor == "" {
		return out, err
	}
	m, err := used(ledger.SensorPoint(meter.Sensor))
	if meter.Sign < 0 && m.Amount != nil {
		m.Amount = new(-*m.Amount)
	}
	out.Body.Meter = &m
	return out, err
}
