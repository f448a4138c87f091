package meters

import (
	"iter"
	"strings"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/record"
)

// errDirection is why a reading is not taken.
var errDirection = phrase.Errorf(phrase.SignContrary, nil, "its sign contradicts the meter's own counters or status: whether energy is drawn or fed in is not known")

// readings is the way from a telegram of the meter of that name to readings.
func readings(name string, t *meter.Telegram) bridge.Flow[bridge.Reading] {
	each := func(*bridge.Message) iter.Seq2[*meter.Reading, error] {
		return func(yield func(*meter.Reading, error) bool) {
			for i := range t.Readings {
				if !yield(&t.Readings[i], nil) {
					return
				}
			}
		}
	}
	return bridge.Map(bridge.FromEach(each).Filter(measured), func(m *bridge.Message, r *meter.Reading) (bridge.Reading, error) {
		return reading(name, r, m.At)
	})
}

// present is the last group of an OBIS code of what is so now; others are of billing periods before.
const present = 255

// measured tells whether it is a number of a quantity that records have, and of now.
func measured(r *meter.Reading) bool {
	_, known := r.Unit.Unit()
	return r.Kind == meter.Number && known && (r.Code.IsZero() || r.Code[5] == present) && point(r) != ""
}

// point names what a reading is of: by the groups C.D.E of its code, with A-B before them where they are
// not those of electricity without channels, as "0-1:24.2.1" of a gas meter.
func point(r *meter.Reading) string {
	if r.Code.IsZero() {
		return r.Point
	}
	text, _, _ := strings.Cut(r.Code.String(), "*")
	return strings.TrimPrefix(text, "1-0:")
}

func reading(name string, r *meter.Reading, at record.Millis) (bridge.Reading, error) {
	u, _ := r.Unit.Unit()
	out := bridge.Reading{
		Sensor: name + "." + point(r), Time: bridge.Arrival, Value: r.Value(), Unit: u.Code, Quantity: u.Quantity,
	}
	if r.Flags&meter.SignSuspect != 0 {
		v := out.Value
		return out, &bridge.Refusal{Reason: errDirection, Sensor: record.SensorID(out.Sensor), Time: at, Value: &v, Sample: []byte{}}
	}
	return out, nil
}
