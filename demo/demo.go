package demo

import (
	_ "embed"
	"fmt"

	"github.com/wattwerk/wattwerk/model"
)

//go:embed model.yaml
var modelYAML []byte

// Community is what is said of the energy community beyond the model, as JSON-LD: which
// rooms there are, and what its objects are.
//
//go:embed community.jsonld
var Community []byte

// Model gives the model of the demo plants.
func Model() (model.Document, error) {
	d, err := model.ReadYAML(modelYAML)
	if err != nil {
		return d, fmt.Errorf("read the demo model: %w", err)
	}
	return d, nil
}
