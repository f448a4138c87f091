package transfer

import (
	"cmp"
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
	Of     record.Quantity // what the unit is of, where its spelling means several; empty: the most common
}

// ImportOptions say how a file is to be read. The zero value reads CSV whose
// first column, or the one called time, is RFC 3339, and every other column
// the values of the sensor it is called by, with the unit in brackets.
type ImportOptions struct {
	Format    string         // csv, ndjson or parquet; empty: csv
	Encoding  string         // of CSV: utf-8, utf-16le, utf-16be or latin-1; empty: by the first bytes, else utf-8
	Delimiter rune           // of CSV; 0: comma, semicolon or tab, whichever the first line has most of
	Skip      int            // lines of CSV before the head
	Headless  bool           // there is no head: columns are called 1, 2, 3
	Comma     bool           // numbers have a decimal comma
	Date      string         // the column of the date, where that of the time has only the time of day
	Time      string         // the column of the time; empty: time, timestamp, datetime or date, or the first one
	Layout    string         // of the time: Go's reference layout, unix, unix_ms; empty: ISO 8601 in any common form, or a number
	Zone      *time.Location // of times that do not say theirs; nil: UTC
	Shift     time.Duration  // added to every time: -15m when a 15-minute value is stamped with its end
	End       bool           // amounts are stamped with the end of their interval
	Columns   []ImportColumn // empty: every column but that of the time; when each row is one value, what the sensors are called in the file
	Sensor    string         // the column that names the sensor, when each row is one value; empty: "sensor" when there is one
	Value     string         // then, the column of the value; empty: "value"
	Unit      string         // of columns that do not state theirs
	Per       time.Duration  // of columns that do not state theirs
	Trial     bool           // nothing is stored, only compared with what is
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
	Line   uint64          `json:"line,omitempty" doc:"Line of the file it begins in; 0 where there are none"`
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
	mostSensors   = 20_000 // in one file
)

// ErrImport marks a file that cannot be read as the options say.
var ErrImport = errors.New("cannot be imported")

// Import stores what a file holds, of any age. Importing it again changes
// nothing. What of it cannot be taken does not stop the rest: it is counted,
// and each handed to refused, which may be nil as may progress.
//
// On an error what was read before may be stored already.
func Import(ctx context.Context, store history.Store, r io.Reader, o ImportOptions, progress func(ImportProgress), refused func(ImportRefusal)) (res ImportResult, err error) {
	var examples []ImportRefusal
	count := uint64(0)
	tell := func(x ImportRefusal) {
		count++
		if len(examples) < mostExamples {
			examples = append(examples, x)
		}
		if refused != nil {
			refused(x)
		}
	}
	filled := make(map[record.SensorID]Span)
	defer func() { res.Examples, res.Refused, res.Filled = examples, count, filled }()
	var fill history.Backfill = &trial{ctx: ctx, store: store}
	if !o.Trial {
		if fill, err = store.Backfill(ctx); err != nil {
			return res, fmt.Errorf("import: %w", err)
		}
	}
	defer fill.Abort()
	fill.OnRefused(func(k history.Series, x history.Sample, why history.Refusal) {
		tell(ImportRefusal{Sensor: record.SensorID(k.Name), Time: x.Time, Value: record.Finite(x.Value), Reason: why.Reason.Error(), err: why.Reason, stored: why.Stored})
	})
	res, err = Parse(ctx, r, o, func(id record.SensorID, t []record.Millis, v []float64) error {
		if len(t) > 0 && !o.Trial {
			x, ok := filled[id]
			if !ok {
				x = Span{t[0], t[0]}
			}
			filled[id] = Span{min(x.From, slices.Min(t)), max(x.To, slices.Max(t))}
		}
		return fill.Add(history.RecordsOf(id), t, v)
	}, progress, tell)
	if err != nil {
		return res, err
	}
	done, err := fill.Commit()
	if err != nil {
		return res, fmt.Errorf("import: %w", err)
	}
	res.Stored, res.Duplicates = done.Stored, done.Duplicates
	return res, nil
}

// Parse reads what a file holds and hands it to take: values of one sensor,
// many at once, in the order of the file. An error of take ends it. What cannot be
// read is handed to refused and does not stop the rest. progress may be nil.
// Of the result only rows and samples are filled in.
func Parse(ctx context.Context, r io.Reader, o ImportOptions, take func(record.SensorID, []record.Millis, []float64) error, progress func(ImportProgress), refused func(ImportRefusal)) (res ImportResult, err error) {
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
	im.add, im.tell = take, refused
	for {
		row, err := src.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return res, fmt.Errorf("import: row %d: %w", res.Rows+1, err)
		}
		res.Rows++
		im.line = src.line()
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
	res.Samples = im.samples
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
	width   int // fields of the head
	time    int // position of the time
	date    int // position of the date; -1: it is with the time
	course  course
	line    uint64
	names   map[string]ImportColumn // in long form, those that are taken; nil: all, by their names
	columns []target
	sensor  int // in long form, positions of name and value; else -1
	value   int
	unit    conversion
	held    map[record.SensorID]*target
	order   []*target // those of held, as they came
	samples uint64
	add     func(record.SensorID, []record.Millis, []float64) error
	tell    func(ImportRefusal)
}

// target is a sensor that values are collected for.
type target struct {
	at     int
	sensor record.SensorID
	conv   conversion
	course course // in long form
	times  []record.Millis
	values []float64
}

// conversion brings a value into the coherent unit.
type conversion struct {
	unit  record.Unit
	known bool
	per   float64 // hours; 0: not per interval
	shift record.Millis
}

