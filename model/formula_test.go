package model

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/record"
)

// homes are n homes, each with a meter, a roof and a virtual consumption, and
// all of them under one root; a virtual share of every home in the whole.
func homes(n int) Document {
	d := Document{Hierarchies: []Hierarchy{{ID: "h", Root: "root"}}}
	root := Group{ID: "root"}
	for i := range n {
		grid, roof, used := fmt.Sprint("grid", i), fmt.Sprint("roof", i), fmt.Sprint("used", i)
		d.Sensors = append(d.Sensors,
			Sensor{ID: record.SensorID(grid), Quantity: record.ActivePower},
			Sensor{ID: record.SensorID(roof), Quantity: record.ActivePower},
			Sensor{ID: record.SensorID(used), Quantity: record.ActivePower, Formula: fmt.Sprintf(`sensor("%s") + sensor("%s")`, grid, roof)},
			Sensor{ID: record.SensorID(fmt.Sprint("share", i)), Quantity: record.Ratio, Formula: fmt.Sprintf(`sensor("%s") / group("root")`, used)})
		home := GroupID(fmt.Sprint("home", i))
		d.Groups = append(d.Groups, Group{ID: home, Members: []Member{{Sensor: record.SensorID(used), Sign: 1}}})
		root.Members = append(root.Members, Member{Group: home, Sign: 1})
	}
	d.Groups = append(d.Groups, root)
	return d
}

// TestFormulasAgreeWithNew changes formulas, and groups around virtual sensors,
// and holds what Apply makes of it to what New makes of the whole.
func TestFormulasAgreeWithNew(t *testing.T) {
	held, refused := 0, 0
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		d := Document{Hierarchies: []Hierarchy{{ID: "h", Root: "g0"}}}
		for i := range 12 {
			d.Sensors = append(d.Sensors, Sensor{ID: record.SensorID(fmt.Sprint("s", i)), Quantity: record.ActivePower})
		}
		for i := range 6 {
			g := Group{ID: GroupID(fmt.Sprint("g", i)), Members: []Member{{Sensor: record.SensorID(fmt.Sprint("s", i)), Sign: 1, Meter: i%2 == 0}}}
			if below := 2*i + 1; below < 6 {
				g.Members = append(g.Members, Member{Group: GroupID(fmt.Sprint("g", below)), Sign: 1}, Member{Group: GroupID(fmt.Sprint("g", below+1)), Sign: 1})
			}
			d.Groups = append(d.Groups, g)
		}
		d.Groups[2].Members = d.Groups[2].Members[:2] // there is no g6
		m, err := New(d)
		if err != nil {
			t.Fatal(err)
		}
		for step := range 80 {
			p := formulaPatch(rnd, m)
			whole, wholeErr := New(patched(m.Document(), p))
			next, inverse, err := m.Apply(p)
			if (err == nil) != (wholeErr == nil) {
				t.Fatalf("seed %d step %d: Apply says %v, New says %v\npatch %+v\nof %+v", seed, step, err, wholeErr, p, m.Document())
			}
			if err != nil {
				refused++
				continue
			}
			held += next.virtuals.n
			checkFormulas(t, whole, next)
			back, _, err := next.Apply(inverse)
			if err != nil {
				t.Fatalf("seed %d step %d: inverse: %v", seed, step, err)
			}
			checkFormulas(t, m, back)
			m = next
		}
	}
	if held < 2000 || refused < 200 {
		t.Errorf("%d formulas held and %d changes were refused", held, refused)
	}
}

// formulaPatch changes one thing.
func formulaPatch(rnd *rand.Rand, m *Model) Patch {
	s, _ := m.Sensor(record.SensorID(fmt.Sprint("s", rnd.IntN(12))))
	g, _ := m.Group(GroupID(fmt.Sprint("g", rnd.IntN(6))))
	own, group := *s, *g
	group.Members = slices.Clone(g.Members)
	switch i := rnd.IntN(max(1, len(group.Members))); rnd.IntN(8) {
	case 0: // a sensor comes in
		group.Members = append(group.Members, Member{Sensor: s.ID, Sign: 1})
	case 1: // a member goes
		if len(group.Members) > 0 && group.Members[i].Group == "" {
			group.Members = slices.Delete(group.Members, i, i+1)
		}
	case 2: // it becomes the meter, or is it no longer
		if len(group.Members) > 0 && group.Members[i].Sensor != "" {
			group.Members[i].Meter = !group.Members[i].Meter
		}
	case 3: // a quantity changes
		if rnd.IntN(4) == 0 {
			own.Quantity, own.Unit, own.Kind = record.Energy, "", ""
		}
		return Patch{Sensors: []Sensor{own}}
	case 4:
		own.Formula = ""
		return Patch{Sensors: []Sensor{own}}
	default:
		own.Formula = randomFormula(rnd)
		return Patch{Sensors: []Sensor{own}}
	}
	return Patch{Groups: []Group{group}}
}

