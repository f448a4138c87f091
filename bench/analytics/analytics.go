package analytics

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
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/push"
	"github.com/wattwerk/wattwerk/pipeline/engine"
	"github.com/wattwerk/wattwerk/pipeline/local"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/pipeline/repository"
	"github.com/wattwerk/wattwerk/record"
)

// Options say how much is measured.
type Options struct {
	Records     int // that are pushed as JSON
	Post        int // records in one push
	Clients     int // who push at the same time
	Typed       int // items that a filter judges in memory
	Rules       int // on one source; 0: leaves them out
	RuleRate    int // messages a second for them
	RuleSeconds int // for how long
	Manifests   int // that run at the same time; 0: leaves them out

	Dir    string                                          // work below it; "": that for temporary files
	Models func(all []connect.Protocol) repository.Options // how models are checked that use these protocols
	Log    *slog.Logger
	Say    func(format string, a ...any) // progress, for people
}

// Validate tells what cannot be measured.
func (o *Options) Validate() error {
	if o.Records < 1 || o.Post < 1 || o.Clients < 1 || o.Typed < 0 || o.Manifests < 0 || o.Rules < 0 || o.RuleRate < 1 || o.RuleSeconds < 1 {
		return errors.New("records, post, clients, rule-rate and rule-seconds must be positive")
	}
	return nil
}

// counting is a sink that writes JSON lines to nobody, and counts.
type counting struct {
	seen  atomic.Int64
	bytes atomic.Int64
	last  atomic.Int64 // when, in ns since 1970
	mu    sync.Mutex
	once  map[record.Millis]struct{} // times that were seen; nil: they are not looked at
	twice atomic.Int64
	total atomic.Int64 // of all that was written
	buf   []byte
}

func (c *counting) Write(_ context.Context, results []connect.Written) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total.Add(int64(len(results)))
	for _, w := range results {
		c.buf = append(append(c.buf[:0], `{"key":"`...), w.Key...)
		c.buf = strconv.AppendInt(append(c.buf, `","time":`...), int64(w.Time), 10)
		c.buf = strconv.AppendFloat(append(c.buf, `,"value":`...), w.Value, 'g', -1, 64)
		c.buf = append(c.buf, '}', '\n')
		c.bytes.Add(int64(len(c.buf)))
		if c.once == nil {
			continue
		}
		if _, ok := c.once[w.Time]; ok {
			c.twice.Add(1)
			continue
		}
		c.once[w.Time] = struct{}{}
	}
	c.seen.Store(int64(len(c.once)))
	c.last.Store(time.Now().UnixNano())
	return nil
}

func (c *counting) Close() error { return nil }

// rig is a service on a bus of its own.
type rig struct {
	bus     *bus.Bus
	models  *repository.Store
	states  *checkpoint.Store
	service *pipeline.Service
	doors   *push.Doors
	sink    *counting
	ended   chan error
	cancel  context.CancelFunc
}

func open(ctx context.Context, dir string, o *Options) (*rig, error) {
	b, err := bus.Open(ctx, bus.Options{Dir: filepath.Join(dir, "nats"), Partitions: 1, MinFree: 1 << 20, Log: o.Log})
	if err != nil {
		return nil, err
	}
	if err := b.MakeObservations(ctx); err != nil {
		return nil, err
	}
	m := &rig{bus: b, doors: push.New(), sink: &counting{once: make(map[record.Millis]struct{})}, ended: make(chan error, 1)}
	all := append(local.Protocols(b, m.doors.Protocol()), connect.Protocol{
		Name: "count", Writer: func(context.Context, connect.End) (connect.Writer, error) { return m.sink, nil },
	})
	where := sqldb.Options{File: filepath.Join(dir, "wattwerk.db")}
	if m.models, err = repository.Open(ctx, where, o.Models(all)); err != nil {
		return nil, err
	}
	if m.states, err = checkpoint.Open(ctx, where); err != nil {
		return nil, err
	}
	if m.service, err = pipeline.New(pipeline.Options{Bus: b, Models: m.models, Checkpoints: m.states, Protocols: all, Process: "bench", Log: o.Log}); err != nil {
		return nil, err
	}
	named := func(n string) manifest.Common { return manifest.Common{Name: n} }
	bundle := &manifest.Bundle{
		Kinds:      []manifest.Kind{{Common: named("power"), Quantity: "power", Unit: "W"}},
		Interfaces: []manifest.Interface{{Common: named("pushed"), Protocol: manifest.Internal}, {Common: named("counted"), Protocol: "count"}},
		SourceDefinitions: []manifest.SourceDefinition{
			{Common: named("in"), Interface: "pushed", Kinds: []string{"power"}}, {Common: named("out"), Interface: "counted", Kinds: []string{"power"}},
		},
		Sources:   []manifest.Source{{Common: named("source"), Definition: "in"}, {Common: named("quiet"), Definition: "in"}, {Common: named("shared"), Definition: "in"}, {Common: named("sink"), Definition: "out"}},
		Manifests: []manifest.Manifest{m.rule(0)},
	}
	if _, err := m.models.Apply(ctx, bundle, false, "bench"); err != nil {
		return nil, err
	}
	ctx, m.cancel = context.WithCancel(ctx)
	go func() { m.ended <- m.service.Run(ctx) }()
	return m, nil
}