func newConversion(unit string, of record.Quantity, per time.Duration, end bool) (conversion, error) {
	c := conversion{per: per.Hours()}
	if end {
		c.shift = -record.Millis(per.Milliseconds())
	}
	if unit != "" {
		if c.unit, c.known = record.LookupUnit(unit); of != "" {
			c.unit, c.known = of.LookupUnit(unit)
		}
		if !c.known {
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
	im := &importer{o: o, width: len(header), sensor: -1, date: -1, held: make(map[record.SensorID]*target)}
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
	if o.Date != "" {
		if im.date, err = find(o.Date); err != nil {
			return nil, err
		}
	}
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
		for _, c := range o.Columns {
			if im.names == nil {
				im.names = make(map[string]ImportColumn, len(o.Columns))
			}
			if err := cmp.Or(c.Sensor, record.SensorID(c.Column)).Validate(); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrImport, err)
			}
			if _, err := newConversion(cmp.Or(c.Unit, o.Unit), c.Of, cmp.Or(c.Per, o.Per), o.End); err != nil {
				return nil, err
			}
			im.names[c.Column] = c
		}
		im.unit, err = newConversion(o.Unit, "", o.Per, o.End)
		return im, err
	}
	columns := o.Columns
	if len(columns) == 0 {
		for i, h := range header {
			if i == im.time || i == im.date {
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
		if t.conv, err = newConversion(c.Unit, c.Of, cmp.Or(c.Per, o.Per), o.End); err != nil {
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
	refuse := func(reason string) { im.tell(ImportRefusal{Line: im.line, Row: n, Reason: reason}) }
	for i := im.width; i < len(row); i++ {
		if strings.TrimSpace(row[i]) != "" {
			refuse(fmt.Sprintf("the row has %d fields, the head %d", len(row), im.width))
			return nil
		}
	}
	if im.time >= len(row) || im.date >= len(row) {
		refuse("the row has no time")
		return nil
	}
	text := row[im.time]
	if im.date >= 0 {
		text = strings.TrimSpace(row[im.date]) + " " + strings.TrimSpace(text)
	}
	if im.sensor < 0 {
		t, ok := im.read(n, text, &im.course)
		if !ok {
			return nil
		}
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
	name := row[im.sensor]
	c := im.held[record.SensorID(name)]
	if c == nil {
		name = strings.Clone(name)
		id, conv := record.SensorID(name), im.unit
		if im.names != nil {
			x, ok := im.names[name]
			if !ok {
				return nil // not wanted
			}
			id = cmp.Or(x.Sensor, id)
			conv, _ = newConversion(cmp.Or(x.Unit, im.o.Unit), x.Of, cmp.Or(x.Per, im.o.Per), im.o.End) // it was tried
		}
		if err := id.Validate(); err != nil {
			refuse(err.Error())
			return nil
		}
		if len(im.held) >= mostSensors {
			refuse(fmt.Sprintf("more than %d sensors are in one file", mostSensors))
			return nil
		}
		c = &target{sensor: id, conv: conv}
		im.held[record.SensorID(name)] = c
		im.order = append(im.order, c)
	}
	t, ok := im.read(n, text, &c.course)
	if !ok {
		return nil
	}
	return im.sample(n, c, t, row[im.value])
}

// read reads the time of a row and tells whether that is one to be taken.
func (im *importer) read(n uint64, text string, at *course) (record.Millis, bool) {
	t, err := im.clock.read(text, at)
	if err == nil && t > im.o.Latest {
		err = fmt.Errorf("%w: %s", history.ErrFuture, t)
	}
	if err != nil {
		im.tell(ImportRefusal{Line: im.line, Row: n, Reason: err.Error()})
		return 0, false
	}
	return t, true
}

func (im *importer) sample(n uint64, c *target, t record.Millis, text string) error {
	text = strings.TrimSpace(text)
	if missing(text) {
		return nil
	}
	t += c.conv.shift
	v, err := parseNumber(text, im.o.Comma)
	if err != nil {
		im.tell(ImportRefusal{Line: im.line, Row: n, Sensor: c.sensor, Time: t, Reason: err.Error()})
		return nil
	}
	v = c.conv.apply(v)
	im.samples++
	if err := record.ValidateSample(t, v); err != nil {
		im.tell(ImportRefusal{Line: im.line, Row: n, Sensor: c.sensor, Time: t, Value: record.Finite(v), Reason: err.Error(), err: err})
		return nil
	}
	c.times, c.values = append(c.times, t), append(c.values, v)
	if len(c.times) < importHold {
		return nil
	}
	return im.hand(c)
}

// parseNumber reads a number as programs and people of two kinds write it.
// Groups of thousands are taken where they are whole, and refused where they
// may as well be decimals.
func parseNumber(text string, comma bool) (float64, error) {
	bad := fmt.Errorf("%.60q is not a number", text)
	s := strings.NewReplacer("\u00a0", "", "\u202f", "", "'", "", "\u2212", "-").Replace(text)
	if comma {
		whole, decimals, found := strings.Cut(s, ",")
		groups := strings.Split(strings.TrimLeft(whole, "+-"), ".")
		for i, g := range groups {
			if len(groups) > 1 && (i > 0 && len(g) != 3 || i == 0 && (g == "" || len(g) > 3 || g[0] == '0')) {
				return 0, fmt.Errorf("%w with a decimal comma", bad)
			}
		}
		if s = strings.ReplaceAll(whole, ".", ""); found {
			s += "." + decimals
		}
	}
	if strings.Trim(s, "0123456789+-.eE") != "" && !strings.EqualFold(strings.TrimLeft(s, "+-"), "inf") {
		return 0, bad // hexadecimal numbers and the like
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, bad
	}
	return v, nil
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
	for _, c := range im.order {
		if err := im.hand(c); err != nil {
			return err
		}
	}
	return nil
}
