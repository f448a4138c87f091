package table

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/cell"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// Source answers with settled windows, as [settlement.Service] does.
type Source interface {
	Windows(ctx context.Context, p ledger.Point, size window.Size, from, to record.Millis) ([]ledger.Row, record.Millis, error)
	Calendar(p ledger.Point) window.Calendar
}

// Options say what is written.
type Options struct {
	Points   []ledger.Point
	Size     window.Size // a quarter of an hour or longer
	From, To record.Millis
	Format   string // csv, parquet or xlsx, which has at most sheet.Most rows
}

// chunk is how many windows are asked for at once.
const chunk = 3000

// Write writes windows, point after point, each in order of time. Windows of
// which nothing is known are written, too; those of points without any
// amount have neither amount nor unit.
func Write(ctx context.Context, w io.Writer, src Source, m *model.Model, o Options) (err error) {
	buf := bufio.NewWriterSize(w, 64<<10)
	var sink interface {
		row(*point, *ledger.Row) error
		close() error
	}
	switch o.Format {
	case "csv":
		sink, err = newCSV(buf)
	case "parquet":
		sink = newParquet(buf, o)
	case "xlsx":
		sink, err = newXLSX(buf)
	default:
		err = fmt.Errorf("format %q is not csv, parquet or xlsx", o.Format)
	}
	if err != nil {
		return fmt.Errorf("export settled windows: %w", err)
	}
	for _, p := range o.Points {
		if err = each(ctx, src, p, o, describe(m, p, src.Calendar(p)), sink.row); err != nil {
			break
		}
	}
	if err = errors.Join(err, sink.close()); err == nil {
		err = buf.Flush()
	}
	if err != nil {
		return fmt.Errorf("export settled windows: %w", err)
	}
	return nil
}

