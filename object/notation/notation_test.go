package notation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/object/notation"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// plant has names that are hard to write.
func plant(t testing.TB) *model.Model {
	t.Helper()
	d := model.Document{
		Sites: []model.Site{{ID: "kiel", Name: "Kiel"}, {ID: "köln 2", Name: `"K"\n`}},
		Groups: []model.Group{
			{ID: "plant", Members: []model.Member{{Group: "hall"}, {Group: "yard"}, {Sensor: "main", Meter: true}}},
			{ID: "hall", Name: "Halle <1>", Members: []model.Member{{Sensor: "s0"}, {Sensor: "s1"}, {Sensor: "s/2 ü"}}},
			{ID: "yard", Members: []model.Member{{Sensor: "s3"}, {Sensor: "s4"}}},
		},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}},
	}
	for i, id := range []record.SensorID{"s0", "s1", "s/2 ü", "s3", "s4", "main"} {
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Name: fmt.Sprint("Sensor\t", i), Quantity: record.ActivePower, Site: "kiel", Interval: model.Duration(time.Duration(1+i) * time.Second), Devices: []model.Device{{Serial: fmt.Sprintf("M/%d\\", i/2), From: time.Unix(0, 0)}}})
	}
	d.Sensors = append(d.Sensors, model.Sensor{ID: "kWh", Quantity: record.Energy, Site: "köln 2"}, model.Sensor{ID: "air", Quantity: record.Temperature})
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func live(t testing.TB, m *model.Model, spaces []object.Space, more []object.Enrichment) *graph.Live {
	t.Helper()
	w, faults := object.NewWorld(m, spaces, more)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	share := 0.061
	return graph.New(w).At(func(o *object.Object) graph.Now {
		v := float64(o.Index) * 1e6 / 3
		return graph.Now{State: object.Live, Value: &v, Seen: record.Millis(1_700_000_000_000)}
	}, []graph.Substitution{{For: "sensor/s0", By: "sensor/s1", Method: "ratio", Error: &share}})
}

// randomSaid says things of a plant that do not follow from its model, in the
// form that reading gives.
func randomSaid(rnd *rand.Rand, m *model.Model) ([]object.Space, []object.Enrichment) {
	kinds := object.SpaceKinds()
	var spaces []object.Space
	names := []string{"kiel"}
	for i := range rnd.IntN(6) {
		s := object.Space{ID: fmt.Sprintf("r%d/ %c", i, 'a'+rnd.IntN(26)), Kind: kinds[rnd.IntN(len(kinds))]}
		if rnd.IntN(2) == 0 {
			s.Name = fmt.Sprintf("Raum \"%d\"", i)
		}
		if rnd.IntN(3) > 0 {
			s.Parent = names[rnd.IntN(len(names))]
		}
		names = append(names, s.ID)
		spaces = append(spaces, s)
	}
	if rnd.IntN(3) == 0 {
		spaces = append(spaces, object.Space{ID: "kiel", Name: "Stadt", Kind: vocabulary.Site})
	}
	slices.SortFunc(spaces, func(a, b object.Space) int { return strings.Compare(a.ID, b.ID) })
	w, _ := object.NewWorld(m, spaces, nil)
	any := func() object.ID { return w.At(rnd.IntN(w.Len())).ID }
	var more []object.Enrichment
	for i := range w.Objects() {
		o := w.At(i)
		e := object.Enrichment{Object: o.ID}
		if rnd.IntN(3) == 0 {
			e.Class = "brick:Electric_Power_Sensor"
		}
		if s := names[rnd.IntN(len(names))]; rnd.IntN(2) == 0 && s != o.Space {
			e.Space = s
		}
		if rnd.IntN(4) == 0 {
			e.Device = fmt.Sprintf("D %d", rnd.IntN(5))
		}
		if f := any(); rnd.IntN(3) == 0 && f != o.ID {
			e.Feeds = f
		}
		if r := w.At(rnd.IntN(w.Len())); rnd.IntN(3) == 0 && r != o && !r.Composite && !o.Composite {
			e.Replica = r.ID
		}
		if rnd.IntN(4) == 0 {
			e.Capacity = 1 + rnd.IntN(5)
		}
		e.Actuator = rnd.IntN(5) == 0
		if rnd.IntN(3) == 0 {
			e.Horizon = model.Duration(time.Duration(30+rnd.IntN(10)) * time.Hour)
		}
		if o.Composite && rnd.IntN(2) == 0 {
			e.Restriction = &object.Restriction{Kind: object.All}
			if rnd.IntN(2) == 0 {
				e.Restriction = &object.Restriction{Kind: object.Min, K: 1 + rnd.IntN(3)}
			}
			for _, member := range o.Members {
				if rnd.IntN(3) == 0 {
					e.Critical = append(e.Critical, member)
				}
			}
		}
		if !cmp.Equal(e, object.Enrichment{Object: o.ID}) {
			more = append(more, e)
		}
	}
	return spaces, more
}

