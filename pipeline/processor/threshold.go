package processor

import (
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// watch is the state of one series.
type watch struct {
	on, waits bool          // waits: for its opposite
	due       record.Millis // when that comes
	marks     observation.Marks
}

type threshold struct {
	states[watch]
	table         *observation.Table
	limit, back   float64
	below         bool
	hold, release record.Millis
}

func (f *threshold) item(_ int, i observation.Item, out *Out) {
	w := f.of(i, out)
	if w == nil {
		return
	}
	f.turn(w, i.Series, i.Time, out)
	if i.Marks&observation.Null != 0 {
		w.waits = false // nobody knows whether it goes on
		return
	}
	v, limit, back := i.Value, f.limit, f.back
	if f.below {
		v, limit, back = -v, -limit, -back
	}
	change, after := v > limit, f.hold
	if w.on {
		change, after = v <= back, f.release
	}
	switch {
	case !change:
		w.waits = false
	case !w.waits:
		w.waits, w.due, w.marks = true, i.Time+after, i.Marks&kept
		if after == 0 {
			f.turn(w, i.Series, i.Time+1, out)
		}
	}
}

// turn changes the state when it was due before t.
func (f *threshold) turn(w *watch, n observation.Series, t record.Millis, out *Out) {
	if !w.waits || w.due >= t {
		return
	}
	w.on, w.waits = !w.on, false
	r := observation.Item{Series: n, Time: w.due, Marks: w.marks}
	if w.on {
		r.Value = 1
		r.Marks |= observation.Alarm
	}
	out.give(r)
}

func (f *threshold) until(t record.Millis, out *Out) record.Millis {
	for n := range f.each {
		f.turn(&f.each[n], f.series[n], t, out)
	}
	return t
}

func (f *threshold) shape() string { return "threshold" }

func (f *threshold) save(w *writer) {
	f.states.save(w, func(w *writer, s *watch) {
		w.flag(s.on)
		if w.flag(s.waits); s.waits {
			w.millis(s.due)
			w.uint(uint64(s.marks))
		}
	})
}

func (f *threshold) load(r *reader) {
	f.states.load(r, f.table, func(r *reader, s *watch) {
		s.on = r.flag()
		if s.waits = r.flag(); s.waits {
			s.due, s.marks = r.millis(), observation.Marks(r.UpTo(uint64(kept)))
			if s.due < record.MinTime || s.due > record.MaxTime+longest {
				r.Fail()
			}
		}
	})
}

var thresholdEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "threshold", Role: manifest.Analytics, MinInputs: 1,
		Summary: "Tells when a value goes beyond a limit, and when it is back.",
		Result:  "At each change an item: 1, marked Alarm, when the limit is exceeded; 0 when it is not any more.",
		Details: "At the beginning nothing is exceeded, which is not told. It is exceeded when the value is beyond the limit for as long as hold, and the time of the result is when that is so; of no further items it is taken that the value stays. It is over when the value is back at the limit or, by hysteresis, behind it for as long as release. A null item changes nothing, but hold and release begin anew. " + aboutOrder,
		Parameters: orderParameters(
			numeric("limit", manifest.Float, nil, -record.MaxValue, record.MaxValue, "", "The limit, in the unit of the items."),
			choices("direction", "above", "Beyond is above or below.", "above", "below"),
			numeric("hysteresis", manifest.Float, 0, 0, record.MaxValue, "", "How far the value must be back at least, in the unit of the items."),
			parameter("hold", manifest.Duration, "0s", "For how long the value must be beyond the limit."),
			parameter("release", manifest.Duration, "0s", "For how long it must be back."),
		),
		Example: "name: overload\ntype: threshold\nparameters: {limit: 3000, hysteresis: 100, hold: 30s}\nfrom: [PhoenixIB TotalRealPower]\nto: alarms\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := threshold{limit: g.number("limit"), below: g.choice("direction", "above", "below") == "below", hold: record.Millis(g.duration("hold", 0)), release: record.Millis(g.duration("release", 0))}
		back := g.within("hysteresis", 0, record.MaxValue)
		if f.below {
			back = -back
		}
		f.back = f.limit - back
		return g.inOrder(s, func(_ *clock, by *grouping) step { n := f; n.table = by.table; return &n })
	},
}
