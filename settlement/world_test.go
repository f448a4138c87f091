package settlement

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// memory keeps readings as a history does.
type memory struct {
	mu  sync.Mutex
	all map[record.SensorID][]record.Record
}

// add takes records in order of arrival: of several of one time the first stays.
func (m *memory) add(all ...record.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	come := make(map[record.SensorID][]record.Record)
	for _, r := range all {
		come[r.Sensor] = append(come[r.Sensor], r)
	}
	at := func(a, b record.Record) int { return cmp.Compare(a.Time, b.Time) }
	for id, rs := range come {
		slices.SortStableFunc(rs, at)
		old := m.all[id]
		// What is before the first of them stays where it is.
		i, _ := slices.BinarySearchFunc(old, rs[0], at)
		rs = append(slices.Clone(old[i:]), rs...)
		slices.SortStableFunc(rs, at)
		m.all[id] = append(old[:i], slices.CompactFunc(rs, func(a, b record.Record) bool { return a.Time == b.Time })...)
	}
}

func (m *memory) Scan(_ context.Context, id record.SensorID, from, to record.Millis, f func([]int64, []float64) error) error {
	m.mu.Lock()
	var ts []int64
	var vs []float64
	rs := m.all[id]
	i, _ := slices.BinarySearchFunc(rs, from, func(r record.Record, t record.Millis) int { return cmp.Compare(r.Time, t) })
	for ; i < len(rs) && rs[i].Time <= to; i++ {
		ts, vs = append(ts, int64(rs[i].Time)), append(vs, rs[i].Value)
	}
	m.mu.Unlock()
	for len(ts) > 0 {
		n := min(len(ts), 100)
		if err := f(ts[:n], vs[:n]); err != nil {
			return err
		}
		ts, vs = ts[n:], vs[n:]
	}
	return nil
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

// world is a settlement with everything it needs.
type world struct {
	t       *testing.T
	bus     *bus.Bus
	catalog *catalog.Catalog
	store   *ledger.Store
	service *Service
	marks   *ledger.Marks
	memory  *memory
	now     time.Time
	models  map[uint64]*model.Model // by revision
}

// newWorld makes one whose database is opened by open.
func newWorld(t *testing.T, open func(t *testing.T) *ledger.Store, now time.Time) *world {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	w := &world{t: t, bus: b, catalog: catalog.New(b, nil), store: open(t), memory: &memory{all: make(map[record.SensorID][]record.Record)}, now: now, models: make(map[uint64]*model.Model)}
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
	w.again()
	return w
}

// again is a new start of the service, over what is stored.
func (w *world) again() {
	w.t.Helper()
	clock := func() time.Time { return w.now }
	s, err := New(Options{Store: w.store, Catalog: w.catalog, Readings: w.memory, Now: clock, Actor: func(context.Context) string { return "ada" }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.service, w.marks = s, ledger.NewMarks(w.store, 1, DefaultDelay)
	w.marks.Now = clock
	if err := s.recall(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// put makes a document the model.
func (w *world) put(d model.Document) {
	w.t.Helper()
	st := w.catalog.State()
	next, err := w.catalog.Commit(w.t.Context(), catalog.Change{Base: st.Revision, Patch: model.Diff(st.Model.Document(), d), Who: "ada"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.models[next.Revision] = next.Model
	if err := w.service.follow(w.t.Context(), next); err != nil {
		w.t.Fatal(err)
	}
}

// store takes records as the history does.
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

// settle settles until nothing is left.
func (w *world) settle() {
	w.t.Helper()
	if err := w.marks.Save(w.t.Context(), nil); err != nil {
		w.t.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = w.service.Step(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func sqlite(t *testing.T) *ledger.Store {
	t.Helper()
	return openLedger(t, filepath.Join(t.TempDir(), "data"), "")
}

func postgres(t *testing.T) *ledger.Store {
	t.Helper()
	return openLedger(t, "", pgtest.Database(t))
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

// document has sensors of all kinds in two hierarchies.
func document() model.Document {
	minute := model.Duration(time.Minute)
	d := model.Document{
		Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
		Groups: []model.Group{
			{ID: "plant", Members: []model.Member{{Group: "hall1"}, {Group: "hall2"}, {Group: "solar", Sign: -1}}},
			{ID: "hall1", Members: []model.Member{{Sensor: "p4", Meter: true}, {Sensor: "p0"}, {Sensor: "p1"}}},
			{ID: "hall2", Members: []model.Member{{Sensor: "p2"}}},
			{ID: "solar", Members: []model.Member{{Sensor: "p3"}}},
			{ID: "costs", Members: []model.Member{{Sensor: "c0"}, {Group: "press", Sign: -1}, {Group: "oven"}}},
			{ID: "press", Members: []model.Member{{Sensor: "main1", Meter: true}, {Sensor: "c1"}}},
			{ID: "oven", Members: []model.Member{{Sensor: "c2", Sign: -1}}},
		},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}, {ID: "costs", Root: "costs", Site: "kiel"}},
	}
	for i := range 5 {
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(fmt.Sprintf("p%d", i)), Site: "kiel", Quantity: record.ActivePower, Interval: minute})
	}
	for i := range 3 {
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(fmt.Sprintf("c%d", i)), Site: "kiel", Quantity: record.Energy, Interval: 5 * minute})
	}
	d.Sensors = append(d.Sensors, model.Sensor{ID: "main1", Site: "kiel", Quantity: record.Energy, Interval: 15 * minute})
	return d
}

// readings makes what the sensors of document say in a span: powers that
// wander, counters that rise, begin anew now and then, and are silent at times.
func someReadings(random *rand.Rand, from, to time.Time) []record.Record {
	var all []record.Record
	for _, s := range []struct {
		id      string
		every   time.Duration
		counter bool
	}{
		{"p0", time.Minute, false}, {"p1", time.Minute, false}, {"p2", 2 * time.Minute, false}, {"p3", time.Minute, false}, {"p4", time.Minute, false},
		{"c0", 5 * time.Minute, true}, {"c1", 5 * time.Minute, true}, {"c2", 20 * time.Minute, true}, {"main1", 15 * time.Minute, true},
	} {
		v := 1000 * random.Float64()
		for t := from; t.Before(to); t = t.Add(s.every) {
			switch random.IntN(150) {
			case 0: // silent for a while
				t = t.Add(time.Duration(random.Int64N(int64(4 * time.Hour))))
			case 1:
				if s.counter {
					v = 0
				}
			}
			if s.counter {
				v += math.Round(100 * random.Float64())
			} else {
				v = math.Round(max(-500, v+200*(random.Float64()-.5))*10) / 10
			}
			all = append(all, record.Record{Sensor: record.SensorID(s.id), Time: record.MillisOf(t.Add(time.Duration(random.Int64N(int64(s.every) / 2)))), Value: v})
		}
	}
	slices.SortFunc(all, func(a, b record.Record) int { return int(a.Time - b.Time) })
	return all
}
