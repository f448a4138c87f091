package object_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

func plant(t testing.TB) *model.Model {
	t.Helper()
	m, err := model.New(model.Document{
		Sites: []model.Site{{ID: "kiel", Name: "Kiel"}},
		Sensors: []model.Sensor{
			{ID: "main", Quantity: record.ActivePower, Site: "kiel", Devices: []model.Device{{Serial: "M 1", From: time.Unix(0, 0)}}},
			{ID: "lathe", Quantity: record.ActivePower, Site: "kiel", Interval: model.Duration(time.Second)},
			{ID: "mill", Quantity: record.ActivePower, Site: "kiel"},
			{ID: "air", Quantity: record.Temperature},
			{ID: "sum", Quantity: record.ActivePower, Formula: "sensor('lathe') + sensor('mill')"},
			{ID: "kWh", Quantity: record.Energy, Site: "kiel"},
		},
		Groups: []model.Group{
			{ID: "plant", Members: []model.Member{{Group: "hall"}, {Sensor: "main", Meter: true}}},
			{ID: "hall", Members: []model.Member{{Sensor: "mill"}, {Sensor: "lathe"}}},
		},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ids(objects []*object.Object) []object.ID {
	var out []object.ID
	for _, o := range objects {
		out = append(out, o.ID)
	}
	return out
}

func TestDefaults(t *testing.T) {
	w, faults := object.NewWorld(plant(t), nil, nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	get := func(id object.ID) object.Object {
		o, ok := w.Object(id)
		if !ok {
			t.Fatalf("no %s", id)
		}
		got := *o
		got.Index = 0
		return got
	}
	const day, minute = object.DefaultHorizon, 60_000
	for _, want := range []object.Object{
		{ID: "sensor/main", Class: vocabulary.ActivePower, Quantity: record.ActivePower, Unit: "W", Kind: model.Gauge, Space: "kiel", Device: "M 1", Interval: minute, MaxAge: 3 * minute, Horizon: day},
		{ID: "sensor/kWh", Class: vocabulary.ElectricEnergy, Quantity: record.Energy, Unit: "Wh", Kind: model.Counter, Space: "kiel", Interval: minute, MaxAge: 3 * minute, Horizon: day},
		{ID: "sensor/sum", Virtual: true, Class: vocabulary.ActivePower, Quantity: record.ActivePower, Unit: "W", Kind: model.Gauge, Interval: minute, MaxAge: 3 * minute, Horizon: day},
		{
			ID: "group/plant", Composite: true, Class: vocabulary.Collection, Quantity: record.ActivePower, Unit: "W", Space: "kiel", Interval: minute, MaxAge: 3 * minute, Horizon: day,
			Members: []object.ID{"group/hall"}, Meter: "sensor/main", Restriction: object.Restriction{Kind: object.Some},
		},
	} {
		if diff := cmp.Diff(want, get(want.ID)); diff != "" {
			t.Errorf("%s: %s", want.ID, diff)
		}
	}
}

func TestIndexes(t *testing.T) {
	w, faults := object.NewWorld(plant(t),
		[]object.Space{{ID: "b", Kind: vocabulary.Building, Parent: "kiel"}, {ID: "r", Kind: "Room", Parent: "b"}},
		[]object.Enrichment{
			{Object: "sensor/mill", Space: "r", Feeds: "sensor/lathe", Class: "Electric_Power_Sensor"},
			{Object: "sensor/lathe", Space: "b", Replica: "sensor/mill"},
			{Object: "group/hall", Space: "r", Restriction: &object.Restriction{Kind: object.Min, K: 2}, Critical: []object.ID{"sensor/mill"}, Horizon: model.Duration(time.Hour)},
		})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	check := func(name string, got []*object.Object, want ...object.ID) {
		t.Helper()
		if diff := cmp.Diff(want, ids(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	check("below plant", w.Below("group/plant"), "sensor/main", "group/hall", "sensor/mill", "sensor/lathe")
	check("below hall", w.Below("group/hall"), "sensor/mill", "sensor/lathe")
	check("below a sensor", w.Below("sensor/main"))
	check("parents of mill", w.Parents("sensor/mill"), "group/hall")
	check("parents of main", w.Parents("sensor/main"), "group/plant")
	check("what feeds lathe", w.FedBy("sensor/lathe"), "sensor/mill")
	check("replicas of mill", w.Replicas("sensor/mill"), "sensor/lathe")
	check("power everywhere", w.OfClass("brick:Power_Sensor", ""), "sensor/lathe", "sensor/main", "sensor/mill", "sensor/sum")
	check("power below hall", w.OfClass("Power_Sensor", "group/hall"), "sensor/mill", "sensor/lathe")
	check("active power below hall", w.OfClass("brick:Active_Power_Sensor", "group/hall"), "sensor/lathe")
	check("composites", w.OfClass(vocabulary.CompositeObject, ""), "group/hall", "group/plant")
	check("everything below hall", w.OfClass(vocabulary.VirtualObject, "group/hall"), "sensor/mill", "sensor/lathe")
	check("nothing", w.OfClass("Unicorn", ""))
	check("in r", w.Located("r"), "group/hall", "sensor/mill")
	check("in b", w.Located("b"), "sensor/lathe")
	check("within kiel", w.Within("kiel"), "group/plant", "sensor/kWh", "sensor/main", "sensor/lathe", "group/hall", "sensor/mill")
	check("of a device", w.OfDevice("M 1"), "sensor/main")
	check("measuring", w.Measuring(record.Temperature), "sensor/air")
	check("exactly", w.Exactly("brick:Electric_Power_Sensor"), "sensor/mill")
	if s, ok := w.Around("r", vocabulary.Building); !ok || s.ID != "b" {
		t.Errorf("r lies in %v", s)
	}
	if o, _ := w.Object("group/hall"); o.Horizon != 3600_000 || o.Restriction.String() != "min 2" || o.Critical[0] != "sensor/mill" {
		t.Errorf("%+v", o)
	}
}

func TestFaults(t *testing.T) {
	spaces := []object.Space{
		{ID: "a", Kind: "rec:Room", Parent: "b"}, {ID: "b", Kind: "rec:Room", Parent: "a"},
		{ID: "c", Kind: "rec:Room", Parent: "gone"}, {ID: "c", Kind: "rec:Room"}, {ID: "d", Kind: "brick:Floor"}, {ID: ""},
	}
	more := []object.Enrichment{
		{Object: "sensor/none"},
		{
			Object: "sensor/mill", Class: "brick:Unicorn", Space: "nowhere", Feeds: "sensor/mill", Replica: "group/hall", Capacity: -1, Horizon: -5,
			Restriction: &object.Restriction{Kind: object.All}, Critical: []object.ID{"sensor/air"},
		},
		{Object: "sensor/mill"},
		{Object: "sensor/air", Class: "brick:Meter", Feeds: "sensor/none", Replica: "sensor/air", Device: strings.Repeat("x", 501)},
		{Object: "sensor/main", Class: "rec:Room", Replica: "sensor/none"},
		{Object: "group/hall", Restriction: &object.Restriction{Kind: "most"}, Critical: []object.ID{"sensor/air", "sensor/mill", "sensor/mill"}},
	}
	w, faults := object.NewWorld(plant(t), spaces, more)
	var got []string
	for _, f := range faults {
		got = append(got, string(f.Kind)+": "+f.Error())
	}
	want := []string{
		`repeated: space "c" is there twice`,
		`bad-space: space "d" has the kind "brick:Floor", which is none of rec:Site, rec:Building, rec:Level, rec:Room, rec:Zone`,
		`bad-space: space identifier is empty`,
		`space-cycle: space "b" lies within itself, by "a"`,
		`unknown-space: space "c" lies in the unknown space "gone"`,
		`unknown-object: enrichment of "sensor/none", which the model does not have`,
		`unknown-class: sensor/mill has the unknown class "brick:Unicorn"`,
		`unknown-space: sensor/mill is in the unknown space "nowhere"`,
		`feeds-itself: sensor/mill feeds itself`,
		`bad-replica: sensor/mill is a replica of group/hall; sensors alone have replicas`,
		`bad-number: sensor/mill has the capacity -1; it is between 0 and 1000000`,
		`bad-number: sensor/mill has the horizon -5ns; it is at least 1ms and at most 100 years`,
		`not-a-group: sensor/mill is a sensor and has a restriction; groups alone have one`,
		`not-a-group: sensor/mill is a sensor and has critical members; groups alone have them`,
		`repeated: sensor/mill is enriched twice`,
		`wrong-class: sensor/air is a sensor and has the class brick:Meter; a sensor is a brick:Point`,
		`bad-number: sensor/air has a device of 501 bytes, at most 500 are taken`,
		`unknown-feeds: sensor/air feeds "sensor/none", which the model does not have`,
		`bad-replica: sensor/air is a replica of itself`,
		`wrong-class: sensor/main has the class rec:Room, which is none of things that measure or are measured`,
		`bad-replica: sensor/main is a replica of "sensor/none", which the model does not have`,
		`bad-restriction: group/hall has a wrong restriction: restriction "most" is none of all, min, some`,
		`not-a-member: group/hall has the critical member "sensor/air", which is none of its members`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	o, _ := w.Object("group/hall")
	if len(o.Critical) != 1 || o.Restriction.Kind != object.Some {
		t.Errorf("%+v", o)
	}
	if o, _ := w.Object("sensor/mill"); o.Class != vocabulary.ActivePower || o.Space != "kiel" || o.Feeds != "" {
		t.Errorf("%+v", o)
	}
}

// The closure of Brick: a template that needs power sensors takes what measures
// active power.
func TestScenarioD8(t *testing.T) {
	w, _ := object.NewWorld(plant(t), nil, nil)
	if n := vocabulary.PowerSensor.Below().Len(); n != 6 {
		t.Errorf("Power_Sensor has %d classes, want 6", n)
	}
	got := ids(w.OfClass("brick:Power_Sensor", "group/plant"))
	if diff := cmp.Diff([]object.ID{"sensor/main", "sensor/mill", "sensor/lathe"}, got); diff != "" {
		t.Error(diff)
	}
	for _, id := range got {
		if o, _ := w.Object(id); o.Class != "brick:Active_Power_Sensor" {
			t.Errorf("%s is a %s", id, o.Class)
		}
	}
}

func TestStateAt(t *testing.T) {
	o := &object.Object{Interval: 1000, MaxAge: 3000, Horizon: 10_000}
	for _, c := range []struct {
		last, now record.Millis
		want      object.State
	}{
		{0, 100_000, object.Down},
		{100_000, 100_000, object.Live},
		{100_001, 100_000, object.Live},
		{98_000, 100_000, object.Live},
		{97_999, 100_000, object.Late},
		{97_000, 100_000, object.Late},
		{96_999, 100_000, object.Stale},
		{90_000, 100_000, object.Stale},
		{89_999, 100_000, object.Down},
	} {
		if got := object.StateAt(o, c.last, c.now); got != c.want {
			t.Errorf("last %d, now %d: %s, want %s", c.last, c.now, got, c.want)
		}
	}
	o.MaxAge = -1
	if got := object.StateAt(o, 1, 100_000_000); got != object.Late {
		t.Errorf("unlimited: %s", got)
	}
}

func TestRestriction(t *testing.T) {
	for _, c := range []struct {
		r             object.Restriction
		usable, total int
		want          bool
	}{
		{object.Restriction{Kind: object.All}, 3, 3, true},
		{object.Restriction{Kind: object.All}, 2, 3, false},
		{object.Restriction{Kind: object.Some}, 1, 3, true},
		{object.Restriction{Kind: object.Some}, 0, 3, false},
		{object.Restriction{Kind: object.Some}, 0, 0, false},
		{object.Restriction{Kind: object.Min, K: 2}, 2, 3, true},
		{object.Restriction{Kind: object.Min, K: 2}, 1, 3, false},
	} {
		if got := c.r.Met(c.usable, c.total); got != c.want {
			t.Errorf("%v of %d/%d: %v", c.r, c.usable, c.total, got)
		}
	}
	for _, r := range []object.Restriction{{}, {Kind: "min"}, {Kind: "all", K: 1}, {Kind: "min", K: -1}} {
		if r.Validate() == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	for _, id := range []object.ID{"sensor/boiler", "group/halle 1", "sensor/a/b", "sensor/ü%?#", "sensor/~"} {
		iri := id.IRI()
		if got, ok := object.OfIRI(iri); !ok || got != id {
			t.Errorf("%s becomes %s becomes %s", id, iri, got)
		}
	}
	if got := object.ID("group/halle 1").IRI(); got != "urn:wattwerk:group/halle%201" {
		t.Error(got)
	}
	for _, iri := range []string{"", "urn:wattwerk:", "urn:wattwerk:sensor", "urn:wattwerk:sensor/", "urn:wattwerk:sensor/%2", "urn:wattwerk:sensor/%61", "urn:wattwerk:sensor/%2f", "urn:wattwerk:space/a", "urn:other:sensor/a", "urn:wattwerk:sensor/a b"} {
		if got, ok := object.OfIRI(iri); ok {
			t.Errorf("%s is taken as %s", iri, got)
		}
	}
	if got, ok := object.SpaceOfIRI(object.SpaceIRI("hall 1")); !ok || got != "hall 1" {
		t.Error(got)
	}
	if s, ok := object.OfSensor("x").Sensor(); !ok || s != "x" {
		t.Error(s)
	}
	if g, ok := object.OfGroup("x").Group(); !ok || g != "x" {
		t.Error(g)
	}
}

func FuzzOfIRI(f *testing.F) {
	for _, s := range []string{"urn:wattwerk:sensor/a", "urn:wattwerk:group/%C3%BC", "urn:wattwerk:space/%2F%2F", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, iri string) {
		if id, ok := object.OfIRI(iri); ok && id.IRI() != iri {
			t.Errorf("%q becomes %q", iri, id.IRI())
		}
		if id, ok := object.SpaceOfIRI(iri); ok && object.SpaceIRI(id) != iri {
			t.Errorf("%q becomes %q", iri, object.SpaceIRI(id))
		}
	})
}

// large is a model of n sensors in four plants of 25 halls of 10 machines, a quantity each.
func large(t testing.TB, n int) *model.Model {
	t.Helper()
	d := model.Document{Sites: []model.Site{{ID: "site"}}}
	var roots [4]model.Group
	quantities := []record.Quantity{record.ActivePower, record.Energy, record.ReactivePower, record.Voltage}
	for h := range 100 {
		hall := model.Group{ID: model.GroupID(fmt.Sprintf("hall%d", h))}
		root := &roots[h%4]
		root.Members = append(root.Members, model.Member{Group: hall.ID})
		for k := range 10 {
			machine := model.Group{ID: model.GroupID(fmt.Sprintf("machine%d-%d", h, k))}
			hall.Members = append(hall.Members, model.Member{Group: machine.ID})
			for i := range n / 1000 {
				id := record.SensorID(fmt.Sprintf("s%d-%d-%d", h, k, i))
				d.Sensors = append(d.Sensors, model.Sensor{ID: id, Quantity: quantities[h%4], Site: "site"})
				machine.Members = append(machine.Members, model.Member{Sensor: id})
			}
			d.Groups = append(d.Groups, machine)
		}
		d.Groups = append(d.Groups, hall)
	}
	for i, root := range roots {
		root.ID = model.GroupID(fmt.Sprintf("plant%d", i))
		d.Groups = append(d.Groups, root)
		d.Hierarchies = append(d.Hierarchies, model.Hierarchy{ID: model.HierarchyID(root.ID), Root: root.ID, Site: "site"})
	}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What the indexes give is what a walk over the members gives.
func TestIndexesByWalking(t *testing.T) {
	w, _ := object.NewWorld(large(t, 2000), nil, nil)
	var walk func(id object.ID) []object.ID
	walk = func(id object.ID) []object.ID {
		var out []object.ID
		o, _ := w.Object(id)
		for _, m := range o.Members {
			out = append(append(out, m), walk(m)...)
		}
		return out
	}
	for _, o := range w.OfClass(vocabulary.CompositeObject, "") {
		want := walk(o.ID)
		if !slices.Equal(want, ids(w.Below(o.ID))) {
			t.Fatalf("below %s", o.ID)
		}
		var power []object.ID
		for _, id := range want {
			if b, _ := w.Object(id); b.Class.Is(vocabulary.PowerSensor) {
				power = append(power, id)
			}
		}
		if !slices.Equal(power, ids(w.OfClass(vocabulary.PowerSensor, o.ID))) {
			t.Fatalf("power below %s", o.ID)
		}
	}
}

func BenchmarkNewWorld(b *testing.B) {
	m := large(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		object.NewWorld(m, nil, nil)
	}
}

func BenchmarkOfClass(b *testing.B) {
	w, _ := object.NewWorld(large(b, 10_000), nil, nil)
	for _, under := range []object.ID{"", "group/plant0", "group/hall4", "group/machine4-4"} {
		b.Run(fmt.Sprintf("under=%s", under), func(b *testing.B) {
			for b.Loop() {
				w.OfClass(vocabulary.PowerSensor, under)
			}
		})
	}
}
