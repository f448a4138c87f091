package microservice_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
)

var some = object.Restriction{Kind: object.Some}

func good() microservice.Template {
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	return microservice.Template{
		ID: "load", Domain: "building", Services: []string{"S1"}, Threshold: model.Duration(10 * time.Millisecond), Restriction: some,
		Composites: []microservice.Requirement{{Tag: "load", Class: "brick:Power_Sensor", Quantity: "active_power", Restriction: some, Quality: .5}},
		Source:     microservice.DataSource{Datasets: []microservice.Dataset{microservice.Appliances}, Preprocess: []string{"fill gaps"}},
		Release:    microservice.Release{Version: microservice.Version{Major: 1}, Created: day, Updated: day, Kind: microservice.Major},
		Runtime:    microservice.Runtime{BuiltIn: "estimation"},
		Inputs:     []microservice.Property{{Name: "load", Class: "brick:Power_Sensor"}, {Name: "weather"}},
		Outputs:    []microservice.Property{{Name: "load-forecast", Quantity: "active_power", Many: true}},
		Analysis:   microservice.Analysis{Model: "ridge"},
	}
}

func TestTemplateCheck(t *testing.T) {
	x := good()
	if f := x.Check(); len(f) > 0 {
		t.Fatal(f)
	}
	for want, spoil := range map[string]func(x *microservice.Template){
		`0 microservice`: func(x *microservice.Template) { x.ID = "" },
		`0 domain`:       func(x *microservice.Template) { x.Domain = "a\nb" },
		`0 services: it works for none; * is all`:                func(x *microservice.Template) { x.Services = nil },
		`0 template: threshold 2h is not between 0s and 1h`:      func(x *microservice.Template) { x.Threshold = model.Duration(2 * time.Hour) },
		`1 composites: it looks at nothing`:                      func(x *microservice.Template) { x.Composites = nil },
		`1 restriction of composites: needs 2 of 1`:              func(x *microservice.Template) { x.Restriction = object.Restriction{Kind: object.Min, K: 2} },
		`1 composite "load" is there twice`:                      func(x *microservice.Template) { x.Composites = append(x.Composites, x.Composites[0]) },
		`1 composite "load" has neither a class nor objects`:     func(x *microservice.Template) { x.Composites[0].Class = "" },
		`1 composite "load": class "brick:Nothing" is not known`: func(x *microservice.Template) { x.Composites[0].Class = "brick:Nothing" },
		`1 composite "load" names its objects, and a class`:      func(x *microservice.Template) { x.Composites[0].Objects = []object.ID{"sensor/a"} },
		`1 composite "load": object "a" is not like`: func(x *microservice.Template) {
			x.Composites[0].Class, x.Composites[0].Quantity, x.Composites[0].Objects = "", "", []object.ID{"a"}
		},
		`1 composite "load": quality NaN is not between 0 and 1`:  func(x *microservice.Template) { var z float64; x.Composites[0].Quality = z / z },
		`1 composite "load": restriction`:                         func(x *microservice.Template) { x.Composites[0].Restriction.Kind = "most" },
		`2 dataset "ds5" is none of`:                              func(x *microservice.Template) { x.Source.Datasets = []microservice.Dataset{"ds5"} },
		`2 features: there are 51, at most 50 are taken`:          func(x *microservice.Template) { x.Source.Features = make([]string, 51) },
		`3 release: there is no date`:                             func(x *microservice.Template) { x.Release.Created = time.Time{} },
		`3 release: version 1.0.0 is older than the microservice`: func(x *microservice.Template) { x.Release.Updated = x.Release.Updated.Add(-1) },
		`3 release: kind "" is none of`:                           func(x *microservice.Template) { x.Release.Kind = "" },
		`3 version -1.0.0 has a number`:                           func(x *microservice.Template) { x.Release.Version.Major = -1 },
		`4 runtime: it is built in, or there is an image`:         func(x *microservice.Template) { x.Runtime.Image = "a" },
		`5 microcode: `:                 func(x *microservice.Template) { x.Runtime.Microcode = strings.Repeat("a", 501) },
		`6 input "load" is there twice`: func(x *microservice.Template) { x.Inputs = append(x.Inputs, x.Inputs[0]) },
		`7 output "load-forecast": `:    func(x *microservice.Template) { x.Outputs[0].Quantity = "joy" },
		`10 analysis: `:                 func(x *microservice.Template) { x.Analysis.Score = strings.Repeat("a", 501) },
	} {
		x := good()
		spoil(&x)
		var all []string
		for _, f := range x.Check() {
			all = append(all, fmt.Sprint(f.Node, " ", f.Text))
		}
		if !strings.Contains("; "+strings.Join(all, "; "), "; "+want) {
			t.Errorf("%s: %v", want, all)
		}
	}
}

