package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// Bounds of one answer.
const (
	mostWindows = 1_500_000 // that are read
	mostNodes   = 1000
	mostTrees   = 50 // that hold in the span, one after the other
)

// Kind is what a node is.
type Kind string

// The kinds.
const (
	Group       Kind = "group"
	Sensor      Kind = "sensor"
	Others      Kind = "others"      // members that are not shown, together
	Unaccounted Kind = "unaccounted" // meter less members
)

// Value is an amount and what it stands on.
type Value struct {
	Known        bool
	Amount       energy.Amount
	Estimated    energy.Amount // part of it, without sign, that was not measured in its quarter
	Completeness float64
}

// Node is a part of the tree.
type Node struct {
	Kind     Kind
	Name     string // of the sensor or group
	Parent   int    // index; -1 for the first
	Depth    int
	Sign     int8          // as it counts in the parent; of the last of the times it was a member
	Meter    string        // that stands for the group; of the last of those times
	Value    Value         // what counts for it: of a group with a meter that of the meter
	Members  Value         // of a group: what its members come to
	Link     energy.Amount // what of Value goes into the parent, with the sign
	Count    int           // of a group that is looked into: its members; of others: how many they are
	Unknown  int           // of those, members without an amount
	Closed   bool          // a group that is not looked into, though it has members
	places   []place
	metered  ledger.Sum    // of the times in which it had a meter
	long     record.Millis // those times
	inMeters bool
}

// place is where a node stands in one of the trees.
type place struct {
	tree  int
	sign  int8
	meter string
}

// question is what an answer needs.
type question struct {
	store     *ledger.Store
	calendars interface {
		Calendar(p ledger.Point) window.Calendar
	}
	outline   *tree.Outline
	hierarchy string
	calendar  window.Calendar // of the hierarchy
	span      window.Span
	trees     []*tree.Tree  // that hold one after the other, nil where there is none
	spans     []window.Span // in which they do
	days      []ledger.Part // whole days, and quarters at the ends
	quarters  []ledger.Part
	budget    int64
}

// errMuch is wrapped by the errors that say that too much was asked for.
var errMuch = errors.New("too much")

// divide finds the trees that hold in a span, and which rows they are about.
func (q *question) divide() error {
	at := q.span
	edges := []record.Millis{at.From}
	for _, e := range q.outline.Past.Edges(q.hierarchy) {
		if e > at.From && e < at.To {
			edges = append(edges, e)
		}
	}
	if len(edges) > mostTrees {
		return fmt.Errorf("%w: the tree of the hierarchy changed %d times in this time; ask for a shorter time", errMuch, len(edges)-1)
	}
	for i, from := range edges {
		to := at.To
		if i+1 < len(edges) {
			to = edges[i+1]
		}
		q.trees, q.spans = append(q.trees, q.outline.Past.At(q.hierarchy, from)), append(q.spans, window.Span{From: from, To: to})
		q.quarters = append(q.quarters, ledger.Part{Table: ledger.Quarters, From: from, To: to, Number: i})
		first, last := q.calendar.Span(window.Day, from), q.calendar.Span(window.Day, to).From
		begin := first.From
		if begin < from {
			begin = first.To
		}
		if begin >= last {
			q.days = append(q.days, q.quarters[i])
			continue
		}
		for _, p := range []ledger.Part{{Table: ledger.Quarters, From: from, To: begin, Number: i}, {Table: ledger.Days, From: begin, To: last, Number: i}, {Table: ledger.Quarters, From: last, To: to, Number: i}} {
			if p.From < p.To {
				q.days = append(q.days, p)
			}
		}
	}
	return nil
}

// cost is how many rows of a point are read for parts, at most.
func cost(parts []ledger.Part) (n int64) {
	for _, p := range parts {
		length := record.Millis(window.QuarterLength)
		if p.Table == ledger.Days {
			length *= 96
		}
		n += int64((p.To - p.From) / length)
	}
	return n
}

