package microservice

import (
	"errors"
	"fmt"

	"github.com/wattwerk/wattwerk/internal/strict"
)

// MaxDocument is how large a document is at most, in bytes.
const MaxDocument = 4 << 20

// Document is templates and services as people write them, in YAML or JSON.
type Document struct {
	Microservices []Template `json:"microservices,omitempty" yaml:"microservices,omitempty" doc:"Templates" maxItems:"10000"`
	Services      []Service  `json:"services,omitempty" yaml:"services,omitempty" doc:"Services" maxItems:"10000"`
}

// ReadYAML reads a document, and checks all that is in it. JSON is YAML too. The
// error says what is wrong: unknown keys, and a [*strict.Faults] of what cannot be.
func ReadYAML(data []byte) (Document, error) {
	if len(data) > MaxDocument {
		return Document{}, errors.New("the document is larger than 4 MiB")
	}
	var d Document
	if err := strict.YAML(data, &d); err != nil {
		return Document{}, err
	}
	if err := d.Check(); err != nil {
		return Document{}, err
	}
	return d, nil
}

// Check says all that is wrong with a document: in its templates and services, and
// with what is there twice.
func (d *Document) Check() error {
	var faults strict.Faults
	const most = 10_000
	if len(d.Microservices) > most || len(d.Services) > most {
		faults.Add("there are %d microservices and %d services, at most %d are taken", len(d.Microservices), len(d.Services), most)
		return faults.Err()
	}
	seen := make(map[string]bool)
	twice := func(what string) {
		if seen[what] {
			faults.Add("%s is there twice", what)
		}
		seen[what] = true
	}
	for i := range d.Microservices {
		t := &d.Microservices[i]
		for _, f := range t.Check() {
			faults.Add("microservice %.200q: %s", t.ID, f.Text)
		}
		twice(fmt.Sprintf("microservice %.200q %v", t.ID, t.Release.Version))
	}
	for i := range d.Services {
		s := &d.Services[i]
		for _, f := range s.Check() {
			faults.Add("service %.200q: %s", s.SID, f.Text)
		}
		twice(fmt.Sprintf("service %.200q of the domain %.200q", s.SID, s.Domain))
	}
	return faults.Err()
}
