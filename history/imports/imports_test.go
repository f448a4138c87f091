package imports_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/imports"
	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// decisions keep interventions as the books do.
type decisions struct {
	mu    sync.Mutex
	all   map[string]*decision
	order []string
}

type decision struct {
	imports.Intervention
	sensor record.SensorID
	over   bool
}

func (d *decisions) Intervene(_ context.Context, sensor record.SensorID, all []imports.Intervention, _, _ string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range all {
		if d.all[x.ID] == nil {
			d.all[x.ID] = &decision{x, sensor, false}
			d.order = append(d.order, x.ID)
		}
	}
	return nil
}

func (d *decisions) End(_ context.Context, ids []string, _, _ string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		d.all[id].over = true
	}
	return nil
}

func (d *decisions) Again(ctx context.Context, sensor record.SensorID, old, id, why, who string) error {
	x := d.all[old].Intervention
	x.ID = id
	return d.Intervene(ctx, sensor, []imports.Intervention{x}, why, who)
}

func (d *decisions) Excluded(_ context.Context, sensor record.SensorID, ids map[string]bool) (out []imports.Intervention, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, x := range d.all {
		if ids[id] && !x.over && x.sensor == sensor && x.Times == nil {
			out = append(out, x.Intervention)
		}
	}
	return out, nil
}

// world is a service with what it needs.
type world struct {
	t         *testing.T
	dir       string
	db        *sqldb.DB
	store     history.Store
	catalog   *catalog.Catalog
	decisions *decisions
	filled    map[record.SensorID]int
	now       time.Time
	limits    imports.Limits
	service   *imports.Service
	stop      func()
}

