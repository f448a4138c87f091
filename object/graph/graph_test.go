package graph_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/record"
)

func live(t testing.TB) *graph.Live {
	t.Helper()
	m, err := model.New(model.Document{
		Sites: []model.Site{{ID: "kiel", Name: "Kiel"}},
		Sensors: []model.Sensor{
			{ID: "main", Quantity: record.ActivePower, Site: "kiel", Devices: []model.Device{{Serial: "M 1", From: time.Unix(0, 0)}}},
			{ID: "energy", Quantity: record.Energy, Site: "kiel", Devices: []model.Device{{Serial: "M 1", From: time.Unix(0, 0)}}},
			{ID: "lathe", Name: "Lathe \"A\"", Quantity: record.ActivePower, Site: "kiel"},
			{ID: "mill", Quantity: record.ActivePower, Site: "kiel"},
			{ID: "air", Quantity: record.Temperature, Devices: []model.Device{{Serial: "T1", From: time.Unix(0, 0)}}},
		},
		Groups: []model.Group{
			{ID: "plant", Members: []model.Member{{Group: "hall"}, {Sensor: "main", Meter: true}}},
			{ID: "hall", Name: "Hall", Members: []model.Member{{Sensor: "mill"}, {Sensor: "lathe"}}},
		},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w, faults := object.NewWorld(m,
		[]object.Space{{ID: "b", Kind: "rec:Building", Parent: "kiel"}, {ID: "r", Name: "Room", Kind: "rec:Room", Parent: "b"}},
		[]object.Enrichment{
			{Object: "sensor/mill", Space: "r", Feeds: "sensor/lathe", Capacity: 2, Actuator: true},
			{Object: "sensor/lathe", Space: "r", Replica: "sensor/mill", Feeds: "group/hall"},
			{Object: "group/hall", Class: "brick:PV_Array", Device: "M 1", Restriction: &object.Restriction{Kind: object.Min, K: 2}, Critical: []object.ID{"sensor/mill"}},
		})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	value, share := 1.5, 0.061
	return graph.New(w).At(func(o *object.Object) graph.Now {
		if o.Composite {
			return graph.Now{}
		}
		if o.ID == "sensor/air" {
			return graph.Now{State: object.Down}
		}
		return graph.Now{State: object.Live, Value: &value, Seen: 1_700_000_000_000}
	}, []graph.Substitution{{For: "sensor/mill", By: "sensor/lathe", Method: "ratio", Error: &share}, {For: "sensor/air", Method: "profile"}, {For: "sensor/air", Method: "again"}})
}

// Every index gives what a walk over all triples gives.
func TestMatch(t *testing.T) {
	g := live(t)
	all := slices.Collect(g.Match(graph.Term{}, graph.Term{}, graph.Term{}))
	seen := make(map[graph.Triple]bool)
	var ss, ps, os []graph.Term
	for _, x := range all {
		if seen[x] {
			t.Errorf("twice: %s", x)
		}
		seen[x] = true
		ss, ps, os = append(ss, x.S), append(ps, x.P), append(os, x.O)
	}
	if len(all) < 250 {
		t.Errorf("%d triples", len(all))
	}
	any := graph.Term{}
	strange := []graph.Term{any, graph.Resource("urn:x"), graph.Text("live"), graph.Resource("live"), graph.Text("urn:wattwerk:sensor/mill")}
	unique := func(list []graph.Term) []graph.Term {
		m := make(map[graph.Term]bool)
		out := slices.Clone(strange)
		for _, x := range list {
			if !m[x] {
				m[x] = true
				out = append(out, x)
			}
		}
		return out
	}
	ss, ps, os = unique(ss), unique(ps), unique(os)
	// What fits a pattern, found by looking at every triple.
	fitting := make(map[graph.Triple][]graph.Triple)
	for _, x := range all {
		for _, s := range []graph.Term{any, x.S} {
			for _, p := range []graph.Term{any, x.P} {
				for _, o := range []graph.Term{any, x.O} {
					k := graph.Triple{S: s, P: p, O: o}
					fitting[k] = append(fitting[k], x)
				}
			}
		}
	}
	check := func(s, p, o graph.Term) {
		t.Helper()
		want := fitting[graph.Triple{S: s, P: p, O: o}]
		got := slices.Collect(g.Match(s, p, o))
		if !slices.Equal(want, got) {
			t.Errorf("match %s %s %s: %s, want %s", s, p, o, got, want)
		}
		if len(want) > 0 && g.Estimate(s, p, o) == 0 {
			t.Errorf("estimate of %s %s %s is nothing, there are %d", s, p, o, len(want))
		}
	}
	for _, p := range ps {
		for _, o := range os {
			check(any, p, o)
		}
		for _, s := range ss {
			check(s, p, any)
		}
	}
	for _, s := range ss {
		for _, o := range os {
			check(s, any, o)
		}
	}
	for _, x := range all {
		check(x.S, x.P, x.O)
	}
}

func TestMatchEndsEarly(t *testing.T) {
	g := live(t)
	for _, p := range []graph.Term{{}, graph.Resource("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"), graph.Resource("https://wattwerk.org/ns#method")} {
		n := 0
		for range g.Match(graph.Term{}, p, graph.Term{}) {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%s: %d", p, n)
		}
	}
}

func TestTermsAsText(t *testing.T) {
	for _, c := range []struct {
		term        graph.Term
		long, short string
	}{
		{graph.Resource("https://brickschema.org/schema/Brick#Point"), "<https://brickschema.org/schema/Brick#Point>", "brick:Point"},
		{graph.Resource("urn:a b>"), `<urn:a\u0020b\u003E>`, `<urn:a\u0020b\u003E>`},
		{graph.Text("a\"\\\n\t"), `"a\"\\\n\t"`, `"a\"\\\n\t"`},
		{graph.Int(-3), `"-3"^^<http://www.w3.org/2001/XMLSchema#integer>`, "-3"},
		{graph.Float(1500), `"1.5E+03"^^<http://www.w3.org/2001/XMLSchema#double>`, `"1.5E+03"^^xsd:double`},
		{graph.Bool(true), `"true"^^<http://www.w3.org/2001/XMLSchema#boolean>`, "true"},
		{graph.Time(record.Millis(0)), `"1970-01-01T00:00:00.000Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>`, `"1970-01-01T00:00:00.000Z"^^xsd:dateTime`},
	} {
		if diff := cmp.Diff([]string{c.long, c.short}, []string{c.term.String(), c.term.Short()}); diff != "" {
			t.Error(diff)
		}
	}
}
