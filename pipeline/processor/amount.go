package processor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Ways to share out among windows what is between two items.
const (
	byHolding = "hold"
	byLine    = "trapezoid"
	byCounter = "line"
	bySteps   = "steps"
)

// amounts adds up per window what is between items: the integral of a gauge, or
// how far a counter counted.
type amounts struct {
	states[amount]
	frame
	name    string
	rule    string
	longest record.Millis
	width   float64 // of a counter that rolls over
	reset   string
	unit    float64 // what the sum is divided by
}

// amount is the open window of a series.
type amount struct {
	past
	upTo    record.Millis // until when it is added up
	open    bool
	win     window.Span
	sum     exact.Sum
	covered int64 // ms of the window
	marks   observation.Marks
}

func (f *amounts) item(_ int, i observation.Item, out *Out) {
	a := f.of(i, out)
	if a == nil {
		return
	}
	if a.any && i.Time == a.time {
		return // of several of one time the first stays
	}
	if a.any && !a.null() {
		f.between(a, i, out)
	}
	a.past, a.upTo = pastOf(i), i.Time
}

// between adds what is between the last item and this one.
func (f *amounts) between(a *amount, i observation.Item, out *Out) {
	if f.rule == byHolding {
		f.hold(a, i.Series, i.Time, out)
		return
	}
	if i.Time-a.time > f.longest || i.Marks&observation.Null != 0 {
		return
	}
	was := a.past
	if f.rule != byLine && i.Value < was.value {
		switch {
		case f.width > 0 && was.value < f.width:
			was.value -= f.width
		case f.reset == "zero":
			was.value = 0
			a.past.marks |= observation.Estimated
		default:
			return
		}
	}
	marks := (a.past.marks | i.Marks) & kept
	from, value := was.time, was.value
	for from < i.Time {
		w := f.enter(a, i.Series, from, out)
		to := min(w.To, i.Time)
		next := i.Value
		if to < i.Time {
			next = between(was, i, to)
		}
		switch f.rule {
		case byLine: // twice the area
			a.sum.AddProduct(value, int64(to-from))
			a.sum.AddProduct(next, int64(to-from))
		case byCounter:
			a.sum.Add(next)
			a.sum.Sub(value)
		}
		a.covered += int64(to - from)
		a.marks |= marks
		from, value = to, next
	}
	if f.rule == bySteps {
		f.enter(a, i.Series, i.Time-1, out)
		a.sum.Add(i.Value)
		a.sum.Sub(was.value)
	}
}

// hold adds what the last item amounts to until t.
func (f *amounts) hold(a *amount, n observation.Series, t record.Millis, out *Out) {
	for end := min(t, a.time+f.longest); a.upTo < end; {
		w := f.enter(a, n, a.upTo, out)
		to := min(w.To, end)
		a.sum.AddProduct(a.value, int64(to-a.upTo))
		a.covered += int64(to - a.upTo)
		a.marks |= a.past.marks & kept
		a.upTo = to
	}
}

// enter opens the window of a time and closes the one before.
func (f *amounts) enter(a *amount, n observation.Series, t record.Millis, out *Out) window.Span {
	if a.open && a.win.Holds(t) {
		return a.win
	}
	f.close(a, n, out)
	a.open, a.win = true, f.span(t)
	return a.win
}

func (f *amounts) close(a *amount, n observation.Series, out *Out) {
	if !a.open {
		return
	}
	r := observation.Item{Series: n, Time: a.win.From, Value: a.sum.Float64() / f.unit, Marks: a.marks}
	if a.covered < a.win.Length() {
		r.Marks |= observation.Partial
	}
	out.give(r)
	a.open, a.sum, a.covered, a.marks = false, exact.Sum{}, 0, 0
}

func (f *amounts) until(t record.Millis, out *Out) record.Millis {
	first := t
	var done []int
	for n := range f.each {
		a := &f.each[n]
		// What of the past may still be added to: by holding nothing before t.
		since := t
		if a.any && !a.null() {
			if f.rule == byHolding {
				f.hold(a, f.series[n], t, out)
			} else if t-a.time <= f.longest {
				since = a.time
			}
		}
		if a.open && a.win.To <= since {
			done = append(done, n)
			continue
		}
		if first = min(first, since); a.open {
			first = min(first, a.win.From)
		}
	}
	slices.SortFunc(done, func(a, b int) int { return cmp.Compare(f.series[a], f.series[b]) })
	for _, n := range done {
		f.close(&f.each[n], f.series[n], out)
	}
	return f.span(first).From
}

func (f *amounts) shape() string {
	return f.frame.shape(asked{name: f.name}) + " " + f.rule
}

func (f *amounts) save(w *writer) {
	f.states.save(w, func(w *writer, a *amount) {
		savePast(w, &a.past)
		w.millis(a.upTo)
		if w.flag(a.open); a.open {
			w.millis(a.win.From)
			w.int(a.covered)
			w.uint(uint64(a.marks))
			w.b = a.sum.Append(w.b)
		}
	})
}

