package mqtt

import (
	"bytes"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/clock"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/meter/plug"
	"github.com/wattwerk/wattwerk/record"
)

// clockSet is the least time that a device with a clock can mean: those whose
// clock was never set count from 1970 or 2000. 2001-09-09.
const clockSet record.Millis = 1e12

// set gives the time, or that of arrival where the device's clock is not set.
func set(at record.Millis) record.Millis {
	if at < clockSet {
		return bridge.Arrival
	}
	return at
}

// base names what a message is about.
func base(sensor bridge.Template, m *bridge.Message) (string, error) {
	return sensor.Expand(func(name string) (string, bool) {
		v := bridge.TopicLevel(m.Topic, name)
		return v, v != ""
	})
}

// number takes messages that are one number.
func number(sensor bridge.Template, unit string, quantity record.Quantity) bridge.Flow[bridge.Reading] {
	return bridge.From(func(m *bridge.Message) (bridge.Reading, error) {
		r := bridge.Reading{Time: bridge.Arrival, Unit: unit, Quantity: quantity, Part: m.Body}
		text := string(bytes.TrimSpace(m.Body[:min(len(m.Body), 100)]))
		var err error
		if r.Value, err = strconv.ParseFloat(text, 64); err != nil {
			return r, phrase.Errorf(phrase.NotANumber, phrase.Params{"text": text}, "the message is not a number but %.60q", text)
		}
		r.Sensor, err = base(sensor, m)
		return r, err
	})
}

// measured is one value a device stated, before it is known whether it is kept.
type measured struct {
	object, key string // "ENERGY", "Power"
	index       int    // of a channel, from 1; 0: the only one
	value       json.RawMessage
	sensor      string
	at          record.Millis
}

// tasmota takes the tele/…/SENSOR messages of Tasmota: power and energy of
// every object; other keys are filtered. Objects other than ENERGY become part
// of the identifier, channels are numbered from 1.
func tasmota(sensor bridge.Template, times clock.Parser) bridge.Flow[bridge.Reading] {
	all := bridge.FromEach(func(m *bridge.Message) iter.Seq2[measured, error] {
		return func(yield func(measured, error) bool) {
			name, err := base(sensor, m)
			var objects map[string]json.RawMessage
			if err == nil {
				if err = json.Unmarshal(m.Body, &objects); err != nil {
					err = phrase.Errorf(phrase.MessageForeign, phrase.Params{"of": "Tasmota", "error": err.Error()}, "not a message of Tasmota: %w", err)
				}
			}
			at := bridge.Arrival
			var text string
			if raw, ok := objects["Time"]; ok && err == nil && json.Unmarshal(raw, &text) == nil {
				if at, err = times.Parse(text); err == nil {
					at = set(at)
				}
			}
			if err != nil {
				yield(measured{}, err)
				return
			}
			for v := range plug.Tasmota(objects) {
				if !yield(measured{v.Object, v.Key, v.Index, v.Raw, name, at}, nil) {
					return
				}
			}
		}
	})
	return bridge.Map(all.Filter(measured.isTasmota), func(_ *bridge.Message, v measured) (bridge.Reading, error) {
		name := v.sensor
		if v.object != "ENERGY" {
			name += "." + v.object
		}
		is, _ := plug.TasmotaKey(v.key)
		return v.reading(name, is)
	})
}

func (v measured) isTasmota() bool {
	_, ok := plug.TasmotaKey(v.key)
	return ok
}

func (v measured) reading(name string, is plug.Meaning) (bridge.Reading, error) {
	if name += is.Suffix; v.index > 0 {
		name += "." + strconv.Itoa(v.index)
	}
	r := bridge.Reading{Sensor: name, Time: v.at, Unit: is.Unit, Quantity: is.Quantity, Part: v.value}
	if err := json.Unmarshal(v.value, &r.Value); err != nil || string(v.value) == "null" {
		ref := bridge.Refuse(v.value, "%w", phrase.Errorf(phrase.NotANumber, phrase.Params{"text": string(v.value)}, "%s of %s is not a number", v.key, v.object))
		ref.Sensor = record.SensorID(name)
		return r, ref
	}
	return r, nil
}

