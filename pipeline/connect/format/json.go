package format

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// json reads documents of JSON, one after the other, and lists value by value, so
// that what is broken at the end costs nothing of what stands before.
func (f *Format) json(body []byte) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	broken := func(at int64) { f.bad("the message is not JSON from here on", body[min(at, int64(len(body))):]) }
	for {
		at := d.InputOffset()
		rest := bytes.TrimLeft(body[at:], " \t\r\n")
		if len(rest) == 0 || f.full() {
			return
		}
		if rest[0] != '[' || f.items != nil {
			var v any
			if d.Decode(&v) != nil {
				broken(at)
				return
			}
			f.document(v, rest[:int(d.InputOffset()-at)-(len(body[at:])-len(rest))])
			continue
		}
		if _, err := d.Token(); err != nil {
			broken(at)
			return
		}
		for d.More() {
			if f.full() {
				return
			}
			at := d.InputOffset()
			var v any
			if d.Decode(&v) != nil {
				broken(at)
				return
			}
			f.document(v, bytes.TrimLeft(body[at:d.InputOffset()], ", \t\r\n"))
		}
		at = d.InputOffset()
		if _, err := d.Token(); err != nil {
			broken(at)
			return
		}
	}
}

// document reads one value of JSON by the format.
func (f *Format) document(v any, sample []byte) {
	switch f.name {
	case DataSet:
		f.dataSet(v, sample)
		return
	case Observation:
		f.observation(v, sample)
		return
	}
	if f.items == nil {
		f.item(v, sample)
		return
	}
	list, ok := walk(v, f.items)
	if !ok {
		f.bad("there is no list of values where items says", sample)
		return
	}
	all, ok := list.([]any)
	if !ok {
		f.item(list, sample)
		return
	}
	for _, v := range all {
		if f.full() {
			return
		}
		f.item(v, sample)
	}
}

// item reads one piece.
func (f *Format) item(v any, sample []byte) {
	p := connect.Piece{Key: f.deliveredKey}
	reason := ""
	switch v.(type) {
	case map[string]any, []any:
		raw, ok := f.value.in(v)
		if !ok {
			f.bad("there is no value", sample)
			return
		}
		if p.Value, p.Marks, reason = scalar(raw); reason != "" {
			f.bad(reason, sample)
			return
		}
		if raw, ok := f.time.in(v); ok {
			if p.Time, ok = f.when(raw); !ok {
				f.bad(noTime, sample)
				return
			}
		}
		if raw, ok := f.key.in(v); ok {
			if p.Key, ok = f.named(raw); !ok {
				f.bad("its key is no text", sample)
				return
			}
		}
		if m, ok := v.(map[string]any); ok {
			if text, ok := m["marks"].(string); ok {
				p.Marks |= marksOf([]byte(text))
			}
		}
	default:
		if p.Value, p.Marks, reason = scalar(v); reason != "" {
			f.bad(reason, sample)
			return
		}
	}
	f.add(p, sample)
}

// in finds a thing in a value of JSON.
func (w *where) in(v any) (any, bool) {
	if w.path != nil {
		return walk(v, w.path)
	}
	if m, ok := v.(map[string]any); ok {
		for _, n := range w.names {
			if v, ok := m[n]; ok {
				return v, true
			}
		}
	}
	return nil, false
}

// walk follows a path through objects and arrays.
func walk(v any, path []string) (any, bool) {
	for _, p := range path {
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[p]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// scalar reads a value.
func scalar(v any) (float64, observation.Marks, string) {
	switch v := v.(type) {
	case nil:
		return 0, observation.Null, ""
	case bool:
		if v {
			return 1, 0, ""
		}
		return 0, 0, ""
	case json.Number:
		return number(string(v))
	case string:
		return number(v)
	}
	return 0, 0, "the value is not a number"
}

// when reads a time; null is none.
func (f *Format) when(v any) (record.Millis, bool) {
	switch v := v.(type) {
	case nil:
		return 0, true
	case json.Number:
		return f.clock.ofNumber(string(v))
	case string:
		return f.clock.ofText(v)
	}
	return 0, false
}

// named reads a key; null is none.
func (f *Format) named(v any) (observation.Key, bool) {
	switch v := v.(type) {
	case nil:
		return f.deliveredKey, true
	case json.Number:
		return f.intern([]byte(v)), true
	case string:
		return f.intern([]byte(v)), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// dataSet reads format A of the FAR-EDGE data bus and the paper's live data set.
// The name of an observation, where it has one, is its key.
func (f *Format) dataSet(v any, sample []byte) {
	set, ok := v.(map[string]any)
	if !ok {
		f.bad("it is no data set", sample)
		return
	}
	// The paper's tables have lists with one more level, too.
	list, ok := set["observation"].([]any)
	if !ok {
		if inner, is := set["observations"].(map[string]any); is {
			list, ok = inner["observation"].([]any)
		}
	}
	if !ok {
		f.bad("the data set has no list of observations", sample)
		return
	}
	for _, v := range list {
		if f.full() {
			return
		}
		o, ok := v.(map[string]any)
		if !ok {
			f.bad("it is no observation", sample)
			continue
		}
		time, ok := o["timestamp"]
		if !ok || time == nil {
			time = set["timestamp"]
		}
		f.observed(o, time, o["name"], sample)
	}
}

// observation reads format B of the FAR-EDGE data bus.
func (f *Format) observation(v any, sample []byte) {
	o, ok := v.(map[string]any)
	if !ok {
		f.bad("it is no observation", sample)
		return
	}
	time := o["acquisitionTimestamp"]
	for _, other := range []string{"collectionTimestamp", "timestamp"} {
		if time == nil {
			time = o[other]
		}
	}
	f.observed(o, time, o["name"], sample)
}

func (f *Format) observed(o map[string]any, time, key any, sample []byte) {
	raw, ok := o["value"]
	if !ok {
		f.bad("there is no value", sample)
		return
	}
	p := connect.Piece{}
	reason := ""
	if p.Value, p.Marks, reason = scalar(raw); reason != "" {
		f.bad(reason, sample)
		return
	}
	if p.Time, ok = f.when(time); !ok {
		f.bad(noTime, sample)
		return
	}
	if p.Key, ok = f.named(key); !ok {
		f.bad("its key is no text", sample)
		return
	}
	f.add(p, sample)
}
