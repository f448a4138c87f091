package paper

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/manifest"
)

// maxModels bounds the models of one document.
const maxModels = 100_000

// Read reads a document as the papers print them: one model or a list of models,
// each told by what it alone has. Unknown keys are errors.
func Read(data []byte) (*manifest.Bundle, error) {
	data = bytes.TrimSpace(data)
	var all []json.RawMessage
	if len(data) > 0 && data[0] == '[' {
		if err := strict.JSON(data, &all); err != nil {
			return nil, err
		}
	} else {
		all = []json.RawMessage{data}
	}
	if len(all) > maxModels {
		return nil, fmt.Errorf("there are %d models, and may be %d", len(all), maxModels)
	}
	b := new(manifest.Bundle)
	for i, one := range all {
		if err := read(one, b); err != nil {
			return nil, fmt.Errorf("model %d: %w", i+1, err)
		}
	}
	return b, nil
}

// Is tells whether a document is one that [Read] is for: of a model as the papers
// print it.
func Is(data []byte) bool {
	data = bytes.TrimSpace(data)
	var all []map[string]json.RawMessage
	if len(data) > 0 && data[0] == '[' {
		if json.Unmarshal(data, &all) != nil || len(all) == 0 {
			return false
		}
	} else {
		all = make([]map[string]json.RawMessage, 1)
		if json.Unmarshal(data, &all[0]) != nil {
			return false
		}
	}
	return sort(all[0]) != ""
}

// sort tells by its keys what a model is.
func sort(keys map[string]json.RawMessage) string {
	for _, x := range []struct{ key, what string }{
		{"analyticsProcessors", "AM"}, {"processorType", "APD"}, {"namespace", "gateway"},
		{"dataConsumerManifestReferenceID", "DCD"}, {"dataSourceDefinitionReferenceIDs", "DCM"}, {"dataSourceDefinitionReferenceID", "DSM"},
		{"dataInterfaceReferenceID", "DSD"}, {"quantityKind", "DK"}, {"communicationProtocol", "DI"}, {"observation", "live data set"},
	} {
		if _, ok := keys[x.key]; ok {
			return x.what
		}
	}
	return ""
}

func read(data json.RawMessage, b *manifest.Bundle) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return err
	}
	switch what := sort(keys); what {
	case "AM":
		return take(data, &b.Manifests, (*AM).Manifest)
	case "APD":
		return take(data, &b.Definitions, (*APD).Definition)
	case "gateway":
		return take(data, &b.Gateways, sure((*EdgeGateway).Gateway))
	case "DCD":
		return take(data, &b.Channels, (*DCD).Channel)
	case "DCM":
		return take(data, &b.Consumers, sure((*DCM).Consumer))
	case "DSM":
		return take(data, &b.Sources, (*DSM).Source)
	case "DSD":
		return take(data, &b.SourceDefinitions, sure((*DSD).SourceDefinition))
	case "DK":
		return take(data, &b.Kinds, sure((*DK).Kind))
	case "DI":
		return take(data, &b.Interfaces, (*DI).Interface)
	case "live data set":
		return errors.New("this is a live data set, which is data and no model")
	}
	if _, ok := keys["name"]; ok { // a DI need not say its protocol
		return take(data, &b.Interfaces, (*DI).Interface)
	}
	return errors.New("this is none of the models that the papers have")
}

func sure[X, M any](f func(*X) M) func(*X) (M, error) {
	return func(x *X) (M, error) { return f(x), nil }
}

func take[X, M any](data []byte, to *[]M, f func(*X) (M, error)) error {
	x := new(X)
	if err := strict.JSON(data, x); err != nil {
		return err
	}
	m, err := f(x)
	if err == nil {
		*to = append(*to, m)
	}
	return err
}

// ReadLiveDataSet reads a live data set.
func ReadLiveDataSet(data []byte) (*LiveDataSet, error) {
	x := new(LiveDataSet)
	if err := strict.JSON(data, x); err != nil {
		return nil, err
	}
	if x.DataSourceManifestReferenceID == "" || len(x.Observation) == 0 {
		return nil, errors.New("a live data set has a data source and at least one observation")
	}
	return x, nil
}

// Write writes all models of a bundle in the papers' forms, as a list that [Read]
// reads; references are as they are in the bundle.
func Write(b *manifest.Bundle) ([]byte, error) {
	all := []any{}
	for i := range b.Interfaces {
		all = append(all, OfInterface(&b.Interfaces[i]))
	}
	for i := range b.Kinds {
		all = append(all, OfKind(&b.Kinds[i]))
	}
	for i := range b.SourceDefinitions {
		all = append(all, OfSourceDefinition(&b.SourceDefinitions[i], true))
	}
	for i := range b.Gateways {
		all = append(all, OfGateway(&b.Gateways[i]))
	}
	for i := range b.Sources {
		all = append(all, OfSource(&b.Sources[i]))
	}
	for i := range b.Consumers {
		all = append(all, OfConsumer(&b.Consumers[i]))
	}
	for i := range b.Channels {
		all = append(all, OfChannel(&b.Channels[i]))
	}
	for i := range b.Definitions {
		all = append(all, OfDefinition(&b.Definitions[i]))
	}
	for i := range b.Manifests {
		all = append(all, OfManifest(&b.Manifests[i]))
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(all)
	return out.Bytes(), err
}
