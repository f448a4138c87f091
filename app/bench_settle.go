package app

import (
	"context"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/settling"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/settlement/reading"
)

// BenchSettleCmd is "wattwerk bench settle".
type BenchSettleCmd struct {
	benchFlags `embed:""`
	Sensors    int    `default:"10000" help:"Sensors with a reading a minute."`
	Groups     int    `default:"100" help:"Groups they are in, below ten halls and a plant."`
	Days       int    `default:"3" help:"Days that are settled; 365 for the whole year."`
	Written    bool   `help:"Write the readings to a history first and read them from there, 11 GB for the year, instead of making them while they are asked for."`
	SQLURLFile string `name:"sql-url-file" help:"File with the URL of a PostgreSQL to keep the windows in; its tables of settled windows should be empty. Default: SQLite." type:"path"`
	Profile    string `help:"Write a CPU profile of the settling to this file." type:"path"`
}

// Help is shown by --help.
func (*BenchSettleCmd) Help() string {
	return `Settles days of readings, one a minute for each sensor, to windows of 15 minutes and days for all
sensors and groups. Then a day of one sensor comes late, and one is corrected: it is measured
until that and all groups above it are settled again. What a year takes is multiplied from the
days. Readings are made while they are asked for, so that only windows need room.

Example:
  wattwerk bench settle --days 7
  wattwerk bench settle --days 365 --dir /var/tmp/bench   # the whole year: 31 GB of windows`
}

// Run measures.
func (c *BenchSettleCmd) Run(ctx context.Context, sys IO) error {
	o := settling.Options{
		Sensors: c.Sensors, Groups: c.Groups, Days: c.Days, Written: c.Written, Dir: c.Dir, Profile: c.Profile, Readings: storedReadings, Say: say(sys),
	}
	var err error
	if o.URL, err = (&SQLConfig{URLFile: c.SQLURLFile}).url(); err != nil {
		return err
	}
	return c.measure(sys, &o, func() (*bench.Figures, error) { return settling.Run(ctx, o) })
}

// storedReadings reads for settling as the program does.
func storedReadings(h history.Store) reading.Source { return readings{h} }
