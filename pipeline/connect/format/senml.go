package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// entry is a record of a SenML pack, RFC 8428 section 4; what it does not have is
// nil. Numbers stay text, so that times keep their milliseconds.
type entry map[string]any

// senml reads a pack. Base fields count from where they stand on, also when the
// values around them cannot be read.
func (f *Format) senml(body []byte) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		f.bad("the message is no pack of SenML", body)
		return
	}
	var base struct {
		name, unit  string
		time, value float64
	}
	for d.More() {
		if f.full() {
			return
		}
		at := d.InputOffset()
		var e entry
		if d.Decode(&e) != nil {
			f.bad("the pack is not readable from here on", body[at:])
			return
		}
		sample := bytes.TrimLeft(body[at:d.InputOffset()], ", \t\r\n")
		wrong := ""
		text := func(name string, to *string) bool {
			v, ok := e[name]
			if !ok {
				return false
			}
			s, is := v.(string)
			if !is {
				wrong = name + " is no text"
			}
			*to = s
			return is
		}
		num := func(name string, to *float64) bool {
			v, ok := e[name]
			if !ok {
				return false
			}
			n, is := v.(json.Number)
			x, err := n.Float64()
			if !is || err != nil {
				wrong = name + " is no number"
				return false
			}
			*to = x
			return true
		}
		// Section 4.4: what must be understood, and is not.
		for name := range e {
			if strings.HasSuffix(name, "_") {
				f.bad(fmt.Sprintf("the pack must not be read by who does not know %.40q", name), sample)
				return
			}
		}
		version := 10.0
		if num("bver", &version); version > 10 {
			f.bad("the pack is of a version that is not known", sample)
			return
		}
		text("bn", &base.name)
		text("bu", &base.unit)
		num("bt", &base.time)
		hasBase := num("bv", &base.value)
		name, unit, time, value := "", "", 0.0, 0.0
		hasName := text("n", &name)
		if !text("u", &unit) {
			unit = base.unit
		}
		num("t", &time)
		has := num("v", &value)
		value += base.value
		if b, ok := e["vb"]; ok && !has {
			truth, is := b.(bool)
			has = is
			if value = 0; truth {
				value = 1
			}
		}
		_, str := e["vs"]
		_, data := e["vd"]
		_, sum := e["s"]
		switch {
		case wrong != "":
		case has || hasBase && hasName:
		case str || data:
			wrong = "its value is text or data, not a number"
		case sum:
			wrong = "it has a sum and no value"
		case hasName || e["t"] != nil:
			wrong = "there is no value"
		default:
			continue // base fields alone
		}
		if wrong != "" {
			f.bad(wrong, sample)
			continue
		}
		p := connect.Piece{Key: f.intern([]byte(base.name + name)), Value: value}
		if time += base.time; time != 0 {
			// Section 4.5.3: what is below 2^28 is relative to now.
			if time < 1<<28 {
				time += float64(f.at) / 1000
			}
			ms := math.Floor(time*1000 + 1e-3)
			if !(ms > 0 && ms <= float64(record.MaxTime)) {
				f.bad(noTime, sample)
				continue
			}
			p.Time = record.Millis(ms)
		}
		var err error
		if p.Value, err = f.convert(p.Value, unit); err != nil {
			f.bad(err.Error(), sample)
			continue
		}
		f.add(p, sample)
	}
	if _, err := d.Token(); err != nil {
		f.bad("the pack has no end", nil)
	}
}

// convert gives a value in the kind's unit.
func (f *Format) convert(v float64, unit string) (float64, error) {
	want := f.end.Kind.Unit
	if unit == "" || want == "" || unit == want {
		return v, nil
	}
	to, ok := record.LookupUnit(want)
	if !ok {
		return 0, fmt.Errorf("its unit is %.40q, and that of its kind, %.40q, is not known", unit, want)
	}
	from, ok := to.Quantity.LookupUnit(unit)
	if !ok {
		return 0, fmt.Errorf("its unit %.40q does not measure what its kind does, in %.40q", unit, want)
	}
	return to.From(from.Coherent(v)), nil
}
