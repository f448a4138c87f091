package tick

import (
	"slices"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// hearing is what a partition has heard of a hierarchy up to a tick.
type hearing struct {
	h         model.HierarchyID
	partition int
	t         record.Millis
}

// evalIn has hierarchy h evaluated.
func (o *oracle) evalIn(h model.HierarchyID) { o.within, o.rates.within = h, h }

// was tells whether a sensor had ever been heard by tick t.
func (o *oracle) was(id record.SensorID, t record.Millis) bool {
	return slices.ContainsFunc(o.records[id], func(r record.Record) bool { return r.Time <= t })
}

// layout is that of the hierarchy being evaluated, with what formulas need.
func (o *oracle) layout(t record.Millis) Plan {
	m := o.base.modelAt(o.within, t)
	if m == nil {
		return Plan{}
	}
	return o.plansOf(m).Plan(o.within, 1, 0)
}

// unheard tells whether a leaf without a value counts as one that was never heard.
// That is told by its partition while that has any value in the hierarchy, and
// before it ever heard of a leaf there.
func (o *oracle) unheard(id record.SensorID, t record.Millis) bool {
	if o.was(id, t) {
		return false
	}
	at := hearing{o.within, record.Partition(id, o.parts), t}
	told, known := o.told[at]
	if !known {
		p := o.layout(t)
		for i := range p.Layout.Leaves {
			l := p.Layout.Leaves[i].Sensor
			if record.Partition(l, o.parts) != at.partition {
				continue
			}
			s, _ := o.base.modelAt(o.within, t).Sensor(l)
			value := o.valueAt
			if p.rating(int32(i)) != nil {
				value = o.rateAt
			}
			_, has := value(s, t)
			told = told || has
		}
		o.told[at] = told
	}
	return told || t < o.heardFirst(at)
}

// heardFirst is the first tick by which a partition had heard of a leaf of the
// hierarchy there was then; always when that was not by tick t.
func (o *oracle) heardFirst(at hearing) record.Millis {
	if first, ok := o.first[at]; ok {
		return first
	}
	first := always
	p := o.layout(at.t)
	if p.Layout == nil {
		return first
	}
	tick := record.Millis(p.Layout.Tick.Milliseconds())
	if before := at.t - tick; before > 1_700_000_000_000-10_000 {
		first = o.heardFirst(hearing{at.h, at.partition, before})
	}
	if first == always && slices.ContainsFunc(p.Layout.Leaves, func(l model.Leaf) bool {
		return record.Partition(l.Sensor, o.parts) == at.partition && o.was(l.Sensor, at.t)
	}) {
		first = at.t
	}
	o.first[at] = first
	return first
}

// silent tells whether a leaf without a value keeps a group from being compared
// with its meter.
func (o *oracle) silent(m *model.Model, id record.SensorID, t record.Millis) bool {
	if s, _ := m.Sensor(id); o == o.rates && s.Kind != model.Counter {
		return false // it has no rate, and is no leaf
	}
	if _, virtual := m.Formula(id); virtual {
		return true
	}
	return !o.unheard(id, t)
}
