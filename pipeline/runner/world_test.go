package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/local"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/pipeline/runner"
	"github.com/wattwerk/wattwerk/record"
)

// within is how long anything may take on a slow machine.
const within = 30 * time.Second

// box is a sink that keeps what it gets by its identifiers.
type box struct {
	mu     sync.Mutex
	got    map[string]float64
	writes int
	doubts []string // the same identifier with another value
	fail   error
	grown  chan struct{}
}

func newBox() *box { return &box{got: make(map[string]float64), grown: make(chan struct{}, 1)} }

func (b *box) Write(_ context.Context, results []connect.Written) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	for _, w := range results {
		id := fmt.Sprintf("%s %s %q %d", w.Manifest, w.Processor, w.Key, w.Time)
		if was, ok := b.got[id]; ok && was != w.Value {
			b.doubts = append(b.doubts, fmt.Sprintf("%s was %v and is %v", id, was, w.Value))
		}
		b.got[id] = w.Value
		b.writes++
	}
	select {
	case b.grown <- struct{}{}:
	default:
	}
	return nil
}

func (b *box) Close() error { return nil }

func (b *box) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

func (b *box) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

// written is how many results were written to it.
func (b *box) written() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.writes
}

// why tells more when a test fails.
var why = func() string { return "" }

// wait waits until it holds n results.
func (b *box) wait(t *testing.T, n int) {
	t.Helper()
	until := time.After(within)
	for b.count() < n {
		select {
		case <-b.grown:
		case <-until:
			t.Fatalf("%d results of %d came; %s", b.count(), n, why())
		}
	}
}

