package history

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of the API.
const (
	mostRaw    = 1_000_000 // values of a raw range
	mostLatest = 20_000    // sensors and groups asked for at once
)

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/api/v1/" + path, Summary: summary,
			Tags: []string{"history"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
		}
	}
	huma.Register(api, op("latest", "latest", "Newest values of many sensors and groups"), s.getLatest)
	huma.Register(api, op("sensor-latest", "sensors/{id}/latest", "Newest value of a sensor"), s.getSensorLatest)
	huma.Register(api, op("group-latest", "groups/{id}/latest", "Newest tick of a group"), s.getGroupLatest)
	huma.Register(api, op("sensor-range", "sensors/{id}/range", "Values of a sensor over time, reduced to a number of points or raw"),
		func(ctx context.Context, in *sensorRangeInput) (*rangeOutput, error) {
			x, err := s.sensor(ctx, in.ID)
			return s.getRange(ctx, x, err, in.RangeInput)
		})
	huma.Register(api, op("group-range", "groups/{id}/range", "Ticks of a group over time, reduced to a number of points or raw"),
		func(ctx context.Context, in *groupRangeInput) (*rangeOutput, error) {
			x, err := s.groupOf(ctx, in.ID, in.Hierarchy, in.metric())
			return s.getRange(ctx, x, err, in.RangeInput)
		})
	huma.Register(api, op("sensor-count", "sensors/{id}/count", "How many values of a sensor there are"),
		func(ctx context.Context, in *sensorSpanInput) (*countOutput, error) {
			x, err := s.sensor(ctx, in.ID)
			return s.getCount(ctx, x, err, in.SpanInput)
		})
	huma.Register(api, op("group-count", "groups/{id}/count", "How many ticks of a group have a value"),
		func(ctx context.Context, in *groupSpanInput) (*countOutput, error) {
			x, err := s.groupOf(ctx, in.ID, in.Hierarchy, in.metric())
			return s.getCount(ctx, x, err, in.SpanInput)
		})
	huma.Register(api, op("sensor-trend", "sensors/{id}/trend", "Mean of the last hour, day or week against the one before"),
		func(ctx context.Context, in *sensorTrendInput) (*trendOutput, error) {
			x, err := s.sensor(ctx, in.ID)
			return s.getTrend(ctx, x, err, in.TrendInput)
		})
	huma.Register(api, op("group-trend", "groups/{id}/trend", "Mean of the last hour, day or week against the one before"),
		func(ctx context.Context, in *groupTrendInput) (*trendOutput, error) {
			x, err := s.groupOf(ctx, in.ID, in.Hierarchy, in.metric())
			return s.getTrend(ctx, x, err, in.TrendInput)
		})
	huma.Register(api, op("sensor-distribution", "sensors/{id}/distribution", "Histogram of the values of a sensor"),
		func(ctx context.Context, in *sensorDistributionInput) (*distributionOutput, error) {
			x, err := s.sensor(ctx, in.ID)
			return s.getDistribution(ctx, x, err, in.DistributionInput)
		})
	huma.Register(api, op("group-distribution", "groups/{id}/distribution", "Histogram of the ticks of a group"),
		func(ctx context.Context, in *groupDistributionInput) (*distributionOutput, error) {
			x, err := s.groupOf(ctx, in.ID, in.Hierarchy, in.metric())
			return s.getDistribution(ctx, x, err, in.DistributionInput)
		})
	huma.Register(api, op("sensor-energy", "sensors/{id}/energy", "Energy a sensor measured in a span of time"), s.getSensorEnergy)
	huma.Register(api, op("group-energy", "groups/{id}/energy", "Energy of a group in a span of time"), s.getGroupEnergy)
	huma.Register(api, op("group-composition", "groups/{id}/composition", "Share of each member of a group at a time"), s.getComposition)
}

