package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

type bench struct {
	t       *testing.T
	bus     *bus.Bus
	catalog *catalog.Catalog
	service *Service
	server  *httptest.Server
	stop    func()
}

func openBus(t *testing.T) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// open runs a registry with its catalog and a server, until the test ends.
func open(t *testing.T, b *bus.Bus) *bench {
	t.Helper()
	c := catalog.New(b, nil)
	s, err := New(Options{Bus: b, Catalog: c, Actor: func(context.Context) string { return "ada" }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	mux := http.NewServeMux()
	s.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	var once sync.Once
	stop := func() {
		once.Do(func() {
			server.Close()
			cancel()
			wg.Wait()
		})
	}
	t.Cleanup(stop)
	<-c.Ready()
	return &bench{t: t, bus: b, catalog: c, service: s, server: server, stop: stop}
}

type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; of headers, each is a name and a value.
func (b *bench) do(method, path, body string, headers ...string) reply {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.server.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(data)}
}

// must sends a request that has to have a status, and reads the answer.
func (b *bench) must(status int, into any, method, path, body string, headers ...string) reply {
	b.t.Helper()
	r := b.do(method, path, body, headers...)
	if r.status != status {
		b.t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, r.status, r.body, status)
	}
	if status >= 400 && !strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json") {
		b.t.Errorf("%s %s: an error as %s", method, path, r.header.Get("Content-Type"))
	}
	if into != nil {
		if err := json.Unmarshal([]byte(r.body), into); err != nil {
			b.t.Fatalf("%s %s: %v in %s", method, path, err, r.body)
		}
	}
	return r
}

func (b *bench) put(path, body string, headers ...string) Change {
	b.t.Helper()
	var c Change
	r := b.must(200, &c, http.MethodPut, path, body, headers...)
	if r.header.Get("ETag") != tagOf(c.Revision) || c.Who != "ada" || c.Note == "" {
		b.t.Errorf("PUT %s answers %s with %v", path, r.body, r.header)
	}
	return c
}

func (b *bench) post(path, body string) Change {
	b.t.Helper()
	var c Change
	b.must(200, &c, http.MethodPost, path, body)
	return c
}

// plant sets up two halls and a cost centre.
func (b *bench) plant() {
	b.t.Helper()
	b.put("/api/v1/sites/kiel", `{"name":"Kiel","zone":"Europe/Berlin"}`)
	for _, s := range []string{"a", "b", "c"} {
		b.put("/api/v1/sensors/"+s, `{"quantity":"active_power","unit":"kW","interval":"1s","site":"kiel"}`)
	}
	b.put("/api/v1/groups/hall1", `{"members":[{"sensor":"a"},{"sensor":"b","sign":-1}]}`)
	b.put("/api/v1/groups/hall2", `{"members":[{"sensor":"c","meter":true}]}`)
	b.put("/api/v1/groups/plant", `{"members":[{"group":"hall1"},{"group":"hall2"}]}`)
	b.put("/api/v1/groups/costs", `{"members":[{"sensor":"a"}]}`)
	b.put("/api/v1/hierarchies/place", `{"root":"plant","site":"kiel"}`)
	b.put("/api/v1/hierarchies/cost", `{"root":"costs"}`)
}

