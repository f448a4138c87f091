package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/natstest"
)

// plantOne makes the same plant everywhere and has it measure something.
func plantOne(t *testing.T, p *process) {
	t.Helper()
	p.call("PUT", "/api/v1/sites/plant", `{"id":"plant","zone":"Europe/Berlin"}`, nil)
	p.call("PUT", "/api/v1/groups/hall", `{"id":"hall"}`, nil)
	p.call("PUT", "/api/v1/hierarchies/site", `{"id":"site","root":"hall"}`, nil)
	for _, id := range []string{"m1", "m2", "a/b"} {
		p.call("PUT", "/api/v1/sensors/"+strings.ReplaceAll(id, "/", "%2F"), fmt.Sprintf(`{"id":%q,"quantity":"active_power"}`, id), nil)
		p.call("POST", "/api/v1/assign", fmt.Sprintf(`{"sensor":%q,"group":"hall"}`, id), nil)
	}
	eventually(t, 2*time.Minute, func() error {
		// Readings before the bridge has the model would do, too; ticks need new ones.
		for _, id := range []string{"m1", "m2", "a/b"} {
			if err := p.try("POST", "/api/v1/ingest/json", fmt.Sprintf(`{"sensor":%q,"value":1,"unit":"kW"}`, id), nil); err != nil {
				return err
			}
		}
		var got struct {
			Sum   *float64
			Count int
		}
		if err := p.try("GET", "/api/v1/groups/hall/latest", nil, &got); err != nil {
			return err
		}
		if got.Sum == nil || got.Count != 3 {
			return fmt.Errorf("the hall draws %v by %d meters", show(got.Sum), got.Count)
		}
		return p.try("GET", "/api/v1/sensors/m1/latest", nil, nil)
	})
}

// request is one that is sent to both sides.
type request struct {
	name, method, path string
	header             http.Header
	body               string
	stream             bool // never ends: its beginning is looked at
	// Only as administrator: others are refused before they have sent it all,
	// and may see a broken connection instead of the answer.
	large bool
}

func (r request) String() string { return r.method + " " + r.path + " (" + r.name + ")" }

// bodies of operations, where an empty object says too little.
var bodies = map[string]string{
	"assign": `{"sensor":"m1","group":"hall"}`, "move": `{"group":"hall","to":"nowhere"}`, "rename": `{"sensor":"m2","name":"Two"}`,
	"put-group": `{"id":"extra"}`, "put-hierarchy": `{"id":"extra","root":"extra"}`, "put-sensor": `{"id":"extra","quantity":"voltage"}`,
	"put-site": `{"id":"extra","zone":"UTC"}`, "replace-device": `{"serial":"x"}`,
	"import": "time,sensor,value\n2026-01-01T00:00:00Z,m1,1\n", "ingest-json": `{"sensor":"m1","value":2,"unit":"kW"}`,
	"ingest-json-mapped": `{"a":1}`, "ingest-pdu": `{}`, "influx-write": "power,host=a watts=3", "influx-write-v2": "power,host=a watts=3",
	"login": `{"name":"nobody","password":"wrong"}`, "change-password": `{"old":"a","new":"a long password"}`,
	"create-token": `{"name":"x","role":"viewer"}`, "create-user": `{"name":"eva","role":"viewer","password":"a long password"}`,
	"change-user": `{"role":"viewer"}`,
}

// fillPath names things in the path; what is changed is not what is read.
func fillPath(path, method string) string {
	id := "extra"
	if method == http.MethodGet || method == http.MethodPost {
		id = map[bool]string{true: "hall", false: "m1"}[strings.Contains(path, "/groups/")]
		switch {
		case strings.Contains(path, "/hierarchies/"):
			id = "site"
		case strings.Contains(path, "/sites/"):
			id = "plant"
		}
	}
	return strings.NewReplacer("{id}", id, "{rev}", "1", "{mapping}", "none").Replace(path)
}

