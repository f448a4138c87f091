package tick

import (
	"fmt"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Combiner adds the partial results of all partitions and rolls them up from
// groups to their parents. Not safe for concurrent use.
type Combiner struct {
	timing     Timing
	partitions int
	emit       func(*record.Ticks)
	heard      []heard // per partition
	courses    []*combining
	revision   uint64 // the newest model revision whose plans are set
	position   uint64 // of the newest message taken
	dropped    uint64
	waited     uint64
}

// heard is what a partition last told.
type heard struct {
	closed record.Millis
	stored record.Millis
	idle   record.Millis // 0: not idle
	until  record.Millis // the newest tick it has a value for, if nothing more comes

	position uint64 // of the message that told it
	newest   uint64 // of the newest message
}

// combining is one hierarchy's way through time.
type combining struct {
	id      model.HierarchyID
	plans   []*expected // by Effective, oldest first
	emitted record.Millis
	since   record.Millis   // when emitted was emitted, by the clock of the bus; 0: not known
	full    bool            // emitted had a value
	begin   []record.Millis // per partition; always: it has not told of the hierarchy yet
	heard   []record.Millis // per partition: at ticks before, none of its leaves had ever been heard
	ticks   map[record.Millis]*sums
	keys    []record.Millis // of ticks, ascending
	spare   []*sums
}

// expected is a plan and the partitions that have leaves in it.
type expected struct {
	Plan
	from []bool
	tick int64

	leaves map[int][]unheardIn // of partitions, where they were asked for
}

// unheardIn is a group that a leaf stands in, or that it is the meter of.
type unheardIn struct {
	group int32
	meter bool
}

// of lists where the leaves of a partition stand.
func (p *expected) of(partition int) []unheardIn {
	all, ok := p.leaves[partition]
	if !ok {
		for i := range p.Layout.Leaves {
			if l := &p.Layout.Leaves[i]; record.Partition(l.Sensor, len(p.from)) == partition {
				all = append(all, unheardIn{l.Group, l.Meter})
			}
		}
		if p.leaves == nil {
			p.leaves = make(map[int][]unheardIn)
		}
		p.leaves[partition] = all
	}
	return all
}

// sums is a tick under way.
type sums struct {
	revision uint64
	first    record.Millis     // when the first part of it arrived
	position uint64            // of the oldest message with a part
	seen     map[uint64]uint64 // partition and part: the position of its message
	group    []groupSum
	heard    bool // something was added
}

type groupSum struct {
	sum      exact.Sum
	min, max float64
	count    uint32
	metered  bool
	meter    float64

	unheard uint32 // leaves that were never heard
	mute    bool   // nor was the meter
}

// complete tells whether, of so many leaves, every one that was ever heard has a
// value, and there is one.
func (g *groupSum) complete(total uint32) bool { return g.count > 0 && g.count+g.unheard >= total }

// NewCombiner makes a combiner for so many partitions. It hands every finished
// tick to emit, in order of time within a hierarchy.
func NewCombiner(t Timing, partitions int, emit func(*record.Ticks)) *Combiner {
	c := &Combiner{timing: t, partitions: partitions, emit: emit, heard: make([]heard, partitions)}
	for i := range c.heard {
		c.heard[i] = heard{closed: never, stored: never}
	}
	return c
}

// Dropped is how many partial ticks came after their tick was emitted.
func (c *Combiner) Dropped() uint64 { return c.dropped }

// Waited is how many ticks were emitted without a silent partition.
func (c *Combiner) Waited() uint64 { return c.waited }

// Emitted is the newest tick of the hierarchy that was emitted; ok is false
// when none was or the hierarchy is unknown.
func (c *Combiner) Emitted(h model.HierarchyID) (record.Millis, bool) {
	for _, x := range c.courses {
		if x.id == h {
			return x.emitted, x.emitted != never
		}
	}
	return never, false
}

// Resume says what was stored last of a hierarchy, by this combiner before a
// restart or by another one. Ticks up to there are not emitted again, but one of
// which only the first parts were stored is.
func (c *Combiner) Resume(last *record.Ticks) {
	if len(last.Ticks) == 0 {
		return
	}
	x, told := c.course(model.HierarchyID(last.Hierarchy)), last.Told()
	if told <= x.emitted {
		return
	}
	// One part does not say whether others have a value. Told once too often, that
	// there is none, does no harm.
	x.emitted, x.full = told, last.Parts > 1 || hasValue(&last.Ticks[len(last.Ticks)-1])
	x.since = 0 // when it was emitted is not known: the next report is early enough
	for len(x.keys) > 0 && x.keys[0] <= told {
		x.drop(x.keys[0])
	}
}

func hasValue(t *record.Tick) bool {
	for i := range t.Count {
		if t.Count[i] > 0 || t.Meter[i] == t.Meter[i] {
			return true
		}
	}
	return t.Heard
}

// Done is the position, as [Combiner.Add] was told, up to which no message is
// needed any more: all ticks it has parts of are emitted, and every partition with
// leaves was heard behind it, so that it is known that nothing is missing.
func (c *Combiner) Done() uint64 {
	done := c.position
	for _, x := range c.courses {
		for _, t := range x.keys {
			if s := x.ticks[t].position; s != 0 {
				done = min(done, s-1)
			}
		}
		if n := len(x.plans); n > 0 {
			for p, needed := range x.plans[n-1].from {
				if needed {
					done = min(done, c.heard[p].position)
				}
			}
		}
	}
	return done
}

// Spent is the position up to which no message of a partition is needed any more,
// but for the one at last, which says how far the partition is. Messages of others
// before it may be needed.
func (c *Combiner) Spent(partition int) (spent, last uint64) {
	h := &c.heard[partition]
	spent = h.newest
	for _, x := range c.courses {
		for _, s := range x.ticks {
			for part, position := range s.seen {
				if int(part>>32) == partition && position > 0 {
					spent = min(spent, position-1)
				}
			}
		}
	}
	return spent, h.position
}

// SetPlan adds the plan of a hierarchy, as [Engine.SetPlan].
func (c *Combiner) SetPlan(p Plan) {
	x := c.course(p.Hierarchy)
	if n := len(x.plans); n > 0 {
		p.Effective = max(p.Effective, x.plans[n-1].Effective)
	}
	e := &expected{Plan: p, from: make([]bool, c.partitions)}
	if p.Layout != nil {
		e.tick = int64(gridUp(record.Millis(max(1, p.Layout.Tick.Milliseconds())), c.timing.Base))
		for i := range p.Layout.Leaves {
			e.from[record.Partition(p.Layout.Leaves[i].Sensor, c.partitions)] = true
		}
	}
	x.plans = append(x.plans, e)
}

func (c *Combiner) course(id model.HierarchyID) *combining {
	for _, x := range c.courses {
		if x.id == id {
			return x
		}
	}
	x := &combining{id: id, emitted: never, ticks: make(map[record.Millis]*sums), begin: make([]record.Millis, c.partitions), heard: make([]record.Millis, c.partitions)}
	for i := range x.begin {
		x.begin[i] = always
	}
	c.courses = append(c.courses, x)
	return x
}

// SetRevision says that all plans up to a model revision are set.
func (c *Combiner) SetRevision(r uint64) { c.revision = max(c.revision, r) }

// Knows tells whether the combiner has every plan the report speaks of; a
// caller that gets false must set more plans before Add.
func (c *Combiner) Knows(r *Report) bool {
	for i := range r.Partials {
		if r.Partials[i].Revision > c.revision {
			return false
		}
	}
	return true
}

// Misses tells whether a partition has told of ticks before this report that are
// not emitted, and was not heard to: a report is missing. That may be because it is
// trimmed, where the combiner begins behind another one.
func (c *Combiner) Misses(r *Report) bool {
	if r.From == never || r.Partition < 0 || r.Partition >= c.partitions {
		return false
	}
	closed := c.heard[r.Partition].closed
	for i := range r.Partials {
		p := &r.Partials[i]
		x := c.course(p.Hierarchy)
		if len(x.plans) == 0 {
			continue
		}
		behind := max(closed, x.emitted)
		if p.Begin > never {
			behind = max(behind, p.Begin-1)
		}
		if t := x.after(behind); t <= r.From && x.at(t).from[r.Partition] {
			return true
		}
	}
	return false
}

// fresh tells whether any tick of the partial is still to be emitted.
func (c *Combiner) fresh(p *Partial) bool {
	n := len(p.Ticks)
	return n > 0 && p.Ticks[n-1].Time > c.course(p.Hierarchy).emitted
}

// plan is the one that was in force at a revision. A process that started
// later counts an unchanged plan from a later revision.
func (c *Combiner) plan(h model.HierarchyID, revision uint64) *expected {
	plans := c.course(h).plans
	for i := len(plans) - 1; i >= 0; i-- {
		if plans[i].Revision <= revision || i == 0 {
			return plans[i]
		}
	}
	return nil
}

// Add takes a report; now is when the bus stored it, and position where. An
// error means that the report contradicts the model and was not taken.
func (c *Combiner) Add(r *Report, now record.Millis, position uint64) error {
	if r.Partition < 0 || r.Partition >= c.partitions {
		return fmt.Errorf("combine: partition %d of %d", r.Partition, c.partitions)
	}
	for i := range r.Partials {
		p := &r.Partials[i]
		if x := c.course(p.Hierarchy); x.begin[r.Partition] == always {
			x.begin[r.Partition] = p.Begin
		}
		c.course(p.Hierarchy).heard[r.Partition] = p.Heard
		if !c.fresh(p) {
			c.dropped += uint64(len(p.Ticks))
			continue
		}
		plan := c.plan(p.Hierarchy, p.Revision)
		if plan == nil || plan.Layout == nil {
			return fmt.Errorf("combine: hierarchy %q has no groups in revision %d", p.Hierarchy, p.Revision)
		}
		for j := range p.Ticks {
			if err := c.add(r.Partition, plan, &p.Ticks[j], now, position); err != nil {
				return err
			}
		}
	}
	h := &c.heard[r.Partition]
	if r.Closed >= h.closed { // not of an owner who lags behind another one
		h.position = max(h.position, position)
	}
	h.newest = max(h.newest, position)
	h.closed = max(h.closed, r.Closed)
	h.stored = max(h.stored, r.Stored)
	h.idle, h.until = r.IdleAt, r.Until
	c.position = max(c.position, position)
	for _, x := range c.courses {
		c.advance(x, now)
	}
	return nil
}

func (c *Combiner) add(partition int, plan *expected, t *PartialTick, now record.Millis, position uint64) error {
	x := c.course(plan.Hierarchy)
	if t.Time <= x.emitted {
		c.dropped++
		return nil
	}
	s := x.ticks[t.Time]
	if s == nil {
		s = x.open(t.Time, plan, now)
		s.position = position
	}
	s.position = min(s.position, position) // it is older where something is read once more
	if s.revision != plan.Revision {
		return fmt.Errorf("combine: tick %v of %q by revision %d and by %d", t.Time, x.id, s.revision, plan.Revision)
	}
	part := uint64(partition)<<32 | uint64(t.Part)
	if _, twice := s.seen[part]; twice {
		return nil
	}
	s.seen[part] = position
	return s.add(t)
}

// add takes one partition's part.
func (s *sums) add(t *PartialTick) error {
	s.heard = s.heard || t.entries() > 0
	for i, g := range t.Group {
		if int(g) >= len(s.group) {
			return fmt.Errorf("combine: group %d of %d", g, len(s.group))
		}
		o := &s.group[g]
		o.sum.AddSum(t.Sum[i], 1)
		o.min, o.max = min(o.min, t.Min[i]), max(o.max, t.Max[i])
		o.count += t.Count[i]
	}
	for i, g := range t.MeterGroup {
		if int(g) >= len(s.group) {
			return fmt.Errorf("combine: group %d of %d", g, len(s.group))
		}
		s.group[g].metered, s.group[g].meter = true, t.Meter[i]
	}
	for i, g := range t.UnheardGroup {
		if int(g) >= len(s.group) {
			return fmt.Errorf("combine: group %d of %d", g, len(s.group))
		}
		s.group[g].unheard += t.Unheard[i]
	}
	for _, g := range t.UnheardMeter {
		if int(g) >= len(s.group) {
			return fmt.Errorf("combine: group %d of %d", g, len(s.group))
		}
		s.group[g].mute = true
	}
	return nil
}

// unheard takes it that no leaf of a partition was ever heard.
func (s *sums) unheard(plan *expected, partition int) {
	for _, at := range plan.of(partition) {
		if at.meter {
			s.group[at.group].mute = true
		} else {
			s.group[at.group].unheard++
		}
	}
}

func (x *combining) open(t record.Millis, plan *expected, now record.Millis) *sums {
	s := new(sums)
	if n := len(x.spare); n > 0 {
		s, x.spare = x.spare[n-1], x.spare[:n-1]
	}
	s.reset(plan)
	s.first, s.position = now, 0
	x.ticks[t] = s
	at, _ := slices.BinarySearch(x.keys, t)
	x.keys = slices.Insert(x.keys, at, t)
	return s
}

// reset empties the sums for the groups of a plan.
func (s *sums) reset(plan *expected) {
	if s.seen == nil {
		s.seen = make(map[uint64]uint64)
	}
	clear(s.seen)
	s.revision, s.heard = plan.Revision, false
	s.group = slices.Grow(s.group[:0], len(plan.Layout.Groups))[:len(plan.Layout.Groups)]
	for i := range s.group {
		s.group[i] = groupSum{min: math.Inf(1), max: math.Inf(-1)}
	}
}

// at is the plan for a tick, as in [Engine].
func (x *combining) at(t record.Millis) *expected {
	for i := len(x.plans) - 1; i > 0; i-- {
		if x.plans[i].Effective <= t {
			return x.plans[i]
		}
	}
	return x.plans[0]
}

// after is the first tick after t, by the plans in force.
func (x *combining) after(t record.Millis) record.Millis { return after(x.plans, t) }

func (p *expected) effective() record.Millis { return p.Effective }
func (p *expected) every() int64             { return p.tick }

// advance emits every tick that is finished.
func (c *Combiner) advance(x *combining, now record.Millis) {
	if x.since == 0 {
		x.since = now
	}
	for {
		key := always
		if len(x.keys) > 0 {
			key = x.keys[0]
		}
		// The first tick without any value is told once; then there is silence
		// until there are values again.
		if x.full && len(x.plans) > 0 {
			if gap := x.after(x.emitted); gap < key {
				if !c.ready(x, gap, x.since) {
					return
				}
				x.emitted, x.since, x.full = gap, now, false
				c.emitTick(x, gap, x.open(gap, x.at(gap), now))
				x.drop(gap)
				continue
			}
		}
		if key == always || !c.ready(x, key, x.ticks[key].first) {
			return
		}
		if key < x.begun(key) {
			x.drop(key)
			continue
		}
		x.emitted, x.since, x.full = key, now, true
		c.emitTick(x, key, x.ticks[key])
		x.drop(key)
		// Plans before the one in force are not asked for again.
		for len(x.plans) > 1 && x.plans[1].Effective <= key {
			x.plans = x.plans[1:]
		}
	}
}

// begun is the first tick that every partition with leaves can tell of.
func (x *combining) begun(t record.Millis) record.Millis {
	from := never
	for p, needed := range x.at(t).from {
		if needed {
			from = max(from, x.begin[p])
		}
	}
	return from
}

func (x *combining) drop(t record.Millis) {
	if len(x.spare) < 4 {
		x.spare = append(x.spare, x.ticks[t])
	}
	delete(x.ticks, t)
	if at, ok := slices.BinarySearch(x.keys, t); ok {
		x.keys = slices.Delete(x.keys, at, at+1)
	}
}

// ready tells whether every partition that has leaves has told all it has for
// tick t, or is silent, has nothing to tell of it, and need not be waited for
// any longer.
func (c *Combiner) ready(x *combining, t, first record.Millis) bool {
	plan := x.at(t)
	passed := false
	for p, needed := range plan.from {
		if !needed {
			continue
		}
		if x.begin[p] == always {
			return false
		}
		if c.heard[p].closed >= t {
			continue
		}
		h := &c.heard[p]
		if h.idle == 0 || t <= h.until || t > h.idle-record.Millis(c.timing.Grace+c.timing.Idle) {
			return false
		}
		silent := int64(h.idle - h.stored)
		if int64(first-t) <= c.timing.Live {
			if silent < c.timing.Idle {
				return false
			}
		} else if int64(h.idle-max(h.stored, first)) < c.timing.Patience {
			return false
		}
		passed = true
	}
	if passed {
		c.waited++
	}
	return true
}

// emitTick rolls the groups up and hands the tick on.
func (c *Combiner) emitTick(x *combining, t record.Millis, s *sums) {
	plan := x.at(t)
	for p, needed := range plan.from {
		if _, told := s.seen[uint64(p)<<32]; needed && !told && t < x.heard[p] {
			s.unheard(plan, p)
		}
	}
	c.emit(s.rollUp(plan, t))
}

// rollUp adds every group to its parent and makes a tick of them all. It works
// in place on the groups' own sums.
func (s *sums) rollUp(plan *expected, t record.Millis) *record.Ticks {
	l, group, v := plan.Layout, s.group, plan.virtual
	n := len(l.Groups)
	if v != nil {
		n = v.own
	}
	k := record.Tick{
		Time: t, Sum: make([]float64, n), Min: make([]float64, n), Max: make([]float64, n),
		Count: make([]uint32, n), Total: make([]uint32, n), Meter: make([]float64, n), Unaccounted: make([]float64, n),
	}
	out := record.Ticks{Hierarchy: string(plan.Hierarchy), Revision: plan.Revision, Groups: make([]string, n)}
	null := math.NaN()
	if v != nil {
		out.Sensors, k.Values, k.Heard = v.told, make([]float64, len(v.told)), s.heard
		var values []float64
		if s.heard { // a tick of which nothing was heard is the begin of a silence
			values = v.roll(func(g int32) int8 { return l.Groups[g].Sign }, group)
		}
		for i, at := range v.at {
			if k.Values[i] = null; values != nil {
				k.Values[i] = values[at]
			}
		}
	}
	for i := n - 1; i >= 0; i-- { // children before parents
		g, o := &l.Groups[i], &group[i]
		out.Groups[i] = string(g.ID)
		k.Count[i], k.Total[i] = o.count, g.Total
		k.Sum[i], k.Min[i], k.Max[i], k.Meter[i], k.Unaccounted[i] = null, null, null, null, null
		if o.count > 0 {
			k.Sum[i], k.Min[i], k.Max[i] = o.sum.Float64(), o.min, o.max
		}
		if o.metered {
			k.Meter[i] = o.meter
			if o.complete(g.Total) {
				var rest exact.Sum
				rest.Add(o.meter)
				rest.AddSum(o.sum, -1)
				k.Unaccounted[i] = rest.Float64()
			}
		}
		if g.Parent >= 0 && v == nil {
			up := &group[g.Parent]
			if g.Meter >= 0 {
				up.whole(o, g.Sign)
			} else {
				up.child(o, g.Sign)
			}
		}
	}
	out.Ticks = []record.Tick{k}
	return &out
}

// whole adds a child group that counts by its meter.
func (g *groupSum) whole(o *groupSum, sign int8) {
	g.leaf(o.meter, o.metered, sign)
	if o.mute && !o.metered {
		g.unheard++
	}
}

// leaf adds a leaf.
func (g *groupSum) leaf(v float64, there bool, sign int8) {
	if !there {
		return
	}
	if sign < 0 {
		v = 0 - v
	}
	g.sum.Add(v)
	g.min, g.max = min(g.min, v), max(g.max, v)
	g.count++
}

// child adds a child group without meter.
func (g *groupSum) child(o *groupSum, sign int8) {
	g.unheard += o.unheard
	if o.count == 0 {
		return
	}
	g.sum.AddSum(o.sum, sign)
	low, high := o.min, o.max
	if sign < 0 {
		low, high = 0-o.max, 0-o.min
	}
	g.min, g.max = min(g.min, low), max(g.max, high)
	g.count += o.count
}
