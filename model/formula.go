package model

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/record"
)

// virtual is a formula of a sensor.
type virtual struct {
	expr    *formula.Expr
	checked *formula.Formula
}

// operandKey names what formulas use: a sensor or a group.
type operandKey string

func keyOf(o formula.Operand) operandKey {
	if o.Group != "" {
		return groupKey(GroupID(o.Group))
	}
	return sensorKey(o.Sensor)
}

func sensorKey(id record.SensorID) operandKey { return operandKey("s" + id) }
func groupKey(id GroupID) operandKey          { return operandKey("g" + id) }

// users are the sensors whose formulas use something.
type users struct {
	ids map[record.SensorID]struct{}
	age uint64 // as of a sensorNode
}

func (u *users) sorted() []record.SensorID {
	if u == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(u.ids))
}

// Formula gives the formula of a virtual sensor, and whether it is one.
func (m *Model) Formula(id record.SensorID) (*formula.Formula, bool) {
	v, ok := m.virtuals.get(id)
	if !ok {
		return nil, false
	}
	return v.checked, true
}

// Formulas goes through all virtual sensors, in no particular order.
func (m *Model) Formulas() iter.Seq2[record.SensorID, *formula.Formula] {
	return func(yield func(record.SensorID, *formula.Formula) bool) {
		for id, v := range m.virtuals.all() {
			if !yield(id, v.checked) {
				return
			}
		}
	}
}

// FormulaOrder lists the virtual sensors so that each stands after those it
// depends on, be it through groups that contain them.
func (m *Model) FormulaOrder() []record.SensorID {
	g := &dependencies{sensors: &m.sensors, groups: &m.groups, virtuals: &m.virtuals, users: &m.users, meters: make(map[GroupID]record.SensorID)}
	uses := make(map[record.SensorID][]record.SensorID, m.virtuals.n)
	for id := range m.virtuals.all() {
		uses[id] = append(uses[id], uses[id][:0]...) // there, be it empty
		seen := make(map[dependent]bool)
		var up func(d dependent)
		up = func(d dependent) {
			for _, next := range g.above(d) {
				switch {
				case seen[next]:
				case next.group == "":
					seen[next] = true
					uses[next.sensor] = append(uses[next.sensor], id)
				default:
					seen[next] = true
					up(next)
				}
			}
		}
		up(dependent{sensor: id})
	}
	order, err := formula.Order(uses)
	if err != nil {
		panic(err) // a model with a circle has been refused
	}
	return order
}

// checkFormulas reads and checks the formulas that the change brings, and
// checks those again that it may break. The groups form trees by now.
func (c *change) checkFormulas(p Patch) {
	given := 0
	for i := range p.Sensors {
		if p.Sensors[i].Formula != "" {
			given++
		}
	}
	if given == 0 && c.was.virtuals.n == 0 {
		return
	}
	c.virtuals, c.users = c.was.virtuals.edited(given), c.was.users.edited(given)
	var check []record.SensorID
	listed := make(map[record.SensorID]bool)
	again := func(k operandKey) {
		u, _ := c.users.get(k)
		for _, id := range u.sorted() {
			if !listed[id] {
				listed[id] = true
				check = append(check, id)
			}
		}
	}
	put := c.putFormulas(p)
	for _, id := range put {
		listed[id] = true
	}
	check = append(check, put...)
	for _, id := range p.RemoveSensors {
		c.stillUsed("sensor", string(id), sensorKey(id), listed)
	}
	for _, id := range p.RemoveGroups {
		c.stillUsed("group", string(id), groupKey(id), listed)
	}
	for i := range p.Sensors {
		is, ok := c.sensors.get(p.Sensors[i].ID)
		if was, old := c.was.sensors.get(p.Sensors[i].ID); ok && old && (was.Quantity != is.Quantity || was.Kind != is.Kind) {
			again(sensorKey(is.ID))
		}
	}
	above, under := make(map[GroupID]bool), make(map[GroupID]bool)
	for _, at := range c.touched {
		for at != "" && !above[at] {
			above[at] = true
			n, ok := c.groups.get(at)
			if !ok {
				break
			}
			if was, old := c.was.groups.get(at); old && (was.quantity != n.quantity || was.metered != n.metered) {
				again(groupKey(at))
			}
			at = n.parent
		}
	}
	// What stood in a hierarchy may do so no more.
	var below func(id GroupID)
	below = func(id GroupID) {
		n, ok := c.groups.get(id)
		if !ok || under[id] {
			return
		}
		under[id] = true
		again(groupKey(id))
		for _, e := range n.Members {
			if e.Group != "" {
				below(e.Group)
			}
		}
	}
	for _, id := range c.moved {
		below(id)
	}
	for id, was := range c.was.hierarchies {
		if is, ok := c.hierarchies[id]; !ok || is.Root != was.Root {
			below(was.Root)
		}
	}
	// Two ways lead here in no order: the hierarchies, which are in a map.
	slices.Sort(check[len(put):])
	for _, id := range check {
		c.checkFormula(id)
	}
	c.checkCircles(put)
}

