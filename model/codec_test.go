package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wattwerk/wattwerk/record"
)

func sample() Document {
	year := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	end, start := 1234.5, 0.0
	unlimited, five := Unlimited, 5*Duration(time.Second)
	return Document{
		Sites: []Site{{ID: "kiel", Name: "Kiel: Wärmehalle #1", Zone: "Europe/Berlin"}},
		Sensors: []Sensor{
			{ID: "a", Name: "yes", Site: "kiel", Quantity: record.ActivePower, Unit: "kW", Kind: Gauge, Interval: Duration(time.Second), MaxAge: &five},
			{ID: "12", Name: "- null", Quantity: record.Energy, Unit: "kWh", Kind: Counter, Interval: 15 * Duration(time.Minute), MaxAge: &unlimited,
				Register: &Register{Width: new(1e9), MaxRate: new(43e3)},
				Devices:  []Device{{Serial: "007", From: year, To: new(year.AddDate(1, 0, 0)), End: &end}, {Serial: "8", Description: "two\nlines: \"x\"", From: year.AddDate(1, 0, 0), Start: &start}}},
			{ID: "ä€😀 / 'x'", Quantity: record.ActivePower, Unit: "W", Kind: Gauge, Interval: Duration(1500 * time.Millisecond)},
			{ID: "v", Quantity: record.ActivePower, Unit: "W", Kind: Gauge, Interval: DefaultInterval, Formula: "sensor(\"a\")\n - sensor('true') * 5 %"},
			{ID: "true", Quantity: record.ActivePower, Unit: "W", Kind: Gauge, Interval: DefaultInterval},
		},
		Groups: []Group{
			{ID: "g", Name: "~", Members: []Member{{Sensor: "a", Sign: 1, Meter: true}, {Sensor: "true", Sign: -1}, {Group: "0x1", Sign: 1}}},
			{ID: "0x1", Members: []Member{{Sensor: "ä€😀 / 'x'", Sign: 1}}},
		},
		Hierarchies: []Hierarchy{{ID: "1e3", Name: "2024-01-01", Root: "g", Site: "kiel", Tick: Duration(time.Second)}},
	}
}

func TestDocumentsComeBack(t *testing.T) {
	m, err := New(sample())
	if err != nil {
		t.Fatal(err)
	}
	want := m.Document()
	var j, y bytes.Buffer
	if err := want.WriteJSON(&j); err != nil {
		t.Fatal(err)
	}
	if err := want.WriteYAML(&y); err != nil {
		t.Fatal(err)
	}
	fromJSON, err := ReadJSON(&j)
	if err != nil {
		t.Fatal(err)
	}
	fromYAML, err := ReadYAML(y.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, y.String())
	}
	for name, got := range map[string]Document{"JSON": fromJSON, "YAML": fromYAML} {
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s\n%s", name, diff, y.String())
		}
	}
	var empty bytes.Buffer
	if err := (Document{}).WriteJSON(&empty); err != nil {
		t.Fatal(err)
	}
	if d, err := ReadJSON(&empty); err != nil || len(d.Sensors) > 0 {
		t.Error(d, err)
	}
}

func TestReadJSONRefuses(t *testing.T) {
	for _, s := range []string{"", "{", "[]", `{"x":1}`, `{} {}`, `{"sensors":[{"interval":"soon"}]}`, `{"sensors":[{"interval":"-1s"}]}`, `{"sensors":[{"interval":5}]}`} {
		if d, err := ReadJSON(strings.NewReader(s)); err == nil {
			t.Errorf("%s is read as %+v", s, d)
		}
	}
	for _, s := range []string{"- x", "a: b: c", "{", "sensors: {}", "---\nsites: []\n---\nsites: []\n", "sites: [{id: [1]}]", "sites: &a [*a]"} {
		if d, err := ReadYAML([]byte(s)); err == nil {
			t.Errorf("%s is read as %+v", s, d)
		}
	}
	if _, err := ReadYAML(make([]byte, MaxYAML+1)); err == nil {
		t.Error("a huge YAML is read")
	}
}

