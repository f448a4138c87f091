package live

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/wattwerk/wattwerk/record"
)

// Aggregates is the data of an event "aggregates": one tick of one hierarchy,
// in columns with one entry per group.
type Aggregates struct {
	Hierarchy   string        `json:"hierarchy"`
	Revision    uint64        `json:"revision" doc:"The model revision the groups were formed by"`
	T           record.Millis `json:"t" doc:"The tick, ms since 1970 UTC"`
	Groups      int           `json:"groups" doc:"How many groups the hierarchy has; more than the columns have when the event was limited"`
	Group       []string      `json:"group"`
	Sum         []*float64    `json:"sum" doc:"Sum of the members; null when none has a value"`
	Min         []*float64    `json:"min"`
	Max         []*float64    `json:"max"`
	Count       []uint32      `json:"count" doc:"Members with a value"`
	Total       []uint32      `json:"total" doc:"Members known; coverage is count/total"`
	Meter       []*float64    `json:"meter" doc:"The group's own meter; null without one"`
	Unaccounted []*float64    `json:"unaccounted" doc:"Meter less sum; null unless the meter has a value, and every member that was ever heard"`
}

// Records is the data of an event "records": what the asked sensors measured,
// in columns with one entry per record, and the values of virtual ones.
type Records struct {
	Sensor []record.SensorID `json:"sensor"`
	T      []record.Millis   `json:"t" doc:"Ms since 1970 UTC"`
	Value  []*float64        `json:"value" doc:"Null: the value of a virtual sensor is not known"`
}

// encode writes [Aggregates] of the groups at the given places; nil takes the
// first n. It is written by hand because it runs every second for every client.
func (t *tick) encode(at []int, n int) []byte {
	l := t.layout
	n = min(n, len(l.groups))
	if at != nil {
		n = len(at)
	}
	place := func(i int) int {
		if at != nil {
			return at[i]
		}
		return i
	}
	dst := []byte(`{"hierarchy":`)
	dst = appendText(dst, l.hierarchy)
	dst = append(dst, `,"revision":`...)
	dst = strconv.AppendUint(dst, l.revision, 10)
	dst = append(dst, `,"t":`...)
	dst = strconv.AppendInt(dst, int64(t.Time), 10)
	dst = append(dst, `,"groups":`...)
	dst = strconv.AppendInt(dst, int64(len(l.groups)), 10)
	column := func(name string, one func([]byte, int) []byte) {
		dst = append(append(append(dst, ',', '"'), name...), `":[`...)
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = one(dst, place(i))
		}
		dst = append(dst, ']')
	}
	column("group", func(b []byte, i int) []byte { return appendText(b, l.groups[i]) })
	for _, c := range []struct {
		name string
		of   []float64
	}{{"sum", t.Sum}, {"min", t.Min}, {"max", t.Max}} {
		column(c.name, func(b []byte, i int) []byte { return appendNumber(b, c.of[i]) })
	}
	column("count", func(b []byte, i int) []byte { return strconv.AppendUint(b, uint64(t.Count[i]), 10) })
	column("total", func(b []byte, i int) []byte { return strconv.AppendUint(b, uint64(t.Total[i]), 10) })
	column("meter", func(b []byte, i int) []byte { return appendNumber(b, t.Meter[i]) })
	column("unaccounted", func(b []byte, i int) []byte { return appendNumber(b, t.Unaccounted[i]) })
	return append(dst, '}')
}

// wanted gives the event data for a client; nil when it has no such group.
func (t *tick) wanted(c *client) []byte {
	if len(c.groups) == 0 {
		if c.limit != DefaultGroups {
			return t.encode(nil, c.limit)
		}
		t.once.Do(func() { t.json = t.encode(nil, DefaultGroups) })
		return t.json
	}
	at := make([]int, 0, len(c.groups))
	for _, g := range c.groups {
		if i, ok := t.layout.index(g); ok {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return nil
	}
	return t.encode(at, 0)
}

func appendText(dst []byte, s string) []byte {
	raw, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...) // a string always can be
	}
	return append(dst, raw...)
}

// appendNumber writes what is not a number as null.
func appendNumber(dst []byte, v float64) []byte {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return append(dst, "null"...)
	case a != 0 && (a < 1e-6 || a >= 1e21):
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	default:
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
}