// What the operations take. The typed API reads embedded structs only when
// their names are exported.
type (
	// SensorPath names a sensor in the path.
	SensorPath struct {
		ID record.SensorID `path:"id" doc:"Sensor"`
	}
	// GroupPath names a group in the path.
	GroupPath struct {
		ID        model.GroupID     `path:"id" doc:"Group"`
		Hierarchy model.HierarchyID `query:"hierarchy" doc:"Hierarchy of a group that is no longer in the model, when its name stood in several"`
	}
	// GroupColumn chooses a column of ticks.
	GroupColumn struct {
		Column string `query:"column" enum:"sum,min,max,count,total,meter,unaccounted" default:"sum" doc:"Which column of the ticks"`
	}
	// SpanInput is a span of time.
	SpanInput struct {
		From string `query:"from" doc:"Begin, inclusive: RFC 3339, milliseconds since 1970 UTC, or like now-1h. Default: now-1h" example:"now-1h"`
		To   string `query:"to" doc:"End, inclusive. Default: now" example:"now"`
	}
	// RangeInput says how values over time are wanted.
	RangeInput struct {
		SpanInput
		Points int  `query:"points" minimum:"1" maximum:"20000" default:"1000" doc:"At most so many points"`
		Raw    bool `query:"raw" doc:"Every value as it is stored, at most 1,000,000"`
	}
	// TrendInput says what is compared.
	TrendInput struct {
		Span string `query:"span" default:"1h" doc:"Length of what is compared: 1h, 1d, 1w, or any other" example:"1d"`
		At   string `query:"at" doc:"End of the last span. Default: now"`
	}
	// DistributionInput says which histogram is wanted.
	DistributionInput struct {
		SpanInput
		Buckets int `query:"buckets" minimum:"1" maximum:"10000" default:"4" doc:"Number of bars"`
	}
	sensorRangeInput struct {
		SensorPath
		RangeInput
	}
	groupRangeInput struct {
		GroupPath
		GroupColumn
		RangeInput
	}
	sensorSpanInput struct {
		SensorPath
		SpanInput
	}
	groupSpanInput struct {
		GroupPath
		GroupColumn
		SpanInput
	}
	sensorTrendInput struct {
		SensorPath
		TrendInput
	}
	groupTrendInput struct {
		GroupPath
		GroupColumn
		TrendInput
	}
	sensorDistributionInput struct {
		SensorPath
		DistributionInput
	}
	groupDistributionInput struct {
		GroupPath
		GroupColumn
		DistributionInput
	}
)

func (g GroupColumn) metric() Metric {
	for _, m := range tickColumns {
		if strings.TrimPrefix(m.String(), "wattwerk_group_") == g.Column {
			return m
		}
	}
	return Sum
}

func (s *Service) bounds(in SpanInput) (from, to record.Millis, err error) {
	return s.Span(in.From, in.To)
}

// Span reads the ends of a span of time as the API takes them: RFC 3339,
// milliseconds since 1970 UTC, or like now-1h; empty is the last hour. The
// error is one for HTTP.
func (s *Service) Span(begin, end string) (from, to record.Millis, err error) {
	now := s.now()
	if begin == "" {
		begin = "now-1h"
	}
	if end == "" {
		end = "now"
	}
	if from, err = when(begin, now); err != nil {
		return 0, 0, huma.Error422UnprocessableEntity("from: " + err.Error())
	}
	if to, err = when(end, now); err != nil {
		return 0, 0, huma.Error422UnprocessableEntity("to: " + err.Error())
	}
	if from > to {
		return 0, 0, huma.Error422UnprocessableEntity(fmt.Sprintf("from (%s) is after to (%s)", from, to))
	}
	return from, to, nil
}

type rangeOutput struct {
	Body struct {
		Unit  string    `json:"unit" doc:"Unit of the values; empty when unknown or for counts" example:"W"`
		From  int64     `json:"from" doc:"Begin of the span, ms since 1970 UTC"`
		To    int64     `json:"to" doc:"End of the span, inclusive"`
		Step  int64     `json:"step,omitempty" doc:"Width of a bucket in ms; absent for raw values"`
		T     []int64   `json:"t" doc:"Begin of each bucket, or time of each value, ms since 1970 UTC"`
		Value *Floats   `json:"value,omitempty" doc:"With raw: the values; null where a gap begins"`
		Min   *Floats   `json:"min,omitempty" doc:"Least value of the bucket; null where a gap begins"`
		Avg   *Floats   `json:"avg,omitempty" doc:"Mean of the values of the bucket"`
		Max   *Floats   `json:"max,omitempty" doc:"Greatest value of the bucket"`
		Count *[]uint32 `json:"count,omitempty" doc:"Number of values in the bucket; 0 where a gap begins"`
	}
}

