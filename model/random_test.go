package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wattwerk/wattwerk/record"
)

// TestApplyAgreesWithNew changes models at random, well and badly, and holds
// what Apply makes of it to what New makes of the whole document.
func TestApplyAgreesWithNew(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		m := new(Model)
		fine := 0
		for step := range 150 {
			p := randomPatch(rnd)
			want := patched(m.Document(), p)
			for _, h := range m.Hierarchies() {
				m.Layout(h)
			}
			whole, wholeErr := New(want)
			next, inverse, err := m.Apply(p)
			if (err == nil) != (wholeErr == nil) && !removesNothing(m, p) {
				t.Fatalf("seed %d step %d: Apply says %v, New says %v\npatch %+v\nof %+v", seed, step, err, wholeErr, p, m.Document())
			}
			if err != nil {
				continue
			}
			fine++
			if diff := cmp.Diff(whole.Document(), next.Document(), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("seed %d step %d: %s", seed, step, diff)
			}
			for _, h := range whole.Hierarchies() {
				if diff := cmp.Diff(whole.Layout(h), next.Layout(h), cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("seed %d step %d: layout %s: %s", seed, step, h, diff)
				}
				checkLayout(t, next, next.Layout(h))
				if !slices.Contains(Changed(m, next), h) && !cmp.Equal(m.Layout(h), next.Layout(h), cmpopts.EquateEmpty()) {
					t.Fatalf("seed %d step %d: layout %s changed and is not listed", seed, step, h)
				}
			}
			checkIndexes(t, whole, next)
			back, _, err := next.Apply(inverse)
			if err != nil {
				t.Fatalf("seed %d step %d: inverse: %v", seed, step, err)
			}
			if diff := cmp.Diff(m.Document(), back.Document(), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("seed %d step %d: undone: %s", seed, step, diff)
			}
			checkIndexes(t, m, back)
			if q := Diff(m.Document(), next.Document()); len(q.Sensors) > len(p.Sensors) || len(q.Groups) > len(p.Groups) {
				t.Fatalf("seed %d step %d: Diff gives more than was changed", seed, step)
			}
			m = next
		}
		if fine < 5 {
			t.Errorf("seed %d: only %d of the changes were fine", seed, fine)
		}
	}
}

func checkIndexes(t *testing.T, want, got *Model) {
	t.Helper()
	for g := range want.Groups() {
		a, _ := want.groups.get(g.ID)
		b, ok := got.groups.get(g.ID)
		if !ok || a.parent != b.parent || a.leaves != b.leaves || a.total != b.total || a.height != b.height || a.quantity != b.quantity || a.metered != b.metered {
			t.Fatalf("group %s: %+v, want %+v", g.ID, b, a)
		}
	}
	for s := range want.Sensors() {
		a, b := slices.Clone(want.Parents(s.ID)), slices.Clone(got.Parents(s.ID))
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Fatalf("sensor %s is in %v, want %v", s.ID, b, a)
		}
	}
	for s := range want.Sites() {
		a, _ := want.sites.get(s.ID)
		b, _ := got.sites.get(s.ID)
		if a.uses != b.uses {
			t.Fatalf("site %s has %d uses, want %d", s.ID, b.uses, a.uses)
		}
	}
	a1, a2, a3, a4 := want.Counts()
	b1, b2, b3, b4 := got.Counts()
	if [4]int{a1, a2, a3, a4} != [4]int{b1, b2, b3, b4} {
		t.Fatal("counts differ")
	}
}

// checkLayout holds a layout to what is promised of it.
func checkLayout(t *testing.T, m *Model, l *Layout) {
	t.Helper()
	seen := make(map[record.SensorID]bool)
	for i, f := range l.Leaves {
		if seen[f.Sensor] {
			t.Fatalf("leaf %q stands twice", f.Sensor)
		}
		seen[f.Sensor] = true
		g := l.Groups[f.Group]
		if int32(i) < g.From || int32(i) >= g.To || f.Sign*f.Sign != 1 || f.Meter != (g.Meter == int32(i)) {
			t.Fatalf("leaf %d %+v does not fit group %+v", i, f, g)
		}
	}
	totals := make([]uint32, len(l.Groups))
	for i := len(l.Groups) - 1; i >= 0; i-- {
		g := l.Groups[i]
		if g.From > g.To || (i == 0) != (g.Parent == -1) || g.Parent >= int32(i) {
			t.Fatalf("group %d: %+v", i, g)
		}
		for _, f := range l.Leaves[g.From:g.To] {
			if f.Group == int32(i) && !f.Meter {
				totals[i]++
			}
		}
		if totals[i] != g.Total {
			t.Fatalf("group %d has total %d, want %d", i, g.Total, totals[i])
		}
		if g.Parent >= 0 {
			p := l.Groups[g.Parent]
			if g.From < p.From || g.To > p.To {
				t.Fatalf("group %d is not within its parent", i)
			}
			if g.Meter >= 0 {
				totals[g.Parent]++
			} else {
				totals[g.Parent] += g.Total
			}
		} else if g.From != 0 || int(g.To) != len(l.Leaves) {
			t.Fatalf("the root holds %d to %d of %d leaves", g.From, g.To, len(l.Leaves))
		}
		if h, ok := m.HierarchyOf(g.ID); !ok || h != l.Hierarchy {
			t.Fatalf("group %q is said to be in %q", g.ID, h)
		}
	}
}

