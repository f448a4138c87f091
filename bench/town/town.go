package town

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// Sizes of a town: in a room there are so many sensors of each class, and a
// microservice looks at three classes.
const (
	PerClass   = 8
	composites = 3
	needed     = 6 // of the sensors of a composite
	steps      = 5 // microservices of a service
	services   = 6
)

// The classes that are asked for, and one below each that sensors have.
var classes = [][2]vocabulary.Class{
	{"brick:Power_Sensor", "brick:Active_Power_Sensor"}, {"brick:Temperature_Sensor", "brick:Air_Temperature_Sensor"},
	{"brick:Humidity_Sensor", "brick:Relative_Humidity_Sensor"}, {"brick:Energy_Sensor", "brick:Electric_Energy_Sensor"},
	{"brick:Current_Sensor", "brick:Load_Current_Sensor"}, {"brick:Voltage_Sensor", "brick:Battery_Voltage_Sensor"},
	{"brick:Frequency_Sensor", "brick:Frequency_Sensor"}, {"brick:Illuminance_Sensor", "brick:Illuminance_Sensor"},
	{"brick:Flow_Sensor", "brick:Water_Flow_Sensor"}, {"brick:Speed_Sensor", "brick:Wind_Speed_Sensor"},
	{"brick:Pressure_Sensor", "brick:Pressure_Sensor"}, {"brick:Air_Quality_Sensor", "brick:CO2_Sensor"},
}

// Classes are the classes that are asked for, each with one below it that sensors have:
// the n-th microservice asks for three in a row, from the one numbered 3n on.
func Classes() [][2]vocabulary.Class { return slices.Clone(classes) }

// Town is made by [New]. What it holds is not to be changed but by [Town.Draw];
// discovery may run many times at once.
type Town struct {
	World    *object.World
	Rooms    []string // spaces
	Services []string // "S1" to "S6"
	Finder   *plan.Finder

	templates []microservice.Template
	services  []microservice.Service
	values    []availability.Value // by the objects' index
	peers     map[peer][]*object.Object
}

type peer struct {
	space string
	class vocabulary.Class
}

// New makes a town of so many objects and microservices, in which a share of the
// objects is down. The same numbers make the same town.
func New(objects, microservices int, down float64) (*Town, error) {
	if err := Check(objects, microservices, down); err != nil {
		return nil, err
	}
	rooms := objects / (PerClass * len(classes))
	w := &Town{peers: make(map[peer][]*object.Object)}
	if err := w.build(rooms, objects-rooms*PerClass*len(classes)); err != nil {
		return nil, err
	}
	if err := w.serve(microservices); err != nil {
		return nil, err
	}
	w.values = make([]availability.Value, w.World.Len())
	w.Draw(1, down)
	for i := range w.World.Len() {
		o := w.World.At(i)
		w.peers[peer{o.Space, o.Class}] = append(w.peers[peer{o.Space, o.Class}], o)
	}
	return w, nil
}

// Check tells which towns cannot be made.
func Check(objects, microservices int, down float64) error {
	if objects < PerClass*len(classes) || objects > 1_000_000 || microservices < services*steps || microservices > 10_000 || down < 0 || down > 1 {
		return fmt.Errorf("%d objects and %d microservices, %v down: a town has %d to 1,000,000 and %d to 10,000, and a share between 0 and 1",
			objects, microservices, down, PerClass*len(classes), services*steps)
	}
	return nil
}

// build makes rooms with sensors, and some that no service asks for.
func (w *Town) build(rooms, spare int) error {
	d := model.Document{Sites: []model.Site{{ID: "town"}}}
	var spaces []object.Space
	var more []object.Enrichment
	for n := range rooms {
		room := fmt.Sprintf("room%04d", n)
		w.Rooms = append(w.Rooms, room)
		spaces = append(spaces, object.Space{ID: room, Parent: "town", Kind: vocabulary.Room})
		for c, class := range classes {
			for i := range PerClass {
				id := record.SensorID(fmt.Sprintf("r%04d-%02d-%d", n, c, i))
				d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "town", Quantity: class[1].Measures()[0]})
				more = append(more, object.Enrichment{Object: object.OfSensor(id), Class: class[1], Space: room})
			}
		}
	}
	for n := range spare {
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(fmt.Sprint("spare", n)), Site: "town", Quantity: record.Ratio})
	}
	m, err := model.New(d)
	if err != nil {
		return err
	}
	var faults []object.Fault
	if w.World, faults = object.NewWorld(m, spaces, more); len(faults) > 0 {
		return errors.New(faults[0].Text)
	}
	return nil
}

