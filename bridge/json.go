package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/bridge/clock"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// maxJSONValue is the size of one JSON value taken: a value in memory is many
// times larger than its text.
const maxJSONValue = 8 << 20

// Mapping declares what a JSON message means, by paths: names of members and
// positions in arrays, joined by dots, "meter.phases.0.power". A path that
// begins with "$." starts at the whole message instead of the item. A member
// whose name contains a dot is written with a backslash, "a\.b".
type Mapping struct {
	Name   string         `yaml:"name" json:"name"`                         // in the address: /api/v1/ingest/json/<name>
	Items  string         `yaml:"items,omitempty" json:"items,omitempty"`   // path to the items, "*" is each element of an array or member of an object; empty: the message, or each element if it is an array
	Sensor string         `yaml:"sensor" json:"sensor"`                     // template of paths: "plant1.{meter.id}"; {key} is the member name that the last * of Items met, {topic.2} a level of an MQTT topic, {param.x} a query parameter
	Time   string         `yaml:"time,omitempty" json:"time,omitempty"`     // path; empty, or nothing there: when the message arrived
	Format string         `yaml:"format,omitempty" json:"format,omitempty"` // of times, see clock.Format
	Zone   string         `yaml:"zone,omitempty" json:"zone,omitempty"`     // of times without offset; default UTC
	Values []ValueMapping `yaml:"values" json:"values"`
}

// ValueMapping declares one value of an item.
type ValueMapping struct {
	Path     string          `yaml:"path" json:"path"`                             // to a number, or text that is a number
	Unit     string          `yaml:"unit,omitempty" json:"unit,omitempty"`         // of the value; empty: the coherent one
	UnitPath string          `yaml:"unit_path,omitempty" json:"unit_path"`         // path to the unit, if the message states it
	Quantity record.Quantity `yaml:"quantity,omitempty" json:"quantity,omitempty"` // a hint, where the unit does not tell
	Suffix   string          `yaml:"suffix,omitempty" json:"suffix,omitempty"`     // appended to the sensor: ".energy"
	Optional bool            `yaml:"optional,omitempty" json:"optional,omitempty"` // items without it are no fault
}

// DefaultMapping is what /api/v1/ingest/json takes: an object or an array of
// objects with sensor, value, and perhaps time and unit.
func DefaultMapping() Mapping {
	return Mapping{Sensor: "{sensor}", Time: "time", Values: []ValueMapping{{Path: "value", UnitPath: "unit"}}}
}

// Validate says in a sentence what is wrong, or nil.
func (m *Mapping) Validate() error {
	if m.Name == "" || strings.ContainsAny(m.Name, "/?#%") {
		return fmt.Errorf("json mapping %q: the name is to be a part of an address", m.Name)
	}
	_, err := m.compile()
	return err
}

type mapping struct {
	items  []string
	sensor Template
	time   []string
	parser clock.Parser
	values []valueMapping
}

type valueMapping struct {
	ValueMapping
	path, unit []string
}

func (m *Mapping) compile() (*mapping, error) {
	c := &mapping{items: splitPath(m.Items), time: splitPath(m.Time)}
	var err error
	if c.sensor, err = ParseTemplate(m.Sensor); err != nil {
		return nil, fmt.Errorf("json mapping %q: sensor: %w", m.Name, err)
	}
	if c.parser, err = clock.NewParser(clock.Format{Format: m.Format, Zone: m.Zone}); err != nil {
		return nil, fmt.Errorf("json mapping %q: %w", m.Name, err)
	}
	if len(m.Values) == 0 {
		return nil, fmt.Errorf("json mapping %q: no values", m.Name)
	}
	for _, v := range m.Values {
		if v.Path == "" {
			return nil, fmt.Errorf("json mapping %q: a value without path", m.Name)
		}
		if _, ok := record.LookupUnit(v.Unit); v.Unit != "" && !ok {
			return nil, fmt.Errorf("json mapping %q: value %s: unit %q is unknown", m.Name, v.Path, v.Unit)
		}
		c.values = append(c.values, valueMapping{v, splitPath(v.Path), splitPath(v.UnitPath)})
	}
	return c, nil
}

