package app

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/sim/load"
	"github.com/wattwerk/wattwerk/sim/meters"
	"github.com/wattwerk/wattwerk/sim/noise"
)

// SimMetersCmd is "wattwerk sim meters".
type SimMetersCmd struct {
	Number   int           `short:"n" default:"1" help:"How many meters."`
	Kind     string        `enum:"${sim_meter_kinds}" default:"sml" help:"What they speak: ${sim_meter_kinds}."`
	Model    string        `placeholder:"NAME" help:"Of sml: ${sim_meter_models} (default: MT175)."`
	Terminal string        `placeholder:"DIR" help:"Play on pseudo terminals that links in this directory name, instead of TCP." type:"path"`
	Host     string        `default:"127.0.0.1" help:"Address to listen at."`
	Port     int           `placeholder:"N" help:"The first listens here, the others behind it (default: ports that are free)."`
	Curve    string        `placeholder:"FILE" help:"CSV of time and watts (default: made-up households)." type:"existingfile"`
	PV       float64       `name:"pv" placeholder:"W" help:"Peak of the panels of a made-up household (default: 0)."`
	Seed     uint64        `default:"1" help:"Another seed gives other households and other noise."`
	Speed    float64       `default:"1" help:"How much faster than real the household lives."`
	Every    time.Duration `default:"1s" help:"Between two telegrams."`
	Baud     int           `placeholder:"N" help:"Pace of the line (default: as is usual)."`
	Fast     bool          `help:"Send telegrams at once instead of at the pace of the line."`
	Loss     float64       `placeholder:"SHARE" help:"Probability that a byte is lost, 0 to 1 (default: 0)."`
	Flip     float64       `placeholder:"SHARE" help:"Probability that a bit of a byte is flipped (default: 0)."`
	Burst    float64       `placeholder:"SHARE" help:"Probability that a byte and some 100 after it are lost (default: 0)."`
	Locked   bool          `help:"Their PIN is not entered."`
	PINFile  string        `name:"pin-file" placeholder:"FILE" help:"Their PIN (default: 0000)." type:"existingfile"`
	Unplug   time.Duration `placeholder:"TIME" help:"Unplug them every so often (default: never)."`
	Gone     time.Duration `default:"10s" help:"For how long they are unplugged."`
	For      time.Duration `placeholder:"TIME" help:"Stop after this long (default: when interrupted)."`
	JSON     bool          `name:"json" help:"Print the table as JSON."`
}

// Help is shown by --help.
func (*SimMetersCmd) Help() string {
	return `Plays meters that can be read by 'wattwerk meter read', and prints where they are. A meter that is
locked takes its PIN by light, for which it listens at an address of its own: 'wattwerk meter
unlock --lamp' lights it. docs/meters.md explains it.

Examples:
  wattwerk sim meters                              one meter, by TCP
  wattwerk sim meters -n 10 --terminal /tmp/meters --pv 6000
  wattwerk sim meters --kind sunspec --port 5020
  wattwerk sim meters --model MT681 --locked --loss 0.001 --unplug 5m`
}

// simMeter is a line of the table.
type simMeter struct {
	Number  int    `json:"number"`
	Kind    string `json:"kind"`
	Model   string `json:"model,omitempty"`
	Address string `json:"address"`
	Lamp    string `json:"lamp,omitempty"`
	meter   *meters.Meter
	play    []func(context.Context) error
}

// Run plays until it is told to stop.
func (c *SimMetersCmd) Run(ctx context.Context, sys IO) error {
	if c.Number < 1 || c.Number > 1000 || c.Port < 0 || c.Port > 0 && c.Port+c.Number > 0x10000 {
		return usageError{errors.New("--number is from 1 to 1000, and --port leaves room for them")}
	}
	if c.Every <= 0 || c.Gone <= 0 || c.Speed <= 0 || c.Speed > 1e6 || c.Baud < 0 {
		return usageError{errors.New("--every, --gone, --speed and --baud are positive")}
	}
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	all, err := c.make()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var playing, ready sync.WaitGroup
	ended := make(chan error, 3*len(all))
	for _, m := range all {
		ready.Add(1)
		up := sync.OnceFunc(ready.Done)
		if err := c.connect(ctx, m, up); err != nil {
			cancel()
			playing.Wait()
			return err
		}
		for _, play := range m.play {
			playing.Go(func() {
				defer up()
				ended <- play(ctx)
			})
		}
	}
	ready.Wait()
	if err = c.print(sys, all); err != nil {
		cancel()
	}
	go func() {
		playing.Wait()
		close(ended)
	}()
	for one := range ended {
		if one != nil {
			cancel()
		}
		err = errors.Join(err, one)
	}
	return err
}

