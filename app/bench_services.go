package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/home"
	"github.com/wattwerk/wattwerk/bench/ladder"
	"github.com/wattwerk/wattwerk/bench/town"
	"github.com/wattwerk/wattwerk/record"
)

// BenchServicesCmd is "wattwerk bench services".
type BenchServicesCmd struct {
	benchFlags    `embed:""`
	Objects       int           `default:"10000" help:"Objects in rooms."`
	Microservices int           `default:"312" help:"Microservices, of which the six services use 30."`
	Down          float64       `default:"0.1" help:"Share of the objects that are down."`
	Ladder        []int         `default:"5,10,20,40,80,160,320,640,1280,2560" help:"How many clients ask at once, one level after the other."`
	Time          time.Duration `default:"3s" help:"How long each level is asked, and each rate."`
	Rates         []float64     `default:"1000,4000,8000" help:"Requests a second of open loops."`
	Profile       string        `help:"Write a CPU profile of the server to this file." type:"path"`
}

// Help is shown by --help.
func (*BenchServicesCmd) Help() string {
	return `Discovers energy services among objects of which some are down, each with five microservices of three
composites of eight objects: in this process, and over HTTP, asked by a process of its own, at each step of the
published ladder (Jarwar, Ali and Chong, Energies 2019: mean of 5 to 2,560 clients 0.083626 s, and 0.465 s for
their monolith), then at fixed rates. Then S1 to S6 are carried out from the request to the answer for 50 clients at once, on 400 days of
quarters of an hour that are held in memory. A monolith of the same parts is asked, too: it works off one request after the other and
serves only where every object is there itself.

Every answer is a plan, or 503 with what is missing; any other answer and every timeout is counted as an error.

Examples:
  wattwerk bench services
  wattwerk bench services --objects 100000 --time 10s --json`
}

// paperLadder is the mean that is published for the ladder, s.
const paperLadder = 0.083626

// paperServices are the published times from request to answer, s, with so many
// clients.
var paperServices = [6]float64{.190384, .251513, .2016, .125503, .186217, .14}

const serviceClients = 50

// Run measures.
func (c *BenchServicesCmd) Run(ctx context.Context, sys IO) error {
	if c.Time < 100*time.Millisecond || len(c.Ladder) == 0 || len(c.Ladder) > 50 || len(c.Rates) > 20 {
		return usageError{errors.New("at least 100ms, 1 to 50 levels, at most 20 rates")}
	}
	w, err := town.New(c.Objects, c.Microservices, c.Down)
	if err != nil {
		return usageError{err}
	}
	var out bench.Figures
	c.inProcess(w, &out)
	stop, err := bench.Profile(c.Profile)
	if err != nil {
		return err
	}
	before := bench.CPU()
	asked, err := c.overHTTP(ctx, sys, w, &out)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	out.Add("cpu_us_per_request", "CPU of the server a request, µs", (bench.CPU()-before).Seconds()*1e6/float64(max(asked, 1)))
	out.Add("objects", "objects", w.World.Len())
	out.Add("microservices", "microservices", c.Microservices)
	out.Machine()
	return out.Print(sys.Out, c.JSON)
}

// inProcess discovers one service after the other for one room after the other.
func (c *BenchServicesCmd) inProcess(w *town.Town, out *bench.Figures) {
	for n := range 6 * len(w.Rooms) { // what a service means for a room is worked out once
		_, _ = w.Discover(n)
	}
	n, full := 0, 0
	began := time.Now()
	for time.Since(began) < c.Time {
		for range 100 {
			if _, err := w.Discover(n); err == nil {
				full++
			}
			n++
		}
	}
	out.Add("discovery_us", "a discovery in this process, mean, µs (goal 50)", time.Since(began).Seconds()*1e6/float64(n))
	out.Add("discovered_percent", "of them available, %", 100*float64(full)/float64(n))
}

