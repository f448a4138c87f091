package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wattwerk/wattwerk/internal/mqtttest"
)

// intake is what a bridge counted.
type intake struct {
	Bridge                              string
	Accepted, Refused, Filtered, Failed int
}

// intakes are those of all bridges together.
func (p *process) intakes() map[string]intake {
	p.t.Helper()
	var all []intake
	p.call("GET", "/api/v1/intake", nil, &all)
	out := make(map[string]intake)
	for _, i := range all {
		out[i.Bridge] = i
	}
	return out
}

type letters struct {
	Count   int
	Letters []struct{ Source, Reason, Sensor, Sample string }
}

func (p *process) letters() letters {
	p.t.Helper()
	var l letters
	p.call("GET", "/api/v1/dead-letters?limit=1000", nil, &l)
	return l
}

// packed is a body as senders pack it.
func packed(body string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(body)) // into memory
	_ = z.Close()
	return b.String()
}

// remote writes one series of remote write 1.0 by hand.
func remote(name string, values ...float64) string {
	field := func(to []byte, n protowire.Number, data []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(to, n, protowire.BytesType), data)
	}
	series := field(nil, 1, field(field(nil, 1, []byte("__name__")), 2, []byte(name)))
	for i, v := range values {
		sample := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(v))
		sample = protowire.AppendVarint(protowire.AppendTag(sample, 2, protowire.VarintType), uint64(time.Now().UnixMilli()-int64(i)*1000))
		series = field(series, 2, sample)
	}
	return string(field(nil, 1, series))
}

// offered is a case: what is sent, and what must become of it. Where parts is
// 0 the request is refused as a whole, before a bridge sees it.
type offered struct {
	name, method, path string
	header             http.Header
	body               any
	status             int
	bridge             string
	parts              int    // accepted, refused and filtered together
	accepted, filtered int    // of these
	reason             string // in the answer, and where something was refused in a dead letter
	plain              bool   // the answer is not a problem but what the protocol wants
}