// follow answers. members is how many of a group are shown by themselves.
func (q *question) follow(ctx context.Context, group string, depth, members int) ([]Node, error) {
	root := Node{Kind: Group, Name: group, Parent: -1, Sign: 1}
	for i, x := range q.trees {
		if x == nil {
			continue
		}
		if k, ok := x.Find(group); ok {
			root.Meter = x.Groups[k].Meter
			root.places = append(root.places, place{i, 1, root.Meter})
		}
	}
	level := []Node{root}
	if err := q.measure(ctx, level); err != nil {
		return nil, err
	}
	nodes := slices.Clone(level)
	for next := 0; next < len(nodes); {
		// All that stand on one level are measured by one query.
		var below []Node
		end := len(nodes)
		for i := next; i < end; i++ {
			n := &nodes[i]
			if n.Kind != Group {
				continue
			}
			children := q.membersOf(n, i)
			price := q.price(children)
			if n.Closed = len(children) > 0 && (n.Depth >= depth || price > q.budget || len(nodes)+len(below) >= mostNodes); n.Closed {
				if n.Depth == 0 {
					return nil, fmt.Errorf("%w: the group has %d members, too many for so long; ask for a shorter time, or for whole days", errMuch, len(children))
				}
				continue
			}
			q.budget -= price
			n.Count = len(children)
			below = append(below, children...)
		}
		if err := q.measure(ctx, below); err != nil {
			return nil, err
		}
		for i := next; i < end; i++ {
			if nodes[i].Count > 0 && nodes[i].Kind == Group {
				nodes = hang(nodes, i, below, members)
			}
		}
		next = end
	}
	return nodes, nil
}

// membersOf gives those of a group, of all the times in which it was where it is.
func (q *question) membersOf(n *Node, parent int) (out []Node) {
	at := make(map[ledger.Point]int)
	add := func(kind Kind, p ledger.Point, in place) {
		i, ok := at[p]
		if !ok {
			i = len(out)
			at[p] = i
			out = append(out, Node{Kind: kind, Name: p.Name, Parent: parent, Depth: n.Depth + 1})
		}
		out[i].Sign, out[i].Meter = in.sign, in.meter
		out[i].places = append(out[i].places, in)
	}
	for _, p := range n.places {
		x := q.trees[p.tree]
		k, ok := x.Find(n.Name)
		if !ok {
			continue
		}
		for _, s := range x.Groups[k].Sensors {
			add(Sensor, ledger.SensorPoint(record.SensorID(s.Sensor)), place{p.tree, s.Sign, ""})
		}
		for _, c := range x.Groups[k].Children {
			g := &x.Groups[c]
			add(Group, ledger.GroupPoint(q.hierarchy, g.Name), place{p.tree, g.Sign, g.Meter})
		}
	}
	return out
}

func (q *question) point(n *Node) ledger.Point {
	if n.Kind == Sensor {
		return ledger.SensorPoint(record.SensorID(n.Name))
	}
	return ledger.GroupPoint(q.hierarchy, n.Name)
}

// fine tells whether days of a point are of no use: they are those of its own
// zone, and of some formulas they are not the sum of their quarters.
func (q *question) fine(p ledger.Point) bool {
	return p.Hierarchy == "" && (q.outline.Anew(p) != nil || q.calendars.Calendar(p).Zone().String() != q.calendar.Zone().String())
}

// price is how many rows are read for nodes, at most.
func (q *question) price(nodes []Node) (n int64) {
	days, quarters := cost(q.days), cost(q.quarters)
	for i := range nodes {
		if n += days; q.fine(q.point(&nodes[i])) {
			n += quarters - days
		}
	}
	return n
}

// sums reads what points come to, by number of the tree.
func (q *question) sums(ctx context.Context, points []ledger.Point) (map[ledger.Point]map[int]ledger.Sum, error) {
	ids, err := q.store.IDs(ctx, points, false)
	if err != nil {
		return nil, err
	}
	var coarse, fine []int64
	of := make(map[int64]ledger.Point, len(points))
	for i, p := range points {
		if ids[i] == 0 || of[ids[i]] == p {
			continue
		}
		of[ids[i]] = p
		if q.fine(p) {
			fine = append(fine, ids[i])
		} else {
			coarse = append(coarse, ids[i])
		}
	}
	out := make(map[ledger.Point]map[int]ledger.Sum, len(of))
	for _, x := range []struct {
		ids   []int64
		parts []ledger.Part
	}{{coarse, q.days}, {fine, q.quarters}} {
		found, err := q.store.Sums(ctx, x.ids, x.parts)
		if err != nil {
			return nil, err
		}
		for id, all := range found {
			out[of[id]] = all
		}
	}
	return out, nil
}

