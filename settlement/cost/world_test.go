package cost

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// both runs a test on both databases.
func both(t *testing.T, f func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, "") })
	t.Run("postgres", func(t *testing.T) { f(t, pgtest.Database(t)) })
}

// memory keeps readings as a history does: the first for a time stays.
type memory struct {
	mu  sync.Mutex
	all map[record.SensorID][]record.Record
}

func compare(r record.Record, t record.Millis) int { return cmp.Compare(r.Time, t) }

func (m *memory) add(all ...record.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range all {
		rs := m.all[r.Sensor]
		if i, found := slices.BinarySearchFunc(rs, r.Time, compare); !found {
			m.all[r.Sensor] = slices.Insert(rs, i, r)
		}
	}
}

func (m *memory) Scan(_ context.Context, id record.SensorID, from, to record.Millis, f func([]int64, []float64) error) error {
	m.mu.Lock()
	var ts []int64
	var vs []float64
	rs := m.all[id]
	for i, _ := slices.BinarySearchFunc(rs, from, compare); i < len(rs) && rs[i].Time <= to; i++ {
		ts, vs = append(ts, int64(rs[i].Time)), append(vs, rs[i].Value)
	}
	m.mu.Unlock()
	if len(ts) == 0 {
		return nil
	}
	return f(ts, vs)
}

func (m *memory) Extent() (oldest, newest record.Millis) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, rs := range m.all {
		if n := len(rs); n > 0 {
			if oldest == 0 || rs[0].Time < oldest {
				oldest = rs[0].Time
			}
			newest = max(newest, rs[n-1].Time)
		}
	}
	return oldest, newest
}

// world is a settlement with costs, and a clock that stands.
type world struct {
	t       *testing.T
	store   *ledger.Store
	catalog *catalog.Catalog
	settle  *settlement.Service
	marks   *ledger.Marks
	memory  *memory
	cost    *Service
	read    int // windows that the costs have read
	mux     *http.ServeMux
	now     time.Time
}

