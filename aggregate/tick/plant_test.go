package tick

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// plant is a random world.
type plant struct {
	r       *rand.Rand
	doc     model.Document
	groups  int
	sensors []record.SensorID
}

func randomPlant(r *rand.Rand) *plant {
	p := &plant{r: r}
	for i := range 3 + r.IntN(25) {
		s := model.Sensor{
			ID: record.SensorID(fmt.Sprintf("s%d", i)), Quantity: "active_power", Kind: "gauge",
			Interval: model.Duration([]time.Duration{time.Second, 2 * time.Second, 7 * time.Second, 30 * time.Second}[r.IntN(4)]),
		}
		switch r.IntN(5) {
		case 0:
			d := model.Duration(time.Duration(500+r.IntN(20000)) * time.Millisecond)
			s.MaxAge = &d
		case 1:
			d := model.Unlimited
			s.MaxAge = &d
		}
		p.doc.Sensors = append(p.doc.Sensors, s)
		p.sensors = append(p.sensors, s.ID)
	}
	for i := range 1 + r.IntN(3) {
		p.addHierarchy(fmt.Sprintf("h%d", i))
	}
	p.counters()
	p.formulas()
	return p
}

func (p *plant) addHierarchy(id string) {
	free := slices.Clone(p.sensors)
	p.r.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	free = free[:p.r.IntN(len(free)+1)]
	root := p.addGroup(&free, 0)
	tick := []time.Duration{time.Second, time.Second, 5 * time.Second}[p.r.IntN(3)]
	p.doc.Hierarchies = append(p.doc.Hierarchies, model.Hierarchy{ID: model.HierarchyID(id), Root: root, Tick: model.Duration(tick)})
}

func (p *plant) addGroup(free *[]record.SensorID, depth int) model.GroupID {
	p.groups++
	g := model.Group{ID: model.GroupID(fmt.Sprintf("g%d", p.groups))}
	sign := func() int8 { return []int8{0, 1, 1, -1}[p.r.IntN(4)] }
	take := func() record.SensorID {
		s := (*free)[0]
		*free = (*free)[1:]
		return s
	}
	if len(*free) > 0 && p.r.IntN(3) == 0 {
		g.Members = append(g.Members, model.Member{Sensor: take(), Meter: true, Sign: sign()})
	}
	for range p.r.IntN(4) {
		if len(*free) > 0 {
			g.Members = append(g.Members, model.Member{Sensor: take(), Sign: sign()})
		}
		if depth < 4 && p.r.IntN(3) == 0 {
			g.Members = append(g.Members, model.Member{Group: p.addGroup(free, depth+1), Sign: sign()})
		}
	}
	p.doc.Groups = append(p.doc.Groups, g)
	return g.ID
}

