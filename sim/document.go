package sim

import (
	"strconv"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Hierarchy is the identifier of the hierarchy in the generator's model; its
// root group is called as the prefix says: "sim.root".
const Hierarchy model.HierarchyID = "sim"

// Document gives the model of the generator's sensors: one hierarchy, either
// of a root with groups of sensors, or of nested groups.
func (g *Generator) Document() model.Document {
	o := g.opts
	root := model.GroupID(o.Prefix + "root")
	d := model.Document{Hierarchies: []model.Hierarchy{{ID: Hierarchy, Name: "Simulated sensors", Root: root, Tick: model.Duration(o.Interval)}}}
	for i := range o.Sensors {
		d.Sensors = append(d.Sensors, model.Sensor{ID: g.Sensor(i), Quantity: record.ActivePower, Interval: model.Duration(o.Interval)})
	}
	if o.Depth > 0 {
		g.nest(&d, root, 0, o.Sensors)
		return d
	}
	top := model.Group{ID: root}
	for k := range o.Groups {
		id := model.GroupID(o.Prefix + "g" + strconv.Itoa(k))
		top.Members = append(top.Members, model.Member{Group: id})
		group := model.Group{ID: id}
		for i := k * o.Sensors / o.Groups; i < (k+1)*o.Sensors/o.Groups; i++ {
			group.Members = append(group.Members, model.Member{Sensor: g.Sensor(i)})
		}
		d.Groups = append(d.Groups, group)
	}
	d.Groups = append(d.Groups, top)
	return d
}

// nest adds the group of the sensors from and following, n of them, and those
// within it.
func (g *Generator) nest(d *model.Document, id model.GroupID, from, n int) {
	group := model.Group{ID: id}
	each := n / g.opts.Arity
	for k := range g.opts.Arity {
		if each <= 1 {
			group.Members = append(group.Members, model.Member{Sensor: g.Sensor(from + k)})
			continue
		}
		child := model.GroupID(string(id) + "." + strconv.Itoa(k))
		group.Members = append(group.Members, model.Member{Group: child})
		g.nest(d, child, from+k*each, each)
	}
	d.Groups = append(d.Groups, group)
}
