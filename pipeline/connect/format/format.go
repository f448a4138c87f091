package format

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// Names of formats.
const (
	Text        = "text"
	JSON        = "json"
	SenML       = "senml"
	CSV         = "csv"
	DataSet     = "dataset"
	Observation = "observation"
)

// Of says which format a kind states, by all the names that are usual; the paper
// writes "Plain text", and SenML as the type of a model that is JSON.
func Of(k manifest.Kind) (string, error) {
	name := strings.ToLower(strings.TrimSpace(k.Format))
	model := strings.ToLower(strings.TrimSpace(k.ModelType))
	switch strings.NewReplacer(" ", "", "-", "", "_", "", "application/", "", "text/", "").Replace(name) {
	case "", "json":
		switch {
		case model == SenML:
			return SenML, nil
		case model == "livedataset" || model == "live data set":
			return DataSet, nil
		}
		return JSON, nil
	case "text", "plain", "plaintext":
		return Text, nil
	case "senml", "senml+json":
		return SenML, nil
	case "csv":
		return CSV, nil
	case "dataset", "livedataset":
		return DataSet, nil
	case "observation":
		return Observation, nil
	}
	return "", fmt.Errorf("the format %.40q is none of text, json, senml, csv, dataset and observation", k.Format)
}

// Parameters are what sources say about their messages, whatever they are
// reached by.
func Parameters() []manifest.Parameter {
	return []manifest.Parameter{
		{Name: "value", Description: "Where the value is: of JSON a pointer (/a/b) or a path (a.b), of CSV the name of a column or its number. Absent: value."},
		{Name: "time", Description: "Where the time is, in the same way. Absent: time or timestamp; a message without one is of the time of its arrival."},
		{Name: "key", Description: "Where the key is that tells series apart. Absent: key or sensor."},
		{Name: "items", Description: "Of JSON: where the list of values is, when it is not the whole message."},
		{Name: "timeFormat", Description: "How times are written. auto takes RFC 3339 and numbers: seconds below 10^11, milliseconds below 10^14, microseconds below 10^17, else nanoseconds.",
			Default: connect.Default("auto"), OneOf: []string{"auto", "rfc3339", "s", "ms", "us", "ns"}},
	}
}

// Format reads and writes the messages of one source or sink.
type Format struct {
	name             string
	end              *connect.End
	value, time, key where
	items            []string // path
	clock            clock
	flat             bool // value, time and key are members of an item itself
	ids              bool // results say their identifiers
	keys             map[string]observation.Key

	// Of the message that is read.
	m            *connect.Message
	more         int // bad parts that are not told one by one
	deliveredKey observation.Key
	at           record.Millis
}

// where a thing is: any of some names, or a path.
type where struct {
	names []string
	path  []string // when it was said
}

// New makes the format of an end by its kind and its values.
func New(e *connect.End) (*Format, error) {
	name, err := Of(e.Kind)
	if err != nil {
		return nil, err
	}
	f := &Format{name: name, end: e, keys: make(map[string]observation.Key)}
	f.value = where{names: []string{"value"}}
	f.time = where{names: []string{"time", "timestamp"}}
	f.key = where{names: []string{"key", "sensor"}}
	f.flat = true
	for _, p := range []struct {
		name string
		to   *where
	}{{"value", &f.value}, {"time", &f.time}, {"key", &f.key}} {
		if s := e.Text(p.name); s != "" {
			p.to.path = path(s)
			if len(p.to.path) == 1 {
				p.to.names = p.to.path
			} else {
				f.flat = false
			}
		}
	}
	if s := e.Text("items"); s != "" {
		f.items, f.flat = path(s), false
	}
	if f.clock, err = clockOf(e.Text("timeFormat")); err != nil {
		return nil, err
	}
	return f, nil
}

// Name of the format.
func (f *Format) Name() string { return f.name }

// ContentType of its messages.
func (f *Format) ContentType() string {
	switch f.name {
	case Text:
		return "text/plain; charset=utf-8"
	case CSV:
		return "text/csv; charset=utf-8"
	case SenML:
		return "application/senml+json"
	}
	return "application/json"
}