// rule is the manifest that is measured; a version of it lets through the
// same.
func (m *rig) rule(version int) manifest.Manifest {
	return manifest.Manifest{
		Common: manifest.Common{Name: "rule", Description: fmt.Sprint("version ", version)}, State: manifest.Running,
		Processors: []manifest.Processor{{
			Name: "above", Type: "filter", From: []string{"source"}, To: "sink",
			Parameters: manifest.Values{"operator": json.RawMessage(`"GE"`), "threshold": json.RawMessage(fmt.Sprint(-version))},
		}},
	}
}

func (m *rig) close() error {
	m.cancel()
	err := <-m.ended
	err = errors.Join(err, m.models.Close(), m.states.Close())
	m.bus.Close()
	return err
}

// id finds the id of a model.
func (m *rig) id(ctx context.Context, name string) (string, error) {
	s, err := repository.Get[manifest.Source](ctx, m.models, name)
	return s.Model.ID, err
}

// push pushes records, each with a time of its own, from several clients.
func (m *rig) push(ctx context.Context, o *Options) error {
	source, err := m.id(ctx, "source")
	if err != nil {
		return err
	}
	var next atomic.Int64
	var group sync.WaitGroup
	fail := make(chan error, o.Clients)
	for range o.Clients {
		group.Go(func() {
			var body []byte
			for {
				from := int(next.Add(int64(o.Post))) - o.Post
				if from >= o.Records || ctx.Err() != nil {
					return
				}
				body = append(body[:0], '[')
				for i := from; i < min(from+o.Post, o.Records); i++ {
					if i > from {
						body = append(body, ',')
					}
					body = strconv.AppendInt(append(body, `{"time":`...), 1_500_000_000_000+int64(i), 10)
					body = append(strconv.AppendFloat(append(body, `,"value":`...), float64(i%1000)+0.5, 'f', 1, 64), '}')
				}
				body = append(body, ']')
				for {
					r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)).WithContext(ctx)
					r.Header.Set("Content-Type", "application/json")
					w := httptest.NewRecorder()
					m.doors.Push(w, r, source)
					if w.Code == http.StatusTooManyRequests || w.Code == http.StatusServiceUnavailable || w.Code == http.StatusNotFound && next.Load() <= int64(o.Post*o.Clients) {
						time.Sleep(time.Millisecond)
						continue
					}
					if w.Code/100 != 2 {
						fail <- fmt.Errorf("a push was answered %d: %s", w.Code, strings.TrimSpace(w.Body.String()))
						return
					}
					break
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-fail:
		return err
	default:
		return ctx.Err()
	}
}

// Run measures.
func Run(ctx context.Context, o Options) (out *bench.Figures, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, remove, err := bench.WorkDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer remove(&err)
	m, err := open(ctx, dir, &o)
	if err != nil {
		return nil, err
	}
	out = new(bench.Figures)
	err = m.measure(ctx, &o, out)
	if err = errors.Join(err, m.close()); err != nil {
		return nil, err
	}
	out.Machine()
	return out, nil
}

func (m *rig) measure(ctx context.Context, o *Options, out *bench.Figures) error {
	if _, err := m.service.Start(ctx, "rule", "bench"); err != nil {
		return err
	}
	o.Say("pushing JSON through a rule …")
	began, cpu := time.Now(), bench.CPU()
	if err := m.push(ctx, o); err != nil {
		return err
	}
	pushed := time.Since(began)
	if err := m.settle(ctx, o.Records); err != nil {
		return err
	}
	took := time.Unix(0, m.sink.last.Load()).Sub(began)
	out.Add("records_per_second", "JSON in, rule, JSON out: records a second", int(float64(o.Records)/took.Seconds()))
	out.Add("pushed_per_second", "records a second that were accepted", int(float64(o.Records)/pushed.Seconds()))
	out.Add("cpu_us_per_record", "CPU of all of it, us a record", float64((bench.CPU()-cpu).Microseconds())/float64(o.Records))
	lost := o.Records - int(m.sink.seen.Load())

	o.Say("the same, changed and paused again and again …")
	changes, pauses, silence, err := m.disturb(ctx, o)
	if err != nil {
		return err
	}
	lost += o.Records - int(m.sink.seen.Load())
	out.Add("lost_records", "records lost", lost)
	out.Add("doubled_records", "records that a sink was told twice", int(m.sink.twice.Load()))
	out.Add("hot_updates", "changes while it ran", changes)
	out.Add("pauses", "pauses while it ran", pauses)
	out.Add("pause_to_silence_ms", "from a pause to the last result, the longest, ms", float64(silence.Microseconds())/1000)

	o.Say("filtering in memory …")
	each, err := m.typed(ctx, o)
	if err != nil {
		return err
	}
	out.Add("typed_filters_per_second", "items a second through a filter in memory, on all cores", int(each))
	if o.Rules > 0 {
		o.Say("many rules on one source …")
		if err := m.rules(ctx, o, out); err != nil {
			return err
		}
	}
	if o.Manifests == 0 {
		return nil
	}
	o.Say("starting many manifests …")
	return m.many(ctx, o, out)
}

// settle waits until the sink has as many, or nothing comes any more.
func (m *rig) settle(ctx context.Context, n int) error {
	still, was := time.Now(), int64(-1)
	for m.sink.seen.Load() < int64(n) {
		if now := m.sink.seen.Load(); now != was {
			still, was = time.Now(), now
		}
		if time.Since(still) > 30*time.Second {
			return nil // what is missing is told as lost
		}
		if !run.Pause(ctx, time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

// disturb pushes again while the manifest is changed and paused.
func (m *rig) disturb(ctx context.Context, o *Options) (changes, pauses int, silence time.Duration, err error) {
	m.sink.mu.Lock()
	m.sink.once = make(map[record.Millis]struct{}, o.Records)
	m.sink.seen.Store(0)
	m.sink.twice.Store(0)
	m.sink.mu.Unlock()
	done := make(chan error, 1)
	go func() { done <- m.push(ctx, o) }()
	for {
		select {
		case err := <-done:
			if err == nil {
				err = m.settle(ctx, o.Records)
			}
			return changes, pauses, silence, err
		case <-time.After(200 * time.Millisecond):
		}
		changes++
		if _, err := m.models.Apply(ctx, &manifest.Bundle{Manifests: []manifest.Manifest{m.rule(changes)}}, false, "bench"); err != nil {
			return changes, pauses, silence, err
		}
		if changes%2 == 0 {
			continue
		}
		at := time.Now()
		if _, err := m.service.Pause(ctx, "rule", "bench"); err != nil {
			return changes, pauses, silence, err
		}
		if !run.Pause(ctx, 300*time.Millisecond) {
			return changes, pauses, silence, ctx.Err()
		}
		silence = max(silence, time.Unix(0, m.sink.last.Load()).Sub(at))
		pauses++
		if _, err := m.service.Start(ctx, "rule", "bench"); err != nil {
			return changes, pauses, silence, err
		}
	}
}

// nobody takes what instances give.
type nobody struct{ n int }

func (s *nobody) Results(_ int, items []observation.Item) { s.n += len(items) }
func (*nobody) Given(int, []observation.Item)             {}
func (*nobody) Dead(int, []processor.Refused)             {}

// typed has instances of the rule judge items in memory, one instance a core.
func (m *rig) typed(ctx context.Context, o *Options) (float64, error) {
	b, _, err := m.models.Bundle(ctx)
	if err != nil {
		return 0, err
	}
	set, err := manifest.NewSet(b)
	if err != nil {
		return 0, err
	}
	rule, err := set.Manifest("rule")
	if err != nil {
		return 0, err
	}
	offer := pipeline.Offer(append(local.Protocols(m.bus, m.doors.Protocol()), connect.Protocol{Name: "count", Writer: func(context.Context, connect.End) (connect.Writer, error) { return m.sink, nil }}))
	plan, err := offer.Check(set, rule)
	if err != nil {
		return 0, err
	}
	source, err := m.id(ctx, "source")
	if err != nil {
		return 0, err
	}
	items := make([]observation.Item, 1000)
	for i := range items {
		items[i] = observation.Item{Time: record.Millis(1_500_000_000_000) + record.Millis(i), Value: float64(i) - 500}
	}
	cores := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	var failed atomic.Value
	began := time.Now()
	for range cores {
		group.Go(func() {
			inst, _, err := engine.Open(plan, processor.Find, nil)
			if err != nil {
				failed.Store(err)
				return
			}
			batch := observation.Batch{Source: source, Keys: []string{""}, Items: items}
			var s nobody
			for n := 0; n < o.Typed/cores; n += len(items) {
				inst.Step(&batch, record.Millis(1_500_000_000_000)+record.Millis(n), &s)
			}
		})
	}
	group.Wait()
	if err, ok := failed.Load().(error); ok {
		return 0, err
	}
	return float64(o.Typed) / time.Since(began).Seconds(), nil
}

// many starts manifests, each of a filter and an average of ten seconds, all of
// them on one source, and says what memory they need.
func (m *rig) many(ctx context.Context, o *Options, out *bench.Figures) error {
	m.sink.mu.Lock()
	m.sink.once = nil
	m.sink.mu.Unlock()
	runtime.GC()
	before := bench.RSS()
	began := time.Now()
	for from := 0; from < o.Manifests; from += 500 {
		b := new(manifest.Bundle)
		for i := from; i < min(from+500, o.Manifests); i++ {
			b.Manifests = append(b.Manifests, manifest.Manifest{
				Common: manifest.Common{Name: fmt.Sprint("one of many ", i)}, State: manifest.Running,
				Processors: []manifest.Processor{
					{Name: "above", Type: "filter", From: []string{"quiet"}, Parameters: manifest.Values{"operator": json.RawMessage(`"GE"`), "threshold": json.RawMessage(fmt.Sprint(i % 100))}},
					{Name: "average", Type: "average", From: []string{"above"}, To: "sink", Parameters: manifest.Values{"size": json.RawMessage(`"10s"`)}},
				},
			})
		}
		if _, err := m.models.Apply(ctx, b, false, "bench"); err != nil {
			return err
		}
	}
	for running := 0; running < o.Manifests; {
		if !run.Pause(ctx, 200*time.Millisecond) {
			return ctx.Err()
		}
		running = -1 - o.Rules // the rule runs, too, and those of before
		if err := m.count(ctx, &running); err != nil {
			return err
		}
	}
	out.Add("manifests", "manifests that run", o.Manifests)
	out.Add("manifests_started_seconds", "until all of them ran, s", time.Since(began).Seconds())
	quiet, err := m.id(ctx, "quiet")
	if err != nil {
		return err
	}
	// Each takes a value a second for a minute.
	began = time.Now()
	for i := range 60 {
		it := []observation.Item{{Time: record.Millis(1_500_000_000_000) + record.Millis(1000*i), Value: 50}}
		if _, err := m.bus.PublishObservations(ctx, quiet, observation.Append(nil, []string{""}, it), ""); err != nil {
			return err
		}
	}
	for taken := int64(0); taken < 60*int64(o.Manifests); {
		if !run.Pause(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
		taken = 0
		if err := m.taken(ctx, &taken); err != nil {
			return err
		}
	}
	out.Add("rules_per_second", "values times manifests a second", int(60*float64(o.Manifests)/time.Since(began).Seconds()))
	runtime.GC()
	out.Add("manifests_rss_mib", "memory of the process with them, MiB", float64(bench.RSS())/(1<<20))
	out.Add("manifests_more_mib", "more than before, MiB", float64(bench.RSS()-before)/(1<<20))
	return nil
}

func (m *rig) count(ctx context.Context, running *int) error {
	all, err := m.service.Statuses(ctx)
	for _, s := range all {
		if s.State == manifest.IsRunning || s.State == manifest.IsDegraded {
			*running++
		}
	}
	return err
}

func (m *rig) taken(ctx context.Context, n *int64) error {
	all, err := m.service.Statuses(ctx)
	for _, s := range all {
		if len(s.Nodes) == 2 {
			*n += s.Nodes[0].In
		}
	}
	return err
}
