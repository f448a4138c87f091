package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/delay"
	"github.com/wattwerk/wattwerk/internal/datadir"
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
	o := delay.Options{Rate: c.Rate, Post: c.Post, Sensors: c.Sensors, Groups: c.Groups, Duration: c.Duration, Dir: c.Dir, Start: startBench}
	return c.measure(sys, &o, func() (*bench.Figures, error) { return delay.Run(ctx, o) })
}

// startBench runs a whole process on dir and connects to it.
func startBench(ctx context.Context, dir string) (*bench.Server, error) {
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
				return &bench.Server{Do: cl.do, Stop: stop}, resp.Body.Close()
			}
		}
		select {
		case err := <-ended:
			cancel()
			return nil, errors.Join(errors.New("the process ended before it was ready"), err)
		case <-time.After(20 * time.Millisecond):
			if time.Now().After(deadline) {
				return nil, errors.Join(errors.New("the process is not ready after a minute"), stop())
			}
		}
	}
}
