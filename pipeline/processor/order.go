package processor

import (
	"cmp"

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
	if c := cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.input, b.input)); c != 0 {
		return c < 0
	}
	return a.seq < b.seq
}

// queue puts items in the order of their times; of the same time in that of
// inputs, and then of arrival. It is a heap.
type queue struct {
	items []waiting
	seq   uint64
}

func (q *queue) push(input int, i observation.Item) {
	q.seq++
	q.items = append(q.items, waiting{i, input, q.seq})
	for at := len(q.items) - 1; at > 0; {
		up := (at - 1) / 2
		if !q.items[at].before(q.items[up]) {
			return
		}
		q.items[at], q.items[up] = q.items[up], q.items[at]
		at = up
	}
}

func (q *queue) pop() waiting {
	first, last := q.items[0], len(q.items)-1
	q.items[0] = q.items[last]
	q.items = q.items[:last]
	for at := 0; ; {
		down := 2*at + 1
		if down >= last {
			return first
		}
		if down+1 < last && q.items[down+1].before(q.items[down]) {
			down++
		}
		if !q.items[down].before(q.items[at]) {
			return first
		}
		q.items[at], q.items[down] = q.items[down], q.items[at]
		at = down
	}
}

// step is an operator that sees items in the order of their times.
type step interface {
	// item is one more of them, at or after all before. It is of the series of the
	// result.
	item(input int, i observation.Item, out *Out)
	// until tells that all items before the time were seen. It gives the time
	// before which no result comes any more, at most that.
	until(t record.Millis, out *Out) record.Millis
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
		if len(o.queue.items) >= MaxWaiting {
			out.Refuse(i, isTooMany)
			continue
		}
		o.clock.see(i.Time)
		i.Series = n
		o.queue.push(input, i)
	}
}

func (o *inOrder) Advance(watermark record.Millis, out *Out) {
	if !o.clock.advance(watermark, o.lateness) {
		return
	}
	for len(o.queue.items) > 0 && o.queue.items[0].Time < o.clock.at {
		w := o.queue.pop()
		o.step.item(w.input, w.Item, out)
	}
	o.held = o.step.until(o.clock.at, out)
}

// Hold is from when on results may come.
func (o *inOrder) Hold(watermark record.Millis) record.Millis { return o.clock.held(watermark, o.held) }

func (o *inOrder) Save(b []byte) []byte {
	w := &writer{b}
	w.text(o.by + " " + o.step.shape())
	o.clock.save(w)
	w.uint(o.queue.seq)
	w.uint(uint64(len(o.queue.items)))
	for _, i := range o.queue.items {
		w.item(i.Item)
		w.uint(uint64(i.input))
		w.uint(i.seq)
	}
	w.millis(o.held)
	o.step.save(w)
	return w.b
}

func (o *inOrder) Load(b []byte) error {
	r := &reader{b: b}
	r.shape(o.by + " " + o.step.shape())
	var c clock
	c.load(r)
	q := queue{seq: r.uint()}
	for range r.count(MaxWaiting) {
		i := waiting{Item: r.item(o.table), input: int(r.upTo(uint64(max(len(o.inputs), 1) - 1))), seq: r.upTo(q.seq)}
		if len(q.items) > 0 && i.before(q.items[(len(q.items)-1)/2]) || c.begun == 2 && i.Time < c.at {
			r.fail()
		}
		if r.err != nil {
			return r.err
		}
		q.items = append(q.items, i)
	}
	held := r.millis()
	s := o.fresh(&o.clock)
	s.load(r)
	if err := r.end(); err != nil {
		return err
	}
	o.clock, o.queue, o.held, o.step = c, q, held, s
	return nil
}
