package coverage

import (
	"context"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of ranges.
const (
	mostSeries = 50
	mostPoints = 200_000 // of all series
	atOnce     = 4       // series that are read at the same time
)

// SeriesBody is one of several series, as columns.
type SeriesBody struct {
	Kind  string         `json:"kind" enum:"sensor,group"`
	ID    string         `json:"id" doc:"Sensor or group"`
	Unit  string         `json:"unit" doc:"Unit of the values; empty when unknown" example:"W"`
	Error string         `json:"error,omitempty" doc:"Why there is nothing"`
	T     []int64        `json:"t" doc:"Begin of each bucket that has something, ms since 1970 UTC"`
	Min   history.Floats `json:"min" doc:"Least value of the bucket; null where a gap begins"`
	Avg   history.Floats `json:"avg" doc:"Mean of the values of the bucket"`
	Max   history.Floats `json:"max" doc:"Greatest value of the bucket"`
}

// RangesBody are several series over the same time.
type RangesBody struct {
	From   int64        `json:"from" doc:"Begin of the span, ms since 1970 UTC"`
	To     int64        `json:"to" doc:"End of the span, inclusive"`
	Step   int64        `json:"step" doc:"Width of the buckets of all series in ms"`
	Series []SeriesBody `json:"series" doc:"Sensors as they were named, then groups"`
}

func (f *face) ranges(ctx context.Context, in *struct {
	Sensors   []record.SensorID `query:"sensor,explode" doc:"Sensor; may be repeated"`
	Groups    []model.GroupID   `query:"group,explode" doc:"Group, of which the sums are given; may be repeated"`
	Hierarchy model.HierarchyID `query:"hierarchy" doc:"Hierarchy of groups that are no longer in the model" maxLength:"200"`
	From      string            `query:"from" doc:"Begin, inclusive: RFC 3339, milliseconds since 1970 UTC, or like now-1h. Default: now-1h" example:"now-1h"`
	To        string            `query:"to" doc:"End, inclusive. Default: now" example:"now"`
	Points    int               `query:"points" minimum:"1" maximum:"20000" default:"1000" doc:"At most so many points of each; 200,000 of all"`
}) (*struct{ Body RangesBody }, error) {
	n := len(in.Sensors) + len(in.Groups)
	if n > mostSeries || n*in.Points > mostPoints {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("%d series of %d points are asked for; at most %d series and %d points of all are possible", n, in.Points, mostSeries, mostPoints))
	}
	from, to, err := f.history.Span(in.From, in.To)
	if err != nil {
		return nil, err
	}
	b := RangesBody{From: int64(from), To: int64(to), Series: make([]SeriesBody, n)}
	steps := make([]int64, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range n {
		x := &b.Series[i]
		*x = SeriesBody{Kind: "sensor", T: []int64{}, Min: history.Floats{}, Avg: history.Floats{}, Max: history.Floats{}}
		var sensor record.SensorID
		group := ""
		if i < len(in.Sensors) {
			sensor = in.Sensors[i]
			x.ID = string(sensor)
		} else {
			group = string(in.Groups[i-len(in.Sensors)])
			x.Kind, x.ID = "group", group
		}
		if x.ID == "" {
			x.Error = "there is nothing without a name"
			continue
		}
		g.Go(func() error {
			p, unit, step, err := f.history.Curve(ctx, sensor, group, string(in.Hierarchy), from, to, in.Points)
			if unknown, ok := errors.AsType[huma.StatusError](err); ok {
				x.Error = unknown.Error()
				return nil
			}
			if x.Unit, steps[i] = unit, step; len(p.T) > 0 {
				x.T, x.Min, x.Avg, x.Max = p.T, p.Min, p.Avg, p.Max
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, s := range steps {
		b.Step = max(b.Step, s)
	}
	return &struct{ Body RangesBody }{b}, nil
}
