package tick

import (
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// A preview is what a tick looks like at the moment it is reached, before the
// grace has passed: shown to people at once, never stored. The tick itself
// follows and may differ by what came late.

// Preview evaluates every hierarchy that has tick t by what is known now and
// leaves the engine as it is. It gives nil when the partition has no leaves or
// is catching up.
func (e *Engine) Preview(t record.Millis) *Report {
	if !e.Live() || t <= e.closed || !e.Leaves() {
		return nil
	}
	r := &Report{Partition: e.partition, Closed: t, Stored: e.stored}
	e.view.last, e.view.before = append(e.view.last[:0], e.last...), append(e.view.before[:0], e.before...)
	for _, key := range e.keys {
		if key > t {
			break
		}
		e.bins[key].apply(e.view.last, e.view.before)
	}
	for _, c := range e.courses {
		p := c.inForce(t)
		if p == nil || p.Layout == nil || int64(t)%p.tick != 0 {
			continue
		}
		partial := Partial{Hierarchy: c.id, Revision: p.Revision, Heard: c.heard}
		p.sum(e.view.last, e.view.before, t, func(tick PartialTick, _ bool) { partial.Ticks = append(partial.Ticks, tick) })
		r.Partials = append(r.Partials, partial)
	}
	return r
}

// inForce is the plan for a tick that is yet to be evaluated.
func (c *course) inForce(t record.Millis) *plan {
	for i := len(c.plans) - 1; i >= 0; i-- {
		if c.plans[i].Effective <= t || i == 0 {
			return c.plans[i]
		}
	}
	return nil
}

// Previewer adds up previews as a [Combiner] does ticks, but waits for nobody.
// Not safe for concurrent use.
type Previewer struct {
	combiner *Combiner
	tick     record.Millis
	under    map[model.HierarchyID]*previewing
}

// previewing is the newest preview of a hierarchy.
type previewing struct {
	plan *expected
	sums sums
	from []bool // partitions that have told
	none []int  // those of them that have heard nothing ever
	done bool
}

// NewPreviewer makes a previewer with the plans of a combiner.
func NewPreviewer(c *Combiner) *Previewer {
	return &Previewer{combiner: c, tick: never, under: make(map[model.HierarchyID]*previewing)}
}

// Add takes a partition's preview and gives the hierarchies that are complete
// by it. A preview of an older tick is ignored.
func (v *Previewer) Add(r *Report) ([]*record.Ticks, error) {
	if r.Partition < 0 || r.Partition >= v.combiner.partitions || !v.combiner.Knows(r) || r.Closed < v.tick {
		return nil, nil
	}
	if r.Closed > v.tick {
		v.tick = r.Closed
		clear(v.under)
	}
	var out []*record.Ticks
	for i := range r.Partials {
		p := &r.Partials[i]
		u := v.under[p.Hierarchy]
		if u == nil {
			plan := v.combiner.plan(p.Hierarchy, p.Revision)
			if plan == nil || plan.Layout == nil {
				continue
			}
			u = &previewing{plan: plan, from: make([]bool, v.combiner.partitions)}
			u.sums.reset(plan)
			v.under[p.Hierarchy] = u
		}
		if u.done || u.from[r.Partition] || u.plan != v.combiner.plan(p.Hierarchy, p.Revision) {
			continue
		}
		u.from[r.Partition] = true
		for j := range p.Ticks {
			if err := u.sums.add(&p.Ticks[j]); err != nil {
				return nil, fmt.Errorf("preview %q: %w", p.Hierarchy, err)
			}
		}
		if len(p.Ticks) == 0 && p.Heard > v.tick {
			u.none = append(u.none, r.Partition)
		}
		if u.complete() {
			out = append(out, u.finish(v.tick))
		}
	}
	return out, nil
}

// Rest gives the hierarchies of a tick that are not complete, because a
// partition is catching up or slow.
func (v *Previewer) Rest(t record.Millis) []*record.Ticks {
	if t != v.tick {
		return nil
	}
	var out []*record.Ticks
	for _, u := range v.under {
		if !u.done {
			out = append(out, u.finish(t))
		}
	}
	slices.SortFunc(out, func(a, b *record.Ticks) int {
		if a.Hierarchy < b.Hierarchy {
			return -1
		}
		return 1
	})
	return out
}

func (u *previewing) complete() bool {
	for p, needed := range u.plan.from {
		if needed && !u.from[p] {
			return false
		}
	}
	return true
}

func (u *previewing) finish(t record.Millis) *record.Ticks {
	u.done = true
	for _, p := range u.none {
		u.sums.unheard(u.plan, p)
	}
	return u.sums.rollUp(u.plan, t)
}