// operations are the requests of the OpenAPI document: what reads first, then
// what changes, then what removes.
func operations(t *testing.T) []request {
	t.Helper()
	data, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			RequestBody *struct {
				Content map[string]json.RawMessage `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var all []request
	for path, methods := range doc.Paths {
		for method, op := range methods {
			r := request{name: op.OperationID, method: strings.ToUpper(method), header: http.Header{}}
			r.path = fillPath(path, r.method)
			r.stream = r.name == "stream"
			if r.name == "put-model" { // it would remove all there is
				r.header.Set("If-Match", `"999999"`)
			}
			if op.RequestBody != nil {
				media := ""
				for _, m := range []string{"application/json", "application/ld+json", "text/csv", "text/plain", "application/x-protobuf"} {
					if _, ok := op.RequestBody.Content[m]; ok && media == "" {
						media = m
					}
				}
				if r.header.Set("Content-Type", media); media == "" {
					t.Errorf("%s takes none of the media types known here", r.name)
				}
				if r.body = bodies[r.name]; r.body == "" {
					r.body = "{}"
				}
			}
			all = append(all, r)
		}
	}
	order := []string{"GET", "PUT", "POST", "PATCH", "DELETE"}
	slices.SortFunc(all, func(a, b request) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.method), slices.Index(order, b.method)), cmp.Compare(a.name, b.name))
	})
	if len(all) < 60 {
		t.Errorf("the document has %d operations", len(all))
	}
	return all
}

// special are requests beside the document, and unusual ones in it.
func special() []request {
	h := func(pairs ...string) http.Header {
		out := http.Header{}
		for i := 0; i+1 < len(pairs); i += 2 {
			out.Add(pairs[i], pairs[i+1])
		}
		return out
	}
	return []request{
		{name: "page", method: "GET", path: "/"},
		{name: "page of the program", method: "GET", path: "/anything/below"},
		{name: "no such interface", method: "GET", path: "/api/v1/nothing"},
		{name: "wrong method", method: "DELETE", path: "/api/v1/model"},
		{name: "no method", method: "BREW", path: "/api/v1/latest"},
		{name: "head", method: "HEAD", path: "/api/v1/groups/hall/latest"},
		{name: "docs", method: "GET", path: "/docs"},
		{name: "document", method: "GET", path: "/openapi.json"},
		{name: "document as YAML", method: "GET", path: "/openapi.yaml"},
		{name: "health", method: "GET", path: "/healthz"},
		{name: "readiness", method: "GET", path: "/readyz"},
		{name: "metrics", method: "GET", path: "/metrics"},
		{name: "PromQL", method: "GET", path: "/prometheus/api/v1/query?query=" + "up"},
		{name: "PromQL by form", method: "POST", path: "/prometheus/api/v1/query_range", header: h("Content-Type", "application/x-www-form-urlencoded"), body: "query=1&start=0&end=10&step=5"},
		{name: "PromQL that is none", method: "GET", path: "/prometheus/api/v1/query?query=)"},
		{name: "PromQL elsewhere", method: "GET", path: "/prometheus/api/v1/nothing"},
		{name: "name with a slash", method: "GET", path: "/api/v1/sensors/a%2Fb"},
		{name: "history of it", method: "GET", path: "/api/v1/sensors/a%2Fb/range?points=10"},
		{name: "unknown sensor", method: "GET", path: "/api/v1/sensors/unknown/range"},
		{name: "number out of range", method: "GET", path: "/api/v1/sensors/m1/range?points=0"},
		{name: "CBOR", method: "GET", path: "/api/v1/latest", header: h("Accept", "application/cbor")},
		{name: "NDJSON", method: "GET", path: "/api/v1/sensors/m1/export?format=ndjson"},
		{name: "Parquet", method: "GET", path: "/api/v1/groups/hall/export?format=parquet"},
		{name: "precondition", method: "PUT", path: "/api/v1/groups/extra2", header: h("If-Match", `"999999"`, "Content-Type", "application/json"), body: `{"id":"extra2"}`},
		{name: "not JSON", method: "PUT", path: "/api/v1/groups/extra2", header: h("Content-Type", "application/json"), body: `{`},
		{name: "too large", large: true, method: "PUT", path: "/api/v1/groups/extra2", header: h("Content-Type", "application/json"), body: `{"id":"` + strings.Repeat("x", 1<<20) + `"}`},
		{name: "from another site", method: "POST", path: "/api/v1/ingest/json", header: h("Sec-Fetch-Site", "cross-site"), body: `{"sensor":"m1","value":1}`},
		{name: "from this site", method: "POST", path: "/api/v1/ingest/json", header: h("Sec-Fetch-Site", "same-origin", "Origin", "http://elsewhere.example"), body: `{"sensor":"m1","value":1}`},
		{name: "expecting to continue", method: "POST", path: "/api/v1/ingest/json", header: h("Expect", "100-continue"), body: `{"sensor":"m1","value":1}`},
		{name: "encoding", method: "POST", path: "/api/v1/ingest/json", header: h("Content-Encoding", "br"), body: "x"},
		{name: "not gzip", method: "POST", path: "/write", header: h("Content-Encoding", "gzip"), body: "x"},
		{name: "refused reading", method: "POST", path: "/api/v1/ingest/json", body: `{"sensor":"m1","value":1,"unit":"parsec"}`},
		{name: "InfluxDB ping", method: "GET", path: "/ping"},
		{name: "InfluxDB query", method: "POST", path: "/query?q=SHOW+DATABASES"},
		{name: "InfluxDB wrong method", method: "GET", path: "/write"},
		{name: "forged", method: "GET", path: "/api/v1/latest", header: h(access.VoucherHeader, "e30.e30")},
	}
}

// reply is what both sides have to agree in.
type reply struct {
	status int
	media  string
}

// ask sends a request as somebody; an empty token is nobody.
func ask(ctx context.Context, p *process, r request, token string) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, p.url+r.path, strings.NewReader(r.body))
	if err != nil {
		return reply{}, err
	}
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	// A fresh connection: what one request leaves behind is not another's.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	if !r.stream || resp.StatusCode != http.StatusOK {
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return reply{}, err
		}
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return reply{resp.StatusCode, media}, nil
}

// TestServicesBehindOneFace runs every module in a process of its own, bridge
// and gateway in two, and one process with all of them beside. Whoever asks
// cannot tell which it is.
func TestServicesBehindOneFace(t *testing.T) {
	bus := natstest.Start(t, natstest.Options{}).URL()
	settings := []string{"WATTWERK_BUS_PARTITIONS=2"}
	many := options{kind: manyProcesses, bus: bus, settings: settings}.deploy(t)
	defer many.says()
	single := deploy(t, oneProcess, settings...).face()
	faces := []*process{single, many.face(), many.other()}
	for _, p := range faces[:2] {
		plantOne(t, p)
	}
	registry := many.called("registry")[0].process()
	t.Run("every operation", func(t *testing.T) {
		readers := make(map[*process]string)
		for _, p := range faces {
			readers[p] = strings.TrimSpace(p.run("token", "create", "--role", "viewer"))
		}
		asked, done := 0, 0
		for _, r := range slices.Concat(operations(t), special()) {
			for _, as := range []string{"administrator", "reader", "nobody"} {
				if r.large && as != "administrator" {
					continue
				}
				var want reply
				for _, p := range faces {
					// What changes the model is sent to one of the gateways: they change the same.
					if p == faces[2] && r.method != http.MethodGet {
						continue
					}
					token := map[string]string{"administrator": p.token, "reader": readers[p]}[as]
					got, err := ask(t.Context(), p, r, token)
					asked++
					switch {
					case err != nil:
						t.Errorf("%v as %s: %v", r, as, err)
					case p == single:
						want = got
						if got.status < 300 && as == "administrator" {
							done++
						}
					case got != want:
						t.Errorf("%v as %s answers %v in one process, %v behind a gateway", r, as, want, got)
					}
				}
			}
		}
		// Were most refused, that they are equal would say little.
		if t.Logf("%d requests; %d of an administrator's were answered with 2xx", asked, done); done < 60 {
			t.Errorf("only %d requests of an administrator did what they should", done)
		}
	})
	t.Run("forged identities", func(t *testing.T) { forge(t, bus, registry, many.face()) })
	t.Run("live events", func(t *testing.T) { live(t, many.other()) })
	t.Run("kill a bridge", func(t *testing.T) { killBridge(t, many) })
	t.Run("missing module", func(t *testing.T) {
		registry.kill()
		g := many.other()
		eventually(t, time.Minute, func() error {
			a, err := g.send("GET", "/readyz", nil, nil)
			if err == nil && (a.status != http.StatusOK || !bytes.Contains(a.body, []byte(`"registry":"no process runs it"`))) {
				err = fmt.Errorf("%d %s", a.status, a.body)
			}
			return err
		})
		a, err := g.send("GET", "/api/v1/model", nil, nil)
		if err != nil || a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || !bytes.Contains(a.body, []byte("module registry")) {
			t.Errorf("%d %s, %v", a.status, a.body, err)
		}
	})
}

// forge asks the process of the registry directly, as somebody else.
func forge(t *testing.T, bus string, registry, face *process) {
	nc, err := nats.Connect(bus)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), "secrets")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := kv.Get(t.Context(), "voucher")
	if err != nil {
		t.Fatal(err)
	}
	right, err := access.NewNotary(entry.Value())
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := access.NewNotary(bytes.Repeat([]byte{1}, access.NotaryKey))
	if err != nil {
		t.Fatal(err)
	}
	king := access.Identity{Kind: access.KindUser, ID: "u", Name: "king", Role: access.Administrator, Scopes: access.Scopes()}
	guest := access.Identity{Kind: access.KindUser, ID: "u", Name: "guest", Role: access.Viewer, Scopes: access.Viewer.Scopes()}
	for _, c := range []struct {
		name, voucher string
		status        int
	}{
		{"vouched for", right.Vouch(king, "PUT", "/api/v1/groups/forged"), 200},
		{"may not", right.Vouch(guest, "PUT", "/api/v1/groups/forged"), 403},
		{"nobody", right.Vouch(access.Identity{}, "PUT", "/api/v1/groups/forged"), 401},
		{"stripped", "", 401},
		{"forged", wrong.Vouch(king, "PUT", "/api/v1/groups/forged"), 401},
		{"for another path", right.Vouch(king, "PUT", "/api/v1/groups/other"), 401},
		{"for another method", right.Vouch(king, "GET", "/api/v1/groups/forged"), 401},
		{"with a query", right.Vouch(king, "PUT", "/api/v1/groups/forged?x"), 401},
		{"noise", "king", 401},
	} {
		r := request{name: c.name, method: "PUT", path: "/api/v1/groups/forged", header: http.Header{"Content-Type": {"application/json"}}, body: `{"id":"forged"}`}
		if c.voucher != "" {
			r.header.Set(access.VoucherHeader, c.voucher)
		}
		if got, err := ask(t.Context(), registry, r, ""); err != nil || got.status != c.status {
			t.Errorf("%s: answered %d, want %d; %v", c.name, got.status, c.status, err)
		}
		// No gateway takes one from outside that was not made for just this.
		if c.status == 401 && c.voucher != "" && c.name != "nobody" {
			if got, err := ask(t.Context(), face, r, face.token); err != nil || got.status != 401 {
				t.Errorf("%s: the gateway answered %d; %v", c.name, got.status, err)
			}
		}
	}
}

// live follows the ticks at a process that sums nothing up.
func live(t *testing.T, g *process) {
	plantOne(t, g) // what was asked for before took the hall away
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := g.try("POST", "/api/v1/ingest/json", `{"sensor":"m1","value":1,"unit":"kW"}`, nil); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond): // a sensor's pace
			}
		}
	})
	seen := 0
	err := g.events("?hierarchy=site&sensor=m1", 2*time.Minute, func(event string, data []byte) error {
		var of struct{ Hierarchy string }
		if event == "aggregates" {
			if err := json.Unmarshal(data, &of); err != nil || of.Hierarchy != "site" {
				return fmt.Errorf("%s, %w", data, err)
			}
			if seen++; seen == 3 {
				return errEnough
			}
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("%d ticks, then %v", seen, err)
	}
}

// killBridge sends readings through a gateway while the process that takes
// them is killed, and counts them afterwards.
func killBridge(t *testing.T, d *deployment) {
	g, bridges := d.face(), d.called("bridge")
	const senders = 4
	var sent, failed atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	base := time.Now().Add(-time.Hour).UnixMilli()
	for s := range senders {
		wg.Go(func() {
			for n := int64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				a, err := g.send("POST", "/api/v1/ingest/json", nil, fmt.Sprintf(`{"sensor":"kill%d","value":1,"unit":"W","time":%d}`, s, base+n))
				if err != nil || a.status != http.StatusOK {
					failed.Add(1)
					t.Errorf("reading %d of sender %d: %d %s %v", n, s, a.status, a.body, err)
					return
				}
				sent.Add(1)
			}
		})
	}
	end := sync.OnceFunc(func() { close(stop); wg.Wait() })
	defer end()
	more := func(n int64) {
		t.Helper()
		from := sent.Load()
		eventually(t, 2*time.Minute, func() error {
			if got := sent.Load() - from; got < n && failed.Load() == 0 {
				return fmt.Errorf("%d readings of %d were taken", got, n)
			}
			return nil
		})
	}
	more(200)
	works := func(name string) {
		t.Helper()
		eventually(t, 2*time.Minute, func() error {
			var all []struct {
				Messages  int
				Instances []struct {
					Instance string
					Messages int
				}
			}
			if err := g.try("GET", "/api/v1/intake", nil, &all); err != nil {
				return err
			}
			for _, in := range all {
				sum, offered := 0, false
				for _, i := range in.Instances {
					sum += i.Messages
					offered = offered || i.Instance == name && i.Messages > 0
				}
				if sum != in.Messages {
					t.Errorf("%d messages, and the instances had %d", in.Messages, sum)
				}
				if offered {
					return nil
				}
			}
			return fmt.Errorf("%s is offered nothing: %+v", name, all)
		})
	}
	works(bridges[0].name)
	works(bridges[1].name)
	bridges[0].process().kill()
	more(200)
	bridges[0].start(t)
	bridges[0].process().ready()
	works(bridges[0].name)
	bridges[1].process().stop() // by plan: what it is at work on is given to the other, too
	more(200)
	end()
	eventually(t, 2*time.Minute, func() error {
		var all int64
		for s := range senders {
			var got struct{ Count int64 }
			if err := g.try("GET", fmt.Sprintf("/api/v1/sensors/kill%d/count", s), nil, &got); err != nil {
				return err
			}
			all += got.Count
		}
		if want := sent.Load(); all != want {
			return fmt.Errorf("%d records of %d are in the history", all, want)
		}
		return nil
	})
	t.Logf("%d readings were taken, %d failed", sent.Load(), failed.Load())
}
