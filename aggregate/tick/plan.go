package tick

import (
	"maps"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Plan is the layout of one hierarchy from an effective time on. The layout is
// nil when the hierarchy ends there.
//
// Where virtual sensors have to do with the hierarchy, there are more groups
// behind its own: helpers, each with the leaves of an operand, so that
// partitions send of what formulas use what they send of groups.
type Plan struct {
	Hierarchy model.HierarchyID
	Revision  uint64        // the model revision that brought it
	Effective record.Millis // the first tick it may apply to; the first plan of a hierarchy applies to earlier ones too
	Layout    *model.Layout

	virtual *virtual // nil: there are no virtual sensors
}

// Loose is the hierarchy of virtual sensors that have to do with none. It is no
// name that a hierarchy of a model can have.
const Loose model.HierarchyID = "/"

// Plans makes plans of one model.
type Plans struct {
	model *model.Model
	home  map[record.SensorID]model.HierarchyID
	in    map[model.HierarchyID]map[record.SensorID]bool // evaluated in it for its groups, or because it is at home there
}

// NewPlans looks at the virtual sensors of a model.
func NewPlans(m *model.Model) *Plans {
	p := &Plans{model: m, home: make(map[record.SensorID]model.HierarchyID), in: make(map[model.HierarchyID]map[record.SensorID]bool)}
	put := func(h model.HierarchyID, id record.SensorID) {
		if p.in[h] == nil {
			p.in[h] = make(map[record.SensorID]bool)
		}
		p.in[h][id] = true
	}
	for id := range m.Formulas() {
		for _, g := range m.Parents(id) {
			if h, ok := m.HierarchyOf(g); ok {
				put(h, id)
				if was, ok := p.home[id]; !ok || h < was {
					p.home[id] = h
				}
			}
		}
	}
	for id := range m.Formulas() {
		if _, ok := p.home[id]; !ok {
			h := p.near(id)
			p.home[id] = h
			put(h, id)
		}
	}
	return p
}

// near gives the largest hierarchy of those that a virtual sensor uses groups
// of, be it by others, so that least has to be summed up twice.
func (p *Plans) near(id record.SensorID) model.HierarchyID {
	best, most := Loose, -1
	seen := make(map[record.SensorID]bool)
	var look func(id record.SensorID)
	look = func(id record.SensorID) {
		f, ok := p.model.Formula(id)
		if !ok || seen[id] {
			return
		}
		seen[id] = true
		for _, o := range f.Operands() {
			if o.Group == "" {
				look(o.Sensor)
				continue
			}
			h, _ := p.model.HierarchyOf(model.GroupID(o.Group))
			if l := p.model.Layout(h); l != nil && (len(l.Leaves) > most || len(l.Leaves) == most && h < best) {
				best, most = h, len(l.Leaves)
			}
		}
	}
	look(id)
	return best
}

// Virtual lists the hierarchies whose plans have virtual sensors.
func (p *Plans) Virtual() []model.HierarchyID { return slices.Sorted(maps.Keys(p.in)) }

// Plan makes the plan of a hierarchy.
func (p *Plans) Plan(h model.HierarchyID, revision uint64, effective record.Millis) Plan {
	out := Plan{Hierarchy: h, Revision: revision, Effective: effective, Layout: p.model.Layout(h)}
	ids := slices.Sorted(maps.Keys(p.in[h]))
	if len(ids) == 0 || out.Layout == nil && h != Loose {
		return out
	}
	b := &builder{
		model: p.model, layout: &model.Layout{Hierarchy: h, Tick: time.Duration(model.DefaultTick)}, virtual: new(virtual),
		groups: make(map[helper]int32), leaves: make(map[helper]int32), values: make(map[helper]int32),
	}
	if l := out.Layout; l != nil {
		b.layout.Tick, b.virtual.own = l.Tick, len(l.Groups)
		b.tree(l, 0, false)
	}
	for _, id := range ids {
		at := b.value(id, false)
		if f := b.virtual.values[at].formula; p.home[id] == h && f.Live() {
			b.virtual.told = append(b.virtual.told, id)
			b.virtual.at = append(b.virtual.at, at)
		}
	}
	b.order()
	out.Layout, out.virtual = b.layout, b.virtual
	return out
}

// Same tells whether two plans of a hierarchy say the same, whenever they came
// into force.
func (p *Plan) Same(o *Plan) bool {
	switch {
	case p.Layout == nil || o.Layout == nil || p.virtual == nil || o.virtual == nil:
		return p.Layout == o.Layout && p.virtual == o.virtual
	case p.Layout.Tick != o.Layout.Tick || !slices.Equal(p.Layout.Groups, o.Layout.Groups) || !slices.Equal(p.Layout.Leaves, o.Layout.Leaves):
		return false
	}
	x, y := p.virtual, o.virtual
	return x.own == y.own && slices.Equal(x.metered, y.metered) && maps.EqualFunc(x.rates, y.rates, (*rating).same) && slices.Equal(x.steps, y.steps) && slices.Equal(x.told, y.told) && slices.Equal(x.at, y.at) &&
		slices.EqualFunc(x.values, y.values, func(a, b value) bool {
			return a.formula == b.formula && slices.Equal(a.operands, b.operands) && slices.Equal(a.in, b.in)
		})
}

// virtual is what of a plan follows from formulas.
type virtual struct {
	own     int       // groups of the hierarchy; those behind are helpers
	metered []bool    // by group: it has a meter of its own
	below   [][]int32 // by group: its children
	total   []uint32  // by group: leaves that count for it
	values  []value
	rates   map[int32]*rating // by leaf: those that are told as rates; nil: none is
	steps   []step            // in an order in which each follows from those before
	told    []record.SensorID
	at      []int32 // their values
}

// step sums a group up, or evaluates a value.
type step struct {
	group bool
	at    int32
}

// value is a virtual sensor.
type value struct {
	formula  *formula.Formula
	operands []place
	in       []membership
}

// membership is where a virtual sensor counts.
type membership struct {
	group int32
	sign  int8
	meter bool
}

// place is where the value of an operand is found. Its zero value is nowhere.
type place struct {
	kind placeKind
	at   int32 // a group or a value
	sign int8
	rest int32 // with unaccounted: the group whose sum is subtracted
	less bool
}

type placeKind uint8

const (
	nowhere placeKind = iota
	inSum             // the sum of a group
	inValue           // a virtual sensor
)

// builder makes a plan with virtual sensors.
type builder struct {
	model   *model.Model
	layout  *model.Layout
	virtual *virtual
	groups  map[helper]int32 // of the hierarchy, and copies of others
	leaves  map[helper]int32 // helpers of one sensor
	values  map[helper]int32
	trees   map[*model.Layout]map[model.GroupID]int
}

// helper is something by its name, as it is or as a rate.
type helper struct {
	name string
	rate bool
}

// rating says how a leaf is understood that is told as a rate, nil for others.
func (p *Plan) rating(leaf int32) *rating {
	if p.virtual == nil {
		return nil
	}
	return p.virtual.rates[leaf]
}

// leaf adds a leaf.
func (b *builder) leaf(leaf model.Leaf, rate bool) {
	if rate {
		s, _ := b.model.Sensor(leaf.Sensor)
		if b.virtual.rates == nil {
			b.virtual.rates = make(map[int32]*rating)
		}
		b.virtual.rates[int32(len(b.layout.Leaves))] = ratingOf(s)
	}
	b.layout.Leaves = append(b.layout.Leaves, leaf)
}

// tree copies a group of a layout with all below it.
func (b *builder) tree(l *model.Layout, root int, rate bool) {
	offset := int32(len(b.layout.Groups) - root)
	end := root + 1
	for end < len(l.Groups) && int(l.Groups[end].Parent) >= root {
		end++
	}
	for i := root; i < end; i++ {
		g := l.Groups[i]
		b.virtual.metered = append(b.virtual.metered, g.Meter >= 0)
		if g.Meter = -1; i == root {
			g.Parent = -1
		} else {
			g.Parent += offset
		}
		g.From, g.To = 0, 0 // they are no ranges of all leaves any more
		x := helper{string(g.ID), rate}
		if _, known := b.groups[x]; !known {
			b.groups[x] = int32(len(b.layout.Groups))
		}
		b.layout.Groups = append(b.layout.Groups, g)
	}
	for _, leaf := range l.Leaves[l.Groups[root].From:l.Groups[root].To] {
		leaf.Group += offset
		if s, _ := b.model.Sensor(leaf.Sensor); rate && s.Kind != model.Counter {
			continue // what is no counter has no rate
		}
		if _, ok := b.model.Formula(leaf.Sensor); ok {
			v := &b.virtual.values[b.value(leaf.Sensor, rate)]
			v.in = append(v.in, membership{leaf.Group, leaf.Sign, leaf.Meter})
			continue
		}
		if leaf.Meter {
			b.layout.Groups[leaf.Group].Meter = int32(len(b.layout.Leaves))
		}
		b.leaf(leaf, rate)
	}
}

// value gives the number of a virtual sensor, with all that it needs. The rate
// of one that is a counter is its formula of the rates of what it uses: live it
// is a sum of counters with constant factors.
func (b *builder) value(id record.SensorID, rate bool) int32 {
	x := helper{string(id), rate}
	if at, ok := b.values[x]; ok {
		return at
	}
	f, _ := b.model.Formula(id)
	at := int32(len(b.virtual.values))
	b.values[x] = at
	b.virtual.values = append(b.virtual.values, value{formula: f})
	if !f.Live() {
		return at
	}
	operands := make([]place, len(f.Operands()))
	for i, o := range f.Operands() {
		operands[i] = b.operand(o, rate || o.Rate)
	}
	b.virtual.values[at].operands = operands
	return at
}

func (b *builder) operand(o formula.Operand, rate bool) place {
	if o.Group == "" {
		return b.sensor(o.Sensor, 1, rate)
	}
	id := model.GroupID(o.Group)
	g, _ := b.model.Group(id)
	var meter *model.Member
	for i := range g.Members {
		if g.Members[i].Meter {
			meter = &g.Members[i]
		}
	}
	switch {
	case o.Part == formula.Sum, o.Part == formula.Whole && meter == nil:
		return place{kind: inSum, at: b.group(id, rate), sign: 1}
	case meter == nil:
		return place{}
	}
	p := b.sensor(meter.Sensor, meter.Sign, rate)
	if o.Part == formula.Unaccounted {
		p.less, p.rest = true, b.group(id, rate)
	}
	return p
}

// sensor finds the value of a sensor, by a helper that has it alone.
func (b *builder) sensor(id record.SensorID, sign int8, rate bool) place {
	if _, ok := b.model.Formula(id); ok {
		return place{kind: inValue, at: b.value(id, rate), sign: sign}
	}
	x := helper{string(id), rate}
	at, ok := b.leaves[x]
	if !ok {
		at = int32(len(b.layout.Groups))
		b.leaves[x] = at
		leaf := model.Leaf{Sensor: id, Group: at, Sign: 1}
		if s, ok := b.model.Sensor(id); ok {
			leaf.MaxAge = s.Age()
		}
		b.leaf(leaf, rate)
		b.layout.Groups = append(b.layout.Groups, model.LayoutGroup{Parent: -1, Sign: 1, Meter: -1, Total: 1})
		b.virtual.metered = append(b.virtual.metered, false)
	}
	return place{kind: inSum, at: at, sign: sign}
}

// group finds a group, and copies it from another hierarchy where it has to.
func (b *builder) group(id model.GroupID, rate bool) int32 {
	x := helper{string(id), rate}
	if at, ok := b.groups[x]; ok {
		return at
	}
	h, _ := b.model.HierarchyOf(id)
	l := b.model.Layout(h)
	if b.trees == nil {
		b.trees = make(map[*model.Layout]map[model.GroupID]int)
	}
	if b.trees[l] == nil {
		b.trees[l] = make(map[model.GroupID]int, len(l.Groups))
		for i := range l.Groups {
			b.trees[l][l.Groups[i].ID] = i
		}
	}
	b.tree(l, b.trees[l][id], rate)
	return b.groups[x]
}

// order finds the order of the steps. The model has no circles.
func (b *builder) order() {
	v := b.virtual
	v.below = make([][]int32, len(b.layout.Groups))
	members := make([][]int32, len(b.layout.Groups)) // virtual ones
	meters := make([]int32, len(b.layout.Groups))    // virtual ones, from 1
	for i, g := range b.layout.Groups {
		if g.Parent >= 0 {
			v.below[g.Parent] = append(v.below[g.Parent], int32(i))
		}
	}
	for i := range v.values {
		for _, m := range v.values[i].in {
			if m.meter {
				meters[m.group] = int32(i) + 1
			} else {
				members[m.group] = append(members[m.group], int32(i))
			}
		}
	}
	v.total = make([]uint32, len(b.layout.Groups))
	for i := range b.layout.Leaves {
		if l := &b.layout.Leaves[i]; !l.Meter {
			v.total[l.Group]++
		}
	}
	for i := len(v.total) - 1; i >= 0; i-- { // children before parents
		v.total[i] += uint32(len(members[i]))
		switch up := b.layout.Groups[i].Parent; {
		case up >= 0 && v.metered[i]:
			v.total[up]++
		case up >= 0:
			v.total[up] += v.total[i]
		}
	}
	summed, known := make([]bool, len(b.layout.Groups)), make([]bool, len(v.values))
	var sum, know func(at int32)
	sum = func(at int32) {
		if summed[at] {
			return
		}
		summed[at] = true
		for _, i := range members[at] {
			know(i)
		}
		for _, c := range v.below[at] {
			if !v.metered[c] {
				sum(c)
			} else if m := meters[c]; m > 0 {
				know(m - 1)
			}
		}
		v.steps = append(v.steps, step{group: true, at: at})
	}
	know = func(at int32) {
		if known[at] {
			return
		}
		known[at] = true
		for _, p := range v.values[at].operands {
			switch p.kind {
			case inSum:
				sum(p.at)
			case inValue:
				know(p.at)
			}
			if p.less {
				sum(p.rest)
			}
		}
		v.steps = append(v.steps, step{at: at})
	}
	for i := range v.values {
		know(int32(i))
	}
	for i := range b.layout.Groups {
		sum(int32(i))
	}
}