func each(ctx context.Context, src Source, p ledger.Point, o Options, d *point, f func(*point, *ledger.Row) error) error {
	c := src.Calendar(p)
	for from := c.Span(o.Size, o.From).From; from < o.To; {
		to := from
		for n := 0; n < chunk && to < o.To; n++ {
			to = c.Span(o.Size, to).To
		}
		rows, _, err := src.Windows(ctx, p, o.Size, from, to)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := f(d, &rows[i]); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

// point is what a row says of whom it is about.
type point struct {
	kind, hierarchy, name, title, unit, averageUnit string
	zone                                            *time.Location
	group                                           bool
}

// compared is the part of a window in which the meter of a group and its members
// can be compared; NaN where there is no meter.
func (p *point) compared(r *ledger.Row) float64 {
	if !p.group || !r.Metered {
		return math.NaN()
	}
	return r.Compared()
}

func describe(m *model.Model, p ledger.Point, c window.Calendar) *point {
	d := &point{kind: ledger.SensorKind, hierarchy: p.Hierarchy, name: p.Name, zone: c.Zone(), group: p.Hierarchy != ""}
	var q record.Quantity
	if d.group {
		d.kind, q = ledger.GroupKind, m.QuantityOf(model.GroupID(p.Name))
		if g, ok := m.Group(model.GroupID(p.Name)); ok {
			d.title = g.Name
		}
	} else if sn, ok := m.Sensor(record.SensorID(p.Name)); ok {
		d.title, q = sn.Name, sn.Quantity
	}
	d.averageUnit = q.Unit().Symbol
	if whole, ok := q.Integral(); ok {
		d.unit = whole.Unit().Symbol
		if whole == q {
			if d.averageUnit = d.unit + "/h"; q == record.Energy {
				d.averageUnit = record.ActivePower.Unit().Symbol
			}
		}
	}
	return d
}

// Below are a group and all that is below it in the present tree: groups and
// sensors, in the order of the tree.
func Below(m *model.Model, hierarchy model.HierarchyID, group model.GroupID) []ledger.Point {
	var out []ledger.Point
	seen := make(map[ledger.Point]bool)
	add := func(p ledger.Point) bool {
		if seen[p] {
			return false
		}
		seen[p] = true
		out = append(out, p)
		return true
	}
	var walk func(model.GroupID)
	walk = func(id model.GroupID) {
		if !add(ledger.GroupPoint(string(hierarchy), string(id))) {
			return
		}
		g, ok := m.Group(id)
		if !ok {
			return
		}
		for _, x := range g.Members {
			if x.Sensor != "" {
				add(ledger.SensorPoint(x.Sensor))
			}
		}
		for _, x := range g.Members {
			if x.Group != "" {
				walk(x.Group)
			}
		}
	}
	walk(group)
	return out
}

// columns are those of both formats.
var columns = []string{
	"kind", "hierarchy", "name", "title", "begins", "ends", "unit", "amount", "estimated", "meter", "unaccounted", "compared",
	"average", "minimum", "maximum", "average_unit", "readings", "completeness", "members", "total", "quality",
}

type csvSink struct {
	w    *csv.Writer
	line []string
}

func newCSV(w io.Writer) (*csvSink, error) {
	s := &csvSink{w: csv.NewWriter(w)}
	s.w.UseCRLF = true
	return s, s.w.Write(columns)
}

func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func amount(a energy.Amount, known bool) string {
	if !known {
		return ""
	}
	return a.String()
}

func (s *csvSink) row(p *point, r *ledger.Row) error {
	rest, ok := r.Unaccounted()
	s.line = append(s.line[:0],
		p.kind, cell.Text(p.hierarchy), cell.Text(p.name), cell.Text(p.title),
		r.Start.Time().In(p.zone).Format(time.RFC3339), r.End.Time().In(p.zone).Format(time.RFC3339), p.unit,
		amount(r.Amount, r.Known), amount(r.Estimated, r.Known), amount(r.Meter, r.Metered), amount(rest, ok), number(p.compared(r)),
		number(r.Average), number(r.Min), number(r.Max), p.averageUnit, strconv.FormatUint(uint64(r.Count), 10),
		number(r.Completeness()), strconv.FormatUint(uint64(r.Members), 10), strconv.FormatUint(uint64(r.Total), 10), r.Quality.String())
	return s.w.Write(s.line)
}

func (s *csvSink) close() error {
	s.w.Flush()
	return s.w.Error()
}

// parquetRow is a row of a Parquet file. Amounts are exact decimals with six
// places.
type parquetRow struct {
	Kind         string    `parquet:"kind,dict,zstd"`
	Hierarchy    string    `parquet:"hierarchy,dict,zstd"`
	Name         string    `parquet:"name,dict,zstd"`
	Title        string    `parquet:"title,dict,zstd"`
	Begins       time.Time `parquet:"begins,timestamp(millisecond),delta,zstd"`
	Ends         time.Time `parquet:"ends,timestamp(millisecond),delta,zstd"`
	Zone         string    `parquet:"zone,dict,zstd"`
	Unit         string    `parquet:"unit,dict,zstd"`
	Amount       *int64    `parquet:"amount,decimal(6:18),optional,zstd"`
	Estimated    *int64    `parquet:"estimated,decimal(6:18),optional,zstd"`
	Meter        *int64    `parquet:"meter,decimal(6:18),optional,zstd"`
	Unaccounted  *int64    `parquet:"unaccounted,decimal(6:18),optional,zstd"`
	Compared     *float64  `parquet:"compared,optional,zstd"`
	Average      *float64  `parquet:"average,optional,zstd"`
	Minimum      *float64  `parquet:"minimum,optional,zstd"`
	Maximum      *float64  `parquet:"maximum,optional,zstd"`
	AverageUnit  string    `parquet:"average_unit,dict,zstd"`
	Readings     int64     `parquet:"readings,zstd"`
	Completeness float64   `parquet:"completeness,zstd"`
	Members      int32     `parquet:"members,zstd"`
	Total        int32     `parquet:"total,zstd"`
	Quality      string    `parquet:"quality,dict,zstd"`
}

// rowGroup is how many rows are held in memory before they are written.
const rowGroup = 100_000

type parquetSink struct {
	w    *parquet.GenericWriter[parquetRow]
	rows []parquetRow
	n    int
}

func newParquet(w io.Writer, o Options) *parquetSink {
	return &parquetSink{w: parquet.NewGenericWriter[parquetRow](w, parquet.KeyValueMetadata("window", o.Size.String()))}
}

// mostDecimal is the greatest amount that a decimal of 18 digits holds.
const mostDecimal = 999_999_999_999_999_999

func decimal(a energy.Amount, known bool) (*int64, error) {
	if !known {
		return nil, nil
	}
	if a > mostDecimal || a < -mostDecimal {
		return nil, fmt.Errorf("an amount of %s has more than 18 digits", a)
	}
	return new(int64(a)), nil
}

func (s *parquetSink) row(p *point, r *ledger.Row) (err error) {
	x := parquetRow{
		Kind: p.kind, Hierarchy: p.hierarchy, Name: p.name, Title: p.title, Begins: r.Start.Time(), Ends: r.End.Time(), Zone: p.zone.String(), Unit: p.unit,
		Compared: record.Finite(p.compared(r)), Average: record.Finite(r.Average), Minimum: record.Finite(r.Min), Maximum: record.Finite(r.Max), AverageUnit: p.averageUnit,
		Readings: int64(r.Count), Completeness: r.Completeness(), Members: int32(r.Members), Total: int32(r.Total), Quality: r.Quality.String(),
	}
	rest, ok := r.Unaccounted()
	for _, c := range []struct {
		to    **int64
		a     energy.Amount
		known bool
	}{{&x.Amount, r.Amount, r.Known}, {&x.Estimated, r.Estimated, r.Known}, {&x.Meter, r.Meter, r.Metered}, {&x.Unaccounted, rest, ok}} {
		if *c.to, err = decimal(c.a, c.known); err != nil {
			return err
		}
	}
	if s.rows = append(s.rows, x); len(s.rows) < 4096 {
		return nil
	}
	return s.write()
}

func (s *parquetSink) write() error {
	if _, err := s.w.Write(s.rows); err != nil {
		return err
	}
	s.n += len(s.rows)
	s.rows = s.rows[:0]
	if s.n >= rowGroup {
		s.n = 0
		return s.w.Flush()
	}
	return nil
}

func (s *parquetSink) close() error {
	if err := s.write(); err != nil {
		return err
	}
	return s.w.Close()
}
