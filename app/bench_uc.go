package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bench/uc"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

// ucFlags are common to Theodolite's benchmarks.
type ucFlags struct {
	benchFlags `embed:""`
	Backlog    bool          `help:"Store the records first, and measure how fast they are worked off; else they are offered at their rate."`
	Period     time.Duration `default:"1s" help:"Between two readings of a sensor."`
	Length     time.Duration `name:"seconds" placeholder:"TIME" help:"Time that the readings span (default: 50s; of a backlog 300s)."`
	WarmUp     time.Duration `placeholder:"TIME" help:"Left out of the trend of the lag (default: a quarter of --seconds, at most 60s)."`
	Batch      int           `default:"1000" help:"Records in a message of a backlog."`
	Linger     time.Duration `default:"50ms" help:"How long a live reading may wait for others of its partition to be sent with."`
	Partitions int           `default:"16" help:"Partitions."`
	Seed       uint64        `help:"Another seed gives other values." default:"0"`
	Profile    string        `help:"Write a CPU profile of the measured time to this file." type:"path"`
}

type sensorsFlag struct {
	Sensors int `default:"20000" help:"Sensors: each is a key that fires at a rate of its own."`
}

// BenchUC1Cmd is "wattwerk bench uc1".
type BenchUC1Cmd struct {
	ucFlags     `embed:""`
	sensorsFlag `embed:""`
}

// BenchUC2Cmd is "wattwerk bench uc2".
type BenchUC2Cmd struct {
	ucFlags     `embed:""`
	sensorsFlag `embed:""`
	Window      time.Duration `default:"1m" help:"Length of a window."`
	Grace       time.Duration `default:"0s" help:"How long a window waits for records that come late."`
}

// BenchUC3Cmd is "wattwerk bench uc3".
type BenchUC3Cmd struct {
	ucFlags `embed:""`
	Sensors int           `placeholder:"N" help:"Sensors (default: 20000; of a backlog 1000)."`
	Days    int           `default:"30" help:"Length of a window, which slides by one day."`
	Zone    string        `default:"Europe/Paris" help:"Whose hours of the day they are."`
	Emit    time.Duration `placeholder:"TIME" help:"Tell of windows that have changed so often (default: 15s; of a backlog only when they are passed)."`
}

// BenchUC4Cmd is "wattwerk bench uc4".
type BenchUC4Cmd struct {
	ucFlags `embed:""`
	Nested  int           `name:"nested-groups" default:"7" help:"Levels of groups of four: 4^n sensors."`
	Emit    time.Duration `default:"5s" help:"Tick: how often every group is told of."`
	Grace   time.Duration `default:"5s" help:"How long a tick waits for records that come late."`
}

// Run measures.
func (c *BenchUC1Cmd) Run(ctx context.Context, sys IO) error {
	return c.measure(ctx, sys, uc.Options{Case: uc.Store, Sensors: c.Sensors})
}

// Run measures.
func (c *BenchUC2Cmd) Run(ctx context.Context, sys IO) error {
	return c.measure(ctx, sys, uc.Options{Case: uc.Downsample, Sensors: c.Sensors, Window: ms(c.Window), Grace: ms(c.Grace)})
}

// Run measures.
func (c *BenchUC3Cmd) Run(ctx context.Context, sys IO) error {
	o := uc.Options{Case: uc.TimeAttribute, Sensors: c.Sensors, Days: c.Days, Zone: c.Zone, Emit: ms(c.Emit)}
	switch {
	case !c.Backlog:
		if o.Emit == 0 {
			o.Emit = 15_000
		}
		if o.Sensors == 0 {
			o.Sensors = 20_000
		}
	default:
		if o.Sensors == 0 {
			o.Sensors = 1000
		}
		if c.Length == 0 { // windows must pass, and readings may be rarer
			c.Length, c.Period = 45*24*time.Hour, 5*time.Minute
		}
	}
	return c.measure(ctx, sys, o)
}

// Run measures.
func (c *BenchUC4Cmd) Run(ctx context.Context, sys IO) error {
	return c.measure(ctx, sys, uc.Options{Case: uc.Hierarchy, Nested: c.Nested, Emit: ms(c.Emit), Grace: ms(c.Grace)})
}

