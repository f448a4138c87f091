package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/sim"
	"github.com/wattwerk/wattwerk/window"
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
  wattwerk bench settle --days 365 --dir /var/tmp/bench   # the whole year: 26 GB of windows`
}

// Run measures.
func (c *BenchSettleCmd) Run(ctx context.Context, sys IO) error {
	if c.Sensors < 1 || c.Groups < 1 || c.Days < 1 {
		return usageError{errors.New("at least one sensor, one group and one day")}
	}
	dir, remove, err := c.workDir()
	if err != nil {
		return err
	}
	defer remove()
	gen, err := sim.New(sim.Options{Sensors: c.Sensors, Interval: time.Minute, Seed: 1})
	if err != nil {
		return err
	}
	to := record.MillisOf(time.Now().Add(-10 * 24 * time.Hour).Truncate(24 * time.Hour))
	from := to - record.Millis(c.Days)*24*3600*1000
	source := newMade(gen, c.Sensors, from, to)
	come := &late{Source: source, sensor: gen.Sensor(c.Sensors - 1), at: window.Span{From: from, To: from + 24*60*minute}}
	samples := c.Sensors * c.Days * 24 * 60
	if c.Written {
		fmt.Fprintf(sys.Err, "writing %d days of %d sensors …\n", c.Days, c.Sensors) //nolint:errcheck // only words
		query := BenchQueryCmd{Sensors: c.Sensors}
		if samples, _, err = query.write(ctx, filepath.Join(dir, historyDir), gen, from, to); err != nil {
			return err
		}
		come.Source = nil
	}
	url, err := (&SQLConfig{URLFile: c.SQLURLFile}).url()
	if err != nil {
		return err
	}
	m, err := newSettleBench(ctx, dir, url, c.document(gen), to, come)
	if err != nil {
		return err
	}
	next := time.Now().Add(tellEvery)
	m.tell = func(down record.Millis) {
		if now := time.Now(); now.After(next) {
			next = now.Add(tellEvery)
			fmt.Fprintf(sys.Err, "settled down to %s of %s\n", down, from) //nolint:errcheck // only words
		}
	}
	out, err := c.measure(ctx, m, samples, gen.Sensor(0), come, from)
	if err := errors.Join(err, m.close()); err != nil {
		return err
	}
	if url == "" {
		bytes := float64(bench.SizeOf(filepath.Join(dir, ledger.FileName)))
		out.Add("bytes_per_row", "bytes a row in the database", bytes/float64(m.rows))
		out.Add("year_gigabytes", "GB that a year of these windows takes", bytes*365/float64(c.Days)/1e9)
	}
	out.Machine()
	return out.Print(sys.Out, c.JSON)
}

// document has all sensors in groups, those in ten halls, those in a plant.
func (c *BenchSettleCmd) document(gen *sim.Generator) model.Document {
	d := model.Document{
		Sites:       []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}},
	}
	plant := model.Group{ID: "plant"}
	halls := make([]model.Group, 10)
	for i := range halls {
		halls[i].ID = model.GroupID(fmt.Sprintf("hall %d", i))
		plant.Members = append(plant.Members, model.Member{Group: halls[i].ID})
	}
	groups := make([]model.Group, c.Groups)
	for i := range groups {
		groups[i].ID = model.GroupID(fmt.Sprintf("line %d", i))
		h := &halls[i%len(halls)]
		h.Members = append(h.Members, model.Member{Group: groups[i].ID})
	}
	for i := range c.Sensors {
		id := gen.Sensor(i)
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "kiel", Quantity: record.ActivePower})
		g := &groups[i%len(groups)]
		g.Members = append(g.Members, model.Member{Sensor: id})
	}
	d.Groups = append(append(groups, halls...), plant)
	return d
}

