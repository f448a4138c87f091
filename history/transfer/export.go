package transfer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// tickColumns are the columns of a group's ticks in the order they are written.
var tickColumns = [...]history.Metric{history.Sum, history.Min, history.Max, history.Count, history.Total, history.Meter, history.Unaccounted}

// columnName is the name of a column as people know it.
func columnName(m history.Metric) string { return strings.TrimPrefix(m.String(), "wattwerk_group_") }

// ExportOptions say what is exported. For a group, Series names any of its
// columns; all of them are written.
type ExportOptions struct {
	Series   history.Series
	Format   string        // csv, ndjson, parquet or xlsx, which has at most sheet.Most rows
	From, To record.Millis // both inclusive
	Unit     string        // for the header; may be empty
}

// Export writes a series as a file, in bounded memory: CSV as RFC 4180 with
// ISO 8601 times and the unit in the header, one JSON object a line, or
// Parquet. Null is an empty field, null, or null. Samples that begin a gap in
// a sensor's series are left out.
func Export(ctx context.Context, w io.Writer, store history.Store, o ExportOptions) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	var sink interface {
		row(t int64, values []float64) error
		close() error
	}
	group := o.Series.Metric != history.Record
	switch {
	case o.Format == "csv":
		sink = newCSVSink(buf, o)
	case o.Format == "xlsx":
		x, err := newSheetSink(buf, o)
		if err != nil {
			return fmt.Errorf("export %q: %w", o.Series.Name, err)
		}
		sink = x
	case o.Format == "ndjson":
		sink = &jsonSink{w: buf, series: o.Series}
	case o.Format == "parquet" && group:
		sink = newParquetGroupSink(buf, o)
	case o.Format == "parquet":
		sink = newParquetSink(buf, o)
	default:
		return fmt.Errorf("export: format %q is not csv, ndjson, parquet or xlsx", o.Format)
	}
	err := errors.Join(eachRow(ctx, store, o, sink.row), sink.close())
	if err == nil {
		err = buf.Flush()
	}
	if err != nil {
		return fmt.Errorf("export %q: %w", o.Series.Name, err)
	}
	return nil
}

// exportWindow is how much of a group's columns is read before they are put
// side by side.
const exportWindow = record.Millis(6 * 60 * 60 * 1000)

