package execution_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/microservice/builtin"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/watch"
)

// BenchmarkDiscover finds S1 for one of a thousand groups of ten sensors each, of which every
// tenth is down: as scenario D1, without a database.
func BenchmarkDiscover(b *testing.B) {
	d := model.Document{Sites: []model.Site{{ID: "site"}}}
	plant := model.Group{ID: "plant"}
	for i := range 1000 {
		g := model.Group{ID: model.GroupID(fmt.Sprint("g", i))}
		for j := range 10 {
			id := record.SensorID(fmt.Sprint("s", i, "-", j))
			d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "site", Quantity: record.ActivePower, Interval: model.Duration(60e9)})
			g.Members = append(g.Members, model.Member{Sensor: id})
		}
		d.Groups = append(d.Groups, g)
		plant.Members = append(plant.Members, model.Member{Group: g.ID})
	}
	d.Groups = append(d.Groups, plant)
	d.Hierarchies = []model.Hierarchy{{ID: "place", Site: "site", Root: "plant"}}
	of, err := model.New(d)
	if err != nil {
		b.Fatal(err)
	}
	world, _ := object.NewWorld(of, nil, nil)
	w := watch.New()
	board := watch.NewBoard(w)
	board.Set(world, begin)
	for i, s := range d.Sensors {
		if i%10 != 0 {
			w.Saw(s.ID, begin, 1, begin)
		}
	}
	board.Step(begin, nil)
	docs := builtin.Services()
	e, err := execution.New(execution.Options{
		Moment: func() *watch.Moment { return board.Now() }, Templates: docs.Microservices, Services: docs.Services, Clock: func() record.Millis { return begin },
	})
	if err != nil {
		b.Fatal(err)
	}
	subjects := make([]object.ID, 1000)
	for i := range subjects {
		subjects[i] = object.ID(fmt.Sprint("group/g", i))
	}
	for _, id := range subjects { // what a service means for a subject is worked out once
		if _, err := e.Discover(plan.Request{SID: "S1", Subject: id}, plan.BySum); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Discover(plan.Request{SID: "S1", Subject: subjects[i%1000]}, plan.BySum); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkSubjects lists what can run S1 among 10,000 sensors of which none is for it.
func BenchmarkSubjects(b *testing.B) {
	d := model.Document{Sites: []model.Site{{ID: "site"}}}
	for i := range 10_000 {
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(fmt.Sprint("s", i)), Site: "site", Quantity: record.Pressure, Interval: model.Duration(60e9)})
	}
	of, err := model.New(d)
	if err != nil {
		b.Fatal(err)
	}
	world, _ := object.NewWorld(of, nil, nil)
	board := watch.NewBoard(watch.New())
	board.Set(world, begin)
	moment, _ := board.Step(begin, nil)
	docs := builtin.Services()
	e, err := execution.New(execution.Options{
		Moment: func() *watch.Moment { return moment }, Templates: docs.Microservices, Services: docs.Services, Clock: func() record.Millis { return begin },
	})
	if err != nil {
		b.Fatal(err)
	}
	e.Checked()
	mux := http.NewServeMux()
	e.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	for b.Loop() {
		w := httptest.NewRecorder()
		if mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/services/S1/subjects", nil)); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}
