package demo

import (
	_ "embed"
	"fmt"

	"github.com/wattwerk/wattwerk/model"
)

//go:embed model.yaml
var modelYAML []byte

// Model gives the model of the demo plants.
func Model() (model.Document, error) {
	d, err := model.ReadYAML(modelYAML)
	if err != nil {
		return d, fmt.Errorf("read the demo model: %w", err)
	}
	return d, nil
}
