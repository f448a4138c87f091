package manifest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/manifest"
)

// offer has a processor that takes one input, one that takes many, and
// protocols in both directions.
var offer = manifest.Offer{
	Processor: func(name string) (manifest.ProcessorType, bool) {
		switch name {
		case "echo":
			return manifest.ProcessorType{Name: name, MinInputs: 1}, true
		case "filter":
			return manifest.ProcessorType{Name: name, MinInputs: 1, MaxInputs: 1, Parameters: []manifest.Parameter{{Name: "threshold", Type: manifest.Float, Required: true}}}, true
		case "join":
			return manifest.ProcessorType{Name: name, MinInputs: 2}, true
		}
		return manifest.ProcessorType{}, false
	},
	Protocol: func(name string) (manifest.Protocol, bool) {
		switch name {
		case manifest.Internal:
			return manifest.Protocol{Name: name, Read: true, Write: true}, true
		case "mqtt":
			return manifest.Protocol{Name: name, Read: true, Write: true, Parameters: []manifest.Parameter{{Name: "topic", Required: true}}}, true
		case "parquet":
			return manifest.Protocol{Name: name, Write: true}, true
		case "poll":
			return manifest.Protocol{Name: name, Read: true}, true
		}
		return manifest.Protocol{}, false
	},
}

func models(manifests ...manifest.Manifest) *manifest.Bundle {
	named := func(name string) manifest.Common { return manifest.Common{ID: "id-" + name, Name: name} }
	b := &manifest.Bundle{
		Kinds:     []manifest.Kind{{Common: named("power"), Quantity: "TotalRealPower", Unit: "W"}},
		Gateways:  []manifest.Gateway{{Common: named("hall"), Namespace: "hall"}},
		Manifests: manifests,
		Definitions: []manifest.Definition{
			{Common: named("above ten"), Type: "filter", Parameters: []manifest.Parameter{{Name: "threshold", Type: manifest.Float, Default: json.RawMessage("10")}}},
		},
	}
	for _, p := range []string{"internal", "mqtt", "parquet", "poll", "opcua"} {
		b.Interfaces = append(b.Interfaces, manifest.Interface{Common: named("over " + p), Protocol: p})
		b.SourceDefinitions = append(b.SourceDefinitions, manifest.SourceDefinition{Common: named("power over " + p), Interface: "over " + p, Kinds: []string{"power"}})
		b.Sources = append(b.Sources, manifest.Source{Common: named(p), Definition: "power over " + p})
	}
	for _, n := range []string{"a", "b", "c"} {
		b.Sources = append(b.Sources, manifest.Source{Common: named(n), Definition: "power over internal"})
	}
	b.Sources[1].Parameters = manifest.Values{"topic": json.RawMessage(`"p"`)}
	b.Sources = append(b.Sources, manifest.Source{Common: named("in hall"), Definition: "power over internal", Gateway: "hall"})
	return b
}

