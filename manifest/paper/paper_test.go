package paper

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/manifest"
)

func same(t *testing.T, want, got []byte) {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(want, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &y); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(x, y); diff != "" {
		t.Error(diff)
	}
}

// The forms of the power use case come out as they went in.
func TestPower(t *testing.T) {
	text, err := os.ReadFile("testdata/power.json")
	if err != nil {
		t.Fatal(err)
	}
	if !Is(text) {
		t.Error("it is not taken for what it is")
	}
	b, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.NewSet(b); err != nil {
		t.Error(err)
	}
	s := b.Sources[0]
	if s.Name != "data source 9ecf0000-0000-4000-8000-000000000001" || string(s.Parameters["topic"]) != `"PhoenixIB/TotalRealPower"` || s.Gateway != b.Gateways[0].ID ||
		b.Interfaces[0].Parameters[1].Type != manifest.Int || len(b.SourceDefinitions[0].Kinds) != 2 || b.Manifests[0].Processors[0].To != b.Sources[1].ID {
		t.Errorf("%+v", b)
	}
	out, err := Write(b)
	if err != nil {
		t.Fatal(err)
	}
	same(t, text, out)
}

func TestForms(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"one kind", `{"name":"d","dataInterfaceReferenceID":"i","dataKindReferenceID":"k"}`, `[{"name":"d","dataInterfaceReferenceID":"i","dataKindReferenceIDs":{"dataKindReferenceID":["k"]}}]`},
		{"both forms", `{"name":"d","dataInterfaceReferenceID":"i","dataKindReferenceID":"k","dataKindReferenceIDs":{"dataKindReferenceID":["k","l"]}}`, `[{"name":"d","dataInterfaceReferenceID":"i","dataKindReferenceIDs":{"dataKindReferenceID":["k","l"]}}]`},
		{"types", `{"name":"i","communicationProtocol":"Kafka","parameters":{"parameter":[{"name":"a","dataType":"Integer"},{"name":"b","dataType":"double"},{"name":"c","dataType":"bool"},{"name":"d"}]}}`,
			`[{"name":"i","communicationProtocol":"Kafka","parameters":{"parameter":[{"name":"a","dataType":"int"},{"name":"b","dataType":"float"},{"name":"c","dataType":"boolean"},{"name":"d"}]}}]`},
		{"no protocol", `{"name":"i"}`, `[{"name":"i"}]`},
		{"values", `{"id":"x","name":"s","macAddress":"m","dataSourceDefinitionReferenceID":"d","dataSourceDefinitionInterfaceParameters":{"parameter":[{"key":"b","value":1883},{"key":"a","value":true},{"key":"c","value":null}]}}`,
			`[{"id":"x","name":"s","macAddress":"m","dataSourceDefinitionReferenceID":"d","dataSourceDefinitionInterfaceParameters":{"parameter":[{"key":"a","value":"true"},{"key":"b","value":"1883"}]}}]`},
		{"older channel", `{"dataSourceManifestReferenceID":"s","dataConsumerManifestReferenceID":"c","expirationDateTime":"2018-05-24T14:59:14.000+0000"}`,
			`[{"dataSourceManifestReferenceID":"s","dataConsumerManifestReferenceID":"c","validTo":"2018-05-24T14:59:14.000Z"}]`},
		{"ms", `{"dataSourceManifestReferenceID":"s","dataConsumerManifestReferenceID":"c","validFrom":1527173954000,"validTo":"2019-01-01"}`,
			`[{"dataSourceManifestReferenceID":"s","dataConsumerManifestReferenceID":"c","validFrom":"2018-05-24T14:59:14.000Z","validTo":"2019-01-01T00:00:00.000Z"}]`},
		{"virtual", `{"name":"g","namespace":"n","macAddress":"m","location":{"virtualLocation":"hall"},"dataRouterAndPreprocessorBaseURL":"a","edgeAnalyticsEngineBaseURL":"b"}`,
			`[{"name":"g","namespace":"n","macAddress":"m","location":{"virtualLocation":"hall"},"dataRouterAndPreprocessorBaseURL":"a","edgeAnalyticsEngineBaseURL":"b"}]`},
	} {
		b, err := Read([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		out, err := Write(b)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(c.name, func(t *testing.T) { same(t, []byte(c.want), out) })
	}
}

// Processors without a name, and with one that is there twice, are told apart, and
// one may read another by its id.
func TestProcessors(t *testing.T) {
	b, err := Read([]byte(`{"id":"m","name":"m","analyticsProcessors":{"apm":[
		{"id":"one","analyticsProcessorDefinitionReferenceID":"d","dataSources":{"dataSource":[{"dataSourceManifestReferenceID":"s"}]}},
		{"name":"processor 1","dataSources":{"dataSource":[{"dataSourceManifestReferenceID":"one"},{"dataSourceManifestReferenceID":"s"}]}},
		{"name":"processor 1","processorType":"echo","dataSources":{"dataSource":[{"dataSourceManifestReferenceID":"s"}]},"dataSink":{"dataSourceManifestReferenceID":"t"}}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	p := b.Manifests[0].Processors
	if p[0].Name != "processor 1 (2)" || p[1].Name != "processor 1" || p[2].Name != "processor 1 (3)" || p[1].From[0] != "processor 1 (2)" || p[2].Type != "echo" {
		t.Errorf("%+v", p)
	}
	out, err := Write(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, again); diff != "" {
		t.Error(diff)
	}
}

func TestRefused(t *testing.T) {
	for in, want := range map[string]string{
		``:              "unexpected end",
		`{}`:            "none of the models",
		`[{}]`:          "model 1: this is none",
		`{"a":1,"b":2}`: "none of the models",
		`{"name":"k","quantityKind":"x","colour":1}`: "unknown field",
		`{"observation":[]}`:                         "is data and no model",
		`{"communicationProtocol":"x","parameters":{"parameter":[{"name":"a","dataType":"blob"}]}}`:                                                     "unknown dataType",
		`{"communicationProtocol":"x","parameters":{"parameter":[{"name":"a"},{"name":"a"}]}}`:                                                          "given twice",
		`{"dataSourceDefinitionReferenceID":"x","dataSourceDefinitionInterfaceParameters":{"parameter":[{"key":"a","value":1},{"key":"a","value":2}]}}`: "given twice",
		`{"dataConsumerManifestReferenceID":"x","validTo":"tomorrow"}`:                                                                                  "not a time",
	} {
		if _, err := Read([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
	if Is([]byte(`{"interfaces":[]}`)) || Is([]byte(`[]`)) || Is([]byte(`x`)) {
		t.Error("it takes for a model what is none")
	}
	if _, err := moment(json.RawMessage(`"x"`)); !errors.Is(err, ErrTime) {
		t.Error(err)
	}
}

func TestLiveDataSet(t *testing.T) {
	const text = `{"id":"1","dataSourceManifestReferenceID":"9ecf","mobile":true,"timestamp":"2018-05-24T14:59:14Z","observation":[
		{"id":"2","name":"power","dataKindReferenceID":"445a","timestamp":"2018-05-24T14:59:14Z","location":{"geoLocation":{"latitude":47.5,"longitude":8}},"value":"36"},
		{"id":"3","location":{"virtualLocation":"hall"},"value":36.5}]}`
	x, err := ReadLiveDataSet([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	same(t, []byte(text), out)
	for _, bad := range []string{`{}`, `{"dataSourceManifestReferenceID":"x","observation":[]}`, `{"observation":[{"speed":1}]}`} {
		if _, err := ReadLiveDataSet([]byte(bad)); err == nil {
			t.Error(bad)
		}
	}
}

// What was read and written is read again as the same.
func FuzzRead(f *testing.F) {
	text, err := os.ReadFile("testdata/power.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	var all []json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		f.Fatal(err)
	}
	for _, one := range all {
		f.Add([]byte(one))
	}
	f.Add([]byte(`{"analyticsProcessors":{"apm":[{"id":"a"},{"id":"a","dataSources":{"dataSource":[{"dataSourceManifestReferenceID":"a"}]}}]}}`))
	f.Add([]byte(`{"dataConsumerManifestReferenceID":"x","validTo":-1,"validFrom":"0001-01-01"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = Is(data)
		if x, err := ReadLiveDataSet(data); err == nil && len(x.Observation) == 0 {
			t.Error("it is empty")
		}
		b, err := Read(data)
		if err != nil {
			return
		}
		out, err := Write(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read(out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		more, err := Write(again)
		if err != nil {
			t.Fatal(err)
		}
		if string(out) != string(more) {
			t.Errorf("%s\nthen\n%s", out, more)
		}
	})
}
