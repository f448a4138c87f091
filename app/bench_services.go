package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/ladder"
	"github.com/wattwerk/wattwerk/bench/town"
	"github.com/wattwerk/wattwerk/internal/run"
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
	Instances     int           `default:"10" help:"Instances that carry S1 to S6 out together, in one of the measurements."`
	Profile       string        `help:"Write a CPU profile of the server to this file." type:"path"`
}

// Help is shown by --help.
func (*BenchServicesCmd) Help() string {
	return `Discovers energy services among objects of which some are down, each with five microservices of three
composites of eight objects: in this process, and over HTTP, asked by a process of its own, at each step of the
published ladder (Jarwar, Ali and Chong, Energies 2019: mean of 5 to 2,560 clients 0.083626 s, and 0.465 s for
their monolith), then at fixed rates. It is the program's route that is asked, through the gateway and with a token; once a
second the states of objects change, so that no plan is kept longer. The same without gateway, route and kept plans is asked
beside, and a monolith of the same parts, which works off one request after the other and serves only where every object is there itself.

Then S1 to S6 are carried out by the program's route from the request to the answer for 50 clients at once, on a home with 400 days of
quarters of an hour: anew for every request ("cold"), with results kept until something changes ("warm"), so by ten instances of
which each request is carried out by the one that its plan names, and from settled quarters in SQLite, kept, and anew for one client. Readings and tariffs are in memory.

Every answer is a plan, or 503 with what is missing; any other answer and every timeout is counted as an error. Stopped by Ctrl-C, it prints what was measured by then.

Examples:
  wattwerk bench services
  wattwerk bench services --objects 100000 --time 10s --json`
}

// paperLadder is the mean that is published for the ladder, s.
const paperLadder = 0.083626

