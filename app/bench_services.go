package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/answering"
	"github.com/wattwerk/wattwerk/bench/ladder"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
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

// Run measures.
func (c *BenchServicesCmd) Run(ctx context.Context, sys IO) error {
	o := answering.Options{
		Objects: c.Objects, Microservices: c.Microservices, Down: c.Down, Ladder: c.Ladder, Time: c.Time, Rates: c.Rates, Instances: c.Instances,
		Dir: c.Dir, Profile: c.Profile, Version: Version(), Say: say(sys), Ask: askApart, Settled: settledQuarters,
		Elsewhere: func(n *access.Notary) execution.Elsewhere {
			return askElsewhere(func() *access.Notary { return n }, nil)
		},
	}
	return c.measure(sys, &o, func() (*bench.Figures, error) { return answering.Run(ctx, o) })
}

// settledRevisions follows what is settled of a model that stays.
func settledRevisions(ctx context.Context, store *ledger.Store, m *model.Model) (*serviceRevisions, error) {
	contracts, err := contract.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	return newServiceRevisions(&serviceSource{model: func() *model.Model { return m }, settled: store, contracts: contracts}), nil
}

// quartersOf are settled quarters, read and followed as the program does.
type quartersOf struct{ *serviceRevisions }

// Point implements [answering.Settled].
func (q quartersOf) Point(id object.ID) ledger.Point { return settledPoint(q.source.model(), id) }

// Quarters implements [answering.Settled].
func (q quartersOf) Quarters(ctx context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error {
	return q.source.Quarters(ctx, id, from, to, each)
}

func settledQuarters(ctx context.Context, store *ledger.Store, m *model.Model) (answering.Settled, error) {
	r, err := settledRevisions(ctx, store, m)
	if err != nil {
		return nil, err
	}
	return quartersOf{r}, nil
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