// serve makes microservices, each of which has an instance that is up.
func (w *Town) serve(n int) error {
	long := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var changes []registry.Change
	for i := range n {
		t := microservice.Template{
			ID: fmt.Sprintf("ms%03d", i), Domain: "building", Services: []string{fmt.Sprint("S", 1+i/steps)}, Restriction: object.Restriction{Kind: object.Min, K: 2},
			Release: microservice.Release{Version: microservice.Version{Major: 1}, Created: long, Updated: long, Kind: microservice.Major},
			Runtime: microservice.Runtime{BuiltIn: fmt.Sprintf("ms%03d", i)},
		}
		for j := range composites {
			t.Composites = append(t.Composites, microservice.Requirement{
				Tag: fmt.Sprintf("c%d", j), Class: classes[(composites*i+j)%len(classes)][0], Restriction: object.Restriction{Kind: object.Min, K: needed},
				Quality: .3, Threshold: model.Duration(time.Millisecond),
			})
		}
		t.Runtime.BuiltIn = "town"
		w.templates = append(w.templates, t)
		id := t.ID + "-1"
		changes = append(changes, registry.Change{PutTemplate: &t}, registry.Change{PutInstance: &registry.Instance{ID: id, Of: t.Key()}},
			registry.Change{Check: &registry.Check{Instance: id, At: 1, Live: true, Ready: true}})
	}
	up, _, err := registry.Empty().Apply(changes...)
	if err != nil {
		return err
	}
	var all []microservice.Service
	for i := range services {
		s := microservice.Service{
			SID: fmt.Sprint("S", i+1), Domain: "building", Priority: i, Threshold: model.Duration(150 * time.Millisecond), Restriction: object.Restriction{Kind: object.Min, K: 4},
		}
		for j := range steps {
			s.Steps = append(s.Steps, microservice.ServiceStep{Microservice: fmt.Sprintf("ms%03d", steps*i+j), Major: 1})
		}
		all, w.Services = append(all, s), append(w.Services, s.SID)
	}
	w.services = all
	w.Finder, err = plan.NewFinder(plan.Options{Epoch: 1, Services: all, Registry: up, World: w.World})
	return err
}

// Draw has another share of the objects be down, at random from a seed.
func (w *Town) Draw(seed uint64, down float64) {
	r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // no secret is made of it
	for i := range w.values {
		if w.values[i] = availability.Measured(1); r.Float64() < down {
			w.values[i] = availability.Missed(1)
		}
	}
}

// Discover asks for the n-th pair of service and room.
func (w *Town) Discover(n int) (*plan.Plan, error) {
	return w.Finder.Discover(w.Request(n), w, plan.Ask{Spread: uint64(n)}) //nolint:gosec // a count
}

// Request is the n-th pair of service and room.
func (w *Town) Request(n int) plan.Request {
	return plan.Request{SID: w.Services[n%services], Subject: plan.OfSpace(w.Rooms[n/services%len(w.Rooms)])}
}

// Epoch implements [plan.View].
func (w *Town) Epoch() uint64 { return 1 }

// Value implements [plan.View].
func (w *Town) Value(o *object.Object) availability.Value { return w.values[o.Index] }

// StandIn gives the next object of the same class in the same room that has a value,
// but for one room in four, where there is none. It implements [plan.View].
func (w *Town) StandIn(o *object.Object, _ plan.Want) availability.Value {
	if o.Space != "" && o.Space[len(o.Space)-1]%4 == 0 {
		return availability.Missed(1)
	}
	for _, x := range w.peers[peer{o.Space, o.Class}] {
		if w.values[x.Index].Source == availability.Live {
			return availability.Value{Share: .8, Source: availability.Substituted, By: x.ID, Since: 1}
		}
	}
	return availability.Missed(1)
}

// Held implements [plan.View]: nothing is.
func (w *Town) Held(*object.Object, plan.Want) *lease.Conflict { return nil }