func splitPath(p string) []string {
	if p == "" {
		return nil
	}
	var out []string
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch {
		case p[i] == '\\' && i+1 < len(p):
			i++
			b.WriteByte(p[i])
		case p[i] == '.':
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteByte(p[i])
		}
	}
	return append(out, b.String())
}

// JSON takes JSON as the mapping declares. The mapping must be valid. A
// message may also be several JSON values one after the other (NDJSON).
func JSON(m Mapping) Bridge {
	c, err := m.compile()
	if err != nil {
		// Only reached past Validate; every message then tells.
		return Bridge{Name: "json", Flow: From(func(*Message) (Reading, error) { return Reading{}, err })}
	}
	items := FlatMap(FromEach(c.documents), c.split)
	return Bridge{Name: "json", Flow: FlatMap(items, c.readings)}
}

// jsonItem is an object that holds one time of one sensor.
type jsonItem struct {
	root, item any
	key        string
	raw        []byte // the whole message, when that is the item
}

// part is the item as JSON, for dead letters.
func (it jsonItem) part() []byte {
	if it.raw != nil {
		return it.raw
	}
	part, _ := json.Marshal(it.item) // it came from JSON
	return part
}

// documents reads the JSON values of a message. Without a path to the items,
// arrays at the top are read element by element, so that a large one is never
// in memory as a whole.
func (c *mapping) documents(m *Message) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		// The decoder cannot find the next value after an error.
		fail := func(err error) {
			from := m.Body[min(int(dec.InputOffset()), len(m.Body)):]
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			yield(nil, Refuse(from, "%w", notJSON(err)))
		}
		inside := false
		for n := 0; ; n++ {
			rest := bytes.TrimLeft(m.Body[min(int(dec.InputOffset()), len(m.Body)):], " \t\r\n")
			switch {
			case inside && !dec.More():
				if _, err := dec.Token(); err != nil {
					fail(err)
					return
				}
				inside = false
				continue
			case !inside && len(rest) == 0:
				if n == 0 {
					yield(nil, phrase.Errorf(phrase.MessageEmpty, nil, "not JSON: the message is empty"))
				}
				return
			case !inside && c.items == nil && rest[0] == '[':
				if _, err := dec.Token(); err != nil {
					fail(err)
					return
				}
				inside = true
				continue
			}
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				fail(err)
				return
			}
			if len(raw) > maxJSONValue {
				if !yield(nil, Refuse(raw, "%w", phrase.Errorf(phrase.MessageLong, phrase.Params{"bytes": len(raw), "most": maxJSONValue}, "one JSON value is %d bytes long, at most %d are taken", len(raw), maxJSONValue))) {
					return
				}
				continue
			}
			if !yield(raw, nil) {
				return
			}
		}
	}
}

func notJSON(err error) error {
	return phrase.Errorf(phrase.NotJSON, phrase.Params{"error": err.Error()}, "not JSON: %w", err)
}

func lacks(how, part string) error {
	return phrase.Errorf(phrase.MessageLacks, phrase.Params{"part": part}, "the message has %s %s", how, part)
}

func parseJSON(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, Refuse(raw, "%w", notJSON(err))
	}
	return v, nil
}

func (c *mapping) split(_ *Message, raw json.RawMessage) iter.Seq2[jsonItem, error] {
	return func(yield func(jsonItem, error) bool) {
		root, err := parseJSON(raw)
		if err != nil {
			yield(jsonItem{}, err)
			return
		}
		if c.items == nil {
			yield(jsonItem{root: root, item: root, raw: raw}, nil)
			return
		}
		if n := spread(root, root, c.items, "", yield); n == 0 {
			yield(jsonItem{}, Refuse(raw, "%w", lacks("nothing at", strings.Join(c.items, "."))))
		}
	}
}