func ms(d time.Duration) record.Millis { return record.Millis(d.Milliseconds()) }

// measure runs one of the benchmarks and shows what it gives.
func (c *ucFlags) measure(ctx context.Context, sys IO, o uc.Options) error {
	if c.Length == 0 {
		c.Length = 50 * time.Second
		if c.Backlog {
			c.Length = 300 * time.Second
		}
	}
	o.Backlog, o.Dir, o.Period, o.Length, o.WarmUp = c.Backlog, c.Dir, ms(c.Period), ms(c.Length), ms(c.WarmUp)
	o.Batch, o.Linger, o.Partitions, o.Seed, o.Profile = c.Batch, c.Linger, c.Partitions, c.Seed, c.Profile
	o.Log = slog.New(slog.NewTextHandler(sys.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	program, err := os.Executable()
	if err != nil {
		return err
	}
	o.Generate = generator(program, sys.Err)
	out, err := uc.Run(ctx, o)
	if err != nil {
		return err
	}
	if err := out.Figures.Print(sys.Out, c.JSON); err != nil {
		return err
	}
	if out.Wrong > 0 {
		return fmt.Errorf("%d results are wrong or missing", out.Wrong)
	}
	return nil
}

// generator sends a load from a process of its own, so that what it costs is
// not counted.
func generator(program string, errs io.Writer) func(context.Context, string, uc.Load, time.Duration, func(int64)) (time.Duration, error) {
	return func(ctx context.Context, nats string, l uc.Load, linger time.Duration, told func(int64)) (time.Duration, error) {
		cmd := exec.CommandContext(ctx, program, "bench", "load", "--nats", nats,
			"--sensors", strconv.Itoa(l.Sensors), "--period", strconv.FormatInt(int64(l.Period), 10), "--partitions", strconv.Itoa(l.Partitions),
			"--start", strconv.FormatInt(int64(l.Start), 10), "--end", strconv.FormatInt(int64(l.End), 10),
			"--seed", strconv.FormatUint(l.Seed, 10), "--linger", linger.String())
		cmd.Stderr = errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			return 0, err
		}
		if err := cmd.Start(); err != nil {
			return 0, fmt.Errorf("start the generator: %w", err)
		}
		for s := bufio.NewScanner(out); s.Scan(); {
			if n, err := strconv.ParseInt(strings.TrimSpace(s.Text()), 10, 64); err == nil {
				told(n)
			}
		}
		if err := cmd.Wait(); err != nil {
			return 0, fmt.Errorf("the generator: %w", err)
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
	}
}

// BenchLoadCmd is "wattwerk bench load": the generator's side of a benchmark.
type BenchLoadCmd struct {
	NATS       string        `name:"nats" required:"" placeholder:"URL" help:"The bus."`
	Sensors    int           `required:"" help:"Sensors."`
	Period     int64         `required:"" help:"Between two readings of a sensor, in ms."`
	Partitions int           `required:"" help:"Partitions of the bus."`
	Start      int64         `required:"" help:"Time of the first reading, in ms since 1970."`
	End        int64         `required:"" help:"Time before which the last one is."`
	Seed       uint64        `required:"" help:"Of the values."`
	Linger     time.Duration `required:"" help:"How long a reading may wait for others."`
}

// Run sends, and writes the number of records sent, a line each time.
func (c *BenchLoadCmd) Run(ctx context.Context, sys IO) error {
	l := &uc.Load{
		Sensors: c.Sensors, Period: record.Millis(c.Period), Start: record.Millis(c.Start), End: record.Millis(c.End),
		Seed: c.Seed, Partitions: c.Partitions,
	}
	if err := l.Validate(); err != nil {
		return usageError{err}
	}
	b, err := bus.Open(ctx, bus.Options{URL: c.NATS, Partitions: c.Partitions})
	if err != nil {
		return err
	}
	defer b.Close()
	if b.Partitions() != c.Partitions {
		return usageError{errors.New("the bus has another number of partitions")}
	}
	var sent atomic.Int64
	done := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		defer close(done)
		return l.Send(ctx, b, c.Linger, &sent)
	})
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-tick.C:
		}
		if _, err := fmt.Fprintln(sys.Out, sent.Load()); err != nil {
			return err
		}
	}
	return g.Wait()
}
