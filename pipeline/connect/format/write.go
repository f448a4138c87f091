package format

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// ID is the identifier of a result: the same whenever it is written again, and
// of no other.
func ID(w *connect.Written) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d:%s%d:%s%d:%s%d", len(w.Manifest), w.Manifest, len(w.Processor), w.Processor, len(w.Key), w.Key, w.Time)
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // a UUID of version 8
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Identify has each result that is written say its identifier, see [ID], in id:
// those of DataSet and Observation always do, those of Text never.
func (f *Format) Identify() { f.ids = true }

// Single tells whether a message of the format holds one result only.
func (f *Format) Single() bool { return f.name == Text }

// Write appends a message with the results to dst. What the format cannot say is
// added to refused. When no result is left, nothing is appended.
func (f *Format) Write(dst []byte, results []connect.Written, refused *connect.Refused) []byte {
	switch f.name {
	case Text:
		for i := range results {
			if i > 0 {
				dst = append(dst, '\n')
			}
			dst = value(dst, &results[i])
		}
		return dst
	case CSV:
		dst = append(dst, "time,key,value,marks,manifest,processor"...)
		if f.ids {
			dst = append(dst, ",id"...)
		}
		dst = append(dst, '\n')
		for i := range results {
			w := &results[i]
			dst = append(append(dst, w.Time.String()...), ',')
			dst = append(cell(dst, w.Key), ',')
			dst = append(value(dst, w), ',')
			dst = append(cell(dst, Marks(w.Marks)), ',')
			dst = append(cell(dst, w.Manifest), ',')
			dst = cell(dst, w.Processor)
			if f.ids {
				dst = append(append(dst, ','), ID(w)...)
			}
			dst = append(dst, '\n')
		}
		return dst
	}
	if f.name == JSON {
		if len(results) == 1 {
			return f.plain(dst, &results[0])
		}
		for i := range results {
			if i == 0 {
				dst = append(dst, '[')
			} else {
				dst = append(dst, ',')
			}
			dst = f.plain(dst, &results[i])
		}
		if len(results) > 0 {
			dst = append(dst, ']')
		}
		return dst
	}
	var all []any
	for i := range results {
		w := &results[i]
		var one any
		why := ""
		switch f.name {
		case SenML:
			one, why = f.senmlOf(w)
		case DataSet:
			one = f.dataSetOf(w)
		default:
			one = f.observationOf(w)
		}
		if why != "" {
			refused.Add(*w, why)
			continue
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return dst
	}
	var doc any = all
	// A pack is always a list, one result of the others is an object.
	if len(all) == 1 && len(results) == 1 && f.name != SenML {
		doc = all[0]
	}
	b, err := json.Marshal(doc)
	if err != nil {
		for i := range results {
			refused.Add(results[i], err.Error())
		}
		return dst
	}
	return append(dst, b...)
}

// plain writes a result as an object that [JSON] reads again: manifest,
// processor, key, time, value and marks, of which key and marks may be missing.
func (f *Format) plain(dst []byte, w *connect.Written) []byte {
	dst = append(dst, '{')
	if f.ids {
		dst = append(append(append(dst, `"id":"`...), ID(w)...), `",`...)
	}
	dst = quote(append(dst, `"manifest":`...), w.Manifest)
	dst = quote(append(dst, `,"processor":`...), w.Processor)
	if w.Key != "" {
		dst = quote(append(dst, `,"key":`...), w.Key)
	}
	dst = w.Time.Time().AppendFormat(append(dst, `,"time":"`...), "2006-01-02T15:04:05.000Z07:00")
	dst = value(append(dst, `","value":`...), w)
	if m := Marks(w.Marks); m != "" {
		dst = quote(append(dst, `,"marks":`...), m)
	}
	return append(dst, '}')
}

// quote writes a string of JSON.
func quote(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b, err := json.Marshal(s)
			if err != nil { // never, of a string
				return append(dst, `""`...)
			}
			return append(dst, b...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

func value(dst []byte, w *connect.Written) []byte {
	if w.Marks&observation.Null != 0 {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, w.Value, 'g', -1, 64)
}

// Marks names marks, with commas; null is told by the value.
func Marks(m observation.Marks) string {
	var names []string
	for _, n := range markNames {
		if m&n.mark != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ",")
}

// cell writes a field of CSV, RFC 4180.
func cell(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n;\t") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
	return append(dst, '"')
}

type senmlRecord struct {
	Name  string      `json:"n"`
	Unit  string      `json:"u,omitempty"`
	Time  json.Number `json:"t"`
	Value float64     `json:"v"`
	ID    string      `json:"id,omitempty"` // a label of our own, section 4.4
}

// senmlName tells whether a name may stand in a pack, RFC 8428 section 4.5.1.
func senmlName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && strings.IndexByte("-:./_", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

func (f *Format) senmlOf(w *connect.Written) (any, string) {
	name := w.Key
	if name == "" {
		name = w.Processor
	}
	switch {
	case w.Marks&observation.Null != 0:
		return nil, "SenML has no way to say that there is no value"
	case !senmlName(name):
		return nil, "its key, or else its processor, is no name of SenML"
	case w.Time < 1<<28*1000:
		return nil, "SenML takes a time before 1978 for one that is relative to now"
	}
	t := strconv.FormatInt(int64(w.Time/1000), 10)
	if ms := w.Time % 1000; ms != 0 {
		t += fmt.Sprintf(".%03d", ms)
	}
	r := senmlRecord{Name: name, Unit: f.end.Kind.Unit, Time: json.Number(t), Value: w.Value}
	if f.ids {
		r.ID = ID(w)
	}
	return r, ""
}

// text is a value as the FAR-EDGE data bus has it, which is text.
func text(w *connect.Written) *string {
	if w.Marks&observation.Null != 0 {
		return nil
	}
	s := string(value(nil, w))
	return &s
}

func (f *Format) dataSetOf(w *connect.Written) any {
	type observed struct {
		ID    string        `json:"id"`
		Name  string        `json:"name,omitempty"`
		Kind  string        `json:"dataKindReferenceID,omitempty"`
		Time  record.Millis `json:"timestamp"`
		Value *string       `json:"value"`
	}
	type set struct {
		ID     string        `json:"id"`
		Source string        `json:"dataSourceManifestReferenceID"`
		Time   record.Millis `json:"timestamp"`
		List   []observed    `json:"observation"`
	}
	id := ID(w)
	return set{id, f.end.ID, w.Time, []observed{{id, w.Key, f.end.Kind.ID, w.Time, text(w)}}}
}

func (f *Format) observationOf(w *connect.Written) any {
	return struct {
		ID        string        `json:"id"`
		Gateway   string        `json:"edgeGatewayReferenceID,omitempty"`
		Source    string        `json:"dataSourceManifestReferenceID"`
		Kind      string        `json:"dataKindReferenceID,omitempty"`
		Name      string        `json:"name,omitempty"`
		Acquired  record.Millis `json:"acquisitionTimestamp"`
		Collected record.Millis `json:"collectionTimestamp"`
		Value     *string       `json:"value"`
	}{ID(w), f.end.Gateway, f.end.ID, f.end.Kind.ID, w.Key, w.Time, w.Time, text(w)}
}