// eachRow calls f for every time that has a value: one value of a sensor, or
// one for each column of a group.
func eachRow(ctx context.Context, store history.Store, o ExportOptions, f func(int64, []float64) error) error {
	if o.Series.Metric == history.Record {
		row := make([]float64, 1)
		return store.Scan(ctx, o.Series, o.From, o.To, func(ts []int64, vs []float64) error {
			for i, t := range ts {
				if row[0] = vs[i]; row[0] == row[0] {
					if err := f(t, row); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	// Nothing is outside, and windows cost even when they are empty.
	st := store.Stats()
	o.From, o.To = max(o.From, st.Oldest), min(o.To, st.Newest)
	var times [len(tickColumns)][]int64
	var values [len(tickColumns)][]float64
	row := make([]float64, len(tickColumns))
	for begin := o.From; begin <= o.To; begin += exportWindow {
		end := min(begin+exportWindow-1, o.To)
		for c, m := range tickColumns {
			times[c], values[c] = times[c][:0], values[c][:0]
			k := o.Series
			k.Metric = m
			if err := store.Scan(ctx, k, begin, end, func(ts []int64, vs []float64) error {
				times[c], values[c] = append(times[c], ts...), append(values[c], vs...)
				return nil
			}); err != nil {
				return err
			}
		}
		var at [len(tickColumns)]int
		for {
			next := int64(math.MaxInt64)
			for c := range times {
				if at[c] < len(times[c]) {
					next = min(next, times[c][at[c]])
				}
			}
			if next == math.MaxInt64 {
				break
			}
			some := false
			for c := range times {
				row[c] = math.NaN()
				if at[c] < len(times[c]) && times[c][at[c]] == next {
					row[c] = values[c][at[c]]
					at[c]++
					some = some || row[c] == row[c]
				}
			}
			if some {
				if err := f(next, row); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

type csvSink struct {
	w   *bufio.Writer
	buf []byte
}

func newCSVSink(w *bufio.Writer, o ExportOptions) *csvSink {
	s := &csvSink{w: w, buf: []byte("time")}
	unit := func(name string) {
		if o.Unit != "" {
			name += " [" + o.Unit + "]"
		}
		s.buf = append(s.buf, ',')
		if strings.ContainsAny(name, "\",\r\n") {
			name = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
		s.buf = append(s.buf, name...)
	}
	if o.Series.Metric == history.Record {
		unit(o.Series.Name)
	} else {
		for _, m := range tickColumns {
			name := columnName(m)
			if m == history.Count || m == history.Total {
				s.buf = append(append(s.buf, ','), name...)
			} else {
				unit(name)
			}
		}
	}
	s.buf = append(s.buf, '\r', '\n')
	return s
}

func (s *csvSink) row(t int64, values []float64) error {
	s.buf = appendTime(s.buf, t)
	for _, v := range values {
		s.buf = append(s.buf, ',')
		if v == v {
			s.buf = history.AppendFloat(s.buf, v)
		}
	}
	s.buf = append(s.buf, '\r', '\n')
	if len(s.buf) < 4096 {
		return nil
	}
	return s.close()
}

func (s *csvSink) close() error {
	_, err := s.w.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

func appendTime(b []byte, t int64) []byte {
	return record.Millis(t).Time().AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

type jsonSink struct {
	w      *bufio.Writer
	series history.Series
	head   []byte
	buf    []byte
}

func (s *jsonSink) row(t int64, values []float64) error {
	if s.head == nil {
		kind := "sensor"
		if s.series.Metric != history.Record {
			kind = "group"
		}
		name, _ := json.Marshal(s.series.Name) // a string always can
		s.head = append(append([]byte(`{"`+kind+`":`), name...), `,"time":"`...)
	}
	b := append(s.buf[:0], s.head...)
	b = append(appendTime(b, t), '"')
	for c, v := range values {
		name := "value"
		if s.series.Metric != history.Record {
			name = columnName(tickColumns[c])
		}
		b = append(append(append(b, ',', '"'), name...), '"', ':')
		b = history.AppendFloat(b, v)
	}
	s.buf = append(b, '}', '\n')
	_, err := s.w.Write(s.buf)
	return err
}

func (s *jsonSink) close() error { return nil }

// parquetRow and parquetTick are the rows of Parquet files.
type parquetRow struct {
	Sensor string    `parquet:"sensor,dict,zstd"`
	Time   time.Time `parquet:"time,timestamp(millisecond),delta,zstd"`
	Value  float64   `parquet:"value,zstd"`
}

type parquetTick struct {
	Group       string    `parquet:"group,dict,zstd"`
	Time        time.Time `parquet:"time,timestamp(millisecond),delta,zstd"`
	Sum         *float64  `parquet:"sum,optional,zstd"`
	Min         *float64  `parquet:"min,optional,zstd"`
	Max         *float64  `parquet:"max,optional,zstd"`
	Count       *float64  `parquet:"count,optional,zstd"`
	Total       *float64  `parquet:"total,optional,zstd"`
	Meter       *float64  `parquet:"meter,optional,zstd"`
	Unaccounted *float64  `parquet:"unaccounted,optional,zstd"`
}

// rowGroup is how many rows are held in memory before they are written.
const rowGroup = 250_000

type parquetSink[T any] struct {
	w    *parquet.GenericWriter[T]
	make func(int64, []float64) T
	rows []T
	n    int
}

func newParquetSink(w io.Writer, o ExportOptions) *parquetSink[parquetRow] {
	return &parquetSink[parquetRow]{
		w: parquet.NewGenericWriter[parquetRow](w, parquet.KeyValueMetadata("unit", o.Unit)),
		make: func(t int64, v []float64) parquetRow {
			return parquetRow{Sensor: o.Series.Name, Time: record.Millis(t).Time(), Value: v[0]}
		},
	}
}

func newParquetGroupSink(w io.Writer, o ExportOptions) *parquetSink[parquetTick] {
	return &parquetSink[parquetTick]{
		w: parquet.NewGenericWriter[parquetTick](w, parquet.KeyValueMetadata("unit", o.Unit), parquet.KeyValueMetadata("hierarchy", o.Series.Hierarchy)),
		make: func(t int64, v []float64) parquetTick {
			return parquetTick{o.Series.Name, record.Millis(t).Time(), record.Finite(v[0]), record.Finite(v[1]), record.Finite(v[2]), record.Finite(v[3]), record.Finite(v[4]), record.Finite(v[5]), record.Finite(v[6])}
		},
	}
}

func (s *parquetSink[T]) row(t int64, values []float64) error {
	s.rows = append(s.rows, s.make(t, values))
	if len(s.rows) < 4096 {
		return nil
	}
	return s.write()
}

func (s *parquetSink[T]) write() error {
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

func (s *parquetSink[T]) close() error {
	if err := s.write(); err != nil {
		return err
	}
	return s.w.Close()
}
