package foresight

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/lending"
	"github.com/wattwerk/wattwerk/window"
)

const tag = "Forecasts"

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

// ErrNoHistory refuses what needs settled windows where there are none.
var ErrNoHistory = huma.Error422UnprocessableEntity("this needs settled windows: run settlement in the process of service, or give both one PostgreSQL (sql.url_file)")

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

// ForecastSeen is what came of a forecast.
type ForecastSeen struct {
	MAE    float64  `json:"mae" doc:"Mean absolute error, in the unit of the values"`
	WAPE   *float64 `json:"wape" doc:"The same as a share of what was measured; null: that was nothing"`
	Inside float64  `json:"inside" doc:"Share of the values that lay within the bands"`
	Of     int64    `json:"of" doc:"Intervals that this is of"`
}

// ForecastItem is a day of an object that was forecast, without the values.
type ForecastItem struct {
	Object   object.ID     `json:"object"`
	Name     string        `json:"name"`
	Unit     string        `json:"unit" doc:"Of a counter: of how fast it rises"`
	Day      string        `json:"day" doc:"By the clock of the object's site" example:"2026-06-01"`
	Zone     string        `json:"zone"`
	From     time.Time     `json:"from"`
	To       time.Time     `json:"to"`
	Made     time.Time     `json:"made"`
	Known    time.Time     `json:"known" doc:"Nothing later had an influence"`
	Model    string        `json:"model" doc:"Which was least wrong on the last weeks"`
	Ahead    int64         `json:"ahead" doc:"How many days ahead"`
	Because  string        `json:"because" enum:"setting,service,asked,root" doc:"Why it is forecast by itself: somebody set it so, an energy service needs it, somebody asked, or it is the root of a hierarchy"`
	Mean     *float64      `json:"mean" doc:"Mean of what is forecast; null: nothing can be said"`
	Expected *float64      `json:"expected" doc:"Mean absolute error of the model on the last weeks; null: it could not be tried"`
	WAPE     *float64      `json:"expectedShare" doc:"The same as a share of the values"`
	Seen     *ForecastSeen `json:"seen" doc:"What came of it; null: the day is not over and settled, or nothing was measured"`
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
	Kept   bool            `json:"kept" doc:"It was made before and kept; else it was computed for this answer"`
	Made   time.Time       `json:"made"`
	From   time.Time       `json:"from" doc:"Begin of the history it was made from"`
	Hours  int             `json:"hours" doc:"Hours of it that were known"`
	Seen   *ForecastSeen   `json:"seen" doc:"What came of it; null: the day is not over and settled, or nothing was measured"`
}

// ForecastProgress is how far today's forecasts are.
type ForecastProgress struct {
	Named   int `json:"named" doc:"Objects that are forecast by themselves"`
	Made    int `json:"made" doc:"Of them those whose day is forecast; the others wait until the day before is settled, or have not enough history"`
	Left    int `json:"left" doc:"Named beyond the bound, and not forecast"`
	Most    int `json:"most" doc:"The bound"`
	Settled int `json:"settled" doc:"Objects whose day before is settled"`
}

// ForecastPage is some of the forecasts that are kept.
type ForecastPage struct {
	Forecasts []ForecastItem   `json:"forecasts"`
	Next      string           `json:"next,omitempty" doc:"Cursor of the next page; absent: there is none"`
	Progress  ForecastProgress `json:"progress"`
	Able      bool             `json:"able" doc:"False: there are no settled windows here, and nothing is forecast"`
}

// ForecastPath names an object.
type ForecastPath struct {
	Kind string `path:"kind" enum:"sensor,group"`
	ID   string `path:"id" maxLength:"200"`
}

func (p *ForecastPath) find(k *Keeper) (*object.Object, error) {
	w := k.o.World()
	if w == nil {
		return nil, execution.Refuse(lending.ErrNotReady)
	}
	o, ok := w.Object(object.ID(p.Kind + "/" + p.ID))
	if !ok {
		return nil, huma.Error404NotFound(fmt.Sprintf("there is no object %q", p.Kind+"/"+p.ID))
	}
	return o, nil
}

// RateUnit is the unit of what an object is forecast in.
func RateUnit(o *object.Object) string {
	if o.Kind == "counter" {
		return o.Quantity.RateUnit()
	}
	return o.Unit
}

