package app

import (
	"context"
	"fmt"

	"github.com/wattwerk/wattwerk/bench/summing"
)

// BenchAggregateCmd is "wattwerk bench aggregate".
type BenchAggregateCmd struct {
	benchFlags `embed:""`
	Sensors    int    `default:"100000" help:"Sensors of the throughput part."`
	Groups     int    `default:"1000" help:"Groups of the throughput part."`
	Rounds     int    `default:"200" help:"Readings of each sensor in the throughput part."`
	Seconds    int    `default:"300" help:"Seconds of readings in each checked set-up."`
	Levels     int    `default:"7" help:"Deepest checked set-up; 4 members a group, so 4^levels sensors."`
	Profile    string `help:"Write a CPU profile of the throughput part to this file." type:"path"`
}

// Run measures.
func (c *BenchAggregateCmd) Run(_ context.Context, sys IO) error {
	out, err := summing.Run(summing.Options{Sensors: c.Sensors, Groups: c.Groups, Rounds: c.Rounds, Seconds: c.Seconds, Levels: c.Levels, Profile: c.Profile})
	if err != nil {
		return err
	}
	if err := out.Print(sys.Out, c.JSON); err != nil {
		return err
	}
	if out.Exact != out.All {
		return fmt.Errorf("%d of %d results are wrong", out.All-out.Exact, out.All)
	}
	return nil
}
