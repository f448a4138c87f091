package builtin_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/builtin"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// live has every object live.
type live struct{}

func (live) Epoch() uint64                                        { return 1 }
func (live) Value(*object.Object) availability.Value              { return availability.Measured(0) }
func (live) StandIn(*object.Object, plan.Want) availability.Value { return availability.Missed(0) }
func (live) Held(*object.Object, plan.Want) *lease.Conflict       { return nil }

// home is a building with everything that S1 to S6 look at, but for what is left out.
func home(t *testing.T, without ...vocabulary.Class) *object.World {
	t.Helper()
	d := model.Document{Sites: []model.Site{{ID: "home"}}}
	var more []object.Enrichment
	for i, c := range []vocabulary.Class{
		"brick:Active_Power_Sensor", "brick:Active_Power_Sensor", "brick:Electric_Energy_Sensor", "brick:Electric_Energy_Sensor", "brick:Energy_Generation_Sensor",
		"brick:Outside_Air_Temperature_Sensor", "brick:Solar_Irradiance_Sensor", "brick:Occupancy_Sensor", "brick:Occupancy_Count_Sensor",
		"brick:Motion_Sensor", "brick:Room_Air_Temperature_Sensor", "brick:On_Off_Command",
	} {
		q := record.Ratio
		if m := c.Measures(); len(m) > 0 {
			q = m[0]
		}
		if slices.Contains(without, c) {
			c = "brick:Frequency_Sensor"
			q = record.Frequency
		}
		id := record.SensorID(fmt.Sprint("s", i))
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "home", Quantity: q})
		more = append(more, object.Enrichment{Object: object.OfSensor(id), Class: c})
	}
	for _, id := range builtin.PaperSensors() {
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(id), Site: "home", Quantity: record.Frequency})
	}
	for i, c := range []vocabulary.Class{"brick:PV_Array", "brick:Electric_Vehicle_Charging_Station"} {
		sensor, group := record.SensorID(fmt.Sprint("g", i)), model.GroupID(fmt.Sprint("group", i))
		d.Sensors = append(d.Sensors, model.Sensor{ID: sensor, Site: "home", Quantity: record.ActivePower})
		d.Groups = append(d.Groups, model.Group{ID: group, Members: []model.Member{{Sensor: sensor}}})
		d.Hierarchies = append(d.Hierarchies, model.Hierarchy{ID: model.HierarchyID(group), Site: "home", Root: group})
		if !slices.Contains(without, c) {
			more = append(more, object.Enrichment{Object: object.OfGroup(group), Class: c})
		}
	}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	w, faults := object.NewWorld(m, nil, more)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return w
}

func finder(t *testing.T, d microservice.Document, w *object.World) *plan.Finder {
	t.Helper()
	s := registry.Empty()
	for i := range d.Microservices {
		x := &d.Microservices[i]
		var err error
		s, _, err = s.Apply(registry.Change{PutTemplate: x}, registry.Change{PutInstance: &registry.Instance{ID: x.ID + "-1", Of: x.Key()}},
			registry.Change{Check: &registry.Check{Instance: x.ID + "-1", Live: true, Ready: true}})
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := plan.NewFinder(plan.Options{Services: d.Services, Registry: s, World: w})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestServices: S1 to S6 can be carried out fully in a home that has everything, within
// their thresholds by the sum of all others, and every microservice is used by one of them.
func TestServices(t *testing.T) {
	d := builtin.Services()
	f := finder(t, d, home(t))
	used := make(map[string]bool)
	if len(d.Services) != 6 {
		t.Fatalf("there are %d services", len(d.Services))
	}
	for _, s := range d.Services {
		p, err := f.Discover(plan.Request{SID: s.SID, Subject: plan.OfSpace("home")}, live{}, plan.Ask{})
		if err != nil {
			t.Errorf("%s: %v", s.SID, err)
			continue
		}
		if p.Exec != availability.Full {
			t.Errorf("%s is %s: %+v", s.SID, p.Exec, p.Missing)
		}
		for _, m := range p.Steps {
			used[m.MS] = true
		}
		if s.Local == "" {
			t.Errorf("%s: nobody carries it out", s.SID)
		}
	}
	for _, m := range d.Microservices {
		if !used[m.ID] {
			t.Errorf("microservice %s is used by no service", m.ID)
		}
	}
}

// TestWithoutSun: a home without anything solar gets an estimate of its load all the
// same, and learns what is missing; without charging stations there are no charging bills.
func TestWithoutSun(t *testing.T) {
	f := finder(t, builtin.Services(), home(t, "brick:PV_Array", "brick:Solar_Irradiance_Sensor", "brick:Electric_Vehicle_Charging_Station"))
	p, err := f.Discover(plan.Request{SID: "S1", Subject: plan.OfSpace("home")}, live{}, plan.Ask{})
	if err != nil || p.Exec != availability.Partial || !slices.Contains(p.Queue, "generation-estimation") || !p.Steps[0].Full {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := f.Discover(plan.Request{SID: "S3", Subject: plan.OfSpace("home")}, live{}, plan.Ask{}); err == nil {
		t.Error("charging is billed without a charging station")
	}
}

// TestPaper: the structure P, as the tests of availability have it.
func TestPaper(t *testing.T) {
	f := finder(t, builtin.Paper(), home(t))
	p, err := f.Discover(plan.Request{SID: "P"}, live{}, plan.Ask{})
	if err != nil || p.Exec != availability.Full || len(p.Groups) != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	places := 0
	for _, s := range p.Steps {
		for _, c := range s.Composites {
			places += len(c.Members)
		}
	}
	if places != 25 {
		t.Errorf("there are %d places, the paper has 25", places)
	}
}
