package processor

import (
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// plain is the part of operators without state.
type plain struct{}

func (plain) Advance(record.Millis, *Out) {}

func (plain) Save(b []byte) []byte { return b }

func (plain) Load(b []byte) error { return readerOf(b).end() }

type echo struct{ plain }

func (echo) Take(_ int, items []observation.Item, out *Out) { out.Items = append(out.Items, items...) }

var echoEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "echo", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Hands on what it is given.",
		Result:  "The items, unchanged.",
		Details: "To write a source to a sink, and to see that data flows.",
		Example: "name: as it came\ntype: echo\nfrom: [power]\nto: power in Kafka\n",
	},
	New: func(Settings) (Operator, error) { return echo{}, nil },
}