// randomFormula uses a sensor and a group, which may be there.
func randomFormula(rnd *rand.Rand) string {
	parts := []string{"", "", ".sum", ".meter", ".unaccounted"}
	f := fmt.Sprintf(`sensor("s%d")`, rnd.IntN(12))
	if rnd.IntN(2) == 0 {
		f = fmt.Sprintf(`group("g%d")%s`, rnd.IntN(8), parts[rnd.IntN(len(parts))])
	}
	if rnd.IntN(3) == 0 {
		f += fmt.Sprintf(` - sensor("s%d")`, rnd.IntN(12))
	}
	return f
}

// checkFormulas also holds the order of formulas to what they use.
func checkFormulas(t *testing.T, want, got *Model) {
	t.Helper()
	n := 0
	for s := range want.Sensors() {
		f, ok := got.Formula(s.ID)
		if ok != (s.Formula != "") {
			t.Fatalf("sensor %s has a formula: %v", s.ID, ok)
		}
		if !ok {
			continue
		}
		n++
		w, _ := want.Formula(s.ID)
		if f.Rule() != w.Rule() || !slices.Equal(f.Operands(), w.Operands()) {
			t.Fatalf("sensor %s has %v of %v", s.ID, f.Rule(), f.Operands())
		}
		for _, o := range f.Operands() {
			if u, _ := got.users.get(keyOf(o)); u == nil || !slices.Contains(u.sorted(), s.ID) {
				t.Fatalf("%s is not known to be used by sensor %s", o, s.ID)
			}
		}
	}
	for k, u := range got.users.all() {
		if w, _ := want.users.get(k); !slices.Equal(u.sorted(), w.sorted()) {
			t.Fatalf("%s is used by %v, want %v", k, u.sorted(), w.sorted())
		}
	}
	order := got.FormulaOrder()
	if got.virtuals.n != n || len(order) != n {
		t.Fatalf("there are %d formulas, %d in order, want %d", got.virtuals.n, len(order), n)
	}
	place := make(map[record.SensorID]int)
	for i, id := range order {
		place[id] = i
	}
	for at, id := range order {
		f, _ := got.Formula(id)
		for _, o := range f.Operands() {
			for other := range got.Formulas() {
				if contains(got, o, other) && place[other] >= at {
					t.Fatalf("sensor %s is computed before %s, which %s needs", id, other, o)
				}
			}
		}
	}
}

// contains tells, from the top down, whether an operand depends on a sensor
// directly.
func contains(m *Model, o formula.Operand, id record.SensorID) bool {
	if o.Group == "" {
		return o.Sensor == id
	}
	g, _ := m.Group(GroupID(o.Group))
	i := slices.IndexFunc(g.Members, func(e Member) bool { return e.Meter })
	if i >= 0 && g.Members[i].Sensor == id {
		return o.Part != formula.Sum
	}
	if o.Part == formula.Meter || o.Part == formula.Whole && i >= 0 {
		return false
	}
	return slices.ContainsFunc(g.Members, func(e Member) bool {
		return !e.Meter && (e.Sensor == id || e.Group != "" && contains(m, formula.Operand{Group: string(e.Group)}, id))
	})
}

func TestFormulaOrder(t *testing.T) {
	m, err := New(homes(20))
	if err != nil {
		t.Fatal(err)
	}
	order := m.FormulaOrder()
	if len(order) != 40 || order[19][:4] != "used" || order[20][:5] != "share" {
		t.Errorf("the order is %v", order)
	}
	if f, ok := m.Formula("share3"); !ok || len(f.Operands()) != 2 {
		t.Errorf("share3 has %v", f)
	}
	if _, ok := m.Formula("grid3"); ok {
		t.Error("a meter has a formula")
	}
}

// TestPageOfFormulas stores what docs/virtual-sensors.md shows, and holds the
// faults on that page to those there are.
func TestPageOfFormulas(t *testing.T) {
	page, err := os.ReadFile("../docs/virtual-sensors.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```[a-z]+\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 3 {
		t.Fatalf("the page has %d blocks, not a model, a patch and its faults", len(blocks))
	}
	d, err := ReadYAML([]byte(blocks[0][1]))
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ReadYAML([]byte(blocks[1][1]))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = m.Apply(Patch{Sensors: p.Sensors}); err == nil {
		t.Fatal("the patch is taken")
	}
	if got := sentences(t, err); got != blocks[2][1] {
		t.Errorf("the faults are\n%s", got)
	}
}

// BenchmarkFormulasOfHomes changes a formula among two hundred thousand.
func BenchmarkFormulasOfHomes(b *testing.B) {
	m, err := New(homes(100_000))
	if err != nil {
		b.Fatal(err)
	}
	s, _ := m.Sensor("used17")
	own := *s
	own.Formula += " - 1 W"
	for b.Loop() {
		next, inverse, err := m.Apply(Patch{Sensors: []Sensor{own}})
		if err != nil {
			b.Fatal(err)
		}
		if m, _, err = next.Apply(inverse); err != nil {
			b.Fatal(err)
		}
	}
}