// shelly takes what Shelly devices of the second generation and later notify
// on <id>/events/rpc: power and energy of every component; the rest is
// filtered. A message states only what changed: what it leaves out of a
// component is still as stated before, and is a reading of that time too.
func shelly(sensor bridge.Template) bridge.Flow[bridge.Reading] {
	states := &overlay{of: make(map[string]*state)}
	all := bridge.FromEach(func(m *bridge.Message) iter.Seq2[measured, error] {
		return func(yield func(measured, error) bool) {
			name, err := base(sensor, m)
			var note struct {
				Method string                     `json:"method"`
				Params map[string]json.RawMessage `json:"params"`
			}
			if err == nil {
				if err = json.Unmarshal(m.Body, &note); err != nil {
					err = phrase.Errorf(phrase.MessageForeign, phrase.Params{"of": "Shelly", "error": err.Error()}, "not a message of Shelly: %w", err)
				}
			}
			var ts *float64
			if raw, ok := note.Params["ts"]; ok && err == nil && json.Unmarshal(raw, &ts) != nil {
				err = phrase.Errorf(phrase.TimeUnreadable, phrase.Params{"text": string(raw)}, "the time of the message (params.ts) is not a number")
			}
			if err != nil {
				yield(measured{}, err)
				return
			}
			at := bridge.Arrival
			if ts != nil && *ts > 0 && *ts < 1e12 {
				at = set(record.Millis(*ts*1000 + 0.5))
			}
			if note.Method != "NotifyStatus" && note.Method != "NotifyFullStatus" {
				yield(measured{object: note.Method}, nil) // an event, which no key means
				return
			}
			for _, component := range slices.Sorted(maps.Keys(note.Params)) {
				keys := plug.Flatten(note.Params[component])
				object := strings.Replace(component, "data:", ":", 1)
				if len(keys) > 0 {
					states.apply(m, name+"/"+component, at, keys)
				}
				for _, key := range slices.Sorted(maps.Keys(keys)) {
					if !yield(measured{object, key, 0, keys[key], name, at}, nil) {
						return
					}
				}
			}
		}
	})
	return bridge.Map(all.Filter(measured.isShelly), func(_ *bridge.Message, v measured) (bridge.Reading, error) {
		is, _ := plug.ShellyKey(v.key)
		return v.reading(v.sensor+"."+v.object, is)
	})
}

func (v measured) isShelly() bool {
	_, ok := plug.ShellyKey(v.key)
	return ok && string(v.value) != "null" // null: the device does not know at the moment
}

// maxStates is how many components are remembered; more are taken as they come.
const maxStates = 10_000

// overlay remembers the last state of components.
type overlay struct {
	mu sync.Mutex
	of map[string]*state
}

type state struct {
	at   record.Millis
	keys map[string]json.RawMessage
}

// apply remembers the keys that mean something and adds those that the message
// left out. A message older than the state neither gets nor changes it, so that
// a message that comes twice says the same twice.
func (o *overlay) apply(m *bridge.Message, component string, at record.Millis, keys map[string]json.RawMessage) {
	if at == bridge.Arrival {
		at = m.At
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.of[component]
	if s == nil {
		if len(o.of) >= maxStates {
			return
		}
		s = &state{keys: make(map[string]json.RawMessage)}
		o.of[component] = s
	}
	if at < s.at {
		return
	}
	s.at = at
	for k, v := range keys {
		if _, ok := plug.ShellyKey(k); ok {
			s.keys[k] = bytes.Clone(v)
		}
	}
	for k, v := range s.keys {
		keys[k] = v
	}
}
