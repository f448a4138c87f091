package settling

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/readings"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/sim"
	"github.com/wattwerk/wattwerk/window"
)

// Options say what is settled, and where.
type Options struct {
	Sensors int  // with a reading a minute
	Groups  int  // they are in, below ten halls and a plant
	Days    int  // that are settled
	Written bool // read from a history that is written first, instead of making readings while they are asked for

	Dir      string                             // work below it; "": that for temporary files
	URL      string                             // of a PostgreSQL to keep the windows in; "": SQLite
	Profile  string                             // write a CPU profile of the settling to this file; "": do not
	Readings func(history.Store) reading.Source // reads those of a history for settling
	Say      func(format string, a ...any)      // progress, for people
}

// Validate tells what cannot be measured.
func (o *Options) Validate() error {
	if o.Sensors < 1 || o.Groups < 1 || o.Days < 1 {
		return errors.New("at least one sensor, one group and one day")
	}
	return nil
}

// tellEvery is how often it is told how far it is.
const tellEvery = 30 * time.Second

const day = record.Millis(24 * 3600 * 1000)

// Run measures.
func Run(ctx context.Context, o Options) (out *bench.Figures, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, remove, err := bench.WorkDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer remove(&err)
	gen, err := sim.New(sim.Options{Sensors: o.Sensors, Interval: time.Minute, Seed: 1})
	if err != nil {
		return nil, err
	}
	to := record.MillisOf(time.Now().Add(-10 * 24 * time.Hour).Truncate(24 * time.Hour))
	from := to - record.Millis(o.Days)*day
	come := &readings.Late{Source: readings.Make(gen, o.Sensors, from, to), Sensor: gen.Sensor(o.Sensors - 1), At: window.Span{From: from, To: from + day}}
	samples := o.Sensors * o.Days * 24 * 60
	if o.Written {
		o.Say("writing %d days of %d sensors …", o.Days, o.Sensors)
		if samples, _, err = readings.Write(ctx, blocks(dir), gen, o.Sensors, from, to); err != nil {
			return nil, err
		}
		come.Source = nil
	}
	m, err := Open(ctx, Setting{Dir: dir, URL: o.URL, Model: Plant(gen, o.Sensors, o.Groups), Now: to, Late: come, Readings: o.Readings})
	if err != nil {
		return nil, err
	}
	next := time.Now().Add(tellEvery)
	m.tell = func(down record.Millis) {
		if now := time.Now(); now.After(next) {
			next = now.Add(tellEvery)
			o.Say("settled down to %s of %s", down, from)
		}
	}
	out = new(bench.Figures)
	rows, err := o.measure(ctx, m, samples, gen.Sensor(0), come, from, out)
	if err := errors.Join(err, m.Close()); err != nil {
		return nil, err
	}
	if o.URL == "" {
		bytes := float64(bench.SizeOf(filepath.Join(dir, ledger.FileName)))
		out.Add("bytes_per_row", "bytes a row in the database", bytes/float64(rows))
		out.Add("year_gigabytes", "GB that a year of these windows takes", bytes*365/float64(o.Days)/1e9)
	}
	out.Machine()
	return out, nil
}

// measure settles, has come what is late, and corrects; it gives how many windows there are.
func (o *Options) measure(ctx context.Context, m *Rig, samples int, one record.SensorID, come *readings.Late, from record.Millis, out *bench.Figures) (rows int, err error) {
	stopProfile, err := bench.Profile(o.Profile)
	if err != nil {
		return 0, err
	}
	cpu, began := bench.CPU(), time.Now()
	err = m.Settle(ctx)
	took, used := time.Since(began), bench.CPU()-cpu
	if err := errors.Join(err, stopProfile()); err != nil {
		return 0, err
	}
	if rows, err = m.Store.Count(ctx); err != nil {
		return 0, err
	}
	again, err := o.later(ctx, m, come)
	if err != nil {
		return 0, err
	}
	out.Add("late_day_ms", "a day of one sensor that comes late, with all its groups, in ms", float64(again.Microseconds())/1000)
	begin, end := (from + day).Time(), (from + 2*day).Time()
	if o.Days == 1 {
		begin, end = from.Time(), (from + day).Time()
	}
	began = time.Now()
	if _, err := m.Service.Intervene(ctx, one, ledger.InterventionBody{Kind: ledger.Exclude, From: begin, To: &end, Why: "to measure"}, "bench"); err != nil {
		return 0, err
	}
	if err := m.Settle(ctx); err != nil {
		return 0, err
	}
	again = time.Since(began)
	year := took.Hours() * 365 / float64(o.Days)
	out.Add("sensors", "sensors", o.Sensors)
	out.Add("days", "days settled", o.Days)
	out.Add("readings", "readings", samples)
	out.Add("rows", "rows of 15 minutes, sensors and groups", rows)
	out.Add("rows_per_second", "rows a second", float64(rows)/took.Seconds())
	out.Add("readings_per_second", "readings a second", float64(samples)/took.Seconds())
	out.Add("cpu_us_per_row", "CPU a row in us", used.Seconds()*1e6/float64(rows))
	out.Add("year_hours", "hours that a year of these sensors takes", year)
	out.Add("correction_ms", "a corrected day of one sensor and its groups, in ms", float64(again.Microseconds())/1000)
	return rows, nil
}

// later has the day come that is late, and measures until everything is settled.
func (o *Options) later(ctx context.Context, m *Rig, come *readings.Late) (time.Duration, error) {
	known := func() (bool, error) {
		rows, _, err := m.Service.Windows(ctx, ledger.SensorPoint(come.Sensor), window.Quarter, come.At.From+48*window.QuarterLength, come.At.From+49*window.QuarterLength)
		return len(rows) > 0 && rows[0].Known, err
	}
	if before, err := known(); before || err != nil {
		return 0, cmp.Or(err, errors.New("what is late was settled before it came"))
	}
	come.Come()
	began := time.Now()
	if err := m.Store.Mark(ctx, come.Sensor, come.At.From, come.At.To-1); err != nil {
		return 0, err
	}
	if err := m.Settle(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	after, err := known()
	if err == nil && !after {
		err = errors.New("what came late was not settled")
	}
	return took, err
}
