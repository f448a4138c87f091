package alert

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
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// within is how long anything may take on a slow machine.
const within = 2 * time.Minute

// box is a sink that keeps what it gets, but for the first message and tests.
type box struct {
	mu    sync.Mutex
	tried bool
	got   chan Message
}

func newBox() *box { return &box{got: make(chan Message, 100)} }

func (b *box) Send(_ context.Context, m Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.tried || m.Change == Test {
		b.tried = true
		return errors.New("try again")
	}
	b.got <- m
	return nil
}

func (b *box) next(t *testing.T) Message {
	t.Helper()
	select {
	case m := <-b.got:
		return m
	case <-time.After(within):
		t.Fatal("no message comes")
		return Message{}
	}
}

type world struct {
	t     *testing.T
	bus   *bus.Bus
	cat   *catalog.Catalog
	where sqldb.Options
	box   *box
	url   string
	more  func(*Options) // what else the next service has
}

// work runs a service until the function that it gives is called.
func (w *world) work() (stop func()) {
	w.t.Helper()
	store, err := Open(w.t.Context(), w.where)
	if err != nil {
		w.t.Fatal(err)
	}
	o := Options{Bus: w.bus, Catalog: w.cat, Store: store, Sinks: map[string]Sink{"box": w.box}, Actor: func(context.Context) string { return "eva" }}
	if w.more != nil {
		w.more(&o)
	}
	s, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	w.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		server.Close()
		if err := store.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) ask(method, path, body, match string) (int, string, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/api/v1/alerts"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if match != "" {
		req.Header.Set("If-Match", match)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(bytes.TrimSpace(data)), resp.Header.Get("ETag")
}

func (w *world) want(status int, method, path, body, match string) string {
	w.t.Helper()
	code, said, _ := w.ask(method, path, body, match)
	if code != status {
		w.t.Fatalf("%s %s answers %d %s, not %d", method, path, code, said, status)
	}
	return said
}