// measure fills in what nodes come to.
func (q *question) measure(ctx context.Context, nodes []Node) error {
	var points []ledger.Point
	for i := range nodes {
		points = append(points, q.point(&nodes[i]))
		for _, p := range nodes[i].places {
			if p.meter != "" {
				points = append(points, ledger.SensorPoint(record.SensorID(p.meter)))
			}
		}
	}
	found, err := q.sums(ctx, points)
	if err != nil {
		return err
	}
	for i := range nodes {
		n := &nodes[i]
		var own, meter, members ledger.Sum // own: what counts where it has no meter
		var length record.Millis
		var counted energy.Amount
		for _, p := range n.places {
			x := found[q.point(n)][p.tree]
			length += record.Millis(q.spans[p.tree].Length())
			if err := members.Add(x); err != nil {
				return err
			}
			amount := x.Amount
			if p.meter == "" {
				err = own.Add(x)
			} else {
				// The row of the group has the meter with its sign, that of the meter what it stands on.
				stands := found[ledger.SensorPoint(record.SensorID(p.meter))][p.tree]
				stands.Amount, stands.Known, amount = x.Meter, x.Metered, x.Meter
				n.inMeters = true
				n.long += record.Millis(q.spans[p.tree].Length())
				if err = meter.Add(stands); err == nil {
					err = n.metered.Add(x)
				}
			}
			if err != nil {
				return err
			}
			if p.sign < 0 {
				amount = -amount
			}
			if counted, err = counted.Add(amount); err != nil {
				return err
			}
		}
		if n.Parent < 0 { // a member counts for as long as it is one; this is asked for
			length = record.Millis(q.span.Length())
		}
		if err := own.Add(meter); err != nil {
			return err
		}
		n.Value, n.Link = valueOf(&own, length), counted
		if n.Kind == Group {
			n.Members = valueOf(&members, length)
		}
	}
	return nil
}

func valueOf(s *ledger.Sum, length record.Millis) Value {
	return Value{Known: s.Known > 0, Amount: s.Amount, Estimated: s.Estimated, Completeness: s.Completeness(length)}
}

// compared is the part of the time in which a group had a meter of which meter
// and members are known, so that they can be compared.
func (n *Node) compared() float64 {
	if n.long == 0 {
		return 0
	}
	return float64(n.metered.Rest.Time) / float64(n.long)
}

// hang puts the members of a group behind the nodes: those that come to most by
// themselves, all others together, and what is not accounted for.
func hang(nodes []Node, parent int, below []Node, most int) []Node {
	var mine []Node
	for _, n := range below {
		if n.Parent == parent {
			mine = append(mine, n)
		}
	}
	slices.SortStableFunc(mine, func(a, b Node) int {
		if a.Value.Known != b.Value.Known {
			if a.Value.Known {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(size(b.Link), size(a.Link)), cmp.Compare(a.Name, b.Name))
	})
	for i := range mine {
		if !mine[i].Value.Known {
			nodes[parent].Unknown++
		}
	}
	depth := nodes[parent].Depth + 1
	// One alone is as well shown by itself.
	if len(mine) > most+1 {
		rest := Node{Kind: Others, Parent: parent, Depth: depth, Sign: 1, Count: len(mine) - most}
		for _, n := range mine[most:] {
			if !n.Value.Known {
				rest.Unknown++
				continue
			}
			rest.Value.Known = true
			rest.Value.Amount, rest.Value.Estimated = rest.Value.Amount+n.Link, rest.Value.Estimated+n.Value.Estimated
			rest.Value.Completeness += n.Value.Completeness
		}
		rest.Link = rest.Value.Amount
		rest.Value.Completeness /= float64(rest.Count)
		mine = append(mine[:most:most], rest)
	}
	nodes = append(nodes, mine...)
	if n := &nodes[parent]; n.inMeters {
		rest := Node{Kind: Unaccounted, Parent: parent, Depth: depth, Sign: 1}
		rest.Value.Completeness = n.compared()
		if x := n.metered.Rest; x.Time > 0 {
			rest.Value.Known, rest.Value.Amount, rest.Value.Estimated = true, x.Amount, min(x.Estimated, size(x.Amount))
			rest.Link = x.Amount
		}
		nodes = append(nodes, rest)
	}
	return nodes
}

func size(a energy.Amount) energy.Amount { return max(a, -a) }

// title is what people call a node.
func title(m *model.Model, n *Node) string {
	switch n.Kind {
	case Group:
		if g, ok := m.Group(model.GroupID(n.Name)); ok && g.Name != "" {
			return g.Name
		}
	case Sensor:
		if s, ok := m.Sensor(record.SensorID(n.Name)); ok && s.Name != "" {
			return s.Name
		}
	}
	return n.Name
}
