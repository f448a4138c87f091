package profile

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/column"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// Bounds of a correlation.
const (
	mostSeries = 50
	leastPairs = 3 // quarters that two must share
)

// CorrelatedBody is one of the series.
type CorrelatedBody struct {
	Kind  string `json:"kind" enum:"sensor,group"`
	ID    string `json:"id" doc:"Sensor or group"`
	Name  string `json:"name" doc:"Its name; the identifier when it has none"`
	Unit  string `json:"unit" doc:"Unit of its means" example:"W"`
	Known int    `json:"known" doc:"Quarters of an hour of which the mean is known"`
}

// CorrelationBody says how series move together.
type CorrelationBody struct {
	From     int64            `json:"from" doc:"Begin, ms since 1970 UTC: the first quarter of an hour that begins in the time asked for"`
	Until    int64            `json:"until" doc:"End, not part of it: what was asked for, or up to when windows are settled"`
	Quarters int              `json:"quarters" doc:"Quarters of an hour in between"`
	Series   []CorrelatedBody `json:"series" doc:"Sensors as they were named, then groups"`
	Pearson  []column.Numbers `json:"pearson" doc:"Row by row, as the series: Pearson's correlation of the means of the quarters that are known of both, -1 to 1; null where those are fewer than 3, or one of both does not vary"`
	Count    [][]int          `json:"count" doc:"Quarters that are known of both"`
}

func (s *Service) registerCorrelation(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "settled-correlation", Method: http.MethodGet, Path: "/api/v1/settled/correlation", Summary: "How sensors and groups move together",
		Description: "Pearson's correlation of settled quarters of an hour, for each pair of the series.",
		Tags:        []string{"settled windows"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
	}, func(ctx context.Context, in *struct {
		Sensors []record.SensorID `query:"sensor,explode" doc:"Sensor; may be repeated"`
		Groups  []model.GroupID   `query:"group,explode" doc:"Group; may be repeated. 2 to 50 sensors and groups are possible"`
		From    string            `query:"from" doc:"RFC 3339, a date of the zone of the first, ms since 1970 UTC, or like now-28d. Default: 28 days before the end" example:"2026-01-01"`
		To      string            `query:"to" doc:"End, not part of it. Default: now" example:"2026-02-01"`
	}) (*struct{ Body CorrelationBody }, error) {
		if n := len(in.Sensors) + len(in.Groups); n < 2 || n > mostSeries {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("%d sensors and groups are named; 2 to %d are possible", n, mostSeries))
		}
		m := s.opts.Catalog.State().Model
		var all []subject
		b := CorrelationBody{}
		for _, id := range in.Sensors {
			x, err := s.sensor(id)
			if err != nil {
				return nil, err
			}
			sn, _ := m.Sensor(id)
			all, b.Series = append(all, x), append(b.Series, CorrelatedBody{Kind: ledger.SensorKind, ID: string(id), Name: cmp.Or(sn.Name, string(id)), Unit: x.quantity.RateUnit()})
		}
		for _, id := range in.Groups {
			x, err := s.group(&GroupInput{ID: id})
			if err != nil {
				return nil, err
			}
			name := string(id)
			if g, ok := m.Group(id); ok {
				name = cmp.Or(g.Name, name)
			}
			all, b.Series = append(all, x), append(b.Series, CorrelatedBody{Kind: ledger.GroupKind, ID: string(id), Name: name, Unit: x.quantity.RateUnit()})
		}
		from, to, err := s.span(&all[0], in.From, in.To, 28*96*quarter)
		if err != nil {
			return nil, err
		}
		settled, err := s.opts.Store.Progress(ctx, ledger.Frontier)
		if err != nil {
			return nil, err
		}
		up := func(t record.Millis) record.Millis { return (t + quarter - 1) / quarter * quarter }
		from = up(from)
		to = max(from, min(up(to), settled))
		if n := int64(to-from) / int64(quarter) * int64(len(all)); n > mostQuarters {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("%d series for so long are %d quarters of an hour, more than %d; ask for a shorter time or fewer series", len(all), n, mostQuarters))
		}
		b.From, b.Until, b.Quarters = int64(from), int64(to), int((to-from)/quarter)
		points := make([]ledger.Point, len(all))
		for i := range all {
			points[i] = all[i].Point
		}
		ids, err := s.opts.Store.IDs(ctx, points, false)
		if err != nil {
			return nil, err
		}
		columns := make([][]float64, len(all))
		for i := range all {
			if columns[i], err = s.opts.Store.Averages(ctx, ids[i], from, to); err != nil {
				return nil, err
			}
		}
		for range all {
			b.Pearson, b.Count = append(b.Pearson, make(column.Numbers, len(all))), append(b.Count, make([]int, len(all)))
		}
		for i := range all {
			for j := range i + 1 {
				r, n := pearson(columns[i], columns[j])
				b.Pearson[i][j], b.Pearson[j][i], b.Count[i][j], b.Count[j][i] = r, r, n, n
			}
			b.Series[i].Known = b.Count[i][i]
		}
		return &struct{ Body CorrelationBody }{b}, nil
	})
}

// pearson is the correlation of two columns where both are known, and how often
// they are. NaN when that is too rarely, or one of them does not vary there.
func pearson(a, b []float64) (r float64, n int) {
	var meanA, meanB float64
	for i, x := range a {
		if y := b[i]; x == x && y == y {
			n++
			meanA += (x - meanA) / float64(n)
			meanB += (y - meanB) / float64(n)
		}
	}
	if n < leastPairs {
		return math.NaN(), n
	}
	var ab, aa, bb, leastA, mostA, leastB, mostB float64
	leastA, leastB, mostA, mostB = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for i, x := range a {
		if y := b[i]; x == x && y == y {
			dx, dy := x-meanA, y-meanB
			ab, aa, bb = ab+dx*dy, aa+dx*dx, bb+dy*dy
			leastA, mostA, leastB, mostB = min(leastA, x), max(mostA, x), min(leastB, y), max(mostB, y)
		}
	}
	if leastA == mostA || leastB == mostB {
		return math.NaN(), n
	}
	return max(-1, min(1, ab/math.Sqrt(aa)/math.Sqrt(bb))), n
}
