package processor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor/digest"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Kinds of windows.
const (
	tumbling = "tumbling"
	hopping  = "hopping"
	sliding  = "sliding"
	session  = "session"
	calendar = "calendar"
)

// maxPanes is into how many panes a hopping window is cut at most.
const maxPanes = 1000

// maxOpen is how many panes are open at most.
const maxOpen = 10_000

// windowParameters are those of everything that looks at windows.
func windowParameters() []manifest.Parameter {
	return []manifest.Parameter{
		choices("window", tumbling, "tumbling – one after another; hopping – a new one every hop; sliding – at every item the one that ends with it; session – until nothing comes for longer than gap; calendar – by the clock on the wall of a zone.",
			tumbling, hopping, sliding, session, calendar),
		parameter("size", manifest.Duration, "1h", "How long a window is: such as 90s, 15m, 1h, 1d; of the calendar 5m, 15m, 30m, 1h, 1d, 1w, 1M (a month) or 1y. Those that are not of the calendar are counted from 1970 in UTC."),
		numeric("items", manifest.Int, 0, 0, maxSliding, "items", "Of tumbling and sliding windows: how many items one has, instead of a size; 0: it is of a size."),
		parameter("hop", manifest.Duration, "5m", "Of hopping windows: how long after one the next begins. At most the size, which is at most 1,000 times what both are multiples of."),
		parameter("gap", manifest.Duration, "5m", "Of sessions: for how long nothing comes between two."),
		parameter("longest", manifest.Duration, "1d", "Of sessions: when one ends though items still come."),
		parameter("zone", manifest.Zone, "UTC", "Of the calendar: whose clock it is, such as Europe/Berlin."),
		parameter("lateness", manifest.Duration, "5s", "For how long after the watermark windows are kept open: how much older than the newest item others may be. What comes later is refused."),
		byParameter(),
	}
}

// asked is what a window is asked.
type asked struct {
	name       string
	what       digest.Asked
	percentile float64
}

// frame says which windows there are.
type frame struct {
	grouping
	kind     string
	size     int64 // ms
	hop      int64
	pane     int64 // windows are made of
	gap      int64
	longest  int64
	items    int
	lateness int64
	cal      window.Calendar
	calSize  window.Size
}

func newFrame(g *given, s Settings) frame {
	f := frame{grouping: g.grouping(s), kind: g.choice("window", tumbling, hopping, sliding, session, calendar), lateness: g.duration("lateness", 0)}
	switch f.kind {
	case calendar:
		f.cal, f.calSize = g.calendar("zone"), g.calendarSize("size")
		return f
	case session:
		f.gap, f.longest = g.duration("gap", 1), g.duration("longest", 1)
		return f
	case tumbling, sliding:
		if f.items = g.whole("items", 0, maxSliding); f.items > 0 {
			return f
		}
	}
	f.size = g.duration("size", 1)
	f.hop, f.pane = f.size, f.size
	if f.kind == hopping && g.err == nil {
		f.hop = g.duration("hop", 1)
		if f.hop > f.size {
			g.fail("hop", "it is longer than the size, so that items between windows would be in none")
			return f
		}
		f.pane = f.hop
		for n := f.size % f.hop; n > 0; {
			f.pane, n = n, f.pane%n
		}
		if f.pane > 0 && f.size/f.pane > maxPanes {
			g.fail("hop", "windows would have %d parts, at most %d are taken: make it longer, or the size a multiple of it", f.size/f.pane, maxPanes)
		}
	}
	return f
}

// shape says what must be the same so that the state can be gone on from.
func (f *frame) shape(a asked) string {
	if f.kind == calendar {
		return fmt.Sprintf("%s %s %s %s %s", a.name, f.kind, f.calSize, f.cal.Zone(), f.by)
	}
	return fmt.Sprintf("%s %s %d %d %d %d %d %s", a.name, f.kind, f.size, f.hop, f.gap, f.longest, f.items, f.by)
}

// span is the pane that holds a time.
func (f *frame) span(t record.Millis) window.Span {
	if f.kind == calendar {
		return f.cal.Span(f.calSize, t)
	}
	from := floor(t, f.pane)
	return window.Span{From: from, To: from + record.Millis(f.pane)}
}

func floor(t record.Millis, length int64) record.Millis {
	r := int64(t) % length
	if r < 0 {
		r += length
	}
	return t - record.Millis(r)
}

// lastWatermark is where watermarks stand still, far behind all times.
const lastWatermark = record.MaxTime + 2*longest

// clock follows watermarks.
type clock struct {
	since record.Millis // from when on everything was seen
	at    record.Millis // before which nothing is taken
	begun uint8         // 0: nothing came yet; 1: items did; 2: watermarks did
}

// see notes the time of an item.
func (c *clock) see(t record.Millis) {
	if c.begun == 0 || c.begun == 1 && t < c.since {
		c.since, c.begun = t, 1
	}
}

