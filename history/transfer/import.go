package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// ImportColumn is a column with the values of one sensor.
type ImportColumn struct {
	Column string          // its name in the file
	Sensor record.SensorID // empty: the name of the column
	Unit   string          // of the values, in any common spelling; empty: they are in the coherent unit
	Per    time.Duration   // the values are amounts of this long an interval, as Wh per minute; 0: they are not
}

// ImportOptions say how a file is to be read. The zero value reads CSV whose
// first column, or the one called time, is RFC 3339, and every other column
// the values of the sensor it is called by, with the unit in brackets.
type ImportOptions struct {
	Format    string         // csv, ndjson or parquet; empty: csv
	Delimiter rune           // of CSV; 0: comma, semicolon or tab, whichever the first line has most of
	Comma     bool           // numbers have a decimal comma
	Time      string         // the column of the time; empty: time, timestamp, datetime or date, or the first one
	Layout    string         // of the time: Go's reference layout, unix, unix_ms; empty: ISO 8601 in any common form, or a number
	Zone      *time.Location // of times that do not say theirs; nil: UTC
	Shift     time.Duration  // added to every time: -15m when a 15-minute value is stamped with its end
	Columns   []ImportColumn // empty: every column but that of the time
	Sensor    string         // the column that names the sensor, when each row is one value; empty: "sensor" when there is one
	Value     string         // then, the column of the value; empty: "value"
	Unit      string         // of columns that do not state theirs
	Latest    record.Millis  // times after it are refused; 0: a day from now
}

// ImportProgress is how far an import has come.
type ImportProgress struct {
	Bytes   int64  `json:"bytes" doc:"Read so far"`
	Rows    uint64 `json:"rows" doc:"Read so far"`
	Samples uint64 `json:"samples" doc:"Values read so far"`
}

// ImportResult is what an import did.
type ImportResult struct {
	Rows       uint64          `json:"rows" doc:"Rows of the file"`
	Samples    uint64          `json:"samples" doc:"Values in them"`
	Stored     uint64          `json:"stored" doc:"Values that were new"`
	Duplicates uint64          `json:"duplicates" doc:"Values that were there already"`
	Refused    uint64          `json:"refused" doc:"Values and rows that were not taken"`
	Examples   []ImportRefusal `json:"examples,omitempty" doc:"The first of those, at most 100"`

	Filled map[record.SensorID]Span `json:"-"` // whose values were offered to the store, also when it failed in between
}

// Span is a span of time, both ends included.
type Span struct{ From, To record.Millis }

// ImportRefusal is a value or a row that was not taken.
type ImportRefusal struct {
	Row    uint64          `json:"row,omitempty" doc:"Row of the file, from 1 without the header; 0 when it was found out later"`
	Sensor record.SensorID `json:"sensor,omitempty"`
	Time   record.Millis   `json:"time,omitempty" doc:"ms since 1970 UTC"`
	Value  *float64        `json:"value,omitempty"`
	Reason string          `json:"reason"`

	err    error   // nil: it never was a sample
	stored float64 // with history.ErrContradiction
}

const (
	mostExamples  = 100
	progressEvery = 20_000 // rows
	importHold    = 1024   // values of one sensor before they are handed on
)

// ErrImport marks a file that cannot be read as the options say.
var ErrImport = errors.New("cannot be imported")