// withoutFollowing leaves out horizons of groups that follow from what is said of
// their sensors.
func withoutFollowing(m *model.Model, more []object.Enrichment) []object.Enrichment {
	var sensors []object.Enrichment
	for _, e := range more {
		if _, ok := e.Object.Sensor(); ok {
			sensors = append(sensors, object.Enrichment{Object: e.Object, Horizon: e.Horizon})
		}
	}
	w, _ := object.NewWorld(m, nil, sensors)
	var out []object.Enrichment
	for _, e := range more {
		if o, _ := w.Object(e.Object); o.Composite && time.Duration(e.Horizon).Milliseconds() == o.Horizon {
			e.Horizon = 0
		}
		if !cmp.Equal(e, object.Enrichment{Object: e.Object}) {
			out = append(out, e)
		}
	}
	return out
}

// What is written and read again is the same.
func TestRoundTrip(t *testing.T) {
	m := plant(t)
	rnd := rand.New(rand.NewPCG(8, 3))
	for range 40 {
		spaces, more := randomSaid(rnd, m)
		more = withoutFollowing(m, more)
		g := live(t, m, spaces, more)
		var b bytes.Buffer
		if err := notation.JSONLD(&b, g, notation.Options{}); err != nil {
			t.Fatal(err)
		}
		im, err := notation.Read(b.Bytes(), m)
		if err != nil {
			t.Fatal(err)
		}
		if len(im.Faults) > 0 {
			t.Fatal(im.Faults)
		}
		if diff := cmp.Diff(spaces, im.Spaces); diff != "" {
			t.Fatalf("spaces: %s", diff)
		}
		if diff := cmp.Diff(more, im.Enrichments); diff != "" {
			t.Fatalf("enrichments: %s", diff)
		}
		again := live(t, m, im.Spaces, im.Enrichments)
		if diff := cmp.Diff(g.World().Objects(), again.World().Objects()); diff != "" {
			t.Fatal(diff)
		}
	}
}

