package answering

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/ladder"
	"github.com/wattwerk/wattwerk/bench/town"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// Options say what is asked, and what answers.
type Options struct {
	Objects       int           // in rooms
	Microservices int           // of which the six services use 30
	Down          float64       // share of the objects that are down
	Ladder        []int         // how many clients ask at once, one level after the other
	Time          time.Duration // how long each level is asked, and each rate
	Rates         []float64     // requests a second of open loops
	Instances     int           // that carry S1 to S6 out together, in one of the measurements

	Dir     string                        // work below it; "": that for temporary files
	Profile string                        // write a CPU profile of the server to this file; "": do not
	Version string                        // of the program
	Say     func(format string, a ...any) // progress, for people

	// Ask asks in a process of its own, so that it does not work on the time of the
	// server.
	Ask func(context.Context, ladder.Plan) (*ladder.Result, error)
	// Elsewhere asks other instances, with a voucher of this notary.
	Elsewhere func(*access.Notary) execution.Elsewhere
	// Settled reads and follows quarters that are settled, as the program does.
	Settled func(context.Context, *ledger.Store, *model.Model) (Settled, error)
}

// Settled are quarters in a ledger.
type Settled interface {
	keep.Revisions
	// Point is where those of an object are.
	Point(object.ID) ledger.Point
	// Quarters implements [feed.Source].
	Quarters(ctx context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error
}

// Validate tells what cannot be measured.
func (o *Options) Validate() error {
	if o.Time < 100*time.Millisecond || len(o.Ladder) == 0 || len(o.Ladder) > 50 || len(o.Rates) > 20 || o.Instances < 1 || o.Instances > 50 {
		return errors.New("at least 100ms, 1 to 50 levels, at most 20 rates, 1 to 50 instances")
	}
	return town.Check(o.Objects, o.Microservices, o.Down)
}

// paperLadder is the mean that is published for the ladder, s.
const paperLadder = 0.083626

// Run measures. One that is stopped gives what was measured by then, with the error
// of ctx.
func Run(ctx context.Context, o Options) (*bench.Figures, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	w, err := town.New(o.Objects, o.Microservices, o.Down)
	if err != nil {
		return nil, err
	}
	out := new(bench.Figures)
	o.inProcess(w, out)
	stop, err := bench.Profile(o.Profile)
	if err != nil {
		return nil, err
	}
	before := bench.CPU()
	asked, err := o.overHTTP(ctx, w, out)
	if err := errors.Join(err, stop()); err != nil {
		if ctx.Err() == nil {
			return nil, err
		}
		out.Add("stopped", "stopped before the end", true) // what was measured by then was measured
		out.Machine()
		return out, ctx.Err()
	}
	out.Add("cpu_us_per_request", "CPU of the server a request, µs", (bench.CPU()-before).Seconds()*1e6/float64(max(asked, 1)))
	out.Add("objects", "objects", w.World.Len())
	out.Add("microservices", "microservices", o.Microservices)
	out.Machine()
	return out, nil
}

// inProcess discovers one service after the other for one room after the other.
func (o *Options) inProcess(w *town.Town, out *bench.Figures) {
	for n := range 6 * len(w.Rooms) { // what a service means for a room is worked out once
		_, _ = w.Discover(n)
	}
	n, full := 0, 0
	began := time.Now()
	for time.Since(began) < o.Time {
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
	opts  *Options
	out   *bench.Figures
	asked int
	wrong int
	why   []string // of the first wrong answers
}

// ask has a plan be carried out by a process of its own. 503 is an answer where
// something may be missing.
func (a *asking) ask(ctx context.Context, p ladder.Plan, mayLack bool) (*ladder.Result, error) {
	p.For, p.Warm, p.Timeout = a.opts.Time, 2*p.Clients, 30*time.Second
	r, err := a.opts.Ask(ctx, p)
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
func (o *Options) overHTTP(ctx context.Context, w *town.Town, out *bench.Figures) (asked int, err error) {
	dir, remove, err := bench.WorkDir(o.Dir)
	if err != nil {
		return 0, err
	}
	defer remove(&err)
	doors, err := newDoors(ctx, dir, o.Version)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, doors.close()) }()
	a := &asking{opts: o, out: out}
	if err := o.discoveries(ctx, w, doors, a); err != nil {
		return a.asked, err
	}
	if err := o.executions(ctx, dir, doors, a); err != nil {
		return a.asked, err
	}
	out.Add("wrong_answers", "answers that are neither a plan nor 503, and timeouts", a.wrong)
	if a.wrong > 0 {
		return a.asked, fmt.Errorf("%d requests were not answered as they should be: %s", a.wrong, strings.Join(a.why, "; "))
	}
	return a.asked, nil
}

// discoveries asks for plans.
func (o *Options) discoveries(ctx context.Context, w *town.Town, doors *doors, a *asking) error {
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
		for _, clients := range o.Ladder {
			o.Say("%s, %d clients …", what, clients)
			p.Clients, p.Least = clients, 4*clients
			r, err := a.ask(ctx, p, true)
			if err != nil {
				return 0, err
			}
			mean += r.Mean / float64(len(o.Ladder))
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
	for _, rate := range o.Rates {
		o.Say("%g requests a second …", rate)
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