// putFormulas brings the indexes up to date, and gives the sensors with new
// formulas, or with formulas and new quantities, that can be read.
func (c *change) putFormulas(p Patch) []record.SensorID {
	var out []record.SensorID
	seen := make(map[record.SensorID]bool)
	for i := range p.Sensors {
		s, ok := c.sensors.get(p.Sensors[i].ID)
		if !ok || seen[s.ID] {
			continue // removed at the same time, or given twice: reported
		}
		seen[s.ID] = true
		was, known := c.was.sensors.get(s.ID)
		if known && was.Formula == s.Formula && was.Quantity == s.Quantity && was.Kind == s.Kind {
			continue
		}
		c.dropFormula(s.ID)
		if s.Formula == "" {
			continue
		}
		e, err := formula.Parse(s.Formula)
		if err != nil {
			c.faults.Add("the formula of sensor %q is wrong: %v", s.ID, err)
			continue
		}
		c.virtuals.set(s.ID, &virtual{expr: e})
		for _, o := range e.Operands() {
			c.user(keyOf(o)).ids[s.ID] = struct{}{}
		}
		out = append(out, s.ID)
	}
	for _, id := range p.RemoveSensors {
		c.dropFormula(id)
	}
	return out
}

func (c *change) dropFormula(id record.SensorID) {
	v, ok := c.virtuals.get(id)
	if !ok {
		return
	}
	c.virtuals.delete(id)
	for _, o := range v.expr.Operands() {
		k := keyOf(o)
		u := c.user(k)
		if delete(u.ids, id); len(u.ids) == 0 {
			c.users.delete(k)
		}
	}
}

// user gives those who use something, for this change to write to.
func (c *change) user(k operandKey) *users {
	u, ok := c.users.get(k)
	switch {
	case !ok:
		u = &users{ids: make(map[record.SensorID]struct{}), age: c.age}
	case u.age != c.age:
		u = &users{ids: maps.Clone(u.ids), age: c.age}
	default:
		return u
	}
	c.users.set(k, u)
	return u
}

// stillUsed reports a removal that formulas are in the way of, other than those
// that are to be checked and say so themselves.
func (c *change) stillUsed(kind, id string, k operandKey, told map[record.SensorID]bool) {
	u, _ := c.users.get(k)
	for _, by := range u.sorted() {
		if !told[by] {
			told[by] = true
			c.faults.Add("%s %q is to be removed, but the formula of sensor %q still uses it", kind, id, by)
		}
	}
}

func (c *change) checkFormula(id record.SensorID) {
	s, ok := c.sensors.get(id)
	v, ok2 := c.virtuals.get(id)
	if !ok || !ok2 || s.Quantity.Validate() != nil {
		return // reported
	}
	f, err := v.expr.Check(c.meaning, formula.Meaning{Quantity: s.Quantity, Counter: s.Kind == Counter})
	if err != nil {
		c.faults.Add("the formula of sensor %q is wrong: %v", id, err)
		return
	}
	c.virtuals.set(id, &virtual{expr: v.expr, checked: f})
}

// meaning says what an operand measures. Groups count up if their quantity
// does by nature.
func (c *change) meaning(o formula.Operand) (formula.Meaning, error) {
	if o.Group == "" {
		s, ok := c.sensors.get(o.Sensor)
		if !ok {
			return formula.Meaning{}, fmt.Errorf("there is no sensor %q", o.Sensor)
		}
		return formula.Meaning{Quantity: s.Quantity, Counter: s.Kind == Counter}, nil
	}
	id := GroupID(o.Group)
	g, ok := c.groups.get(id)
	if !ok {
		return formula.Meaning{}, fmt.Errorf("there is no group %q", id)
	}
	h, ok := c.roots[top(&c.groups.shards, id, make(map[GroupID]GroupID))]
	switch {
	case !ok:
		return formula.Meaning{}, fmt.Errorf("group %q stands in no hierarchy, so it has no values", id)
	case o.Hierarchy != "" && o.Hierarchy != string(h):
		return formula.Meaning{}, fmt.Errorf("group %q stands in the hierarchy %q, not in %q", id, h, o.Hierarchy)
	case g.quantity == "":
		return formula.Meaning{}, fmt.Errorf("group %q has no sensors", id)
	case !g.metered && (o.Part == formula.Meter || o.Part == formula.Unaccounted):
		return formula.Meaning{}, fmt.Errorf("group %q has no meter", id)
	}
	return formula.Meaning{Quantity: g.quantity, Counter: g.quantity.Counter()}, nil
}

// dependencies is a graph: what depends directly on a virtual sensor or on a
// part of a group. It is walked upwards, from members to groups, because these
// ways are short.
type dependencies struct {
	sensors  *shards[record.SensorID, *sensorNode]
	groups   *shards[GroupID, *groupNode]
	virtuals *shards[record.SensorID, *virtual]
	users    *shards[operandKey, *users]
	meters   map[GroupID]record.SensorID // known so far; "" where there is none
	sort     bool                        // always walk in the same order
}