func newWorld(t *testing.T, url string, d model.Document) *world {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	w := &world{
		t: t, dir: t.TempDir(), catalog: catalog.New(b, nil), decisions: &decisions{all: make(map[string]*decision)}, filled: make(map[record.SensorID]int),
		now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), stop: func() {},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.catalog.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-w.catalog.Ready()
	if _, err := w.catalog.Commit(t.Context(), catalog.Change{Patch: model.Diff(w.catalog.State().Model.Document(), d), Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	o := sqldb.Options{URL: url}
	if url == "" {
		o.File = filepath.Join(w.dir, "wattwerk.db")
	}
	if w.db, err = sqldb.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	if w.store, err = tsdb.Open(tsdb.Options{Dir: filepath.Join(w.dir, "history"), MinFree: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.begin(w.store)
	t.Cleanup(func() { w.stop() })
	return w
}

// begin starts the service, over what is kept.
func (w *world) begin(store history.Store) {
	w.t.Helper()
	w.stop()
	s, err := imports.New(w.t.Context(), imports.Options{
		Dir: filepath.Join(w.dir, "files"), DB: w.db, Store: store, Catalog: w.catalog, Corrections: w.decisions, Limits: w.limits,
		Filled: func(_ context.Context, id record.SensorID, _, _ record.Millis) error { w.filled[id]++; return nil },
		Actor:  func(context.Context) string { return "ada" }, Now: func() time.Time { return w.now },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.service = s
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
		w.stop = func() {}
	}
}

func (w *world) upload(name, text string) imports.Import {
	w.t.Helper()
	x, err := w.service.Upload(w.t.Context(), name, strings.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

// run imports a file and waits for the end.
func (w *world) run(id string, p imports.ImportPlan, trial bool) imports.Import {
	w.t.Helper()
	if _, err := w.service.Start(w.t.Context(), id, p, trial); err != nil {
		w.t.Fatal(err)
	}
	return w.wait(id)
}

func (w *world) wait(id string) imports.Import {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; <-tick.C {
		x, err := w.service.Get(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		cancelled := x.State == imports.Uploaded && x.Events[len(x.Events)-1].What == "cancel"
		if cancelled || x.State == imports.Uploaded && x.Report != nil || x.State == imports.Stored || x.State == imports.Failed {
			return x
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the import is still %s", x.State)
		}
	}
}

// readings are those of a sensor as everything derived sees them: without
// those that are excluded, and with those that replace others.
func (w *world) readings(id record.SensorID) (out []record.Record) {
	w.t.Helper()
	err := w.store.Scan(w.t.Context(), history.RecordsOf(id), record.MinTime, record.MaxTime, func(ts []int64, vs []float64) error {
		for i, t := range ts {
			out = append(out, record.Record{Sensor: id, Time: record.Millis(t), Value: vs[i]})
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	order := slices.Clone(w.decisions.order)
	slices.SortStableFunc(order, func(a, b string) int { // those of some readings come first
		return cmp.Compare(min(1, len(w.decisions.all[b].Only)), min(1, len(w.decisions.all[a].Only)))
	})
	for _, key := range order {
		x := w.decisions.all[key]
		if x.over || x.sensor != id {
			continue
		}
		out = slices.DeleteFunc(out, func(r record.Record) bool { return x.Concerns(r.Time) })
		for i, t := range x.Times {
			out = append(out, record.Record{Sensor: id, Time: t, Value: x.Values[i]})
		}
	}
	slices.SortFunc(out, func(a, b record.Record) int { return cmp.Compare(a.Time, b.Time) })
	return out
}

func (w *world) text(id record.SensorID) string {
	var b strings.Builder
	for _, r := range w.readings(id) {
		fmt.Fprintf(&b, "%s=%v ", r.Time.Time().Format("15:04"), r.Value)
	}
	return strings.TrimSpace(b.String())
}

func site(zone string, sensors ...model.Sensor) model.Document {
	for i := range sensors {
		sensors[i].Site = "site"
	}
	return model.Document{Sites: []model.Site{{ID: "site", Zone: zone}}, Sensors: sensors}
}

func power() model.Sensor {
	return model.Sensor{ID: "a", Quantity: record.ActivePower, Interval: model.Duration(15 * time.Minute)}
}

func databases(t *testing.T, d model.Document, f func(*testing.T, *world)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newWorld(t, "", d)) })
	t.Run("postgres", func(t *testing.T) { f(t, newWorld(t, pgtest.Database(t), d)) })
}

func plan(columns ...imports.ImportColumn) imports.ImportPlan {
	return imports.ImportPlan{Format: "csv", Time: "time", Columns: columns}
}

// TestLife brings a file, looks at it, tries it, imports it, takes it back, and
// does it again.
func TestLife(t *testing.T) {
	databases(t, site("Europe/Berlin", power()), func(t *testing.T, w *world) {
		x := w.upload(`C:\Users\ada\load.csv`, "time,P [kW],E [kWh]\n2026-01-01 00:00,1,10\n2026-01-01 00:15,2,11\nnever,1,11\n2026-01-01 00:30,3,12\n2026-01-01 00:30,3,12\n2026-01-01 01:15,5,\n")
		if x.Name != "load.csv" || x.Guess == nil || x.Guess.Plan.Time != "time" || len(x.Guess.Plan.Columns) != 2 || x.Guess.Plan.Columns[1].As != "counter" {
			t.Errorf("guessed %+v of %q", x.Guess, x.Name)
		}
		p := plan(imports.ImportColumn{Column: "P [kW]", Sensor: "a", Unit: "kW", As: "gauge"},
			imports.ImportColumn{Column: "E [kWh]", Sensor: "e", Unit: "kWh", As: "counter", Create: &imports.ImportCreate{Name: "=1+1"}})
		look, err := w.service.Preview(t.Context(), x.ID, p)
		if err != nil {
			t.Fatal(err)
		}
		s := look.Series[0]
		if look.Rows != 6 || look.Refused != 1 || look.Examples[0].Line != 4 || look.Zone != "Europe/Berlin" || s.Count != 5 || *s.Min != 1000 || *s.Max != 5000 || s.Gaps != 1 || s.Twice != 1 || s.Step != 900 || look.New[0] != "e" {
			t.Errorf("preview %+v", look)
		}
		tried := w.run(x.ID, p, true)
		if r := tried.Report; tried.State != imports.Uploaded || r.Sensors[0].New != 4 || r.Sensors[0].Same != 1 || r.Refused != 1 || !slices.Equal(r.Made, []string{"e"}) {
			t.Errorf("trial: %+v %s", r, tried.Error)
		}
		if _, ok := w.catalog.State().Model.Sensor("e"); ok || w.text("a") != "" || len(w.filled) > 0 {
			t.Error("a trial changed something")
		}
		done := w.run(x.ID, p, false)
		if r := done.Report; done.State != imports.Stored || r.Sensors[0].New != 4 || r.Sensors[1].New != 3 {
			t.Errorf("import: %+v %s", r, done.Error)
		}
		const all = "23:00=1000 23:15=2000 23:30=3000 00:15=5000"
		if got := w.text("a"); got != all || w.filled["a"] != 1 {
			t.Errorf("stored %s, told %v", got, w.filled)
		}
		if sn, ok := w.catalog.State().Model.Sensor("e"); !ok || sn.Quantity != record.Energy || sn.Kind != model.Counter {
			t.Errorf("made %+v", sn)
		}
		if _, err := w.service.Start(t.Context(), x.ID, p, false); !errors.Is(err, imports.ErrState) {
			t.Errorf("started twice: %v", err)
		}
		// The same file again brings nothing.
		again := w.run(w.upload("again.csv", "time,P [kW]\n2026-01-01 00:00,1\n2026-01-01 00:15,2\n").ID, plan(p.Columns[0]), false)
		if r := again.Report.Sensors[0]; r.New != 0 || r.Same != 2 {
			t.Errorf("again: %+v", r)
		}
		undone, err := w.service.Undo(t.Context(), again.ID, "it brought nothing")
		if err != nil || undone.State != imports.Undone || w.text("a") != all {
			t.Errorf("%v; %s", err, w.text("a"))
		}
		if _, err := w.service.Undo(t.Context(), x.ID, "the wrong meter"); err != nil {
			t.Fatal(err)
		}
		if got := w.text("a") + w.text("e"); got != "" {
			t.Errorf("after it was undone there is %s", got)
		}
		redone, err := w.service.Redo(t.Context(), x.ID, "it was the right one")
		if err != nil || w.text("a") != all {
			t.Errorf("%v; %s", err, w.text("a"))
		}
		var what []string
		for _, e := range redone.Events {
			what = append(what, e.Who+" "+e.What)
		}
		if got := strings.Join(what, ", "); got != "ada upload, ada try, ada import, wattwerk stored, ada undo, ada redo" {
			t.Errorf("events: %s", got)
		}
		list, err := w.service.List(t.Context(), 10, 0)
		if err != nil || len(list) != 2 {
			t.Errorf("%d in the list, %v", len(list), err)
		}
	})
}

// TestUndoIsExact takes back what an import alone brought, whatever lies
// between and comes later.
// add stores a reading of a sensor at the first of January.
func (w *world) add(at string, v float64) {
	w.t.Helper()
	t, err := time.Parse("2006-01-02 15:04", "2026-01-01 "+at)
	if err != nil {
		w.t.Fatal(err)
	}
	fill, err := w.store.Backfill(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := fill.Add(history.RecordsOf("a"), []record.Millis{record.MillisOf(t)}, []float64{v}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := fill.Commit(); err != nil {
		w.t.Fatal(err)
	}
}

// TestConflicts refuses values that differ from stored ones, or has them count
// instead.
func TestConflicts(t *testing.T) {
	databases(t, site("UTC", power()), func(t *testing.T, w *world) {
		w.add("00:15", 5)
		const file = "time,a\n2026-01-01 00:00,1\n2026-01-01 00:15,2\n2026-01-01 00:30,3\n2026-01-01 00:30,4\n"
		p := plan(imports.ImportColumn{Column: "a", Sensor: "a", As: "gauge"})
		tried := w.run(w.upload("a.csv", file).ID, p, true)
		if o := tried.Report.Sensors[0]; o.New != 2 || o.Conflicts != 2 || len(tried.Report.Examples) != 2 || *tried.Report.Examples[0].Stored != 5 {
			t.Errorf("%+v %+v", o, tried.Report.Examples)
		}
		w.run(tried.ID, p, false)
		if got := w.text("a"); got != "00:00=1 00:15=5 00:30=3" {
			t.Error(got)
		}
		p.Conflicts = "replace"
		done := w.run(w.upload("b.csv", file).ID, p, false)
		if o := done.Report.Sensors[0]; o.Replacing != 1 || o.Same != 2 || o.Conflicts != 1 || w.text("a") != "00:00=1 00:15=2 00:30=3" {
			t.Errorf("%+v; %s", o, w.text("a"))
		}
		if _, err := w.service.Undo(t.Context(), done.ID, "no"); err != nil {
			t.Fatal(err)
		}
		if got := w.text("a"); got != "00:00=1 00:15=5 00:30=3" {
			t.Error(got)
		}
	})
}

// breaking is a store whose backfills end before they are done.
type breaking struct {
	history.Store
	after int // values that are stored all the same
	stop  func()
}

type breakingFill struct {
	history.Backfill
	b *breaking
}

func (b *breaking) Backfill(ctx context.Context) (history.Backfill, error) {
	f, err := b.Store.Backfill(ctx)
	return breakingFill{f, b}, err
}

func (f breakingFill) Add(s history.Series, ts []record.Millis, vs []float64) error {
	n := min(f.b.after, len(ts))
	if err := f.Backfill.Add(s, ts[:n], vs[:n]); err != nil {
		return err
	}
	if _, err := f.Commit(); err != nil {
		return err
	}
	f.b.stop()
	return context.Canceled
}

// TestKilled goes on with an import that ended in the middle of storing, and
// knows what it has brought.
func TestKilled(t *testing.T) {
	databases(t, site("UTC", power()), func(t *testing.T, w *world) {
		w.add("00:15", 5)
		broken := make(chan struct{})
		w.stop()
		w.begin(&breaking{Store: w.store, after: 2, stop: sync.OnceFunc(func() { close(broken) })})
		x := w.upload("a.csv", "time,a\n2026-01-01 00:00,1\n2026-01-01 00:15,2\n2026-01-01 00:30,3\n2026-01-01 00:45,4\n2026-01-01 01:00,5\n")
		p := plan(imports.ImportColumn{Column: "a", Sensor: "a", As: "gauge"})
		p.Conflicts = "replace"
		// The context of the work ends as the process does.
		if _, err := w.service.Start(t.Context(), x.ID, p, false); err != nil {
			t.Fatal(err)
		}
		<-broken
		w.kill(x.ID)
		w.begin(w.store)
		done := w.wait(x.ID)
		if got := w.text("a"); done.State != imports.Stored || got != "00:00=1 00:15=2 00:30=3 00:45=4 01:00=5" || done.Report.Sensors[0].New != 4 {
			t.Errorf("%s %s; %s; %+v", done.State, done.Error, got, done.Report)
		}
		if _, err := w.service.Undo(t.Context(), x.ID, "no"); err != nil {
			t.Fatal(err)
		}
		if got := w.text("a"); got != "00:15=5" {
			t.Errorf("after it was undone: %s", got)
		}
	})
}

// slow is a store in which nothing is found until somebody stops waiting.
type slow struct {
	history.Store
	asked func()
}

func (s *slow) Scan(ctx context.Context, _ history.Series, _, _ record.Millis, _ func([]int64, []float64) error) error {
	s.asked()
	<-ctx.Done()
	return ctx.Err()
}

// TestCancelled leaves what waits and what is read, and not what is done.
func TestCancelled(t *testing.T) {
	databases(t, site("UTC", power()), func(t *testing.T, w *world) {
		w.stop()
		asked := make(chan struct{})
		w.begin(&slow{w.store, sync.OnceFunc(func() { close(asked) })})
		p := plan(imports.ImportColumn{Column: "a", Sensor: "a", As: "gauge"})
		first, second := w.upload("a.csv", "time,a\n2026-01-01 00:00,1\n"), w.upload("b.csv", "time,a\n2026-01-01 00:15,2\n")
		for _, x := range []imports.Import{first, second} {
			if _, err := w.service.Start(t.Context(), x.ID, p, false); err != nil {
				t.Fatal(err)
			}
		}
		<-asked
		for _, x := range []imports.Import{second, first} {
			if _, err := w.service.Cancel(t.Context(), x.ID); err != nil {
				t.Fatal(err)
			}
			done := w.wait(x.ID)
			if e := done.Events[len(done.Events)-1]; done.State != imports.Uploaded || done.Report != nil || e.What != "cancel" {
				t.Errorf("%s is %s, last %+v", done.Name, done.State, e)
			}
			if _, err := w.service.Cancel(t.Context(), x.ID); !errors.Is(err, imports.ErrState) {
				t.Errorf("cancelled again: %v", err)
			}
		}
		w.stop()
		w.begin(w.store)
		if _, err := w.service.Start(t.Context(), first.ID, p, false); err != nil {
			t.Fatal(err)
		}
		if done := w.wait(first.ID); done.State != imports.Stored || w.text("a") != "00:00=1" {
			t.Errorf("begun again it is %s: %s", done.State, w.text("a"))
		}
	})
}

// kill ends the service and has the import stand as it stood when it broke off.
func (w *world) kill(id string) {
	w.t.Helper()
	w.stop()
	x, err := w.service.Get(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	if x.State == imports.Failed { // the test's store says so in the process that goes on
		if _, err := w.db.ExecContext(w.t.Context(), "UPDATE imports SET state = 'storing', body = REPLACE(body, '\"state\":\"failed\"', '\"state\":\"storing\"') WHERE id = ?", id); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestBounds refuses what is too much, and forgets files whose time is over.
func TestBounds(t *testing.T) {
	w := newWorld(t, "", site("UTC", power()))
	w.limits = imports.Limits{Bytes: 1000, Files: 2, Values: 3, Keep: time.Hour}
	w.begin(w.store)
	if _, err := w.service.Upload(t.Context(), "large", bytes.NewReader(make([]byte, 1001))); !errors.Is(err, imports.ErrTooMuch) {
		t.Errorf("too large: %v", err)
	}
	x := w.upload("a.csv", "time,a\n2026-01-01 00:00,1\n2026-01-01 00:15,2\n2026-01-01 00:30,3\n2026-01-01 00:45,3\n")
	failed := w.run(x.ID, plan(imports.ImportColumn{Column: "a", Sensor: "a", As: "gauge"}), false)
	if failed.State != imports.Failed || !strings.Contains(failed.Error, "more than 3 values") {
		t.Errorf("%s: %s", failed.State, failed.Error)
	}
	w.upload("nonsense", "\x00\x01\x02 nothing at all")
	if _, err := w.service.Upload(t.Context(), "third", strings.NewReader("x")); !errors.Is(err, imports.ErrTooMuch) {
		t.Errorf("too many: %v", err)
	}
	w.now = w.now.Add(2 * time.Hour)
	w.begin(w.store)
	if _, err := w.service.Preview(t.Context(), x.ID, plan(imports.ImportColumn{Column: "a", Sensor: "a", As: "gauge"})); !errors.Is(err, imports.ErrState) {
		t.Errorf("expired: %v", err)
	}
	if _, err := w.service.Get(t.Context(), "imp_../../x"); !errors.Is(err, imports.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// TestPlans refuses plans that do not fit, in sentences.
func TestPlans(t *testing.T) {
	d := site("UTC", power(), model.Sensor{ID: "c", Quantity: record.Energy}, model.Sensor{ID: "v", Quantity: record.Voltage}, model.Sensor{ID: "f", Quantity: record.ActivePower, Formula: `sensor("a")`})
	w := newWorld(t, "", d)
	x := w.upload("a.csv", "time,a\n2026-01-01 00:00,1\n2026-01-01 00:15,2\n")
	quarter := new(model.Duration(15 * time.Minute))
	for want, c := range map[string]imports.ImportColumn{
		`"kWh" is no unit of active_power`:           {Column: "a", Sensor: "a", Unit: "kWh", As: "gauge"},
		"sensor \"a\" is a gauge":                    {Column: "a", Sensor: "a", Unit: "W", As: "counter"},
		"choose or make a sensor of active_power":    {Column: "a", Sensor: "c", Unit: "kWh", As: "amount", Interval: quarter},
		"say of how long an interval":                {Column: "a", Sensor: "a", Unit: "kWh", As: "amount"},
		"does not add up over time":                  {Column: "a", Sensor: "v", Unit: "V", As: "amount", Interval: quarter},
		"is computed by a formula":                   {Column: "a", Sensor: "f", Unit: "W", As: "gauge"},
		"there is no sensor \"new\"; choose another": {Column: "a", Sensor: "new", Unit: "W", As: "gauge"},
		"say what quantity the new sensor":           {Column: "a", Sensor: "new", As: "gauge", Create: &imports.ImportCreate{}},
		"voltage in an interval is nothing":          {Column: "a", Sensor: "new", Unit: "V", As: "amount", Interval: quarter, Create: &imports.ImportCreate{}},
		"is not valid UTF-8":                         {Column: "a", Sensor: "\xff", Unit: "V", As: "gauge", Create: &imports.ImportCreate{}},
		`there is no column "b"`:                     {Column: "b", Sensor: "a", Unit: "W", As: "gauge"},
	} {
		if _, err := w.service.Preview(t.Context(), x.ID, plan(c)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	look, err := w.service.Preview(t.Context(), x.ID, plan(imports.ImportColumn{Column: "a", Sensor: "a", Unit: "Wh", As: "amount", Interval: quarter}))
	if err != nil || len(look.Notes) != 1 || !strings.Contains(look.Notes[0], "set its maxAge to 15m") {
		t.Errorf("%v %v", look.Notes, err)
	}
}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSteelWorks takes the guess for a year of a real file nearly as it is.
func TestSteelWorks(t *testing.T) {
	w := newWorld(t, "", site("Asia/Seoul"))
	file := unzip(t, "../../demo/data/steel_15min.csv.gz")
	x, err := w.service.Upload(t.Context(), "steel.csv", bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	p := x.Guess.Plan
	if p.Layout != "2/1/2006 15:04" || p.Stamp != "end" || x.Guess.Step != 900 {
		t.Fatalf("guessed %+v", p)
	}
	p.Site, p.Columns = "site", slices.DeleteFunc(p.Columns, func(c imports.ImportColumn) bool { return c.Unit != "kWh" })
	if len(p.Columns) != 1 || p.Columns[0].As != transfer.ShapeAmount || p.Columns[0].Interval == nil {
		t.Fatalf("guessed %+v", p.Columns)
	}
	done := w.run(x.ID, p, false)
	o := done.Report.Sensors[0]
	if done.State != imports.Stored || o.New != 35_040 || o.Conflicts+o.Same+done.Report.Refused != 0 {
		t.Fatalf("%s %s %+v", done.State, done.Error, done.Report)
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	hundredths := int64(0)
	for _, r := range rows[1:] {
		v, err := strconv.ParseFloat(r[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		hundredths += int64(math.Round(v * 100))
	}
	if want := float64(hundredths) * 10; *o.Amount != want {
		t.Errorf("the file adds up to %v W·h, not %v", *o.Amount, want)
	}
}