func randomPatch(rnd *rand.Rand) Patch {
	var p Patch
	for range rnd.IntN(3) {
		p.Sites = append(p.Sites, Site{ID: SiteID(fmt.Sprint("site", rnd.IntN(3))), Zone: "UTC"})
	}
	for range rnd.IntN(4) {
		s := Sensor{ID: record.SensorID(fmt.Sprint("s", rnd.IntN(12))), Quantity: record.ActivePower, Interval: Duration(rnd.IntN(2)+1) * Duration(time.Second)}
		if rnd.IntN(6) == 0 {
			s.Quantity = record.Energy
		}
		if rnd.IntN(4) == 0 {
			s.Site = SiteID(fmt.Sprint("site", rnd.IntN(3)))
		}
		p.Sensors = append(p.Sensors, s)
	}
	for range rnd.IntN(4) {
		g := Group{ID: GroupID(fmt.Sprint("g", rnd.IntN(8)))}
		for range rnd.IntN(4) {
			e := Member{Sensor: record.SensorID(fmt.Sprint("s", rnd.IntN(12))), Sign: int8(1 - 2*rnd.IntN(2))}
			if rnd.IntN(2) == 0 {
				e = Member{Group: GroupID(fmt.Sprint("g", rnd.IntN(8)))}
			} else if rnd.IntN(5) == 0 {
				e.Meter = true
			}
			g.Members = append(g.Members, e)
		}
		p.Groups = append(p.Groups, g)
	}
	if rnd.IntN(3) == 0 {
		p.Hierarchies = append(p.Hierarchies, Hierarchy{ID: HierarchyID(fmt.Sprint("h", rnd.IntN(3))), Root: GroupID(fmt.Sprint("g", rnd.IntN(8)))})
	}
	if rnd.IntN(4) == 0 {
		p.RemoveSensors = append(p.RemoveSensors, record.SensorID(fmt.Sprint("s", rnd.IntN(12))))
	}
	if rnd.IntN(4) == 0 {
		p.RemoveGroups = append(p.RemoveGroups, GroupID(fmt.Sprint("g", rnd.IntN(8))))
	}
	if rnd.IntN(5) == 0 {
		p.RemoveHierarchies = append(p.RemoveHierarchies, HierarchyID(fmt.Sprint("h", rnd.IntN(3))))
	}
	if rnd.IntN(8) == 0 {
		p.RemoveSites = append(p.RemoveSites, SiteID(fmt.Sprint("site", rnd.IntN(3))))
	}
	return p
}

// patched does by brute force what a patch says.
func patched(d Document, p Patch) Document {
	d.Sites = patchedList(d.Sites, p.Sites, p.RemoveSites, func(s Site) SiteID { return s.ID })
	d.Sensors = patchedList(d.Sensors, p.Sensors, p.RemoveSensors, func(s Sensor) record.SensorID { return s.ID })
	d.Groups = patchedList(d.Groups, p.Groups, p.RemoveGroups, func(g Group) GroupID { return g.ID })
	d.Hierarchies = patchedList(d.Hierarchies, p.Hierarchies, p.RemoveHierarchies, func(h Hierarchy) HierarchyID { return h.ID })
	return d
}

func patchedList[T any, K comparable](list, put []T, remove []K, id func(T) K) []T {
	var out []T
	for _, x := range list {
		if !slices.Contains(remove, id(x)) && !slices.ContainsFunc(put, func(y T) bool { return id(y) == id(x) }) {
			out = append(out, x)
		}
	}
	return append(out, put...)
}

// removesNothing tells whether the patch contradicts itself or names things
// to remove that are not there: faults only a patch can have.
func removesNothing(m *Model, p Patch) bool {
	bad := false
	for _, id := range p.RemoveSites {
		_, ok := m.Site(id)
		bad = bad || !ok || slices.ContainsFunc(p.Sites, func(s Site) bool { return s.ID == id })
	}
	for _, id := range p.RemoveSensors {
		_, ok := m.Sensor(id)
		bad = bad || !ok || slices.ContainsFunc(p.Sensors, func(s Sensor) bool { return s.ID == id })
	}
	for _, id := range p.RemoveGroups {
		_, ok := m.Group(id)
		bad = bad || !ok || slices.ContainsFunc(p.Groups, func(g Group) bool { return g.ID == id })
	}
	for _, id := range p.RemoveHierarchies {
		_, ok := m.Hierarchy(id)
		bad = bad || !ok || slices.ContainsFunc(p.Hierarchies, func(h Hierarchy) bool { return h.ID == id })
	}
	return bad
}