func newWorld(t *testing.T, url string, now time.Time, d model.Document) *world {
	t.Helper()
	ctx := t.Context()
	b, err := bus.Open(ctx, bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	w := &world{t: t, catalog: catalog.New(b, nil), memory: &memory{all: make(map[record.SensorID][]record.Record)}, now: now}
	running, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.catalog.Run(running) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-w.catalog.Ready()
	if _, err := w.catalog.Commit(ctx, catalog.Change{Patch: model.Diff(model.Document{}, d), Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	if w.store, err = ledger.Open(ctx, ledger.Options{Dir: t.TempDir(), URL: url, NoSync: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	clock := func() time.Time { return w.now }
	who := func(context.Context) string { return "ada" }
	if w.settle, err = settlement.New(settlement.Options{Store: w.store, Catalog: w.catalog, Readings: w.memory, Now: clock, Actor: who}); err != nil {
		t.Fatal(err)
	}
	if err := w.settle.Begin(ctx); err != nil {
		t.Fatal(err)
	}
	w.marks = ledger.NewMarks(w.store, 1, settlement.DefaultDelay)
	w.marks.Now = clock
	w.again()
	return w
}

// again is a new start of the costs, over what is stored.
func (w *world) again() {
	w.t.Helper()
	var err error
	if w.cost, err = New(w.t.Context(), Options{
		Ledger: w.store, Windows: counted{w}, Catalog: w.catalog, Now: func() time.Time { return w.now }, Actor: func(context.Context) string { return "ada" },
	}); err != nil {
		w.t.Fatal(err)
	}
	w.mux = http.NewServeMux()
	config := huma.DefaultConfig("test", "0")
	config.CreateHooks = nil // no $schema in answers, as in the gateway
	w.cost.Register(humago.New(w.mux, config))
}

// counted counts the windows that are read.
type counted struct{ w *world }

func (c counted) Windows(ctx context.Context, p ledger.Point, size window.Size, from, to record.Millis) ([]ledger.Row, record.Millis, error) {
	rows, settled, err := c.w.settle.Windows(ctx, p, size, from, to)
	c.w.read += len(rows)
	return rows, settled, err
}

func (c counted) Meters(ctx context.Context, p ledger.Point, at window.Span) ([]tree.Metering, error) {
	return c.w.settle.Meters(ctx, p, at)
}

func (c counted) Open(ctx context.Context, p ledger.Point, until record.Millis) ([]ledger.Row, error) {
	return c.w.settle.Open(ctx, p, until)
}

// send takes records as the history does.
func (w *world) send(rs ...record.Record) {
	var b record.Batch
	w.memory.add(rs...)
	for _, r := range rs {
		b.Append(r)
	}
	var d record.Batch
	if err := d.Decode(b.Encode(nil)); err != nil {
		w.t.Fatal(err)
	}
	w.marks.Stored(0, &d)
}

// settled settles, and prices days, until nothing is left.
func (w *world) settled() {
	w.t.Helper()
	if err := w.marks.Save(w.t.Context(), nil); err != nil {
		w.t.Fatal(err)
	}
	for _, step := range []func(context.Context) (bool, error){w.settle.Step, w.cost.Step} {
		for more := true; more; {
			var err error
			if more, err = step(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// deliver sends records late, shuffled and twice, with settling in between.
func (w *world) deliver(random *rand.Rand, all []record.Record) {
	w.t.Helper()
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	n := random.IntN(len(all))
	w.send(all[:n]...)
	w.send(all[random.IntN(n+1):n]...)
	w.settled()
	w.send(all[n:]...)
	w.send(all[random.IntN(n+1):n]...)
	w.settled()
}

// do asks the API; the answer is read into out when it is 2xx.
func (w *world) do(method, path, kind, body string, out any, headers ...string) (int, string) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "/api/v1/"+path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	text := rec.Body.String()
	if out != nil && rec.Code/100 == 2 {
		if err := json.Unmarshal(rec.Body.Bytes(), out); err != nil {
			w.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return rec.Code, text
}

// must asks and expects an answer.
func (w *world) must(method, path, kind, body string, out any, headers ...string) string {
	w.t.Helper()
	code, text := w.do(method, path, kind, body, out, headers...)
	if code/100 != 2 {
		w.t.Fatalf("%s %s: %d %s", method, path, code, text)
	}
	return text
}

// refuses asks and expects to be refused with words.
func (w *world) refuses(code int, words, method, path, kind, body string, headers ...string) {
	w.t.Helper()
	got, text := w.do(method, path, kind, body, nil, headers...)
	if got != code || !strings.Contains(text, words) {
		w.t.Errorf("%s %s: %d %s; want %d with %q", method, path, got, text, code, words)
	}
}

// rowsOfFile reads a file of readings, without its head.
func rowsOfFile(t *testing.T, path string) [][]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(rest)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// powers makes records of a column of energies in Wh, a row for each step.
func powers(t *testing.T, rows [][]string, column int, id record.SensorID, begin time.Time, step time.Duration) []record.Record {
	t.Helper()
	var all []record.Record
	for i, row := range rows {
		v, err := strconv.ParseFloat(row[column], 64)
		if err != nil {
			t.Fatalf("row %d: %v", i+1, err)
		}
		all = append(all, record.Record{Sensor: id, Time: record.MillisOf(begin.Add(time.Duration(i) * step)), Value: v / step.Hours()})
	}
	return all
}

// meters is a model of sensors of power in one group; those after the first are
// subtracted when signs are given.
func meters(zone string, interval time.Duration, sign int8, ids ...record.SensorID) model.Document {
	d := model.Document{
		Sites:       []model.Site{{ID: "site", Zone: zone}},
		Hierarchies: []model.Hierarchy{{ID: "site", Root: "all", Site: "site"}},
	}
	g := model.Group{ID: "all"}
	hold := model.Duration(interval)
	for i, id := range ids {
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "site", Quantity: record.ActivePower, Interval: hold, MaxAge: &hold})
		m := model.Member{Sensor: id}
		if i > 0 {
			m.Sign = sign
		}
		g.Members = append(g.Members, m)
	}
	d.Groups = []model.Group{g}
	return d
}
