package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// InfluxConfig says how lines of the InfluxDB line protocol become readings.
type InfluxConfig struct {
	// Sensor is the template of the sensor's identifier: {measurement}, {tags}
	// (",key=value" of every tag, sorted by key, or nothing), {tag.host}, {field}.
	Sensor string     `yaml:"sensor" json:"sensor"`
	Units  []UnitRule `yaml:"units" json:"units"` // by the name of the field
}

const influxSensor = "{measurement}{tags}.{field}"

// DefaultInflux names sensors by everything there is.
func DefaultInflux() InfluxConfig { return InfluxConfig{Sensor: influxSensor, Units: usualUnits()} }

// Validate says in a sentence what is wrong, or nil.
func (c InfluxConfig) Validate() error {
	_, err := newInflux(c)
	return err
}

type influx struct {
	template Template // zero: influxSensor
	units    unitRules
}

func newInflux(c InfluxConfig) (*influx, error) {
	in := &influx{}
	var err error
	if c.Sensor != "" && c.Sensor != influxSensor {
		if in.template, err = ParseTemplate(c.Sensor); err != nil {
			return nil, fmt.Errorf("influx: %w", err)
		}
	}
	if in.units, err = compileUnits(c.Units); err != nil {
		return nil, fmt.Errorf("influx: %w", err)
	}
	return in, nil
}

// Influx takes the InfluxDB line protocol; the parameter precision is that of
// its HTTP interface. Fields that are not numbers are filtered. A line with a
// fault is refused as a whole, the others are taken. The config must be valid.
func Influx(c InfluxConfig) (Bridge, error) {
	in, err := newInflux(c)
	if err != nil {
		return Bridge{}, err
	}
	return in.bridge(), nil
}

func (in *influx) bridge() Bridge {
	fields := FlatMap(FromEach(influxLines), influxFields)
	return Bridge{Name: "influx", Flow: Map(fields.Filter(influxField.isNumber), in.reading)}
}

// influxLine is one line. It is used again for the next one.
type influxLine struct {
	measurement string
	tags        []influxTag // sorted by key
	fields      []influxField
	at          record.Millis
	series      string // measurement and tags, made when first needed
	text        []byte // every name and tag of the line, so that they are one string
	cuts        []int  // where each ends in text
}

type influxTag struct{ key, value string }

type influxField struct {
	line  *influxLine
	key   string
	value float64
	kind  lineprotocol.ValueKind
}

func influxFields(_ *Message, l *influxLine) iter.Seq2[influxField, error] {
	return func(yield func(influxField, error) bool) {
		for i := range l.fields {
			if !yield(l.fields[i], nil) {
				return
			}
		}
	}
}

func (f influxField) isNumber() bool {
	return f.kind == lineprotocol.Float || f.kind == lineprotocol.Int || f.kind == lineprotocol.Uint
}

// precision gives the unit of timestamps, in nanoseconds.
func precision(name string) (int64, error) {
	switch name {
	case "", "ns", "n":
		return 1, nil
	case "us", "u", "µs", "µ":
		return 1e3, nil
	case "ms":
		return 1e6, nil
	case "s":
		return 1e9, nil
	case "m":
		return 60e9, nil
	case "h":
		return 3600e9, nil
	}
	return 0, phrase.Errorf(phrase.PrecisionOdd, phrase.Params{"precision": name}, "precision %.20q is none of ns, us, ms, s, m, h", name)
}

func influxLines(m *Message) iter.Seq2[*influxLine, error] {
	return func(yield func(*influxLine, error) bool) {
		unit, err := precision(m.param("precision"))
		if err != nil {
			yield(nil, err)
			return
		}
		var l influxLine
		find := lineFinder{rest: m.Body, line: 1}
		dec := lineprotocol.NewDecoderWithBytes(m.Body)
		for dec.Next() {
			if err := l.decode(dec, unit); err != nil {
				if !yield(nil, find.refusal(err)) {
					return
				}
				continue
			}
			if !yield(&l, nil) {
				return
			}
		}
	}
}

