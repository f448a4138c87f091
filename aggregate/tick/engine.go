package tick

import (
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Timing are the rules of event time, all in milliseconds. Every instance of
// one deployment must use the same.
type Timing struct {
	Base     int64 // the finest tick; every hierarchy's tick is a multiple of it
	Grace    int64 // how long a tick waits for readings of before it
	Idle     int64 // a live partition silent for this long is advanced by the clock
	Patience int64 // how long others wait for a silent partition while catching up
	Live     int64 // a partition whose newest reading was this fresh when stored is live
}

// DefaultTiming is a tick of 1 s and a grace of 2 s.
func DefaultTiming() Timing {
	return Timing{Base: 1000, Grace: 2000, Idle: 1000, Patience: 10_000, Live: 60_000}
}

// A partition that is catching up moves on by the clock only after this many
// times Patience. One that is far behind closes then what it has heard of, and
// only much later, when nobody can be on the way any more, everything.
const (
	catchUpIdle = 6
	catchUpEnd  = 30
	catchUpMost = 3_600_000
)

const (
	never  record.Millis = -1 << 62
	always record.Millis = 1 << 62
)

// Engine keeps one partition's last two readings of each sensor and evaluates
// its part of every hierarchy. Not safe for concurrent use.
type Engine struct {
	timing     Timing
	partition  int
	partitions int

	slots   map[record.SensorID]uint32
	names   []record.SensorID
	last    []reading                        // per slot; at most as new as closed
	before  []reading                        // per slot: the newest before it, for the rates of counters
	view    struct{ last, before []reading } // these with what is open, for a preview
	columns *record.Columns[uint32]

	bins    map[record.Millis]*bin // readings after closed, by the base tick that takes them in
	keys    []record.Millis        // of bins, ascending
	spare   []*bin
	closed  record.Millis // every base tick up to here is closed
	told    record.Millis // what closed was in the report before
	newest  record.Millis // largest event time seen, never ahead of its storing
	stored  record.Millis // when the last message was stored; never: none yet
	courses []*course

	late, refused uint64

	emit    func(*Report)
	report  Report
	entries int // in report
}

// reading is a sensor's value at a time; at == never: none.
type reading struct {
	at    record.Millis
	value float64
}

// bin holds readings in order of arrival.
type bin struct {
	slot  []uint32
	at    []record.Millis
	value []float64
}

// course is one hierarchy's way through time in this partition.
type course struct {
	id    model.HierarchyID
	plans []*plan       // by Effective, oldest first
	next  record.Millis // the next tick to evaluate; never: with the first reading
	floor record.Millis // ticks before it are evaluated; next is not before it
	alive bool          // there may be a leaf with a value at next
	entry record.Millis // the newest tick that had a value
	begin record.Millis // ticks before were closed before the hierarchy was known
	heard record.Millis // the first tick by which a leaf had been heard; always: none yet
	part  int           // position+1 in the report under way
}

// plan is a Plan cut down to the leaves of this partition.
type plan struct {
	Plan
	tick   int64
	slot   []uint32
	sign   []int8
	maxAge []int64
	rate   []*rating // per leaf, nil where no leaf of the partition is told as a rate
	runs   []run
}

// run is the leaves of one group in this partition, or its own meter.
type run struct {
	group    uint32
	from, to int32
	meter    bool
	rate     bool // of counters: what they rise by in an hour
}

// NewEngine makes the engine of one partition of so many. It hands what it has
// evaluated to emit, which must be done with it when it returns.
func NewEngine(t Timing, partition, partitions int, emit func(*Report)) *Engine {
	return &Engine{
		timing: t, partition: partition, partitions: partitions, emit: emit,
		slots: make(map[record.SensorID]uint32), columns: record.NewColumns[uint32](256 << 20),
		bins: make(map[record.Millis]*bin), closed: never, told: never, newest: never, stored: never,
	}
}

// Late is how many records came after their tick was closed. It only grows.
func (e *Engine) Late() uint64 { return e.late }

// Refused is how many records were not valid samples. It only grows.
func (e *Engine) Refused() uint64 { return e.refused }

// Closed is the newest base tick that is closed.
func (e *Engine) Closed() record.Millis { return e.closed }

// Leaves tells whether any hierarchy has leaves in this partition.
func (e *Engine) Leaves() bool {
	for _, c := range e.courses {
		for _, p := range c.plans {
			if len(p.slot) > 0 {
				return true
			}
		}
	}
	return false
}

// SetPlan adds the plan of a hierarchy. Plans of a hierarchy come in order of
// revision, and none is effective before an earlier one.
func (e *Engine) SetPlan(p Plan) {
	c := e.course(p.Hierarchy)
	if n := len(c.plans); n > 0 {
		p.Effective = max(p.Effective, c.plans[n-1].Effective)
	}
	if p.Layout == nil && len(c.plans) == 0 {
		return
	}
	c.plans = append(c.plans, e.localise(p))
	if e.closed != never {
		c.wake(e.closed)
	}
	e.flush()
}

// wake has the first tick after t evaluated, or an earlier one that is due.
func (c *course) wake(t record.Millis) {
	if next := c.after(max(t, c.floor-1)); !c.alive || next < c.next {
		c.alive, c.next = true, next
	}
}

// after is the first tick after t, by the plans in force.
func (c *course) after(t record.Millis) record.Millis { return after(c.plans, t) }

// timed is what a plan says about when it is evaluated.
type timed interface {
	effective() record.Millis
	every() int64 // ms between ticks; 0: the hierarchy has ended
}

func (p *plan) effective() record.Millis { return p.Effective }
func (p *plan) every() int64             { return p.tick }

// after is the first tick after t, by plans in order of their effective times.
// Engine and combiner must agree on it.
func after[P timed](plans []P, t record.Millis) record.Millis {
	for i, p := range plans {
		from := t + 1
		if i > 0 {
			from = max(from, p.effective())
		}
		if p.every() == 0 {
			continue
		}
		n := gridUp(from, p.every())
		if i+1 == len(plans) || n < plans[i+1].effective() {
			return n
		}
	}
	return always
}

func (e *Engine) course(id model.HierarchyID) *course {
	for _, c := range e.courses {
		if c.id == id {
			return c
		}
	}
	c := &course{id: id, next: never, floor: never, entry: never, begin: never, heard: always}
	if e.closed != never {
		c.begin = e.closed + 1
	}
	e.courses = append(e.courses, c)
	return c
}

// gridUp is the first multiple of tick at or after t, gridAfter after it.
func gridUp(t record.Millis, tick int64) record.Millis {
	q := int64(t) / tick
	if int64(t)%tick > 0 {
		q++
	}
	return record.Millis(q * tick)
}

func gridDown(t record.Millis, tick int64) record.Millis {
	q := int64(t) / tick
	if int64(t)%tick < 0 {
		q--
	}
	return record.Millis(q * tick)
}

func (e *Engine) localise(p Plan) *plan {
	l := &plan{Plan: p}
	if p.Layout == nil {
		return l
	}
	l.tick = int64(gridUp(record.Millis(max(1, p.Layout.Tick.Milliseconds())), e.timing.Base))
	var mine []int32
	for i := range p.Layout.Leaves {
		if e.partitions == 1 || record.Partition(p.Layout.Leaves[i].Sensor, e.partitions) == e.partition {
			mine = append(mine, int32(i))
		}
	}
	// By group, a meter in a run of its own, so that a run is one sum.
	slices.SortStableFunc(mine, func(a, b int32) int {
		x, y := &p.Layout.Leaves[a], &p.Layout.Leaves[b]
		if x.Group != y.Group {
			return int(x.Group) - int(y.Group)
		}
		switch {
		case x.Meter == y.Meter:
			return 0
		case x.Meter:
			return -1
		}
		return 1
	})
	for i, at := range mine {
		leaf := &p.Layout.Leaves[at]
		n := len(l.runs)
		if n == 0 || l.runs[n-1].group != uint32(leaf.Group) || l.runs[n-1].meter != leaf.Meter {
			l.runs = append(l.runs, run{group: uint32(leaf.Group), from: int32(i), meter: leaf.Meter})
			n++
		}
		if r := p.rating(at); r != nil {
			if l.rate == nil {
				l.rate = make([]*rating, len(mine))
			}
			l.rate[i], l.runs[n-1].rate = r, true
		}
		l.runs[n-1].to = int32(i) + 1
		l.slot = append(l.slot, e.slot(leaf.Sensor))
		l.sign = append(l.sign, leaf.Sign)
		age := leaf.MaxAge
		if age < 0 {
			age = math.MaxInt64
		}
		l.maxAge = append(l.maxAge, age)
	}
	return l
}

func (e *Engine) slot(id record.SensorID) uint32 {
	s, ok := e.slots[id]
	if !ok {
		s = uint32(len(e.last))
		e.slots[id] = s
		e.names = append(e.names, id)
		e.last = append(e.last, reading{at: never})
		e.before = append(e.before, reading{at: never})
	}
	return s
}

// Step takes one message of the partition's stream: when it was stored and
// what it says. Ticks after known are not closed, because the model that holds
// for them may not be known yet. The batch may be reused afterwards.
func (e *Engine) Step(stored record.Millis, b *record.Batch, known record.Millis) {
	e.clock(stored, known)
	slots := e.columns.Get(b.SensorColumn(), func() []uint32 {
		refs := make([]uint32, 0, b.SensorCount())
		for _, id := range b.Names() {
			refs = append(refs, e.slot(id))
		}
		return refs
	})
	newest := e.newest
	base := e.timing.Base
	var open *bin
	lo, hi := always, never // the times that open takes: lo < t <= hi
	for i, v := range b.Values {
		s := uint32(i)
		if len(b.Index) > 0 {
			s = b.Index[i]
		}
		s = slots[s]
		t := b.Times[i]
		if !(math.Abs(v) <= record.MaxValue) || t < record.MinTime || t > record.MaxTime {
			e.refused++
			continue
		}
		if t <= lo || t > hi {
			if t <= e.closed {
				e.late++
				keep(&e.last[s], &e.before[s], t, v)
				continue
			}
			hi = gridUp(t, base)
			lo = max(hi-record.Millis(base), e.closed)
			open = e.bin(hi)
			newest = max(newest, t)
		} else if t > newest {
			newest = t
		}
		open.slot = append(open.slot, s)
		open.at = append(open.at, t)
		open.value = append(open.value, v)
	}
	e.newest = max(e.newest, min(newest, stored))
	e.stored = max(e.stored, stored)
	if e.newest != never {
		e.close(min(e.newest-record.Millis(e.timing.Grace), known), true)
	}
}

func (e *Engine) bin(key record.Millis) *bin {
	if b := e.bins[key]; b != nil {
		return b
	}
	var b *bin
	if n := len(e.spare); n > 0 {
		b, e.spare = e.spare[n-1], e.spare[:n-1]
	} else {
		b = new(bin)
	}
	e.bins[key] = b
	at, _ := slices.BinarySearch(e.keys, key)
	e.keys = slices.Insert(e.keys, at, key)
	return b
}

// Clock says that nothing was stored in the partition up to now that Step has
// not been given.
func (e *Engine) Clock(now, known record.Millis) {
	e.clock(now, known)
	e.Advance(known)
}

// Waits tells whether ticks are open only because the model is not known for
// them, and up to when it would have to be.
func (e *Engine) Waits() (until record.Millis, waits bool) {
	if e.newest == never {
		return never, false
	}
	until = gridDown(e.newest-record.Millis(e.timing.Grace), e.timing.Base)
	return until, until > e.closed
}

// Advance closes ticks that only waited for the model to be known.
func (e *Engine) Advance(known record.Millis) {
	if e.newest != never {
		e.close(min(e.newest-record.Millis(e.timing.Grace), known), true)
	}
}

// clock advances a silent partition. It depends on nothing but the times that
// messages were stored at, so a replay does the same.
func (e *Engine) clock(now, known record.Millis) {
	if e.stored == never {
		return
	}
	behind, silent := int64(e.stored-e.newest), int64(now-e.stored)
	idle := e.timing.Idle
	if behind > e.timing.Live {
		idle = catchUpIdle * e.timing.Patience
	}
	if silent < idle {
		return
	}
	if behind > catchUpMost && silent < catchUpEnd*e.timing.Patience {
		if e.newest != never {
			e.close(min(e.newest, known), false)
		}
		return
	}
	e.close(min(now-record.Millis(e.timing.Grace+e.timing.Idle), known), false)
}

// Live tells whether the partition's readings were fresh when stored.
func (e *Engine) Live() bool {
	return e.stored == never || int64(e.stored-e.newest) <= e.timing.Live
}

// close closes every tick up to limit. By event time all of them count as
// closed; by the clock only as far as there was anything to close, so that a
// partition without values stays open for what may be delivered late.
func (e *Engine) close(limit record.Millis, byEvent bool) {
	limit = gridDown(limit, e.timing.Base)
	if limit <= e.closed {
		return
	}
	for {
		key, next := always, always
		if len(e.keys) > 0 {
			key = e.keys[0]
		}
		for _, c := range e.courses {
			if c.alive {
				next = min(next, c.next)
			}
		}
		if min(key, next) > limit {
			break
		}
		if key <= next {
			e.apply(key)
			e.closed = max(e.closed, key-1)
			continue
		}
		for _, c := range e.courses {
			if c.alive && c.next == next {
				e.evaluate(c)
			}
		}
		e.closed = max(e.closed, next)
		if e.entries >= maxEntries {
			e.flush()
		}
	}
	if byEvent || len(e.keys) > 0 || e.awake() {
		e.closed = limit
	}
	e.flush()
}

// flush emits what was evaluated and how far.
func (e *Engine) flush() {
	for _, c := range e.courses {
		if c.part == 0 && len(c.plans) > 0 {
			e.report.Partials = append(e.report.Partials, Partial{Hierarchy: c.id, Begin: c.begin, Heard: c.heard})
		}
	}
	e.report.Partition, e.report.From, e.report.Closed, e.report.Stored = e.partition, e.told, e.closed, e.stored
	e.emit(&e.report)
	e.report, e.entries, e.told = Report{}, 0, e.closed
	for _, c := range e.courses {
		c.part = 0
	}
}

// split emits a part of tick t, which is therefore not closed yet.
func (e *Engine) split(t record.Millis) {
	closed := e.closed
	e.closed = min(closed, t-1)
	e.flush()
	e.closed = closed
}

// Idle emits that nothing stored up to now is left to be taken, so that nobody
// waits for a partition that has no value to give. A live partition that has
// values says nothing: what it closes is what others go by.
func (e *Engine) Idle(now, known record.Millis) {
	if e.awake() && e.Live() {
		return
	}
	// What is not known of the model might give it values.
	e.report.IdleAt, e.report.Until = min(now, known+record.Millis(e.timing.Grace+e.timing.Idle)), e.until()
	e.flush()
}

// until is the newest tick the partition has a value for by what it has heard,
// never when there is none, always when a value never ages.
func (e *Engine) until() record.Millis {
	newest := make([]record.Millis, len(e.last))
	for s := range e.last {
		newest[s] = e.last[s].at
	}
	for _, b := range e.bins {
		for i, s := range b.slot {
			newest[s] = max(newest[s], b.at[i])
		}
	}
	u := never
	for _, c := range e.courses {
		for _, p := range c.plans {
			for i, s := range p.slot {
				switch {
				case newest[s] == never:
				case p.maxAge[i] == math.MaxInt64:
					return always
				default:
					u = max(u, newest[s]+record.Millis(p.maxAge[i]))
				}
			}
		}
	}
	return u
}

func (e *Engine) awake() bool {
	for _, c := range e.courses {
		if c.alive {
			return true
		}
	}
	return false
}

func (e *Engine) apply(key record.Millis) {
	b := e.bins[key]
	b.apply(e.last, e.before)
	delete(e.bins, key)
	e.keys = e.keys[:copy(e.keys, e.keys[1:])]
	b.slot, b.at, b.value = b.slot[:0], b.at[:0], b.value[:0]
	if len(e.spare) < 8 {
		e.spare = append(e.spare, b)
	}
	for _, c := range e.courses {
		if len(c.plans) > 0 {
			c.wake(key - 1)
		}
	}
}

// apply takes the readings of a bin, slot by slot.
func (b *bin) apply(last, before []reading) {
	for i, s := range b.slot {
		keep(&last[s], &before[s], b.at[i], b.value[i])
	}
}

// at is the plan for a tick: the newest in force, else the first there was.
func (c *course) at(t record.Millis) *plan {
	for i := len(c.plans) - 1; i > 0; i-- {
		if c.plans[i].Effective <= t {
			c.plans = c.plans[i:] // older ones are never asked for again
			return c.plans[0]
		}
	}
	return c.plans[0]
}

func (e *Engine) evaluate(c *course) {
	t := c.next
	p := c.at(t)
	if c.heard == always && slices.ContainsFunc(p.slot, func(s uint32) bool { return e.last[s].at != never }) {
		c.heard = t
	}
	had := p.sum(e.last, e.before, t, func(tick PartialTick, more bool) {
		e.put(c, p, tick)
		if more {
			e.split(t)
		}
	})
	c.floor = t + 1 // not the next tick there is: a plan that is set later may have earlier ones
	c.next = c.after(t)
	if had {
		c.entry = t
		return
	}
	// Asleep until a reading or the next plan wakes it.
	c.alive = false
	for _, q := range c.plans {
		if q.Effective > t {
			c.wake(q.Effective - 1)
			break
		}
	}
}

// sum evaluates the plan's leaves at tick t and hands over the groups that have
// a value, in parts if there are very many; it tells whether there were any.
func (p *plan) sum(last, before []reading, t record.Millis, put func(tick PartialTick, more bool)) bool {
	tick := PartialTick{Time: t}
	had := false
	var unheard unheard
	for _, r := range p.runs {
		var sum exact.Sum
		low, high := math.Inf(1), math.Inf(-1)
		n, silent := uint32(0), uint32(0) // silent: never heard
		for i := r.from; i < r.to; i++ {
			l := &last[p.slot[i]]
			if l.at == never {
				silent++
				continue
			}
			if int64(t-l.at) > p.maxAge[i] {
				continue
			}
			v := l.value
			if r.rate {
				known := false
				if v, known = p.rate[i].rate(before[p.slot[i]], *l, p.maxAge[i]); !known {
					continue
				}
			}
			if p.sign[i] < 0 {
				v = 0 - v
			}
			sum.Add(v)
			low, high = min(low, v), max(high, v)
			n++
		}
		if silent > 0 {
			unheard.note(r, silent)
		}
		if n == 0 {
			continue
		}
		if tick.entries() >= maxEntries {
			put(tick, true)
			tick = PartialTick{Time: t, Part: tick.Part + 1}
		}
		had = true
		if r.meter {
			tick.MeterGroup = append(tick.MeterGroup, r.group)
			tick.Meter = append(tick.Meter, low)
			continue
		}
		if tick.Group == nil {
			tick.grow(min(len(p.runs), maxEntries))
		}
		tick.Group = append(tick.Group, r.group)
		tick.Sum = append(tick.Sum, sum)
		tick.Min = append(tick.Min, low)
		tick.Max = append(tick.Max, high)
		tick.Count = append(tick.Count, n)
	}
	if had {
		for unheard.move(&tick) {
			put(tick, true)
			tick = PartialTick{Time: t, Part: tick.Part + 1}
		}
		put(tick, false)
	}
	return had
}

// unheard are leaves that were never heard. There are few, but while a plant is
// being set up.
type unheard struct{ groups, counts, meters []uint32 }

func (u *unheard) note(r run, n uint32) {
	if r.meter {
		u.meters = append(u.meters, r.group)
		return
	}
	u.groups, u.counts = append(u.groups, r.group), append(u.counts, n)
}

// move puts into a tick what there is room for, and tells whether something is left.
func (u *unheard) move(tick *PartialTick) bool {
	n := min(len(u.groups), max(maxEntries-tick.size(), 0))
	tick.UnheardGroup, tick.Unheard = u.groups[:n], u.counts[:n]
	u.groups, u.counts = u.groups[n:], u.counts[n:]
	n = min(len(u.meters), max(maxEntries-tick.size(), 0))
	tick.UnheardMeter, u.meters = u.meters[:n], u.meters[n:]
	return len(u.groups)+len(u.meters) > 0
}

// put adds a tick to the report under way.
func (e *Engine) put(c *course, p *plan, tick PartialTick) {
	ps := e.report.Partials
	if c.part == 0 || ps[c.part-1].Revision != p.Revision {
		ps = append(ps, Partial{Hierarchy: c.id, Revision: p.Revision, Begin: c.begin, Heard: c.heard})
		c.part = len(ps)
		e.report.Partials = ps
	}
	ps[c.part-1].Ticks = append(ps[c.part-1].Ticks, tick)
	e.entries += tick.size()
}