// usersOf lists the virtual sensors whose formulas use something.
func (g *dependencies) usersOf(k operandKey) iter.Seq[record.SensorID] {
	u, ok := g.users.get(k)
	switch {
	case !ok:
		return func(func(record.SensorID) bool) {}
	case g.sort:
		return slices.Values(u.sorted())
	}
	return maps.Keys(u.ids)
}

// dependent is a virtual sensor, or what a group's members sum up to, or its
// meter.
type dependent struct {
	sensor record.SensorID
	group  GroupID
	meter  bool
}

func (d dependent) String() string {
	switch {
	case d.group == "":
		return fmt.Sprintf("sensor %q", d.sensor)
	case d.meter:
		return fmt.Sprintf("the meter of group %q", d.group)
	}
	return fmt.Sprintf("group %q", d.group)
}

func (g *dependencies) meterOf(n *groupNode) record.SensorID {
	id, known := g.meters[n.ID]
	if !known {
		for i := range n.Members {
			if n.Members[i].Meter {
				id = n.Members[i].Sensor
			}
		}
		g.meters[n.ID] = id
	}
	return id
}

// above lists what depends on d directly.
func (g *dependencies) above(d dependent) []dependent {
	var out []dependent
	if d.group == "" {
		if n, ok := g.sensors.get(d.sensor); ok {
			for _, id := range n.in {
				if in, ok := g.groups.get(id); ok {
					out = append(out, dependent{group: id, meter: g.meterOf(in) == d.sensor})
				}
			}
		}
		for id := range g.usersOf(sensorKey(d.sensor)) {
			out = append(out, dependent{sensor: id})
		}
		return out
	}
	n, ok := g.groups.get(d.group)
	if !ok {
		return nil
	}
	metered := g.meterOf(n) != ""
	if n.parent != "" && metered == d.meter {
		out = append(out, dependent{group: n.parent})
	}
	for id := range g.usersOf(groupKey(d.group)) {
		v, ok := g.virtuals.get(id)
		if ok && slices.ContainsFunc(v.expr.Operands(), func(o formula.Operand) bool {
			switch {
			case o.Group != string(d.group):
				return false
			case o.Part == formula.Whole:
				return metered == d.meter
			case o.Part == formula.Unaccounted:
				return true
			}
			return o.Part == formula.Meter == d.meter
		}) {
			out = append(out, dependent{sensor: id})
		}
	}
	return out
}

// checkCircles finds values that depend on themselves. There were none before,
// so one there is now leads through a new formula or a touched group.
func (c *change) checkCircles(put []record.SensorID) {
	var starts []dependent
	for _, id := range put {
		// What uses meters alone is in no circle.
		if v, ok := c.virtuals.get(id); ok && slices.ContainsFunc(v.expr.Operands(), func(o formula.Operand) bool {
			_, too := c.virtuals.get(o.Sensor)
			return too || o.Group != ""
		}) {
			starts = append(starts, dependent{sensor: id})
		}
	}
	for _, id := range c.touched {
		starts = append(starts, dependent{group: id}, dependent{group: id, meter: true})
	}
	g := &dependencies{sensors: &c.sensors.shards, groups: &c.groups.shards, virtuals: &c.virtuals.shards, users: &c.users.shards, meters: make(map[GroupID]record.SensorID)}
	sound := true
	g.circles(starts, func([]dependent) { sound = false })
	if !sound {
		// Now that there is something to tell, tell the same every time.
		g.sort = true
		g.circles(starts, c.reportCircle)
	}
}

// circles finds all nodes that are above the starts, and the circles on the way.
func (g *dependencies) circles(starts []dependent, found func([]dependent)) {
	const open, done = 1, 2
	state := make(map[dependent]uint8)
	var path []dependent
	var walk func(d dependent)
	walk = func(d dependent) {
		state[d] = open
		path = append(path, d)
		for _, next := range g.above(d) {
			switch state[next] {
			case 0:
				walk(next)
			case open:
				found(path[slices.Index(path, next):])
			}
		}
		path = path[:len(path)-1]
		state[d] = done
	}
	for _, d := range starts {
		if state[d] == 0 {
			walk(d)
		}
	}
}

// reportCircle writes a circle, in which each depends on the one before, so
// that it begins with its least sensor wherever it was entered.
func (c *change) reportCircle(path []dependent) {
	least := -1
	for i, d := range path {
		if d.group == "" && (least < 0 || d.sensor < path[least].sensor) {
			least = i
		}
	}
	var b strings.Builder
	n := len(path)
	for i := range n {
		d, next := path[((least-i)%n+n)%n], path[((least-i-1)%n+n)%n]
		verb := "contains"
		if d.group == "" {
			verb = "uses"
		} else if d.meter {
			verb = "is"
		}
		if i == 8 {
			fmt.Fprintf(&b, ", … (%d in all)", n)
			break
		}
		if i == 0 {
			b.WriteString(d.String())
		} else {
			b.WriteString(", which")
		}
		fmt.Fprintf(&b, " %s %s", verb, next)
	}
	c.faults.Add("values depend on themselves: %s", b.String())
}
