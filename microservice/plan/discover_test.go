package plan_test

import (
	"fmt"
	"testing"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/bench/town"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// newTown is the town that discovery is measured on.
func newTown(t testing.TB) *town.Town {
	t.Helper()
	w, err := town.New(10_000, 312, .1)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// naive discovers a service without any index: it looks at all objects for each composite.
func naive(w *town.Town, n int, room string) (full, usable, standing int, mean float64) {
	classes := town.Classes()
	for i := range 5 {
		whole := 0
		for j := range 3 {
			k := (3*(5*n+i) + j) % len(classes)
			present := 0
			for at := range w.World.Len() {
				o := w.World.At(at)
				is := false
				for _, c := range classes[k] {
					is = is || o.Class == c
				}
				if !is || o.Space != room {
					continue
				}
				if w.Value(o).Share > 0 {
					present++
				} else if w.StandIn(o, plan.Want{}).Share > 0 {
					present++
					standing++
				}
			}
			if present >= 6 {
				whole++
			}
		}
		if whole == 3 {
			full++
		}
		if whole >= 2 {
			usable++
		}
		mean += float64(whole) / 15
	}
	return full, usable, standing, mean
}

// TestScenarioD1: 10,000 objects, 312 microservices and S1 to S6, with one object in
// ten down and then with half of them: what is found is what a search without any index
// finds. How long it takes is BenchmarkDiscover's.
func TestScenarioD1(t *testing.T) {
	w := newTown(t)
	kinds := make(map[availability.Exec]int)
	for round, down := range []float64{.1, .5} {
		w.Draw(uint64(3+round), down)
		for n := range 6 {
			for r := 0; r < len(w.Rooms); r += 21 {
				room := w.Rooms[r]
				full, usable, standing, mean := naive(w, n, room)
				p, err := w.Finder.Discover(plan.Request{SID: w.Services[n], Subject: plan.OfSpace(room)}, w, plan.Ask{})
				if usable < 4 {
					if no := notAvailable(t, err); no.Usable != usable || !near(no.Mean, mean) || !near(no.Availability, float64(full)/5) || no.Reason != plan.Restriction {
						t.Fatalf("S%d in %s: %+v, want %d usable, mean %v", n+1, room, no, usable, mean)
					}
					kinds[availability.Nothing]++
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if !near(p.Strict, float64(full)/5) || !near(p.Mean, mean) || len(p.StandIns)+p.MoreIns != standing || (p.Exec == availability.Full) != (full == 5) {
					t.Fatalf("S%d in %s: %+v, want %d full, mean %v, %d standing in", n+1, room, p, full, mean, standing)
				}
				for _, s := range p.Steps {
					for _, c := range s.Composites {
						if len(c.Members) != 8 {
							t.Fatalf("%s of %s has %d objects", c.Tag, s.MS, len(c.Members))
						}
					}
				}
				kinds[p.Exec]++
			}
		}
	}
	for _, e := range []availability.Exec{availability.Full, availability.Partial, availability.Nothing} {
		if kinds[e] == 0 {
			t.Errorf("none is %s: %v", e, kinds)
		}
	}
}

// TestScenarioD8: a template needs Power_Sensor; below the site there are sensors of the
// six classes of its closure. Below a group only its own count, and what a group does not
// have is looked for where it is.
func TestScenarioD8(t *testing.T) {
	d := model.Document{Sites: []model.Site{{ID: "kiel"}}, Groups: []model.Group{{ID: "hall", Members: []model.Member{{Sensor: "p2"}}}}}
	d.Hierarchies = []model.Hierarchy{{ID: "h", Site: "kiel", Root: "hall"}}
	var more []object.Enrichment
	for i, c := range []vocabulary.Class{"brick:Power_Sensor", "brick:Electric_Power_Sensor", "brick:Active_Power_Sensor", "brick:Reactive_Power_Sensor", "brick:Thermal_Power_Sensor", "brick:Heating_Thermal_Power_Sensor", "brick:Temperature_Sensor"} {
		q := record.ActivePower
		if m := c.Measures(); len(m) > 0 {
			q = m[0]
		}
		id := record.SensorID(fmt.Sprint("p", i))
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "kiel", Quantity: q})
		more = append(more, object.Enrichment{Object: object.OfSensor(id), Class: c})
	}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	w, faults := object.NewWorld(m, nil, more)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	power := microservice.Requirement{Tag: "power", Class: "brick:Power_Sensor", Restriction: some}
	heat := microservice.Requirement{Tag: "heat", Class: "brick:Temperature_Sensor", Restriction: some}
	weather := microservice.Requirement{Tag: "weather", Class: "brick:Temperature_Sensor", Restriction: some, Whole: true}
	group := microservice.Requirement{Tag: "groups", Class: vocabulary.CompositeObject, Restriction: some}
	s := microservice.Service{SID: "S1", Domain: "building", Threshold: ms(100), Restriction: some}
	f := finder(t, w, up(t, template("m", some, power, heat, weather, group)), nil, s)
	for subject, want := range map[object.ID]string{
		"":           "6 1 1 1",
		"space/kiel": "6 1 1 1",
		"group/hall": "1 1 1 1",
		"sensor/p6":  "6 1 1 1", // a thermometer: power where it is
	} {
		p, err := f.Discover(plan.Request{SID: "S1", Subject: subject}, &view{}, plan.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range p.Steps[0].Composites {
			got += fmt.Sprint(len(c.Members), " ")
		}
		if got != want+" " {
			t.Errorf("below %q there are %s, want %s", subject, got, want)
		}
	}
	p, err := f.Discover(plan.Request{SID: "S1"}, (&view{}).dead("p2"), plan.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	var in []string
	for _, x := range p.Missing {
		in = append(in, fmt.Sprint(x.CVO, " ", x.VO, " ", x.Cause))
	}
	if fmt.Sprint(in) != "[power sensor/p2 object groups sensor/p2 object]" {
		t.Errorf("missing: %v", in)
	}
}

// BenchmarkDiscover is the whole discovery of one service after the other, over one
// room after the other; the goal is 50 µs. What a service
// means for a room has been worked out before; see BenchmarkDiscoverOnce.
func BenchmarkDiscover(b *testing.B) {
	w := newTown(b)
	n := 0
	discover := func() {
		_, _ = w.Finder.Discover(plan.Request{SID: w.Services[n%6], Subject: plan.OfSpace(w.Rooms[n/6%len(w.Rooms)])}, w, plan.Ask{Spread: uint64(n)})
		n++
	}
	for range 6 * len(w.Rooms) {
		discover()
	}
	b.ReportAllocs()
	for b.Loop() {
		discover()
	}
}

// BenchmarkDiscoverOnce is the first discovery of an epoch, with working out what the service means.
func BenchmarkDiscoverOnce(b *testing.B) {
	w := newTown(b)
	o := plan.Request{SID: "S1", Subject: plan.OfSpace(w.Rooms[0]), Majors: map[string]int{"ms000": 1}} // with majors nothing is kept
	for b.Loop() {
		_, _ = w.Finder.Discover(o, w, plan.Ask{})
	}
}
