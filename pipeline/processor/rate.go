package processor

import (
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

type rate struct {
	states[past]
	table   *observation.Table
	counter bool
	reset   string
	per     float64 // ms
	longest record.Millis
}

func (f *rate) item(_ int, i observation.Item, out *Out) {
	p := f.of(i, out)
	if p == nil {
		return
	}
	was := *p
	if was.any && i.Time == was.time {
		return // of several of one time the first stays
	}
	*p = pastOf(i)
	r := observation.Item{Series: i.Series, Time: i.Time, Marks: (was.marks | i.Marks) & (kept | observation.Null)}
	switch {
	case !was.any || i.Time-was.time > f.longest:
		return
	case r.Marks&observation.Null != 0:
		out.give(r)
		return
	}
	d := i.Value - was.value
	if f.counter && d < 0 {
		if f.reset == "skip" {
			r.Marks |= observation.Null
			out.give(r)
			return
		}
		d = i.Value
		r.Marks |= observation.Estimated
	}
	r.Value = d * (f.per / float64(i.Time-was.time))
	out.give(r)
}

func (f *rate) until(t record.Millis, _ *Out) record.Millis { return t }

func (f *rate) shape() string { return "rate" }

func (f *rate) save(w *writer) { f.states.save(w, savePast) }

func (f *rate) load(r *reader) { f.states.load(r, f.table, loadPast) }

var rateEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "rate", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Tells how fast a counter or a gauge changes.",
		Result:  "The change since the item before, per second, minute, hour or day; in the unit of the items by that. It has the time of the later item.",
		Details: "Of a counter in Wh, per hour, it is the mean power in W. A counter that goes back was reset: the result is null, or counted from zero and marked Estimated. A null item has no rate, nor has the one behind it. " + aboutOrder,
		Parameters: orderParameters(
			choices("of", "counter", "What the items are: a counter, which only goes up, or a gauge.", "counter", "gauge"),
			choices("per", "h", "For which time the change is told.", "s", "min", "h", "d"),
			choices("reset", "skip", "What comes of a counter that goes back: skip – null; zero – what it has counted since it was at zero.", "skip", "zero"),
			parameter("longest", manifest.Duration, "1h", "Of items that are further apart there is no rate."),
		),
		Example: "name: power\ntype: rate\nparameters: {of: counter, per: h}\nfrom: [PhoenixIB TotalRealEnergy]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := rate{
			counter: g.choice("of", "counter", "gauge") == "counter", reset: g.choice("reset", "skip", "zero"), longest: record.Millis(g.duration("longest", 1)),
			per: map[string]float64{"s": 1e3, "min": 60e3, "h": 3600e3, "d": 86400e3}[g.choice("per", "s", "min", "h", "d")],
		}
		return g.inOrder(s, func(_ *clock, by *grouping) step { n := f; n.table = by.table; return &n })
	},
}
