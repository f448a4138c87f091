package model

import (
	"fmt"
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

// large makes a plant of n sensors in groups of 100, under halls of 100 groups.
func large(n int) Document {
	var d Document
	root := Group{ID: "root"}
	var hall *Group
	var halls []Group
	for i := range n / 100 {
		if i%100 == 0 {
			halls = append(halls, Group{ID: GroupID(fmt.Sprintf("hall%d", i/100))})
			hall = &halls[len(halls)-1]
			root.Members = append(root.Members, Member{Group: hall.ID})
		}
		g := Group{ID: GroupID(fmt.Sprintf("group%d", i))}
		for j := range 100 {
			id := record.SensorID(fmt.Sprintf("sensor%d", i*100+j))
			d.Sensors = append(d.Sensors, Sensor{ID: id, Quantity: record.ActivePower})
			g.Members = append(g.Members, Member{Sensor: id, Sign: 1})
		}
		d.Groups = append(d.Groups, g)
		hall.Members = append(hall.Members, Member{Group: g.ID, Sign: 1})
	}
	d.Groups = append(append(d.Groups, halls...), root)
	d.Hierarchies = []Hierarchy{{ID: "h", Root: "root"}}
	return d
}

func BenchmarkNewMillion(b *testing.B) {
	d := large(1_000_000)
	for b.Loop() {
		if _, err := New(d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMoveOneOfAMillion(b *testing.B) {
	m, err := New(large(1_000_000))
	if err != nil {
		b.Fatal(err)
	}
	from, _ := m.Group("group17")
	to, _ := m.Group("group9876")
	p := Patch{Groups: []Group{
		{ID: from.ID, Members: from.Members[1:]},
		{ID: to.ID, Members: append(append([]Member(nil), to.Members...), from.Members[0])},
	}}
	for b.Loop() {
		next, inverse, err := m.Apply(p)
		if err != nil {
			b.Fatal(err)
		}
		if m, _, err = next.Apply(inverse); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLayoutMillion(b *testing.B) {
	m, err := New(large(1_000_000))
	if err != nil {
		b.Fatal(err)
	}
	h, _ := m.Hierarchy("h")
	for b.Loop() {
		m.number(h)
	}
}