// Register adds the routes.
func (k *Keeper) Register(api huma.API) {
	op := func(id, method, path, summary, description string, may []map[string][]string, errs ...int) huma.Operation {
		return execution.Op(tag, id, method, path, summary, description, may, errs...)
	}
	huma.Register(api, op("list-forecasts", http.MethodGet, "/forecasts", "Forecasts that are kept",
		"Days of what is forecast by itself, the newest day first, with the error that was expected and, once the day is over and settled, the one that was seen.", mayRead, 422), k.list)
	huma.Register(api, op("get-object-forecast", http.MethodGet, "/forecasts/{kind}/{id}", "A day ahead",
		"By the model that was least wrong on the last weeks, with bands and with how wrong each was. It is the one that is kept, where that is not old, and else computed. What is asked for is forecast by itself for 30 days.", mayRead, 404, 422), k.get)
	put := op("put-forecast-daily", http.MethodPut, "/forecasts/{kind}/{id}/daily", "Have an object be forecast every day", "", mayOperate, 404, 409)
	put.DefaultStatus = http.StatusNoContent
	huma.Register(api, put, k.put)
	huma.Register(api, op("delete-forecast-daily", http.MethodDelete, "/forecasts/{kind}/{id}/daily", "Do not have an object be forecast every day any more",
		"It is still, while an energy service needs it or somebody asks.", mayOperate, 404), k.remove)
}

func (k *Keeper) put(ctx context.Context, in *ForecastPath) (*struct{}, error) {
	o, err := in.find(k)
	if err != nil {
		return nil, err
	}
	_, err = k.o.Store.Put(ctx, k.o.Actor(ctx), book.Put{Kind: book.Foreseen, ID: string(o.ID), Doc: struct{}{}, Version: -1})
	return nil, execution.Refuse(err)
}

func (k *Keeper) remove(ctx context.Context, in *ForecastPath) (*struct{}, error) {
	_, err := k.o.Store.Put(ctx, k.o.Actor(ctx), book.Put{Kind: book.Foreseen, ID: in.Kind + "/" + in.ID, Version: -1})
	return nil, execution.Refuse(err)
}

// seenOf is what came of a forecast; nil: it is not known.
func seenOf(r *book.Forecast) *ForecastSeen {
	if r.Seen == nil || r.Compared == 0 {
		return nil
	}
	out := &ForecastSeen{MAE: *r.Seen, Inside: float64(r.Inside) / float64(r.Compared), Of: r.Compared}
	if r.Size != nil && *r.Size > 0 {
		out.WAPE = record.Finite(*r.Seen / *r.Size)
	}
	return out
}

func date(at record.Millis, zone string) string {
	c, err := window.Load(zone)
	if err != nil {
		return ""
	}
	return at.Time().In(c.Zone()).Format(time.DateOnly)
}

func item(r *book.Forecast, o *object.Object) (ForecastItem, error) {
	out := ForecastItem{
		Object: o.ID, Name: o.Name, Unit: RateUnit(o), Day: date(r.Day, r.Zone), Zone: r.Zone, From: r.Day.Time(), To: r.Ends.Time(), Made: r.Made.Time(),
		Known: r.Known.Time(), Model: r.Model, Ahead: r.Ahead, Because: r.Because, Expected: r.Expected, Seen: seenOf(r),
	}
	doc, err := read(r)
	if err != nil {
		return out, err
	}
	sum, n := 0.0, 0
	for _, v := range doc.Values {
		if v != nil {
			sum, n = sum+float64(*v), n+1
		}
	}
	if n > 0 {
		out.Mean = record.Finite(sum / float64(n))
	}
	out.WAPE = doc.wrong(r.Model)
	return out, nil
}

