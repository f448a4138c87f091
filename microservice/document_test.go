package microservice_test

import (
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/microservice"
)

const document = `
microservices:
  - id: load
    domain: building
    services: [S1]
    threshold: 10ms
    restriction: {kind: min, k: 1}
    composites: [{tag: load, class: "brick:Power_Sensor", restriction: {kind: some}, threshold: 5ms}]
    release: {version: 1.4.2, created: 2026-11-01T00:00:00Z, updated: 2026-11-02T00:00:00Z, kind: patch}
    runtime: {builtIn: estimation}
services:
  - sid: S1
    domain: building
    priority: 10
    threshold: 190ms
    restriction: {kind: all}
    steps: [{microservice: load, major: 1}]
`

func TestReadYAML(t *testing.T) {
	d, err := microservice.ReadYAML([]byte(document))
	if err != nil || len(d.Microservices) != 1 || d.Microservices[0].Release.Version != (microservice.Version{Major: 1, Minor: 4, Patch: 2}) || d.Microservices[0].Release.Updated.Day() != 2 || d.Services[0].Threshold.String() != "190ms" {
		t.Fatalf("%+v, %v", d, err)
	}
	for from, to := range map[string]string{
		"priority: 10":   "priorty: 10",
		"10ms":           "-10ms",
		"1.4.2":          "1.4",
		"kind: patch":    "kind: big",
		"services:\n":    "instances: []\nservices:\n",
		"sid: S1":        "sid: ''",
		"k: 1}":          "k: 2}",
		"[S1]":           "[]",
		"builtIn: estim": "image: a, builtIn: estim",
	} {
		bad := strings.Replace(document, from, to, 1)
		if bad == document {
			t.Fatalf("nothing to replace: %s", from)
		}
		if _, err := microservice.ReadYAML([]byte(bad)); err == nil {
			t.Errorf("%s is taken", to)
		}
	}
	if _, err := microservice.ReadYAML(make([]byte, microservice.MaxDocument+1)); err == nil {
		t.Error("a document of more than 4 MiB is taken")
	}
	twice := document + document[strings.Index(document, "  - sid"):]
	if _, err := microservice.ReadYAML([]byte(twice)); err == nil || !strings.Contains(err.Error(), "is there twice") {
		t.Error(err)
	}
}

func FuzzReadYAML(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte("services: [{sid: S1}]"))
	f.Add([]byte("{}"))
	f.Add([]byte("microservices: [{composites: [{objects: [sensor/a, sensor/a]}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := microservice.ReadYAML(data)
		if err != nil {
			return
		}
		if err := d.Check(); err != nil {
			t.Errorf("what was read is wrong: %v", err)
		}
	})
}
