package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// made makes a format; values are pairs of a name and a text.
func made(t testing.TB, kind manifest.Kind, values ...string) *Format {
	t.Helper()
	v := manifest.Values{}
	for i := 0; i < len(values); i += 2 {
		v[values[i]] = connect.Default(values[i+1])
	}
	complete, err := manifest.Complete(Parameters(), v)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(&connect.End{ID: "c0ffee00-0000-4000-8000-000000000001", Gateway: "hall", Kind: kind, Values: complete})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var arrival = record.MillisOf(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))

// show writes a message as lines: pieces, then what is bad.
func show(m connect.Message) string {
	var b strings.Builder
	for _, p := range m.Pieces {
		at := "-"
		if p.Time != 0 {
			at = p.Time.String()
		}
		fmt.Fprintf(&b, "%s|%s|", p.Key, at)
		if p.Marks&observation.Null != 0 {
			b.WriteString("null")
		} else {
			fmt.Fprint(&b, p.Value)
		}
		if s := Marks(p.Marks); s != "" {
			b.WriteString("|" + s)
		}
		b.WriteByte('\n')
	}
	for _, bad := range m.Bad {
		fmt.Fprintf(&b, "bad: %s: %.30s\n", bad.Reason, bad.Sample)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   manifest.Kind
		values []string
		body   string
		want   string
	}{
		{"text", manifest.Kind{Format: "Plain text"}, nil, " 21.5\n", "box|-|21.5\n"},
		{"text of null", manifest.Kind{Format: "text"}, nil, "null", "box|-|null\n"},
		{"text of words", manifest.Kind{Format: "text"}, nil, "warm", "bad: the value is not a number: warm\n"},
		{"text that only Go reads", manifest.Kind{Format: "text"}, nil, "0x1p4", "bad: the value is not a number: 0x1p4\n"},
		{"text of infinity", manifest.Kind{Format: "text"}, nil, "Inf", "bad: the value is not a number: Inf\n"},
		{"text that is too large", manifest.Kind{Format: "text"}, nil, "1e19", "bad: value is larger than any real quantity: 1e+19: 1e19\n"},
		{"empty", manifest.Kind{}, nil, " \n", "bad: the message is empty: \n"},

		{"number", manifest.Kind{}, nil, "21.5", "box|-|21.5\n"},
		{"object", manifest.Kind{Format: "JSON"}, nil, `{"time":"2026-03-01T10:00:00+01:00","value":5,"sensor":"a"}`, "a|2026-03-01T09:00:00.000Z|5\n"},
		{"times", manifest.Kind{}, nil, `[{"time":1772359200,"value":1},{"time":1772359200123,"value":2},{"timestamp":1772359200123456,"value":3},{"time":1772359200123456789,"value":"4"},{"time":1772359200.25,"value":5},{"time":"2026-03-01 10:00:00","value":6},{"time":null,"value":7},{"time":"1772359200","value":8}]`,
			"box|2026-03-01T10:00:00.000Z|1\nbox|2026-03-01T10:00:00.123Z|2\nbox|2026-03-01T10:00:00.123Z|3\nbox|2026-03-01T10:00:00.123Z|4\nbox|2026-03-01T10:00:00.250Z|5\nbox|2026-03-01T10:00:00.000Z|6\nbox|-|7\nbox|2026-03-01T10:00:00.000Z|8\n"},
		{"times that are none", manifest.Kind{}, nil, `[{"time":"noon","value":1},{"time":-1,"value":1},{"time":0,"value":1},{"time":"2126-03-01T10:00:00Z","value":1},{"time":"2026-02-29T10:00:00Z","value":1},{"time":[],"value":1}]`,
			strings.Repeat("bad: the time cannot be read: %s\n", 6)},
		{"milliseconds that look like seconds", manifest.Kind{}, []string{"timeFormat", "ms"}, `{"time":5000,"value":1}`, "box|1970-01-01T00:00:05.000Z|1\n"},
		{"text where numbers are said", manifest.Kind{}, []string{"timeFormat", "s"}, `{"time":"2026-03-01T10:00:00Z","value":1}`, "bad: the time cannot be read: {\"time\":\"2026-03-01T10:00:00Z\"\n"},
		{"null, truths, marks", manifest.Kind{}, nil, `[{"value":null},{"value":true},{"value":2,"marks":"alarm,new,suspect"}]`, "box|-|null\nbox|-|1\nbox|-|2|alarm,suspect\n"},
		{"the rest is taken", manifest.Kind{}, nil, `[{"value":1},{"other":2},3,{"value":"x"},{"value":{}},{"value":9e999},{"value":4,"key":[]},{"value":5}]`,
			"box|-|1\nbox|-|3\nbox|-|5\nbad: there is no value: {\"other\":2}\nbad: the value is not a number: {\"value\":\"x\"}\nbad: the value is not a number: {\"value\":{}}\nbad: the value is not a number: {\"value\":9e999}\nbad: its key is no text: {\"value\":4,\"key\":[]}\n"},
		{"broken off", manifest.Kind{}, nil, `[{"value":1},{"value":2},{"val`, "box|-|1\nbox|-|2\nbad: the message is not JSON from here on: ,{\"val\n"},
		{"no end", manifest.Kind{}, nil, `[{"value":1}`, "box|-|1\nbad: the message is not JSON from here on: \n"},
		{"lines", manifest.Kind{}, nil, "{\"value\":1}\n{\"value\":2}\n", "box|-|1\nbox|-|2\n"},
		{"something behind", manifest.Kind{}, nil, `[{"value":1}] x`, "box|-|1\nbad: the message is not JSON from here on:  x\n"},
		{"escapes and accents", manifest.Kind{}, nil, `[{"k\u0065y":"H\u00e4lle","value":1},{"key":"Hälle","value":2}]`, "Hälle|-|1\nHälle|-|2\n"},
		{"the last of two", manifest.Kind{}, nil, `{"value":1,"value":2}`, "box|-|2\n"},
		{"time before timestamp", manifest.Kind{}, nil, `{"timestamp":5000000000,"time":1772359200,"value":2}`, "box|2026-03-01T10:00:00.000Z|2\n"},
		{"a long key", manifest.Kind{}, nil, `{"value":2,"key":"` + strings.Repeat("k", 201) + `"}`, "bad: its key is longer than 200 bytes: {\"value\":2,\"key\":\"kkkkkkkkkkkk\n"},
		{"names", manifest.Kind{}, []string{"value", "p", "time", "/ts", "key", "$.id"}, `[{"ts":1772359200,"p":1,"id":7,"value":99}]`, "7|2026-03-01T10:00:00.000Z|1\n"},
		{"paths", manifest.Kind{}, []string{"value", "/ENERGY/Power/0", "time", "Time", "key", "a~1b"}, `{"Time":"2026-03-01T10:00:00","a~1b":"x","ENERGY":{"Power":[5,6]}}`, "bad: the time cannot be read: {\"Time\":\"2026-03-01T10:00:00\",\n"},
		{"pointers", manifest.Kind{}, []string{"value", "ENERGY.Power[1]", "key", "/a~1b"}, `{"a/b":"x","ENERGY":{"Power":[5,6]}}`, "x|-|6\n"},
		{"lists inside", manifest.Kind{}, []string{"items", "data.rows", "time", "0", "value", "/1"}, `{"data":{"rows":[[1772359200,1],[1772359201,2]]}}`, "box|2026-03-01T10:00:00.000Z|1\nbox|2026-03-01T10:00:01.000Z|2\n"},
		{"no list inside", manifest.Kind{}, []string{"items", "data.rows"}, `{"data":{}}`, "bad: there is no list of values where items says: {\"data\":{}}\n"},

		{"senml", manifest.Kind{Format: "JSON", ModelType: "SenML"}, nil, `[{"bn":"urn:dev:ow:10e2073a01080063:","bt":1.320067464e+09,"bu":"%RH","v":20},{"u":"lon","v":24.30621},{"t":60,"v":20.3},{"n":"x","vs":"on"},{"n":"y","vb":true}]`,
			"urn:dev:ow:10e2073a01080063:|2011-10-31T13:24:24.000Z|20\nurn:dev:ow:10e2073a01080063:|2011-10-31T13:24:24.000Z|24.30621\nurn:dev:ow:10e2073a01080063:|2011-10-31T13:25:24.000Z|20.3\nurn:dev:ow:10e2073a01080063:y|2011-10-31T13:24:24.000Z|1\nbad: its value is text or data, not a number: {\"n\":\"x\",\"vs\":\"on\"}\n"},
		{"senml, relative", manifest.Kind{Format: "senml", Unit: "kW"}, nil, `[{"n":"p","u":"W","t":-5,"v":1500},{"n":"q","u":"Cel","v":1},{"n":"r","v":2}]`,
			"p|2026-03-01T11:59:55.000Z|1.5\nr|-|2\nbad: its unit \"Cel\" does not measure what its kind does, in \"kW\": {\"n\":\"q\",\"u\":\"Cel\",\"v\":1}\n"},
		{"senml, base value", manifest.Kind{Format: "senml"}, nil, `[{"bn":"a","bv":100},{"n":"1","v":5},{"n":"2"},{"n":"3","s":5}]`, "a1|-|105\nbad: there is no value: {\"n\":\"2\"}\nbad: it has a sum and no value: {\"n\":\"3\",\"s\":5}\n"},
		{"senml, must be understood", manifest.Kind{Format: "senml"}, nil, `[{"n":"a","v":1},{"n":"b","v":2,"new_":1},{"n":"c","v":3}]`, "a|-|1\nbad: the pack must not be read by who does not know \"new_\": {\"n\":\"b\",\"v\":2,\"new_\":1}\n"},
		{"senml, version", manifest.Kind{Format: "senml"}, nil, `[{"bver":11,"n":"a","v":1}]`, "bad: the pack is of a version that is not known: {\"bver\":11,\"n\":\"a\",\"v\":1}\n"},
		{"senml, no pack", manifest.Kind{Format: "senml"}, nil, `{"n":"a","v":1}`, "bad: the message is no pack of SenML: {\"n\":\"a\",\"v\":1}\n"},

		{"csv", manifest.Kind{Format: "text/csv"}, nil, "time,key,value\n2026-03-01T10:00:00Z,a,1\n1772359201,b,2\n,,3\nnoon,a,4\n1,a,\n", "a|2026-03-01T10:00:00.000Z|1\nb|2026-03-01T10:00:01.000Z|2\nbox|-|3\nbad: the time cannot be read: noon,a,4\nbad: there is no value: 1,a,\n"},
		{"csv without names", manifest.Kind{Format: "csv"}, nil, "2026-03-01T10:00:00Z,1,a\n2026-03-01T10:00:00Z,2\n", "a|2026-03-01T10:00:00.000Z|1\nbox|2026-03-01T10:00:00.000Z|2\n"},
		{"csv by numbers", manifest.Kind{Format: "csv"}, []string{"value", "3", "key", "1"}, "name;when;P\nx;;1,5\n", "x|-|1.5\n"},
		{"csv without a value", manifest.Kind{Format: "csv"}, []string{"value", "power"}, "a,b\n1,2\n", "bad: no column has the value: a,b\n"},
		{"csv with quotes", manifest.Kind{Format: "csv"}, nil, "value,key\n1,\"a,b\"\n2,\"c\"d\n3,e\n", "a,b|-|1\ne|-|3\nbad: the line is not CSV: 2,\"c\"d\n"},

		{"live data set", manifest.Kind{Format: "JSON", ModelType: "LiveDataSet"}, nil, `{"id":"1","dataSourceManifestReferenceID":"2","mobile":false,"timestamp":"2026-03-01T10:00:00Z","observation":[{"id":"3","name":"p1","dataKindReferenceID":"4","timestamp":"2026-03-01T10:00:01Z","location":{"virtualLocation":"x"},"value":"36"},{"value":37},{"name":"p2"},5]}`,
			"p1|2026-03-01T10:00:01.000Z|36\nbox|2026-03-01T10:00:00.000Z|37\nbad: there is no value: {\"id\":\"1\",\"dataSourceManifestR\nbad: it is no observation: {\"id\":\"1\",\"dataSourceManifestR\n"},
		{"observation", manifest.Kind{Format: "observation"}, nil, `{"id":"1","edgeGatewayReferenceID":"g","dataSourceManifestReferenceID":"d","dataKindReferenceID":"k","acquisitionTimestamp":1772359200000,"collectionTimestamp":1772359201000,"value":"36"}`,
			"box|2026-03-01T10:00:00.000Z|36\n"},
		{"no data set", manifest.Kind{Format: "dataset"}, nil, `[{"a":1},2]`, "bad: the data set has no list of observations: {\"a\":1}\nbad: it is no data set: 2\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m connect.Message
			made(t, c.kind, c.values...).Read(&m, []byte(c.body), "box", arrival)
			got := show(m)
			if strings.Contains(c.want, "%s") {
				if n := strings.Count(c.want, "%s"); len(m.Bad) != n || len(m.Pieces) > 0 {
					t.Errorf("got\n%s", got)
				}
				return
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	f := made(t, manifest.Kind{})
	var m connect.Message
	f.Read(&m, make([]byte, connect.MaxBody+1), "", arrival)
	if len(m.Bad) != 1 || len(m.Bad[0].Sample) != connect.MaxSample {
		t.Errorf("%d bad", len(m.Bad))
	}
	m = connect.Message{}
	f.Read(&m, []byte("["+strings.Repeat("x,", 1)+"1]"), "", arrival)
	if len(m.Bad) != 1 {
		t.Error(show(m))
	}
	m = connect.Message{}
	f.Read(&m, []byte("["+strings.Repeat(`"x",`, 1000)+"1]"), "", arrival)
	if len(m.Bad) != connect.MaxBad+1 || len(m.Pieces) != 1 || m.Bad[connect.MaxBad].Reason != "900 more parts of the message cannot be read" {
		t.Errorf("%d bad, %v", len(m.Bad), m.Bad[len(m.Bad)-1])
	}
	m = connect.Message{}
	f.Read(&m, []byte("["+strings.Repeat("1,", connect.MaxPieces+10)+"1]"), "", arrival)
	if len(m.Pieces) != connect.MaxPieces || len(m.Bad) != 1 {
		t.Errorf("%d pieces, %d bad", len(m.Pieces), len(m.Bad))
	}
	for i := range 2 * maxKeys {
		m = connect.Message{}
		f.Read(&m, fmt.Appendf(nil, `{"value":1,"key":"%d"}`, i), "", arrival)
	}
	if len(f.keys) > maxKeys {
		t.Error(len(f.keys))
	}
	if _, err := Of(manifest.Kind{Format: "XML"}); err == nil {
		t.Error("XML is read")
	}
}

var results = []connect.Written{
	{Manifest: "m", Processor: "hourly", Key: "a", Time: arrival, Value: 1.5},
	{Manifest: "m", Processor: "hourly", Key: `q"ü,`, Time: arrival + 1, Value: -2, Marks: observation.Partial | observation.Alarm},
	{Manifest: "m", Processor: "hourly", Time: arrival + 2, Marks: observation.Null},
}

// TestWhatIsWrittenIsReadAgain writes and reads in every format.
func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for _, name := range []string{Text, JSON, SenML, CSV, DataSet, Observation} {
		f := made(t, manifest.Kind{Common: manifest.Common{ID: "kind"}, Format: name, Unit: "W"})
		want := results
		if f.Single() {
			want = results[:1]
		}
		var refused connect.Refused
		body := f.Write(nil, want, &refused)
		var m connect.Message
		f.Read(&m, body, "", arrival)
		if len(m.Bad) > 0 || len(m.Pieces)+len(refused.Results) != len(want) {
			t.Errorf("%s: %s\n%s", name, body, show(m))
		}
		if (name == SenML) != (refused.Err() != nil) {
			t.Errorf("%s: %v", name, refused.Err())
		}
		for i, p := range m.Pieces {
			w := want[i]
			ok := p.Value == w.Value && p.Marks&observation.Null == w.Marks&observation.Null
			if name != Text {
				ok = ok && p.Time == w.Time && p.Key == w.Key
			}
			if name == JSON {
				ok = ok && p.Marks == w.Marks
			}
			if !ok {
				t.Errorf("%s: %+v became %+v", name, w, p)
			}
		}
		if got := f.Write(nil, nil, &refused); name != CSV && len(got) > 0 {
			t.Errorf("%s of nothing: %s", name, got)
		}
	}
}

func TestWrite(t *testing.T) {
	var refused connect.Refused
	for _, c := range []struct{ format, want string }{
		{JSON, `{"manifest":"m","processor":"hourly","key":"q\"ü,","time":"2026-03-01T12:00:00.001Z","value":-2,"marks":"partial,alarm"}`},
		{Text, "-2"},
		{CSV, "time,key,value,marks,manifest,processor\n2026-03-01T12:00:00.001Z,\"q\"\"ü,\",-2,\"partial,alarm\",m,hourly\n"},
		{Observation, `{"id":"` + ID(&results[1]) + `","edgeGatewayReferenceID":"hall","dataSourceManifestReferenceID":"c0ffee00-0000-4000-8000-000000000001","dataKindReferenceID":"kind","name":"q\"ü,","acquisitionTimestamp":1772366400001,"collectionTimestamp":1772366400001,"value":"-2"}`},
		{DataSet, `{"id":"` + ID(&results[1]) + `","dataSourceManifestReferenceID":"c0ffee00-0000-4000-8000-000000000001","timestamp":1772366400001,"observation":[{"id":"` + ID(&results[1]) + `","name":"q\"ü,","dataKindReferenceID":"kind","timestamp":1772366400001,"value":"-2"}]}`},
	} {
		f := made(t, manifest.Kind{Common: manifest.Common{ID: "kind"}, Format: c.format})
		if d := cmp.Diff(c.want, string(f.Write(nil, results[1:2], &refused))); d != "" {
			t.Errorf("%s: %s", c.format, d)
		}
	}
	f := made(t, manifest.Kind{Format: SenML, Unit: "W"})
	if got, want := string(f.Write(nil, results, &refused)), `[{"n":"a","u":"W","t":1772366400,"v":1.5}]`; got != want || len(refused.Results) != 2 {
		t.Error(got, refused.Results)
	}
}

func TestIDsDiffer(t *testing.T) {
	seen := map[string]connect.Written{}
	for _, w := range []connect.Written{{Manifest: "ab"}, {Manifest: "a", Processor: "b"}, {Processor: "ab"}, {Key: "ab"}, {Processor: "a", Key: "b"}, {Time: 5}, {}} {
		if other, ok := seen[ID(&w)]; ok {
			t.Errorf("%+v and %+v", w, other)
		}
		seen[ID(&w)] = w
	}
	if a, b := results[0], results[0]; true {
		if b.Value, b.Marks = 7, observation.Alarm; ID(&a) != ID(&b) {
			t.Error("the value is in the identifier")
		}
	}
}

// FuzzJSON compares the fast reader with the one that stands on encoding/json.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`[{"time":1772359200,"value":1},{"time":"2026-03-01T10:00:00.5+01:00","value":-2.5e3,"key":"a"}]`,
		`null`, `[null]`, `{"value":null,"marks":"alarm"}`, `[{"value":"36","x":true,"y":"z"},{"value":1e999}]`, `[]`, `{}`, `[{}]`, ` { "value" : 0.0 } `,
		`[{"value":1,"value":2}]`, `[{"value":01}]`, `[{"value":1},]`, "[{\"value\":1,\"key\":\"\xff\"}]", `[{"value":1,"key":"\u0061"}]`, `[{"time":1772359200.5,"value":"-0"}]`,
	} {
		f.Add([]byte(s))
	}
	read := made(f, manifest.Kind{})
	f.Fuzz(func(t *testing.T, body []byte) {
		var fast, slow connect.Message
		read.Read(&fast, body, "box", arrival)
		read.m, read.more = &slow, 0
		if len(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))) == 0 {
			return
		}
		read.json(bytes.TrimPrefix(body, []byte("\ufeff")))
		fast.Bad, slow.Bad = nil, nil // one that is told twice was read twice
		if d := cmp.Diff(slow, fast); d != "" {
			t.Errorf("%s: %s", body, d)
		}
		// What is JSON and has a list of objects is never lost without a word.
		var list []map[string]any
		if json.Unmarshal(body, &list) == nil && list != nil {
			var m connect.Message
			read.Read(&m, body, "box", arrival)
			if got := len(m.Pieces) + len(m.Bad); got != min(len(list), connect.MaxBad+1) && len(m.Bad) < connect.MaxBad {
				t.Errorf("%s: %d objects, %d told", body, len(list), got)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	for i, s := range []string{"21.5", `[{"bn":"a","bt":1e9,"v":1}]`, "time,value\n1,2\n", `{"observation":[{"value":"36"}]}`, `{"acquisitionTimestamp":1,"value":2}`, "a;b\n\"", `[{"n":"x","t":-1e308,"v":1e308,"bv":1e308}]`} {
		f.Add(i, []byte(s))
	}
	var all []*Format
	for _, name := range []string{Text, JSON, SenML, CSV, DataSet, Observation} {
		all = append(all, made(f, manifest.Kind{Format: name, Unit: "kW"}), made(f, manifest.Kind{Format: name}, "value", "a.0", "items", "/x", "timeFormat", "us"))
	}
	f.Fuzz(func(t *testing.T, which int, body []byte) {
		read := all[uint(which)%uint(len(all))]
		var m connect.Message
		read.Read(&m, body, "box", arrival)
		if len(m.Bad) > connect.MaxBad+1 {
			t.Error(len(m.Bad))
		}
		for _, p := range m.Pieces {
			if err := record.ValidateSample(p.Time, p.Value); err != nil || len(p.Key) > observation.MaxKey {
				t.Errorf("%+v: %v", p, err)
			}
		}
	})
}

// FuzzTime compares the fast reader of times with package time's.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-03-01T10:00:00Z", "2024-02-29T23:59:59.999999999-12:30", "2100-01-01T00:00:00Z", "2000-12-31T24:00:00Z", "1970-01-01T00:00:00.001Z", "2026-03-01T10:00:60Z", "2026-03-01T10:00:00.1234567891Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := rfc3339(s)
		if !ok {
			return
		}
		want, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || want.UnixMilli() != int64(got) {
			t.Errorf("%s: %v, %v, %v", s, got, want, err)
		}
	})
}