// Import stores what a file holds, of any age. Importing it again changes
// nothing. What of it cannot be taken does not stop the rest: it is counted,
// and each handed to refused, which may be nil as may progress.
//
// On an error what was read before may be stored already.
func Import(ctx context.Context, store history.Store, r io.Reader, o ImportOptions, progress func(ImportProgress), refused func(ImportRefusal)) (res ImportResult, err error) {
	counted := &countingReader{r: r}
	src, err := openSource(counted, &o)
	if err != nil {
		return res, fmt.Errorf("import: %w", err)
	}
	defer func() { err = errors.Join(err, src.close()) }()
	im, err := newImporter(src.header(), o)
	if err != nil {
		return res, fmt.Errorf("import: %w", err)
	}
	fill, err := store.Backfill(ctx)
	if err != nil {
		return res, fmt.Errorf("import: %w", err)
	}
	defer fill.Abort()
	tell := func(x ImportRefusal) {
		res.Refused++
		if len(res.Examples) < mostExamples {
			res.Examples = append(res.Examples, x)
		}
		if refused != nil {
			refused(x)
		}
	}
	im.tell = tell
	fill.OnRefused(func(k history.Series, x history.Sample, why history.Refusal) {
		tell(ImportRefusal{Sensor: record.SensorID(k.Name), Time: x.Time, Value: number(x.Value), Reason: why.Reason.Error(), err: why.Reason, stored: why.Stored})
	})
	res.Filled = make(map[record.SensorID]Span)
	im.add = func(id record.SensorID, t []record.Millis, v []float64) error {
		if len(t) > 0 {
			x, ok := res.Filled[id]
			if !ok {
				x = Span{t[0], t[0]}
			}
			res.Filled[id] = Span{min(x.From, slices.Min(t)), max(x.To, slices.Max(t))}
		}
		return fill.Add(history.RecordsOf(id), t, v)
	}
	for {
		row, err := src.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return res, fmt.Errorf("import: row %d: %w", res.Rows+1, err)
		}
		res.Rows++
		if err := im.row(res.Rows, row); err != nil {
			return res, fmt.Errorf("import: %w", err)
		}
		if res.Rows%progressEvery == 0 {
			if ctx.Err() != nil {
				return res, fmt.Errorf("import: %w", ctx.Err())
			}
			if progress != nil {
				progress(ImportProgress{counted.n, res.Rows, im.samples})
			}
		}
	}
	if err := im.flush(); err != nil {
		return res, fmt.Errorf("import: %w", err)
	}
	done, err := fill.Commit()
	if err != nil {
		return res, fmt.Errorf("import: %w", err)
	}
	res.Samples, res.Stored, res.Duplicates = im.samples, done.Stored, done.Duplicates
	if progress != nil {
		progress(ImportProgress{counted.n, res.Rows, im.samples})
	}
	return res, nil
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// importer turns rows of text into samples.
type importer struct {
	o       ImportOptions
	clock   clock
	time    int // position of the time
	columns []target
	sensor  int // in long form, positions of name and value; else -1
	value   int
	unit    conversion
	held    map[record.SensorID]*target
	samples uint64
	add     func(record.SensorID, []record.Millis, []float64) error
	tell    func(ImportRefusal)
}

// target is a sensor that values are collected for.
type target struct {
	at     int
	sensor record.SensorID
	conv   conversion
	times  []record.Millis
	values []float64
}

// conversion brings a value into the coherent unit.
type conversion struct {
	unit  record.Unit
	known bool
	per   float64 // hours; 0: not per interval
}

func newConversion(unit string, per time.Duration) (conversion, error) {
	c := conversion{per: per.Hours()}
	if unit != "" {
		if c.unit, c.known = record.LookupUnit(unit); !c.known {
			return c, fmt.Errorf("%w: unit %.60q is unknown", ErrImport, unit)
		}
	}
	if per < 0 {
		return c, fmt.Errorf("%w: an interval of %v is negative", ErrImport, per)
	}
	return c, nil
}

func (c conversion) apply(v float64) float64 {
	if c.known {
		v = c.unit.Coherent(v)
	}
	if c.per > 0 {
		v /= c.per
	}
	return v
}

