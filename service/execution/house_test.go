package execution_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/builtin"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bills"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/watch"
	"github.com/wattwerk/wattwerk/tariff"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const minute = record.Millis(60_000)

// begin is a quarter of an hour, at midnight UTC of a Monday.
const begin = record.Millis(1_767_571_200_000)

// house is services over a few objects, with a clock of its own.
type house struct {
	t       *testing.T
	e       *execution.Execution
	bills   *bills.Bills
	store   *book.Store
	source  *fake
	watch   *watch.Watch
	board   *watch.Board
	now     record.Millis
	members []execution.Member
	live    map[record.SensorID]bool
	url     string
}

// onBoth runs a test on both databases.
func onBoth(t *testing.T, f func(h *house)) {
	t.Run("SQLite", func(t *testing.T) {
		f(build(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}))
	})
	t.Run("PostgreSQL", func(t *testing.T) { f(build(t, sqldb.Options{URL: pgtest.Database(t)})) })
}

func build(t *testing.T, where sqldb.Options, enriched ...object.Enrichment) *house {
	t.Helper()
	store, err := book.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, store: store, source: &fake{}, watch: watch.New(), now: begin, members: []execution.Member{{ID: "one"}}, live: make(map[record.SensorID]bool)}
	h.board = watch.NewBoard(h.watch)
	d := model.Document{Sites: []model.Site{{ID: "home", Zone: "Europe/Berlin"}}}
	more := []object.Enrichment{{Object: "sensor/valve", Class: "brick:On_Off_Command", Actuator: true}}
	for _, id := range append(builtin.PaperSensors(), "power", "meter", "pv", "valve", "outside") {
		q := record.Ratio
		switch id {
		case "power", "meter", "pv":
			q = record.ActivePower
		case "outside":
			q = record.Temperature
			more = append(more, object.Enrichment{Object: "sensor/outside", Class: "brick:Outside_Air_Temperature_Sensor"})
		}
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(id), Site: "home", Quantity: q, Interval: model.Duration(time.Minute)})
		h.live[record.SensorID(id)] = true
	}
	more = append(more, enriched...)
	d.Groups = []model.Group{
		{ID: "home", Members: []model.Member{{Group: "flat"}, {Group: "shop"}}},
		{ID: "flat", Members: []model.Member{{Sensor: "power"}}}, {ID: "shop", Members: []model.Member{{Sensor: "meter"}}},
	}
	d.Hierarchies = []model.Hierarchy{{ID: "place", Site: "home", Root: "home"}}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	world, faults := object.NewWorld(m, nil, more)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	h.board.Set(world, h.now)
	h.step()
	docs := builtin.Services()
	paper := builtin.Paper()
	actor := func(context.Context) string { return "eva" }
	clock := func() record.Millis { return h.now }
	h.e, err = execution.New(execution.Options{
		Moment: func() *watch.Moment { return h.board.Now() }, Store: store, Feed: &feed.Feed{Source: h.source, StandIns: h.source},
		Templates: append(docs.Microservices, paper.Microservices...), Services: append(docs.Services, paper.Services...),
		Members: func() []execution.Member { return h.members }, Actor: actor, Clock: clock,
		Changed: func() {
			all, err := store.Documents(t.Context(), book.Service, book.Microservice, book.Cut)
			if err == nil {
				err = h.e.Define(all)
			}
			if err != nil {
				t.Error(err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.bills, err = bills.New(bills.Options{Store: store, Executor: h.e, Actor: actor, Clock: clock}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("test", "1"))
	h.e.Register(api)
	h.bills.Register(api)
	server := httptest.NewServer(mux)
	h.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// step has everything that lives say something now, and looks.
func (h *house) step() {
	for id, live := range h.live {
		if live {
			h.watch.Saw(id, h.now, 1, h.now)
		}
	}
	h.board.Step(h.now, nil)
}

// pass lets time pass.
func (h *house) pass(d record.Millis) {
	h.now += d
	h.step()
}

// die has sensors say nothing any more, until they are down.
func (h *house) die(ids ...record.SensorID) {
	for _, id := range ids {
		h.live[id] = false
	}
	h.pass(49 * 60 * minute)
}

// ask gives the status and the answer, decoded into a map.
func (h *house) ask(method, path string, body any) (int, map[string]any) {
	h.t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			h.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		h.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	out := make(map[string]any)
	if len(bytes.TrimSpace(data)) > 0 {
		if err := json.Unmarshal(data, &out); err != nil {
			h.t.Fatalf("%s %s: %v: %s", method, path, err, data)
		}
	}
	if resp.StatusCode >= 400 && !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
		h.t.Errorf("%s %s: %d is no problem but %s", method, path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return resp.StatusCode, out
}

// must asks, and has the answer have a status.
func (h *house) must(status int, method, path string, body any) map[string]any {
	h.t.Helper()
	code, out := h.ask(method, path, body)
	if code != status {
		h.t.Fatalf("%s %s: %d, not %d: %v", method, path, code, status, out)
	}
	return out
}

// near tells whether a number is what it should be.
func near(got any, want float64) bool {
	x, ok := got.(float64)
	return ok && math.Abs(x-want) < 1e-6
}

type m = map[string]any

// fake is a source in which every object takes a kilowatt by day and 200 W by night, but
// for what it is told.
type fake struct {
	watts  func(id object.ID, at record.Millis) (float64, energy.Quality) // may be nil
	stood  func(id object.ID, at record.Millis) float64                   // may be nil
	err    error
	asked  atomic.Int64
	tariff tariff.Tariff
}

var errAway = errors.New("the database is away")

func (f *fake) of(id object.ID, at record.Millis) (float64, energy.Quality) {
	if f.watts != nil {
		return f.watts(id, at)
	}
	if h := at.Time().Hour(); h >= 8 && h < 20 {
		return 1000, energy.Measured
	}
	return 200, energy.Measured
}

func (f *fake) Quarters(_ context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error {
	f.asked.Add(1)
	if f.err != nil {
		return f.err
	}
	for i := range int((to - from) / (15 * minute)) {
		w, q := f.of(id, from+record.Millis(i)*15*minute)
		if q == energy.None {
			each(i, &energy.Value{Average: math.NaN()})
			continue
		}
		each(i, &energy.Value{Known: true, Quality: q, Covered: int64(15 * minute), Average: w, Amount: energy.Amount(math.Round(w * 250_000))})
	}
	return nil
}

func (f *fake) StoodIn(_ context.Context, id object.ID, from, to record.Millis) ([]float64, error) {
	out := make([]float64, (to-from)/(15*minute))
	for i := range out {
		out[i] = math.NaN()
		if f.stood != nil {
			out[i] = f.stood(id, from+record.Millis(i)*15*minute)
		}
	}
	return out, nil
}

func (f *fake) Samples(_ context.Context, id record.SensorID, from, to record.Millis, most int) ([]feed.Sample, error) {
	if f.err != nil {
		return nil, f.err
	}
	var out []feed.Sample
	for at := from; at < to && len(out) < most; at += 5 * minute {
		if w, q := f.of(object.OfSensor(id), at); q != energy.None {
			out = append(out, feed.Sample{At: at, Value: w})
		}
	}
	return out, nil
}

func (f *fake) Settled(context.Context) (record.Millis, error) { return record.MaxTime, nil }

func (f *fake) Tariff(_ context.Context, id string) (tariff.Tariff, bool, error) {
	return f.tariff, string(f.tariff.ID) == id, nil
}

func (f *fake) Assigned(context.Context, object.ID, record.Millis) (tariff.Tariff, bool, error) {
	return tariff.Tariff{}, false, nil
}

func (f *fake) Quotes(context.Context, string, record.Millis, record.Millis) ([]tariff.Quote, error) {
	return nil, nil
}

func (f *fake) Parts(object.ID) []feed.Part { return nil }
func (f *fake) Zone(object.ID) string       { return "Europe/Berlin" }

// load is the definition of a service over the load alone.
func load(sid string) microservice.Service {
	return microservice.Service{
		Domain: "building", Priority: 10, Threshold: model.Duration(time.Second), Restriction: object.Restriction{Kind: object.All},
		Steps: []microservice.ServiceStep{{Microservice: "load-estimation", Major: 1}}, Local: sid,
	}
}

func sqlite(t *testing.T) sqldb.Options {
	return sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}
}
