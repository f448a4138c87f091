package history_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/promapi"
	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

const minute = record.Millis(60_000)

// plant is a whole history with its bus, and a small model.
type plant struct {
	t     testing.TB
	dir   string
	bus   *bus.Bus
	cat   *catalog.Catalog
	store *tsdb.Store
	svc   *history.Service
	mux   *http.ServeMux
	stop  func()
	t0    record.Millis // a full minute, an hour ago
}

func ptr[T any](v T) *T { return &v }

var document = model.Document{
	Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
	Sensors: []model.Sensor{
		{ID: "s1", Name: "Server 1", Quantity: record.ActivePower},
		{ID: "s2", Quantity: record.ActivePower},
		{ID: "main", Quantity: record.ActivePower},
		{ID: "count", Quantity: record.Energy},
		{ID: "temp", Quantity: record.Temperature},
		// What was measured in a minute says nothing of the next one.
		{ID: "kitchen", Quantity: record.ActivePower, MaxAge: ptr(model.Duration(time.Minute))},
		{ID: "laundry", Quantity: record.ActivePower, MaxAge: ptr(model.Duration(time.Minute))},
		{ID: "heater", Quantity: record.ActivePower, MaxAge: ptr(model.Duration(time.Minute))},
		{ID: "kept", Quantity: record.ActivePower, MaxAge: ptr(model.Unlimited)},
		{ID: "balance", Quantity: record.ActivePower, Formula: `sensor("main") - group("root")`},
		{ID: "never", Quantity: record.ActivePower, Formula: `sensor("main")`},
	},
	Groups: []model.Group{
		{ID: "root", Members: []model.Member{{Group: "rack"}, {Sensor: "s2"}}},
		{ID: "rack", Name: "Rack", Members: []model.Member{{Sensor: "s1"}, {Sensor: "kept", Sign: -1}, {Sensor: "main", Meter: true}}},
	},
	Hierarchies: []model.Hierarchy{{ID: "place", Root: "root", Tick: model.Duration(time.Minute)}},
}

