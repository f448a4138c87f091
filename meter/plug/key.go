package plug

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"

	"github.com/wattwerk/wattwerk/record"
)

// Meaning says what a key of a device's message stands for.
type Meaning struct {
	Suffix   string // of the identifier of a sensor: ".power"
	Unit     string // "kWh"
	Quantity record.Quantity
}

// tasmotaKeys are those of Tasmota's energy drivers and of the usual scripts for
// the optical interface of meters. Voltages and the like are left out.
var tasmotaKeys = map[string]Meaning{
	"Power":      {".power", "W", record.ActivePower},
	"Total":      {".energy", "kWh", record.Energy},
	"Power_curr": {".power", "W", record.ActivePower},
	"Total_in":   {".energy", "kWh", record.Energy},
	"Total_out":  {".export", "kWh", record.Energy},
}

// TasmotaKey says what a key of an object of Tasmota means, if it is known.
func TasmotaKey(key string) (Meaning, bool) {
	m, ok := tasmotaKeys[key]
	return m, ok
}

// shellyKeys are those of the components of Shelly's second generation and
// later; nested keys are joined by a dot.
var shellyKeys = func() map[string]Meaning {
	keys := map[string]Meaning{
		"apower": {".power", "W", record.ActivePower}, "aenergy.total": {".energy", "Wh", record.Energy}, "ret_aenergy.total": {".export", "Wh", record.Energy},
		"act_power": {".power", "W", record.ActivePower}, "total_act_power": {".power", "W", record.ActivePower},
		"total_act_energy": {".energy", "Wh", record.Energy}, "total_act_ret_energy": {".export", "Wh", record.Energy},
		"total_act": {".energy", "Wh", record.Energy}, "total_act_ret": {".export", "Wh", record.Energy},
	}
	for _, phase := range []string{"a", "b", "c"} {
		keys[phase+"_act_power"] = Meaning{"." + phase + ".power", "W", record.ActivePower}
		keys[phase+"_total_act_energy"] = Meaning{"." + phase + ".energy", "Wh", record.Energy}
		keys[phase+"_total_act_ret_energy"] = Meaning{"." + phase + ".export", "Wh", record.Energy}
	}
	return keys
}()

// ShellyKey says what a key of a component of Shelly means, if it is known.
func ShellyKey(key string) (Meaning, bool) {
	m, ok := shellyKeys[key]
	return m, ok
}

// Value is one that a device stated.
type Value struct {
	Object, Key string // "ENERGY", "Power"
	Index       int    // of a channel, from 1; 0: the only one
	Raw         json.RawMessage
}

// Tasmota gives all values of the objects of a message, in order. Channels, which are lists, are numbered from 1.
func Tasmota(objects map[string]json.RawMessage) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for _, object := range slices.Sorted(maps.Keys(objects)) {
			var keys map[string]json.RawMessage
			if json.Unmarshal(objects[object], &keys) != nil {
				continue // "Time", "TempUnit": not an object
			}
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				var channels []json.RawMessage
				if json.Unmarshal(keys[key], &channels) != nil {
					if !yield(Value{object, key, 0, keys[key]}) {
						return
					}
					continue
				}
				for i, c := range channels {
					if !yield(Value{object, key, i + 1, c}) {
						return
					}
				}
			}
		}
	}
}

// Flatten joins the keys of a component of Shelly and of the objects in it by dots. Anything else
// has no keys.
func Flatten(component json.RawMessage) map[string]json.RawMessage {
	into := map[string]json.RawMessage{}
	flatten("", component, into)
	return into
}

func flatten(prefix string, raw json.RawMessage, into map[string]json.RawMessage) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(raw, &keys) != nil {
		return
	}
	for k, v := range keys {
		if prefix == "" && len(v) > 0 && v[0] == '{' {
			flatten(k+".", v, into)
			continue
		}
		into[prefix+k] = v
	}
}