func TestCheck(t *testing.T) {
	type processors = []manifest.Processor
	threshold := manifest.Values{"threshold": json.RawMessage("1.5")}
	other := manifest.Manifest{Common: manifest.Common{ID: "o", Name: "other"}, Processors: processors{{Name: "x", Type: "echo", From: []string{"b"}, To: "a"}}}
	for name, c := range map[string]struct {
		m    manifest.Manifest
		want string // findings; empty: none
		plan string // nodes with what they read
	}{
		"one":                           {m: manifest.Manifest{Processors: processors{{Name: "f", Type: "filter", Parameters: threshold, From: []string{"id-a"}, To: "c"}}}, plan: "f(a)>c"},
		"by a definition":               {m: manifest.Manifest{Processors: processors{{Name: "f", Definition: "above ten", From: []string{"a"}, To: "c"}}}, plan: "f(a)>c"},
		"what is read stands first":     {m: manifest.Manifest{Processors: processors{{Name: "j", Type: "join", From: []string{"e", "f"}, To: "c"}, {Name: "f", Type: "echo", From: []string{"e"}}, {Name: "e", Type: "echo", From: []string{"a", "mqtt"}}}}, plan: "e(a,mqtt) f(e) j(e,f)>c"},
		"over a sink":                   {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"a"}, To: "b"}, {Name: "f", Type: "echo", From: []string{"b"}, To: "c"}}}, plan: "e(a)>b f(b)>c"},
		"at the centre, from a gateway": {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"in hall"}, To: "b"}}}, plan: "e(in hall)>b"},
		"nothing":                       {m: manifest.Manifest{}, want: "a manifest has at least one processor"},
		"nowhere":                       {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"a"}}}}, want: `processor "e": its results go nowhere: give it a sink, or have a processor read from it`},
		"no type":                       {m: manifest.Manifest{Processors: processors{{Name: "e", From: []string{"a"}, To: "b"}}}, want: `processor "e": it needs a definition or a type`},
		"unknown": {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "shell", From: []string{"z"}, To: "y"}}},
			want: `processor "e": there is no type of processor "shell" here; processor "e": there is no data source "z": unknown; processor "e": there is no data source "y": unknown`},
		"one input too many":                  {m: manifest.Manifest{Processors: processors{{Name: "f", Type: "filter", Parameters: threshold, From: []string{"a", "b"}, To: "c"}}}, want: `processor "f": a filter reads from at most 1`},
		"one input too few":                   {m: manifest.Manifest{Processors: processors{{Name: "j", Type: "join", From: []string{"a"}, To: "c"}}}, want: `processor "j": a join reads from at least 2`},
		"twice the same":                      {m: manifest.Manifest{Processors: processors{{Name: "j", Type: "join", From: []string{"a", "a"}, To: "c"}}}, want: `processor "j": it reads from "a" twice`},
		"a name twice":                        {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"a"}, To: "c"}, {Name: "e", Type: "echo", From: []string{"a"}, To: "b"}}}, want: `processor "e": its name is there twice`},
		"a circle":                            {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"f"}, To: "c"}, {Name: "f", Type: "echo", From: []string{"e"}}}}, want: `processor "e": it reads from itself, by a circle`},
		"a circle over a sink":                {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"f"}, To: "c"}, {Name: "f", Type: "echo", From: []string{"c"}}}}, want: `processor "e": what it writes to data source "c" comes back to it as input`},
		"over another manifest":               {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"a"}, To: "b"}}}, want: `processor "e": what it writes to data source "b" comes back to it as input`},
		"only to be written to":               {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"parquet"}, To: "b"}}}, want: `processor "e": data source "parquet": parquet can only be written to`},
		"only to be read from":                {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"a"}, To: "poll"}}}, want: `processor "e": data source "poll": poll can only be read from`},
		"protocol not here":                   {m: manifest.Manifest{Processors: processors{{Name: "e", Type: "echo", From: []string{"opcua"}, To: "b"}}}, want: `processor "e": data source "opcua": protocol "opcua" is not known here`},
		"no such gateway":                     {m: manifest.Manifest{Gateway: "yard", Processors: processors{{Name: "e", Type: "echo", From: []string{"a"}, To: "c"}}}, want: `there is no edge gateway "yard": unknown`},
		"sources of the centre, at a gateway": {m: manifest.Manifest{Gateway: "hall", Processors: processors{{Name: "e", Type: "echo", From: []string{"a"}, To: "in hall"}}}, want: `processor "e": data source "a" is not at gateway "hall", where the manifest runs`},
		"sink elsewhere":                      {m: manifest.Manifest{Gateway: "hall", Processors: processors{{Name: "e", Type: "echo", From: []string{"in hall"}, To: "c"}}}, want: `processor "e": data source "c" is not where the manifest runs`},
		"a parameter is missing":              {m: manifest.Manifest{Processors: processors{{Name: "f", Type: "filter", From: []string{"a"}, To: "c"}}}, want: `processor "f": `},
	} {
		t.Run(name, func(t *testing.T) {
			c.m.Common = manifest.Common{ID: "m", Name: "this"}
			b := models(c.m)
			if name == "over another manifest" {
				b.Manifests = append(b.Manifests, other)
			}
			s, err := manifest.NewSet(b)
			if err != nil {
				t.Fatal(err)
			}
			p, err := offer.Check(s, &b.Manifests[0])
			if c.want != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.want) {
					t.Fatalf("got  %v\nwant %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.plan, describe(p)); d != "" {
				t.Error(d)
			}
		})
	}
}

func describe(p *manifest.Plan) string {
	var nodes []string
	for i, n := range p.Nodes {
		var from []string
		for _, in := range n.From {
			if in.Source == nil && in.Node >= i {
				return fmt.Sprintf("%s reads what stands behind it", n.Processor.Name)
			}
			from = append(from, p.Name(in))
		}
		s := n.Processor.Name + "(" + strings.Join(from, ",") + ")"
		if n.To != nil {
			s += ">" + n.To.Source.Name
		}
		nodes = append(nodes, s)
	}
	return strings.Join(nodes, " ")
}
