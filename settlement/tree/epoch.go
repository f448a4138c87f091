package tree

import (
	"slices"

	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Virtual is a virtual sensor.
type Virtual struct {
	ID          record.SensorID
	Formula     *formula.Formula
	Hierarchies []string // of every operand, "" of sensors
}

// Virtuals lists the virtual sensors of a model.
func Virtuals(m *model.Model) map[record.SensorID]*Virtual {
	out := make(map[record.SensorID]*Virtual)
	for id, f := range m.Formulas() {
		v := &Virtual{ID: id, Formula: f}
		for _, o := range f.Operands() {
			h := model.HierarchyID(o.Hierarchy)
			if h == "" && o.Group != "" {
				h, _ = m.HierarchyOf(model.GroupID(o.Group))
			}
			v.Hierarchies = append(v.Hierarchies, string(h))
		}
		out[id] = v
	}
	return out
}

// Step is a group of a tree, or a virtual sensor if it has one.
type Step struct {
	Virtual *Virtual
	Void    bool // it depends on itself by the trees in force, and has no value
	Tree    *Tree
	Group   int
}

// Epoch is a time in which one tree of each hierarchy holds, up to the next
// epoch. Its steps stand in the order in which each follows from those before.
type Epoch struct {
	From  record.Millis
	Steps []Step
}

// Void tells whether a virtual sensor has no values in the epoch.
func (e *Epoch) Void(id record.SensorID) bool {
	return slices.ContainsFunc(e.Steps, func(s Step) bool { return s.Void && s.Virtual.ID == id })
}

// epochs puts virtual sensors in order with the groups of all hierarchies that
// have to do with them, which are the linked ones.
func epochs(past Past, virtuals map[record.SensorID]*Virtual) (out []Epoch, linked map[string]bool) {
	linked = make(map[string]bool)
	if len(virtuals) == 0 {
		return nil, linked
	}
	for _, v := range virtuals {
		for _, h := range v.Hierarchies {
			linked[h] = true
		}
	}
	for h, all := range past {
		for _, x := range all {
			if linked[h] = linked[h] || x.holds(virtuals); linked[h] {
				break
			}
		}
	}
	var names []string
	for h, ok := range linked {
		if ok && h != "" {
			names = append(names, h)
		}
	}
	slices.Sort(names)
	edges := past.Edges(names...)
	if len(edges) == 0 || edges[0] > 0 {
		edges = slices.Insert(edges, 0, 0)
	}
	for _, at := range edges {
		out = append(out, Epoch{From: at, Steps: order(past, at, names, virtuals)})
	}
	return out, linked
}

// holds tells whether a virtual sensor is in the tree.
func (s *Tree) holds(virtuals map[record.SensorID]*Virtual) bool {
	for i := range s.Groups {
		g := &s.Groups[i]
		if virtuals[record.SensorID(g.Meter)] != nil {
			return true
		}
		for _, p := range g.Sensors {
			if virtuals[record.SensorID(p.Sensor)] != nil {
				return true
			}
		}
	}
	return false
}

// vertex names a step.
type vertex struct {
	virtual   record.SensorID
	hierarchy string
	group     int
}

// sorter finds the order of steps, by Tarjan's algorithm: what is used comes
// out first, and what uses itself comes out together.
type sorter struct {
	past     Past
	at       record.Millis
	trees    map[string]*Tree
	virtuals map[record.SensorID]*Virtual
	number   map[vertex]int // in the order of being met, from 1
	low      map[vertex]int
	path     []vertex
	on       map[vertex]bool
	steps    []Step
}

func order(past Past, at record.Millis, hierarchies []string, virtuals map[record.SensorID]*Virtual) []Step {
	s := &sorter{past: past, at: at, trees: make(map[string]*Tree), virtuals: virtuals, number: make(map[vertex]int), low: make(map[vertex]int), on: make(map[vertex]bool)}
	var all []vertex
	for _, h := range hierarchies {
		if x := past.At(h, at); x != nil {
			s.trees[h] = x
			for i := range x.Groups {
				all = append(all, vertex{hierarchy: h, group: i})
			}
		}
	}
	ids := make([]record.SensorID, 0, len(virtuals))
	for id := range virtuals {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		all = append(all, vertex{virtual: id})
	}
	for _, v := range all {
		if s.number[v] == 0 {
			s.visit(v)
		}
	}
	return s.steps
}

func (s *sorter) visit(v vertex) {
	s.number[v] = len(s.number) + 1
	s.low[v] = s.number[v]
	s.path = append(s.path, v)
	s.on[v] = true
	for _, u := range s.uses(v) {
		if s.number[u] == 0 {
			s.visit(u)
			s.low[v] = min(s.low[v], s.low[u])
		} else if s.on[u] {
			s.low[v] = min(s.low[v], s.number[u])
		}
	}
	if s.low[v] != s.number[v] {
		return
	}
	i := slices.Index(s.path, v)
	together := slices.Clone(s.path[i:])
	s.path = s.path[:i]
	// Without the virtual sensors of a circle its groups form trees again.
	slices.SortFunc(together, func(a, b vertex) int {
		switch {
		case a.virtual != "" && b.virtual == "":
			return -1
		case a.virtual == "" && b.virtual != "":
			return 1
		}
		return b.group - a.group
	})
	for _, u := range together {
		delete(s.on, u)
		if u.virtual != "" {
			s.steps = append(s.steps, Step{Virtual: s.virtuals[u.virtual], Void: len(together) > 1})
		} else {
			s.steps = append(s.steps, Step{Tree: s.trees[u.hierarchy], Group: u.group})
		}
	}
}

// uses lists what a value follows from directly.
func (s *sorter) uses(v vertex) (out []vertex) {
	sensor := func(id string) {
		if id != "" && s.virtuals[record.SensorID(id)] != nil {
			out = append(out, vertex{virtual: record.SensorID(id)})
		}
	}
	if v.virtual == "" {
		x := s.trees[v.hierarchy]
		g := &x.Groups[v.group]
		for _, p := range g.Sensors {
			sensor(p.Sensor)
		}
		sensor(g.Meter)
		for _, k := range g.Children {
			if m := x.Groups[k].Meter; m != "" {
				sensor(m)
			} else {
				out = append(out, vertex{hierarchy: v.hierarchy, group: k})
			}
		}
		return out
	}
	x := s.virtuals[v.virtual]
	for i, o := range x.Formula.Operands() {
		where := s.past.Operand(o, x.Hierarchies[i], s.at)
		if where.At.Hierarchy == "" {
			sensor(where.At.Name)
		}
		if where.At.Hierarchy == "" {
			continue
		}
		if k, ok := s.trees[where.At.Hierarchy].Find(where.At.Name); ok {
			out = append(out, vertex{hierarchy: where.At.Hierarchy, group: k})
		}
	}
	return out
}
