package pricing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/settling"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/cost/price"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/sim"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// Options say what is priced, and where.
type Options struct {
	Sensors int // that the tariff is assigned to
	Days    int // that are priced

	Dir      string                             // work below it; "": that for temporary files
	URL      string                             // of a PostgreSQL to work in; "": SQLite
	Profile  string                             // write a CPU profile of the pricing to this file; "": do not
	Readings func(history.Store) reading.Source // reads those of a history for settling
	Say      func(format string, a ...any)      // progress, for people
}

// Validate tells what cannot be measured.
func (o *Options) Validate() error {
	if o.Sensors < 1 || o.Days < 1 || o.Days > price.MostDays {
		return fmt.Errorf("at least one sensor, and 1 to %d days", price.MostDays)
	}
	return nil
}

// benchTariff is by what is priced.
const benchTariff = `{"id":"bench","currency":"EUR","zone":"Europe/Berlin",
 "calendars":[{"id":"ht-nt","bands":[{"name":"HT","days":["mon","tue","wed","thu","fri"],"times":["06:00-22:00"]},{"name":"NT"}]}],
 "versions":[{"from":"2020-01-01","components":[{"id":"energy","kind":"energy","prices":{"HT":"0.31","NT":"0.24"}},
  {"id":"basic","kind":"standing","price":"120","per":"year"},{"id":"vat","kind":"tax","percent":"19"}]}]}`

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
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return nil, err
	}
	today := time.Now().In(zone)
	end := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, zone)
	at := window.Span{From: record.MillisOf(end.AddDate(0, 0, -o.Days)), To: record.MillisOf(end)}
	m, err := settling.Open(ctx, settling.Setting{Dir: dir, URL: o.URL, Model: settling.Plant(gen, o.Sensors, 1), Now: at.To, Readings: o.Readings})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	o.Say("writing %d days of windows of %d sensors …", o.Days, o.Sensors)
	windows, err := o.fill(ctx, m.Store, gen, at, end.AddDate(0, 0, -o.Days).Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	s, err := cost.New(ctx, cost.Options{Ledger: m.Store, Windows: m.Service, Catalog: m.Catalog, Now: func() time.Time { return end }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if out, err = o.measure(ctx, m, s, gen, at, windows); err != nil {
		return nil, err
	}
	out.Add("bytes", "bytes of the database, SQLite only", bench.SizeOf(filepath.Join(dir, ledger.FileName)))
	out.Machine()
	return out, nil
}

// fill writes what is settled, and what prices it; it gives the number of rows.
func (o *Options) fill(ctx context.Context, store *ledger.Store, gen *sim.Generator, at window.Span, first string) (rows int, err error) {
	books, err := contract.Open(ctx, store)
	if err != nil {
		return 0, err
	}
	points := make([]ledger.Point, o.Sensors)
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
func (o *Options) measure(ctx context.Context, m *settling.Rig, s *cost.Service, gen *sim.Generator, at window.Span, windows int) (*bench.Figures, error) {
	step := func() error {
		for {
			if more, err := s.Step(ctx); err != nil || !more {
				return err
			}
		}
	}
	stopProfile, err := bench.Profile(o.Profile)
	if err != nil {
		return nil, err
	}
	cpu, began := bench.CPU(), time.Now()
	err = step()
	took, used := time.Since(began), bench.CPU()-cpu
	if err := errors.Join(err, stopProfile()); err != nil {
		return nil, err
	}
	one := ledger.SensorPoint(gen.Sensor(0))
	began = time.Now()
	bill, err := s.Bill(ctx, one, price.Cost, at)
	if err != nil {
		return nil, err
	}
	billed := time.Since(began)
	if !bill.Sum.Known || bill.Sum.Measured != at.Length() || bill.Sum.Unpriced != 0 {
		return nil, fmt.Errorf("the bill is not complete: %+v", bill.Sum)
	}
	// A window in the middle is another.
	ids, err := m.Store.IDs(ctx, []ledger.Point{one}, false)
	if err != nil {
		return nil, err
	}
	when := at.From + record.Millis(at.Length()/2)/window.QuarterLength*window.QuarterLength
	rows, err := m.Store.Rows(ctx, nil, ledger.Quarters, ids[0], when, when+window.QuarterLength)
	if err != nil || len(rows) != 1 {
		return nil, errors.Join(err, fmt.Errorf("there are %d windows at %v", len(rows), when))
	}
	rows[0].Amount += 1_000_000_000
	if err := m.Store.Write(ctx, ledger.Quarters, []ledger.Change{{Point: ids[0], Row: rows[0]}}); err != nil {
		return nil, err
	}
	began = time.Now()
	if err := step(); err != nil {
		return nil, err
	}
	again := time.Since(began)
	began = time.Now()
	if err := step(); err != nil { // nothing has changed
		return nil, err
	}
	idle := time.Since(began)
	after, err := s.Bill(ctx, one, price.Cost, at)
	if err != nil {
		return nil, err
	}
	if after.Sum.Total <= bill.Sum.Total {
		return nil, fmt.Errorf("a kilowatt-hour more costs nothing: %v, %v", bill.Sum.Total, after.Sum.Total)
	}
	out := new(bench.Figures)
	out.Add("sensors", "sensors", o.Sensors)
	out.Add("days", "days priced, of each", o.Days)
	out.Add("rows", "windows of 15 minutes", windows)
	out.Add("seconds", "seconds to price all days", took.Seconds())
	out.Add("rows_per_second", "windows a second", float64(windows)/took.Seconds())
	out.Add("cpu_us_per_row", "CPU a window in us", used.Seconds()*1e6/float64(windows))
	out.Add("bill_ms", "the bill of one sensor for all days, in ms", float64(billed.Microseconds())/1000)
	out.Add("change_ms", "until a changed window of one sensor is in its day, in ms", float64(again.Microseconds())/1000)
	out.Add("idle_ms", "a look at all of them when nothing has changed, in ms", float64(idle.Microseconds())/1000)
	return out, nil
}
