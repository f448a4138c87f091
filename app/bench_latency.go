package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/live"
	"github.com/wattwerk/wattwerk/sim"
)

// BenchLatencyCmd is "wattwerk bench latency".
type BenchLatencyCmd struct {
	benchFlags `embed:""`
	Rate       int           `default:"20000" help:"Records a second."`
	Post       int           `default:"200" help:"Records in one HTTP push."`
	Sensors    int           `default:"20000" help:"Sensors."`
	Groups     int           `default:"200" help:"Groups they are spread over."`
	Duration   time.Duration `name:"seconds" default:"30s" help:"How long to measure, such as 30s."`
}

// Help is shown by --help.
func (*BenchLatencyCmd) Help() string {
	return `Starts everything in this process, pushes JSON over HTTP and reads the event stream as a
browser does. What is measured is the time from the moment before a push is sent (so that its
acceptance is included) to the first event whose tick takes the push in: the preview, told when
the tick is reached, and the final tick, told after the grace.`
}

// Run measures.
func (c *BenchLatencyCmd) Run(ctx context.Context, sys IO) error {
	if c.Rate < 1 || c.Post < 1 || c.Post > 10_000 || c.Sensors < 1 || c.Groups < 1 || c.Groups > c.Sensors {
		return usageError{errors.New("rate, post, sensors and groups must be positive, a push at most 10,000 records")}
	}
	dir, remove, err := c.workDir()
	if err != nil {
		return err
	}
	defer remove()
	cl, stop, err := startBench(ctx, dir)
	if err != nil {
		return err
	}
	gen, err := sim.New(sim.Options{Sensors: c.Sensors, Groups: c.Groups, Seed: 1})
	if err != nil {
		return errors.Join(err, stop())
	}
	m := &latencyRun{cmd: c, client: cl, gen: gen, reached: make(map[string]map[int64]time.Time)}
	err = m.run(ctx)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	var out bench.Figures
	out.Add("records_per_second", "records per second", float64(m.sent)/c.Duration.Seconds())
	out.Add("records_per_push", "records in a push", c.Post)
	out.Add("pushes", "pushes", len(m.pushes))
	m.report(&out, "preview", "preview")
	m.report(&out, "aggregates", "final")
	out.Add("accept_p99_ms", "acceptance of a push, p99 in ms", bench.Percentile(m.accepted, 99))
	out.Add("tick_ms", "tick in ms", 1000)
	out.Add("grace_ms", "grace of final ticks in ms", 2000)
	out.Add("cpu_share_of_one_core", "share of one core, generator and reader included", m.cpu.Seconds()/c.Duration.Seconds())
	out.Machine()
	return out.Print(sys.Out, c.JSON)
}

// startBench runs a whole process on dir and connects to it.
func startBench(ctx context.Context, dir string) (*client, func() error, error) {
	cfg := DefaultConfig()
	cfg.Data, cfg.Addr, cfg.Bus.MQTT = dir, "127.0.0.1:0", "off"
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg, slog.New(slog.DiscardHandler), io.Discard) }()
	stop := func() error {
		cancel()
		return <-ended
	}
	deadline := time.Now().Add(time.Minute)
	for {
		if in, err := datadir.Running(dir); err == nil {
			cl := &client{base: in.URL, token: in.Secret, http: http.DefaultClient}
			if resp, err := cl.do(ctx, http.MethodGet, "/readyz", "", nil); err == nil {
				return cl, stop, resp.Body.Close()
			}
		}
		select {
		case err := <-ended:
			cancel()
			return nil, nil, errors.Join(errors.New("the process ended before it was ready"), err)
		case <-time.After(20 * time.Millisecond):
			if time.Now().After(deadline) {
				return nil, nil, errors.Join(errors.New("the process is not ready after a minute"), stop())
			}
		}
	}
}

type latencyRun struct {
	cmd    *BenchLatencyCmd
	client *client
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

func (m *latencyRun) run(ctx context.Context) error {
	doc, err := json.Marshal(m.gen.Document())
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, m.client.base+"/api/v1/model", bytes.NewReader(doc))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+m.client.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("If-Match", `"0"`)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the model was not taken: %s %s", resp.Status, said)
	}
	stream, err := m.client.do(ctx, http.MethodGet, "/api/v1/stream?preview=true&group="+string(m.gen.Document().Hierarchies[0].Root), "", nil)
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
	err = m.push(ctx, m.cmd.Duration, true)
	m.cpu = bench.CPU() - cpu
	if err == nil { // the last ticks are still to come
		if werr := m.push(ctx, warm, false); werr != nil {
			err = werr
		}
	}
	return errors.Join(err, stream.Body.Close(), g.Wait())
}

// listen notes when which tick came.
func (m *latencyRun) listen(r io.Reader) error {
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
func (m *latencyRun) push(ctx context.Context, d time.Duration, measured bool) error {
	const clients = 8
	g, ctx := errgroup.WithContext(ctx)
	apart := time.Duration(float64(m.cmd.Post) * clients / float64(m.cmd.Rate) * float64(time.Second))
	begun := time.Now()
	for k := range clients {
		g.Go(func() error {
			var body []byte
			next := begun.Add(apart * time.Duration(k) / clients)
			for n := 0; next.Sub(begun) < d; n++ {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Until(next)):
				}
				next = next.Add(apart)
				at := time.Now()
				body = append(body[:0], '[')
				for i := range m.cmd.Post {
					if i > 0 {
						body = append(body, ',')
					}
					s := ((n*clients+k)*m.cmd.Post + i) % m.cmd.Sensors
					body = fmt.Appendf(body, `{"sensor":"%s","time":%d,"value":10}`, m.gen.Sensor(s), at.UnixMilli())
				}
				body = append(body, ']')
				resp, err := m.client.do(ctx, http.MethodPost, "/api/v1/ingest/json", "application/json", bytes.NewReader(body))
				if err != nil {
					return err
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if measured {
					m.mu.Lock()
					m.pushes = append(m.pushes, pushed{at, at.UnixMilli()})
					m.accepted = append(m.accepted, float64(time.Since(at).Microseconds())/1000)
					m.sent += m.cmd.Post
					m.mu.Unlock()
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// report adds the latencies by one kind of event.
func (m *latencyRun) report(out *bench.Figures, event, name string) {
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