func (f *amounts) load(r *reader) {
	f.states.load(r, f.table, func(r *reader, a *amount) {
		loadPast(r, &a.past)
		// It is never before the item, and so far behind it at most.
		if a.upTo = r.millis(); a.any && (a.upTo < a.time || a.upTo > a.time+longest) || !a.any && a.upTo != 0 {
			r.Fail()
		}
		if a.open = r.flag(); a.open {
			from := r.time()
			a.win = f.span(from)
			a.covered, a.marks = r.Int(), observation.Marks(r.UpTo(uint64(kept)))
			if a.win.From != from || a.covered < 0 || a.covered > a.win.Length() || r.Left() < exact.Size {
				r.Fail()
				return
			}
			a.sum = exact.Load(r.Take(exact.Size))
		}
	})
}

// amountParameters are those of windows one after another, and of order.
func amountParameters(more ...manifest.Parameter) []manifest.Parameter {
	return append([]manifest.Parameter{
		choices("window", tumbling, "tumbling – one after another, counted from 1970 in UTC; calendar – by the clock on the wall of a zone.", tumbling, calendar),
		parameter("size", manifest.Duration, "1h", "How long a window is: such as 15m, 1h, 1d; of the calendar also 1w, 1M (a month) or 1y."),
		parameter("zone", manifest.Zone, "UTC", "Of the calendar: whose clock it is, such as Europe/Berlin."),
	}, orderParameters(more...)...)
}

func (g *given) amounts(s Settings, f amounts) (Operator, error) {
	f.frame = newFrame(g, s)
	if f.kind != tumbling && f.kind != calendar {
		g.fail("window", "%s windows are not for amounts", f.kind)
	}
	f.longest = record.Millis(g.duration("longest", 1))
	least := f.size
	if f.kind == calendar {
		least = f.calSize.Longest()
	}
	if g.err == nil && int64(f.longest)/least > maxMade {
		g.fail("longest", "it has %d windows, at most %d are taken", int64(f.longest)/least, maxMade)
	}
	return g.inOrder(s, func(*clock, *grouping) step { n := f; return &n })
}

const aboutAmounts = "The result has the time at which its window began. It is marked Partial where not all of the window is covered: it began before, something is missing for more than longest, or is null. A window of which nothing is known is none. Sums are exact before they are rounded once. "

var energyEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "energy", Role: manifest.Analytics, MinInputs: 1,
		Summary: "The integral of power over time, for each window.",
		Result:  "The unit of the items times an hour: Wh of W, m³ of m³/h.",
		Details: "hold takes it that a value holds until the next comes; trapezoid that it changes on a straight line, which is known when the next has come. " + aboutAmounts + aboutOrder,
		Parameters: amountParameters(
			choices("rule", byHolding, "What is between two items: hold or trapezoid.", byHolding, byLine),
			parameter("longest", manifest.Duration, "5m", "For how long a value holds, or how far two items may be apart."),
		),
		Example: "name: energy per quarter\ntype: energy\nparameters: {window: calendar, size: 15m, zone: Europe/Berlin, rule: trapezoid}\nfrom: [PhoenixIB TotalRealPower]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := amounts{name: "energy", rule: g.choice("rule", byHolding, byLine), unit: 3600e3}
		if f.rule == byLine {
			f.unit *= 2
		}
		return g.amounts(s, f)
	},
}

var counterEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "counter", Role: manifest.Analytics, MinInputs: 1,
		Summary: "How far a counter counts in each window.",
		Result:  "The difference, in the unit of the counter.",
		Details: fmt.Sprintf("What was counted between two items of different windows is shared out on a straight line, or belongs to the window of the later one. A counter that goes back rolled over, where its width is stated, or else was reset: what was counted then is not known, or is what it shows since zero, marked Estimated. %s%s", aboutAmounts, aboutOrder),
		Parameters: amountParameters(
			choices("share", byCounter, "How it is shared out: line or steps.", byCounter, bySteps),
			numeric("width", manifest.Float, 0, 0, record.MaxValue, "", "At what the counter is at zero again, such as 1000000 of one with six digits; 0: it does not roll over."),
			choices("reset", "skip", "What comes of a counter that goes back and does not roll over: skip – it is not known; zero – what it shows.", "skip", "zero"),
			parameter("longest", manifest.Duration, "1d", "How far two items may be apart."),
		),
		Example: "name: energy per day\ntype: counter\nparameters: {window: calendar, size: 1d, zone: Europe/Berlin, width: 1000000}\nfrom: [PhoenixIB TotalRealEnergy]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		return g.amounts(s, amounts{name: "counter", rule: g.choice("share", byCounter, bySteps), unit: 1, width: g.within("width", 0, record.MaxValue), reset: g.choice("reset", "skip", "zero")})
	},
}
