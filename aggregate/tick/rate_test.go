package tick

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

func newOracle(partitions int) *oracle {
	o := &oracle{records: make(map[record.SensorID][]record.Record), known: make(map[evaluated]float64), plans: make(map[*model.Model]*Plans), parts: partitions, first: make(map[hearing]record.Millis), told: make(map[hearing]bool)}
	o.base = o
	rates := *o
	rates.known, rates.rates = make(map[evaluated]float64), &rates
	o.rates = &rates
	return o
}

// rateAt is what a counter rises by in an hour by the last two of its readings
// at or before t, each by first arrival.
func (o *oracle) rateAt(s *model.Sensor, t record.Millis) (float64, bool) {
	first := make(map[record.Millis]float64)
	var times []record.Millis
	for _, r := range o.records[s.ID] {
		if _, known := first[r.Time]; !known && r.Time <= t {
			first[r.Time] = r.Value
			times = append(times, r.Time)
		}
	}
	if _, known := o.valueAt(s, t); !known || len(times) < 2 {
		return 0, false
	}
	slices.Sort(times)
	a, b := times[len(times)-2], times[len(times)-1]
	if age := s.Age(); age >= 0 && int64(b-a) > age {
		return 0, false
	}
	for i, d := range s.Devices {
		if from := record.MillisOf(d.From); i > 0 && a < from && from <= b {
			return 0, false
		}
	}
	rise, hours := first[b]-first[a], float64(b-a)/3_600_000
	if c := s.Register; c != nil {
		if rise < -*c.Tolerance || (rise-*c.Tolerance)/hours > *c.MaxRate {
			return 0, false
		}
	} else if rise < 0 {
		return 0, false
	}
	v := rise * 3_600_000 / float64(b-a)
	return v, math.Abs(v) <= record.MaxValue
}

// heard tells whether any reading is known that a hierarchy's ticks depend on.
func (o *oracle) heard(m *model.Model, h model.HierarchyID, t record.Millis) bool {
	type thing struct {
		o  *oracle
		id record.SensorID
	}
	seen := make(map[thing]bool)
	var sensor func(o *oracle, id record.SensorID) bool
	var group func(o *oracle, id model.GroupID) bool
	sensor = func(o *oracle, id record.SensorID) bool {
		f, virtual := m.Formula(id)
		if s, _ := m.Sensor(id); seen[thing{o, id}] || o == o.rates && s.Kind != model.Counter {
			return false
		}
		seen[thing{o, id}] = true
		if !virtual {
			_, ok := o.value(m, id, t)
			return ok
		}
		for _, x := range f.Operands() {
			o := o
			if x.Rate {
				o = o.rates
			}
			if x.Group == "" {
				if sensor(o, x.Sensor) {
					return true
				}
				continue
			}
			g, _ := m.Group(model.GroupID(x.Group))
			metered := false
			for _, mem := range g.Members {
				if mem.Meter && x.Part != formula.Sum {
					if metered = true; sensor(o, mem.Sensor) {
						return true
					}
				}
			}
			if (x.Part == formula.Sum || x.Part == formula.Unaccounted || !metered) && group(o, g.ID) {
				return true
			}
		}
		return false
	}
	group = func(o *oracle, id model.GroupID) bool {
		g, _ := m.Group(id)
		for _, mem := range g.Members {
			if mem.Sensor != "" && sensor(o, mem.Sensor) || mem.Group != "" && group(o, mem.Group) {
				return true
			}
		}
		return false
	}
	any := false
	if x, ok := m.Hierarchy(h); ok {
		any = group(o, x.Root)
	}
	for id, home := range o.plansOf(m).home {
		any = any || home == h && sensor(o, id)
	}
	return any
}

// counters adds counters to a plant, one in a hierarchy of its own.
func (p *plant) counters() {
	var all []model.Member
	for i := range 2 + p.r.IntN(4) {
		s := model.Sensor{ID: record.SensorID([]string{"c0", "c1", "c2", "c3", "c4", "c5"}[i]), Quantity: record.Energy, Kind: model.Counter,
			Interval: model.Duration([]time.Duration{time.Second, 5 * time.Second, 20 * time.Second}[p.r.IntN(3)])}
		switch p.r.IntN(3) {
		case 0:
			s.Register = &model.Register{Tolerance: new(float64(1 + p.r.IntN(2000))), MaxRate: new(float64(1 + p.r.IntN(1e6)))}
		case 1:
			begun := time.UnixMilli(1_700_000_000_000).UTC()
			swap := begun.Add(time.Duration(p.r.IntN(60_000)) * time.Millisecond)
			s.Devices = []model.Device{{From: begun.AddDate(0, 0, -1), To: &swap}, {From: swap}}
		}
		p.doc.Sensors = slices.Insert(p.doc.Sensors, 1, s)
		all = append(all, model.Member{Sensor: s.ID, Sign: []int8{1, -1}[p.r.IntN(2)]})
	}
	n := len(all) / 2
	inner := model.Group{ID: "e1", Members: all[:n]}
	inner.Members[0].Meter = n > 1 && p.r.IntN(2) == 0
	outer := model.Group{ID: "e0", Members: append([]model.Member{{Group: "e1", Sign: []int8{1, -1}[p.r.IntN(2)]}}, all[n:]...)}
	p.doc.Groups = append(p.doc.Groups, outer, inner)
	p.doc.Hierarchies = append(p.doc.Hierarchies, model.Hierarchy{ID: "he", Root: "e0", Tick: model.Duration(time.Second)})
}

// TestRateIsNeverGuessed lists what the last two readings of a counter do not tell.
func TestRateIsNeverGuessed(t *testing.T) {
	r := rating{tolerance: 5, most: 1000, swaps: []record.Millis{100_000}}
	for _, c := range []struct {
		what         string
		before, last reading
		maxAge       int64
		want         float64 // NaN: not known
	}{
		{"one watt-hour in a minute", reading{0, 10}, reading{60_000, 11}, 60_000, 60},
		{"nothing", reading{0, 10}, reading{60_000, 10}, 60_000, 0},
		{"too far apart", reading{0, 10}, reading{60_001, 11}, 60_000, math.NaN()},
		{"one reading", reading{never, 0}, reading{60_000, 11}, math.MaxInt64, math.NaN()},
		{"a step back within the tolerance", reading{0, 10}, reading{60_000, 5}, 60_000, -300},
		{"a fall", reading{0, 10}, reading{60_000, 4.9}, 60_000, math.NaN()},
		{"as much as its fuse lets through", reading{0, 10}, reading{36_000, 25}, 60_000, 1500},
		{"more", reading{0, 10}, reading{36_000, 25.1}, 60_000, math.NaN()},
		{"over a swap", reading{60_000, 10}, reading{100_000, 11}, 60_000, math.NaN()},
		{"after it", reading{100_000, 10}, reading{160_000, 11}, 60_000, 60},
	} {
		v, known := r.rate(c.before, c.last, c.maxAge)
		if !known {
			v = math.NaN()
		}
		if !same(v, c.want) {
			t.Errorf("%s: %v, not %v", c.what, v, c.want)
		}
	}
}
