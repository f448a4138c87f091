package app

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/wattwerk/wattwerk/bench/intake"
)

// BenchIngestCmd is "wattwerk bench ingest".
type BenchIngestCmd struct {
	benchFlags `embed:""`
	Sensors    int           `default:"1000000" help:"Sensors."`
	Groups     int           `default:"10000" help:"Groups they are spread over."`
	Duration   time.Duration `name:"seconds" default:"60s" help:"How long to measure, such as 60s."`
	Batch      int           `default:"5000" help:"Records in one message; each message is fsynced."`
	Partitions int           `default:"16" help:"Partitions."`
	Rate       float64       `default:"0" help:"Readings a second of each sensor; 0: as fast as they are taken."`
	NoSync     bool          `help:"Do not fsync; not how it should be run, only to see what that costs."`
	Memory     int64         `default:"3600" help:"Let Go's memory grow to about this many MiB before it works harder to keep it small."`
	Profile    string        `help:"Write a CPU profile of the measured time to this file." type:"path"`
	Heap       string        `help:"Write a heap profile of the end of the measured time to this file." type:"path"`
}

// Run measures.
func (c *BenchIngestCmd) Run(ctx context.Context, sys IO) error {
	debug.SetMemoryLimit(c.Memory << 20)
	out, err := intake.Run(ctx, intake.Options{
		Sensors: c.Sensors, Groups: c.Groups, Duration: c.Duration, Batch: c.Batch, Partitions: c.Partitions, Rate: c.Rate, NoSync: c.NoSync,
		Dir: c.Dir, Profile: c.Profile, Heap: c.Heap, Say: say(sys),
		Log: slog.New(slog.NewTextHandler(sys.Err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	if err := out.Print(sys.Out, c.JSON); err != nil {
		return err
	}
	if out.Right != out.All {
		return fmt.Errorf("%d of %d group ticks are wrong", out.All-out.Right, out.All)
	}
	return nil
}
