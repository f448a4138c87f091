package app

import (
	"context"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/field"
)

// BenchSurveyCmd is "wattwerk bench survey".
type BenchSurveyCmd struct {
	benchFlags `embed:""`
	Devices    int           `default:"1000" help:"Devices that are registered, each in a household of its own."`
	Clients    int           `default:"64" help:"How many of them send at a time."`
	Time       time.Duration `default:"20s" help:"How long they do."`
	Hours      int           `help:"Have every device report so many hours, however long that takes, instead of --time."`
	SQLURLFile string        `name:"sql-url-file" help:"File with the URL of a PostgreSQL to work in; its tables should be empty. Default: SQLite." type:"path"`
	Profile    string        `help:"Write a CPU profile of the sending to this file." type:"path"`
}

// Help is shown by --help.
func (*BenchSurveyCmd) Help() string {
	return `Devices send what they measured in an hour, 4 slots of 4 values, one after the other and as fast as they
are answered: each with a certificate of its own and over a connection of its own, as devices do that
report once an hour. What is answered is on the disk, on the bus and in the books. Then each number of the last batches is sent
again, and what is stored is counted: nothing may be lost or double.

With --hours every device reports: 100,000 devices that report hourly are 27.8 batches a second.

The devices run in the same process, so the CPU time has their half of the handshakes in it. They are played: each has its
own certificate, connection and TLS handshake, and all have one private key, one machine and no network between. Households beyond
the first 1,000 are put into the tables rather than registered one by one.

Examples:
  wattwerk bench survey --devices 1000 --time 60s
  wattwerk bench survey --devices 100000 --hours 1`
}

// Run measures.
func (c *BenchSurveyCmd) Run(ctx context.Context, sys IO) error {
	o := field.Options{Devices: c.Devices, Clients: c.Clients, Time: c.Time, Hours: c.Hours, Dir: c.Dir, Profile: c.Profile, Say: say(sys)}
	var err error
	if o.URL, err = (&SQLConfig{URLFile: c.SQLURLFile}).url(); err != nil {
		return err
	}
	return c.measure(sys, &o, func() (*bench.Figures, error) { return field.Run(ctx, o) })
}
