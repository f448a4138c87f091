package shape_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/shape"
	"github.com/wattwerk/wattwerk/record"
)

// said is what a test changes.
type said struct {
	model  model.Document
	spaces []object.Space
	more   []object.Enrichment
}

// sound is a plant in which nothing is to be found.
func sound() said {
	device := func(serial string) []model.Device { return []model.Device{{Serial: serial, From: time.Unix(0, 0)}} }
	return said{
		model: model.Document{
			Sites: []model.Site{{ID: "kiel"}},
			Sensors: []model.Sensor{
				{ID: "main", Quantity: record.ActivePower, Site: "kiel", Devices: device("M0")},
				{ID: "a", Name: "A", Quantity: record.ActivePower, Site: "kiel", Devices: device("M1")},
				{ID: "b", Name: "B", Quantity: record.ActivePower, Site: "kiel", Devices: device("M2")},
				{ID: "c", Quantity: record.ActivePower, Site: "kiel", Formula: "sensor('a') * 2"},
				{ID: "u", Quantity: record.Voltage, Site: "kiel", Devices: device("M1")},
			},
			Groups: []model.Group{
				{ID: "hall", Members: []model.Member{{Sensor: "a"}, {Sensor: "b"}, {Sensor: "c"}, {Sensor: "main", Meter: true}}},
				{ID: "volts", Members: []model.Member{{Sensor: "u"}}},
			},
		},
		spaces: []object.Space{{ID: "r", Kind: "rec:Room", Parent: "kiel"}},
		more: []object.Enrichment{
			{Object: "sensor/a", Space: "r", Feeds: "sensor/b", Replica: "sensor/b"},
			{Object: "group/hall", Restriction: &object.Restriction{Kind: object.Min, K: 3}, Critical: []object.ID{"sensor/a"}},
		},
	}
}

func (s *said) sensor(id record.SensorID) *model.Sensor {
	for i := range s.model.Sensors {
		if s.model.Sensors[i].ID == id {
			return &s.model.Sensors[i]
		}
	}
	panic(id)
}

func (s *said) add(e object.Enrichment) {
	for i := range s.more {
		if s.more[i].Object == e.Object {
			s.more[i] = e
			return
		}
	}
	s.more = append(s.more, e)
}

func look(t *testing.T, s said) []shape.Finding {
	t.Helper()
	m, err := model.New(s.model)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := object.NewWorld(m, s.spaces, s.more)
	findings, total := shape.Look(w, 100)
	if total != len(findings) {
		t.Fatalf("%d of %d findings", len(findings), total)
	}
	return findings
}