func TestDurations(t *testing.T) {
	for s, d := range map[string]time.Duration{"1s": time.Second, "15m": 15 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "10s": 10 * time.Second, "1m30s": 90 * time.Second, "100ms": 100 * time.Millisecond, "20m": 20 * time.Minute, "10h": 10 * time.Hour} {
		b, err := json.Marshal(Duration(d))
		if err != nil || string(b) != `"`+s+`"` {
			t.Errorf("%v is written %s %v", d, b, err)
		}
		var back Duration
		if err := json.Unmarshal(b, &back); err != nil || back != Duration(d) {
			t.Errorf("%s is read as %v %v", b, back, err)
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	chain := func(from, n int) (gs []Group) {
		for i := range n {
			g := Group{ID: GroupID(fmt.Sprint("g", from+i))}
			if i < n-1 {
				g.Members = []Member{{Group: GroupID(fmt.Sprint("g", from+i+1))}}
			}
			gs = append(gs, g)
		}
		return gs
	}
	m, err := New(Document{Groups: chain(0, MaxDepth)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Document{Groups: chain(0, MaxDepth+1)}); err == nil || !strings.Contains(err.Error(), "groups deep") {
		t.Errorf("too deep gives %v", err)
	}
	if _, _, err := m.Apply(Patch{Groups: []Group{{ID: "top", Members: []Member{{Group: "g0"}}}}}); err == nil || !strings.Contains(err.Error(), "groups deep") {
		t.Errorf("a group above gives %v", err)
	}
	if _, err := New(Document{Groups: chain(0, 50_000)}); err == nil {
		t.Error("a chain of 50000 groups is taken")
	}
	ring := chain(0, 50_000)
	ring[len(ring)-1].Members = []Member{{Group: "g0"}}
	if _, err := New(Document{Groups: ring}); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("a ring of 50000 groups gives %v", err)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	var d Document
	for range 5000 {
		d.Sensors = append(d.Sensors, Sensor{})
	}
	_, err := New(d)
	f, ok := errors.AsType[*Faults](err)
	if !ok || len(f.Sentences) != MaxFaults || f.More < 4900 || !strings.Contains(err.Error(), "more") {
		t.Errorf("%d sentences and %d more", len(f.Sentences), f.More)
	}
}

// checkModel holds a model, however it came to be, to what is promised.
func checkModel(t *testing.T, d Document) {
	m, err := New(d)
	if err != nil {
		if _, ok := errors.AsType[*Faults](err); !ok {
			t.Fatal(err)
		}
		return
	}
	for _, h := range m.Hierarchies() {
		checkLayout(t, m, m.Layout(h))
	}
	var b bytes.Buffer
	if err := m.Document().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	back, err := ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if p := Diff(m.Document(), back); !p.Empty() {
		t.Fatalf("read back it differs: %+v", p)
	}
	again, err := New(back)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range m.Hierarchies() {
		if diff := cmp.Diff(m.Layout(h), again.Layout(h)); diff != "" {
			t.Fatal(diff)
		}
	}
}

func FuzzReadJSON(f *testing.F) {
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"groups":[{"id":"a","members":[{"group":"b"},{"sensor":"s"}]},{"id":"b"}],"hierarchies":[{"id":"h","root":"a"}],"sensors":[{"id":"s","quantity":"mass"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ReadJSON(bytes.NewReader(data))
		if err == nil {
			checkModel(t, d)
		}
	})
}

func FuzzReadYAML(f *testing.F) {
	var b bytes.Buffer
	if err := sample().WriteYAML(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("groups:\n- {id: a, members: [{group: b}]}\n- id: b\n"))
	f.Add([]byte("sites: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ReadYAML(data)
		if err == nil {
			checkModel(t, d)
		}
	})
}

// FuzzLayout builds trees out of bytes, so that most of them are fine.
func FuzzLayout(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte{200, 0, 0, 1, 130, 1, 7, 65, 66})
	f.Fuzz(func(t *testing.T, data []byte) {
		d := Document{Groups: []Group{{ID: "g0"}}, Hierarchies: []Hierarchy{{ID: "h", Root: "g0"}}}
		depth := []int{1}
		for i, x := range data {
			if i == 300 {
				break
			}
			at := int(x) % len(d.Groups)
			if x&64 != 0 && depth[at] < MaxDepth {
				id := GroupID(fmt.Sprint("g", len(d.Groups)))
				d.Groups[at].Members = append(d.Groups[at].Members, Member{Group: id, Sign: 1 - 2*int8(x>>7)})
				d.Groups = append(d.Groups, Group{ID: id})
				depth = append(depth, depth[at]+1)
				continue
			}
			id := record.SensorID(fmt.Sprint("s", i))
			d.Sensors = append(d.Sensors, Sensor{ID: id, Quantity: record.ActivePower})
			metered := false
			for _, e := range d.Groups[at].Members {
				metered = metered || e.Meter
			}
			d.Groups[at].Members = append(d.Groups[at].Members, Member{Sensor: id, Sign: 1 - 2*int8(x>>7), Meter: x&32 != 0 && !metered})
		}
		m, err := New(d)
		if err != nil {
			t.Fatal(err)
		}
		l := m.Layout("h")
		if len(l.Leaves) != len(d.Sensors) || len(l.Groups) != len(d.Groups) {
			t.Fatalf("%d leaves of %d, %d groups of %d", len(l.Leaves), len(d.Sensors), len(l.Groups), len(d.Groups))
		}
		checkLayout(t, m, l)
		// Taking it apart leaf by leaf keeps it so.
		for i := range min(5, len(d.Sensors)) {
			id := d.Sensors[i].ID
			g, _ := m.Group(m.Parents(id)[0])
			var rest []Member
			for _, e := range g.Members {
				if e.Sensor != id {
					rest = append(rest, e)
				}
			}
			next, _, err := m.Apply(Patch{Groups: []Group{{ID: g.ID, Members: rest}}, RemoveSensors: []record.SensorID{id}})
			if err != nil {
				t.Fatal(err)
			}
			checkLayout(t, next, next.Layout("h"))
			m = next
		}
	})
}

// TestDeepYAML sees that a short text cannot keep the parser busy for hours.
func TestDeepYAML(t *testing.T) {
	if _, err := ReadYAML([]byte("sites: " + strings.Repeat("[", 50_000))); err == nil || !strings.Contains(err.Error(), "line 1 is nested deeper") {
		t.Errorf("%.200v", err)
	}
}