func garbage(now int64) []offered {
	huge := func(n int64) io.Reader { return io.LimitReader(zeros{}, n) }
	gz, sn := http.Header{"Content-Encoding": {"gzip"}}, http.Header{"Content-Encoding": {"snappy"}}
	const jsonDoor, pdu, influx, remoteDoor = "/api/v1/ingest/json", "/api/v1/ingest/pdu?id=p", "/write?precision=ms", "/api/v1/write"
	j := func(name, body string, status, parts, accepted int, reason string) offered {
		return offered{name: "json: " + name, path: jsonDoor, body: body, status: status, bridge: "json", parts: parts, accepted: accepted, reason: reason}
	}
	i := func(name, body string, parts, accepted int, reason string) offered {
		return offered{name: "influx: " + name, path: influx, body: body, status: 400, bridge: "influx", parts: parts, accepted: accepted, reason: reason, plain: true}
	}
	r := func(name, body string, status, parts, accepted int, reason string) offered {
		return offered{name: "remote write: " + name, path: remoteDoor, header: sn, body: string(snappy.Encode(nil, []byte(body))), status: status, bridge: "remote-write", parts: parts, accepted: accepted, reason: reason}
	}
	one := func(sensor, value, time, unit string) string {
		return fmt.Sprintf(`{"sensor":%s,"value":%s,"time":%s,"unit":%s}`, sensor, value, time, unit)
	}
	soon := strconv.FormatInt(now, 10)
	return []offered{
		j("empty", "", 422, 1, 0, "empty"),
		j("not JSON", "hello", 422, 1, 0, "not JSON"),
		j("cut off", `[{"sensor":"a","value":1},{"sensor":"a"`, 200, 2, 1, "unexpected"),
		j("deep", strings.Repeat("[", 100_000), 422, 1, 0, ""),
		j("other types", `{"sensor":{},"value":[]}`, 422, 1, 0, ""),
		j("a value that is text", one(`"a"`, `"many"`, soon, `"W"`), 422, 1, 0, "not a number"),
		j("NaN", one(`"a"`, `"NaN"`, soon, `"W"`), 422, 1, 0, "finite"),
		j("infinity", one(`"a"`, `"-Inf"`, soon, `"W"`), 422, 1, 0, "finite"),
		j("beyond float64", one(`"a"`, `1e999`, soon, `"W"`), 422, 1, 0, "finite"),
		j("too large", one(`"a"`, `1e19`, soon, `"W"`), 422, 1, 0, ""),
		j("unknown unit", one(`"a"`, `1`, soon, `"parsec"`), 422, 1, 0, "parsec"),
		j("far future", one(`"a"`, `1`, strconv.FormatInt(now+86_400_000, 10), `"W"`), 422, 1, 0, "ahead"),
		j("year 9999", one(`"a"`, `1`, `"9999-12-31T23:59:59Z"`, `"W"`), 422, 1, 0, ""),
		j("before 1970", one(`"a"`, `1`, `"1969-12-31T23:59:59Z"`, `"W"`), 422, 1, 0, ""),
		j("no time of any kind", one(`"a"`, `1`, `"yesterday"`, `"W"`), 422, 1, 0, "yesterday"),
		j("no sensor", one(`""`, `1`, soon, `"W"`), 422, 1, 0, ""),
		j("a sensor too long", one(`"`+strings.Repeat("x", 201)+`"`, `1`, soon, `"W"`), 422, 1, 0, "200"),
		j("a control character", one(`"a\u0007"`, `1`, soon, `"W"`), 422, 1, 0, "unprintable"),
		j("a way up", "["+one(`"."`, `1`, soon, `"W"`)+one(`".."`, `1`, soon, `"W"`)+one(`"/"`, `1`, soon, `"W"`)+"]", 422, 2, 0, "path"),
		j("half a character", one("\"\xc3\"", `1`, soon, `"W"`), 422, 1, 0, ""),
		j("the byte order mark within", one(`"a\ufeffb"`, `1`, soon, `"W"`), 422, 1, 0, "unprintable"),
		j("good ones among bad ones", "["+one(`"a"`, `1`, soon, `"W"`)+","+one(`""`, `1`, soon, `"W"`)+","+one(`"b"`, `2`, soon, `"W"`)+"]", 200, 3, 2, ""),
		{name: "json: a mapping nobody declared", path: jsonDoor + "/nobody", body: "{}", status: 404, reason: "nobody"},
		{name: "json: huge", path: jsonDoor, body: huge(17 << 20), status: 413},
		{name: "json: unpacks to huge", path: jsonDoor, header: gz, body: packed(strings.Repeat(" ", 65<<20)), status: 413},
		{name: "json: broken gzip", path: jsonDoor, header: gz, body: "no gzip", status: 400, reason: "gzip"},
		{name: "json: gzip cut off", path: jsonDoor, header: gz, body: packed(`{"sensor":"a","value":1}`)[:20], status: 400, reason: "unexpected EOF"},
		{name: "json: unknown packing", path: jsonDoor, header: http.Header{"Content-Encoding": {"br"}}, body: "x", status: 415, reason: "gzip"},
		{name: "json: wrong method", method: "GET", path: jsonDoor, status: 405, reason: "POST"},
		{name: "json: from another site", path: jsonDoor, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, body: "{}", status: 403},

		{name: "pdu: not JSON", path: pdu, body: "<xml/>", status: 422, bridge: "pdu", parts: 1, reason: "power-distribution unit"},
		{name: "pdu: rows of other lengths", path: pdu, body: `{"sensors":[{"device":{"label":"o1"},"id":"activePower"}],"rows":[{"timestamp":1,"records":[]},{"timestamp":1,"records":[{"available":true}]}]}`, status: 422, bridge: "pdu", parts: 2, reason: "entries"},
		{name: "pdu: only voltages", path: pdu, body: `{"sensors":[{"device":{"label":"o1"},"id":"rmsVoltage"}],"rows":[{"timestamp":1,"records":[{"available":true,"avgValue":230}]}]}`, status: 200, bridge: "pdu", parts: 1, filtered: 1, plain: true},
		{name: "pdu: wrong method", method: "PUT", path: pdu, body: "{}", status: 405, reason: "POST"},

		i("not a line", "what is this", 1, 0, ""),
		i("no field", "m,a=b 1", 1, 0, ""),
		i("NaN", "m v=NaN "+soon, 1, 0, ""),
		i("unprintable", "m,a=\x01 v=1 "+soon, 1, 0, ""),
		i("far future", "m v=1 "+strconv.FormatInt(now+86_400_000, 10), 1, 0, "ahead"),
		i("good ones among bad ones", "m v=1 "+soon+"\nwhat is this\nm w=2 "+soon, 3, 2, ""),
		{name: "influx: unknown precision", path: "/write?precision=fortnight", body: "m v=1", status: 400, reason: "fortnight", plain: true},
		{name: "influx: huge", path: influx, body: huge(17 << 20), status: 413},
		{name: "influx: text", path: influx, body: `m v="text" ` + soon, status: 204, bridge: "influx", parts: 1, filtered: 1, plain: true},
		{name: "influx 2: broken gzip", path: "/api/v2/write", header: gz, body: "\x1f\x8b broken", status: 400, reason: "gzip"},
		{name: "influx: a question", method: "GET", path: "/query?q=" + url.QueryEscape("SELECT * FROM m"), status: 400, reason: "SHOW DATABASES", plain: true},

		r("garbage", "\xff\xff\xff\xff", 400, 1, 0, "protobuf"),
		r("NaN and infinity", remote("power_watts", math.NaN(), math.Inf(1), 3), 400, 3, 1, "finite"),
		r("no name", remote("", 1), 400, 1, 0, ""),
		{name: "remote write: not snappy", path: remoteDoor, header: sn, body: "\xff\xff\xff", status: 400, reason: "snappy"},
		{name: "remote write: says it unpacks to huge", path: remoteDoor, header: sn, body: "\xff\xff\xff\xff\x0f", status: 413},
		{name: "remote write: other packing", path: remoteDoor, header: gz, body: packed("x"), status: 415, reason: "snappy"},
		{name: "remote write: 2.0", path: remoteDoor, header: http.Header{"Content-Type": {"application/x-protobuf;proto=io.prometheus.write.v2.Request"}}, body: "x", status: 415, reason: "1.0"},

		{name: "model: no precondition", method: "PUT", path: "/api/v1/model", body: `{}`, status: 428},
		{name: "model: not JSON", method: "PUT", path: "/api/v1/model", header: http.Header{"If-Match": {`"0"`}}, body: `{`, status: 422},
		{name: "model: a circle", method: "PUT", path: "/api/v1/groups/a", body: `{"members":[{"group":"a"}]}`, status: 422},
		{name: "model: huge", method: "PUT", path: "/api/v1/groups/a", body: huge(80 << 20), status: 413},
		{name: "history: no time", method: "GET", path: "/api/v1/sensors/a/range?from=whenever", status: 422},
		{name: "history: backwards", method: "GET", path: "/api/v1/sensors/a/range?from=now&to=now-1h", status: 422},
		{name: "history: nobody", method: "GET", path: "/api/v1/groups/nobody/latest", status: 404},
		{name: "nothing there", method: "GET", path: "/api/v1/nothing", status: 404},
		{name: "wrong method", method: "DELETE", path: "/api/v1/stream", status: 405},
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

func TestGarbageAtEveryDoor(t *testing.T) { everywhere(t, testGarbage) }

func testGarbage(t *testing.T, kind string) {
	d := deploy(t, kind)
	defer d.says()
	p := d.face()
	for _, c := range garbage(time.Now().UnixMilli()) {
		t.Run(c.name, func(t *testing.T) {
			before, buried := p.intakes(), p.letters().Count
			if c.method == "" {
				c.method = "POST"
			}
			a, err := p.send(c.method, c.path, c.header, c.body)
			if err != nil {
				t.Fatal(err)
			}
			if a.status != c.status || !strings.Contains(string(a.body), c.reason) && c.status >= 400 {
				t.Errorf("answered %d %.300s, must be %d with %q", a.status, a.body, c.status, c.reason)
			}
			if !c.plain && c.status >= 400 {
				if err := a.isProblem(c.status); err != nil {
					t.Error(err)
				}
			}
			after := p.intakes()
			for name := range after {
				x, y := before[name], after[name]
				n := intake{name, y.Accepted - x.Accepted, y.Refused - x.Refused, y.Filtered - x.Filtered, y.Failed - x.Failed}
				want := intake{Bridge: name}
				if name == c.bridge {
					want.Accepted, want.Refused, want.Filtered = c.accepted, c.parts-c.accepted-c.filtered, c.filtered
				}
				if n != want {
					t.Errorf("counted %+v, must be %+v", n, want)
				}
			}
			l := p.letters()
			refused := c.parts - c.accepted - c.filtered
			if l.Count-buried != refused {
				t.Errorf("%d dead letters, must be %d", l.Count-buried, refused)
			}
			if refused > 0 && (l.Letters[0].Source != c.bridge || l.Letters[0].Reason == "") {
				t.Errorf("the dead letter is %+v", l.Letters[0])
			}
		})
	}
	t.Run("healthy", func(*testing.T) { d.ready() })
}

// TestNoiseAtEveryDoor sends what no sender would, at random.
func TestNoiseAtEveryDoor(t *testing.T) { everywhere(t, testNoise) }

func testNoise(t *testing.T, kind string) {
	random := chance(t)
	d := deploy(t, kind)
	defer d.says()
	p := d.face()
	paths := []string{"/api/v1/ingest/json", "/api/v1/ingest/pdu?id=p", "/write", "/api/v2/write", "/api/v1/write", "/api/v1/ingest/json/x", "/query"}
	packings := []string{"", "gzip", "snappy", "identity", "\x7f"}
	requests := 300
	if *long {
		requests = 10_000
	}
	for range requests {
		body := make([]byte, random.IntN(2000))
		_, _ = rand.Read(body) // never fails
		path, packing := paths[random.IntN(len(paths))], packings[random.IntN(len(packings))]
		if random.IntN(2) == 0 && packing == "snappy" {
			body = snappy.Encode(nil, body)
		}
		h := http.Header{}
		if packing != "" && packing != "\x7f" {
			h.Set("Content-Encoding", packing)
		}
		a, err := p.send("POST", path, h, bytes.NewReader(body))
		if err != nil || a.status < 400 && a.status != 204 || a.status >= 500 {
			t.Fatalf("%s %s %q: answered %d %s, %v", path, packing, body, a.status, a.body, err)
		}
	}
	d.ready()
}

// TestContradictions holds that the first of two readings stays, wherever it
// meets the other: in one message, in memory, on disk.
func TestContradictions(t *testing.T) { everywhere(t, testContradictions) }

func testContradictions(t *testing.T, kind string) {
	d := deploy(t, kind, "WATTWERK_HISTORY_FLUSH_EVERY=1s")
	defer d.says()
	p := d.face()
	at := time.Now().UnixMilli() - 60_000
	first := fmt.Sprintf(`{"sensor":"desk","time":%d,"value":1}`, at)
	second := fmt.Sprintf(`{"sensor":"desk","time":%d,"value":2}`, at)
	contradictions := func() (n int) {
		for _, l := range p.letters().Letters {
			if l.Source == "history" && l.Sensor == "desk" && strings.Contains(l.Reason, "the first one stays") {
				n++
			}
		}
		return n
	}
	for i, body := range []string{"[" + first + "," + second + "]", second, "[" + second + "," + first + "]"} {
		p.call("POST", "/api/v1/ingest/json", body, nil)
		eventually(t, time.Minute, func() error {
			if n := contradictions(); n != i+1 {
				return fmt.Errorf("%d dead letters, must be %d", n, i+1)
			}
			return nil
		})
		eventually(t, time.Minute, func() error { return p.sameRecords("desk", map[int64]float64{at: 1}) })
	}
	d.stop() // now it is on disk
	d.start()
	q := d.other()
	q.call("POST", "/api/v1/ingest/json", second, nil)
	eventually(t, time.Minute, func() error {
		var n int
		for _, l := range q.letters().Letters {
			if strings.Contains(l.Reason, "the first one stays") {
				n++
			}
		}
		if n != 4 {
			return fmt.Errorf("%d dead letters, must be 4", n)
		}
		return nil
	})
	eventually(t, time.Minute, func() error { return q.sameRecords("desk", map[int64]float64{at: 1}) })
}

// TestTooOld holds that what is older than the history takes is a dead letter.
func TestTooOld(t *testing.T) { everywhere(t, testTooOld) }

func testTooOld(t *testing.T, kind string) {
	d := deploy(t, kind)
	defer d.says()
	p := d.face()
	now := time.Now().UnixMilli()
	p.call("POST", "/api/v1/ingest/json", fmt.Sprintf(`{"sensor":"desk","time":%d,"value":1}`, now), nil)
	eventually(t, time.Minute, func() error { return p.sameRecords("desk", map[int64]float64{now: 1}) })
	p.call("POST", "/api/v1/ingest/json", fmt.Sprintf(`{"sensor":"desk","time":%d,"value":1}`, now-200*86_400_000), nil)
	eventually(t, time.Minute, func() error {
		l := p.letters()
		if l.Count != 1 || l.Letters[0].Sensor != "desk" || !strings.Contains(l.Letters[0].Reason, "wattwerk import") {
			return fmt.Errorf("the dead letters are %+v", l)
		}
		return nil
	})
}

// TestAnyUnicodeIsAName sends and reads with names that break what is not
// careful.
func TestAnyUnicodeIsAName(t *testing.T) { everywhere(t, testAnyUnicode) }

func testAnyUnicode(t *testing.T, kind string) {
	d := deploy(t, kind)
	defer d.says()
	p := d.face()
	names := []string{
		"Küche/Herd ⚡", "a/b", "a//b", "...", "./", "../../etc/passwd", "%2F", "100%", "a+b", "a b", "?x=1", "#", `"`, `\`, "'; DROP TABLE", "{a}", "$__name__",
		"日本語", "עברית", "العربية", "😀👩‍👩‍👧‍👦"[:4], "e\u0301", "\u00e9", "*", ">", "a.b.>", "null", "-", "0", strings.Repeat("ü", 100), "<script>alert(1)</script>", "__proto__",
	}
	at := time.Now().UnixMilli() - 10_000
	var rows []string
	for i, name := range names {
		rows = append(rows, fmt.Sprintf(`{"sensor":%s,"time":%d,"value":%d}`, quoted(name), at, i))
	}
	var a struct{ Accepted, Refused int }
	p.call("POST", "/api/v1/ingest/json", "["+strings.Join(rows, ",")+"]", &a)
	if a.Accepted != len(names) || a.Refused != 0 {
		t.Fatalf("%+v of %d", a, len(names))
	}
	doc := &document{Hierarchies: []hierarchy{{"*/#", "%2F/.."}}, Groups: []group{{ID: "%2F/.."}}}
	for _, name := range names {
		doc.Sensors = append(doc.Sensors, sensor{ID: name, Quantity: "active_power", MaxAge: "unlimited"})
		doc.Groups[0].Members = append(doc.Groups[0].Members, member{Sensor: name})
	}
	p.putModel(doc)
	for i, name := range names {
		eventually(t, time.Minute, func() error { return p.sameRecords(name, map[int64]float64{at: float64(i)}) })
		var s struct {
			Sensor struct{ ID string }
			ID     string
		}
		if err := p.try("GET", "/api/v1/sensors/"+escaped(name), nil, &s); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	want := float64(len(names)*(len(names)-1)) / 2
	p.call("POST", "/api/v1/ingest/json", fmt.Sprintf(`{"sensor":%s,"value":0}`, quoted(names[0])), nil)
	eventually(t, time.Minute, func() error {
		var got struct{ Sum, Value *float64 }
		if err := p.try("GET", "/api/v1/groups/"+escaped("%2F/..")+"/latest", nil, &got); err != nil {
			return err
		}
		if got.Sum == nil || *got.Sum != want {
			return fmt.Errorf("the sum of all is %v, must be %v", show(got.Sum), want)
		}
		return nil
	})
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // text always works
	return string(b)
}

// escaped puts any text into one segment of a path. Dots alone would be taken
// for a way up by everything between.
func escaped(s string) string { return strings.ReplaceAll(url.PathEscape(s), ".", "%2E") }

// TestGarbageByMQTT publishes what is no reading; the sender is not told, so
// there has to be a dead letter.
func TestGarbageByMQTT(t *testing.T) {
	addr := freeAddr(t)
	p := start(t, t.TempDir(), "--mqtt", addr)
	c := mqtttest.Dial(t, addr)
	bodies := []string{"", "rubbish", "NaN", "1e999", "\xff\xfe", strings.Repeat("9", 100_000), `{"a":`}
	for _, b := range bodies {
		c.MustPublish(1, "power/desk", b)
		c.MustPublish(1, "readings/desk", b)
	}
	c.MustPublish(1, "power/\u0007", "1")
	c.MustPublish(1, "$JS/API/STREAM/DELETE/DEAD", "")
	c.MustPublish(1, "records/0", "rubbish")
	c.MustPublish(1, "nobody/asked", "1")
	c.MustPublish(1, "power/desk", "42")
	refused := 2*len(bodies) + 1
	eventually(t, time.Minute, func() error {
		in := p.intakes()["mqtt"]
		if in.Refused != refused || in.Accepted != 1 || in.Filtered != 2 || in.Failed != 0 {
			return fmt.Errorf("counted %+v, must be %d refused, 1 accepted, 2 filtered", in, refused)
		}
		return nil
	})
	if l := p.letters(); l.Count != refused {
		t.Errorf("%d dead letters, must be %d", l.Count, refused)
	}
	var got struct{ Value *float64 }
	eventually(t, time.Minute, func() error {
		if err := p.try("GET", "/api/v1/sensors/desk/latest", nil, &got); err != nil {
			return err
		}
		if got.Value == nil || *got.Value != 42 {
			return fmt.Errorf("the desk is at %v", show(got.Value))
		}
		return nil
	})
}

// TestSlowBody begins a body and does not go on. It takes as long as a sender
// may take.
func TestSlowBody(t *testing.T) { everywhere(t, testSlowBody) }

func testSlowBody(t *testing.T, kind string) {
	d := deploy(t, kind)
	defer d.says()
	p := d.face()
	addr := strings.TrimPrefix(p.url, "http://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST /api/v1/ingest/json HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\n[", addr); err != nil {
		t.Fatal(err)
	}
	// Others are served meanwhile.
	p.call("POST", "/api/v1/ingest/json", `{"sensor":"desk","value":1}`, nil)
	if !*long {
		return
	}
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 408 ")) || !bytes.Contains(answer, []byte("application/problem+json")) {
		t.Errorf("answered %s", answer)
	}
}
