package bridge

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/klauspost/compress/snappy"

	"github.com/wattwerk/wattwerk/bridge/intake"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/record"
)

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, s); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func TestHTTP(t *testing.T) {
	config := DefaultConfig()
	config.JSON = []Mapping{{Name: "hall", Sensor: "hall.{id}", Values: []ValueMapping{{Path: "p", Unit: "kW"}}}}
	big := strings.Repeat("p v=1 1\n", 4000)
	remote := string(snappy.Encode(nil, remoteMessage(t)))
	for _, c := range []struct {
		name, method, url, body string
		header                  map[string]string
		status                  int
		says                    string // in body or headers
		stored                  int
	}{
		{"first reading", "POST", "/api/v1/ingest/json", `{"sensor":"desk","value":42,"unit":"W"}`,
			map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 200, `"accepted":1`, 1},
		{"mapping", "POST", "/api/v1/ingest/json/hall", `{"id":"a","p":1}`, nil, 200, `"accepted":1`, 1},
		{"no such mapping", "POST", "/api/v1/ingest/json/none", `{}`, nil, 404, `called \"none\"`, 0},
		{"partly", "POST", "/api/v1/ingest/json", `[{"sensor":"a","value":1},{"value":1}]`, nil, 200, `"refused":1`, 1},
		{"nothing taken", "POST", "/api/v1/ingest/json", `{"sensor":"a"}`, nil, 422, "has no value", 0},
		{"garbage", "POST", "/api/v1/ingest/json", "\x00\xff", nil, 422, "not JSON", 0},
		{"pdu", "POST", "/api/v1/ingest/pdu?id=pdu1", string(sample(t, "pdu_two_outlets.json")), nil, 200, `"filtered":3`, 3},
		{"method", "GET", "/api/v1/ingest/pdu", "", nil, 405, "Allow: [POST]", 0},
		{"influx", "POST", "/write?db=x&precision=s", "p v=1 1\np v=2 2", nil, 204, "", 2},
		{"influx 2, gzip", "POST", "/api/v2/write?bucket=b&org=o", zipped("p v=1 1"), map[string]string{"Content-Encoding": "gzip"}, 204, "", 1},
		{"influx partly", "POST", "/write", "p v=1 1\nrubbish", nil, 400, "partial write: unable to parse 'rubbish'", 1},
		{"influx precision", "POST", "/write?precision=y", "p v=1 1", nil, 400, "precision", 0},
		{"not gzip", "POST", "/write", "p v=1 1", map[string]string{"Content-Encoding": "gzip"}, 400, "not gzip", 0},
		{"unknown encoding", "POST", "/write", "p v=1 1", map[string]string{"Content-Encoding": "br"}, 415, "gzip", 0},
		{"too large", "POST", "/write", big, nil, 413, "too large", 0},
		{"bomb", "POST", "/write", zipped(strings.Repeat(big, 10)), map[string]string{"Content-Encoding": "gzip"}, 413, "too large", 0},
		{"ping", "GET", "/ping", "", nil, 204, "X-Influxdb-Version", 0},
		{"ping head", "HEAD", "/ping", "", nil, 204, "X-Influxdb-Version", 0},
		{"databases", "GET", "/query?q=SHOW+DATABASES", "", nil, 200, "wattwerk", 0},
		{"databases by form", "POST", "/query", "q=show+databases%3B", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 200, "wattwerk", 0},
		{"make a database", "POST", "/query?q=CREATE+DATABASE+%22telegraf%22", "", nil, 200, "statement_id", 0},
		{"other queries", "GET", "/query?q=SELECT+1", "", nil, 400, "only SHOW DATABASES", 0},
		{"remote write", "POST", "/api/v1/write", remote, map[string]string{"Content-Encoding": "snappy"}, 400, "2 samples stored; 2 readings were refused", 2},
		{"remote write 2", "POST", "/api/v1/write", remote, map[string]string{"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}, 415, "1.0", 0},
		{"remote write, not snappy", "POST", "/api/v1/write", "hello", nil, 400, "snappy", 0},
		{"remote write bomb", "POST", "/api/v1/write", "\xff\xff\xff\xff\x0f\x00", nil, 413, "too large", 0},
		{"another site's page", "POST", "/write", "p v=1 1", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "another site", 0},
		{"another origin", "POST", "/write", "p v=1 1", map[string]string{"Origin": "http://evil.example"}, 403, "another site", 0},
		{"own origin", "POST", "/write", "p v=1 1", map[string]string{"Origin": "http://example.com"}, 204, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, m := testService(t, Options{Config: config, MaxBody: 20_000, MaxContent: 100_000})
			r := httptest.NewRequest(c.method, c.url, strings.NewReader(c.body))
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			all := fmt.Sprint(w.Body.String(), w.Header())
			if w.Code != c.status || !strings.Contains(strings.ReplaceAll(all, "Allow:[", "Allow: ["), c.says) || len(m.records) != c.stored {
				t.Errorf("%d %s, %d stored; want %d, %q, %d", w.Code, all, len(m.records), c.status, c.says, c.stored)
			}
			if used := s.memory.Load(); used != 0 {
				t.Errorf("%d bytes of bodies are still counted", used)
			}
		})
	}
}

func TestHTTPTellsToTryAgain(t *testing.T) {
	for _, c := range []struct {
		fail   error
		status int
		retry  string
	}{
		{bus.ErrBusy, 429, "1"}, {bus.ErrFull, 503, "10"}, {errors.New("bus broken"), 503, "1"},
	} {
		for _, url := range []string{"/write", "/api/v1/ingest/json"} {
			s, m := testService(t, Options{})
			m.fail = c.fail
			w := httptest.NewRecorder()
			body := map[string]string{"/write": "p v=1", "/api/v1/ingest/json": `{"sensor":"a","value":1}`}[url]
			s.Handler().ServeHTTP(w, httptest.NewRequest("POST", url, strings.NewReader(body)))
			if w.Code != c.status || w.Header().Get("Retry-After") != c.retry || w.Header().Get("Content-Type") != problem.ContentType {
				t.Errorf("%v: %d, %v", c.fail, w.Code, w.Header())
			}
		}
	}
}

func TestBodiesUnderWayAreBounded(t *testing.T) {
	s, _ := testService(t, Options{MaxMemory: 100_000})
	s.memory.Add(90_000)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/write", strings.NewReader(strings.Repeat("p v=1 1\n", 5000))))
	if w.Code != 429 || w.Header().Get("Retry-After") == "" || s.memory.Load() != 90_000 {
		t.Errorf("%d, %v, %d bytes counted", w.Code, w.Header(), s.memory.Load())
	}
	w = httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/write", strings.NewReader("p v=1 1\n")))
	if w.Code != 204 {
		t.Errorf("a small one: %d", w.Code)
	}
	w = httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/write", iotest.ErrReader(errors.New("gone"))))
	if w.Code != 400 || s.memory.Load() != 90_000 {
		t.Errorf("a broken connection: %d, %d bytes counted", w.Code, s.memory.Load())
	}
}

func TestAcceptedIsStored(t *testing.T) {
	b := openBus(t)
	s, err := New(Options{Bus: b, Config: DefaultConfig()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, p := range Patterns() {
		mux.Handle(p, s.Handler())
	}
	s.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	defer server.Close()

	for _, body := range []string{`{"sensor":"desk","value":42,"unit":"W","time":1}`, `{"sensor":"desk","value":"x"}`} {
		resp, err := http.Post(server.URL+"/api/v1/ingest/json", "", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	p := record.Partition("desk", b.Partitions())
	x, err := b.RecordsExtent(t.Context(), p)
	if err != nil || x.Last != 1 {
		t.Fatal(x, err)
	}
	get := func(path string, into any) {
		t.Helper()
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	letters, err := b.DeadLetters(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	if len(letters) != 1 || letters[0].Source != "json" || letters[0].Sensor != "desk" {
		t.Errorf("%+v", letters)
	}
	var intakes []intake.Intake
	get("/api/v1/intake", &intakes)
	if len(intakes) != 1 || intakes[0].Accepted != 1 || intakes[0].Refused != 1 || intakes[0].Messages != 2 {
		t.Errorf("%+v", intakes)
	}
}
