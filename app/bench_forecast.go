package app

import (
	"context"

	"github.com/wattwerk/wattwerk/bench/forecasting"
)

// BenchForecastCmd is "wattwerk bench forecast".
type BenchForecastCmd struct {
	benchFlags `embed:""`
	Gaps       int `default:"150" help:"Gaps of each length in each series."`
	Rounds     int `default:"8" help:"How often events are put into each series."`
}

// Help is shown by --help.
func (*BenchForecastCmd) Help() string {
	return `How right forecasts of the day ahead are, on measured data that the program brings along: each day of the
last fifth of a series is said at its midnight, with models fitted anew every week. Then how many values lie within the bounds, how wrong
gaps are filled, which events are found, and what it all costs. Next to it stand figures that were measured
elsewhere, where the series is the same.

MASE is the mean error as a share of how much an hour differs from that of the day before; NRMSE the root of the mean squared
error as a share of the mean.

Examples:
  wattwerk bench forecast
  wattwerk bench forecast --json
  wattwerk bench forecast --gaps 20 --rounds 1     in a few seconds`
}

// Run measures.
func (c *BenchForecastCmd) Run(ctx context.Context, sys IO) error {
	o := forecasting.Options{Gaps: c.Gaps, Rounds: c.Rounds}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	out, err := forecasting.Run(ctx, o)
	if err != nil {
		return err
	}
	return out.Print(sys.Out, c.JSON)
}