// Run measures.
func (c *BenchServicesCmd) Run(ctx context.Context, sys IO) error {
	if c.Time < 100*time.Millisecond || len(c.Ladder) == 0 || len(c.Ladder) > 50 || len(c.Rates) > 20 || c.Instances < 1 || c.Instances > 50 {
		return usageError{errors.New("at least 100ms, 1 to 50 levels, at most 20 rates, 1 to 50 instances")}
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
		if ctx.Err() == nil {
			return err
		}
		out.Add("stopped", "stopped before the end", true) // what was measured by then was measured
		out.Machine()
		return errors.Join(ctx.Err(), out.Print(sys.Out, c.JSON))
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

// asking asks, and counts what came of it.
type asking struct {
	cmd   *BenchServicesCmd
	out   *bench.Figures
	asked int
	wrong int
	why   []string // of the first wrong answers
}

// ask has a plan be carried out by a process of its own. 503 is an answer where
// something may be missing.
func (a *asking) ask(ctx context.Context, p ladder.Plan, mayLack bool) (*ladder.Result, error) {
	p.For, p.Warm, p.Timeout = a.cmd.Time, 2*p.Clients, 30*time.Second
	r, err := askApart(ctx, p)
	if err != nil {
		return nil, err
	}
	a.asked += r.Requests
	wrong := r.Errors + r.Timeouts
	for status, n := range r.Statuses {
		if status != http.StatusOK && (status != http.StatusServiceUnavailable || !mayLack) {
			wrong += n
		}
	}
	if a.wrong += wrong; wrong > 0 && len(a.why) < 3 {
		a.why = append(a.why, fmt.Sprintf("%.100s: %v, %d errors, %d timeouts %s", p.URLs[0], r.Statuses, r.Errors, r.Timeouts, r.Error))
	}
	return r, nil
}

// overHTTP asks at each level and rate, and tells how many requests that were.
func (c *BenchServicesCmd) overHTTP(ctx context.Context, sys IO, w *town.Town, out *bench.Figures) (asked int, err error) {
	dir, err := os.MkdirTemp("", "wattwerk-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	doors, err := newDoors(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, doors.close()) }()
	a := &asking{cmd: c, out: out}
	if err := c.discoveries(ctx, sys, w, doors, a); err != nil {
		return a.asked, err
	}
	if err := c.executions(ctx, sys, dir, doors, a); err != nil {
		return a.asked, err
	}
	out.Add("wrong_answers", "answers that are neither a plan nor 503, and timeouts", a.wrong)
	if a.wrong > 0 {
		return a.asked, fmt.Errorf("%d requests were not answered as they should be: %s", a.wrong, strings.Join(a.why, "; "))
	}
	return a.asked, nil
}

// discoveries asks for plans.
func (c *BenchServicesCmd) discoveries(ctx context.Context, sys IO, w *town.Town, doors *doors, a *asking) error {
	program, err := w.Program()
	if err != nil {
		return err
	}
	route, err := doors.open(program.Execution)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/microservices", w.Microservices())
	mux.Handle("/monolith", w.Monolith())
	plain, err := doors.serve(mux)
	if err != nil {
		return err
	}
	stirring, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for run.Pause(stirring, time.Second) {
			program.Stir()
		}
	}()
	real := ladder.Plan{Headers: doors.headers()}
	bare, monolith := ladder.Plan{}, ladder.Plan{}
	for n := range 6 * len(w.Rooms) {
		r := w.Request(n)
		real.URLs = append(real.URLs, route+"/api/v1/services/"+r.SID+"/discover")
		real.Bodies = append(real.Bodies, fmt.Sprintf(`{"subject":%q}`, r.Subject))
		bare.URLs = append(bare.URLs, fmt.Sprintf("%s/microservices?n=%d", plain, n))
		monolith.URLs = append(monolith.URLs, fmt.Sprintf("%s/monolith?n=%d", plain, n))
	}
	levels := func(p ladder.Plan, what string, told bool) (mean float64, err error) {
		for _, clients := range c.Ladder {
			fmt.Fprintf(sys.Err, "%s, %d clients …\n", what, clients) //nolint:errcheck // only words
			p.Clients, p.Least = clients, 4*clients
			r, err := a.ask(ctx, p, true)
			if err != nil {
				return 0, err
			}
			mean += r.Mean / float64(len(c.Ladder))
			if told {
				key := fmt.Sprintf("c%d", clients)
				a.out.Add(key+"_mean_ms", fmt.Sprintf("%d clients: mean, ms", clients), r.Mean*1e3)
				a.out.Add(key+"_p50_ms", "  median, ms", r.P50*1e3)
				a.out.Add(key+"_p99_ms", "  99 %, ms", r.P99*1e3)
				a.out.Add(key+"_per_second", "  answers a second", r.Rate)
			}
		}
		return mean, nil
	}
	before, was := bench.CPU(), a.asked
	mean, err := levels(real, "discovery", true)
	if err != nil {
		return err
	}
	a.out.Add("ladder_mean_seconds", fmt.Sprintf("mean over the ladder, s (published %v, goal 0.02)", paperLadder), mean)
	a.out.Add("ladder_cpu_us", "  CPU of the server a request, µs", (bench.CPU()-before).Seconds()*1e6/float64(max(a.asked-was, 1)))
	if mean, err = levels(bare, "bare discovery", false); err != nil {
		return err
	}
	a.out.Add("bare_ladder_mean_seconds", "  without gateway and route, no plan kept, s", mean)
	if mean, err = levels(monolith, "a monolith", false); err != nil {
		return err
	}
	a.out.Add("monolith_ladder_mean_seconds", "mean over the ladder of a monolith of the same parts, bare, s (published 0.465)", mean)
	for _, rate := range c.Rates {
		fmt.Fprintf(sys.Err, "%g requests a second …\n", rate) //nolint:errcheck // only words
		p := real
		p.Clients, p.Rate = 2000, rate
		r, err := a.ask(ctx, p, true)
		if err != nil {
			return err
		}
		key := fmt.Sprintf("open%g", rate)
		a.out.Add(key+"_mean_ms", fmt.Sprintf("open loop, %g a second: mean, ms", rate), r.Mean*1e3)
		a.out.Add(key+"_p99_ms", "  99 %, ms", r.P99*1e3)
		a.out.Add(key+"_per_second", "  answers a second", r.Rate)
		a.out.Add(key+"_late", "  not sent when they were due", r.Late)
	}
	return nil
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
		var left *exec.ExitError
		if errors.As(err, &left) && left.ExitCode() == ExitInterrupted { // whoever stopped it stopped this process too
			run.Pause(ctx, time.Second)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
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
