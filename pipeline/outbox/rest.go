package outbox

import (
	"encoding/json"
	"fmt"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
)

// Rest is what a manifest gave and is not written yet, as it is stored.
type Rest struct {
	Name  string `json:"name"` // of the manifest, for people
	Sinks []Sink `json:"sinks"`
}

// Sink is what of it one sink is to be told.
type Sink struct {
	To    *manifest.End `json:"to"`
	Given []Given       `json:"given"`
}

// Given is what one processor gave at one step, or a part of it.
type Given struct {
	Processor string `json:"processor"`
	Step      uint64 `json:"step"`
	Items     []byte `json:"items"` // see [observation.Append]
}

// RestOf collects what links gave and is not known to be written; nil: nothing.
func RestOf(name string, links []*Link) []byte {
	out := Rest{Name: name}
	for _, l := range links {
		s := Sink{To: l.queue.End}
		for _, c := range l.queue.unwritten(l) {
			for results := c.results; len(results) > 0; {
				n := min(len(results), observation.MaxKeys-1) // the table has the empty key, too
				s.Given = append(s.Given, giving(results[:n]))
				results = results[n:]
			}
		}
		if len(s.Given) > 0 {
			out.Sinks = append(out.Sinks, s)
		}
	}
	if len(out.Sinks) == 0 {
		return nil
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err) // texts and bytes
	}
	return b
}

func giving(results []connect.Written) Given {
	var table observation.Table
	items := make([]observation.Item, len(results))
	for i, w := range results {
		items[i] = observation.Item{Series: table.Number(w.Key), Marks: w.Marks, Time: w.Time, Value: w.Value}
	}
	return Given{results[0].Processor, results[0].Step, observation.Append(nil, table.Keys(), items)}
}

// ReadRest reads what [RestOf] collected.
func ReadRest(b []byte) (out Rest, err error) {
	if err := json.Unmarshal(b, &out); err != nil {
		return Rest{}, fmt.Errorf("read results that wait: %w", err)
	}
	for _, s := range out.Sinks {
		if s.To == nil || s.To.Source == nil || s.To.Definition == nil || s.To.Interface == nil || s.To.Kind == nil {
			return Rest{}, fmt.Errorf("read results that wait: a sink is not whole")
		}
	}
	return out, nil
}

// Results of a manifest, as they were given.
func (g Given) Results(manifest string) ([]connect.Written, error) {
	keys, items, err := observation.Decode(g.Items, nil)
	if err != nil {
		return nil, fmt.Errorf("read results that wait: %w", err)
	}
	out := make([]connect.Written, len(items))
	for i, it := range items {
		out[i] = connect.Written{Manifest: manifest, Processor: g.Processor, Step: g.Step, Key: keys[it.Series], Time: it.Time, Value: it.Value, Marks: it.Marks}
	}
	return out, nil
}
