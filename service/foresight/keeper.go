package foresight

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/forecast/dayahead"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/window"
)

// Most is how many objects are forecast by themselves.
const Most = 1000

const day = 24 * stand.Hour

// Options say what to work with.
type Options struct {
	Store   *book.Store
	History stand.History        // nil: there is none, and nothing is forecast
	World   func() *object.World // nil as long as nobody knows
	Model   func() *model.Model
	Actor   func(context.Context) string
	Clock   func() record.Millis // default that of this machine
	Log     *slog.Logger

	Registerer prometheus.Registerer // may be nil
}

// Keeper forecasts and keeps forecasts.
type Keeper struct {
	o       Options
	fitting chan struct{} // held by who fits
	meter   *meter

	mu    sync.Mutex
	named map[book.Named]bool // to be noted
	read  map[key]found       // what was read lately
}

type key struct {
	object object.ID
	day    record.Millis
}

type found struct {
	forecast *dayahead.Forecast // nil: there is none
	wrong    *float64
	at       record.Millis // when it was read
}

// New checks the options.
func New(o Options) (*Keeper, error) {
	if o.Store == nil || o.World == nil || o.Model == nil {
		return nil, errors.New("open forecasts: store, world and model are needed")
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	if o.Clock == nil {
		o.Clock = func() record.Millis { return record.MillisOf(time.Now()) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{o: o, fitting: make(chan struct{}, 1), meter: newMeter(), named: make(map[book.Named]bool), read: make(map[key]found)}
	if o.Registerer != nil {
		if err := o.Registerer.Register(k.meter); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Zone is the time zone of an object: that of the site of its sensor, or of the
// hierarchy of its group.
func Zone(m *model.Model, id object.ID) string {
	site := model.SiteID("")
	if sensor, ok := id.Sensor(); ok {
		if x, ok := m.Sensor(sensor); ok {
			site = x.Site
		}
	} else if g, ok := id.Group(); ok {
		if h, ok := m.HierarchyOf(g); ok {
			if x, ok := m.Hierarchy(h); ok {
				site = x.Site
			}
		}
	}
	if x, ok := m.Site(site); ok && x.Zone != "" {
		return x.Zone
	}
	return "UTC"
}

// Why an object is forecast.
const (
	bySetting = "setting"
	byService = "service"
	byAsking  = "asked"
	byRoot    = "root"
)

// name is an object that is to be forecast.
type name struct {
	object  *object.Object
	because string
}

// names gives what is to be forecast, and how many more there are than [Most].
func (k *Keeper) names(ctx context.Context, w *object.World, m *model.Model, now record.Millis) (out []name, left int, err error) {
	set, err := k.o.Store.Documents(ctx, book.Foreseen)
	if err != nil {
		return nil, 0, err
	}
	asked, err := k.o.Store.Names(ctx, now-30*day)
	if err != nil {
		return nil, 0, err
	}
	seen := make(map[object.ID]bool)
	add := func(id object.ID, because string) {
		o, ok := w.Object(id)
		if !ok || seen[id] {
			return
		}
		seen[id] = true
		if len(out) == Most {
			left++
			return
		}
		out = append(out, name{o, because})
	}
	for _, d := range set {
		add(object.ID(d.ID), bySetting)
	}
	for _, why := range []string{byService, byAsking} {
		for _, n := range asked {
			if n.Why == why {
				add(object.ID(n.Object), why)
			}
		}
	}
	for _, id := range m.Hierarchies() {
		if h, ok := m.Hierarchy(id); ok {
			add(object.OfGroup(h.Root), byRoot)
		}
	}
	return out, left, nil
}

// Named gives what is forecast by itself, what is most wanted first.
func (k *Keeper) Named(ctx context.Context) ([]object.ID, error) {
	w, m := k.o.World(), k.o.Model()
	if w == nil || m == nil {
		return nil, nil
	}
	names, _, err := k.names(ctx, w, m, k.o.Clock())
	out := make([]object.ID, len(names))
	for i, n := range names {
		out[i] = n.object.ID
	}
	return out, err
}

// note has an object be forecast from now on, because somebody wanted to know.
func (k *Keeper) note(id object.ID, why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.named) < Most {
		k.named[book.Named{Object: string(id), Why: why}] = true
	}
}

// How often it is looked, and how long tomorrow is left as it was said.
const (
	stepEvery  = 15 * time.Second
	againAfter = 6 * stand.Hour
)

// Run writes down which objects were named here, until ctx ends. It is for every process.
func (k *Keeper) Run(ctx context.Context) error {
	for run.Pause(ctx, stepEvery/3) {
		k.mu.Lock()
		all := slices.Collect(maps.Keys(k.named))
		clear(k.named)
		k.mu.Unlock()
		slices.SortFunc(all, func(a, b book.Named) int { return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Why, b.Why)) })
		for i := range all {
			all[i].At = k.o.Clock()
		}
		// What is lost here is named again by whoever asks again.
		if err := k.o.Store.Name(ctx, all...); err != nil && ctx.Err() == nil {
			k.o.Log.Warn("what is to be forecast was not noted", "objects", len(all), "because", err)
		}
	}
	return nil
}

// Work forecasts what is named, and compares what is over, until ctx ends.
func (k *Keeper) Work(ctx context.Context) error {
	without := make(map[object.ID]record.Millis)
	for {
		if err := k.Round(ctx, without); err != nil {
			return err
		}
		if !run.Pause(ctx, stepEvery) {
			return nil
		}
	}
}

// Round forecasts what is named and not forecast yet, and compares what is over.
// without remembers, by object, the day of which nothing could be said.
func (k *Keeper) Round(ctx context.Context, without map[object.ID]record.Millis) error {
	w, m := k.o.World(), k.o.Model()
	if k.o.History == nil || w == nil || m == nil {
		return nil
	}
	now := k.o.Clock()
	settled, err := k.o.History.Settled(ctx)
	if err != nil {
		return err
	}
	names, left, err := k.names(ctx, w, m, now)
	if err != nil {
		return err
	}
	rows, err := k.o.Store.Foreknown(ctx, now)
	if err != nil {
		return err
	}
	known := make(map[key]*book.Forecast, len(rows))
	for i := range rows {
		known[key{object.ID(rows[i].Object), rows[i].Day}] = &rows[i]
	}
	waiting := 0
	var todo []task
	for _, n := range names {
		t, err := k.task(m, n, now)
		if err != nil {
			k.o.Log.Warn("the days of an object are not known", "object", string(n.object.ID), "because", err)
			continue
		}
		switch has, next := known[key{n.object.ID, t.today.From}], known[key{n.object.ID, t.tomorrow.From}]; {
		case without[n.object.ID] == t.today.From:
		case settled < t.today.From:
			waiting++
		case has == nil || has.Known < t.today.From || next == nil || next.Known < settled-againAfter:
			todo = append(todo, t)
		}
	}
	k.meter.now(len(names), waiting+len(todo), len(without), left)
	for i, t := range todo {
		if ctx.Err() != nil {
			return nil
		}
		err := k.make(ctx, t, now)
		switch {
		case isSilent(err):
			without[t.object.ID] = t.today.From
		case err != nil:
			return err
		default:
			k.meter.made.Inc()
			delete(without, t.object.ID)
		}
		k.meter.now(len(names), waiting+len(todo)-i-1, len(without), left)
	}
	return k.compare(ctx, now, settled)
}

// task is an object whose days are to be forecast.
type task struct {
	name
	zone            string
	calendar        window.Calendar
	today, tomorrow window.Span
}

func (k *Keeper) task(m *model.Model, n name, now record.Millis) (task, error) {
	t := task{name: n, zone: Zone(m, n.object.ID)}
	var err error
	if t.calendar, err = window.Load(t.zone); err != nil {
		return t, err
	}
	t.today = t.calendar.Span(window.Day, now)
	t.tomorrow = t.calendar.Next(window.Day, t.today)
	return t, nil
}

// make forecasts today and tomorrow, and stores both.
func (k *Keeper) make(ctx context.Context, t task, now record.Millis) error {
	f, err := k.fit(ctx, t.object.ID, t.calendar, now, now)
	if err != nil {
		return err
	}
	var rows []book.Forecast
	for _, span := range []window.Span{t.today, t.tomorrow} {
		row, err := f.row(t.object.ID, t.zone, t.because, span, now)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return k.o.Store.Foresee(ctx, rows...)
}

// atOnce is how many forecasts are compared before the next look.
const atOnce = 200

// compare looks what came of forecasts.
func (k *Keeper) compare(ctx context.Context, now, settled record.Millis) error {
	rows, err := k.o.Store.Uncompared(ctx, settled, atOnce)
	if err != nil {
		return err
	}
	for i := range rows {
		if ctx.Err() != nil {
			return nil
		}
		r := &rows[i]
		r.Checked = now
		doc, err := read(r)
		if err != nil {
			k.o.Log.Warn("a forecast is not understood", "object", r.Object, "because", err)
		} else {
			end := doc.Start + record.Millis(int64(len(doc.Values))*doc.Step)
			quarters, err := k.o.History.Means(ctx, object.ID(r.Object), doc.Start, end)
			if err != nil {
				return err
			}
			doc.compare(r, stand.Hours(quarters))
		}
		if err := k.o.Store.Compare(ctx, *r); err != nil {
			return err
		}
		k.meter.compared.Inc()
	}
	return nil
}

// readFor is how long what was read of a forecast is taken for what is stored.
const readFor = record.Millis(60_000)

// mostRead bounds what is remembered of them.
const mostRead = 4096

// DayAhead gives what is forecast of a day that nothing known after a time had an
// influence on, and as which share of the values its model was wrong on days before;
// false: nothing is, so far. From now on the object is forecast by itself.
func (k *Keeper) DayAhead(ctx context.Context, id object.ID, span window.Span, known record.Millis) (dayahead.Forecast, *float64, bool) {
	if k == nil || k.o.History == nil {
		return dayahead.Forecast{}, nil, false
	}
	at, now := key{id, span.From}, k.o.Clock()
	k.mu.Lock()
	f, ok := k.read[at]
	k.mu.Unlock()
	if !ok || now-f.at > readFor {
		f = found{at: now}
		if row, err := k.o.Store.Forecast(ctx, string(id), span.From); err == nil {
			if doc, err := read(&row); err == nil && row.Ends == span.To {
				f.forecast, f.wrong = doc.forecast(&row, span), doc.wrong(row.Model)
			}
		} else if !errors.Is(err, book.ErrNotFound) {
			return dayahead.Forecast{}, nil, false // whoever asks has other means
		}
		k.mu.Lock()
		if len(k.read) >= mostRead {
			clear(k.read)
		}
		k.read[at] = f
		k.mu.Unlock()
		k.note(id, byService)
	}
	if f.forecast == nil || f.forecast.Issued > known {
		return dayahead.Forecast{}, nil, false
	}
	return *f.forecast, f.wrong, true
}