// world is a bus, a store of checkpoints, and a runner that may be ended in
// two ways.
type world struct {
	t        *testing.T
	dir      string
	bus      *bus.Bus
	store    *checkpoint.Store
	runner   *runner.Runner
	metrics  *prometheus.Registry
	boxes    map[string]*box
	bundle   *manifest.Bundle
	mu       sync.Mutex
	changed  chan struct{}
	stop     func()
	crashed  bool
	every    time.Duration
	extra    map[string]processor.Entry
	revision int64
	most     time.Duration     // of starting and of stopping
	away     map[string]string // sources that are not reached, and why
	ended    time.Time         // when what is stopped was
	unsaid   int               // so often that cannot be said
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	b, err := bus.Open(t.Context(), bus.Options{Dir: filepath.Join(dir, "nats"), Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, bus: b, boxes: make(map[string]*box), changed: make(chan struct{}, 1), every: 20 * time.Millisecond, extra: make(map[string]processor.Entry)}
	named := func(n string) manifest.Common { return manifest.Common{ID: n, Name: n} }
	w.bundle = &manifest.Bundle{
		Kinds:      []manifest.Kind{{Common: named("power"), Quantity: "power", Unit: "W"}},
		Interfaces: []manifest.Interface{{Common: named("internal")}, {Common: named("box"), Protocol: "box"}},
		SourceDefinitions: []manifest.SourceDefinition{
			{Common: named("in"), Interface: "internal", Kinds: []string{"power"}}, {Common: named("out"), Interface: "box", Kinds: []string{"power"}},
		},
	}
	for _, n := range []string{"a", "b", "between"} {
		w.bundle.Sources = append(w.bundle.Sources, manifest.Source{Common: named(n), Definition: "in"})
	}
	for _, n := range []string{"x", "y"} {
		w.bundle.Sources = append(w.bundle.Sources, manifest.Source{Common: named(n), Definition: "out"})
		w.boxes[n] = newBox()
	}
	t.Cleanup(func() {
		if w.stop != nil {
			w.stop()
		}
		b.Close()
		for n, x := range w.boxes {
			if len(x.doubts) > 0 {
				t.Errorf("box %s: %s", n, strings.Join(x.doubts[:min(5, len(x.doubts))], "; "))
			}
		}
	})
	return w
}

func (w *world) find(name string) (processor.Entry, bool) {
	if e, ok := w.extra[name]; ok {
		return e, true
	}
	return processor.Find(name)
}

func (w *world) wanted(context.Context) (runner.Wants, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := *w.bundle
	b.Manifests = slices.Clone(b.Manifests)
	set, err := manifest.NewSet(&b)
	if err != nil {
		return runner.Wants{}, err
	}
	protocols := map[string]connect.Protocol{"box": {Name: "box"}}
	for _, p := range local.Protocols(w.bus, connect.Protocol{}) {
		protocols[p.Name] = p
	}
	offer := manifest.Offer{
		Processor: func(n string) (manifest.ProcessorType, bool) { e, ok := w.find(n); return e.ProcessorType, ok },
		Protocol: func(n string) (manifest.Protocol, bool) {
			p, ok := protocols[n]
			return manifest.Protocol{Name: n, Read: true, Write: true, Parameters: p.Parameters}, ok
		},
	}
	var out []runner.Wanted
	for i := range b.Manifests {
		m := &b.Manifests[i]
		x := runner.Wanted{ID: m.ID, Name: m.Name, State: m.State}
		x.Plan, x.Error = offer.Check(set, m)
		plan, err, at := x.Plan, x.Error, w.ended
		x.Ended = func(context.Context) (*manifest.Plan, time.Time, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.unsaid > 0 {
				w.unsaid--
				return nil, time.Time{}, runner.ErrNotNow
			}
			return plan, at, err
		}
		out = append(out, x)
	}
	return runner.Wants{Revision: w.revision, All: out}, nil
}

// begin runs a new runner on what is stored.
func (w *world) begin() {
	w.t.Helper()
	var err error
	if w.store, err = checkpoint.Open(w.t.Context(), sqldb.Options{File: filepath.Join(w.dir, "wattwerk.db"), NoSync: true}); err != nil {
		w.t.Fatal(err)
	}
	w.metrics = prometheus.NewRegistry()
	reached := func(id string) (runner.Reach, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		why, away := w.away[id]
		return runner.Reach{Name: id, Connected: !away, Error: why}, true
	}
	w.runner, err = runner.New(runner.Options{
		Registerer: w.metrics, Reached: reached, StartMost: w.most, StopMost: w.most,
		Bus: w.bus, Checkpoints: w.store, Find: w.find, Every: w.every, Clock: 50 * time.Millisecond, Process: "test", Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
		Open: func(ctx context.Context, e *manifest.End) (connect.Writer, error) {
			if b := w.boxes[e.Source.Name]; b != nil {
				return b, nil
			}
			return local.Protocols(w.bus, connect.Protocol{})[0].Writer(ctx, connect.End{ID: e.Source.ID, Name: e.Source.Name})
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	why = func() string {
		b, _ := json.MarshalIndent(w.runner.Statuses(), "", " ")
		x, err := w.bus.ObservationsExtent(context.Background())
		return fmt.Sprintf("%s\nstream %d to %d %v", b, x.First, x.Last, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.runner.Run(ctx, w.wanted, w.changed) }()
	w.stop = func() {
		cancel()
		// A store that was taken away is what a crash is made of.
		if err := <-ended; err != nil && !(w.crashed && strings.Contains(err.Error(), "database is closed")) {
			w.t.Error(err)
		}
		w.crashed = false
		if err := w.store.Close(); err != nil {
			w.t.Error(err)
		}
		w.stop = nil
	}
}

// crash ends the runner so that nothing more is stored.
func (w *world) crash() {
	w.t.Helper()
	w.crashed = true
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.stop()
}

// put changes a manifest, or adds it.
func (w *world) put(m manifest.Manifest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m.ID = m.Name
	w.revision++
	w.ended = time.Now()
	i := slices.IndexFunc(w.bundle.Manifests, func(o manifest.Manifest) bool { return o.ID == m.ID })
	if i < 0 {
		w.bundle.Manifests = append(w.bundle.Manifests, m)
	} else {
		w.bundle.Manifests[i] = m
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// remove removes a manifest.
func (w *world) remove(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.revision++
	w.bundle.Manifests = slices.DeleteFunc(slices.Clone(w.bundle.Manifests), func(o manifest.Manifest) bool { return o.ID == id })
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// reach says which sources are not reached, as pairs of an id and why.
func (w *world) reach(away ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away = make(map[string]string)
	for i := 0; i < len(away); i += 2 {
		w.away[away[i]] = away[i+1]
	}
}

// is waits until a manifest is in a state.
func (w *world) is(id string, want manifest.Observed) runner.ManifestStatus {
	w.t.Helper()
	t := time.NewTicker(2 * time.Millisecond)
	defer t.Stop()
	until := time.After(within)
	for {
		s, _ := w.runner.Status(id)
		if s.State == want {
			return s
		}
		select {
		case <-until:
			w.t.Fatalf("%s is %s (%s), not %s", id, s.State, s.Reason, want)
		case <-t.C:
		}
	}
}

// tell stores items of a source, one message.
func (w *world) tell(source string, items ...observation.Item) {
	w.t.Helper()
	if _, err := w.bus.PublishObservations(w.t.Context(), source, observation.Append(nil, []string{"", "k1", "k2"}, items), ""); err != nil {
		w.t.Fatal(err)
	}
}

func at(seconds int, value float64) observation.Item {
	return observation.Item{Time: record.Millis(1543000000000) + 1000*record.Millis(seconds), Value: value}
}

func values(s string) manifest.Values {
	var v manifest.Values
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		panic(err)
	}
	return v
}

var errStuck = errors.New("nobody is at home")

// told checks what the processors of a kind did, as operators are told.
func (w *world) told(kind, direction string, want float64) {
	w.t.Helper()
	all, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == "wattwerk_manifest_processor_items" && labels["processor"] == kind && labels["direction"] == direction {
				if got := m.GetGauge().GetValue(); got != want {
					w.t.Errorf("processors %q, %s: told %v, want %v", kind, direction, got, want)
				}
				return
			}
		}
	}
	w.t.Errorf("nothing is told of processors %q, %s", kind, direction)
}
