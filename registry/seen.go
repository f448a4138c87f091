package registry

import "github.com/wattwerk/wattwerk/record"

// seenStream is the stream on which bridges announce sensors that are in no
// model; the subjects are "seen." and the name of the bridge, a message is a
// JSON array of [Seen].
const seenStream = "SEEN"

// Seen is a sensor that sent something and is not in the model.
type Seen struct {
	Sensor   record.SensorID `json:"sensor" doc:"Its identifier"`
	Source   string          `json:"source" doc:"The bridge it came by" example:"influx"`
	Quantity record.Quantity `json:"quantity,omitempty" doc:"What it measures, when known"`
	Unit     string          `json:"unit,omitempty" doc:"The unit it was sent in, when known"`
	At       record.Millis   `json:"at" doc:"When it was seen, in ms since 1970 UTC"`
}
