package plug

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/iec62056"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// A Dialect is how devices of a kind are asked, and what their answers mean.
type Dialect struct {
	path   string
	decode func(body []byte, t *meter.Telegram) error
	login  func(Login) way // how a password is shown
}

// The dialects.
var (
	TasmotaHTTP = Dialect{"/cm?cmnd=Status%2010", decodeTasmota, func(l Login) way { return &query{Login: l} }}
	Shelly      = Dialect{"/rpc/Shelly.GetStatus", decodeShelly, func(l Login) way { return &digest{Login: l} }} // the second generation and later
	Shelly1     = Dialect{"/status", decodeShelly1, func(l Login) way { return &basic{l} }}                      // the first
)

// add adds a reading of a number; what is no number, or has a unit that is not known, is none.
func add(t *meter.Telegram, point string, number json.RawMessage, unit string) {
	raw, scaler, ok := decimal(number)
	u, tens, known := obis.LookupUnit(unit)
	if !ok || !known {
		return
	}
	t.Readings = append(t.Readings, meter.Reading{Point: point, Raw: raw, Scaler: scaler + tens, Unit: u, Time: t.Time, Flags: meter.Unchecked})
}

// decimal reads a number of JSON with its digits: -12.50 is -1250 with scaler -2.
func decimal(number json.RawMessage) (raw meter.Int, scaler int8, ok bool) {
	text, power := bytes.TrimSpace(number), 0
	if i := bytes.IndexAny(text, "eE"); i > 0 {
		n, err := strconv.Atoi(string(text[i+1:]))
		if err != nil || n < -40 || n > 40 {
			return raw, 0, false
		}
		text, power = text[:i], n
	}
	raw, scaler, unit, ok := iec62056.Number(text)
	if !ok || unit != obis.NoUnit || scaler < -40 {
		return meter.Int{}, 0, false
	}
	return raw, scaler + int8(power), true
}

// decodeTasmota takes the answer to "Status 10".
func decodeTasmota(body []byte, t *meter.Telegram) error {
	var status struct {
		StatusSNS map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return fmt.Errorf("not an answer of Tasmota: %w", err)
	}
	for v := range Tasmota(status.StatusSNS) {
		m, ok := TasmotaKey(v.Key)
		if !ok {
			continue
		}
		point := v.Object + "." + v.Key
		if v.Index > 0 {
			point += "." + strconv.Itoa(v.Index)
		}
		add(t, point, v.Raw, m.Unit)
	}
	return nil
}

// decodeShelly takes the status of all components.
func decodeShelly(body []byte, t *meter.Telegram) error {
	var components map[string]json.RawMessage
	if err := json.Unmarshal(body, &components); err != nil {
		return fmt.Errorf("not an answer of Shelly: %w", err)
	}
	var sys struct {
		MAC      string `json:"mac"`
		UnixTime int64  `json:"unixtime"`
	}
	if json.Unmarshal(components["sys"], &sys) == nil {
		identify(t, sys.MAC, sys.UnixTime)
	}
	for _, name := range slices.Sorted(maps.Keys(components)) {
		keys := Flatten(components[name])
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if m, ok := ShellyKey(key); ok {
				add(t, name+"."+key, keys[key], m.Unit)
			}
		}
	}
	return nil
}

// identify says which device it is, and what its clock says; 0: it was never set.
func identify(t *meter.Telegram, mac string, at int64) {
	if len(mac) <= 32 {
		t.Meter = []byte(mac)
	}
	if at > 0 && at < 1<<40 {
		t.Time = meter.Time{Clock: meter.Wall, Seconds: at}
	}
}

// decodeShelly1 takes /status of the first generation: its meters count minutes of watts, its energy meters watt hours.
func decodeShelly1(body []byte, t *meter.Telegram) error {
	var status struct {
		MAC      string                       `json:"mac"`
		UnixTime int64                        `json:"unixtime"`
		Meters   []map[string]json.RawMessage `json:"meters"`
		EMeters  []map[string]json.RawMessage `json:"emeters"`
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return fmt.Errorf("not an answer of Shelly of the first generation: %w", err)
	}
	identify(t, status.MAC, status.UnixTime)
	valid := func(m map[string]json.RawMessage) bool { return string(m["is_valid"]) != "false" }
	for i, m := range status.Meters {
		if !valid(m) {
			continue
		}
		at := "meters." + strconv.Itoa(i) + "."
		add(t, at+"power", m["power"], "W")
		// 60 of them are a watt hour: thousandths are near enough, and never wrong by more than a half.
		if raw, scaler, ok := decimal(m["total"]); ok && scaler == 0 && raw.Sign() >= 0 && raw.Abs() < 1<<53 {
			t.Readings = append(t.Readings, meter.Reading{Point: at + "total", Raw: meter.Unsigned((raw.Abs()*1000 + 30) / 60), Scaler: -3, Unit: obis.WattHour, Time: t.Time, Flags: meter.Unchecked})
		}
	}
	for i, m := range status.EMeters {
		if !valid(m) {
			continue
		}
		at := "emeters." + strconv.Itoa(i) + "."
		for _, key := range []struct{ name, unit string }{{"power", "W"}, {"reactive", "var"}, {"voltage", "V"}, {"current", "A"}, {"total", "Wh"}, {"total_returned", "Wh"}} {
			add(t, at+key.name, m[key.name], key.unit)
		}
	}
	return nil
}

// errNothing is what an answer is without anything that was measured.
var errNothing = errors.New("the device says nothing of power or energy")