// formulas gives the plant other virtual sensors, in groups and over groups, and
// takes out what would depend on itself. One stands in no hierarchy and uses none.
func (p *plant) formulas() {
	d := model.Document{Hierarchies: p.doc.Hierarchies}
	for _, s := range p.doc.Sensors {
		if s.Formula == "" {
			d.Sensors = append(d.Sensors, s)
		}
	}
	real := len(d.Sensors)
	for _, g := range p.doc.Groups {
		g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m model.Member) bool { return m.Sensor != "" && m.Sensor[0] == 'v' })
		d.Groups = append(d.Groups, g)
	}
	operand := func() string {
		if n := len(d.Sensors); p.r.IntN(2) == 0 {
			switch s := d.Sensors[p.r.IntN(n)]; s.Quantity {
			case record.ActivePower:
				return fmt.Sprintf("sensor(%q)", s.ID)
			case record.Energy:
				return fmt.Sprintf("rate(sensor(%q))", s.ID)
			}
		}
		g := d.Groups[p.r.IntN(len(d.Groups))]
		part := []string{"", ".sum"}[p.r.IntN(2)]
		if len(g.Members) > 0 && g.Members[0].Meter {
			part = []string{"", ".sum", ".meter", ".unaccounted"}[p.r.IntN(4)]
		}
		if g.ID[0] == 'e' {
			return fmt.Sprintf("rate(group(%q)%s)", g.ID, part)
		}
		return fmt.Sprintf("group(%q)%s", g.ID, part)
	}
	try := func(s model.Sensor, in int, meter bool) {
		next := d
		next.Sensors = append(slices.Clip(d.Sensors), s)
		if in >= 0 {
			next.Groups = slices.Clone(d.Groups)
			g := &next.Groups[in]
			m := model.Member{Sensor: s.ID, Sign: []int8{1, -1}[p.r.IntN(2)], Meter: meter}
			if g.Members = slices.Clone(g.Members); meter {
				g.Members = slices.Insert(g.Members, 0, m)
			} else {
				g.Members = append(g.Members, m)
			}
		}
		if _, err := model.New(next); err == nil {
			d = next
		}
	}
	try(model.Sensor{ID: "v", Quantity: record.ActivePower, Formula: fmt.Sprintf(`sensor(%q) - 2 * sensor(%q)`, d.Sensors[0].ID, d.Sensors[real-1].ID)}, -1, false)
	if p.r.IntN(2) == 0 { // a counter that is virtual, in a group of counters or none
		home := []model.GroupID{"e0", "e1", ""}[p.r.IntN(3)]
		in := slices.IndexFunc(d.Groups, func(g model.Group) bool { return g.ID == home })
		try(model.Sensor{ID: "vc", Quantity: record.Energy, Kind: model.Counter, Formula: `sensor("c0") * 3 - sensor("c1") / 7`}, in, in >= 0 && p.r.IntN(3) == 0)
	}
	for i := range p.r.IntN(12) {
		s := model.Sensor{ID: record.SensorID(fmt.Sprintf("v%d", i)), Quantity: record.ActivePower}
		a, b, c := operand(), operand(), operand()
		in := p.r.IntN(len(d.Groups)+3) - 3
		switch p.r.IntN(6) {
		case 0:
			s.Formula = fmt.Sprintf("%s + %s - %s", a, b, c)
		case 1:
			s.Formula = fmt.Sprintf("positive(%s) * 0.3 + max(%s, %s)", a, b, c)
		case 2:
			s.Formula = fmt.Sprintf("coalesce(%s, %s, 5 W)", a, b)
		case 3:
			s.Formula = fmt.Sprintf("-%s / 7 + 1 kW", a)
		case 4:
			s.Formula = fmt.Sprintf("coalesce(%s, %s)", a, b)
		default:
			s.Quantity, s.Formula, in = record.Ratio, fmt.Sprintf("%s / (%s + %s)", a, b, c), -1
		}
		try(s, in, in >= 0 && p.r.IntN(3) == 0)
	}
	p.doc = d
}

// move takes a random sensor out of a random hierarchy or puts it elsewhere.
func (p *plant) move() {
	d := model.Document{Sensors: p.doc.Sensors, Hierarchies: p.doc.Hierarchies}
	for _, g := range p.doc.Groups {
		g.Members = slices.Clone(g.Members)
		d.Groups = append(d.Groups, g)
	}
	from := &d.Groups[p.r.IntN(len(d.Groups))]
	for i, m := range from.Members {
		if m.Sensor == "" || m.Meter {
			continue
		}
		from.Members = slices.Delete(from.Members, i, i+1)
		// Within the same tree, so that no sensor stands in it twice.
		if tree := p.tree(d, from.ID); p.r.IntN(4) > 0 {
			to := tree[p.r.IntN(len(tree))]
			for j := range d.Groups {
				if d.Groups[j].ID == to {
					d.Groups[j].Members = append(d.Groups[j].Members, m)
				}
			}
		}
		break
	}
	p.doc = d
}

func (p *plant) tree(d model.Document, in model.GroupID) []model.GroupID {
	byID := make(map[model.GroupID]model.Group)
	for _, g := range d.Groups {
		byID[g.ID] = g
	}
	for _, h := range d.Hierarchies {
		var all []model.GroupID
		var walk func(model.GroupID)
		walk = func(id model.GroupID) {
			all = append(all, id)
			for _, m := range byID[id].Members {
				if m.Group != "" {
					walk(m.Group)
				}
			}
		}
		walk(h.Root)
		if slices.Contains(all, in) {
			return all
		}
	}
	return nil
}
