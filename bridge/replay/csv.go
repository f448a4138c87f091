package replay

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/clock"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// Mapping says what the columns of a CSV file mean. Columns are named by the
// file's first row.
type Mapping struct {
	Name     string        `yaml:"name" json:"name"`
	Time     string        `yaml:"time" json:"time"`                             // column of the time
	Format   string        `yaml:"format,omitempty" json:"format"`               // of times, see clock.Format
	Zone     string        `yaml:"zone,omitempty" json:"zone"`                   // of times without offset; default UTC
	Comma    string        `yaml:"comma,omitempty" json:"comma"`                 // between columns; default ","
	Decimal  string        `yaml:"decimal,omitempty" json:"decimal"`             // "," in numbers; default "."
	Interval time.Duration `yaml:"interval" json:"interval"`                     // that a row holds for
	Ends     bool          `yaml:"ends,omitempty" json:"ends"`                   // the time of a row is the end of its interval, not its beginning
	Midnight bool          `yaml:"midnight_last,omitempty" json:"midnight_last"` // 0:00 stands at the end of its date and means the day after
	Values   []Value       `yaml:"values" json:"values"`
}

// Value is a column of measurements.
type Value struct {
	Column      string          `yaml:"column" json:"column"`
	Sensor      string          `yaml:"sensor" json:"sensor"`
	Unit        string          `yaml:"unit" json:"unit"`
	Quantity    record.Quantity `yaml:"quantity,omitempty" json:"quantity"`
	PerInterval bool            `yaml:"per_interval,omitempty" json:"per_interval"` // energy within the row's interval; becomes its mean power
}

// Household is the mapping of the UCI data set "Individual household electric
// power consumption": the main meter in kW, averaged over the minute that
// begins at the row's time, and three sub-meters in Wh within that minute.
// Sensors are "household.main", "household.kitchen", "household.laundry" and
// "household.heating".
func Household() Mapping {
	return Mapping{
		Name: "household", Time: "Datetime", Format: "2/1/2006 15:04:05", Zone: "Europe/Paris", Interval: time.Minute,
		Values: []Value{
			{Column: "Global_active_power", Sensor: "household.main", Unit: "kW"},
			{Column: "Sub_metering_1", Sensor: "household.kitchen", Unit: "Wh", PerInterval: true},
			{Column: "Sub_metering_2", Sensor: "household.laundry", Unit: "Wh", PerInterval: true},
			{Column: "Sub_metering_3", Sensor: "household.heating", Unit: "Wh", PerInterval: true},
		},
	}
}

// Steel is the mapping of the UCI data set "Steel industry energy
// consumption": kWh within the quarter of an hour that ends at the row's time.
// Dates are day/month/year; the quarter that ends at midnight stands last in
// its day, as 0:00 of that day. The sensor is "steel-works.main".
func Steel() Mapping {
	return Mapping{
		Name: "steel", Time: "date", Format: "2/1/2006 15:04", Zone: "Asia/Seoul", Interval: 15 * time.Minute, Ends: true, Midnight: true,
		Values: []Value{{Column: "Usage_kWh", Sensor: "steel-works.main", Unit: "kWh", PerInterval: true}},
	}
}

// Validate says in a sentence what is wrong, or nil.
func (m *Mapping) Validate() error {
	_, err := m.compile()
	return err
}

// Row is what one row of a file says.
type Row struct {
	At       record.Millis // when its interval begins
	Readings []bridge.Reading
	Missing  int // values the row leaves out: empty, or "?"
}

type compiled struct {
	*Mapping
	parser clock.Parser
	zone   *time.Location
	comma  rune
}

func (m *Mapping) compile() (*compiled, error) {
	c := &compiled{Mapping: m, comma: ','}
	var err error
	if c.parser, err = clock.NewParser(clock.Format{Format: m.Format, Zone: m.Zone}); err != nil {
		return nil, fmt.Errorf("csv mapping %s: %w", m.Name, err)
	}
	if c.zone, err = time.LoadLocation(m.Zone); err != nil {
		return nil, fmt.Errorf("csv mapping %s: %w", m.Name, err)
	}
	if m.Comma != "" {
		c.comma = []rune(m.Comma)[0]
	}
	switch {
	case m.Time == "" || len(m.Values) == 0:
		return nil, fmt.Errorf("csv mapping %s: no column of times or none of values", m.Name)
	case m.Interval < time.Millisecond:
		return nil, fmt.Errorf("csv mapping %s: how long does a row hold? The interval is %s", m.Name, m.Interval)
	case len(m.Comma) > 1 || c.comma == '"' || c.comma == '\n' || c.comma == '\r':
		return nil, fmt.Errorf("csv mapping %s: columns cannot be separated by %q", m.Name, m.Comma)
	case m.Decimal != "" && m.Decimal != "." && m.Decimal != ",":
		return nil, fmt.Errorf("csv mapping %s: %q is no decimal point", m.Name, m.Decimal)
	}
	for _, v := range m.Values {
		u, ok := record.LookupUnit(v.Unit)
		if v.Unit != "" && !ok {
			return nil, fmt.Errorf("csv mapping %s: column %s: unit %q is unknown", m.Name, v.Column, v.Unit)
		}
		if v.PerInterval && u.Quantity != record.Energy {
			return nil, fmt.Errorf("csv mapping %s: column %s: only energy becomes power, and %q is none", m.Name, v.Column, v.Unit)
		}
		if err := record.SensorID(v.Sensor).Validate(); err != nil {
			return nil, fmt.Errorf("csv mapping %s: column %s: %w", m.Name, v.Column, err)
		}
	}
	return c, nil
}