// spread yields what the path leads to and gives how many it was, -1 when
// yield wanted no more.
func spread(root, v any, path []string, key string, yield func(jsonItem, error) bool) int {
	if len(path) == 0 {
		if !yield(jsonItem{root: root, item: v, key: key}, nil) {
			return -1
		}
		return 1
	}
	if path[0] != "*" {
		next, ok := step(v, path[0])
		if !ok {
			return 0
		}
		return spread(root, next, path[1:], key, yield)
	}
	n := 0
	visit := func(k string, e any) bool {
		m := spread(root, e, path[1:], k, yield)
		n += max(m, 0)
		return m >= 0
	}
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			if !visit(strconv.Itoa(i), e) {
				return -1
			}
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if !visit(k, v[k]) {
				return -1
			}
		}
	}
	return n
}

func step(v any, name string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		next, ok := v[name]
		return next, ok
	case []any:
		i, err := strconv.Atoi(name)
		if err == nil && i >= 0 && i < len(v) {
			return v[i], true
		}
	}
	return nil, false
}

// at follows a path from the item, or from the message if it begins with "$".
func (it jsonItem) at(path []string) (any, bool) {
	v := it.item
	if len(path) > 0 && path[0] == "$" {
		v, path = it.root, path[1:]
	}
	for _, name := range path {
		var ok bool
		if v, ok = step(v, name); !ok {
			return nil, false
		}
	}
	return v, v != nil
}

func (it jsonItem) text(path []string) string {
	v, _ := it.at(path)
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (c *mapping) readings(m *Message, it jsonItem) iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) {
		refuse := func(format string, args ...any) {
			yield(Reading{}, Refuse(it.part(), format, args...))
		}
		sensor, err := c.sensor.Expand(func(name string) (string, bool) {
			v := ""
			if p, ok := strings.CutPrefix(name, "param."); ok {
				v = m.param(p)
			} else if v = TopicLevel(m.Topic, name); v != "" {
				return v, true
			} else if v = it.key; name != "key" || v == "" {
				v = it.text(splitPath(name))
			}
			return v, v != ""
		})
		if err != nil {
			refuse("%w", err)
			return
		}
		at := Arrival
		if v, there := it.at(c.time); c.time != nil && there {
			text := it.text(c.time)
			if text == "" {
				refuse("%w", phrase.Errorf(phrase.TimeUnreadable, phrase.Params{"text": fmt.Sprintf("%.40v", v)}, "the time is neither text nor a number but %.40v", v))
				return
			}
			if at, err = c.parser.Parse(text); err != nil {
				refuse("%w", err)
				return
			}
		}
		for i := range c.values {
			if !c.values[i].reading(it, sensor, at, yield) {
				return
			}
		}
	}
}

func (v *valueMapping) reading(it jsonItem, sensor string, at record.Millis, yield func(Reading, error) bool) bool {
	refuse := func(format string, args ...any) bool {
		r := Refuse(it.part(), format, args...)
		r.Sensor = record.SensorID(sensor)
		return yield(Reading{}, r)
	}
	raw, there := it.at(v.path)
	if !there {
		if v.Optional {
			return true
		}
		return refuse("%w", lacks("no", v.Path))
	}
	text := it.text(v.path)
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || text == "" {
		return refuse("%w", phrase.Errorf(phrase.NotANumber, phrase.Params{"text": fmt.Sprintf("%.60v", raw)}, "the value is not a number but %.60v", raw))
	}
	r := Reading{Sensor: sensor + v.Suffix, Time: at, Value: value, Unit: v.Unit, Quantity: v.Quantity, Part: it.raw}
	if u := it.text(v.unit); v.unit != nil && u != "" {
		r.Unit = u
	}
	return yield(r, nil)
}