// forget makes an incident one that was noted before there were codes.
func (w *world) forget(incident string) {
	w.t.Helper()
	store, err := Open(w.t.Context(), w.where)
	if err == nil {
		_, err = store.db.NewUpdate().Model((*incidentRow)(nil)).Set("code = ''").Set("params = ''").Where("id = ?", incident).Exec(w.t.Context())
		err = errors.Join(err, store.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// send stores a reading of now.
func (w *world) send(sensor record.SensorID, v float64) {
	w.t.Helper()
	var b record.Batch
	b.Append(record.Record{Sensor: sensor, Time: record.MillisOf(time.Now()), Value: v})
	if _, err := w.bus.PublishRecords(w.t.Context(), record.Partition(sensor, w.bus.Partitions()), b.Encode(nil)); err != nil {
		w.t.Fatal(err)
	}
}

// tick stores a tick of the hall.
func (w *world) tick(after uint64, sum float64) uint64 {
	w.t.Helper()
	at := record.MillisOf(time.Now())
	k := record.Ticks{Hierarchy: "place", Revision: 1, Groups: []string{"hall"}, Ticks: []record.Tick{{
		Time: at, Sum: []float64{sum}, Min: []float64{sum}, Max: []float64{sum}, Count: []uint32{1}, Total: []uint32{1}, Meter: []float64{sum}, Unaccounted: []float64{0},
	}}}
	seq, err := w.bus.PublishAggregates(w.t.Context(), "place", k.Encode(nil), after)
	if err != nil {
		w.t.Fatal(err)
	}
	return seq
}

// await asks until the answer has the text. Messages wait for it, as what is
// told to somebody is asked for.
func (w *world) await(path, text string) {
	w.t.Helper()
	for end := time.Now().Add(within); ; {
		said := w.want(200, "GET", path, "", "")
		if strings.Contains(said, text) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s answers %s, without %s", path, said, text)
		}
		select {
		case <-w.t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// open makes a hall with a sensor, of which alerts are kept where it is said.
func open(t *testing.T, where sqldb.Options) *world {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	cat := catalog.New(b, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- cat.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-cat.Ready()
	doc, err := model.ReadYAML([]byte(`
sites: [{id: kiel, zone: Europe/Berlin}]
sensors:
  - {id: a, site: kiel, quantity: active_power, interval: 1h}
  - {id: twice, site: kiel, quantity: active_power, formula: sensor("a") * 2}
  - {id: c, site: kiel, quantity: energy}
  - {id: never, site: kiel, quantity: ratio, formula: sensor("c") / sensor("c")}
groups: [{id: hall, members: [{sensor: a}]}]
hierarchies: [{id: place, site: kiel, root: hall}]
`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cat.Commit(t.Context(), catalog.Change{Patch: model.Diff(model.Document{}, doc), Who: "test"}); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, bus: b, cat: cat, where: where, box: newBox()}
}

// TestService follows rules on a bus from the first reading to the last
// message, with a restart between fired and resolved.
func TestService(t *testing.T) {
	for name, where := range map[string]func(t *testing.T) sqldb.Options{
		"sqlite": func(t *testing.T) sqldb.Options {
			return sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}
		},
		"postgres": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, where(t))
			stop := w.work()
			follow(w, stop)
		})
	}
}

func follow(w *world, stop func()) {
	t := w.t
	// What cannot be is refused, with a sentence.
	for body, want := range map[string]string{
		`{"condition":{"kind":"budget","period":"day","limit":1},"subject":{"group":"hall"}}`:    "budgets need settled amounts",
		`{"condition":{"kind":"above","limit":1},"subject":{"sensor":"x"}}`:                      `there is no sensor`,
		`{"condition":{"kind":"above","limit":1},"subject":{"sensor":"a"},"to":["pigeon"]}`:      `there is no sink`,
		`{"condition":{"kind":"above","limit":1},"subject":{"sensor":"a"},"id":"other"}`:         `the rule says it is`,
		`{"condition":{"kind":"above","limit":1},"subject":{"sensor":"a"},"for":"33h","x":true}`: `unexpected property`,
	} {
		if said := w.want(422, "PUT", "/rules/r", body, ""); !strings.Contains(said, want) {
			t.Errorf("%s is refused by %s, without %q", body, said, want)
		}
	}
	peak := `{"name":"Peak of the hall","condition":{"kind":"above","limit":1000},"subject":{"group":"hall"},"text":"Look at the oven."}`
	w.want(412, "PUT", "/rules/peak", peak, `"7"`)
	code, said, tag := w.ask("PUT", "/rules/peak", peak, `"0"`)
	if code != 200 || tag != `"1"` || !strings.Contains(said, `"changedBy":"eva"`) {
		t.Fatal(code, said, tag)
	}
	w.want(412, "PUT", "/rules/peak", peak, `"0"`)
	w.want(200, "PUT", "/rules/sensor", `{"condition":{"kind":"below","limit":5},"subject":{"sensor":"a"},"severity":"critical"}`, "")
	w.want(200, "PUT", "/rules/hook", `{"condition":{"kind":"external"}}`, "")
	if _, said, _ := w.ask("GET", "/rules", "", ""); strings.Count(said, `"version"`) != 3 {
		t.Error(said)
	}
	w.want(422, "POST", "/rules/peak/signal", `{"firing":true}`, "")
	w.want(404, "POST", "/rules/none/signal", `{"firing":true}`, "")
	w.want(204, "POST", "/rules/hook/signal", `{"firing":true,"text":"three sigma"}`, "")
	m := w.box.next(t)
	if m.Rule != "hook" || m.Change != "fired" || !strings.Contains(m.Sentence, "three sigma") {
		t.Errorf("got %+v", m)
	}
	// The plan that raised it reads both streams.
	w.send("a", 3)
	if m = w.box.next(t); m.Rule != "sensor" || m.Change != "fired" || m.Severity != "critical" || m.Value == nil || *m.Value != 3 {
		t.Errorf("got %+v", m)
	}
	seq := w.tick(0, 2000)
	if m = w.box.next(t); m.Rule != "peak" || m.Title != "warning: Peak of the hall" || m.Text != "Look at the oven." || !strings.Contains(m.Sentence, "group hall above 1 kW, it is 2 kW") {
		t.Errorf("got %+v", m)
	}
	fired := m.Incident
	if _, german := m.Say("de"); m.Code != "alert-above" || m.Params == nil || m.Params.Zone != "Europe/Berlin" || !strings.HasPrefix(german, "Ausgelöst: Gruppe hall über 1 kW, aktuell 2 kW, seit ") {
		t.Errorf("got %q of %+v", german, m)
	}
	w.await("", fired)
	if said := w.want(200, "GET", "", "", ""); !strings.Contains(said, `"code":"alert-above","params":{"change":"fired","rule":"peak","group":"hall","value":2000,"limit":1000,"unit":"W"`) {
		t.Error(said)
	}
	until := time.Now().Add(time.Hour).Format(time.RFC3339)
	w.want(404, "PUT", "/incidents/none/acknowledgement", `{"until":"`+until+`"}`, "")
	w.want(200, "PUT", "/incidents/"+fired+"/acknowledgement", `{"until":"`+until+`","why":"on my way"}`, "")
	if said := w.want(200, "GET", "", "", ""); !strings.Contains(said, `"why":"on my way"`) {
		t.Error(said)
	}
	// It ends while nobody looks, and is told then.
	stop()
	w.tick(seq, 500)
	w.send("a", 10)
	stop = w.work()
	defer func() { stop() }()
	for range 2 {
		m := w.box.next(t)
		if m.Change != "resolved" || m.Rule == "peak" && m.Incident != fired || m.Rule == "hook" {
			t.Errorf("got %+v", m)
		}
	}
	w.await("/history?rule=peak", `"status":"resolved"`)
	// What was noted before there were codes has its sentence alone.
	w.forget(fired)
	if said := w.want(200, "GET", "/history?rule=peak", "", ""); strings.Contains(said, `"params"`) || strings.Contains(said, `"code"`) || !strings.Contains(said, `"sentence":"Resolved after`) {
		t.Error(said)
	}
	if said := w.want(200, "GET", "", "", ""); strings.Count(said, `"status":"firing"`) != 1 {
		t.Errorf("active are %s", said)
	}
	w.want(204, "POST", "/rules/hook/signal", `{"firing":false}`, "")
	if m := w.box.next(t); m.Rule != "hook" || m.Change != "resolved" {
		t.Errorf("got %+v", m)
	}
	// Silenced, it comes and is not told.
	var silence Silence
	if err := json.Unmarshal([]byte(w.want(201, "POST", "/silences", `{"rule":"hook","until":"`+until+`"}`, "")), &silence); err != nil {
		t.Fatal(err)
	}
	w.want(422, "POST", "/silences", `{"until":"2020-01-01T00:00:00Z"}`, "")
	w.want(204, "POST", "/rules/hook/signal", `{"firing":true,"text":"again"}`, "")
	w.await("", "quiet hours, or silenced")
	w.want(204, "DELETE", "/silences/"+silence.ID, "", "")
	w.want(404, "DELETE", "/silences/"+silence.ID, "", "")
	if m := w.box.next(t); m.Change != "repeated" || m.Rule != "hook" {
		t.Errorf("got %+v", m)
	}
	// A rule that goes takes its alert along.
	w.want(204, "DELETE", "/rules/hook", "", "")
	if m := w.box.next(t); m.Change != "resolved" || !strings.Contains(m.Sentence, "changed or removed") {
		t.Errorf("got %+v", m)
	}
	w.want(404, "GET", "/rules/hook", "", "")
	w.want(502, "POST", "/sinks/box/test", "", "")
	w.want(404, "POST", "/sinks/none/test", "", "")
	// Values of virtual sensors come with ticks.
	w.want(422, "PUT", "/rules/ratio", `{"condition":{"kind":"above","limit":1},"subject":{"sensor":"never"}}`, "")
	w.want(200, "PUT", "/rules/virtual", `{"condition":{"kind":"above","limit":100},"subject":{"sensor":"twice"}}`, "")
	w.want(200, "PUT", "/rules/hook", `{"condition":{"kind":"external"}}`, "")
	w.want(204, "POST", "/rules/hook/signal", `{"firing":true}`, "")
	if m := w.box.next(t); m.Rule != "hook" {
		t.Errorf("got %+v", m)
	}
	k := record.Ticks{Hierarchy: "/", Sensors: []record.SensorID{"other", "twice"}, Ticks: []record.Tick{{Time: record.MillisOf(time.Now()), Values: []float64{1, 200}, Heard: true}}}
	value := func(after uint64, v float64) uint64 {
		k.Ticks[0].Time, k.Ticks[0].Values[1] = max(k.Ticks[0].Time+1, record.MillisOf(time.Now())), v
		seq, err := w.bus.PublishAggregates(t.Context(), "/", k.Encode(nil), after)
		if err != nil {
			t.Fatal(err)
		}
		return seq
	}
	at := value(0, 200)
	if m := w.box.next(t); m.Rule != "virtual" || m.Change != "fired" || m.Value == nil || *m.Value != 200 {
		t.Errorf("got %+v", m)
	}
	// One that is not known any more says so, and tells nobody.
	at = value(at, math.NaN())
	w.await("/history?rule=virtual&limit=1", `"unknown":"2`)
	if said := w.want(200, "GET", "", "", ""); !strings.Contains(said, `"rule":"virtual"`) {
		t.Errorf("active are %s", said)
	}
	at = value(at, 300)
	w.await("/history?rule=virtual&limit=1", `"unknown":null`)
	value(at, 1)
	if m := w.box.next(t); m.Rule != "virtual" || m.Change != "resolved" || m.Count != 2 {
		t.Errorf("got %+v", m)
	}
	if n := len(w.box.got); n != 0 {
		t.Errorf("%d messages more", n)
	}
}
