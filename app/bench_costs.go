package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/cost/price"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/sim"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
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

// benchTariff is by what is priced.
const benchTariff = `{"id":"bench","currency":"EUR","zone":"Europe/Berlin",
 "calendars":[{"id":"ht-nt","bands":[{"name":"HT","days":["mon","tue","wed","thu","fri"],"times":["06:00-22:00"]},{"name":"NT"}]}],
 "versions":[{"from":"2020-01-01","components":[{"id":"energy","kind":"energy","prices":{"HT":"0.31","NT":"0.24"}},
  {"id":"basic","kind":"standing","price":"120","per":"year"},{"id":"vat","kind":"tax","percent":"19"}]}]}`

// Run measures.
func (c *BenchCostsCmd) Run(ctx context.Context, sys IO) (err error) {
	if c.Sensors < 1 || c.Days < 1 || c.Days > price.MostDays {
		return usageError{fmt.Errorf("at least one sensor, and 1 to %d days", price.MostDays)}
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
	url, err := (&SQLConfig{URLFile: c.SQLURLFile}).url()
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return err
	}
	today := time.Now().In(zone)
	end := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, zone)
	at := window.Span{From: record.MillisOf(end.AddDate(0, 0, -c.Days)), To: record.MillisOf(end)}
	groups := BenchSettleCmd{Sensors: c.Sensors, Groups: 1}
	m, err := newSettleBench(ctx, dir, url, groups.document(gen), at.To, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	fmt.Fprintf(sys.Err, "writing %d days of windows of %d sensors …\n", c.Days, c.Sensors) //nolint:errcheck // only words
	if m.rows, err = c.fill(ctx, m.store, gen, at, end.AddDate(0, 0, -c.Days).Format(time.DateOnly)); err != nil {
		return err
	}
	s, err := cost.New(ctx, cost.Options{Ledger: m.store, Windows: m.service, Catalog: m.catalog, Now: func() time.Time { return end }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	out, err := c.measure(ctx, m, s, gen, at)
	if err != nil {
		return err
	}
	out.Add("bytes", "bytes of the database, SQLite only", bench.SizeOf(filepath.Join(dir, ledger.FileName)))
	out.Machine()
	return out.Print(sys.Out, c.JSON)
}

// fill writes what is settled, and what prices it; it gives the number of rows.
func (c *BenchCostsCmd) fill(ctx context.Context, store *ledger.Store, gen *sim.Generator, at window.Span, first string) (rows int, err error) {
	books, err := contract.Open(ctx, store)
	if err != nil {
		return 0, err
	}
	points := make([]ledger.Point, c.Sensors)
	for i := range points {
		points[i] = ledger.SensorPoint(gen.Sensor(i))
	}
	ids, err := store.IDs(ctx, points, true)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		var changes []ledger.Change
		for q, to := at.Quarters(); q < to; q++ {
			w := window.QuarterSpan(q)
			watts := 500 + 300*math.Sin(float64(q%96)/96*2*math.Pi) + float64((int64(q)*7+id*13)%101)
			amount, err := energy.Of(watts / 4)
			if err != nil {
				return 0, err
			}
			changes = append(changes, ledger.Change{Point: id, New: true, Row: ledger.Row{
				Start: w.From, End: w.To, Members: 1, Total: 1,
				Value: energy.Value{Known: true, Quality: energy.Measured, Count: 15, Covered: w.Length(), Amount: amount, Average: watts, Min: watts - 20, Max: watts + 20},
			}})
		}
		rows += len(changes)
		if err := store.Write(ctx, ledger.Quarters, changes); err != nil {
			return 0, err
		}
	}
	for name, t := range map[string]record.Millis{ledger.Floor: at.From, ledger.Frontier: at.To} {
		if err := store.SetProgress(ctx, name, t); err != nil {
			return 0, err
		}
	}
	seen, err := books.Changes(ctx)
	if err != nil {
		return 0, err
	}
	now := at.To.Time()
	if _, err := books.AddRevision(ctx, seen, contract.Document{Name: contract.Name{Kind: contract.Tariff, ID: "bench"}, Body: benchTariff, Who: "bench", At: now}); err != nil {
		return 0, err
	}
	for i, p := range points {
		a := contract.Assignment{Kind: contract.Tariff, Point: p, From: tariff.Date(first), Document: "bench", Who: "bench", At: now}
		if _, err := books.AddAssignment(ctx, seen+1+int64(i), a); err != nil {
			return 0, err
		}
	}
	return rows, nil
}

// measure prices everything, a change, and bills.
func (c *BenchCostsCmd) measure(ctx context.Context, m *settleBench, s *cost.Service, gen *sim.Generator, at window.Span) (out bench.Figures, err error) {
	step := func() error {
		for {
			if more, err := s.Step(ctx); err != nil || !more {
				return err
			}
		}
	}
	stopProfile, err := bench.Profile(c.Profile)
	if err != nil {
		return out, err
	}
	cpu, began := bench.CPU(), time.Now()
	err = step()
	took, used := time.Since(began), bench.CPU()-cpu
	if err := errors.Join(err, stopProfile()); err != nil {
		return out, err
	}
	one := ledger.SensorPoint(gen.Sensor(0))
	began = time.Now()
	bill, err := s.Bill(ctx, one, price.Cost, at)
	if err != nil {
		return out, err
	}
	billed := time.Since(began)
	if !bill.Sum.Known || bill.Sum.Measured != at.Length() || bill.Sum.Unpriced != 0 {
		return out, fmt.Errorf("the bill is not complete: %+v", bill.Sum)
	}
	// A window in the middle is another.
	ids, err := m.store.IDs(ctx, []ledger.Point{one}, false)
	if err != nil {
		return out, err
	}
	when := at.From + record.Millis(at.Length()/2)/window.QuarterLength*window.QuarterLength
	rows, err := m.store.Rows(ctx, nil, ledger.Quarters, ids[0], when, when+window.QuarterLength)
	if err != nil || len(rows) != 1 {
		return out, errors.Join(err, fmt.Errorf("there are %d windows at %v", len(rows), when))
	}
	rows[0].Amount += 1_000_000_000
	if err := m.store.Write(ctx, ledger.Quarters, []ledger.Change{{Point: ids[0], Row: rows[0]}}); err != nil {
		return out, err
	}
	began = time.Now()
	if err := step(); err != nil {
		return out, err
	}
	again := time.Since(began)
	began = time.Now()
	if err := step(); err != nil { // nothing has changed
		return out, err
	}
	idle := time.Since(began)
	after, err := s.Bill(ctx, one, price.Cost, at)
	if err != nil {
		return out, err
	}
	if after.Sum.Total <= bill.Sum.Total {
		return out, fmt.Errorf("a kilowatt-hour more costs nothing: %v, %v", bill.Sum.Total, after.Sum.Total)
	}
	out.Add("sensors", "sensors", c.Sensors)
	out.Add("days", "days priced, of each", c.Days)
	out.Add("rows", "windows of 15 minutes", m.rows)
	out.Add("seconds", "seconds to price all days", took.Seconds())
	out.Add("rows_per_second", "windows a second", float64(m.rows)/took.Seconds())
	out.Add("cpu_us_per_row", "CPU a window in us", used.Seconds()*1e6/float64(m.rows))
	out.Add("bill_ms", "the bill of one sensor for all days, in ms", float64(billed.Microseconds())/1000)
	out.Add("change_ms", "until a changed window of one sensor is in its day, in ms", float64(again.Microseconds())/1000)
	out.Add("idle_ms", "a look at all of them when nothing has changed, in ms", float64(idle.Microseconds())/1000)
	return out, nil
}
