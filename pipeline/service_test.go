package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/connect/push"
	"github.com/wattwerk/wattwerk/pipeline/local"
	"github.com/wattwerk/wattwerk/pipeline/repository"
	"github.com/wattwerk/wattwerk/record"
)

const within = time.Minute

// models are those of the tests: two sources that are pushed to, a record that
// is read, and sinks of both kinds.
const models = `
kinds: [{name: power, quantityKind: power, unit: W}]
interfaces:
  - {name: inside, protocol: internal}
  - {name: sensors, protocol: records}
  - {name: ticks, protocol: aggregates}
sourceDefinitions:
  - {name: inside, interface: inside, kinds: [power]}
  - {name: sensors, interface: sensors, kinds: [power]}
sources:
  - {name: in, definition: inside}
  - {name: out, definition: inside}
  - {name: meters, definition: sensors, parameters: {sensor: "hall/*"}}
  - {name: result, definition: sensors, parameters: {sensor: "{source} of {key}"}}
consumers:
  - {name: reader, definitions: [inside]}
channels:
  - {source: out, consumer: reader, validTo: "2020-01-01T00:00:00Z"}
manifests:
  - name: above
    processors:
      - {name: f, type: filter, parameters: {operator: GE, threshold: 10}, from: [in], to: out}
  - name: meters
    processors:
      - {name: copy, type: echo, from: [meters], to: result}
`

type world struct {
	t       *testing.T
	bus     *bus.Bus
	models  *repository.Store
	states  *checkpoint.Store
	service *pipeline.Service
	doors   *push.Doors
	mux     *http.ServeMux
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	b, err := bus.Open(t.Context(), bus.Options{Dir: filepath.Join(dir, "nats"), Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.MakeObservations(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, bus: b, doors: push.New(), mux: http.NewServeMux()}
	protocols := local.Protocols(b, w.doors.Protocol())
	offer := pipeline.Offer(protocols)
	where := sqldb.Options{File: filepath.Join(dir, "wattwerk.db"), NoSync: true}
	w.models, err = repository.Open(t.Context(), where, repository.Options{
		Processor: offer.Processor,
		Protocol:  offer.Protocol,
		Check:     func(s *manifest.Set, m *manifest.Manifest) error { _, err := pipeline.Judge(offer, s, m); return err },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.states, err = checkpoint.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	w.service, err = pipeline.New(pipeline.Options{
		Bus: b, Models: w.models, Checkpoints: w.states, Protocols: protocols, Every: 20 * time.Millisecond, Process: "test",
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.service.Register(humago.New(w.mux, huma.DefaultConfig("test", "1")))
	w.mux.Handle("POST /api/v1/models/sources/{id}/push", w.doors)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, w.models.Close(), w.states.Close()); err != nil {
			t.Error(err)
		}
	})
	doc, err := yaml.YAMLToJSON([]byte(models))
	if err != nil {
		t.Fatal(err)
	}
	w.ask("POST", "/api/v1/models/apply", string(doc), http.StatusOK, nil)
	return w
}

// ask sends a request that must be answered by a status.
func (w *world) ask(method, path, body string, want int, to any) {
	w.t.Helper()
	r := httptest.NewRequest(method, strings.ReplaceAll(path, " ", "%20"), strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	out := httptest.NewRecorder()
	w.mux.ServeHTTP(out, r)
	if out.Code != want {
		w.t.Fatalf("%s %s: %d: %s", method, path, out.Code, out.Body)
	}
	if to != nil {
		if err := json.Unmarshal(out.Body.Bytes(), to); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, out.Body)
		}
	}

}

// until asks again until it is as it should be.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(within); !is(); {
		select {
		case <-end:
			w.t.Fatal(what)
		case <-tick.C:
		}
	}
}