func newImporter(header []string, o ImportOptions) (*importer, error) {
	im := &importer{o: o, sensor: -1, held: make(map[record.SensorID]*target)}
	im.clock = clock{layout: o.Layout, zone: o.Zone, shift: record.Millis(o.Shift.Milliseconds())}
	if im.clock.zone == nil {
		im.clock.zone = time.UTC
	}
	if o.Latest == 0 {
		im.o.Latest = record.MillisOf(time.Now().Add(24 * time.Hour))
	}
	find := func(name string) (int, error) {
		if i := slices.Index(header, name); i >= 0 {
			return i, nil
		}
		return 0, fmt.Errorf("%w: there is no column %.60q; there are: %.300s", ErrImport, name, strings.Join(header, ", "))
	}
	var err error
	switch {
	case o.Time != "":
		if im.time, err = find(o.Time); err != nil {
			return nil, err
		}
	default:
		for _, name := range []string{"time", "timestamp", "datetime", "date"} {
			if i := slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(h, name) }); i >= 0 {
				im.time = i
				break
			}
		}
	}
	if o.Sensor == "" && len(o.Columns) == 0 && slices.Contains(header, "sensor") {
		o.Sensor = "sensor"
	}
	if o.Sensor != "" {
		if o.Value == "" {
			o.Value = "value"
		}
		if im.sensor, err = find(o.Sensor); err != nil {
			return nil, err
		}
		if im.value, err = find(o.Value); err != nil {
			return nil, err
		}
		im.unit, err = newConversion(o.Unit, 0)
		return im, err
	}
	columns := o.Columns
	if len(columns) == 0 {
		for i, h := range header {
			if i == im.time {
				continue
			}
			c := ImportColumn{Column: h}
			// "server1 [W]", as exports are headed.
			if name, unit, ok := strings.Cut(strings.TrimSuffix(h, "]"), " ["); ok && strings.HasSuffix(h, "]") {
				c.Sensor, c.Unit = record.SensorID(name), unit
			}
			columns = append(columns, c)
		}
	}
	for _, c := range columns {
		t := target{sensor: c.Sensor}
		if t.at, err = find(c.Column); err != nil {
			return nil, err
		}
		if t.sensor == "" {
			t.sensor = record.SensorID(c.Column)
		}
		if err := t.sensor.Validate(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrImport, err)
		}
		if c.Unit == "" {
			c.Unit = o.Unit
		}
		if t.conv, err = newConversion(c.Unit, c.Per); err != nil {
			return nil, err
		}
		im.columns = append(im.columns, t)
	}
	if len(im.columns) == 0 {
		return nil, fmt.Errorf("%w: there is no column with values", ErrImport)
	}
	return im, nil
}

// row takes the values of a row. An error is one of the store.
func (im *importer) row(n uint64, row []string) error {
	refuse := func(reason string) { im.tell(ImportRefusal{Row: n, Reason: reason}) }
	if im.time >= len(row) {
		refuse("the row has no time")
		return nil
	}
	t, err := im.clock.read(row[im.time])
	if err != nil {
		refuse(err.Error())
		return nil
	}
	if t > im.o.Latest {
		refuse(fmt.Sprintf("%v: %s", history.ErrFuture, t))
		return nil
	}
	if im.sensor < 0 {
		for i := range im.columns {
			c := &im.columns[i]
			if c.at >= len(row) {
				continue // a short row: the rest is missing
			}
			if err := im.sample(n, c, t, row[c.at]); err != nil {
				return err
			}
		}
		return nil
	}
	if im.sensor >= len(row) || im.value >= len(row) {
		refuse("the row has no sensor or no value")
		return nil
	}
	c := im.held[record.SensorID(row[im.sensor])]
	if c == nil {
		id := record.SensorID(strings.Clone(row[im.sensor]))
		if err := id.Validate(); err != nil {
			refuse(err.Error())
			return nil
		}
		c = &target{sensor: id, conv: im.unit}
		im.held[id] = c
	}
	return im.sample(n, c, t, row[im.value])
}