// make makes the meters.
func (c *SimMetersCmd) make() ([]*simMeter, error) {
	var series *load.Series
	if c.Curve != "" {
		f, err := os.Open(c.Curve)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // it was only read
		if series, err = load.ReadSeries(f); err != nil {
			return nil, usageError{err}
		}
	}
	pin := ""
	if c.PINFile != "" {
		f, err := os.Open(c.PINFile)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // it was only read
		if pin, err = firstLine(f); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	now := func() time.Time { return began.Add(time.Duration(float64(time.Since(began)) * c.Speed)) }
	year := time.Date(began.UTC().Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	var all []*simMeter
	for i := range c.Number {
		seed := c.Seed + uint64(i)
		o := meters.Options{
			Kind: c.Kind, Model: c.Model, Serial: uint32(i + 1), Curve: load.Household{Seed: seed, PV: c.PV}, Begin: year,
			From: load.State{Import: seed * 0x9e3779b9 % 20_000 * 3_600_000_000}, Locked: c.Locked, PIN: pin, Seed: seed, Now: now,
		}
		if series != nil {
			o.Curve, o.Begin = series, began
		}
		m, err := meters.New(o)
		if err != nil {
			return nil, usageError{err}
		}
		if c.Kind == "sml" && o.Model == "" {
			o.Model = "MT175"
		}
		all = append(all, &simMeter{Number: i + 1, Kind: c.Kind, Model: o.Model, meter: m})
	}
	return all, nil
}

// connect opens where a meter is, and says what plays it; up is called when it can be reached.
func (c *SimMetersCmd) connect(ctx context.Context, m *simMeter, up func()) error {
	pace := meters.Pace{Every: c.Every, Baud: c.Baud, Fast: c.Fast, Noise: noise.Options{Loss: c.Loss, Flip: c.Flip, Burst: c.Burst, Seed: c.Seed + uint64(m.Number)}}
	if err := pace.Noise.Validate(); err != nil {
		return usageError{err}
	}
	outage := meters.Outage{Every: c.Unplug, For: c.Gone}
	if c.Terminal != "" {
		if err := os.MkdirAll(c.Terminal, 0o755); err != nil {
			return err
		}
		m.Address = filepath.Join(c.Terminal, "meter-"+strconv.Itoa(m.Number))
		m.play = append(m.play, func(ctx context.Context) error { return m.meter.Terminal(ctx, m.Address, pace, outage, up) })
	} else {
		port := 0
		if c.Port > 0 {
			port = c.Port + m.Number - 1
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(c.Host, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		m.Address = "tcp://" + l.Addr().String()
		m.play = append(m.play, func(ctx context.Context) error { return m.meter.TCP(ctx, l, pace, outage) })
		up()
	}
	if !c.Locked {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(c.Host, "0"))
	if err != nil {
		return err
	}
	m.Lamp = "tcp://" + l.Addr().String()
	m.play = append(m.play, func(ctx context.Context) error { return m.meter.Illuminate(ctx, l) })
	return nil
}

func (c *SimMetersCmd) print(sys IO, all []*simMeter) error {
	if c.JSON {
		return json.NewEncoder(sys.Out).Encode(all)
	}
	t := newColumns(sys.Out, "METER", "KIND", "MODEL", "ADDRESS", "LAMP")
	for _, m := range all {
		t.row(m.Number, m.Kind, m.Model, m.Address, m.Lamp)
	}
	return t.flush()
}