// TestEveryDay goes through all days that there are.
func TestEveryDay(t *testing.T) {
	for at := time.Unix(0, 0).UTC(); at.Year() <= 2100; at = at.AddDate(0, 0, 1) {
		if got, ok := rfc3339(at.Format(time.RFC3339)); !ok || int64(got) != at.UnixMilli() {
			t.Fatal(at, got, ok)
		}
	}
}

func batch(n int, key bool) []byte {
	b := []byte{'['}
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"time":"%s","value":%d.%d`, (arrival + record.Millis(i)).String(), i, i%10)
		if key {
			b = fmt.Appendf(b, `,"key":"box%d"`, i%50)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

func TestFastDoesNotAllocateForEach(t *testing.T) {
	f, body := made(t, manifest.Kind{}), batch(1000, true)
	m := connect.Message{Pieces: make([]connect.Piece, 0, 1000)}
	got := testing.AllocsPerRun(10, func() {
		m.Pieces = m.Pieces[:0]
		f.Read(&m, body, "", arrival)
	})
	if got > 5 || len(m.Pieces) != 1000 {
		t.Errorf("%v allocations for 1000", got)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name string
		key  bool
	}{{"time and value", false}, {"with key", true}} {
		b.Run(c.name, func(b *testing.B) {
			f, body := made(b, manifest.Kind{}), batch(1000, c.key)
			m := connect.Message{Pieces: make([]connect.Piece, 0, 1000)}
			b.ReportAllocs()
			for b.Loop() {
				m.Pieces = m.Pieces[:0]
				f.Read(&m, body, "", arrival)
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	f := made(b, manifest.Kind{})
	all := make([]connect.Written, 1000)
	for i := range all {
		all[i] = results[0]
	}
	var dst []byte
	for b.Loop() {
		dst = f.Write(dst[:0], all, nil)
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "items/s")
}
