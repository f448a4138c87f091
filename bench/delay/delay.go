package delay

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/live"
	"github.com/wattwerk/wattwerk/sim"
)

// Options say what is pushed.
type Options struct {
	Rate     int // records a second
	Post     int // records in one HTTP push
	Sensors  int
	Groups   int           // they are spread over
	Duration time.Duration // how long it is measured

	Dir   string                                                       // work below it; "": that for temporary files
	Start func(ctx context.Context, dir string) (*bench.Server, error) // runs the program on a data directory
}

// Validate tells what cannot be measured.
func (o *Options) Validate() error {
	if o.Rate < 1 || o.Post < 1 || o.Post > 10_000 || o.Sensors < 1 || o.Groups < 1 || o.Groups > o.Sensors {
		return errors.New("rate, post, sensors and groups must be positive, a push at most 10,000 records")
	}
	return nil
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
	s, err := o.Start(ctx, dir)
	if err != nil {
		return nil, err
	}
	gen, err := sim.New(sim.Options{Sensors: o.Sensors, Groups: o.Groups, Seed: 1})
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	m := &load{opts: &o, server: s, gen: gen, reached: make(map[string]map[int64]time.Time)}
	err = m.run(ctx)
	if err := errors.Join(err, s.Stop()); err != nil {
		return nil, err
	}
	out = new(bench.Figures)
	out.Add("records_per_second", "records per second", float64(m.sent)/o.Duration.Seconds())
	out.Add("records_per_push", "records in a push", o.Post)
	out.Add("pushes", "pushes", len(m.pushes))
	m.report(out, "preview", "preview")
	m.report(out, "aggregates", "final")
	out.Add("accept_p99_ms", "acceptance of a push, p99 in ms", bench.Percentile(m.accepted, 99))
	out.Add("tick_ms", "tick in ms", 1000)
	out.Add("grace_ms", "grace of final ticks in ms", 2000)
	out.Add("cpu_share_of_one_core", "share of one core, generator and reader included", m.cpu.Seconds()/o.Duration.Seconds())
	out.Machine()
	return out, nil
}

// load pushes, and notes what comes.
type load struct {
	opts   *Options
	server *bench.Server
	gen    *sim.Generator
	sent   int
	cpu    time.Duration

	mu       sync.Mutex
	pushes   []pushed
	accepted []float64
	reached  map[string]map[int64]time.Time // per event, tick: when the event came
}

// pushed is one HTTP request: when it was about to be sent and the time of its
// readings, in ms.
type pushed struct {
	sent time.Time
	at   int64
}

func (m *load) run(ctx context.Context) error {
	doc, err := json.Marshal(m.gen.Document())
	if err != nil {
		return err
	}
	resp, err := m.server.Do(ctx, http.MethodPut, "/api/v1/model", "application/json", bytes.NewReader(doc), "If-Match", `"0"`)
	if err != nil {
		return fmt.Errorf("the model was not taken: %w", err)
	}
	_ = resp.Body.Close()
	stream, err := m.server.Do(ctx, http.MethodGet, "/api/v1/stream?preview=true&group="+string(m.gen.Document().Hierarchies[0].Root), "", nil)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.Go(func() error { return m.listen(stream.Body) })
	const warm = 5 * time.Second
	if err := m.push(ctx, warm, false); err != nil {
		return errors.Join(err, stream.Body.Close(), g.Wait())
	}
	cpu := bench.CPU()
	err = m.push(ctx, m.opts.Duration, true)
	m.cpu = bench.CPU() - cpu
	if err == nil { // the last ticks are still to come
		if werr := m.push(ctx, warm, false); werr != nil {
			err = werr
		}
	}
	return errors.Join(err, stream.Body.Close(), g.Wait())
}

// listen notes when which tick came.
func (m *load) listen(r io.Reader) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	event := ""
	for s.Scan() {
		line := s.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || event != "preview" && event != "aggregates" {
			continue
		}
		now := time.Now()
		var a live.Aggregates
		if err := json.Unmarshal([]byte(data), &a); err != nil {
			return err
		}
		m.mu.Lock()
		if m.reached[event] == nil {
			m.reached[event] = make(map[int64]time.Time)
		}
		if _, twice := m.reached[event][int64(a.T)]; !twice {
			m.reached[event][int64(a.T)] = now
		}
		m.mu.Unlock()
	}
	return nil // closed by us
}

// push sends at the rate, from eight clients.
func (m *load) push(ctx context.Context, d time.Duration, measured bool) error {
	const clients = 8
	g, ctx := errgroup.WithContext(ctx)
	apart := time.Duration(float64(m.opts.Post) * clients / float64(m.opts.Rate) * float64(time.Second))
	begun := time.Now()
	for k := range clients {
		g.Go(func() error {
			var body []byte
			next := begun.Add(apart * time.Duration(k) / clients)
			for n := 0; next.Sub(begun) < d; n++ {
				if !run.Pause(ctx, time.Until(next)) {
					return ctx.Err()
				}
				next = next.Add(apart)
				at := time.Now()
				body = append(body[:0], '[')
				for i := range m.opts.Post {
					if i > 0 {
						body = append(body, ',')
					}
					s := ((n*clients+k)*m.opts.Post + i) % m.opts.Sensors
					body = fmt.Appendf(body, `{"sensor":"%s","time":%d,"value":10}`, m.gen.Sensor(s), at.UnixMilli())
				}
				body = append(body, ']')
				resp, err := m.server.Do(ctx, http.MethodPost, "/api/v1/ingest/json", "application/json", bytes.NewReader(body))
				if err != nil {
					return err
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if measured {
					m.mu.Lock()
					m.pushes = append(m.pushes, pushed{at, at.UnixMilli()})
					m.accepted = append(m.accepted, float64(time.Since(at).Microseconds())/1000)
					m.sent += m.opts.Post
					m.mu.Unlock()
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// report adds the latencies by one kind of event.
func (m *load) report(out *bench.Figures, event, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ms []float64
	missed := 0
	for _, p := range m.pushes {
		tick := (p.at + 999) / 1000 * 1000
		came, ok := m.reached[event][tick]
		if !ok {
			missed++
			continue
		}
		ms = append(ms, float64(came.Sub(p.sent).Microseconds())/1000)
	}
	out.Add(name+"_p50_ms", name+" tick, p50 in ms", bench.Percentile(ms, 50))
	out.Add(name+"_p99_ms", name+" tick, p99 in ms", bench.Percentile(ms, 99))
	out.Add(name+"_max_ms", name+" tick, most in ms", bench.Percentile(ms, 100))
	out.Add(name+"_missing", name+" ticks that did not come", missed)
}