func TestServiceCheck(t *testing.T) {
	make := func() microservice.Service {
		return microservice.Service{
			SID: "S1", Domain: "building", Priority: 10, Threshold: model.Duration(time.Second), Restriction: some,
			Steps:  []microservice.ServiceStep{{Microservice: "a", Major: 1}, {Microservice: "b", Major: 1, Weight: 2}},
			Groups: []microservice.StepGroup{{Name: "g", Microservices: []string{"a"}}}, Instead: []string{"S2"},
		}
	}
	x := make()
	if f := x.Check(); len(f) > 0 {
		t.Fatal(f)
	}
	for want, spoil := range map[string]func(x *microservice.Service){
		`service`:                           func(x *microservice.Service) { x.SID = "" },
		`priority 1001 is not between`:      func(x *microservice.Service) { x.Priority = 1001 },
		`service: threshold 0s`:             func(x *microservice.Service) { x.Threshold = 0 },
		`needs 3 of 2`:                      func(x *microservice.Service) { x.Restriction = object.Restriction{Kind: object.Min, K: 3} },
		`step "a" is there twice`:           func(x *microservice.Service) { x.Steps[1].Microservice = "a" },
		`major version -1`:                  func(x *microservice.Service) { x.Steps[0].Major = -1 },
		`weight -1`:                         func(x *microservice.Service) { x.Steps[0].Weight = -1 },
		`group "g": "c" is no step`:         func(x *microservice.Service) { x.Groups[0].Microservices[0] = "c" },
		`group "g" is there twice`:          func(x *microservice.Service) { x.Groups = append(x.Groups, x.Groups[0]) },
		`a service cannot do for itself`:    func(x *microservice.Service) { x.Instead[0] = "S1" },
		`there are 101, at most 100`:        func(x *microservice.Service) { x.Steps = append(x.Steps, make100()...) },
		`need "x": class "brick:No" is not`: func(x *microservice.Service) { x.Needs = []microservice.Property{{Name: "x", Class: "brick:No"}} },
	} {
		x := make()
		spoil(&x)
		if got := fmt.Sprint(x.Check()); !strings.Contains(got, want) {
			t.Errorf("%s: %s", want, got)
		}
	}
}

func make100() []microservice.ServiceStep { return make([]microservice.ServiceStep, 99) }

func TestVersions(t *testing.T) {
	for s, want := range map[string]microservice.Version{"0.0.0": {}, "1.4.2": {Major: 1, Minor: 4, Patch: 2}, "999999.10.0": {Major: 999999, Minor: 10}} {
		if got, err := microservice.ParseVersion(s); err != nil || got != want || got.String() != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "1", "1.2", "1.2.3.4", "1.2.-3", "01.2.3", "1.2.+3", "1.2.3 ", "1000000.0.0", "a.b.c", "1..2", "99999999999999999999.0.0"} {
		if v, err := microservice.ParseVersion(s); err == nil {
			t.Errorf("%q is %v", s, v)
		}
	}
	if (microservice.Version{Major: 1, Minor: 10}).Compare(microservice.Version{Major: 1, Minor: 9, Patch: 5}) <= 0 {
		t.Error("1.10.0 is not above 1.9.5")
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"1.4.2", "01.2.3", "1.2", "999999.999999.999999", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := microservice.ParseVersion(s); err == nil && v.String() != s {
			t.Errorf("%q reads as %v", s, v)
		}
	})
}

// TestSatisfies has the closure of woo.md's D8: an Active_Power_Sensor is a Power_Sensor.
func TestSatisfies(t *testing.T) {
	has := microservice.Property{Name: "p", Class: "brick:Active_Power_Sensor", Quantity: "active_power", Many: true, Freshness: model.Duration(time.Minute)}
	for _, c := range []struct {
		need microservice.Property
		want bool
	}{
		{microservice.Property{Name: "p"}, true},
		{microservice.Property{Name: "q"}, false},
		{microservice.Property{Name: "p", Class: "brick:Power_Sensor"}, true},
		{microservice.Property{Name: "p", Class: "brick:Energy_Sensor"}, false},
		{microservice.Property{Name: "p", Quantity: "reactive_power"}, false},
		{microservice.Property{Name: "p", Freshness: model.Duration(time.Second)}, false},
		{microservice.Property{Name: "p", Freshness: model.Duration(time.Hour), Many: true}, true},
	} {
		if got := has.Satisfies(c.need); got != c.want {
			t.Errorf("%+v: %v", c.need, got)
		}
	}
	x := good()
	if f := x.Foreign(); len(f) != 1 || f[0].Name != "weather" {
		t.Errorf("from others it takes %v", f)
	}
	if !x.For("S1", "building") || x.For("S1", "health") || x.For("S2", "building") {
		t.Error("it works for others than it says")
	}
}
