package service

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/forecast/anomaly"
	"github.com/wattwerk/wattwerk/forecast/dayahead"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/window"
)

// How much history forecasts and anomalies are of.
const (
	forecastOver    = 400 * 24 * stand.Hour
	mostAnomalyDays = 400
)

// ForecastValue is one interval of a forecast.
type ForecastValue struct {
	Time  time.Time `json:"time"`
	Value *float64  `json:"value" doc:"Null: nothing can be said"`
	Lower *float64  `json:"lower" doc:"Four of five values are expected between lower and upper; null: too little was forecast to say"`
	Upper *float64  `json:"upper"`
}

// ForecastScore is how wrong a model was.
type ForecastScore struct {
	Model string  `json:"model"`
	MAE   float64 `json:"mae" doc:"In the unit of the values"`
	WAPE  float64 `json:"wape" doc:"As a share of the values"`
	MASE  float64 `json:"mase" doc:"As a share of how much a value differs from the one a day before"`
}

// ObjectForecast is a day ahead.
type ObjectForecast struct {
	Object object.ID       `json:"object"`
	Unit   string          `json:"unit" doc:"Of a counter: of how fast it rises"`
	Day    string          `json:"day" doc:"The day that is forecast, by the clock of the object's site" example:"2026-06-01"`
	Zone   string          `json:"zone"`
	Known  time.Time       `json:"known" doc:"Nothing later had an influence"`
	Model  string          `json:"model" doc:"Which was least wrong on the last weeks"`
	Ahead  int             `json:"ahead" doc:"How many days ahead"`
	Step   int64           `json:"stepSeconds"`
	Values []ForecastValue `json:"values"`
	Scores []ForecastScore `json:"scores" doc:"How wrong each model was on the last weeks, each day forecast from what was known before it"`
}