// advance is false when the watermark does not move. Far beyond all times it
// stands still, so that calendars need not know them.
func (c *clock) advance(watermark record.Millis, lateness int64) bool {
	const first = record.MinTime - 2*longest
	to := lastWatermark
	if watermark < lastWatermark {
		to = max(watermark, first) - record.Millis(lateness)
	}
	if c.begun == 0 {
		c.since = to
	}
	if c.begun == 2 && to <= c.at {
		return false
	}
	c.at, c.begun = to, 2
	return true
}

// ended tells that nothing comes any more.
func (c *clock) ended() bool { return c.at == lastWatermark }

// held is the watermark of results of which none is before the time.
func (c *clock) held(watermark, t record.Millis) record.Millis {
	if watermark == End {
		return End
	}
	return min(t, watermark)
}

func (c *clock) save(w *writer) {
	w.uint(uint64(c.begun))
	w.millis(c.since)
	w.millis(c.at)
}

func (c *clock) load(r *reader) {
	c.begun, c.since, c.at = uint8(r.UpTo(2)), r.millis(), r.millis()
	const first, last = record.MinTime - 4*longest, record.MaxTime + 4*longest
	if c.since < first || c.since > last || c.at < first || c.at > last {
		r.Fail()
	}
}

// summary is a digest that windows are made of.
type summary[C any] interface {
	*C
	Add(record.Millis, float64)
	Merge(*C)
	Append([]byte) []byte
	Load([]byte) ([]byte, error)
}

// cell is what is known of one series in one pane.
type cell[C any] struct {
	marks observation.Marks
	seen  bool
	sum   C
}

func add[C any, P summary[C]](c *cell[C], i observation.Item) {
	c.seen = true
	c.marks |= i.Marks & (kept | observation.Null)
	if i.Marks&observation.Null == 0 {
		P(&c.sum).Add(i.Time, i.Value)
	}
}

// told is the result of a window: null where it has no value.
func told[C any](c *cell[C], tell func(*C) (float64, bool), n observation.Series, from record.Millis, partial bool) observation.Item {
	i := observation.Item{Series: n, Time: from, Marks: c.marks & kept}
	v, ok := tell(&c.sum)
	if i.Value = v; !ok {
		i.Marks |= observation.Null
	}
	if partial {
		i.Marks |= observation.Partial
	}
	return i
}

type pane[C any] struct {
	window.Span
	cells []cell[C] // by slot
}

// panes are tumbling, hopping and calendar windows. An item costs finding its
// pane and adding to its digest; nothing is kept of it.
type panes[C any, P summary[C]] struct {
	frame
	asked asked
	tell  func(*C) (float64, bool)
	clock clock
	slots slots
	order []int       // slots by the number of their series
	open  []pane[C]   // by time
	last  int         // of open, where the last item was
	cells int         // in all of open
	now   window.Span // that holds the watermark, once it was asked for
}

func (p *panes[C, P]) Take(input int, items []observation.Item, out *Out) {
	for _, i := range items {
		if why := check(i); why != "" {
			out.Refuse(i, why)
			continue
		}
		n := i.Series
		if p.by != byKey {
			var ok bool
			if n, ok = p.of(input, n); !ok {
				out.Refuse(i, isNoKey)
				continue
			}
		}
		slot, ok := p.slots.find(n)
		if !ok {
			out.Refuse(i, isTooManyKeys)
			continue
		}
		at := p.last
		if at >= len(p.open) || !p.open[at].Holds(i.Time) {
			var why string
			if at, why = p.find(i.Time); why != "" {
				out.Refuse(i, why)
				continue
			}
		}
		if p.clock.begun < 2 {
			p.clock.see(i.Time)
		}
		w := &p.open[at]
		if slot >= len(w.cells) {
			more := slot + 1 - len(w.cells)
			if p.cells+more > MaxCells {
				out.Refuse(i, isTooManyOpen)
				continue
			}
			p.cells += more
			w.cells = slices.Grow(w.cells, more)[:slot+1]
		}
		add[C, P](&w.cells[slot], i)
	}
}

// find is the pane of a time, a new one where there is none, or why there can be
// none.
func (p *panes[C, P]) find(t record.Millis) (int, string) {
	at, ok := slices.BinarySearchFunc(p.open, t, func(w pane[C], t record.Millis) int {
		if w.Holds(t) {
			return 0
		}
		return cmp.Compare(w.From, t)
	})
	if !ok {
		s := p.span(t)
		if p.clock.begun == 2 && p.ends(s) <= p.clock.at {
			return 0, isLate
		}
		if len(p.open) >= maxOpen {
			return 0, isTooManyOpen
		}
		p.open = slices.Insert(p.open, at, pane[C]{Span: s})
	}
	p.last = at
	return at, ""
}

// ends is when the last window that has the pane ends.
func (p *panes[C, P]) ends(s window.Span) record.Millis {
	if p.kind != hopping {
		return s.To
	}
	return floor(s.From, p.hop) + record.Millis(p.size)
}

