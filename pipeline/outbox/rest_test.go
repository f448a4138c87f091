package outbox

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// waitingFor gives links of two sinks with results that wait: some in a write, some
// held, many at once.
func waitingFor() []*Link {
	end := func(name string) *manifest.End {
		return &manifest.End{
			Source: &manifest.Source{Common: manifest.Common{Name: name}}, Definition: new(manifest.SourceDefinition), Interface: &manifest.Interface{Protocol: "box"},
			Kind: new(manifest.Kind), Values: manifest.Values{"topic": []byte(`"<é>"`)},
		}
	}
	var many []connect.Written
	for i := range 2*observation.MaxKeys + 5 {
		many = append(many, connect.Written{Manifest: "m", Processor: "p", Step: 7, Key: fmt.Sprint("k", i), Time: record.Millis(i), Value: math.Pi * float64(i)})
	}
	a, b := &Link{queue: &Queue{Options: Options{End: end("a")}}}, &Link{queue: &Queue{Options: Options{End: end("b")}}}
	a.queue.writing = []chunk{{a, []connect.Written{{Manifest: "m", Processor: "p", Step: 5, Time: 1, Value: math.SmallestNonzeroFloat64, Marks: observation.Alarm}}}}
	a.queue.held = []chunk{{a, []connect.Written{{Manifest: "m", Processor: "p", Step: 6, Key: "x", Time: math.MinInt64, Value: math.Copysign(0, -1)}, {Manifest: "m", Processor: "p", Step: 6, Time: 3, Marks: observation.Null}}}}
	a.queue.waiting = []chunk{{b, many}, {a, many}} // that of another link is not told
	return []*Link{a, b}
}

func TestRest(t *testing.T) {
	links := waitingFor()
	got, err := ReadRest(RestOf("m's name", links))
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "m's name" || len(got.Sinks) != 1 {
		t.Fatalf("%q, %d sinks", got.Name, len(got.Sinks))
	}
	var ends [2]string
	for i, e := range []*manifest.End{links[0].queue.End, got.Sinks[0].To} {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = string(b)
	}
	if d := cmp.Diff(ends[0], ends[1]); d != "" {
		t.Error(d)
	}
	var all, want []connect.Written
	for _, g := range got.Sinks[0].Given {
		some, err := g.Results("m")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	for _, c := range links[0].queue.unwritten(links[0]) {
		want = append(want, c.results...)
	}
	if d := cmp.Diff(want, all); d != "" {
		t.Error(d)
	}
	if b := RestOf("m", links[1:]); b != nil {
		t.Errorf("nothing waits, and it is %s", b)
	}
}

func FuzzReadRest(f *testing.F) {
	links := waitingFor()
	links[0].queue.waiting = nil
	f.Add(RestOf("m", links))
	f.Add([]byte(`{"sinks":[{"to":{}}]}`))
	f.Add([]byte(`{"sinks":[{"to":{"Source":{},"Definition":{},"Interface":{},"Kind":{}},"given":[{"step":1,"items":"AQEAAA=="}]}]}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		all, err := ReadRest(b)
		if err != nil {
			return
		}
		for _, s := range all.Sinks {
			_ = s.To.Protocol()
			for _, g := range s.Given {
				_, _ = g.Results("m")
			}
		}
	})
}
