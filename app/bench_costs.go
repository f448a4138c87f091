package app

import (
	"context"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/pricing"
)

// BenchCostsCmd is "wattwerk bench costs".
type BenchCostsCmd struct {
	benchFlags `embed:""`
	Sensors    int    `default:"1000" help:"Sensors that the tariff is assigned to."`
	Days       int    `default:"30" help:"Days that are priced."`
	SQLURLFile string `name:"sql-url-file" help:"File with the URL of a PostgreSQL to work in; its tables should be empty. Default: SQLite." type:"path"`
	Profile    string `help:"Write a CPU profile of the pricing to this file." type:"path"`
}

// Help is shown by --help.
func (*BenchCostsCmd) Help() string {
	return `Prices days of settled windows of 15 minutes for each sensor, by a tariff with two bands, a standing
charge and a tax, and keeps the costs of the days. Then a window of one sensor changes, and it is measured until its day has been
priced again; and bills of the whole time are asked for.

Example:
  wattwerk bench costs --sensors 1000 --days 30`
}

// Run measures.
func (c *BenchCostsCmd) Run(ctx context.Context, sys IO) error {
	o := pricing.Options{Sensors: c.Sensors, Days: c.Days, Dir: c.Dir, Profile: c.Profile, Readings: storedReadings, Say: say(sys)}
	var err error
	if o.URL, err = (&SQLConfig{URLFile: c.SQLURLFile}).url(); err != nil {
		return err
	}
	return c.measure(sys, &o, func() (*bench.Figures, error) { return pricing.Run(ctx, o) })
}