func (s *Service) getRange(ctx context.Context, x subject, err error, in RangeInput) (*rangeOutput, error) {
	if err != nil {
		return nil, err
	}
	from, to, err := s.bounds(in.SpanInput)
	if err != nil {
		return nil, err
	}
	out := &rangeOutput{}
	b := &out.Body
	b.Unit, b.From, b.To = x.unit(), int64(from), int64(to)
	if !in.Raw {
		p, step, err := s.reduce(ctx, x.series, from, to, in.Points, x.rule)
		if err != nil {
			return nil, err
		}
		// Empty columns are columns too.
		if b.Step, b.T = step, p.T; b.T == nil {
			b.T, p.Min, p.Avg, p.Max, p.Count = []int64{}, Floats{}, Floats{}, Floats{}, []uint32{}
		}
		b.Min, b.Avg, b.Max, b.Count = (*Floats)(&p.Min), (*Floats)(&p.Avg), (*Floats)(&p.Max), &p.Count
		return out, nil
	}
	b.T = []int64{}
	values := Floats{}
	err = s.opts.Store.Scan(ctx, x.series, from, to, func(ts []int64, vs []float64) error {
		b.T, values = append(b.T, ts...), append(values, vs...)
		if len(b.T) > mostRaw {
			return huma.Error422UnprocessableEntity(fmt.Sprintf("more than %d values in this span; ask for less, or use export", mostRaw))
		}
		return nil
	})
	b.Value = &values
	return out, err
}

type countOutput struct {
	Body struct {
		Count uint64 `json:"count" doc:"Number of values that are not null"`
	}
}

func (s *Service) getCount(ctx context.Context, x subject, err error, in SpanInput) (*countOutput, error) {
	if err != nil {
		return nil, err
	}
	if in.From == "" {
		in.From = "0" // all there are
	}
	if in.To == "" {
		in.To = fmt.Sprint(int64(record.MaxTime))
	}
	from, to, err := s.bounds(in)
	if err != nil {
		return nil, err
	}
	m, err := s.moments(ctx, x.series, from, to)
	if err != nil {
		return nil, err
	}
	out := &countOutput{}
	out.Body.Count = m.n
	return out, nil
}

type trendOutput struct {
	Body struct {
		Span      string    `json:"span" doc:"Length of what is compared"`
		At        time.Time `json:"at" doc:"End of the last span"`
		Current   *float64  `json:"current" doc:"Mean of the last span; null when there are no values"`
		Before    *float64  `json:"before" doc:"Mean of the span before; null when there are no values"`
		Ratio     *float64  `json:"ratio" doc:"Current over before; null when either is null or before is 0"`
		Direction *string   `json:"direction" enum:"up,down,steady" doc:"Steady within 1 percent; null when there is nothing to compare"`
	}
}

// steadyWithin is the relative change below which nobody would draw an arrow.
const steadyWithin = 0.01

func (s *Service) getTrend(ctx context.Context, x subject, err error, in TrendInput) (*trendOutput, error) {
	if err != nil {
		return nil, err
	}
	d, err := span(in.Span)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	if in.At == "" {
		in.At = "now"
	}
	at, err := when(in.At, s.now())
	if err != nil {
		return nil, huma.Error422UnprocessableEntity("at: " + err.Error())
	}
	length := record.Millis(d.Milliseconds())
	// Half-open towards the past: a value at the border belongs to one span.
	current, err := s.moments(ctx, x.series, at-length+1, at)
	if err != nil {
		return nil, err
	}
	before, err := s.moments(ctx, x.series, at-2*length+1, at-length)
	if err != nil {
		return nil, err
	}
	out := &trendOutput{}
	out.Body.Span, out.Body.At = in.Span, at.Time()
	if current.n > 0 {
		out.Body.Current = record.Finite(current.sum / float64(current.n))
	}
	if before.n > 0 {
		out.Body.Before = record.Finite(before.sum / float64(before.n))
	}
	if a, b := out.Body.Current, out.Body.Before; a != nil && b != nil {
		if *b != 0 {
			out.Body.Ratio = record.Finite(*a / *b)
		}
		dir := "steady"
		if change := *a - *b; math.Abs(change) > steadyWithin*math.Abs(*b) {
			if dir = "up"; change < 0 {
				dir = "down"
			}
		}
		out.Body.Direction = &dir
	}
	return out, nil
}

type distributionOutput struct {
	Body []Bin
}

func (s *Service) getDistribution(ctx context.Context, x subject, err error, in DistributionInput) (*distributionOutput, error) {
	if err != nil {
		return nil, err
	}
	from, to, err := s.bounds(in.SpanInput)
	if err != nil {
		return nil, err
	}
	b, err := s.distribution(ctx, x.series, from, to, in.Buckets)
	return &distributionOutput{Body: b}, err
}