func (p *panes[C, P]) Advance(watermark record.Millis, out *Out) {
	before, was := p.clock.at, p.clock.begun == 2
	if p.clock.advance(watermark, p.lateness) {
		p.sort()
		if p.kind == hopping {
			p.hopTo(before, was, out)
		} else {
			closed := 0
			for ; closed < len(p.open) && p.open[closed].To <= p.clock.at; closed++ {
				w := &p.open[closed]
				for _, slot := range p.order {
					if slot < len(w.cells) && w.cells[slot].seen {
						out.give(told(&w.cells[slot], p.tell, p.slots.series[slot], w.From, w.From < p.clock.since))
					}
				}
			}
			p.drop(closed)
		}
	}
}

// Hold is the beginning of the first window that is not closed.
func (p *panes[C, P]) Hold(watermark record.Millis) record.Millis {
	if p.kind == hopping {
		return p.clock.held(watermark, p.firstOpen(p.clock.at))
	}
	if !p.now.Holds(p.clock.at) {
		p.now = p.span(p.clock.at)
	}
	return p.clock.held(watermark, p.now.From)
}

// firstOpen is the beginning of the first hopping window that ends after a time.
func (p *panes[C, P]) firstOpen(t record.Millis) record.Millis {
	return floor(t-record.Millis(p.size), p.hop) + record.Millis(p.hop)
}

// hopTo closes the hopping windows that end until the watermark.
func (p *panes[C, P]) hopTo(before record.Millis, was bool, out *Out) {
	var from record.Millis
	if was {
		from = p.firstOpen(before)
	}
	for len(p.open) > 0 {
		if first := p.firstOpen(p.open[0].From); !was || from < first {
			from, was = first, true
		}
		to := from + record.Millis(p.size)
		if to > p.clock.at {
			return
		}
		end := 0
		for end < len(p.open) && p.open[end].From < to {
			end++
		}
		for _, slot := range p.order {
			var all cell[C]
			for _, w := range p.open[:end] {
				if slot >= len(w.cells) || !w.cells[slot].seen {
					continue
				}
				all.seen = true
				all.marks |= w.cells[slot].marks
				P(&all.sum).Merge(&w.cells[slot].sum)
			}
			if all.seen {
				out.give(told(&all, p.tell, p.slots.series[slot], from, from < p.clock.since))
			}
		}
		from += record.Millis(p.hop)
		closed := 0
		for closed < len(p.open) && p.open[closed].From < from {
			closed++
		}
		p.drop(closed)
	}
}

// drop forgets the first panes.
func (p *panes[C, P]) drop(n int) {
	for _, w := range p.open[:n] {
		p.cells -= len(w.cells)
	}
	p.open = slices.Delete(p.open, 0, n)
	p.last = max(p.last-n, 0)
}

// sort puts slots in the order in which results are given.
func (p *panes[C, P]) sort() {
	if len(p.order) == len(p.slots.series) {
		return
	}
	for len(p.order) < len(p.slots.series) {
		p.order = append(p.order, len(p.order))
	}
	slices.SortFunc(p.order, func(a, b int) int { return cmp.Compare(p.slots.series[a], p.slots.series[b]) })
}

func (p *panes[C, P]) Save(b []byte) []byte {
	w := &writer{b}
	w.text(p.shape(p.asked))
	p.clock.save(w)
	p.slots.save(w)
	w.uint(uint64(len(p.open)))
	for _, o := range p.open {
		w.millis(o.From)
		n := uint64(0)
		for i := range o.cells {
			if o.cells[i].seen {
				n++
			}
		}
		w.uint(n)
		for slot := range o.cells {
			if c := &o.cells[slot]; c.seen {
				w.uint(uint64(slot))
				w.uint(uint64(c.marks))
				w.b = P(&c.sum).Append(w.b)
			}
		}
	}
	return w.b
}

func (p *panes[C, P]) Load(b []byte) error {
	r := readerOf(b)
	n := panes[C, P]{frame: p.frame, asked: p.asked, tell: p.tell}
	r.shape(p.shape(p.asked))
	n.clock.load(r)
	n.slots.load(r, p.table)
	for range r.count(maxOpen) {
		from := r.millis()
		if r.Failed() || from < record.MinTime-2*longest || from > record.MaxTime {
			r.Fail()
			break
		}
		o := pane[C]{Span: p.span(from)}
		if o.From != from || len(n.open) > 0 && from <= n.open[len(n.open)-1].From {
			r.Fail()
		}
		for range r.count(MaxSeries) {
			slot := int(r.UpTo(uint64(max(len(n.slots.series), 1) - 1)))
			if r.Failed() || slot >= len(n.slots.series) || slot < len(o.cells) || n.cells+slot+1 > MaxCells {
				r.Fail()
				break
			}
			o.cells = slices.Grow(o.cells, slot+1-len(o.cells))[:slot+1]
			c := &o.cells[slot]
			c.seen, c.marks = true, observation.Marks(r.UpTo(uint64(kept|observation.Null)))
			r.part(P(&c.sum).Load)
		}
		n.cells += len(o.cells)
		n.open = append(n.open, o)
	}
	if err := r.end(); err != nil {
		return err
	}
	*p = n
	return nil
}
