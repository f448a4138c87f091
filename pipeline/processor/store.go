package processor

import (
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
)

type store struct {
	plain
	nulls bool
}

func (s store) Take(_ int, items []observation.Item, out *Out) {
	if s.nulls {
		out.Items = append(out.Items, items...)
		return
	}
	for _, i := range items {
		if i.Marks&observation.Null == 0 {
			out.Items = append(out.Items, i)
		}
	}
}

var storeEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "store", Role: manifest.Storage, MinInputs: 1,
		Summary: "Writes what it is given to the sink that it names.",
		Result:  "The items, unchanged.",
		Details: "The sink is the data source in to: the history, a database, files, a topic. What the interface of that source is says how it is written, and how often what could not be written is tried again; the processor itself hands on.",
		Parameters: []manifest.Parameter{
			parameter("nulls", manifest.Bool, true, "Whether items without a value are written, too."),
		},
		Example: "name: keep\ntype: store\nfrom: [hourly average]\nto: averages in PostgreSQL\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		o := store{nulls: g.flag("nulls")}
		return o, g.err
	},
}