// ErrHeader marks a file whose first row does not have the columns.
var ErrHeader = errors.New("the file does not have the column")

// Rows reads a file row by row. A row with a fault is an error that is a
// *[bridge.Refusal], and what comes after it is read; any other error is the
// last. A fault in one value leaves the row its others. A value that is missing
// is a gap in the data and no fault.
func Rows(src io.Reader, m Mapping) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		c, err := m.compile()
		if err != nil {
			yield(Row{}, err)
			return
		}
		buffered := bufio.NewReader(src)
		if mark, _ := buffered.Peek(3); string(mark) == "\uFEFF" {
			_, _ = buffered.Discard(3) // just peeked at
		}
		r := csv.NewReader(buffered)
		r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = c.comma, -1, true, true
		head, err := r.Read()
		if err != nil {
			yield(Row{}, fmt.Errorf("read the first row: %w", err))
			return
		}
		columns := map[string]int{}
		for i, name := range head {
			columns[strings.TrimSpace(name)] = i
		}
		width := len(head)
		where := make([]int, 0, len(m.Values)+1)
		for _, name := range append([]string{m.Time}, names(m.Values)...) {
			i, ok := columns[name]
			if !ok {
				yield(Row{}, fmt.Errorf("%w %q", ErrHeader, name))
				return
			}
			where = append(where, i)
		}
		last := record.Millis(math.MinInt64)
		for n := 2; ; n++ {
			fields, err := r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			var parse *csv.ParseError
			if errors.As(err, &parse) {
				if !yield(Row{}, bridge.Refuse([]byte(strings.Join(fields, m.Comma)), "row %d: %w", n, err)) {
					return
				}
				continue
			}
			if err != nil {
				yield(Row{}, fmt.Errorf("read row %d: %w", n, err))
				return
			}
			part := []byte(strings.Join(fields, string(c.comma)))
			if len(fields) != width {
				if !yield(Row{}, bridge.Refuse(part, "%w", phrase.Errorf(phrase.RowTorn, phrase.Params{"row": n, "has": len(fields), "columns": width}, "row %d has %d of %d columns", n, len(fields), width))) {
					return
				}
				continue
			}
			at, err := c.time(fields[where[0]], last)
			if err != nil {
				if !yield(Row{}, bridge.Refuse(part, "row %d: %w", n, err)) {
					return
				}
				continue
			}
			last = at
			row := Row{At: at, Readings: make([]bridge.Reading, 0, len(m.Values))}
			for i := range m.Values {
				text := strings.TrimSpace(fields[where[i+1]])
				if text == "" || text == "?" {
					row.Missing++
					continue
				}
				r, err := c.value(&m.Values[i], text, at)
				if err != nil {
					ref := bridge.Refuse(part, "row %d: column %s: %w", n, m.Values[i].Column, err)
					ref.Sensor, ref.Time = record.SensorID(m.Values[i].Sensor), at
					if !yield(Row{}, ref) {
						return
					}
					continue
				}
				r.Part = part
				row.Readings = append(row.Readings, r)
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

func names(vs []Value) []string {
	out := make([]string, len(vs))
	for i := range vs {
		out[i] = vs[i].Column
	}
	return out
}

// time finds when the interval of a row begins. last is that of the row before.
func (c *compiled) time(text string, last record.Millis) (record.Millis, error) {
	at, again, err := c.parser.ParseAgain(text)
	if err != nil {
		return 0, err
	}
	if c.Midnight {
		if local := at.Time().In(c.zone); local.Hour() == 0 && local.Minute() == 0 && local.Second() == 0 {
			at = record.MillisOf(local.AddDate(0, 0, 1))
		}
	}
	begin := record.Millis(0)
	if c.Ends {
		begin = record.Millis(c.Interval.Milliseconds())
	}
	if again && at-begin <= last {
		// The clock shows the hour for the second time.
		t := at.Time()
		_, before := t.Add(-24 * time.Hour).In(c.zone).Zone()
		_, after := t.Add(24 * time.Hour).In(c.zone).Zone()
		at += record.Millis(before-after) * 1000
	}
	return at - begin, nil
}

func (c *compiled) value(v *Value, text string, at record.Millis) (bridge.Reading, error) {
	r := bridge.Reading{Sensor: v.Sensor, Time: at, Unit: v.Unit, Quantity: v.Quantity}
	if c.Decimal == "," {
		text = strings.Replace(text, ",", ".", 1)
	}
	var err error
	if r.Value, err = strconv.ParseFloat(text, 64); err != nil {
		return r, phrase.Errorf(phrase.NotANumber, phrase.Params{"text": text}, "%.60q is not a number", text)
	}
	if v.PerInterval {
		if r.Value, _, err = record.Convert(r.Value, v.Unit); err != nil {
			return r, err
		}
		r.Value, r.Unit = r.Value*float64(time.Hour)/float64(c.Interval), "W"
	}
	return r, nil
}