func (c *BenchSettleCmd) measure(ctx context.Context, m *settleBench, samples int, one record.SensorID, come *late, from record.Millis) (out bench.Figures, err error) {
	stopProfile, err := bench.Profile(c.Profile)
	if err != nil {
		return out, err
	}
	cpu, began := bench.CPU(), time.Now()
	err = m.settle(ctx)
	took, used := time.Since(began), bench.CPU()-cpu
	if err := errors.Join(err, stopProfile()); err != nil {
		return out, err
	}
	if m.rows, err = m.store.Count(ctx); err != nil {
		return out, err
	}
	again, err := c.later(ctx, m, come)
	if err != nil {
		return out, err
	}
	out.Add("late_day_ms", "a day of one sensor that comes late, with all its groups, in ms", float64(again.Microseconds())/1000)
	day := record.Millis(24 * 3600 * 1000)
	begin, end := (from + day).Time(), (from + 2*day).Time()
	if c.Days == 1 {
		begin, end = from.Time(), (from + day).Time()
	}
	began = time.Now()
	if _, err := m.service.Intervene(ctx, one, ledger.InterventionBody{Kind: ledger.Exclude, From: begin, To: &end, Why: "to measure"}, "bench"); err != nil {
		return out, err
	}
	if err := m.settle(ctx); err != nil {
		return out, err
	}
	again = time.Since(began)
	year := took.Hours() * 365 / float64(c.Days)
	out.Add("sensors", "sensors", c.Sensors)
	out.Add("days", "days settled", c.Days)
	out.Add("readings", "readings", samples)
	out.Add("rows", "rows of 15 minutes, sensors and groups", m.rows)
	out.Add("rows_per_second", "rows a second", float64(m.rows)/took.Seconds())
	out.Add("readings_per_second", "readings a second", float64(samples)/took.Seconds())
	out.Add("cpu_us_per_row", "CPU a row in us", used.Seconds()*1e6/float64(m.rows))
	out.Add("year_hours", "hours that a year of these sensors takes", year)
	out.Add("correction_ms", "a corrected day of one sensor and its groups, in ms", float64(again.Microseconds())/1000)
	return out, nil
}

// later has the day come that is late, and measures until everything is settled.
func (c *BenchSettleCmd) later(ctx context.Context, m *settleBench, come *late) (time.Duration, error) {
	known := func() (bool, error) {
		rows, _, err := m.service.Windows(ctx, ledger.SensorPoint(come.sensor), window.Quarter, come.at.From+48*window.QuarterLength, come.at.From+49*window.QuarterLength)
		return len(rows) > 0 && rows[0].Known, err
	}
	if before, err := known(); before || err != nil {
		return 0, cmp.Or(err, errors.New("what is late was settled before it came"))
	}
	come.come.Store(true)
	began := time.Now()
	if err := m.store.Mark(ctx, come.sensor, come.at.From, come.at.To-1); err != nil {
		return 0, err
	}
	if err := m.settle(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	after, err := known()
	if err == nil && !after {
		err = errors.New("what came late was not settled")
	}
	return took, err
}

// tellEvery is how often it is told how far it is.
const tellEvery = 30 * time.Second

// settleBench is a settlement over a history that is there, or readings that are
// made.
type settleBench struct {
	bus     *bus.Bus
	catalog *catalog.Catalog
	store   *ledger.Store
	service *settlement.Service
	rows    int
	tell    func(down record.Millis) // how far it is; may be nil
	ends    []func() error
}

func newSettleBench(ctx context.Context, dir, url string, d model.Document, now record.Millis, come *late) (m *settleBench, err error) {
	m = &settleBench{}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	log := slog.New(slog.DiscardHandler)
	if m.bus, err = bus.Open(ctx, bus.Options{Dir: dir, Partitions: 1, MinFree: 1, NoSync: true, Log: log}); err != nil {
		return m, err
	}
	m.ends = append(m.ends, func() error { m.bus.Close(); return nil })
	m.catalog = catalog.New(m.bus, log)
	own, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- m.catalog.Run(own) }()
	m.ends = append(m.ends, func() error { cancel(); return <-ended })
	<-m.catalog.Ready()
	if _, err = m.catalog.Commit(ctx, catalog.Change{Patch: model.Diff(model.Document{}, d), Who: "bench"}); err != nil {
		return m, err
	}
	var source reading.Source = come
	if come == nil || come.Source == nil {
		h, err := tsdb.Open(tsdb.Options{Dir: filepath.Join(dir, historyDir), Log: log})
		if err != nil {
			return m, err
		}
		m.ends = append(m.ends, h.Close)
		if source = (readings{h}); come != nil {
			come.Source, source = source, come
		}
	}
	if m.store, err = ledger.Open(ctx, ledger.Options{Dir: dir, URL: url}); err != nil {
		return m, err
	}
	m.ends = append(m.ends, m.store.Close)
	clock := (now + 3600_000).Time()
	m.service, err = settlement.New(settlement.Options{
		Store: m.store, Catalog: m.catalog, Readings: source, Now: func() time.Time { return clock }, Log: log,
	})
	if err != nil {
		return m, err
	}
	return m, m.service.Begin(ctx)
}

// settle settles until nothing is left.
func (m *settleBench) settle(ctx context.Context) error {
	for {
		if more, err := m.service.Step(ctx); err != nil || !more {
			return err
		}
		if m.tell != nil {
			down, err := m.store.Progress(ctx, ledger.Floor)
			if err != nil {
				return err
			}
			m.tell(down)
		}
	}
}

func (m *settleBench) close() error {
	var errs []error
	for i := len(m.ends) - 1; i >= 0; i-- {
		errs = append(errs, m.ends[i]())
	}
	return errors.Join(errs...)
}
