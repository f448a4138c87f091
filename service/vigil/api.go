package vigil

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/forecast/anomaly"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/foresight"
	"github.com/wattwerk/wattwerk/service/lending"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/window"
)

var mayRead = []map[string][]string{{"wattwerk": {"read"}}}

// mostDays is how long what is looked for may have lasted.
const mostDays = 400

// ObjectAnomaly is something that cannot be right, or is not usual.
type ObjectAnomaly struct {
	Object   object.ID  `json:"object"`
	Name     string     `json:"name"`
	Unit     string     `json:"unit" doc:"Of the values; of a counter that of how fast it rises, and of one that went backwards its own"`
	Kind     string     `json:"kind" enum:"rating,backwards,parts,zero,stuck,unusual" doc:"rating: more than can be; backwards: a counter shows less than before; parts: the members of a group are more than its meter; zero: nothing, or less than half of the least; stuck: one value for too long; unusual: far from what is usual"`
	Untrue   bool       `json:"untrue" doc:"It cannot be right; else it is not usual"`
	From     time.Time  `json:"from"`
	To       time.Time  `json:"to"`
	Lasts    bool       `json:"lasts" doc:"It may go on"`
	Found    *time.Time `json:"found" doc:"Null: it was found for this answer"`
	Value    *float64   `json:"value" doc:"The one that is farthest from what was expected; of parts their sum"`
	Expected *float64   `json:"expected" doc:"What was expected in its place; null: nothing was"`
	Values   int        `json:"values" doc:"How many"`
}

// AnomalyWatch is how far the watch is.
type AnomalyWatch struct {
	Objects int        `json:"objects" doc:"How many are watched"`
	Most    int        `json:"most" doc:"How many at most; what is forecast by itself comes first, then groups, then sensors"`
	From    *time.Time `json:"from" doc:"All of them were looked at up to here; null: none was"`
	To      *time.Time `json:"to" doc:"The first up to here"`
	Able    bool       `json:"able" doc:"False: there are no settled windows here, and counters alone are watched"`
}

// AnomalyPage is what was found.
type AnomalyPage struct {
	Anomalies []ObjectAnomaly `json:"anomalies"`
	Unit      string          `json:"unit" doc:"Of the one object that was asked for"`
	Next      string          `json:"next,omitempty" doc:"Cursor of the next page; absent: there is none"`
	Watch     AnomalyWatch    `json:"watch"`
}

// Register adds the routes.
func (w *Watcher) Register(api huma.API) {
	huma.Register(api, execution.Op("Forecasts", "list-object-anomalies", http.MethodGet, "/anomalies", "What cannot be right, and what is not usual",
		"Of all objects that are watched, what began last first. Of one object, hour by hour, as it would have been found at the time, whether it is watched or not, the oldest first.", mayRead, 404, 422), w.list)
}