// path reads a JSON pointer (RFC 6901) or names with dots.
func path(s string) []string {
	if rest, ok := strings.CutPrefix(s, "/"); ok {
		parts := strings.Split(rest, "/")
		for i, p := range parts {
			parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
		}
		return parts
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "$"), ".")
	s = strings.NewReplacer("[", ".", "]", "").Replace(s)
	return strings.Split(strings.TrimPrefix(s, "."), ".")
}

// Read appends to m what a message says, and what of it cannot be read. key is
// that of the delivery, such as a level of its topic: it stands where the message
// says none. at is the time of arrival.
func (f *Format) Read(m *connect.Message, body []byte, key observation.Key, at record.Millis) {
	f.m, f.more, f.deliveredKey, f.at = m, 0, key, at
	defer func() { f.m = nil }()
	if len(body) > connect.MaxBody {
		f.bad("the message is larger than 8 MiB", body)
		return
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if len(bytes.TrimSpace(body)) == 0 {
		f.bad("the message is empty", nil)
		return
	}
	if k := len(key); k > observation.MaxKey || !utf8.ValidString(key) {
		f.bad("its key is no UTF-8 of at most 200 bytes", []byte(key))
		return
	}
	switch f.name {
	case Text:
		f.text(body)
	case CSV:
		f.csv(body)
	case SenML:
		f.senml(body)
	case JSON:
		if !f.flat || !f.fast(body) {
			f.json(body)
		}
	default:
		f.json(body)
	}
	if f.more > 0 {
		m.Bad = append(m.Bad, connect.Bad{Reason: fmt.Sprintf("%d more parts of the message cannot be read", f.more)})
	}
}

// bad tells a part that cannot be read.
func (f *Format) bad(reason string, sample []byte) {
	if len(f.m.Bad) >= connect.MaxBad {
		f.more++
		return
	}
	f.m.Bad = append(f.m.Bad, connect.Bad{Reason: reason, Sample: bytes.Clone(sample[:min(len(sample), connect.MaxSample)])})
}

// full tells whether a message has all the values that it may have, and then
// says so.
func (f *Format) full() bool {
	if len(f.m.Pieces) < connect.MaxPieces {
		return false
	}
	f.bad(fmt.Sprintf("the message has more than %d values; the rest was not looked at", connect.MaxPieces), nil)
	return true
}

// add adds a piece when all of it is right.
func (f *Format) add(p connect.Piece, sample []byte) {
	if p.Marks&observation.Null != 0 {
		p.Value = 0
	}
	if err := record.ValidateSample(p.Time, p.Value); err != nil {
		f.bad(err.Error(), sample)
		return
	}
	if len(p.Key) > observation.MaxKey {
		f.bad("its key is longer than 200 bytes", sample)
		return
	}
	f.m.Pieces = append(f.m.Pieces, p)
}

// maxKeys is how many keys are kept so that none is made again for each value.
const maxKeys = 1 << 16

// intern gives a key as it was given before.
func (f *Format) intern(b []byte) observation.Key {
	if len(b) == 0 {
		return f.deliveredKey
	}
	if k, ok := f.keys[string(b)]; ok {
		return k
	}
	if len(f.keys) >= maxKeys {
		clear(f.keys)
	}
	k := string(b)
	f.keys[k] = k
	return k
}

func (f *Format) text(body []byte) {
	s := bytes.TrimSpace(body)
	v, marks, reason := number(string(s))
	if reason != "" {
		f.bad(reason, body)
		return
	}
	f.add(connect.Piece{Key: f.deliveredKey, Value: v, Marks: marks}, body)
}

// number reads a value that is text.
func number(s string) (v float64, marks observation.Marks, reason string) {
	switch s = strings.TrimSpace(s); s {
	case "":
		return 0, 0, "there is no value"
	case "null":
		return 0, observation.Null, ""
	case "true":
		return 1, 0, ""
	case "false":
		return 0, 0, ""
	}
	// Go reads more than people mean: hexadecimal, underscores, infinity.
	if strings.ContainsAny(s, "_xXpPiInN") {
		return 0, 0, "the value is not a number"
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, 0, "the value is not a number"
	}
	return v, 0, ""
}