// push pushes to a source, as soon as somebody takes it.
func (w *world) push(source, body string) {
	w.t.Helper()
	s, err := repository.Get[manifest.Source](w.t.Context(), w.models, source)
	if err != nil {
		w.t.Fatal(err)
	}
	w.until("nobody takes what is pushed", func() bool {
		r := httptest.NewRequest("POST", "/api/v1/models/sources/"+s.Model.ID+"/push", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		out := httptest.NewRecorder()
		w.mux.ServeHTTP(out, r)
		return out.Code == http.StatusOK
	})
}

func (w *world) last() (values []float64) {
	w.t.Helper()
	var got struct{ Data []struct{ Value *float64 } }
	w.ask("GET", "/api/v1/models/sources/out/data?limit=10000", "", http.StatusOK, &got)
	for _, d := range got.Data {
		values = append(values, *d.Value)
	}
	return values
}

func TestLife(t *testing.T) {
	w := newWorld(t)
	state := func(verb string) string {
		var st struct{ State string }
		method := "POST"
		if verb == "status" {
			method = "GET"
		}
		w.ask(method, "/api/v1/manifests/above/"+verb, "", http.StatusOK, &st)
		return st.State
	}
	for _, step := range []struct{ verb, want string }{
		{"status", "CREATED"}, {"start", "RUNNING"}, {"start", "RUNNING"}, {"pause", "PAUSED"}, {"resume", "RUNNING"}, {"stop", "STOPPED"}, {"start", "RUNNING"},
	} {
		if got := state(step.verb); got != step.want {
			t.Errorf("after %s it is %s, not %s", step.verb, got, step.want)
		}
	}
	w.push("in", `[{"time":1600000000000,"value":9},{"time":1600000001000,"value":11}]`)
	w.until("no result", func() bool { return len(w.last()) == 1 })
	if got := w.last(); got[0] != 11 {
		t.Errorf("it gives %v", got)
	}
	w.ask("POST", "/api/v1/manifests/nobody/start", "", http.StatusNotFound, nil)
	var all []struct{ ID, State string }
	w.ask("GET", "/api/v1/manifest-statuses", "", http.StatusOK, &all)
	if len(all) != 2 {
		t.Errorf("%+v", all)
	}
	var sources []struct {
		Connected bool
		Items     int
	}
	w.ask("GET", "/api/v1/source-statuses", "", http.StatusOK, &sources)
	items := 0
	for _, s := range sources {
		items += s.Items
	}
	if items != 2 {
		t.Errorf("%+v", sources)
	}
}

// TestOutrun has another process take the manifests over, and give them up again
// without a word: who shall run them takes over anew, and goes on from what is
// stored.
func TestOutrun(t *testing.T) {
	w := newWorld(t)
	w.ask("POST", "/api/v1/manifests/above/start", "", http.StatusOK, nil)
	var want []float64
	for range 3 {
		w.until("it does not run", w.service.Runs)
		w.until("it does not know that another one runs", func() bool {
			if _, err := w.states.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			want = append(want, float64(10+len(want)))
			w.push("in", fmt.Sprintf(`[{"time":%d,"value":%v}]`, len(want), want[len(want)-1]))
			return !w.service.Runs()
		})
	}
	w.until("results are missing", func() bool { return len(w.last()) >= len(want) })
	if got := w.last(); !slices.Equal(got, want) {
		t.Errorf("results are %v, not %v", got, want)
	}
}

func TestRecordsInAndOut(t *testing.T) {
	w := newWorld(t)
	w.ask("POST", "/api/v1/manifests/meters/start", "", http.StatusOK, nil)
	w.until("the records are not read", func() bool {
		var all []struct{ Connected bool }
		w.ask("GET", "/api/v1/source-statuses", "", http.StatusOK, &all)
		n := 0
		for _, s := range all {
			if s.Connected {
				n++
			}
		}
		return n == 4
	})
	var records []record.Record
	for i := range 20 {
		records = append(records, record.Record{Sensor: record.SensorID(fmt.Sprintf("hall/m%d", i%3)), Time: 1_600_000_000_000 + record.Millis(i), Value: float64(i)},
			record.Record{Sensor: "yard", Time: 1_600_000_000_000 + record.Millis(i), Value: -1})
	}
	if err := w.bus.NewWriter().Write(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	got := make(map[record.Record]bool)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	come := make(chan record.Record, 1000)
	for p := range w.bus.Partitions() {
		go func() {
			var b record.Batch
			_ = w.bus.ReadRecords(ctx, p, 1, func(m bus.Message) error {
				if err := b.Decode(m.Data); err != nil {
					return err
				}
				b.Sensors = b.Names()
				for i := range b.Len() {
					if r := b.At(i); strings.HasPrefix(string(r.Sensor), "result of ") {
						come <- r
					}
				}
				return nil
			})
		}()
	}
	for len(got) < 20 {
		select {
		case r := <-come:
			got[r] = true
		case <-ctx.Done():
			t.Fatalf("%d records came", len(got))
		}
	}
	if !got[record.Record{Sensor: "result of m1", Time: 1_600_000_000_019, Value: 19}] {
		t.Errorf("%v", got)
	}
}

func TestAskedBeforeItRuns(t *testing.T) {
	w := newWorld(t)
	good := `{"name":"try","processors":[{"name":"avg","type":"average","parameters":{"size":"1m"},"from":["in"],"to":"out"}]}`
	var v struct {
		Valid    bool
		Findings []struct{ Processor, Field, Sentence string }
		Graph    struct{ Text string }
	}
	w.ask("POST", "/api/v1/manifests/validate", good, http.StatusOK, &v)
	if !v.Valid || !strings.Contains(v.Graph.Text, `from source "in" (internal)`) {
		t.Errorf("%+v", v)
	}
	w.ask("POST", "/api/v1/manifests/validate", strings.ReplaceAll(good, `"average"`, `"guess"`), http.StatusOK, &v)
	if v.Valid || len(v.Findings) != 1 || v.Findings[0].Processor != "avg" || v.Findings[0].Field != "type" {
		t.Errorf("%+v", v)
	}
	var trial struct {
		Processors []struct {
			Count   int
			Results []struct {
				Time  int64
				Value float64
			}
		}
	}
	w.ask("POST", "/api/v1/manifests/test", `{"manifest":`+good+`,"samples":[{"source":"in","time":60000,"value":1},{"source":"in","time":90000,"value":3},{"source":"in","time":130000,"value":7}]}`, http.StatusOK, &trial)
	if p := trial.Processors[0]; p.Count != 2 || p.Results[0].Value != 2 || p.Results[0].Time != 60000 || p.Results[1].Value != 7 {
		t.Errorf("%+v", trial)
	}
	w.ask("POST", "/api/v1/manifests/test", `{"manifest":`+good+`,"samples":[{"source":"nobody","time":60000,"value":1}]}`, http.StatusUnprocessableEntity, nil)
	if got := w.last(); len(got) != 0 {
		t.Errorf("a trial wrote %v", got)
	}
	var types []struct{ Name string }
	w.ask("GET", "/api/v1/processors", "", http.StatusOK, &types)
	if len(types) < 28 {
		t.Errorf("%d types of processors", len(types))
	}
	var protocols []struct {
		Name        string
		Read, Write bool
	}
	w.ask("GET", "/api/v1/protocols", "", http.StatusOK, &protocols)
	if len(protocols) != 3 || protocols[2].Name != "aggregates" || !protocols[2].Read || protocols[2].Write {
		t.Errorf("%+v", protocols)
	}
}

// A channel is closed outside its time.
func TestChannel(t *testing.T) {
	w := newWorld(t)
	var page repository.List[manifest.Channel]
	w.ask("GET", "/api/v1/models/channels", "", http.StatusOK, &page)
	c := page.Items[0].Model
	w.ask("GET", "/api/v1/models/channels/"+c.ID+"/data", "", http.StatusForbidden, nil)
	c.ValidTo = nil
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	w.ask("PUT", "/api/v1/models/channels/"+c.ID, string(body), http.StatusOK, nil)
	w.push("out", `[{"time":1600000000000,"value":5}]`)
	var got struct{ Data []struct{ Value float64 } }
	w.ask("GET", "/api/v1/models/channels/"+c.ID+"/data", "", http.StatusOK, &got)
	if len(got.Data) != 1 || got.Data[0].Value != 5 {
		t.Errorf("%+v", got)
	}
}

// What is shown live comes as events.
func TestLive(t *testing.T) {
	w := newWorld(t)
	w.ask("POST", "/api/v1/manifests/above/start", "", http.StatusOK, nil)
	server := httptest.NewServer(w.mux)
	defer server.Close()
	for path, want := range map[string]string{"/api/v1/manifests/above/live": "event: results", "/api/v1/models/sources/out/live": "event: values"} {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var seen bytes.Buffer
		buf := make([]byte, 4096)
		stop := make(chan struct{})
		var pusher sync.WaitGroup
		pusher.Go(func() { // somebody looks from some time on; so things keep coming
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
					w.push("in", fmt.Sprintf(`[{"time":%d,"value":99}]`, 1_600_000_000_000+int64(i)))
				}
			}
		})
		for !strings.Contains(seen.String(), want) {
			n, err := resp.Body.Read(buf)
			if err != nil {
				t.Fatalf("%s: %v after %s", path, err, seen.String())
			}
			seen.Write(buf[:n])
		}
		close(stop)
		pusher.Wait()
		resp.Body.Close()
		cancel()
	}
}

// TestGatewayStatuses tells of the gateways that told something.
func TestGatewayStatuses(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"box", "shelf"} {
		w.ask("POST", "/api/v1/models/gateways", fmt.Sprintf(`{"name":%q,"namespace":%q}`, name, name), http.StatusCreated, nil)
	}
	var all []pipeline.GatewayStatus
	w.ask("GET", "/api/v1/gateway-statuses", "", http.StatusOK, &all)
	if len(all) != 0 {
		t.Errorf("before they told anything: %+v", all)
	}
	before := time.Now().Truncate(time.Millisecond)
	w.ask("PUT", "/api/v1/models/gateways/box/report", `{"manifests":{},"sources":{}}`, http.StatusNoContent, nil)
	w.ask("GET", "/api/v1/gateway-statuses", "", http.StatusOK, &all)
	box, err := repository.Get[manifest.Gateway](t.Context(), w.models, "box")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Gateway != box.Model.ID || all[0].Away || all[0].Heard.Before(before) {
		t.Errorf("%+v", all)
	}
}