type asked struct {
	Object string    `query:"object" doc:"Only of this one, as sensor/boiler" maxLength:"210"`
	Kind   string    `query:"kind" doc:"Only those of this kind" enum:"rating,backwards,parts,zero,stuck,unusual"`
	Lasts  bool      `query:"lasts" doc:"Only those that may go on"`
	From   time.Time `query:"from" doc:"Only what lasted after this; default: a week ago"`
	To     time.Time `query:"to" doc:"Only what began before this; default: now"`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"200"`
	Cursor string    `query:"cursor" doc:"The next of the page before" maxLength:"300"`
}

func (w *Watcher) list(ctx context.Context, in *asked) (*struct{ Body AnomalyPage }, error) {
	world := w.o.World()
	if world == nil {
		return nil, execution.Refuse(lending.ErrNotReady)
	}
	now := w.o.Clock()
	q := book.AnomalyQuery{Object: in.Object, Kind: in.Kind, From: now - 7*day, To: now + 1, Lasting: in.Lasts, Limit: in.Limit}
	if !in.From.IsZero() {
		q.From = record.MillisOf(in.From)
	}
	if !in.To.IsZero() {
		q.To = min(q.To, record.MillisOf(in.To))
	}
	if q.To <= q.From || int64(q.To-q.From) > mostDays*int64(day)+1 {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("from is not before to, or more than %d days before it", mostDays))
	}
	var err error
	if q.After, err = after(in.Cursor); err != nil {
		return nil, err
	}
	out := AnomalyPage{Anomalies: []ObjectAnomaly{}}
	if in.Object != "" {
		o, ok := world.Object(object.ID(in.Object))
		switch {
		case !ok:
			return nil, huma.Error404NotFound(fmt.Sprintf("there is no object %q", in.Object))
		case w.o.History == nil:
			return nil, foresight.ErrNoHistory
		}
		out.Unit = foresight.RateUnit(o)
		if out.Anomalies, err = w.one(ctx, o, q, in); err != nil {
			return nil, execution.Refuse(err)
		}
	} else {
		rows, err := w.o.Store.Anomalies(ctx, q)
		if err != nil {
			return nil, execution.Refuse(err)
		}
		for i := range rows {
			out.Anomalies = append(out.Anomalies, told(world, &rows[i]))
		}
		if n := len(rows); n == in.Limit {
			out.Next = fmt.Sprintf("%d %s %s", rows[n-1].Began, rows[n-1].Kind, rows[n-1].Object)
		}
	}
	out.Watch, err = w.far(ctx)
	if err != nil {
		return nil, execution.Refuse(err)
	}
	return &struct{ Body AnomalyPage }{out}, nil
}

// after reads a cursor.
func after(cursor string) (*book.Anomaly, error) {
	if cursor == "" {
		return nil, nil
	}
	parts := strings.SplitN(cursor, " ", 3)
	if len(parts) == 3 {
		if v, err := strconv.ParseInt(parts[0], 10, 64); err == nil {
			return &book.Anomaly{Began: record.Millis(v), Kind: parts[1], Object: parts[2]}, nil
		}
	}
	return nil, huma.Error422UnprocessableEntity("the cursor is none that was given")
}

func told(world *object.World, a *book.Anomaly) ObjectAnomaly {
	kind := anomaly.Kind(a.Kind)
	found := a.Found.Time()
	x := ObjectAnomaly{
		Object: object.ID(a.Object), Kind: a.Kind, Untrue: kind.Untrue(), From: a.Began.Time(), To: a.Ended.Time(), Lasts: a.Lasts != 0, Found: &found,
		Value: a.Value, Expected: a.Expected, Values: int(a.Values),
	}
	if o, ok := world.Object(x.Object); ok {
		x.Name, x.Unit = o.Name, foresight.RateUnit(o)
		if kind == anomaly.Backwards {
			x.Unit = o.Unit
		}
	}
	return x
}

// one looks at one object, hour by hour, and adds what the watch alone can find.
func (w *Watcher) one(ctx context.Context, o *object.Object, q book.AnomalyQuery, in *asked) ([]ObjectAnomaly, error) {
	out := []ObjectAnomaly{}
	rows, err := w.o.Store.Anomalies(ctx, q)
	if err != nil {
		return nil, err
	}
	kept := make(map[string]*book.Anomaly, len(rows))
	for i := range rows {
		a := &rows[i]
		if k := anomaly.Kind(a.Kind); k == anomaly.Backwards || k == anomaly.PartsExceed {
			out = append(out, told(w.o.World(), a))
		}
		kept[fmt.Sprint(a.Began, a.Kind)] = a
	}
	c, err := window.Load(foresight.Zone(w.o.Model(), o.ID))
	if err != nil {
		return nil, err
	}
	// What is usual has to be learnt first.
	start, values, err := foresight.Hours(ctx, w.o.History, o.ID, q.From-learnt, q.To)
	if err != nil || len(values) == 0 {
		return out, err
	}
	all, err := anomaly.Scan(anomaly.Options{Calendar: c, Step: int64(stand.Hour)}, start, values)
	if err != nil {
		return nil, err
	}
	end := start + record.Millis(len(values))*stand.Hour
	for _, e := range all {
		lasts := end-e.To < goesOn && w.o.Clock()-end < goesOn
		if e.To <= q.From || in.Kind != "" && in.Kind != string(e.Kind) || in.Lasts && !lasts {
			continue
		}
		x := ObjectAnomaly{
			Object: o.ID, Name: o.Name, Unit: foresight.RateUnit(o), Kind: string(e.Kind), Untrue: e.Kind.Untrue(), From: e.From.Time(), To: e.To.Time(), Lasts: lasts,
			Values: e.Values, Value: record.Finite(e.Value), Expected: record.Finite(e.Worst.Expected),
		}
		if a := kept[fmt.Sprint(e.From, e.Kind)]; a != nil {
			x.Found = new(a.Found.Time())
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b ObjectAnomaly) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Kind, b.Kind)) })
	return out, nil
}

// far tells how far the watch is, as it is stored.
func (w *Watcher) far(ctx context.Context) (AnomalyWatch, error) {
	out := AnomalyWatch{Most: Most, Able: w.o.History != nil}
	looked, err := w.o.Store.Looked(ctx)
	if err != nil || len(looked) == 0 {
		return out, err
	}
	world := w.o.World()
	first, last := record.MaxTime, record.Millis(0)
	for id, at := range looked {
		if _, ok := world.Object(object.ID(id)); ok {
			out.Objects++
			first, last = min(first, at), max(last, at)
		}
	}
	if out.Objects > 0 {
		out.From, out.To = new(first.Time()), new(last.Time())
	}
	return out, nil
}
