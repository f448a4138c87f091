package processor

import (
	"math"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

type deadband struct {
	states[past] // that was handed on
	table        *observation.Table
	absolute     float64
	share        float64
	longest      record.Millis
}

func (f *deadband) item(_ int, i observation.Item, out *Out) {
	p := f.of(i, out)
	if p == nil {
		return
	}
	null := i.Marks&observation.Null != 0
	if p.any && null == p.null() && (f.longest == 0 || i.Time-p.time < f.longest) &&
		(null || math.Abs(i.Value-p.value) <= max(f.absolute, f.share*math.Abs(p.value))) {
		return
	}
	*p = pastOf(i)
	out.give(i)
}

func (f *deadband) until(t record.Millis, _ *Out) record.Millis { return t }

func (f *deadband) shape() string { return "deadband" }

func (f *deadband) save(w *writer) { f.states.save(w, savePast) }

func (f *deadband) load(r *reader) { f.states.load(r, f.table, loadPast) }

var deadbandEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "deadband", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Hands on an item when it differs enough from the last one that was.",
		Result:  "The items that are kept, unchanged.",
		Details: "An item is kept when it differs by more than absolute, and by more than percent of the last one kept, when there was none for longest, and when a value becomes null or is one again. " + aboutOrder,
		Parameters: orderParameters(
			numeric("absolute", manifest.Float, 0, 0, record.MaxValue, "", "By how much, in the unit of the items."),
			numeric("percent", manifest.Float, 0, 0, 1e6, "%", "By how much of the last one kept."),
			parameter("longest", manifest.Duration, "0s", "After how long an item is kept however little it differs; 0s: never."),
		),
		Example: "name: changes\ntype: deadband\nparameters: {absolute: 0.5, percent: 1, longest: 15m}\nfrom: [temperature]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := deadband{absolute: g.within("absolute", 0, record.MaxValue), share: g.within("percent", 0, 1e6) / 100, longest: record.Millis(g.duration("longest", 0))}
		return g.inOrder(s, func(_ *clock, by *grouping) step { n := f; n.table = by.table; return &n })
	},
}

// swing is what is known of a series between two points that are kept.
type swing struct {
	from, last past    // the last point kept, and the last item
	low, high  float64 // slopes per ms of the lines from it that miss no item by more than allowed
}

type swingingDoor struct {
	states[swing]
	table   *observation.Table
	off     float64
	longest record.Millis
	clock   *clock
}

func (f *swingingDoor) item(_ int, i observation.Item, out *Out) {
	p := f.of(i, out)
	if p == nil || p.last.any && i.Time == p.last.time {
		return
	}
	null := i.Marks&observation.Null != 0
	switch {
	case !p.from.any || null || p.from.null():
		if null && p.from.any && p.from.null() {
			p.last = pastOf(i)
			return
		}
		f.flush(p, i.Series, out)
		out.give(i)
		*p = swing{from: pastOf(i), last: pastOf(i), low: math.Inf(-1), high: math.Inf(1)}
		return
	case f.longest > 0 && i.Time-p.from.time > f.longest && p.last.time > p.from.time:
		f.flush(p, i.Series, out)
	}
	d := float64(i.Time - p.from.time)
	low, high := max(p.low, (i.Value-f.off-p.from.value)/d), min(p.high, (i.Value+f.off-p.from.value)/d)
	slope := (i.Value - p.from.value) / d
	if p.last.time > p.from.time && (slope < p.low || slope > p.high) {
		f.flush(p, i.Series, out)
		d = float64(i.Time - p.from.time)
		low, high = (i.Value-f.off-p.from.value)/d, (i.Value+f.off-p.from.value)/d
	}
	p.low, p.high, p.last = low, high, pastOf(i)
}

// flush keeps the last item, and begins anew from it.
func (f *swingingDoor) flush(p *swing, n observation.Series, out *Out) {
	if p.last.any && p.last.time > p.from.time {
		if !p.last.null() {
			out.give(observation.Item{Series: n, Time: p.last.time, Value: p.last.value, Marks: p.last.marks})
		}
		*p = swing{from: p.last, last: p.last, low: math.Inf(-1), high: math.Inf(1)}
	}
}

func (f *swingingDoor) until(t record.Millis, out *Out) record.Millis {
	first := t
	for n := range f.each {
		p := &f.each[n]
		if f.clock.ended() {
			f.flush(p, f.series[n], out)
		} else if p.last.any && p.last.time > p.from.time && !p.last.null() {
			first = min(first, p.last.time)
		}
	}
	return first
}

func (f *swingingDoor) shape() string { return "swinging-door" }

func (f *swingingDoor) save(w *writer) {
	f.states.save(w, func(w *writer, p *swing) {
		savePast(w, &p.from)
		savePast(w, &p.last)
		w.uint(math.Float64bits(p.low))
		w.uint(math.Float64bits(p.high))
	})
}

func (f *swingingDoor) load(r *reader) {
	f.states.load(r, f.table, func(r *reader, p *swing) {
		loadPast(r, &p.from)
		loadPast(r, &p.last)
		p.low, p.high = math.Float64frombits(r.Uint()), math.Float64frombits(r.Uint())
		if p.low != p.low || p.high != p.high || p.last.any && p.last.time < p.from.time || p.last.any && !p.from.any {
			r.Fail()
		}
	})
}

var swingingDoorEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "swinging-door", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Keeps the items between which straight lines miss none by more than is allowed.",
		Result:  "The items that are kept, unchanged. An item is handed on when one behind it shows that it must be.",
		Details: "It is compression by a swinging door: the line between two items that are kept misses none between them by more than the deviation. The last item is kept when everything ends. " + aboutOrder,
		Parameters: orderParameters(
			numeric("deviation", manifest.Float, nil, 0, record.MaxValue, "", "By how much lines may miss items, in the unit of the items."),
			parameter("longest", manifest.Duration, "1h", "How far items that are kept are apart at most; 0s: without end."),
		),
		Example: "name: compressed\ntype: swinging-door\nparameters: {deviation: 5, longest: 15m}\nfrom: [power]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := swingingDoor{off: g.within("deviation", 0, record.MaxValue), longest: record.Millis(g.duration("longest", 0))}
		return g.inOrder(s, func(c *clock, by *grouping) step { n := f; n.table, n.clock = by.table, c; return &n })
	},
}