func (l *influxLine) decode(dec *lineprotocol.Decoder, unit int64) error {
	l.tags, l.fields, l.series, l.at = l.tags[:0], l.fields[:0], "", Arrival
	l.text, l.cuts = l.text[:0], l.cuts[:0]
	name, err := dec.Measurement()
	if err != nil {
		return err
	}
	l.keep(name)
	tags := 0
	for {
		key, value, err := dec.NextTag()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		l.keep(key)
		l.keep(value)
		tags++
	}
	for {
		key, value, err := dec.NextField()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		l.keep(key)
		f := influxField{line: l, kind: value.Kind()}
		switch f.kind {
		case lineprotocol.Float:
			f.value = value.FloatV()
		case lineprotocol.Int:
			f.value = float64(value.IntV())
		case lineprotocol.Uint:
			f.value = float64(value.UintV())
		}
		l.fields = append(l.fields, f)
	}
	stamp, err := dec.TimeBytes()
	if err != nil {
		return err
	}
	if stamp != nil {
		if l.at, err = influxTime(stamp, unit); err != nil {
			return err
		}
	}
	all, from, next := string(l.text), 0, 0
	cut := func() string {
		s := all[from:l.cuts[next]]
		from, next = l.cuts[next], next+1
		return s
	}
	l.measurement = cut()
	for range tags {
		l.tags = append(l.tags, influxTag{cut(), cut()})
	}
	for i := range l.fields {
		l.fields[i].key = cut()
	}
	slices.SortFunc(l.tags, func(a, b influxTag) int { return strings.Compare(a.key, b.key) })
	return nil
}

func (l *influxLine) keep(part []byte) {
	l.text = append(l.text, part...)
	l.cuts = append(l.cuts, len(l.text))
}

// influxTime reads a timestamp without the overflow that a far time in a
// coarse precision has in nanoseconds.
func influxTime(stamp []byte, unit int64) (record.Millis, error) {
	s, negative := stamp, false
	if len(s) > 0 && s[0] == '-' {
		s, negative = s[1:], true
	}
	var n int64
	for _, c := range s {
		if c < '0' || c > '9' || n > (math.MaxInt64-9)/10 {
			return 0, phrase.Errorf(phrase.TimeUnreadable, phrase.Params{"text": string(stamp)}, "timestamp %.40q is not a 64 bit integer", stamp)
		}
		n = n*10 + int64(c-'0')
	}
	if len(s) == 0 {
		return 0, phrase.Errorf(phrase.TimeUnreadable, phrase.Params{"text": string(stamp)}, "timestamp %.40q is not a 64 bit integer", stamp)
	}
	var ms int64
	switch perMilli := int64(time.Millisecond); {
	case unit < perMilli:
		ms = n / (perMilli / unit)
	case n > math.MaxInt64/(unit/perMilli):
		return 0, fmt.Errorf("%w: %s", record.ErrTimeBounds, stamp)
	default:
		ms = n * (unit / perMilli)
	}
	if negative {
		ms = -ms
	}
	if record.Millis(ms) == Arrival {
		ms++ // far outside the bounds in any case
	}
	return record.Millis(ms), nil
}

// lineFinder finds the lines that errors of the decoder are about. Errors come
// in order, so it goes through the text once.
type lineFinder struct {
	rest []byte
	line int64
}

func (l *lineFinder) refusal(err error) *Refusal {
	var de *lineprotocol.DecodeError
	if errors.As(err, &de) {
		for ; l.line < de.Line; l.line++ {
			i := bytes.IndexByte(l.rest, '\n')
			if i < 0 {
				break
			}
			l.rest = l.rest[i+1:]
		}
		err = de.Err
	}
	sample := l.rest
	if i := bytes.IndexByte(sample, '\n'); i >= 0 {
		sample = sample[:i]
	}
	return Refuse(sample, "%w", phrase.Errorf(phrase.LineUnreadable, phrase.Params{"line": string(sample[:min(len(sample), 100)]), "error": err.Error()}, "unable to parse '%.100s': %w", sample, err))
}

func (in *influx) reading(_ *Message, f influxField) (Reading, error) {
	rule := in.units.of(f.key)
	r := Reading{Time: f.line.at, Value: f.value, Unit: rule.Unit, Quantity: rule.Quantity}
	if in.template.IsZero() {
		r.Sensor = f.line.name() + "." + f.key
		return r, nil
	}
	var err error
	r.Sensor, err = in.template.Expand(func(name string) (string, bool) {
		switch name {
		case "measurement":
			return f.line.measurement, true
		case "field":
			return f.key, true
		case "tags":
			return f.line.name()[len(f.line.measurement):], true
		}
		if key, ok := strings.CutPrefix(name, "tag."); ok {
			for _, t := range f.line.tags {
				if t.key == key {
					return t.value, true
				}
			}
		}
		return "", false
	})
	return r, err
}

// name is the measurement followed by ",key=value" of every tag.
func (l *influxLine) name() string {
	if l.series == "" {
		var b strings.Builder
		b.WriteString(l.measurement)
		for _, t := range l.tags {
			b.WriteByte(',')
			b.WriteString(t.key)
			b.WriteByte('=')
			b.WriteString(t.value)
		}
		l.series = b.String()
	}
	return l.series
}
