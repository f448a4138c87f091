package watch

import (
	"fmt"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// hall is a group of two sensors with a minute's interval, within a plant.
func hall(t testing.TB, more ...object.Enrichment) *object.World {
	t.Helper()
	m, err := model.New(model.Document{
		Sensors: []model.Sensor{
			{ID: "a", Quantity: "active_power", Interval: model.Duration(time.Minute)}, {ID: "b", Quantity: "active_power", Interval: model.Duration(time.Minute)},
		},
		Groups: []model.Group{
			{ID: "hall", Members: []model.Member{{Sensor: "a"}, {Sensor: "b"}}}, {ID: "plant", Members: []model.Member{{Group: "hall"}}},
		},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w, faults := object.NewWorld(m, nil, more)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return w
}

func state(t *testing.T, m *Moment, id object.ID) object.State {
	t.Helper()
	o, ok := m.World.Object(id)
	if !ok {
		t.Fatalf("there is no %s", id)
	}
	s, _ := m.State(o.Index)
	return s
}

const minute = record.Millis(60_000)

func TestBoard(t *testing.T) {
	if stateCount != len(object.States()) {
		t.Fatal("there are", len(object.States()), "states")
	}
	w := New()
	b := NewBoard(w)
	world := hall(t, object.Enrichment{Object: "group/hall", Restriction: &object.Restriction{Kind: object.All}})
	if added := b.Set(world, 0); len(added) != 2 {
		t.Error(added)
	}
	at := 1000 * minute
	w.Saw("a", at, 1, at)
	w.Saw("b", at, 2, at)
	expect := func(now record.Millis, ins map[int]*StandIn, a, hall, plant object.State) {
		t.Helper()
		m, _ := b.Step(now, ins)
		for id, want := range map[object.ID]object.State{"sensor/a": a, "group/hall": hall, "group/plant": plant} {
			if got := state(t, m, id); got != want {
				t.Errorf("%s is %s, want %s", id, got, want)
			}
		}
	}
	expect(at+minute, nil, object.Live, object.Live, object.Live)
	first := b.Now()
	if m, changed := b.Step(at+minute+1, nil); changed || m != first {
		t.Error("nothing happened, and the moment is another")
	}
	w.Saw("b", at+10*minute, 2, at+10*minute)
	expect(at+150_000, nil, object.Late, object.Late, object.Late)
	expect(at+10*minute, nil, object.Stale, object.Stale, object.Stale)
	o, _ := world.Object("sensor/a")
	ins := map[int]*StandIn{o.Index: {State: object.Substituted, By: []object.ID{"sensor/b"}, Share: .9, ID: "1"}}
	expect(at+10*minute, ins, object.Substituted, object.Substituted, object.Substituted)
	if b.Now().Epoch <= first.Epoch {
		t.Error("the epoch is", b.Now().Epoch)
	}
	// The original is back: what stood in does not any more.
	w.Saw("a", at+11*minute, 1, at+11*minute)
	select {
	case <-w.Woken():
	default:
		t.Error("nobody was woken")
	}
	expect(at+11*minute, ins, object.Live, object.Live, object.Live)
	epoch := b.Now().Epoch
	if b.Touch(); b.Now().Epoch != epoch+1 {
		t.Error("not touched")
	}
	expect(at+5000*minute, nil, object.Down, object.Down, object.Down)
}

// TestDoubt does not believe a sensor while it is stuck, nor for three intervals after
// that, nor when it sticks again.
func TestDoubt(t *testing.T) {
	w := New()
	b := NewBoard(w)
	world := hall(t)
	b.Set(world, 0)
	o, _ := world.Object("sensor/a")
	at := 1000 * minute
	b.Doubt(map[int]Doubt{o.Index: {Since: at - 8*60*minute, Value: 7.5}})
	for i, x := range []struct {
		value float64
		want  object.State
	}{
		{7.5, object.Stale}, {7.5, object.Stale}, {8, object.Stale}, {7.5, object.Stale}, // a flicker
		{8, object.Stale}, {9, object.Stale}, {8, object.Stale}, {9, object.Live}, {7.5, object.Live}, // it may say that again,
		{7.5, object.Live}, {7.5, object.Live}, {7.5, object.Live}, {7.5, object.Live}, {7.5, object.Stale}, // and not for long
		{1, object.Live},
	} {
		now := at + record.Millis(i)*minute
		w.Saw("a", now, x.value, now)
		w.Saw("b", now, float64(i), now)
		m, _ := b.Step(now, nil)
		d, doubted := m.Doubt(o.Index)
		if got := state(t, m, "sensor/a"); got != x.want || doubted != (got == object.Stale) || doubted && d.Value != 7.5 {
			t.Errorf("%d: it says %v and is %s (%v), want %s", i, x.value, got, doubted, x.want)
		}
		if got := state(t, m, "sensor/b"); got != object.Live {
			t.Errorf("%d: the other is %s", i, got)
		}
	}
	now := at + 20*minute
	w.Saw("a", now, 7.5, now)
	b.Doubt(nil)
	if m, _ := b.Step(now, nil); state(t, m, "sensor/a") != object.Live {
		t.Error("it is not believed again")
	}
}

func TestSome(t *testing.T) {
	w := New()
	b := NewBoard(w)
	b.Set(hall(t, object.Enrichment{Object: "group/hall", Critical: []object.ID{"sensor/a"}}), 0)
	w.Saw("b", minute, 2, minute)
	m, _ := b.Step(minute, nil)
	if s := state(t, m, "group/hall"); s != object.Down {
		t.Error("without its critical member it is", s)
	}
	w.Saw("a", minute, 2, minute)
	m, _ = b.Step(minute, nil)
	if s := state(t, m, "group/hall"); s != object.Live {
		t.Error(s)
	}
	o, _ := m.World.Object("group/hall")
	if n := m.Usable(o.Index); n != 2 {
		t.Error(n)
	}
	// Another world knows what was known.
	since := m.since[o.Index]
	b.Set(hall(t), 2*minute)
	if s := state(t, b.Now(), "group/hall"); s != object.Live || b.Now().since[o.Index] != since {
		t.Error(s, b.Now().since)
	}
}

// BenchmarkStep looks at 100,000 sensors.
func BenchmarkStep(b *testing.B) {
	var d model.Document
	root := model.Group{ID: "root"}
	for g := range 1000 {
		group := model.Group{ID: model.GroupID(fmt.Sprintf("g%d", g))}
		for i := range 100 {
			id := record.SensorID(fmt.Sprintf("s%d-%d", g, i))
			d.Sensors = append(d.Sensors, model.Sensor{ID: id, Quantity: "active_power"})
			group.Members = append(group.Members, model.Member{Sensor: id})
		}
		d.Groups = append(d.Groups, group)
		root.Members = append(root.Members, model.Member{Group: group.ID})
	}
	d.Groups = append(d.Groups, root)
	m, err := model.New(d)
	if err != nil {
		b.Fatal(err)
	}
	world, _ := object.NewWorld(m, nil, nil)
	w := New()
	board := NewBoard(w)
	board.Set(world, 0)
	for i := range d.Sensors {
		w.Saw(d.Sensors[i].ID, 1000, 1, 1000)
	}
	for b.Loop() {
		board.Step(2000, nil)
	}
}