// overHTTP asks at each level and rate, and tells how many requests that were.
func (c *BenchServicesCmd) overHTTP(ctx context.Context, sys IO, w *town.Town, out *bench.Figures) (asked int, err error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	whole, err := home.New(record.MillisOf(time.Now()))
	if err != nil {
		return 0, err
	}
	mux := http.NewServeMux()
	whole.Execution.Register(humago.New(mux, huma.DefaultConfig("bench", Version())))
	mux.Handle("/microservices", w.Microservices())
	mux.Handle("/monolith", w.Monolith())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	defer func() { err = errors.Join(err, server.Close()) }()

	wrong := 0
	ask := func(path string, p ladder.Plan) (*ladder.Result, error) {
		for n := range 6 * len(w.Rooms) {
			if path == "" {
				break
			}
			p.URLs = append(p.URLs, fmt.Sprintf("http://%s/%s?n=%d", l.Addr(), path, n))
		}
		p.For, p.Warm, p.Timeout = c.Time, 2*p.Clients, 30*time.Second
		r, err := askApart(ctx, p)
		if err != nil {
			return nil, err
		}
		asked += r.Requests
		wrong += r.Errors + r.Timeouts
		for status, n := range r.Statuses {
			if status != http.StatusOK && status != http.StatusServiceUnavailable {
				wrong += n
			}
		}
		return r, nil
	}
	sum := func(name, what string, told bool) error {
		total := 0.0
		for _, clients := range c.Ladder {
			fmt.Fprintf(sys.Err, "%s, %d clients …\n", what, clients) //nolint:errcheck // only words
			r, err := ask(name, ladder.Plan{Clients: clients, Least: 4 * clients})
			if err != nil {
				return err
			}
			total += r.Mean
			if told {
				key := fmt.Sprintf("c%d", clients)
				out.Add(key+"_mean_ms", fmt.Sprintf("%d clients: mean, ms", clients), r.Mean*1e3)
				out.Add(key+"_p50_ms", "  median, ms", r.P50*1e3)
				out.Add(key+"_p99_ms", "  99 %, ms", r.P99*1e3)
				out.Add(key+"_per_second", "  answers a second", r.Rate)
			}
		}
		mean := total / float64(len(c.Ladder))
		key, label := "ladder_mean_seconds", fmt.Sprintf("mean over the ladder, s (published %v, goal 0.02)", paperLadder)
		if !told {
			key, label = "monolith_ladder_mean_seconds", "mean over the ladder of a monolith of the same parts, s (published 0.465)"
		}
		out.Add(key, label, mean)
		return nil
	}
	if err := sum("microservices", "discovery", true); err != nil {
		return asked, err
	}
	if err := sum("monolith", "a monolith", false); err != nil {
		return asked, err
	}
	for _, rate := range c.Rates {
		fmt.Fprintf(sys.Err, "%g requests a second …\n", rate) //nolint:errcheck // only words
		r, err := ask("microservices", ladder.Plan{Clients: 2000, Rate: rate})
		if err != nil {
			return asked, err
		}
		key := fmt.Sprintf("open%g", rate)
		out.Add(key+"_mean_ms", fmt.Sprintf("open loop, %g a second: mean, ms", rate), r.Mean*1e3)
		out.Add(key+"_p99_ms", "  99 %, ms", r.P99*1e3)
		out.Add(key+"_per_second", "  answers a second", r.Rate)
		out.Add(key+"_late", "  not sent when they were due", r.Late)
	}
	for i, published := range paperServices {
		sid := fmt.Sprint("S", i+1)
		fmt.Fprintf(sys.Err, "%s, %d clients …\n", sid, serviceClients) //nolint:errcheck // only words
		r, err := ask("", ladder.Plan{
			URLs: []string{fmt.Sprintf("http://%s/api/v1/services/%s/execute", l.Addr(), sid)}, Bodies: []string{whole.Request(sid)}, Clients: serviceClients,
		})
		if err != nil {
			return asked, err
		}
		key := fmt.Sprint("s", i+1)
		out.Add(key+"_mean_seconds", fmt.Sprintf("%s from request to answer, %d clients: mean, s (published %v)", sid, serviceClients, published), r.Mean)
		out.Add(key+"_p99_seconds", "  99 %, s", r.P99)
		out.Add(key+"_per_second", "  answers a second", r.Rate)
		wrong += r.Statuses[http.StatusServiceUnavailable] // everything is there
	}
	out.Add("wrong_answers", "answers that are neither a plan nor 503, and timeouts", wrong)
	if wrong > 0 {
		return asked, fmt.Errorf("%d requests were not answered as they should be", wrong)
	}
	return asked, nil
}

// askApart has a process of its own ask, so that it does not work on the time of
// the server.
func askApart(ctx context.Context, p ladder.Plan) (*ladder.Result, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "bench", "ask")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &said
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask: %w: %.500s", err, said.String())
	}
	var r ladder.Result
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	return &r, nil
}

// BenchAskCmd is "wattwerk bench ask".
type BenchAskCmd struct{}

// Help is shown by --help.
func (*BenchAskCmd) Help() string {
	return `Reads a plan as JSON from its input, asks a server by it and prints how long the answers took. 'wattwerk bench services' starts it.

Example:
  echo '{"urls":["http://127.0.0.1:8080/"],"clients":10,"for":1000000000}' | wattwerk bench ask`
}

// Run asks.
func (*BenchAskCmd) Run(ctx context.Context, sys IO) error {
	var p ladder.Plan
	if err := json.NewDecoder(sys.In).Decode(&p); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	r, err := ladder.Run(ctx, p)
	if err != nil {
		return err
	}
	return json.NewEncoder(sys.Out).Encode(r)
}