func (k *Keeper) list(ctx context.Context, in *struct {
	Object string    `query:"object" doc:"Only of this one, as sensor/boiler" maxLength:"210"`
	From   time.Time `query:"from" doc:"Only days that begin then or later; default: those that are not over"`
	To     time.Time `query:"to" doc:"Only days that begin before"`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"200"`
	Cursor string    `query:"cursor" doc:"The next of the page before" maxLength:"240"`
},
) (*struct{ Body ForecastPage }, error) {
	w := k.o.World()
	if w == nil {
		return nil, execution.Refuse(lending.ErrNotReady)
	}
	now := k.o.Clock()
	from, to := now-2*day, record.MaxTime
	if !in.From.IsZero() {
		from = record.MillisOf(in.From)
	}
	if !in.To.IsZero() {
		to = record.MillisOf(in.To)
	}
	var at record.Millis
	after := ""
	if in.Cursor != "" {
		n, id, ok := strings.Cut(in.Cursor, " ")
		v, err := strconv.ParseInt(n, 10, 64)
		if !ok || err != nil || id == "" {
			return nil, huma.Error422UnprocessableEntity("the cursor is none that was given")
		}
		at, after = record.Millis(v), id
	}
	rows, err := k.o.Store.Forecasts(ctx, in.Object, from, to, at, after, in.Limit)
	if err != nil {
		return nil, execution.Refuse(err)
	}
	out := ForecastPage{Forecasts: []ForecastItem{}, Able: k.o.History != nil}
	for i := range rows {
		o, ok := w.Object(object.ID(rows[i].Object))
		if !ok || in.From.IsZero() && rows[i].Ends <= now {
			continue
		}
		x, err := item(&rows[i], o)
		if err != nil {
			return nil, execution.Refuse(err)
		}
		out.Forecasts = append(out.Forecasts, x)
	}
	if n := len(rows); n == in.Limit {
		out.Next = fmt.Sprintf("%d %s", rows[n-1].Day, rows[n-1].Object)
	}
	if out.Progress, err = k.progress(ctx, w, now); err != nil {
		return nil, execution.Refuse(err)
	}
	return &struct{ Body ForecastPage }{out}, nil
}

// progress tells how far today's forecasts are, as it is stored.
func (k *Keeper) progress(ctx context.Context, w *object.World, now record.Millis) (ForecastProgress, error) {
	p := ForecastProgress{Most: Most}
	m := k.o.Model()
	if m == nil || k.o.History == nil {
		return p, nil
	}
	settled, err := k.o.History.Settled(ctx)
	if err != nil {
		return p, err
	}
	names, left, err := k.names(ctx, w, m, now)
	if err != nil {
		return p, err
	}
	rows, err := k.o.Store.Foreknown(ctx, now)
	if err != nil {
		return p, err
	}
	known := make(map[key]bool, len(rows))
	for _, r := range rows {
		known[key{object.ID(r.Object), r.Day}] = r.Known >= r.Day
	}
	p.Named, p.Left = len(names), left
	for _, n := range names {
		t, err := k.task(m, n, now)
		if err != nil {
			continue
		}
		if settled >= t.today.From {
			p.Settled++
		}
		if known[key{n.object.ID, t.today.From}] {
			p.Made++
		}
	}
	return p, nil
}

// freshFor is how long a forecast of a day to come is not made anew.
const freshFor = record.Millis(3_600_000)

func (k *Keeper) get(ctx context.Context, in *struct {
	ForecastPath
	Day string `query:"day" doc:"Which day, by the clock of the object's site; default: tomorrow" example:"2026-06-01" maxLength:"10"`
},
) (*struct{ Body ObjectForecast }, error) {
	o, err := in.find(k)
	if err != nil {
		return nil, err
	}
	m := k.o.Model()
	if k.o.History == nil || m == nil {
		return nil, ErrNoHistory
	}
	now := k.o.Clock()
	t, err := k.task(m, name{o, byAsking}, now)
	if err != nil {
		return nil, execution.Refuse(err)
	}
	span := t.tomorrow
	if in.Day != "" {
		d, err := time.ParseInLocation(time.DateOnly, in.Day, t.calendar.Zone())
		if err != nil {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("day %.20q is not like 2026-06-01", in.Day))
		}
		span = t.calendar.Span(window.Day, record.MillisOf(d))
	}
	k.note(o.ID, byAsking)
	row, err := k.o.Store.Forecast(ctx, string(o.ID), span.From)
	fresh := err == nil && row.Ends == span.To && (row.Known >= span.From || now < span.From && now-row.Made < freshFor)
	switch {
	case fresh:
	case err != nil && !errors.Is(err, book.ErrNotFound):
		return nil, execution.Refuse(err)
	default:
		// Only what was known before the day began.
		f, err := k.fit(ctx, o.ID, t.calendar, now, span.From)
		if err == nil {
			row, err = f.row(o.ID, t.zone, byAsking, span, now)
		}
		if isSilent(err) {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		if err == nil && (span == t.today || span == t.tomorrow) {
			err = k.o.Store.Foresee(ctx, row)
		}
		if err != nil {
			return nil, execution.Refuse(err)
		}
	}
	out, err := told(&row, o)
	if err != nil {
		return nil, execution.Refuse(err)
	}
	out.Kept = fresh
	return &struct{ Body ObjectForecast }{*out}, nil
}

func told(row *book.Forecast, o *object.Object) (*ObjectForecast, error) {
	doc, err := read(row)
	if err != nil {
		return nil, err
	}
	out := &ObjectForecast{
		Object: o.ID, Unit: RateUnit(o), Day: date(row.Day, row.Zone), Zone: row.Zone, Known: row.Known.Time(), Model: row.Model, Ahead: int(row.Ahead), Step: doc.Step / 1000,
		Values: []ForecastValue{}, Scores: doc.Scores, Made: row.Made.Time(), From: doc.From.Time(), Hours: doc.Hours, Seen: seenOf(row),
	}
	at := func(all []*number, i int) *float64 {
		if i >= len(all) || all[i] == nil {
			return nil
		}
		return new(float64(*all[i]))
	}
	for i := range doc.Values {
		out.Values = append(out.Values, ForecastValue{(doc.Start + record.Millis(int64(i)*doc.Step)).Time(), at(doc.Values, i), at(doc.Lower, i), at(doc.Upper, i)})
	}
	return out, nil
}
