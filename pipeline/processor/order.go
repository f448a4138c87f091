package processor

import (
	"slices"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// waiting is an item that waits for the watermark.
type waiting struct {
	observation.Item
	input int
	seq   uint64 // of arrival
}

func (a waiting) before(b waiting) bool {
	if a.Time != b.Time {
		return a.Time < b.Time
	}
	if a.input != b.input {
		return a.input < b.input
	}
	return a.seq < b.seq
}

// lanes is into how many inputs are shared out while items wait.
const lanes = 4

// queue puts items in the order of their times; of the same time in that of
// inputs, and then of arrival. Those that arrive in this order among what is of
// their lane cost next to nothing, others wait in a heap.
type queue struct {
	lanes [lanes]lane
	heap  []waiting
	n     int
	seq   uint64
}

// lane has items in order, the first of which is at from.
type lane struct {
	items []waiting
	from  int
}

func (q *queue) push(w waiting) {
	q.n++
	l := &q.lanes[uint(w.input)%lanes]
	if n := len(l.items); n == l.from || !w.before(l.items[n-1]) {
		if l.from > 0 && len(l.items) == cap(l.items) && l.from*2 >= len(l.items) {
			l.items = l.items[:copy(l.items, l.items[l.from:])]
			l.from = 0
		}
		l.items = append(l.items, w)
		return
	}
	q.heap = append(q.heap, w)
	for at := len(q.heap) - 1; at > 0; {
		up := (at - 1) / 2
		if !q.heap[at].before(q.heap[up]) {
			return
		}
		q.heap[at], q.heap[up] = q.heap[up], q.heap[at]
		at = up
	}
}

// popBefore gives the first item, when it is before a time.
func (q *queue) popBefore(t record.Millis) (w waiting, ok bool) {
	if q.n == 0 {
		return w, false
	}
	var first *lane
	for n := range q.lanes {
		if l := &q.lanes[n]; l.from < len(l.items) && (first == nil || l.items[l.from].before(first.items[first.from])) {
			first = l
		}
	}
	if len(q.heap) > 0 && (first == nil || q.heap[0].before(first.items[first.from])) {
		if q.heap[0].Time >= t {
			return w, false
		}
		q.n--
		return q.popHeap(), true
	}
	if first.items[first.from].Time >= t {
		return w, false
	}
	q.n--
	w = first.items[first.from]
	if first.from++; first.from == len(first.items) {
		first.items, first.from = first.items[:0], 0
	}
	return w, true
}

func (q *queue) popHeap() waiting {
	first, last := q.heap[0], len(q.heap)-1
	q.heap[0] = q.heap[last]
	q.heap = q.heap[:last]
	for at := 0; ; {
		down := 2*at + 1
		if down >= last {
			return first
		}
		if down+1 < last && q.heap[down+1].before(q.heap[down]) {
			down++
		}
		if !q.heap[down].before(q.heap[at]) {
			return first
		}
		q.heap[at], q.heap[down] = q.heap[down], q.heap[at]
		at = down
	}
}

// all are the items in their order.
func (q *queue) all() []waiting {
	all := slices.Clone(q.heap)
	for n := range q.lanes {
		all = append(all, q.lanes[n].items[q.lanes[n].from:]...)
	}
	slices.SortFunc(all, func(a, b waiting) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	return all
}

// step is an operator that sees items in the order of their times.
type step interface {
	// item is one more of them, at or after all before. It is of the series of the
	// result.
	item(input int, i observation.Item, out *Out)
	// until tells that all items before the time were seen. It gives the time
	// before which no result comes any more, at most that.
	until(t record.Millis, out *Out) record.Millis
	// many is how many series it knows, which is what until costs.
	many() int
	shape() string
	save(w *writer)
	load(r *reader)
}

// inOrder has a step see items in the order of their times, as soon as the
// watermark has passed them.
type inOrder struct {
	grouping
	lateness int64
	clock    clock
	queue    queue
	held     record.Millis
	looked   record.Millis // up to when until was told
	since    int           // items since then
	step     step
	fresh    func(*clock) step
}

// inOrder makes an operator of a step, with the parameters of orderParameters.
func (g *given) inOrder(s Settings, fresh func(*clock, *grouping) step) (Operator, error) {
	o := &inOrder{grouping: g.grouping(s), lateness: g.duration("lateness", 0)}
	o.fresh = func(c *clock) step { return fresh(c, &o.grouping) }
	if g.err != nil {
		return nil, g.err
	}
	o.step = o.fresh(&o.clock)
	return o, nil
}

// orderParameters are those of everything that sees items in order.
func orderParameters(more ...manifest.Parameter) []manifest.Parameter {
	return append(more,
		parameter("lateness", manifest.Duration, "5s", "How much older than the newest item others may be: items are held back for so long, to be put in order. What comes later is refused."),
		byParameter())
}

const aboutOrder = "Items are put in the order of their times before they are looked at, and wait for the watermark, and lateness, to pass them. Each series is looked at by itself; inputs of the same key are one series, unless group says otherwise."

func (o *inOrder) Take(input int, items []observation.Item, out *Out) {
	for _, i := range items {
		if why := check(i); why != "" {
			out.Refuse(i, why)
			continue
		}
		if o.clock.begun == 2 && i.Time < o.clock.at {
			out.Refuse(i, isBefore)
			continue
		}
		n, ok := o.of(input, i.Series)
		if !ok {
			out.Refuse(i, isNoKey)
			continue
		}
		if o.queue.n >= MaxWaiting {
			out.Refuse(i, isTooMany)
			continue
		}
		o.clock.see(i.Time)
		i.Series = n
		o.queue.seq++
		o.queue.push(waiting{i, input, o.queue.seq})
	}
}

func (o *inOrder) Advance(watermark record.Millis, out *Out) {
	if !o.clock.advance(watermark, o.lateness) {
		return
	}
	for {
		w, ok := o.queue.popBefore(o.clock.at)
		if !ok {
			break
		}
		o.since++
		o.step.item(w.input, w.Item, out)
	}
	// Where there are many series, looking at all of them for every item that comes
	// would be too much: a second later is early enough.
	if n := o.step.many(); n > few && o.since < n/4 && o.clock.at-o.looked < 1000 && !o.clock.ended() {
		return
	}
	o.held, o.looked, o.since = o.step.until(o.clock.at, out), o.clock.at, 0
}

// few series are looked at whenever the watermark moves.
const few = 256

// Hold is from when on results may come.
func (o *inOrder) Hold(watermark record.Millis) record.Millis { return o.clock.held(watermark, o.held) }

func (o *inOrder) Save(b []byte) []byte {
	w := &writer{b}
	w.text(o.by + " " + o.step.shape())
	o.clock.save(w)
	w.uint(o.queue.seq)
	w.uint(uint64(o.queue.n))
	for _, i := range o.queue.all() {
		w.item(i.Item)
		w.uint(uint64(i.input))
		w.uint(i.seq)
	}
	w.millis(o.held)
	w.millis(o.looked)
	w.uint(uint64(o.since))
	o.step.save(w)
	return w.b
}

func (o *inOrder) Load(b []byte) error {
	r := readerOf(b)
	r.shape(o.by + " " + o.step.shape())
	var c clock
	c.load(r)
	q := queue{seq: r.Uint()}
	var last waiting
	for n := range r.count(MaxWaiting) {
		i := waiting{Item: r.item(o.table), input: int(r.UpTo(uint64(max(len(o.inputs), 1) - 1))), seq: r.UpTo(q.seq)}
		if n > 0 && !last.before(i) || c.begun == 2 && i.Time < c.at {
			r.Fail()
		}
		if r.Failed() {
			return r.end()
		}
		q.push(i)
		last = i
	}
	held, looked, since := r.millis(), r.millis(), int(r.UpTo(1<<40))
	if looked < record.MinTime-4*longest || looked > record.MaxTime+4*longest {
		r.Fail()
	}
	s := o.fresh(&o.clock)
	s.load(r)
	if err := r.end(); err != nil {
		return err
	}
	o.clock, o.queue, o.held, o.looked, o.since, o.step = c, q, held, looked, since, s
	return nil
}