// ObjectAnomaly is something that cannot be right, or is not usual.
type ObjectAnomaly struct {
	Object object.ID `json:"object"`
	Kind   string    `json:"kind"`
	Untrue bool      `json:"untrue" doc:"It cannot be right; else it is not usual"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Value  *float64  `json:"value" doc:"The one that is farthest from what was expected"`
	Values int       `json:"values" doc:"How many"`
}

func (s *Service) registerForecasts(api huma.API) {
	tag := func(o huma.Operation) huma.Operation {
		o.Tags = []string{"Forecasts"}
		return o
	}
	huma.Register(api, tag(op("get-object-forecast", http.MethodGet, "/forecasts/{kind}/{id}", "A day ahead", "By the model that was least wrong on the last weeks, with bands and with how wrong each was.", mayRead, 404, 422)), s.getForecast)
	huma.Register(api, tag(op("list-object-anomalies", http.MethodGet, "/anomalies", "What cannot be right, and what is not usual", "Of one object, hour by hour, as it would have been found at the time.", mayRead, 404, 422)), s.listAnomalies)
}

// hours gives the hours of an object that are settled, from the first that is known.
func (s *Service) hours(ctx context.Context, id object.ID, from, to record.Millis) (record.Millis, []float64, error) {
	settled, err := s.opts.History.Settled(ctx)
	if err != nil {
		return 0, nil, err
	}
	from -= from % stand.Hour
	to = min(to, settled)
	to -= to % stand.Hour
	if to <= from {
		return from, nil, nil
	}
	all, err := s.opts.History.Means(ctx, id, from, to)
	if err != nil {
		return 0, nil, err
	}
	values := stand.Hours(all)
	for len(values) > 0 && math.IsNaN(values[0]) {
		values, from = values[1:], from+stand.Hour
	}
	return from, values, nil
}

func (s *Service) rateUnit(o *object.Object) string {
	if o.Kind == "counter" {
		return o.Quantity.RateUnit()
	}
	return o.Unit
}

// zoneOf is the time zone of an object: that of the site of its sensor, or of the
// hierarchy of its group.
func (s *Service) zoneOf(id object.ID) string {
	m := s.opts.Catalog.State().Model
	site := ""
	if sensor, ok := id.Sensor(); ok {
		if x, ok := m.Sensor(sensor); ok {
			site = string(x.Site)
		}
	} else if g, ok := id.Group(); ok {
		if h, ok := m.HierarchyOf(g); ok {
			if x, ok := m.Hierarchy(h); ok {
				site = string(x.Site)
			}
		}
	}
	for x := range m.Sites() {
		if string(x.ID) == site && x.Zone != "" {
			return x.Zone
		}
	}
	return "UTC"
}

func (s *Service) getForecast(ctx context.Context, in *struct {
	ObjectPath
	Day string `query:"day" doc:"Which day, by the clock of the object's site; default: tomorrow" example:"2026-06-01" maxLength:"10"`
},
) (*struct{ Body ObjectForecast }, error) {
	m, _, err := s.now()
	if err != nil {
		return nil, err
	}
	o, err := in.find(m)
	if err != nil {
		return nil, err
	}
	if s.view == nil {
		return nil, refuse(errNoHistory)
	}
	zone := s.zoneOf(o.ID)
	c, err := window.Load(zone)
	if err != nil {
		return nil, refuse(err)
	}
	now := clock()
	at := c.Next(window.Day, c.Span(window.Day, now))
	if in.Day != "" {
		d, err := time.ParseInLocation("2006-01-02", in.Day, c.Zone())
		if err != nil {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("day %.20q is not like 2026-06-01", in.Day))
		}
		at = c.Span(window.Day, record.MillisOf(d))
	}
	// Only what was known before the day began.
	from, values, err := s.hours(ctx, o.ID, now-forecastOver, min(now, at.From))
	if err != nil {
		return nil, refuse(err)
	}
	select {
	case s.fitting <- struct{}{}:
		defer func() { <-s.fitting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	model, err := dayahead.Choose(dayahead.Series{Start: from, Step: int64(stand.Hour), Values: values}, c)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	f, err := model.Day(at.From)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	out := ObjectForecast{
		Object: o.ID, Unit: s.rateUnit(o), Day: f.Day.From.Time().In(c.Zone()).Format("2006-01-02"), Zone: zone, Known: f.Issued.Time(),
		Model: string(f.Kind), Ahead: f.Ahead, Step: f.Step / 1000, Values: []ForecastValue{}, Scores: []ForecastScore{},
	}
	finite := func(all []float64, i int) *float64 {
		if i >= len(all) || math.IsNaN(all[i]) || math.IsInf(all[i], 0) {
			return nil
		}
		return &all[i]
	}
	for i := range f.Values {
		out.Values = append(out.Values, ForecastValue{(f.Start + record.Millis(int64(i)*f.Step)).Time(), finite(f.Values, i), finite(f.Lower, i), finite(f.Upper, i)})
	}
	for _, x := range model.Scores() {
		if v := x.MAE + x.WAPE + x.MASE; !math.IsNaN(v) && !math.IsInf(v, 0) {
			out.Scores = append(out.Scores, ForecastScore{string(x.Kind), x.MAE, x.WAPE, x.MASE})
		}
	}
	return &struct{ Body ObjectForecast }{out}, nil
}

func (s *Service) listAnomalies(ctx context.Context, in *struct {
	Object string    `query:"object" required:"true" doc:"As sensor/boiler" maxLength:"210"`
	From   time.Time `query:"from" required:"true"`
	To     time.Time `query:"to" doc:"Default: now"`
},
) (*struct {
	Body struct {
		Anomalies []ObjectAnomaly `json:"anomalies"`
		Unit      string          `json:"unit"`
	}
}, error,
) {
	m, _, err := s.now()
	if err != nil {
		return nil, err
	}
	o, ok := m.World.Object(object.ID(in.Object))
	if !ok {
		return nil, refuse(fmt.Errorf("%w: there is no object %q", errNotFound, in.Object))
	}
	if s.view == nil {
		return nil, refuse(errNoHistory)
	}
	from, to := record.MillisOf(in.From), clock()
	if !in.To.IsZero() {
		to = min(to, record.MillisOf(in.To))
	}
	if to <= from || int64(to-from) > mostAnomalyDays*24*int64(stand.Hour) {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("from is not before to, or more than %d days before it", mostAnomalyDays))
	}
	c, err := window.Load(s.zoneOf(o.ID))
	if err != nil {
		return nil, refuse(err)
	}
	// What is usual has to be learnt first.
	start, values, err := s.hours(ctx, o.ID, from-60*24*stand.Hour, to)
	if err != nil {
		return nil, refuse(err)
	}
	out := new(struct {
		Body struct {
			Anomalies []ObjectAnomaly `json:"anomalies"`
			Unit      string          `json:"unit"`
		}
	})
	out.Body.Anomalies, out.Body.Unit = []ObjectAnomaly{}, s.rateUnit(o)
	if len(values) == 0 {
		return out, nil
	}
	all, err := anomaly.Scan(anomaly.Options{Calendar: c, Step: int64(stand.Hour)}, start, values)
	if err != nil {
		return nil, refuse(err)
	}
	for _, e := range all {
		if e.To <= from {
			continue
		}
		x := ObjectAnomaly{Object: o.ID, Kind: string(e.Kind), Untrue: e.Kind.Untrue(), From: e.From.Time(), To: e.To.Time(), Values: e.Values}
		if !math.IsNaN(e.Value) && !math.IsInf(e.Value, 0) {
			x.Value = &e.Value
		}
		out.Body.Anomalies = append(out.Body.Anomalies, x)
	}
	return out, nil
}
