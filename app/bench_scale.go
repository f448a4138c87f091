package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/wattwerk/wattwerk/bench/scale"
)

// BenchScaleCmd is "wattwerk bench scale".
type BenchScaleCmd struct {
	benchFlags `embed:""`
	Instances  []int         `default:"1,2,3,4,6,8,12" help:"Numbers of processing instances to measure."`
	Bridges    int           `default:"20" help:"Simulated bridges."`
	Sensors    int           `default:"1000" help:"Sensors of each bridge, at 1 Hz."`
	Partitions int           `default:"12" help:"Partitions."`
	Backlog    int           `default:"60000000" help:"Records to work off."`
	Measure    time.Duration `name:"seconds" default:"10s" help:"How long each number of instances is measured."`
	Repeat     int           `default:"1" help:"How often each number is measured."`
	Rate       int           `default:"1000000" help:"Then offer so many records a second, and measure again; 0: do not."`
	Share      float64       `default:"0.5" help:"Part of a core that each instance may use."`
	Markdown   bool          `help:"Print the points as a table for a page."`
	SVG        string        `name:"svg" placeholder:"FILE" help:"Draw the result into this file." type:"path"`
}

// Help implements kong.HelpProvider.
func (*BenchScaleCmd) Help() string {
	return `Instances work off a backlog, then follow what is offered. All ticks are compared
with sums in whole numbers.

With half a core each, four instances need all of two cores, and the bus is what
there is too little of. A smaller share makes the instances scarce, as they are
where each has a machine: then more of them do more, on few cores too.

Example:

    wattwerk bench scale --svg scale.svg
    wattwerk bench scale --share 0.05 --rate 0 --repeat 2`
}

// Run measures.
func (c *BenchScaleCmd) Run(ctx context.Context, sys IO) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	o := scale.Options{
		Command: []string{program}, Dir: c.Dir, Instances: c.Instances, Share: c.Share, Bridges: c.Bridges, Sensors: c.Sensors,
		Partitions: c.Partitions, Backlog: c.Backlog / max(1, c.Bridges*c.Sensors), Measure: c.Measure, Repeat: c.Repeat, Rate: c.Rate,
		Log: slog.New(slog.NewTextHandler(sys.Err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Say: say(sys),
	}
	out, err := scale.Run(ctx, o)
	if err != nil {
		return err
	}
	if c.SVG != "" {
		if err := os.WriteFile(c.SVG, out.SVG(), 0o644); err != nil {
			return err
		}
	}
	if err := out.Figures(o).Print(sys.Out, c.JSON); err != nil {
		return err
	}
	if !c.JSON {
		if _, err := io.WriteString(sys.Out, out.Table(c.Markdown)); err != nil {
			return err
		}
	}
	if out.Wrong > 0 {
		return fmt.Errorf("%d of %d ticks are wrong", out.Wrong, out.Ticks)
	}
	return nil
}
