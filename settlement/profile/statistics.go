package profile

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/column"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
)

// Bounds of statistics.
const (
	mostYears    = 20
	mostQuarters = 1_500_000 // that are read at once, of all members
	year         = 366 * 96 * quarter
)

// StatisticsInput says of which time, and how it is put into cells.
type StatisticsInput struct {
	From string `query:"from" doc:"RFC 3339, a date of the zone, ms since 1970 UTC, or like now-28d; at most 20 years. Default: 28 days before the end" example:"2026-01-01"`
	To   string `query:"to" doc:"End, not part of it. Default: now" example:"2027-01-01"`
	By   string `query:"by" enum:"hourOfDay,dayOfWeek,hourOfWeek" default:"hourOfWeek" doc:"What the cells are: 24 hours, 7 days from Monday, or 168 hours from Monday"`
}

// CellColumns are cells as columns, in order of time: hours from 0, days from
// Monday, hours of the week from Monday at 0.
type CellColumns struct {
	Count        []int          `json:"count" doc:"Quarters of an hour that have a mean"`
	Mean         column.Numbers `json:"mean" doc:"Mean of those means, each weighted by the time that readings speak of; null when none is known"`
	Variance     column.Numbers `json:"variance" doc:"Population variance of those means, weighted in the same way, in the square of the unit. What varies within a quarter is not in it"`
	Min          column.Numbers `json:"min" doc:"Least mean of a quarter of an hour"`
	Max          column.Numbers `json:"max" doc:"Greatest mean of a quarter of an hour"`
	Completeness []float64      `json:"completeness" doc:"Part of the time of the cell from from to until, and of the members, that readings speak of, 0 to 1"`
	Estimated    column.Numbers `json:"estimated" doc:"Part of the energy that was not measured in its quarter, 0 to 1; null when there is none"`
}

// FrameBody says what statistics are of.
type FrameBody struct {
	Zone  string `json:"zone" doc:"Time zone by whose clock hours and days are"`
	Unit  string `json:"unit" doc:"Unit of means and extremes; of a counter that of its rise in an hour. Empty when members have several" example:"W"`
	By    string `json:"by" doc:"As asked for"`
	From  int64  `json:"from" doc:"Begin, ms since 1970 UTC"`
	Until int64  `json:"until" doc:"End, not part of it: what was asked for, or up to when windows are settled; nothing later is in it"`
}

// StatisticsBody are the cells of a sensor or group.
type StatisticsBody struct {
	FrameBody
	CellColumns
}

// MemberCells are the cells of a member of a group.
type MemberCells struct {
	Kind  string `json:"kind" enum:"sensor,group"`
	ID    string `json:"id" doc:"Sensor or group"`
	Name  string `json:"name" doc:"Its name; the identifier when it has none"`
	Meter string `json:"meter,omitempty" doc:"The meter that stands for the group, whose values these are"`
	Sign  int8   `json:"sign" enum:"-1,1" doc:"How it counts in the group. The values are not multiplied by it"`
	CellColumns
}

// MembersBody are the cells of all members of a group.
type MembersBody struct {
	FrameBody
	Members []MemberCells `json:"members" doc:"In the order of the tree"`
	Left    int           `json:"left" doc:"Members beyond those, which are left out"`
}

var cells = map[string]ledger.Cells{"hourOfDay": ledger.HourOfDay, "dayOfWeek": ledger.DayOfWeek, "hourOfWeek": ledger.HourOfWeek}

func (s *Service) registerStatistics(api huma.API) {
	s.registerCorrelation(api)
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/api/v1/settled/" + path, Summary: summary,
			Description: "Load profile: settled quarters of an hour put together by the hour of the day, the day of the week or both, by the clock on the wall. The hour that is repeated when the clock is put back is in the same cell twice.",
			Tags:        []string{"settled windows"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
		}
	}
	huma.Register(api, op("settled-sensor-statistics", "sensors/{id}/statistics", "Load profile of a sensor by hour and weekday"), func(ctx context.Context, in *struct {
		ID record.SensorID `path:"id" doc:"Sensor" maxLength:"200"`
		StatisticsInput
	}) (*struct{ Body StatisticsBody }, error) {
		x, err := s.sensor(in.ID)
		if err != nil {
			return nil, err
		}
		return s.statistics(ctx, &x, &in.StatisticsInput)
	})
	huma.Register(api, op("settled-group-statistics", "groups/{id}/statistics", "Load profile of a group by hour and weekday"), func(ctx context.Context, in *struct {
		GroupInput
		StatisticsInput
	}) (*struct{ Body StatisticsBody }, error) {
		x, err := s.group(&in.GroupInput)
		if err != nil {
			return nil, err
		}
		return s.statistics(ctx, &x, &in.StatisticsInput)
	})
	huma.Register(api, op("settled-members-statistics", "groups/{id}/members/statistics", "Load profile of each member of a group"), func(ctx context.Context, in *struct {
		GroupInput
		StatisticsInput
		Limit int `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"Members at most"`
	}) (*struct{ Body MembersBody }, error) {
		x, err := s.group(&in.GroupInput)
		if err != nil {
			return nil, err
		}
		return s.members(ctx, &x, &in.StatisticsInput, in.Limit)
	})
}

