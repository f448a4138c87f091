package builtin

import (
	_ "embed" // the data

	"github.com/wattwerk/wattwerk/microservice"
)

//go:embed services.yaml
var services []byte

//go:embed paper.yaml
var paper []byte

// Services gives S1 to S6 with their microservices.
func Services() microservice.Document { return read(services) }

// Paper gives the structure "P": the service "P" of the domain demo, over the objects
// [PaperSensors]. In which microservice the paper has which objects is partly assumed; the
// file says so.
func Paper() microservice.Document { return read(paper) }

// PaperSensors are the sensors that the microservices of [Paper] look at.
func PaperSensors() []string {
	return []string{"paper-a", "paper-b", "paper-c", "paper-d", "paper-e", "paper-f", "paper-g", "paper-h", "paper-i"}
}

// read reads what a test has read before.
func read(data []byte) microservice.Document {
	d, err := microservice.ReadYAML(data)
	if err != nil {
		panic("built-in services: " + err.Error())
	}
	return d
}
