package demand

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// sample is a value of a point.
type sample struct {
	at record.Millis
	v  float64
}

// memory keeps readings and ticks as a history does.
type memory map[ledger.Point][]sample

func (m memory) add(p ledger.Point, at record.Millis, v float64) { m[p] = append(m[p], sample{at, v}) }

func (m memory) scan(p ledger.Point, from, to record.Millis, f func([]int64, []float64) error) error {
	all := m[p]
	i, _ := slices.BinarySearchFunc(all, from, func(s sample, t record.Millis) int { return cmp.Compare(s.at, t) })
	var ts []int64
	var vs []float64
	for ; i < len(all) && all[i].at <= to; i++ {
		ts, vs = append(ts, int64(all[i].at)), append(vs, all[i].v)
	}
	if len(ts) == 0 {
		return nil
	}
	return f(ts, vs)
}

// readings are those of sensors, for settling.
type readings struct{ memory }

func (r readings) Scan(_ context.Context, id record.SensorID, from, to record.Millis, f func([]int64, []float64) error) error {
	return r.scan(ledger.SensorPoint(id), from, to, f)
}

func (r readings) Extent() (oldest, newest record.Millis) {
	for p, all := range r.memory {
		if p.Hierarchy == "" && len(all) > 0 {
			if oldest == 0 || all[0].at < oldest {
				oldest = all[0].at
			}
			newest = max(newest, all[len(all)-1].at)
		}
	}
	return oldest, newest
}

// live reads both.
type live struct{ memory }

func (l live) Scan(_ context.Context, p ledger.Point, from, to record.Millis, f func([]int64, []float64) error) error {
	return l.scan(p, from, to, f)
}

type world struct {
	t          *testing.T
	catalog    *catalog.Catalog
	store      *ledger.Store
	settlement *settlement.Service
	demand     *Service
	memory     memory
	now        time.Time
	url        string
}

func newWorld(t *testing.T, store *ledger.Store, d model.Document, now time.Time) *world {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	w := &world{t: t, catalog: catalog.New(b, nil), store: store, memory: make(memory), now: now}
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
	if _, err := w.catalog.Commit(t.Context(), catalog.Change{Patch: model.Diff(model.Document{}, d), Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return w.now }
	if w.settlement, err = settlement.New(settlement.Options{Store: store, Catalog: w.catalog, Readings: readings{w.memory}, Now: clock}); err != nil {
		t.Fatal(err)
	}
	if err := w.settlement.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.demand, err = New(Options{Store: store, Catalog: w.catalog, Trees: w.settlement, Live: live{w.memory}, Now: clock}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	w.demand.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// settle settles until nothing is left.
func (w *world) settle() {
	w.t.Helper()
	for more := true; more; {
		var err error
		if more, err = w.settlement.Step(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// get asks, and reads the answer into what is given.
func (w *world) get(path string, into any) {
	w.t.Helper()
	code, body := w.ask(path)
	if code != http.StatusOK {
		w.t.Fatalf("%s answers %d %s", path, code, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}

func (w *world) ask(path string) (int, []byte) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/api/v1/settled/"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, body
}

// everywhere runs a test with both databases.
func everywhere(t *testing.T, f func(t *testing.T, store *ledger.Store)) {
	for name, open := range map[string]func(t *testing.T) *ledger.Store{
		"sqlite":   sqlite,
		"postgres": func(t *testing.T) *ledger.Store { return openLedger(t, "", pgtest.Database(t)) },
	} {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
}

func sqlite(t *testing.T) *ledger.Store {
	t.Helper()
	return openLedger(t, filepath.Join(t.TempDir(), "data"), "")
}

func openLedger(t *testing.T, dir, url string) *ledger.Store {
	t.Helper()
	s, err := ledger.Open(t.Context(), ledger.Options{Dir: dir, URL: url, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// document is a plant with a meter, two halls, one of them metered, and panels.
func document(t *testing.T) model.Document {
	t.Helper()
	d, err := model.ReadYAML([]byte(`
sites: [{id: kiel, zone: Europe/Berlin}]
sensors:
  - {id: main, site: kiel, quantity: active_power, interval: 1m}
  - {id: a, site: kiel, quantity: active_power, interval: 1m}
  - {id: b, site: kiel, quantity: active_power, interval: 1m}
  - {id: halls, site: kiel, quantity: active_power, interval: 1m}
  - {id: panels, site: kiel, quantity: active_power, interval: 1m}
  - {id: counter, site: kiel, quantity: energy, interval: 5m}
  - {id: volts, site: kiel, quantity: voltage, interval: 1m}
groups:
  - {id: plant, members: [{sensor: main, meter: true}, {sensor: a}, {group: hall}, {group: sun, sign: -1}]}
  - {id: hall, members: [{sensor: halls, meter: true}, {sensor: b}]}
  - {id: sun, members: [{sensor: panels}]}
hierarchies: [{id: place, site: kiel, root: plant}]
`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
