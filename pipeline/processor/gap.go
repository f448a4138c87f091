package processor

import (
	"fmt"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// maxMade is how many items one gap is filled with at most.
const maxMade = 10_000

// past is the last item of a series.
type past struct {
	any   bool
	time  record.Millis
	value float64
	marks observation.Marks
}

func pastOf(i observation.Item) past {
	return past{true, i.Time, i.Value, i.Marks & (kept | observation.Null)}
}

func (p *past) null() bool { return p.marks&observation.Null != 0 }

func savePast(w *writer, p *past) {
	if w.flag(p.any); p.any {
		w.millis(p.time)
		w.float(p.value)
		w.uint(uint64(p.marks))
	}
}

func loadPast(r *reader, p *past) {
	if p.any = r.flag(); p.any {
		p.time, p.value, p.marks = r.time(), r.float(), observation.Marks(r.UpTo(uint64(kept|observation.Null)))
	}
}

// between is the value of a time on the line between two items. Where they are
// equal it is theirs.
func between(a past, b observation.Item, t record.Millis) float64 {
	if a.value == b.Value {
		return a.value
	}
	return a.value + (b.Value-a.value)*(float64(t-a.time)/float64(b.Time-a.time))
}

type gapFill struct {
	states[past]
	table             *observation.Table
	interval, longest record.Millis
	method            string
}

func (f *gapFill) item(_ int, i observation.Item, out *Out) {
	p := f.of(i, out)
	if p == nil {
		return
	}
	// What is at most half an interval early is not missing.
	if d := i.Time - p.time; p.any && d > f.interval+f.interval/2 && d <= f.longest {
		for t := p.time + f.interval; t+f.interval/2 < i.Time; t += f.interval {
			out.give(f.made(*p, i, t))
		}
	}
	*p = pastOf(i)
	out.give(i)
}

func (f *gapFill) made(p past, i observation.Item, t record.Millis) observation.Item {
	m := observation.Item{Series: i.Series, Time: t, Marks: observation.Estimated | (p.marks|i.Marks)&observation.Suspect}
	switch {
	case f.method == "null" || f.method == "last" && p.null() || f.method == "linear" && (p.marks|i.Marks)&observation.Null != 0:
		m.Marks |= observation.Null
	case f.method == "last":
		m.Value = p.value
	case f.method == "linear":
		m.Value = between(p, i, t)
	}
	return m
}

func (f *gapFill) until(t record.Millis, _ *Out) record.Millis {
	first := t
	for n := range f.each {
		if p := &f.each[n]; p.any && t-p.time <= f.longest {
			first = min(first, p.time+f.interval)
		}
	}
	return first
}

func (f *gapFill) shape() string { return "gap-fill" }

func (f *gapFill) save(w *writer) { f.states.save(w, savePast) }

func (f *gapFill) load(r *reader) { f.states.load(r, f.table, loadPast) }

var gapFillEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "gap-fill", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Fills gaps with items that are marked as estimated.",
		Result:  "The items, and between them those that were made, an interval apart, marked Estimated.",
		Details: fmt.Sprintf("A gap is more than one and a half intervals without an item. It is filled when it has ended; what lasts longer than longest is not, and at most %d items are made of one. ", maxMade) + aboutOrder,
		Parameters: orderParameters(
			parameter("interval", manifest.Duration, nil, "How far items are apart as a rule."),
			choices("method", "last", "What is made: last – the value before the gap; linear – on the line between those before and behind it; zero – 0; null – items without a value.", "last", "linear", "zero", "null"),
			parameter("longest", manifest.Duration, "1h", "The longest gap that is filled."),
		),
		Example: "name: without gaps\ntype: gap-fill\nparameters: {interval: 10s, method: linear, longest: 5m}\nfrom: [power]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := gapFill{interval: record.Millis(g.duration("interval", 1)), longest: record.Millis(g.duration("longest", 0)), method: g.choice("method", "last", "linear", "zero", "null")}
		if g.err == nil && f.longest/f.interval > maxMade {
			g.fail("longest", "a gap would be filled with %d items, at most %d are made", f.longest/f.interval, maxMade)
		}
		return g.inOrder(s, func(_ *clock, by *grouping) step { n := f; n.table = by.table; return &n })
	},
}
