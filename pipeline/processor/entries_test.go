package processor

import (
	"encoding/json"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
)

// complete holds values against the parameters of a type.
func complete(t testing.TB, e Entry, values map[string]any) manifest.Values {
	t.Helper()
	given := make(manifest.Values)
	for name, v := range values {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		given[name] = b
	}
	all, err := manifest.Complete(e.Parameters, given)
	if err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	return all
}

// made makes an operator.
func made(t testing.TB, name string, values map[string]any, inputs ...string) Operator {
	t.Helper()
	e, ok := Find(name)
	if !ok {
		t.Fatalf("there is no processor %q", name)
	}
	if inputs == nil {
		inputs = []string{"a"}
	}
	o, err := e.New(Settings{Values: complete(t, e, values), Inputs: inputs, Units: make([]string, len(inputs)), Table: new(observation.Table)})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return o
}

// example is a processor of a manifest, as YAML.
type example struct {
	Name       string         `yaml:"name"`
	Type       string         `yaml:"type"`
	Parameters map[string]any `yaml:"parameters"`
	From       []string       `yaml:"from"`
	To         string         `yaml:"to"`
}

func exampleOf(t testing.TB, e Entry) example {
	t.Helper()
	var p example
	if err := yaml.UnmarshalWithOptions([]byte(e.Example), &p, yaml.DisallowUnknownField()); err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	return p
}

func (p example) values() manifest.Values {
	given := make(manifest.Values)
	for name, v := range p.Parameters {
		b, err := json.Marshal(v)
		if err != nil { // what YAML gave is not too odd for JSON in any example
			panic(err)
		}
		given[name] = b
	}
	return given
}

func TestEntries(t *testing.T) {
	seen := make(map[string]bool)
	for _, e := range Entries() {
		if seen[e.Name] {
			t.Errorf("%s is there twice", e.Name)
		}
		seen[e.Name] = true
		if e.Summary == "" || e.Result == "" || e.Example == "" || e.Role == "" || e.MinInputs < 1 {
			t.Errorf("%s does not say what it is", e.Name)
		}
		if err := manifest.Declare(e.Parameters); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		for _, p := range e.Parameters {
			if p.Description == "" || p.Type == "" {
				t.Errorf("%s: parameter %s does not say what it is", e.Name, p.Name)
			}
		}
		if _, ok := Find(e.Name); !ok {
			t.Errorf("%s is not found", e.Name)
		}
	}
	if len(Types()) != len(Entries()) {
		t.Error("there are more types than entries")
	}
	for _, name := range []string{"average", "Average", "echo", "FILTER"} { // of the papers
		if _, ok := Find(name); !ok {
			t.Errorf("%s is not found", name)
		}
	}
}

// TestExamplesRun reads, makes and runs every example.
func TestExamplesRun(t *testing.T) {
	for _, e := range Entries() {
		t.Run(e.Name, func(t *testing.T) {
			p := exampleOf(t, e)
			if p.Type != e.Name || p.Name == "" || len(p.From) < e.MinInputs || e.MaxInputs > 0 && len(p.From) > e.MaxInputs {
				t.Fatalf("example is not one of it: %+v", p)
			}
			o := made(t, e.Name, p.Parameters, p.From...)
			out := new(Out)
			for k := range p.From {
				o.Take(k, []observation.Item{{Time: 1_700_046_000_000, Value: 4000}, {Time: 1_700_046_060_000, Value: 4100}}, out)
			}
			o.Advance(End, out)
			if len(out.Items) == 0 && e.Name != "z-score" {
				t.Errorf("it gives nothing, and refuses %v", out.Dead)
			}
			if h, ok := o.(Holder); ok && h.Hold(End) != End {
				t.Errorf("it holds until %v", h.Hold(End))
			}
		})
	}
}