func (b *bench) members(id string) string {
	b.t.Helper()
	var g model.Group
	b.must(200, &g, http.MethodGet, "/api/v1/groups/"+id, "")
	var out []string
	for _, e := range g.Members {
		s := string(e.Sensor) + string(e.Group)
		if e.Sign < 0 {
			s = "-" + s
		}
		if e.Meter {
			s += "*"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestThings(t *testing.T) {
	b := open(t, openBus(t))
	b.plant()
	var s model.Sensor
	r := b.must(200, &s, http.MethodGet, "/api/v1/sensors/a", "")
	if s.Quantity != record.ActivePower || s.Unit != "kW" || s.Kind != model.Gauge || s.Interval != model.Duration(time.Second) || r.header.Get("ETag") == "" {
		t.Errorf("got %s", r.body)
	}
	// What was read can be put again, and changes nothing.
	before := b.catalog.State().Revision
	var plain map[string]any
	b.must(200, &plain, http.MethodGet, "/api/v1/sensors/a", "")
	delete(plain, "$schema")
	again, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	if c := b.put("/api/v1/sensors/a", string(again)); c.Revision != before {
		t.Errorf("putting what is there made revision %d of %d", c.Revision, before)
	}
	var list List[model.Sensor]
	b.must(200, &list, http.MethodGet, "/api/v1/sensors?limit=2", "")
	if len(list.Items) != 2 || list.Items[0].ID != "a" || list.Next != "b" || list.Total != 3 {
		t.Errorf("first page %+v", list)
	}
	list = List[model.Sensor]{}
	b.must(200, &list, http.MethodGet, "/api/v1/sensors?limit=2&after=b", "")
	if len(list.Items) != 1 || list.Items[0].ID != "c" || list.Next != "" {
		t.Errorf("second page %+v", list)
	}
	list = List[model.Sensor]{}
	b.must(200, &list, http.MethodGet, "/api/v1/sensors?q=C", "")
	if len(list.Items) != 1 || list.Items[0].ID != "c" {
		t.Errorf("searched %+v", list)
	}
	for _, path := range []string{"sites", "groups", "hierarchies"} {
		var l struct {
			Items []struct{ ID string }
			Total int
		}
		b.must(200, &l, http.MethodGet, "/api/v1/"+path, "")
		if l.Total == 0 || len(l.Items) != l.Total || l.Items[0].ID == "" {
			t.Errorf("%s: %+v", path, l)
		}
	}
	for _, path := range []string{"sites/x", "sensors/x", "groups/x", "hierarchies/x"} {
		b.must(404, nil, http.MethodGet, "/api/v1/"+path, "")
		b.must(404, nil, http.MethodDelete, "/api/v1/"+path, "")
	}
	b.must(422, nil, http.MethodDelete, "/api/v1/sites/kiel", "")
	b.must(422, nil, http.MethodDelete, "/api/v1/sensors/a", "")
	b.must(422, nil, http.MethodDelete, "/api/v1/groups/hall1", "")
	b.must(200, nil, http.MethodDelete, "/api/v1/hierarchies/cost", "")
	b.must(200, nil, http.MethodDelete, "/api/v1/groups/costs", "")
	b.must(200, nil, http.MethodDelete, "/api/v1/sensors/a?detach=true", "")
	if got := b.members("hall1"); got != "-b" {
		t.Errorf("hall1 holds %s", got)
	}
	b.must(200, nil, http.MethodDelete, "/api/v1/groups/hall1?detach=true", "")
	if got := b.members("plant"); got != "hall2" {
		t.Errorf("plant holds %s", got)
	}
}

func TestAnyIdentifier(t *testing.T) {
	b := open(t, openBus(t))
	for _, id := range []string{"ä€😀", "a/b", "a b", "100%", "q?x#y", "a+b", "日本", `"quoted"`, "ns=2;s=Dev.1"} {
		path := "/api/v1/sensors/" + escape(id)
		b.put(path, `{"quantity":"energy"}`)
		var s model.Sensor
		b.must(200, &s, http.MethodGet, path, "")
		if string(s.ID) != id || s.Kind != model.Counter {
			t.Errorf("put %q, got %+v", id, s)
		}
	}
}

func escape(id string) string {
	var out strings.Builder
	for i := range len(id) {
		fmt.Fprintf(&out, "%%%02X", id[i])
	}
	return out.String()
}

func TestRefusals(t *testing.T) {
	b := open(t, openBus(t))
	b.plant()
	now := b.catalog.State().Revision
	for _, c := range []struct {
		status             int
		method, path, body string
		says               string
		header             []string
	}{
		{422, "PUT", "/api/v1/sensors/x", `{"quantity":"zeal"}`, "quantity \\\"zeal\\\" is unknown", nil},
		{422, "PUT", "/api/v1/sensors/x", `{}`, "quantity", nil},
		{422, "PUT", "/api/v1/sensors/x", `{"quantity":"active_power","colour":"red"}`, "colour", nil},
		{422, "PUT", "/api/v1/sensors/x", `{"quantity":"active_power","interval":"soon"}`, "", nil},
		{422, "PUT", "/api/v1/sensors/x", `{"id":"y","quantity":"active_power"}`, "cannot change", nil},
		{422, "PUT", "/api/v1/sensors/%01", `{"quantity":"active_power"}`, "unprintable", nil},
		{400, "PUT", "/api/v1/sensors/x", `{`, "", nil},
		{413, "PUT", "/api/v1/sensors/x", `{"quantity":"` + strings.Repeat("x", maxBody) + `"}`, "", nil},
		{422, "PUT", "/api/v1/groups/x", `{"members":[{"sensor":"ghost"},{"sensor":"phantom"}]}`, "phantom", nil},
		{422, "PUT", "/api/v1/groups/hall2", `{"members":[{"group":"plant"}]}`, "circle", nil},
		{422, "PUT", "/api/v1/sites/x", `{"zone":"Mars/Olympus"}`, "Mars", nil},
		{422, "PUT", "/api/v1/hierarchies/x", `{"root":"plant"}`, "same root", nil},
		{412, "PUT", "/api/v1/sites/x", `{}`, "it is", []string{"If-Match", `"1"`}},
		{400, "PUT", "/api/v1/sites/x", `{}`, "If-Match", []string{"If-Match", `seven`}},
		{412, "DELETE", "/api/v1/sensors/a", ``, "it is", []string{"If-Match", `"1"`}},
		{422, "POST", "/api/v1/move", `{"hierarchy":"place","to":"hall2"}`, "either", nil},
		{422, "POST", "/api/v1/move", `{"hierarchy":"place","group":"hall1","meter":true,"to":"hall2"}`, "meter", nil},
		{422, "POST", "/api/v1/move", `{"hierarchy":"place","group":"plant"}`, "to", nil},
		{404, "POST", "/api/v1/move", `{"hierarchy":"none","sensor":"a","to":"hall2"}`, "none", nil},
		{404, "POST", "/api/v1/move", `{"hierarchy":"place","sensor":"x","to":"hall2"}`, "not a member", nil},
		{404, "POST", "/api/v1/move", `{"hierarchy":"place","sensor":"a","to":"costs"}`, "not in hierarchy", nil},
		{422, "POST", "/api/v1/move", `{"hierarchy":"place","group":"hall1","to":"hall1"}`, "itself", nil},
		{412, "POST", "/api/v1/move", `{"hierarchy":"place","sensor":"a","to":"hall2"}`, "", []string{"If-Match", `"1"`}},
		{404, "POST", "/api/v1/assign", `{"sensor":"never","group":"hall1"}`, "never seen", nil},
		{404, "POST", "/api/v1/assign", `{"sensor":"a","group":"nowhere"}`, "nowhere", nil},
		{422, "POST", "/api/v1/assign", `{"sensor":"a","group":"hall2"}`, "twice", nil},
		{422, "POST", "/api/v1/assign", `{"sensor":"a","group":"hall1","sign":7}`, "", nil},
		{404, "POST", "/api/v1/rename", `{"kind":"sensor","id":"x","newName":"y"}`, "not in the model", nil},
		{422, "POST", "/api/v1/rename", `{"kind":"planet","id":"x","newName":"y"}`, "", nil},
		{404, "POST", "/api/v1/sensors/x/device", `{}`, "not in the model", nil},
		{404, "POST", "/api/v1/revisions/99/undo", ``, "no such revision", nil},
		{404, "GET", "/api/v1/revisions/99", ``, "no such revision", nil},
		{422, "GET", "/api/v1/revisions/x", ``, "", nil},
		{409, "POST", "/api/v1/revisions/1/undo", ``, "cannot be undone", nil},
		{422, "GET", "/api/v1/sensors?limit=0", ``, "", nil},
		{428, "PUT", "/api/v1/model", `{}`, "If-Match", nil},
		{412, "PUT", "/api/v1/model", `{}`, "it is", []string{"If-Match", `"1"`}},
		{422, "PUT", "/api/v1/model", `{"planets":[]}`, "planets", []string{"If-Match", `*`}},
		{422, "PUT", "/api/v1/model", `{"groups":[{"id":"g","members":[{"sensor":"x"}]}]}`, "unknown sensor", []string{"If-Match", `*`}},
		{422, "PUT", "/api/v1/model", "sensors:\n- id: x\n  colour: red\n", "colour", []string{"If-Match", `*`, "Content-Type", "application/yaml"}},
		{415, "PUT", "/api/v1/model", "x", "", []string{"If-Match", `*`, "Content-Type", "text/csv"}},
	} {
		r := b.must(c.status, nil, c.method, c.path, c.body, c.header...)
		if !strings.Contains(r.body, c.says) {
			t.Errorf("%s %s %.80s: %s, want it to say %q", c.method, c.path, c.body, r.body, c.says)
		}
	}
	if is := b.catalog.State().Revision; is != now {
		t.Errorf("refused requests made revisions: %d, was %d", is, now)
	}
}

func TestWholeDocument(t *testing.T) {
	b := open(t, openBus(t))
	b.plant()
	j := b.must(200, nil, http.MethodGet, "/api/v1/model", "")
	y := b.must(200, nil, http.MethodGet, "/api/v1/model?format=yaml", "")
	if y2 := b.must(200, nil, http.MethodGet, "/api/v1/model", "", "Accept", "application/yaml"); y2.body != y.body || y2.header.Get("Content-Type") != "application/yaml" {
		t.Error("Accept and format do not give the same")
	}
	want := b.catalog.State().Model.Document()
	fromJSON, err := model.ReadJSON(strings.NewReader(j.body))
	if err != nil {
		t.Fatal(err, j.body)
	}
	fromYAML, err := model.ReadYAML([]byte(y.body))
	if err != nil {
		t.Fatal(err, y.body)
	}
	for _, d := range []model.Document{fromJSON, fromYAML} {
		if p := model.Diff(want, d); !p.Empty() {
			t.Errorf("read back with differences: %+v", p)
		}
	}
	tag := j.header.Get("ETag")
	if tag != tagOf(b.catalog.State().Revision) {
		t.Errorf("ETag is %s", tag)
	}
	c := b.put("/api/v1/model", "sensors:\n- {id: only, quantity: voltage}\n", "If-Match", tag, "Content-Type", "application/yaml; charset=utf-8")
	if _, n, g, h := b.catalog.State().Model.Counts(); n != 1 || g != 0 || h != 0 {
		t.Errorf("there are %d sensors, %d groups, %d hierarchies", n, g, h)
	}
	b.must(412, nil, http.MethodPut, "/api/v1/model", j.body, "If-Match", tag)
	b.post(fmt.Sprintf("/api/v1/revisions/%d/undo", c.Revision), "")
	if p := model.Diff(want, b.catalog.State().Model.Document()); !p.Empty() {
		t.Errorf("undone, it differs: %+v", p)
	}
	b.put("/api/v1/model", `{}`, "If-Match", tagOf(b.catalog.State().Revision))
	b.put("/api/v1/model", j.body, "If-Match", "*")
	if p := model.Diff(want, b.catalog.State().Model.Document()); !p.Empty() {
		t.Errorf("put back, it differs: %+v", p)
	}
}

func TestMoveAndUndo(t *testing.T) {
	b := open(t, openBus(t))
	b.plant()
	at := b.catalog.State()
	c := b.post("/api/v1/move", `{"hierarchy":"place","sensor":"b","to":"hall2"}`)
	if one, two := b.members("hall1"), b.members("hall2"); one != "a" || two != "c* -b" {
		t.Errorf("hall1 holds %s, hall2 %s", one, two)
	}
	if !strings.Contains(c.Note, `moved sensor "b" from group "hall1" to group "hall2"`) {
		t.Errorf("note is %s", c.Note)
	}
	var rev Revision
	b.must(200, &rev, http.MethodGet, fmt.Sprintf("/api/v1/revisions/%d", c.Revision), "")
	if len(rev.Patch.Groups) != 2 || len(rev.Inverse.Groups) != 2 || rev.Who != "ada" || rev.Effective != c.Effective {
		t.Errorf("revision is %+v", rev)
	}
	undone := b.post(fmt.Sprintf("/api/v1/revisions/%d/undo", c.Revision), "")
	if p := model.Diff(at.Model.Document(), b.catalog.State().Model.Document()); !p.Empty() {
		t.Errorf("undone, it differs: %+v", p)
	}
	b.must(409, nil, http.MethodPost, fmt.Sprintf("/api/v1/revisions/%d/undo", c.Revision), "")
	redone := b.post(fmt.Sprintf("/api/v1/revisions/%d/undo", undone.Revision), "")
	if got := b.members("hall2"); got != "c* -b" {
		t.Errorf("redone, hall2 holds %s", got)
	}
	// The other hierarchy has its own place of the sensor.
	b.post("/api/v1/move", `{"hierarchy":"place","sensor":"a","to":"hall2","position":0,"meter":false}`)
	if got := b.members("hall2") + "|" + b.members("costs"); got != "a c* -b|a" {
		t.Errorf("moved to the front: %s", got)
	}
	b.post("/api/v1/move", `{"hierarchy":"place","sensor":"a","to":"hall2","position":9}`)
	if got := b.members("hall2"); got != "c* -b a" {
		t.Errorf("moved to the end: %s", got)
	}
	b.must(409, nil, http.MethodPost, fmt.Sprintf("/api/v1/revisions/%d/undo", redone.Revision), "")
	b.post("/api/v1/move", `{"hierarchy":"place","group":"hall2","to":"hall1"}`)
	if got := b.members("plant") + "|" + b.members("hall1"); got != "hall1|hall2" {
		t.Errorf("moved the group: %s", got)
	}
	var revisions RevisionList
	b.must(200, &revisions, http.MethodGet, "/api/v1/revisions?limit=3", "")
	if len(revisions.Items) != 3 || revisions.Next != revisions.Items[2].Revision-1 || revisions.Items[0].Revision != b.catalog.State().Revision {
		t.Errorf("revisions are %+v", revisions)
	}
	next := revisions.Next
	revisions = RevisionList{}
	b.must(200, &revisions, http.MethodGet, fmt.Sprintf("/api/v1/revisions?before=%d", next), "")
	if len(revisions.Items) != int(next) || revisions.Next != 0 {
		t.Errorf("the rest is %+v", revisions)
	}
}

func TestPatchIsOneRevision(t *testing.T) {
	b := open(t, openBus(t))
	b.plant()
	was := b.catalog.State()
	body := `{"groups":[{"id":"hall3","name":"Hall 3"},{"id":"plant","members":[{"group":"hall1"},{"group":"hall3"}]}],"removeGroups":["hall2"]}`
	b.must(412, nil, http.MethodPatch, "/api/v1/model", body, "If-Match", tagOf(was.Revision-1))
	var c Change
	b.must(200, &c, http.MethodPatch, "/api/v1/model", body, "If-Match", tagOf(was.Revision))
	if got := b.members("plant"); got != "hall1 hall3" || c.Revision != was.Revision+1 {
		t.Errorf("revision %d has %s", c.Revision, got)
	}
	b.must(422, nil, http.MethodPatch, "/api/v1/model", `{"groups":[{"id":"hall3","members":[{"sensor":"nobody"}]}]}`)
	b.must(422, nil, http.MethodPatch, "/api/v1/model", `{"removeGroups":["hall9"]}`)
	b.post(fmt.Sprintf("/api/v1/revisions/%d/undo", c.Revision), "")
	if p := model.Diff(was.Model.Document(), b.catalog.State().Model.Document()); !p.Empty() {
		t.Errorf("undone, it differs: %+v", p)
	}
}

func TestRenameAndDevices(t *testing.T) {
	b := open(t, openBus(t))
	b.plant()
	for _, kind := range []string{`"site","id":"kiel"`, `"sensor","id":"a"`, `"group","id":"hall1"`, `"hierarchy","id":"place"`} {
		b.post("/api/v1/rename", `{"kind":`+kind+`,"newName":"Neu"}`)
	}
	d := b.catalog.State().Model.Document()
	if d.Sites[0].Name != "Neu" || d.Sensors[0].Name != "Neu" || d.Groups[1].Name != "Neu" || d.Hierarchies[1].Name != "Neu" {
		t.Errorf("named %+v", d)
	}
	b.post("/api/v1/sensors/a/device", `{"at":"2024-05-01T12:00:00+02:00","serial":"new1","oldEnd":1200,"newStart":0}`)
	b.post("/api/v1/sensors/a/device", `{"at":"2025-05-01T12:00:00Z","serial":"new2","oldEnd":900}`)
	var s model.Sensor
	b.must(200, &s, http.MethodGet, "/api/v1/sensors/a", "")
	if n := len(s.Devices); n != 3 || *s.Devices[0].End != 1200 || *s.Devices[1].End != 900 || s.Devices[2].To != nil || !s.Devices[1].From.Equal(*s.Devices[0].To) {
		t.Errorf("devices are %+v", s.Devices)
	}
	b.must(422, nil, http.MethodPost, "/api/v1/sensors/a/device", `{"at":"2023-01-01T00:00:00Z"}`)
	b.post("/api/v1/sensors/b/device", `{"serial":"first"}`)
	b.must(200, &s, http.MethodGet, "/api/v1/sensors/b", "")
}

// announce publishes as a bridge does and waits until the registry knows.
func (b *bench) announce(list ...announcement) {
	b.t.Helper()
	data, err := json.Marshal(list)
	if err != nil {
		b.t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for { // until the registry made the stream
		if _, err = b.bus.JetStream().Publish(b.t.Context(), "seen.test", data); err == nil {
			break
		}
		if time.Now().After(deadline) {
			b.t.Fatal(err)
		}
	}
	last := list[len(list)-1].Sensor
	for {
		if _, ok := b.service.seen.get(last); ok {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatal("the announcement does not arrive")
		}
	}
}

// TestSeenMadeAnew reads announcements from the first on when their stream is
// another one.
func TestSeenMadeAnew(t *testing.T) {
	b := open(t, openBus(t))
	b.announce(announcement{Sensor: "old", Source: "influx", At: 1000})
	b.announce(announcement{Sensor: "older", Source: "influx", At: 1000})
	if err := b.bus.JetStream().DeleteStream(t.Context(), bus.SeenStream); err != nil {
		t.Fatal(err)
	}
	if err := b.bus.MakeSeen(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.announce(announcement{Sensor: "new", Source: "influx", At: 1000})
}

func TestUnassigned(t *testing.T) {
	b := open(t, openBus(t))
	b.plant()
	b.announce(
		announcement{Sensor: "new1", Source: "influx", Quantity: record.ActivePower, Unit: "W", At: 2000},
		announcement{Sensor: "new1", Source: "influx", At: 1000},
		announcement{Sensor: "a", Source: "influx", At: 1000},
		announcement{Sensor: "new2", Source: "pdu", Unit: "kWh", At: 3000},
		announcement{Sensor: "bad\x01", At: 1},
		announcement{Sensor: "new3", Source: "pdu", Quantity: "zeal", Unit: "zork", At: 3000},
	)
	var l List[Unassigned]
	b.must(200, &l, http.MethodGet, "/api/v1/unassigned", "")
	if l.Total != 3 || len(l.Items) != 3 || l.Items[0].Sensor != "new1" || l.Items[0].First.UnixMilli() != 1000 || l.Items[0].Last.UnixMilli() != 2000 ||
		l.Items[1].Quantity != record.Energy || l.Items[1].Unit != "kWh" || l.Items[2].Quantity != "" {
		t.Fatalf("unassigned are %+v", l)
	}
	l = List[Unassigned]{}
	b.must(200, &l, http.MethodGet, "/api/v1/unassigned?limit=1&after=new1&q=NEW", "")
	if len(l.Items) != 1 || l.Items[0].Sensor != "new2" || l.Next != "new2" {
		t.Fatalf("second page is %+v", l)
	}
	before := b.catalog.State().Revision
	c := b.post("/api/v1/assign", `{"sensor":"new1","group":"hall1","sign":-1,"name":"New"}`)
	if c.Revision != before+1 || b.members("hall1") != "a -b -new1" {
		t.Errorf("revision %d, hall1 holds %s", c.Revision, b.members("hall1"))
	}
	s, ok := b.catalog.State().Model.Sensor("new1")
	if !ok || s.Name != "New" || s.Site != "kiel" || s.Quantity != record.ActivePower {
		t.Errorf("made %+v", s)
	}
	b.post("/api/v1/assign", `{"sensor":"new3","group":"hall1"}`) // its quantity is that of the group
	b.must(422, nil, http.MethodPost, "/api/v1/assign", `{"sensor":"new2","group":"hall1"}`)
	if c := b.post("/api/v1/assign", `{"sensor":"new3","group":"hall1"}`); c.Revision != before+2 {
		t.Errorf("assigning again made revision %d", c.Revision)
	}
	l = List[Unassigned]{}
	b.must(200, &l, http.MethodGet, "/api/v1/unassigned", "")
	if l.Total != 1 {
		t.Errorf("left unassigned are %+v", l)
	}
	b.post(fmt.Sprintf("/api/v1/revisions/%d/undo", before+2), "")
	l = List[Unassigned]{}
	b.must(200, &l, http.MethodGet, "/api/v1/unassigned", "")
	if l.Total != 2 {
		t.Errorf("after undoing unassigned are %+v", l)
	}
	// Rubbish on the stream stops nothing.
	if _, err := b.bus.JetStream().Publish(t.Context(), "seen.test", []byte("{")); err != nil {
		t.Fatal(err)
	}
	b.announce(announcement{Sensor: "new4", Source: "x", At: 1})
}

func TestTwoRegistriesAtOnce(t *testing.T) {
	both := openBus(t)
	one, two := open(t, both), open(t, both)
	one.put("/api/v1/groups/g", `{}`)
	var wg sync.WaitGroup
	const each = 20
	for i, b := range []*bench{one, two} {
		wg.Go(func() {
			for k := range each {
				// Without If-Match both get through, one after the other.
				b.put(fmt.Sprintf("/api/v1/sensors/s%d-%d", i, k), `{"quantity":"active_power"}`)
				b.announce(announcement{Sensor: record.SensorID(fmt.Sprintf("n%d-%d", i, k)), At: 1})
				b.post("/api/v1/assign", fmt.Sprintf(`{"sensor":"n%d-%d","group":"g"}`, i, k))
			}
		})
	}
	wg.Wait()
	last := max(one.catalog.State().Revision, two.catalog.State().Revision)
	if last != 1+4*each {
		t.Errorf("there are %d revisions, want %d", last, 1+4*each)
	}
	// With If-Match only one of two does.
	var fine sync.Map
	for i, b := range []*bench{one, two} {
		wg.Go(func() {
			r := b.do(http.MethodPut, "/api/v1/sites/x", fmt.Sprintf(`{"name":"%d"}`, i), "If-Match", tagOf(last))
			if r.status == 200 {
				fine.Store(i, true)
			} else if r.status != 412 {
				t.Errorf("answered %d %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	n := 0
	fine.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d writers got through with the same revision", n)
	}
	for _, b := range []*bench{one, two} {
		g, ok := b.catalog.State().Model.Group("g")
		if ok && b.catalog.State().Revision == last+1 && len(g.Members) != 2*each {
			t.Errorf("group has %d members, want %d", len(g.Members), 2*each)
		}
	}
}

// TestChangesReachAnotherCatalog: until a revision is there, the other catalog
// does not claim to know the model of when it is effective.
func TestChangesReachAnotherCatalog(t *testing.T) {
	b := openBus(t)
	one, two := open(t, b), open(t, b)
	for i := range 10 {
		c := one.put("/api/v1/sites/x", fmt.Sprintf(`{"name":"%d"}`, i))
		known := two.catalog.Known()
		before := two.catalog.State().Revision
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		var got catalog.State
		if err := two.catalog.Watch(ctx, func(s catalog.State) error {
			if s.Revision == c.Revision {
				got = s
				cancel()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		cancel()
		if got.Revision != c.Revision {
			t.Fatalf("revision %d did not arrive", c.Revision)
		}
		if before < c.Revision && !known.Before(got.Effective.Time()) {
			t.Errorf("before revision %d was there, the model was claimed to be known at %v, and it is effective at %v", c.Revision, known, got.Effective)
		}
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a registry without bus is made")
	}
}

func FuzzSeen(f *testing.F) {
	f.Add([]byte(`[{"sensor":"a","source":"x","quantity":"energy","unit":"kWh","at":5}]`))
	f.Add([]byte(`[{"sensor":"a"},{"sensor":"a","at":-1}]`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := NewSeen(nil, nil)
		if _, err := s.take(data); err != nil {
			return
		}
		for id, x := range s.of {
			if id.Validate() != nil || x.quantity != "" && x.quantity.Validate() != nil {
				t.Fatalf("%q %+v", id, x)
			}
		}
	})
}