func start(t testing.TB) *plant {
	p := &plant{t: t, dir: t.TempDir(), t0: record.MillisOf(time.Now().Add(-time.Hour).Truncate(time.Minute))}
	b, err := bus.Open(t.Context(), bus.Options{Dir: p.dir, Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	p.bus = b
	p.cat = catalog.New(b, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.cat.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-p.cat.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	m, err := model.New(document)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := model.New(model.Document{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.cat.Commit(ctx, catalog.Change{Patch: model.Diff(empty.Document(), m.Document()), Who: "test"}); err != nil {
		t.Fatal(err)
	}
	p.run()
	t.Cleanup(func() { p.stop() })
	return p
}

// run opens the store and starts the service.
func (p *plant) run() {
	p.t.Helper()
	var err error
	if p.store, err = tsdb.Open(tsdb.Options{Dir: p.dir + "/history", MinFree: 1}); err != nil {
		p.t.Fatal(err)
	}
	if p.svc, err = history.New(history.Options{Bus: p.bus, Catalog: p.cat, Store: p.store}); err != nil {
		p.t.Fatal(err)
	}
	p.mux = http.NewServeMux()
	api := humago.New(p.mux, huma.DefaultConfig("test", "1"))
	p.svc.Register(api)
	transfer.Register(api, p.svc, nil)
	p.mux.Handle("/prometheus/", promapi.Handler(promapi.Options{Store: p.store}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.svc.Run(ctx) }()
	p.stop = func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
		if err := p.store.Close(); err != nil {
			p.t.Error(err)
		}
		p.stop = func() {}
	}
}

// write sends records and waits until they are in the history.
func (p *plant) write(rs ...record.Record) {
	p.t.Helper()
	if err := p.bus.NewWriter().Write(p.t.Context(), rs); err != nil {
		p.t.Fatal(err)
	}
	p.settle()
}

func (p *plant) settle() {
	p.t.Helper()
	p.until("the history has read everything", func() bool {
		for i, at := range p.svc.Positions() {
			x, err := p.bus.RecordsExtent(p.t.Context(), i)
			if err != nil {
				p.t.Fatal(err)
			}
			if at < x.Last {
				return false
			}
		}
		x, err := p.bus.AggregatesExtent(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		return p.svc.AggregatesPosition() >= x.Last
	})
}

func (p *plant) until(what string, ok func() bool) {
	p.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// keep puts ticks behind those of the hierarchy that are there.
func (p *plant) keep(m record.Ticks) {
	p.t.Helper()
	_, at, err := p.bus.LastAggregates(p.t.Context(), m.Hierarchy)
	if err == nil {
		_, err = p.bus.PublishAggregates(p.t.Context(), m.Hierarchy, m.Encode(nil), at)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *plant) ticks(ts ...record.Tick) {
	p.t.Helper()
	m := record.Ticks{Hierarchy: "place", Revision: 1, Groups: []string{"root", "rack"}, Ticks: ts}
	p.keep(m)
	p.settle()
}

func (p *plant) get(path string, into any) *httptest.ResponseRecorder {
	p.t.Helper()
	w := httptest.NewRecorder()
	p.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if into != nil {
		if w.Code != http.StatusOK {
			p.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			p.t.Fatalf("%s: %v in %s", path, err, w.Body)
		}
	}
	return w
}

// body gets a path and compares the answer, without spaces.
func (p *plant) body(path, want string) {
	p.t.Helper()
	w := p.get(path, nil)
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		p.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	delete(v, "$schema")
	got, _ := json.Marshal(v)
	if string(got) != want {
		p.t.Errorf("%s\n got %s\nwant %s", path, got, want)
	}
}

func (p *plant) at(m int) record.Millis { return p.t0 + record.Millis(m)*minute }

func (p *plant) rec(id record.SensorID, m int, v float64) record.Record {
	return record.Record{Sensor: id, Time: p.at(m), Value: v}
}

func TestRangeShowsGaps(t *testing.T) {
	p := start(t)
	p.write(p.rec("s1", 0, 10), p.rec("s1", 1, 20), p.rec("s1", 2, 30), p.rec("s1", 10, 40))
	var got struct {
		Unit          string
		Step          int64
		T             []int64
		Min, Avg, Max []*float64
		Count         []int
		Value         []*float64
	}
	show := func() string {
		var b strings.Builder
		for i, at := range got.T {
			fmt.Fprintf(&b, "%d:", (at-int64(p.t0))/int64(minute))
			if got.Avg[i] == nil {
				b.WriteString("null ")
			} else {
				fmt.Fprintf(&b, "%g/%g/%g/%d ", *got.Min[i], *got.Avg[i], *got.Max[i], got.Count[i])
			}
		}
		return strings.TrimSpace(b.String())
	}
	path := fmt.Sprintf("/api/v1/sensors/s1/range?from=%d&to=%d", p.t0, p.at(20)-1)
	p.get(path, &got)
	// The value holds 3 minutes, so the gap begins at minute 5.
	if want := "0:10/10/10/1 1:20/20/20/1 2:30/30/30/1 5:null 10:40/40/40/1"; show() != want || got.Unit != "W" {
		t.Errorf("got %s, want %s", show(), want)
	}
	p.get(path+"&points=3", &got)
	if want := "0:10/20/30/3 6:40/40/40/1"; got.Step != 400_000 || show() != want {
		t.Errorf("got %s, want %s", show(), want)
	}
	p.write(p.rec("s1", 19, 50))
	p.get(fmt.Sprintf("/api/v1/sensors/s1/range?from=%d&to=%d&points=4", p.t0, p.at(20)-1), &got)
	if want := "0:10/20/30/3 5:null 10:40/40/40/1 15:50/50/50/1"; show() != want {
		t.Errorf("got %s, want %s", show(), want)
	}
	p.get(path+"&raw=true", &got)
	if len(got.Value) != 5 || *got.Value[4] != 50 {
		t.Errorf("raw: %v", got.Value)
	}
	p.body(fmt.Sprintf("/api/v1/sensors/s1/range?from=%d&to=%d", p.at(-20), p.at(-10)),
		fmt.Sprintf(`{"avg":[],"count":[],"from":%d,"max":[],"min":[],"step":%d,"t":[],"to":%d,"unit":"W"}`, p.at(-20), 601, p.at(-10)))
	for path, status := range map[string]int{
		"/api/v1/sensors/nobody/range":                 404,
		"/api/v1/groups/nobody/range":                  404,
		"/api/v1/sensors/s1/range?points=0":            422,
		"/api/v1/sensors/s1/range?from=yesterday":      422,
		"/api/v1/sensors/s1/range?from=now&to=now-1h":  422,
		"/api/v1/sensors/s1/trend?span=fast":           422,
		"/api/v1/sensors/s1/trend?span=20000w":         422,
		"/api/v1/sensors/s1/distribution?buckets=-1":   422,
		"/api/v1/sensors/temp/energy":                  422,
		"/api/v1/groups/nobody/composition":            404,
		"/api/v1/sensors/s1/export?format=docx":        422,
		"/api/v1/sensors/nobody/latest":                404,
		"/api/v1/sensors/s1/range?from=now-1h&to=now1": 422,
	} {
		if w := p.get(path, nil); w.Code != status || !strings.Contains(w.Header().Get("Content-Type"), "problem+json") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestAnyUnicodeIdentifier(t *testing.T) {
	p := start(t)
	id := record.SensorID(`Küche/Herd "1" 100% ±|.*`)
	p.write(record.Record{Sensor: id, Time: p.at(0), Value: 7})
	var got history.SensorLatest
	p.get("/api/v1/sensors/"+url.PathEscape(string(id))+"/latest", &got)
	if got.Sensor != id || got.Value == nil || *got.Value != 7 {
		t.Errorf("got %+v", got)
	}
}

func TestTrendCountDistribution(t *testing.T) {
	p := start(t)
	var rs []record.Record
	for m := range 60 {
		rs = append(rs, p.rec("s1", m-60, 100), p.rec("s1", m, 150), p.rec("s2", m-60, 1), p.rec("s2", m, -2))
	}
	p.write(rs...)
	at := p.at(59) + minute - 1
	stamp, _ := at.Time().MarshalText()
	q := fmt.Sprintf("/trend?at=%d", at)
	p.body("/api/v1/sensors/s1"+q, fmt.Sprintf(`{"at":"%s","before":100,"current":150,"direction":"up","ratio":1.5,"span":"1h"}`, stamp))
	p.body("/api/v1/sensors/s2"+q, fmt.Sprintf(`{"at":"%s","before":1,"current":-2,"direction":"down","ratio":-2,"span":"1h"}`, stamp))
	p.body("/api/v1/sensors/s1"+q+"&span=1w", fmt.Sprintf(`{"at":"%s","before":null,"current":125,"direction":null,"ratio":null,"span":"1w"}`, stamp))
	p.body("/api/v1/sensors/count"+q, fmt.Sprintf(`{"at":"%s","before":null,"current":null,"direction":null,"ratio":null,"span":"1h"}`, stamp))
	p.body("/api/v1/sensors/s1/count", `{"count":120}`)
	p.body(fmt.Sprintf("/api/v1/sensors/s1/count?from=%d&to=%d", p.at(0), p.at(9)), `{"count":10}`)
	whole := fmt.Sprintf("from=%d&to=%d", p.at(-60), p.at(60))
	for path, want := range map[string]string{
		"/api/v1/sensors/s1/distribution?" + whole:                                `[{"lower":100,"upper":112.5,"elements":60},{"lower":112.5,"upper":125,"elements":0},{"lower":125,"upper":137.5,"elements":0},{"lower":137.5,"upper":150,"elements":60}]`,
		"/api/v1/sensors/s1/distribution?buckets=1&" + whole:                      `[{"lower":100,"upper":150,"elements":120}]`,
		fmt.Sprintf("/api/v1/sensors/s1/distribution?buckets=2&from=%d", p.at(0)): `[{"lower":150,"upper":150,"elements":60},{"lower":150,"upper":150,"elements":0}]`,
		"/api/v1/sensors/count/distribution?" + whole:                             `[]`,
	} {
		if w := p.get(path, nil); strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
}

func nan(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

func (p *plant) tick(m int, root, rack float64) record.Tick {
	t := record.Tick{Time: p.at(m), Sum: []float64{root, rack}, Min: []float64{1, 1}, Max: []float64{9, 9}, Count: []uint32{2, 1}, Total: []uint32{2, 2}, Meter: nan(2), Unaccounted: nan(2)}
	t.Meter[1], t.Unaccounted[1] = rack+5, 5
	return t
}

func TestTicksNullAndEnergy(t *testing.T) {
	p := start(t)
	dead := record.Tick{Time: p.at(2), Sum: nan(2), Min: nan(2), Max: nan(2), Count: []uint32{0, 0}, Total: []uint32{2, 2}, Meter: nan(2), Unaccounted: nan(2)}
	p.ticks(p.tick(0, 60, 30), p.tick(1, 120, 30), dead)
	p.ticks(p.tick(3, 60, 30))
	var got struct{ Value []*float64 }
	p.get(fmt.Sprintf("/api/v1/groups/root/range?raw=true&from=%d", p.t0), &got)
	if len(got.Value) != 4 || got.Value[2] != nil || *got.Value[3] != 60 {
		t.Errorf("null must show: %v", got.Value)
	}
	p.get(fmt.Sprintf("/api/v1/groups/root/range?raw=true&column=meter&from=%d", p.t0), &got)
	if len(got.Value) != 0 {
		t.Errorf("what is always null is not stored: %v", got.Value)
	}
	var e struct {
		Unit               string
		Sum                history.Energy
		Meter, Unaccounted *history.Energy
	}
	// 60 W and 120 W for a minute, nothing for one, then 60 W for a minute.
	p.get(fmt.Sprintf("/api/v1/groups/root/energy?from=%d&to=%d", p.t0, p.at(4)), &e)
	if e.Unit != "Wh" || *e.Sum.Value != 4 || e.Sum.Completeness != .75 || e.Meter != nil {
		t.Errorf("energy %+v %v", e.Sum, *e.Sum.Value)
	}
	p.get(fmt.Sprintf("/api/v1/groups/rack/energy?from=%d&to=%d", p.t0, p.at(4)), &e)
	if *e.Meter.Value != 1.75 || *e.Unaccounted.Value != .25 {
		t.Errorf("energy %v %v", *e.Meter.Value, *e.Unaccounted.Value)
	}
	// The meter of a group that is gone: the series ends.
	m := record.Ticks{Hierarchy: "place", Groups: []string{"root"}, Ticks: []record.Tick{{Time: p.at(4), Sum: []float64{1}, Min: []float64{1}, Max: []float64{1}, Count: []uint32{1}, Total: []uint32{1}, Meter: nan(1), Unaccounted: nan(1)}}}
	p.keep(m)
	p.settle()
	p.get(fmt.Sprintf("/api/v1/groups/rack/range?raw=true&from=%d", p.t0), &got)
	if len(got.Value) != 5 || got.Value[4] != nil {
		t.Errorf("the group that is gone goes on: %v", got.Value)
	}
	var prom struct {
		Data struct{ Result []struct{ Value []any } }
	}
	p.get(fmt.Sprintf("/prometheus/api/v1/query?query=%s&time=%d", url.QueryEscape(`wattwerk_group_sum{group="rack"}`), p.at(4)/1000), &prom)
	if len(prom.Data.Result) != 0 {
		t.Errorf("PromQL carries on: %v", prom.Data.Result)
	}
}

func TestLatestAndComposition(t *testing.T) {
	p := start(t)
	now := record.MillisOf(time.Now().Truncate(time.Second))
	p.write(record.Record{Sensor: "s1", Time: now, Value: 30}, record.Record{Sensor: "main", Time: now, Value: 50},
		record.Record{Sensor: "kept", Time: now - 40*minute, Value: 10}, record.Record{Sensor: "s2", Time: now - 40*minute, Value: 1})
	p.ticks(record.Tick{Time: now, Sum: []float64{71, 20}, Min: []float64{1, 1}, Max: []float64{9, 9}, Count: []uint32{2, 1}, Total: []uint32{2, 2}, Meter: []float64{math.NaN(), 50}, Unaccounted: []float64{math.NaN(), 30}})
	var got struct {
		Sensors []history.SensorLatest
		Groups  []history.GroupLatest
	}
	for range 2 {
		p.get("/api/v1/latest?sensor=s1&sensor=s2&sensor=kept&sensor=temp&group=root&group=rack&group=nobody", &got)
		var stale []bool
		for _, s := range got.Sensors {
			stale = append(stale, s.Stale)
		}
		if !slices.Equal(stale, []bool{false, true, false, true}) || *got.Sensors[0].Value != 30 || got.Sensors[3].Value != nil {
			t.Errorf("sensors %+v", got.Sensors)
		}
		if g := got.Groups[1]; *g.Sum != 20 || *g.Meter != 50 || g.Total != 2 || g.Stale || g.Hierarchy != "place" || got.Groups[0].Meter != nil || got.Groups[2].Time != nil {
			t.Errorf("groups %+v", got.Groups)
		}
		var c struct {
			Whole, Sum, Meter, Unaccounted, UnaccountedShare *float64
			Parts                                            []history.Part
		}
		p.get("/api/v1/groups/rack/composition", &c)
		if *c.Whole != 50 || *c.Sum != 20 || *c.Unaccounted != 30 || *c.UnaccountedShare != .6 || len(c.Parts) != 2 ||
			*c.Parts[0].Share != .6 || *c.Parts[1].Share != -.2 || c.Parts[0].Name != "Server 1" {
			t.Errorf("rack %+v", c)
		}
		p.get("/api/v1/groups/root/composition", &c)
		// Rack counts as its meter; s2 is too old to count.
		if *c.Whole != 50 || *c.Parts[0].Value != 50 || c.Parts[1].Value != nil || c.Parts[1].Share != nil {
			t.Errorf("root %+v", c)
		}
		p.get(fmt.Sprintf("/api/v1/groups/root/composition?at=%d", now-39*minute), &c)
		if *c.Whole != 1 || c.Parts[0].Value != nil || *c.Parts[1].Share != 1 {
			t.Errorf("root then %+v", c)
		}
		p.stop()
		p.run()
	}
}

// TestLateTicksAreNotStale: in a live system a tick is stored some seconds after its time.
func TestLateTicksAreNotStale(t *testing.T) {
	p := start(t)
	held := record.MillisOf(time.Now()) - 3*minute
	for _, c := range []struct {
		at    record.Millis
		stale bool
	}{{held - 5001, true}, {held, false}} {
		p.ticks(record.Tick{Time: c.at, Sum: []float64{1, 1}, Min: []float64{1, 1}, Max: []float64{1, 1}, Count: []uint32{1, 1}, Total: []uint32{2, 2}, Meter: []float64{math.NaN(), math.NaN()}, Unaccounted: []float64{math.NaN(), math.NaN()}})
		var g history.GroupLatest
		if p.get("/api/v1/groups/rack/latest", &g); g.Time == nil || record.MillisOf(*g.Time) != c.at || g.Stale != c.stale {
			t.Errorf("tick of %s: %+v", c.at, g)
		}
	}
}

func TestCounterEnergy(t *testing.T) {
	p := start(t)
	for m, v := range []float64{1000, 1010, 1030, 5, 15} {
		p.write(p.rec("count", m, v))
	}
	var e struct {
		Unit string
		history.Energy
	}
	p.get(fmt.Sprintf("/api/v1/sensors/count/energy?from=%d&to=%d", p.t0, p.at(4)), &e)
	if *e.Value != 10+20+5+10 || e.Resets != 1 || e.Completeness != 1 || e.Unit != "Wh" {
		t.Errorf("got %+v %v", e, *e.Value)
	}
	p.get(fmt.Sprintf("/api/v1/sensors/count/energy?from=%d&to=%d", p.t0+minute/2, p.at(1)+minute/2), &e)
	if *e.Value != 5+10 {
		t.Errorf("half way between readings: %v", *e.Value)
	}
	p.get(fmt.Sprintf("/api/v1/sensors/count/energy?from=%d&to=%d", p.at(10), p.at(20)), &e)
	if e.Value != nil || e.Completeness != 0 {
		t.Errorf("nothing is known: %+v", e)
	}
}

func TestRefusedRecordsAreBuried(t *testing.T) {
	p := start(t)
	future := record.MillisOf(time.Now().Add(48 * time.Hour))
	p.write(p.rec("s1", 0, 1), p.rec("s1", 0, 1))
	p.write(p.rec("s1", 0, 2), p.rec("s2", 0, 3), record.Record{Sensor: "s2", Time: future, Value: 1},
		record.Record{Sensor: "s2", Time: p.t0 - 200*24*60*minute, Value: 1})
	var many []record.Record
	for m := range 100 {
		many = append(many, p.rec("temp", -m, 1), p.rec("temp", -m, 2))
	}
	p.write(many...)
	ds, err := p.bus.DeadLetters(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	lines := 0
	for _, d := range ds {
		all = append(all, d.Reason)
		if d.Code == "" || d.Code == phrase.Contradiction && (d.Params["time"] == nil || d.Params["offered"] == nil || d.Params["stored"] == nil) {
			t.Errorf("%q is said by the code %q and %v", d.Reason, d.Code, d.Params)
		}
		if d.Sensor == "temp" {
			lines += max(1, strings.Count(d.Sample, "\n"))
		}
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"2 was offered for " + p.at(0).String() + ", 1 is stored", "too far in the future", "`wattwerk import`"} {
		if !strings.Contains(text, want) {
			t.Errorf("no letter says %q in\n%s", want, text)
		}
	}
	if lines != 100 {
		t.Errorf("%d of 100 contradictions are told of", lines)
	}
	p.body("/api/v1/sensors/s1/count", `{"count":1}`)
	p.body("/api/v1/sensors/s2/count", `{"count":1}`)
	if n := p.svc.Appended(); n != 2+4+200 {
		t.Errorf("appended %d", n)
	}
	// Garbage on the stream is a dead letter too, and holds nothing up.
	if _, err := p.bus.PublishRecords(t.Context(), 0, []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if ds, err = p.bus.DeadLetters(t.Context(), 1); err != nil || !strings.Contains(ds[0].Reason, "malformed") || ds[0].Code != phrase.BytesMalformed {
		t.Errorf("%v %v", ds, err)
	}
}

func TestPositionsSurvive(t *testing.T) {
	p := start(t)
	for m := range 20 {
		p.write(p.rec("s1", m, float64(m)), p.rec("s2", m, float64(m)))
	}
	before := p.svc.Positions()
	p.stop()
	for i, at := range before {
		if saved, err := p.bus.Position(t.Context(), history.Reader, i); err != nil || saved != at {
			t.Errorf("partition %d: saved %d, want %d, %v", i, saved, at, err)
		}
	}
	if err := p.bus.TrimRecords(t.Context(), history.Reader); err != nil {
		t.Fatal(err)
	}
	p.run()
	p.write(p.rec("s1", 20, 20))
	p.body("/api/v1/sensors/s1/count", `{"count":21}`)
	p.body("/api/v1/sensors/s2/count", `{"count":20}`)
}

// TestEnergyIsWhatTheFileSays imports a real house over HTTP and asks for the
// energy of its sub-meters, which the file states as Wh per minute.
func TestEnergyIsWhatTheFileSays(t *testing.T) {
	p := start(t)
	packed, err := os.Open("../demo/data/household_1min.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpack, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(unpack)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	var sums [3]float64
	var first, last time.Time
	rows := 0
	for _, line := range strings.Split(string(data), "\n")[1:] {
		fields := strings.Split(strings.TrimSpace(line), ",")
		if len(fields) != 8 || fields[5] == "" { // two minutes are missing
			continue
		}
		if last, err = time.ParseInLocation("2/1/2006 15:04:05", fields[0], zone); err != nil {
			t.Fatal(err)
		}
		if rows++; rows == 1 {
			first = last
		}
		for i := range sums {
			v, err := strconv.ParseFloat(fields[5+i], 64)
			if err != nil {
				t.Fatal(err)
			}
			sums[i] += v
		}
	}
	q := url.Values{"layout": {"2/1/2006 15:04:05"}, "zone": {"Europe/Paris"}, "column": {"Sub_metering_1=kitchen:Wh/1m", "Sub_metering_2=laundry:Wh/1m", "Sub_metering_3=heater:Wh/1m"}}
	post := func() (res transfer.ImportResult) {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/import?"+q.Encode(), bytes.NewReader(data))
		r.Header.Set("Content-Type", "text/csv")
		w := httptest.NewRecorder()
		p.mux.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil || w.Code != http.StatusOK {
			t.Fatal(w.Code, w.Body, err)
		}
		return res
	}
	if res := post(); int(res.Stored) != 3*rows {
		t.Errorf("%+v of %d rows", res, rows)
	}
	if res := post(); res.Stored != 0 || int(res.Duplicates) != 3*rows {
		t.Errorf("again: %+v", res)
	}
	for i, id := range []string{"kitchen", "laundry", "heater"} {
		var e struct{ history.Energy }
		p.get(fmt.Sprintf("/api/v1/sensors/%s/energy?from=%d&to=%d", id, first.UnixMilli(), last.Add(time.Minute).UnixMilli()), &e)
		if want := float64(rows) / (last.Sub(first).Minutes() + 1); *e.Value != sums[i] || e.Completeness != want {
			t.Errorf("%s: %v Wh, completeness %v; the file says %v Wh", id, *e.Value, e.Completeness, sums[i])
		}
	}
	// A form works as well, and what cannot be read is told.
	q.Set("layout", "unix")
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	part, err := mw.CreateFormFile("file", "house.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(data[:400]); err != nil {
		t.Fatal(err)
	}
	if err := mw.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/import?"+q.Encode(), &form)
	r.Header.Set("Content-Type", mw.FormDataContentType())
	w := httptest.NewRecorder()
	p.mux.ServeHTTP(w, r)
	var res transfer.ImportResult
	if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil || res.Rows == 0 || res.Refused != res.Rows {
		t.Error(w.Body, err)
	}
	r = httptest.NewRequest(http.MethodPost, "/api/v1/import?column=nothing", bytes.NewReader(data))
	w = httptest.NewRecorder()
	if p.mux.ServeHTTP(w, r); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "there is no column") {
		t.Error(w.Code, w.Body)
	}
}

func TestExportOverHTTP(t *testing.T) {
	p := start(t)
	p.write(p.rec("s1", 0, 1.5), p.rec("s1", 1, 2))
	w := p.get(fmt.Sprintf("/api/v1/sensors/s1/export?from=%d", p.t0), nil)
	want := fmt.Sprintf("time,s1 [W]\r\n%s,1.5\r\n%s,2\r\n", p.at(0), p.at(1))
	if w.Body.String() != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || w.Header().Get("Content-Disposition") != "attachment; filename*=UTF-8''s1.csv" {
		t.Errorf("%v\n%s", w.Header(), w.Body)
	}
}