// JSON-LD, Turtle and N-Triples say the same, as another library reads them.
func TestNotationsByOxigraph(t *testing.T) {
	library, err := filepath.Abs("../../web/ui/node_modules/oxigraph/node.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(library); err != nil {
		t.Fatalf("oxigraph is not there; `make needs` installs it: %v", err)
	}
	m := plant(t)
	spaces, more := randomSaid(rand.New(rand.NewPCG(1, 2)), m)
	g := live(t, m, spaces, more)
	type document struct {
		Format string `json:"format"`
		Text   string `json:"text"`
	}
	var documents []document
	for _, o := range []notation.Options{{}, {Classes: true}} {
		for _, n := range []struct {
			format string
			write  func(io.Writer, *graph.Live, notation.Options) error
		}{{notation.NTriplesType, notation.NTriples}, {notation.TurtleType, notation.Turtle}, {notation.JSONLDType, notation.JSONLD}} {
			var b bytes.Buffer
			if err := n.write(&b, g, o); err != nil {
				t.Fatal(err)
			}
			documents = append(documents, document{n.format, b.String()})
		}
	}
	in, err := json.Marshal(documents)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/oracle.mjs", library)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	var got []struct {
		Triples []string `json:"triples"`
		Error   string   `json:"error"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for i, d := range documents {
		if got[i].Error != "" {
			t.Fatalf("%s: %s", d.Format, got[i].Error)
		}
		if want := strings.Count(documents[i/3*3].Text, "\n"); len(got[i].Triples) != want {
			t.Errorf("%s has %d triples, want %d", d.Format, len(got[i].Triples), want)
		}
		if diff := cmp.Diff(got[i/3*3].Triples, got[i].Triples); diff != "" {
			t.Errorf("%s: %s", d.Format, diff)
		}
	}
}

// The traps of Brick's shapes.
func TestTraps(t *testing.T) {
	m := plant(t)
	g := live(t, m, []object.Space{{ID: "r", Kind: "rec:Room", Parent: "kiel"}}, []object.Enrichment{{Object: "sensor/s0", Space: "r"}})
	var b bytes.Buffer
	if err := notation.Turtle(&b, g, notation.Options{}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, bad := range []string{"brick:hasLocation", "brick:Floor", "brick:Building ", "brick:Room ", "brick:hasQuantity "} {
		if strings.Contains(text, bad) {
			t.Errorf("there is %s", bad)
		}
	}
	const want = `<urn:wattwerk:sensor/s0> a brick:Active_Power_Sensor, ww:VirtualObject ;
    rdfs:label "Sensor\t0" ;
    brick:hasUnit unit:W ;
    qudt:hasQuantityKind qk:ActivePower ;
    ww:quantity "active_power" ;
    ww:kind "gauge" ;
    rec:locatedIn <urn:wattwerk:space/r> ;
    ww:device "M/0\\" ;
    brick:isPointOf <urn:wattwerk:device/M%2F0%5C> ;
    ww:interval 1000 ;
    ww:maxAge 3000 ;
    ww:horizon 86400000 ;
    ref:hasExternalReference <urn:wattwerk:series/s0> ;
    prov:wasDerivedFrom <urn:wattwerk:sensor/s1> ;
    ww:state "live" ;
`
	if !strings.Contains(text, want) {
		t.Errorf("%s\nhas not\n%s", text, want)
	}
	if !strings.Contains(text, "<urn:wattwerk:group/yard> a brick:Collection, ww:CompositeVirtualObject ;") || !strings.Contains(text, "rec:includes <urn:wattwerk:sensor/s3>, <urn:wattwerk:sensor/s4>") {
		t.Error("a composite is no collection of its members")
	}
}

// The sample of the literature study, with our names.
const sample = `{"@context":{"brick":"https://brickschema.org/schema/Brick#","rec":"https://w3id.org/rec#","ww":"https://wattwerk.org/ns#","o":"urn:wattwerk:sensor/","g":"urn:wattwerk:group/","s":"urn:wattwerk:space/",
 "rdfs":"http://www.w3.org/2000/01/rdf-schema#","id":"@id","type":"@type","location":{"@id":"rec:locatedIn","@type":"@id"},"hasPart":{"@id":"brick:hasPart","@type":"@id"},"name":"rdfs:label",
 "critical":{"@id":"ww:critical","@type":"@id"},"restriction":"ww:restriction","k":"ww:minCount"},
 "@graph":[
 {"id":"s:bldg","type":"rec:Building","name":{"@value":"Haus","@language":"de"},"hasPart":{"id":"s:floor1","type":"rec:Level","hasPart":"s:room101"}},{"id":"s:room101","type":"rec:Room"},
 {"id":"o:s0","type":"brick:Active_Power_Sensor","location":"s:room101","brick:hasUnit":{"id":"unit:W"},"https://example.com/x":[1,2]},
 {"id":"g:hall","type":["brick:Collection","ww:CompositeVirtualObject"],"critical":["o:s1","o:s0"],"restriction":"min","k":2}]}`

func TestRead(t *testing.T) {
	im, err := notation.Read([]byte(sample), plant(t))
	if err != nil {
		t.Fatal(err)
	}
	want := &notation.Import{
		Spaces: []object.Space{{ID: "bldg", Name: "Haus", Kind: "rec:Building"}, {ID: "floor1", Kind: "rec:Level", Parent: "bldg"}, {ID: "room101", Kind: "rec:Room", Parent: "floor1"}},
		Enrichments: []object.Enrichment{
			{Object: "group/hall", Restriction: &object.Restriction{Kind: object.Min, K: 2}, Critical: []object.ID{"sensor/s0", "sensor/s1"}},
			{Object: "sensor/s0", Space: "room101"},
		},
		Statements: 17, Ignored: 5,
	}
	if diff := cmp.Diff(want, im); diff != "" {
		t.Error(diff)
	}
}

func TestReadFaults(t *testing.T) {
	const head = `{"@context":"` + notation.ContextIRI + `","@graph":[`
	im, err := notation.Read([]byte(head+`
		{"@id":"urn:wattwerk:sensor/s0","@type":["brick:Unicorn","brick:Power_Sensor","brick:Energy_Sensor"],"rec:locatedIn":"urn:x","brick:feeds":["urn:wattwerk:sensor/s1","urn:wattwerk:sensor/s3","urn:y"],
		 "ww:capacity":[0,"a",1.5],"ww:actuator":"yes","ww:horizon":-1},
		{"@id":"urn:wattwerk:group/hall","ww:restriction":"min"},
		{"@id":"urn:wattwerk:space/a","brick:isPartOf":["urn:z"]}]}`), plant(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"group/hall: restriction min has the number 0; it is between 1 and 1000000",
		`sensor/s0 has brick:feeds "urn:y", which is no object`,
		"sensor/s0 has the unknown class \"https://brickschema.org/schema/Brick#Unicorn\"",
		"sensor/s0 has two values of brick:feeds, sensor/s1 and sensor/s3",
		"sensor/s0 has two values of rdf:type, brick:Power_Sensor and brick:Energy_Sensor",
		`sensor/s0 has ww:actuator "yes", which is neither true nor false`,
		`sensor/s0 has ww:capacity "0", which is no whole number between 1 and 1000000`,
		`sensor/s0 has ww:capacity "1.5E0", which is no whole number between 1 and 1000000`,
		`sensor/s0 has ww:capacity "a", which is no whole number between 1 and 1000000`,
		`sensor/s0 has ww:horizon "-1", which is no whole number between 1 and 3162240000000`,
		`sensor/s0 is in "urn:x", which is no space`,
		`space/a lies in "urn:z", which is no space`,
	}
	if diff := cmp.Diff(want, im.Faults); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefuses(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for _, c := range []struct{ doc, want string }{
		{"", "the document is no JSON"},
		{"[]", "the document is no JSON object"},
		{"{", "the document is no JSON"},
		{"{} {}", "the document is no JSON"},
		{"\xff", "no valid UTF-8"},
		{`{"a":` + deep + `}`, "nested more than 32 deep"},
		{strings.Repeat(" ", notation.MaxBytes+1), "at most 16777216 are taken"},
		{`{"a":[` + strings.Repeat("1,", notation.MaxParts) + `1]}`, "more than 1000000 parts"},
		{`{"@context":"https://example.com/c"}`, "contexts are not fetched"},
		{`{"@context":["` + notation.ContextIRI + `","http://localhost/c"]}`, "contexts are not fetched"},
		{`{"@context":{"a":{"@id":"urn:a","@context":{}}}}`, "a context within"},
		{`{"@graph":[{"@context":{}}]}`, "a context within"},
		{`{"@context":{"@import":"x"}}`, "@import"},
		{`{"@context":{` + strings.TrimSuffix(strings.Repeat(`"a":"urn:a",`, 3), ",") + `},"@id":3}`, "no JSON-LD"},
	} {
		if _, err := notation.Read([]byte(c.doc), plant(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: %v, want %s", c.doc, err, c.want)
		}
	}
	var terms strings.Builder
	for i := range notation.MaxTerms + 1 {
		fmt.Fprintf(&terms, `"t%d":"urn:%d",`, i, i)
	}
	if _, err := notation.Read([]byte(`{"@context":{`+strings.TrimSuffix(terms.String(), ",")+`}}`), plant(t)); err == nil || !strings.Contains(err.Error(), "more than 500 terms") {
		t.Error(err)
	}
}

// What the library would take hours for is refused.
func TestReadRefusesPairs(t *testing.T) {
	const n = 6_500
	values := func(format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+",", i)
		}
		return "[" + strings.TrimSuffix(b.String(), ",") + "]"
	}
	for name, doc := range map[string]string{
		"values":  `{"@id":"urn:a","urn:p":` + values(`{"@id":"urn:%d"}`) + `}`,
		"types":   `{"@id":"urn:a","@type":` + values(`"urn:%d"`) + `}`,
		"nodes":   `{"@graph":` + values(`{"@id":"urn:a","urn:p":%d}`) + `}`,
		"reverse": `{"@graph":` + values(`{"@id":"urn:x%d","@reverse":{"urn:p":{"@id":"urn:a"}}}`) + `}`,
		"alias":   `{"@context":{"id":"@id"},"@graph":` + values(`{"id":"urn:a","urn:p":%d}`) + `}`,
	} {
		if _, err := notation.Read([]byte(doc), plant(t)); err == nil || !strings.Contains(err.Error(), "too many values") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := notation.Read([]byte(`{"@graph":`+values(`{"@id":"urn:%d","urn:p":1}`)+`}`), plant(t)); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	m := plant(f)
	f.Add([]byte(sample))
	f.Add([]byte(`{"@context":"` + notation.ContextIRI + `","@id":"urn:wattwerk:sensor/s0","@type":"brick:Power_Sensor","brick:feeds":"urn:wattwerk:group/hall"}`))
	f.Add([]byte(`{"@id":"urn:wattwerk:space/a","https://brickschema.org/schema/Brick#isPartOf":{"@list":[{"@id":"urn:wattwerk:space/b"}]}}`))
	f.Add([]byte(`{"@reverse":{"brick:feeds":[]},"@included":[{"@value":1,"@type":"@json"}],"@index":"x","@nest":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		im, err := notation.Read(data, m)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without a sentence")
			}
			return
		}
		// What was read can be made into a world, written and read again. What the world
		// refuses, and what was two values of one, is left out by then.
		w, _ := object.NewWorld(m, im.Spaces, im.Enrichments)
		var b bytes.Buffer
		if err := notation.JSONLD(&b, graph.New(w).At(nil, nil), notation.Options{}); err != nil {
			t.Fatal(err)
		}
		again, err := notation.Read(b.Bytes(), m)
		if err != nil {
			t.Fatal(err)
		}
		w2, faults := object.NewWorld(m, again.Spaces, again.Enrichments)
		if len(faults) > 0 || len(again.Faults) > 0 {
			t.Fatal(faults, again.Faults)
		}
		if diff := cmp.Diff(w.Objects(), w2.Objects()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkJSONLD(b *testing.B) {
	d := model.Document{}
	for i := range 10_000 {
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(fmt.Sprint("s", i)), Quantity: record.ActivePower})
	}
	m, err := model.New(d)
	if err != nil {
		b.Fatal(err)
	}
	w, _ := object.NewWorld(m, nil, nil)
	g := graph.New(w).At(nil, nil)
	var out bytes.Buffer
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			out.Reset()
			if err := notation.JSONLD(&out, g, notation.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := notation.Read(out.Bytes(), m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