// frame reads what is asked for. The error is one for HTTP.
func (s *Service) frame(ctx context.Context, x *subject, in *StatisticsInput) (FrameBody, error) {
	f := FrameBody{Zone: x.calendar.Zone().String(), Unit: x.quantity.RateUnit(), By: in.By}
	from, to, err := s.span(x, in.From, in.To, 28*96*quarter)
	if err != nil {
		return f, err
	}
	if to-from > mostYears*year {
		return f, huma.Error422UnprocessableEntity(fmt.Sprintf("more than %d years; ask for a shorter time", mostYears))
	}
	settled, err := s.opts.Store.Progress(ctx, ledger.Frontier)
	f.From, f.Until = int64(from), int64(max(from, min(to, settled)))
	return f, err
}

// span reads a span of time; without a begin it is so long. The error is one
// for HTTP.
func (s *Service) span(x *subject, begin, end string, length record.Millis) (from, to record.Millis, err error) {
	now := record.MillisOf(s.opts.Now())
	to = now
	if end != "" {
		if to, err = x.calendar.MomentAt(end, now); err != nil {
			return 0, 0, huma.Error422UnprocessableEntity("to: " + err.Error())
		}
	}
	from = max(to-length, record.MinTime)
	if begin != "" {
		if from, err = x.calendar.MomentAt(begin, now); err != nil {
			return 0, 0, huma.Error422UnprocessableEntity("from: " + err.Error())
		}
	}
	if from >= to {
		return 0, 0, huma.Error422UnprocessableEntity(fmt.Sprintf("from (%s) is not before to (%s)", from, to))
	}
	return from, to, nil
}

func (s *Service) statistics(ctx context.Context, x *subject, in *StatisticsInput) (*struct{ Body StatisticsBody }, error) {
	f, err := s.frame(ctx, x, in)
	if err != nil {
		return nil, err
	}
	ids, err := s.opts.Store.IDs(ctx, []ledger.Point{x.Point}, false)
	if err != nil {
		return nil, err
	}
	found, err := s.cells(ctx, x, &f, ids)
	if err != nil {
		return nil, err
	}
	return &struct{ Body StatisticsBody }{StatisticsBody{f, columns(found[ids[0]], cells[f.By])}}, nil
}

// cells asks for those of numbered points; 0 is none.
func (s *Service) cells(ctx context.Context, x *subject, f *FrameBody, ids []int64) (map[int64][]ledger.Cell, error) {
	var known []int64
	for _, id := range ids {
		if id != 0 {
			known = append(known, id)
		}
	}
	return s.opts.Store.Statistics(ctx, known, cells[f.By], x.calendar, record.Millis(f.From), record.Millis(f.Until))
}

// columns of cells; of nothing when there are none.
func columns(all []ledger.Cell, by ledger.Cells) CellColumns {
	if all == nil {
		all = ledger.NoCells(by)
	}
	var c CellColumns
	for _, k := range all {
		c.Count, c.Mean, c.Variance = append(c.Count, k.Quarters), append(c.Mean, k.Mean), append(c.Variance, k.Variance)
		c.Min, c.Max = append(c.Min, k.Min), append(c.Max, k.Max)
		c.Completeness, c.Estimated = append(c.Completeness, k.Completeness), append(c.Estimated, k.Estimated)
	}
	return c
}

func (s *Service) members(ctx context.Context, x *subject, in *StatisticsInput, limit int) (*struct{ Body MembersBody }, error) {
	f, err := s.frame(ctx, x, in)
	if err != nil {
		return nil, err
	}
	// The members that were there when the last of these quarters began.
	all, _, err := s.opts.Calendars.Members(ctx, x.Hierarchy, x.Name, record.Millis(max(f.From, f.Until-int64(quarter))))
	if err != nil {
		return nil, err
	}
	b := MembersBody{FrameBody: f, Members: []MemberCells{}, Left: max(0, len(all)-limit)}
	all = all[:min(len(all), limit)]
	if n := int64(len(all)) * ((f.Until - f.From) / int64(quarter)); n > mostQuarters {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("%d members for so long are %d quarters of an hour, more than %d; ask for a shorter time or fewer members", len(all), n, mostQuarters))
	}
	points := make([]ledger.Point, len(all))
	for i, m := range all {
		points[i] = m.By
	}
	ids, err := s.opts.Store.IDs(ctx, points, false)
	if err != nil {
		return nil, err
	}
	found, err := s.cells(ctx, x, &f, ids)
	if err != nil {
		return nil, err
	}
	m := s.opts.Catalog.State().Model
	for i, k := range all {
		b.Members = append(b.Members, memberOf(m, k, columns(found[ids[i]], cells[f.By])))
	}
	return &struct{ Body MembersBody }{b}, nil
}

func memberOf(m *model.Model, k tree.Member, c CellColumns) MemberCells {
	out := MemberCells{Kind: ledger.SensorKind, ID: k.Point.Name, Name: k.Point.Name, Sign: k.Sign, CellColumns: c}
	if k.Point.Hierarchy != "" {
		out.Kind = ledger.GroupKind
		if g, ok := m.Group(model.GroupID(k.Point.Name)); ok && g.Name != "" {
			out.Name = g.Name
		}
	} else if sn, ok := m.Sensor(record.SensorID(k.Point.Name)); ok && sn.Name != "" {
		out.Name = sn.Name
	}
	if k.By != k.Point {
		out.Meter = k.By.Name
	}
	return out
}
