package app

import (
	"context"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/chart"
)

// BenchQueryCmd is "wattwerk bench query".
type BenchQueryCmd struct {
	benchFlags `embed:""`
	Sensors    int    `default:"50" help:"Sensors with a year of readings."`
	Queries    int    `default:"300" help:"How many queries, one after the other."`
	Points     int    `default:"1000" help:"Points an answer is reduced to."`
	Profile    string `help:"Write a CPU profile of the queries to this file." type:"path"`
}

// Help is shown by --help.
func (*BenchQueryCmd) Help() string {
	return `Writes a year of readings, one a minute, for each sensor (daily and weekly shape with noise,
multiples of 1/8 W), then asks for the whole year of one sensor over HTTP, as a chart does.`
}

// Run measures.
func (c *BenchQueryCmd) Run(ctx context.Context, sys IO) error {
	o := chart.Options{Sensors: c.Sensors, Queries: c.Queries, Points: c.Points, Dir: c.Dir, Profile: c.Profile, Start: startBench, Say: say(sys)}
	return c.measure(sys, &o, func() (*bench.Figures, error) { return chart.Run(ctx, o) })
}
