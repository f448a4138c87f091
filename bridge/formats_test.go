package bridge

import (
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/prompb"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

func param(query string) func(string) string {
	v, err := url.ParseQuery(query)
	if err != nil {
		panic(err)
	}
	return v.Get
}

// told is what became of a message, as lines: records, then reasons.
func told(t *testing.T, s *Service, m *memory, b Bridge, msg *Message) []string {
	t.Helper()
	m.records, m.letters = nil, nil
	a, err := s.Take(t.Context(), b, msg)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range m.records {
		out = append(out, fmt.Sprintf("%s %s %v", r.Sensor, r.Time, r.Value))
	}
	if a.Filtered > 0 {
		out = append(out, fmt.Sprintf("filtered %d", a.Filtered))
	}
	if a.Refused != len(m.letters) {
		t.Errorf("%d refused, %d dead letters", a.Refused, len(m.letters))
	}
	// Dead letters are stored side by side, in no order.
	slices.SortFunc(m.letters, func(a, b bus.DeadLetter) int { return strings.Compare(a.Reason+a.Sample, b.Reason+b.Sample) })
	for _, l := range m.letters {
		if l.Code == "" {
			t.Errorf("there is no code for %s", l.Reason)
		}
		out = append(out, "refused: "+l.Reason+" | "+l.Sample)
	}
	return out
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPDU(t *testing.T) {
	s, m := testService(t, Options{})
	for _, c := range []struct {
		name, query, body string
		want              []string
	}{
		{"two outlets, two rows", "id=pdu1", string(sample(t, "pdu_two_outlets.json")), []string{
			"pdu1.47 2018-06-15T10:10:41.000Z 0", "pdu1.46 2018-06-15T10:10:41.000Z 34.130002", "pdu1.47 2018-06-15T10:10:42.000Z 1.5", "filtered 3"}},
		{"without id", "", `{"sensors":[{"device":{"label":"7"},"id":"activePower"}],"rows":[{"timestamp":1.25,"records":[{"avgValue":3}]}]}`,
			[]string{"7 1970-01-01T00:00:01.250Z 3"}},
		{"empty", "", `{}`, nil},
		{"not JSON", "", `hello`, []string{"refused: not a message of a power-distribution unit: invalid character 'h' looking for beginning of value | hello"}},
		{"a row too short", "", `{"sensors":[{"device":{"label":"7"},"id":"activePower"}],"rows":[{"timestamp":1,"records":[]},{"timestamp":2,"records":[{"avgValue":3}]}]}`,
			[]string{"7 1970-01-01T00:00:02.000Z 3", `refused: row 1 has 0 entries for 1 sensors | {"sensors":[{"device":{"label":"7"},"id":"activePower"}],"rows":[{"timestamp":1,"records":[]},{"timestamp":2,"records":[{"avgValue":3}]}]}`}},
		{"no value", "id=p", `{"sensors":[{"device":{"label":"7"},"id":"activePower"}],"rows":[{"timestamp":1,"records":[{}]}]}`,
			[]string{`refused: the entry has no avgValue | {"sensors":[{"device":{"label":"7"},"id":"activePower"}],"rows":[{"timestamp":1,"records":[{}]}]}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told(t, s, m, s.pdu, &Message{Body: []byte(c.body), Param: param(c.query)})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	nested := Mapping{
		Name: "plant", Items: "lines.*.meters.*", Sensor: "plant.{key}", Time: "$.at", Zone: "Europe/Berlin",
		Values: []ValueMapping{{Path: "p", Unit: "kW"}, {Path: "e.total", Unit: "kWh", Suffix: ".energy", Optional: true}},
	}
	pairs := Mapping{
		Name: "pairs", Items: "*", Sensor: "{topic.2}/{param.line}/{0}", Time: "1", Format: "ms", Values: []ValueMapping{{Path: "2", UnitPath: "3"}},
	}
	s, m := testService(t, Options{Config: Config{JSON: []Mapping{nested, pairs}}})
	for _, c := range []struct {
		name, mapping, body string
		want                []string
	}{
		{"one", "", `{"sensor":"desk","value":42,"unit":"W"}`, []string{"desk 2024-06-01T12:00:00.000Z 42"}},
		{"several", "", `[{"sensor":"a","value":1,"time":1700000000},{"sensor":"b","value":"2.5","time":"2024-01-01T00:00:00Z","unit":"kW"}]`,
			[]string{"a 2023-11-14T22:13:20.000Z 1", "b 2024-01-01T00:00:00.000Z 2500"}},
		{"lines", "", "{\"sensor\":\"a\",\"value\":1}\n{\"sensor\":\"b\",\"value\":2}\n[]\n",
			[]string{"a 2024-06-01T12:00:00.000Z 1", "b 2024-06-01T12:00:00.000Z 2"}},
		{"a fault among others", "", `[{"sensor":"a","value":1},{"value":2},{"sensor":"c","value":true},7,{"sensor":"d","value":4,"time":[]},{"sensor":"e","value":1e999},{"sensor":"f","value":6}]`,
			[]string{"a 2024-06-01T12:00:00.000Z 1", "f 2024-06-01T12:00:00.000Z 6",
				`refused: the message has no sensor, which the sensor is named by ({sensor}) | 7`,
				`refused: the message has no sensor, which the sensor is named by ({sensor}) | {"value":2}`,
				`refused: the time is neither text nor a number but [] | {"sensor":"d","value":4,"time":[]}`,
				`refused: the value is not a number but true | {"sensor":"c","value":true}`,
				`refused: value is not a finite number: +Inf | {"sensor":"e","value":1e999}`}},
		{"cut off", "", `[{"sensor":"a","value":1},{"sensor"`, []string{"a 2024-06-01T12:00:00.000Z 1", `refused: not JSON: unexpected EOF | {"sensor"`}},
		{"empty", "", " \n", []string{"refused: not JSON: the message is empty |  \n"}},
		{"nested", "plant", `{"at":"2024-01-02T03:04:05","lines":[{"meters":{"b":{"p":2},"a":{"p":1.5,"e":{"total":7}}}},{"meters":{}}]}`,
			[]string{"plant.a 2024-01-02T02:04:05.000Z 1500", "plant.a.energy 2024-01-02T02:04:05.000Z 7000", "plant.b 2024-01-02T02:04:05.000Z 2000"}},
		{"nothing there", "plant", `{"at":0}`, []string{`refused: the message has nothing at lines.*.meters.* | {"at":0}`}},
		{"arrays", "pairs", `[["x",5,1,"kWh"]]`, []string{"hall/3/x 1970-01-01T00:00:00.005Z 1000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			msg := &Message{Body: []byte(c.body), Topic: "plant/hall", Param: param("line=3")}
			if c.mapping != "pairs" {
				msg.Topic = ""
			}
			if diff := cmp.Diff(c.want, told(t, s, m, s.jsons[c.mapping], msg)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMappingsAreChecked(t *testing.T) {
	ok := Mapping{Name: "a", Sensor: "{s}", Values: []ValueMapping{{Path: "v"}}}
	for want, change := range map[string]func(*Mapping){
		"":               func(*Mapping) {},
		"part of an add": func(m *Mapping) { m.Name = "a/b" },
		"no values":      func(m *Mapping) { m.Values = nil },
		"without path":   func(m *Mapping) { m.Values = []ValueMapping{{}} },
		"furlong":        func(m *Mapping) { m.Values = []ValueMapping{{Path: "v", Unit: "furlong"}} },
		"zone":           func(m *Mapping) { m.Zone = "Mars/Olympus" },
		"template":       func(m *Mapping) { m.Sensor = "{" },
	} {
		m := ok
		change(&m)
		if err := m.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if err := (Config{JSON: []Mapping{ok, ok}}).Validate(); err == nil {
		t.Error("the same name twice is taken")
	}
}

func TestInflux(t *testing.T) {
	s, m := testService(t, Options{Config: DefaultConfig()})
	short, sm := testService(t, Options{Config: Config{Influx: InfluxConfig{Sensor: "{tag.host}.{field}"}}})
	for _, c := range []struct {
		name, precision, body string
		want                  []string
	}{
		{"fields", "", "power,room=a,host=x p_kW=1.5,n=3i,on=true,s=\"t\",u=7u 1700000000000000000",
			[]string{"power,host=x,room=a.p_kW 2023-11-14T22:13:20.000Z 1500", "power,host=x,room=a.n 2023-11-14T22:13:20.000Z 3", "power,host=x,room=a.u 2023-11-14T22:13:20.000Z 7", "filtered 2"}},
		{"no time, comment, blank", "", "# hello\n\npower v=1\n", []string{"power.v 2024-06-01T12:00:00.000Z 1"}},
		{"seconds", "s", "p v=1 1700000000", []string{"p.v 2023-11-14T22:13:20.000Z 1"}},
		{"micro", "u", "p v=1 1700000000000000", []string{"p.v 2023-11-14T22:13:20.000Z 1"}},
		{"milli", "ms", "p v=1 1700000000000", []string{"p.v 2023-11-14T22:13:20.000Z 1"}},
		{"minutes", "m", "p v=1 28333333", []string{"p.v 2023-11-14T22:13:00.000Z 1"}},
		{"hours", "h", "p v=1 472222", []string{"p.v 2023-11-14T22:00:00.000Z 1"}},
		{"escapes", "", `my\ power,a\,b=c\=d v=1 0`, []string{"my power,a,b=c=d.v 1970-01-01T00:00:00.000Z 1"}},
		{"good among bad", "", "p v=1 1\nwhat is this\np v=\np v=2 1x\np v=3 2000000",
			[]string{"p.v 1970-01-01T00:00:00.000Z 1", "p.v 1970-01-01T00:00:00.002Z 3",
				"refused: unable to parse 'p v=': ?", "refused: unable to parse 'p v=2 1x': invalid timestamp (\"1x\") | p v=2 1x",
				"refused: unable to parse 'what is this': ?"}},
		{"overflow", "h", "p v=1 9223372036854775807", []string{"refused: ?"}},
		{"precision", "days", "p v=1 1", []string{"refused: precision \"days\" is none of ns, us, ms, s, m, h | p v=1 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := told(t, s, m, s.influx.bridge(), &Message{Body: []byte(c.body), Param: param("precision=" + c.precision)})
			if len(got) != len(c.want) {
				t.Fatalf("got %q", got)
			}
			for i := range got {
				before, _, some := strings.Cut(c.want[i], "?")
				if got[i] != c.want[i] && !(some && strings.HasPrefix(got[i], before)) {
					t.Errorf("got  %s\nwant %s", got[i], c.want[i])
				}
			}
		})
	}
	got := told(t, short, sm, short.influx.bridge(), &Message{Body: []byte("p,host=x v=1 0\np v=1 0")})
	if len(got) != 2 || got[0] != "x.v 1970-01-01T00:00:00.000Z 1" || !strings.HasPrefix(got[1], "refused: the message has no tag.host") {
		t.Error(got)
	}
}

func remoteMessage(t testing.TB) []byte {
	t.Helper()
	req := prompb.WriteRequest{
		Timeseries: []prompb.TimeSeries{
			{
				Labels:  []prompb.Label{{Name: "__name__", Value: "rack_power_kilowatts"}, {Name: "rack", Value: "a\"1"}, {Name: "job", Value: "snmp"}},
				Samples: []prompb.Sample{{Value: 1.5, Timestamp: 1000}, {Value: math.Float64frombits(staleMarker), Timestamp: 2000}, {Value: math.NaN(), Timestamp: 3000}},
			},
			{Labels: []prompb.Label{{Name: "__name__", Value: "up"}}, Samples: []prompb.Sample{{Value: 1}}, Exemplars: []prompb.Exemplar{{Value: 1}}},
			{Labels: []prompb.Label{{Name: "job", Value: "x"}}, Samples: []prompb.Sample{{Value: 1}}},
		},
		Metadata: []prompb.MetricMetadata{{Help: "ignored"}},
	}
	data, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRemoteWrite(t *testing.T) {
	s, m := testService(t, Options{Config: DefaultConfig()})
	data := remoteMessage(t)
	got := told(t, s, m, s.remote.bridge(), &Message{Body: data})
	want := []string{
		`rack_power_kilowatts{job="snmp",rack="a\"1"} 1970-01-01T00:00:01.000Z 1500`,
		"up 1970-01-01T00:00:00.000Z 1",
		"filtered 2",
	}
	if len(got) != 5 {
		t.Fatalf("got %q", got)
	}
	if diff := cmp.Diff(want, got[:3]); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(got[3], "refused: the message has no metric") || !strings.HasPrefix(got[4], "refused: value is not a finite number: NaN") {
		t.Error(got[3:])
	}
	got = told(t, s, m, s.remote.bridge(), &Message{Body: data[:len(data)-3]})
	if !strings.Contains(strings.Join(got, "\n"), "refused: not a message of remote write 1.0") {
		t.Error(got)
	}
	// A label whose bytes are torn inside a series that is whole.
	label := protowire.AppendTag(nil, 1, protowire.BytesType)
	label = append(label, 100, 'x') // a hundred bytes, it says
	series := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), label)
	sample := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(1))
	sample = protowire.AppendVarint(protowire.AppendTag(sample, 2, protowire.VarintType), 1_700_000_000_000)
	series = protowire.AppendBytes(protowire.AppendTag(series, 2, protowire.BytesType), sample)
	torn := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), series)
	got = told(t, s, m, s.remote.bridge(), &Message{Body: torn})
	if len(got) != 1 || !strings.Contains(got[0], "refused: not a message of remote write 1.0") {
		t.Errorf("a torn label: %q", got)
	}
}

func TestUnitRules(t *testing.T) {
	rules, err := compileUnits([]UnitRule{{Name: "total_*", Unit: "MWh"}, {Name: "*_kW", Unit: "kW"}, {Name: "x", Quantity: record.Voltage}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"total_kW": "MWh", "p_kW": "kW", "p_kw": "", "x": ""} {
		if got := rules.of(name).Unit; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, wrong := range []UnitRule{{Name: "["}, {}, {Name: "*", Unit: "furlong"}, {Name: "*", Quantity: "hope"}} {
		if _, err := compileUnits([]UnitRule{wrong}); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
	for _, r := range usualUnits() {
		if _, ok := record.LookupUnit(r.Unit); !ok {
			t.Errorf("usual unit %s is unknown", r.Unit)
		}
	}
}

// fuzzed runs a bridge on anything: it must not panic, and every part is
// accepted, refused or filtered.
func fuzzed(f *testing.F, b Bridge) {
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		if len(body) > 1<<16 {
			return
		}
		s, m := testService(t, Options{})
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		a, err := s.Take(t.Context(), b, &Message{Body: body, Param: v.Get, Topic: query})
		if err != nil {
			t.Fatal(err)
		}
		if a.Accepted != len(m.records) {
			t.Errorf("%d accepted, %d stored", a.Accepted, len(m.records))
		}
		for _, r := range m.records {
			if err := r.Validate(); err != nil {
				t.Error(err)
			}
		}
		if a.Refused > 0 && len(m.letters) == 0 {
			t.Error("refused without dead letter")
		}
	})
}

func FuzzPDU(f *testing.F) {
	f.Add(sample(f, "pdu_two_outlets.json"), "id=pdu1")
	f.Add([]byte(`{"sensors":[{}],"rows":[{"records":[{}]}]}`), "")
	fuzzed(f, PDU())
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[{"sensor":"a","value":1,"time":1}]`), "")
	f.Add([]byte(`{"sensor":"a","value":"1","time":"2024-01-01"} [`), "a/b")
	fuzzed(f, JSON(DefaultMapping()))
}

func FuzzJSONNested(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":{"x":{"v":1}}}],"t":3}`), "a/b")
	fuzzed(f, JSON(Mapping{Items: "a.*.b.*", Sensor: "{key}{topic.1}", Time: "$.t", Format: "2006-01-02 15:04", Zone: "Europe/Paris", Values: []ValueMapping{{Path: "v", UnitPath: "u"}}}))
}

func FuzzInflux(f *testing.F) {
	f.Add([]byte("p,a=b v_kW=1,s=\"x\\\"\n\" 1\nbad"), "precision=s")
	b, err := Influx(DefaultInflux())
	if err != nil {
		f.Fatal(err)
	}
	fuzzed(f, b)
}

func FuzzRemoteWrite(f *testing.F) {
	f.Add(remoteMessage(f), "")
	b, err := RemoteWrite(DefaultRemote())
	if err != nil {
		f.Fatal(err)
	}
	fuzzed(f, b)
}

func FuzzTemplate(f *testing.F) {
	f.Add("a{b}c{{")
	f.Fuzz(func(t *testing.T, text string) {
		if tm, err := ParseTemplate(text); err == nil {
			if _, err := tm.Expand(func(n string) (string, bool) { return n, true }); err != nil {
				t.Error(err)
			}
		}
	})
}

func benchmark(b *testing.B, br Bridge, m *Message, records int) {
	s, mem := testService(b, Options{Config: DefaultConfig()})
	b.ReportAllocs()
	b.SetBytes(int64(len(m.Body)))
	for b.Loop() {
		mem.records = mem.records[:0]
		if a, err := s.Take(b.Context(), br, m); err != nil || a.Accepted != records {
			b.Fatal(a, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
}

func BenchmarkPDU(b *testing.B) {
	var rows, names []string
	for i := range 16 {
		names = append(names, fmt.Sprintf(`{"device":{"type":4,"label":"server%d","line":0},"id":"activePower"}`, i))
	}
	entry := strings.TrimSuffix(strings.Repeat(`{"available":true,"takenValidSamples":1,"state":5,"minValue":34.13,"avgValue":34.13,"maxValue":34.13},`, 16), ",")
	for i := range 60 {
		rows = append(rows, fmt.Sprintf(`{"timestamp":%d,"records":[%s]}`, 1529057441+i, entry))
	}
	body := fmt.Sprintf(`{"sensors":[%s],"rows":[%s]}`, strings.Join(names, ","), strings.Join(rows, ","))
	benchmark(b, PDU(), &Message{Body: []byte(body), Param: param("id=pdu1")}, 16*60)
}

func BenchmarkInflux(b *testing.B) {
	var body strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&body, "power,host=server%d,room=a p_kW=%d.25,u=230.1 1700000000000000000\n", i%100, i)
	}
	br, err := Influx(DefaultInflux())
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, br, &Message{Body: []byte(body.String())}, 10_000)
}