// Each check finds what it is for, and nothing in a sound plant.
func TestChecks(t *testing.T) {
	if findings := look(t, sound()); len(findings) > 0 {
		t.Errorf("a sound plant has findings: %+v", findings)
	}
	tried := make(map[string]bool)
	for _, c := range []struct {
		check string
		spoil func(*said)
		want  []string // sentences
	}{
		{"unknown-object", func(s *said) { s.add(object.Enrichment{Object: "sensor/none"}) }, []string{`enrichment of "sensor/none", which the model does not have`}},
		{"unknown-object", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Feeds: "sensor/none"}) }, []string{`sensor/b feeds "sensor/none", which the model does not have`}},
		{"unknown-class", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Class: "brick:Unicorn"}) }, []string{`sensor/b has the unknown class "brick:Unicorn"`}},
		{"unknown-class", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Class: "brick:Meter"}) }, []string{`sensor/b is a sensor and has the class brick:Meter; a sensor is a brick:Point`}},
		{"unknown-space", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Space: "cellar"}) }, []string{`sensor/b is in the unknown space "cellar"`}},
		{"unknown-space", func(s *said) { s.spaces[0].Parent = "house" }, []string{`space "r" lies in the unknown space "house"`}},
		{"space-cycle", func(s *said) {
			s.spaces[0].Parent = "q"
			s.spaces = append(s.spaces, object.Space{ID: "q", Kind: "rec:Room", Parent: "r"})
		}, []string{`space "r" lies within itself, by "q"`}},
		{"not-a-member", func(s *said) {
			s.add(object.Enrichment{Object: "group/hall", Critical: []object.ID{"sensor/u"}})
		}, []string{`group/hall has the critical member "sensor/u", which is none of its members`}},
		{"not-a-member", func(s *said) {
			s.add(object.Enrichment{Object: "sensor/b", Restriction: &object.Restriction{Kind: object.All}})
		}, []string{`sensor/b is a sensor and has a restriction; groups alone have one`}},
		{"said-wrongly", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Capacity: -1}) }, []string{`sensor/b has the capacity -1; it is between 0 and 1000000`}},
		{"no-unit", func(s *said) {
			s.model.Groups = append(s.model.Groups, model.Group{ID: "outer", Members: []model.Member{{Group: "inner"}}}, model.Group{ID: "inner"})
		}, []string{`group/outer has members and no unit, as no sensor lies below it`}},
		{"foreign-meter", func(s *said) { s.sensor("main").Kind = model.Counter }, []string{`group/hall has the meter sensor/main, a counter of active_power, and the member sensor/a, a gauge of active_power`}},
		{"wrong-quantity", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Class: "brick:Reactive_Power_Sensor"}) }, []string{`sensor/b measures active_power and has the class brick:Reactive_Power_Sensor, which is of reactive_power`}},
		{"wrong-quantity", func(s *said) { s.add(object.Enrichment{Object: "group/volts", Class: "brick:Power_Sensor"}) }, []string{`group/volts measures voltage and has the class brick:Power_Sensor, which is of active_power, reactive_power or apparent_power`}},
		{"empty-group", func(s *said) { s.model.Groups = append(s.model.Groups, model.Group{ID: "new"}) }, []string{`group/new is a group without members`}},
		{"never-met", func(s *said) {
			s.add(object.Enrichment{Object: "group/hall", Restriction: &object.Restriction{Kind: object.Min, K: 4}})
		}, []string{`group/hall needs 4 members and has 3`}},
		{"feeds-itself", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Feeds: "sensor/b"}) }, []string{`sensor/b feeds itself`}},
		{"feeds-itself", func(s *said) {
			s.add(object.Enrichment{Object: "sensor/b", Feeds: "group/hall"})
			s.add(object.Enrichment{Object: "group/hall", Feeds: "sensor/b"})
		}, []string{`group/hall feeds itself, over 2 objects`}},
		{"shared-device", func(s *said) { s.sensor("b").Devices[0].Serial = "M1" }, []string{`sensor/b is served by the device "M1", as sensor/a is, which measures the same`}},
		{"alone", func(s *said) {
			s.model.Sensors = append(s.model.Sensors, model.Sensor{ID: "new", Quantity: record.Energy, Site: "kiel"})
		}, []string{`sensor/new is in no group`}},
		{"short-horizon", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Horizon: model.Duration(time.Second)}) }, []string{`sensor/b has the horizon 1000 ms, which is shorter than its interval of 60000 ms`}},
		{"short-age", func(s *said) { d := model.Duration(time.Second); s.sensor("b").MaxAge = &d }, []string{`sensor/b has the max age 1000 ms, which is shorter than its interval of 60000 ms: it is never known for long`}},
		{"actuator", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Class: "brick:Power_Setpoint"}) }, []string{`sensor/b has the class brick:Power_Setpoint and is not marked as an actuator`}},
		{"actuator", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Actuator: true}) }, []string{`sensor/b is marked as an actuator and has the class brick:Active_Power_Sensor, which is only read`}},
		{"shared-actuator", func(s *said) {
			s.add(object.Enrichment{Object: "sensor/b", Class: "brick:Power_Setpoint", Actuator: true, Capacity: 2})
		}, []string{`sensor/b is an actuator and may be used by 2 services at once`}},
		{"same-name", func(s *said) { s.sensor("b").Name = "A" }, []string{`group/hall has two members called "A", sensor/a and sensor/b`}},
		{"virtual-replica", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Replica: "sensor/c"}) }, []string{`sensor/b is a replica of sensor/c, which is virtual`}},
		{"virtual-replica", func(s *said) { s.add(object.Enrichment{Object: "sensor/c", Replica: "sensor/b"}) }, []string{`sensor/c is virtual and a replica of sensor/b`}},
		{"foreign-replica", func(s *said) { s.add(object.Enrichment{Object: "sensor/b", Replica: "sensor/u"}) }, []string{`sensor/b is a gauge of active_power and a replica of sensor/u, a gauge of voltage`}},
		{"nowhere", func(s *said) { s.sensor("b").Site = "" }, []string{`sensor/b is in no space`}},
	} {
		tried[c.check] = true
		t.Run(c.check, func(t *testing.T) {
			s := sound()
			c.spoil(&s)
			var got []string
			for _, f := range look(t, s) {
				if c.check == "no-unit" && f.Check == "empty-group" {
					continue // there is no one without the other
				}
				if f.Check != c.check {
					t.Errorf("%s finds something, too: %s", f.Check, f.Text)
					continue
				}
				if f.Advice == "" || f.Severity == "" || f.Object == "" == (f.Space == "") {
					t.Errorf("%+v", f)
				}
				got = append(got, f.Text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, c := range shape.Checks() {
		if !tried[c.Name] {
			t.Errorf("%s is not tried", c.Name)
		}
	}
}

func TestLimit(t *testing.T) {
	s := sound()
	for i := range 50 {
		s.model.Groups = append(s.model.Groups, model.Group{ID: model.GroupID(fmt.Sprint("new", i))})
	}
	m, err := model.New(s.model)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := object.NewWorld(m, s.spaces, s.more)
	if findings, total := shape.Look(w, 7); len(findings) != 7 || total != 50 {
		t.Errorf("%d of %d", len(findings), total)
	}
}