func (im *importer) sample(n uint64, c *target, t record.Millis, text string) error {
	text = strings.TrimSpace(text)
	if missing(text) {
		return nil
	}
	if im.o.Comma {
		text = strings.Replace(strings.ReplaceAll(text, ".", ""), ",", ".", 1)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		im.tell(ImportRefusal{Row: n, Sensor: c.sensor, Time: t, Reason: fmt.Sprintf("%.60q is not a number", text)})
		return nil
	}
	v = c.conv.apply(v)
	im.samples++
	if err := record.ValidateSample(t, v); err != nil {
		im.tell(ImportRefusal{Row: n, Sensor: c.sensor, Time: t, Value: number(v), Reason: err.Error(), err: err})
		return nil
	}
	c.times, c.values = append(c.times, t), append(c.values, v)
	if len(c.times) < importHold {
		return nil
	}
	return im.hand(c)
}

// missing tells whether a field says that there is no value.
func missing(text string) bool {
	switch strings.ToLower(text) {
	case "", "?", "-", "na", "n/a", "nan", "null", "none":
		return true
	}
	return false
}

func (im *importer) hand(c *target) error {
	err := im.add(c.sensor, c.times, c.values)
	c.times, c.values = c.times[:0], c.values[:0]
	return err
}

func (im *importer) flush() error {
	for i := range im.columns {
		if err := im.hand(&im.columns[i]); err != nil {
			return err
		}
	}
	for _, c := range im.held {
		if err := im.hand(c); err != nil {
			return err
		}
	}
	return nil
}

// clock reads times.
type clock struct {
	layout string
	zone   *time.Location
	shift  record.Millis
	last   time.Time // of the row before
}

// layouts are tried when none is given, the one that fits is kept.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
}

func (c *clock) read(text string) (record.Millis, error) {
	text = strings.TrimSpace(text)
	t, err := c.parse(text)
	if err != nil {
		return 0, err
	}
	c.last = t
	ms := record.MillisOf(t) + c.shift
	if ms < record.MinTime || ms > record.MaxTime {
		return 0, fmt.Errorf("%w: %.60q", record.ErrTimeBounds, text)
	}
	return ms, nil
}

func (c *clock) parse(text string) (time.Time, error) {
	switch c.layout {
	case "unix", "unix_ms":
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Abs(v) > 1e14 {
			return time.Time{}, fmt.Errorf("time %.60q is not a number of seconds or milliseconds since 1970", text)
		}
		if c.layout == "unix" {
			v *= 1000
		}
		return time.UnixMilli(int64(math.Round(v))), nil
	case "":
		for _, l := range layouts {
			if _, err := time.Parse(l, text); err == nil {
				c.layout = l
				return c.parse(text)
			}
		}
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			if c.layout = "unix"; v > 1e11 {
				c.layout = "unix_ms"
			}
			return c.parse(text)
		}
		return time.Time{}, fmt.Errorf("time %.60q is in no form that is known; say which layout it has", text)
	}
	t, err := time.ParseInLocation(c.layout, text, c.zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %.60q does not have the layout %q", text, c.layout)
	}
	return c.local(t, text)
}

// local settles what a local time means where clocks are changed. One that
// there never was is an error; one that there was twice is the later of the
// two when the row before would otherwise be later.
func (c *clock) local(t time.Time, text string) (time.Time, error) {
	if c.zone == time.UTC || t.Location() != c.zone {
		return t, nil
	}
	asked, err := time.Parse(c.layout, text)
	if err != nil {
		return t, nil
	}
	same := func(a time.Time) bool {
		return a.Hour() == asked.Hour() && a.Minute() == asked.Minute() && a.Day() == asked.Day()
	}
	if !same(t) {
		return time.Time{}, fmt.Errorf("time %.60q does not exist in %s: clocks were set forward", text, c.zone)
	}
	if earlier := t.Add(-time.Hour); same(earlier) {
		t = earlier
	}
	if later := t.Add(time.Hour); same(later) && c.last.After(t) {
		return later, nil
	}
	return t, nil
}
