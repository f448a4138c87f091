package service

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// within is how long anything may take on a slow machine.
const within = 2 * time.Minute

// plant is a bus with a model, of which objects are kept somewhere.
type plant struct {
	t     *testing.T
	bus   *bus.Bus
	cat   *catalog.Catalog
	where sqldb.Options
	url   string
	more  func(*Options) // what else the next service has
}

const hallModel = `
sites: [{id: kiel, zone: Europe/Berlin}]
sensors:
  - {id: a, name: Boiler, site: kiel, quantity: active_power, interval: 1m}
  - {id: b, site: kiel, quantity: active_power, interval: 1m}
  - {id: c, site: kiel, quantity: energy, interval: 1h}
groups: [{id: hall, name: Hall, members: [{sensor: a}, {sensor: b}]}]
hierarchies: [{id: place, site: kiel, root: hall}]
`

func build(t *testing.T, where sqldb.Options, yaml string) *plant {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	cat := catalog.New(b, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- cat.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-cat.Ready()
	doc, err := model.ReadYAML([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cat.Commit(t.Context(), catalog.Change{Patch: model.Diff(model.Document{}, doc), Who: "test"}); err != nil {
		t.Fatal(err)
	}
	return &plant{t: t, bus: b, cat: cat, where: where}
}

// onBoth runs a test on both databases.
func onBoth(t *testing.T, f func(t *testing.T, where sqldb.Options)) {
	t.Run("sqlite", func(t *testing.T) { f(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}) })
	t.Run("postgres", func(t *testing.T) { f(t, sqldb.Options{URL: pgtest.Database(t)}) })
}

// work runs a service until the function that it gives is called.
func (p *plant) work() (stop func()) {
	p.t.Helper()
	store, err := book.Open(p.t.Context(), p.where)
	if err != nil {
		p.t.Fatal(err)
	}
	o := Options{Bus: p.bus, Catalog: p.cat, Store: store, Actor: func(context.Context) string { return "eva" }}
	if p.more != nil {
		p.more(&o)
	}
	s, err := New(o)
	if err != nil {
		p.t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	p.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
		server.Close()
		if err := store.Close(); err != nil {
			p.t.Error(err)
		}
	}
}

func (p *plant) ask(method, path, body, match string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if match != "" {
		req.Header.Set("If-Match", match)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(bytes.TrimSpace(data))
}

// want asks, and reads what is answered with that status.
func (p *plant) want(status int, method, path, body, match string, into any) string {
	p.t.Helper()
	code, said := p.ask(method, path, body, match)
	if code != status {
		p.t.Fatalf("%s %s answers %d %s, not %d", method, path, code, said, status)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(said), into); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, path, err, said)
		}
	}
	return said
}

// until asks until what is answered with 200 is as it should be.
func until[T any](p *plant, path string, right func(T) bool) T {
	p.t.Helper()
	for end := time.Now().Add(within); ; {
		code, said := p.ask("GET", path, "", "")
		var got T
		if code == 200 {
			if err := json.Unmarshal([]byte(said), &got); err != nil {
				p.t.Fatal(err)
			}
			if right(got) {
				return got
			}
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s answers %d %s", path, code, said)
		}
		select {
		case <-p.t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// send stores a reading.
func (p *plant) send(sensor record.SensorID, at time.Time, v float64) {
	p.t.Helper()
	var b record.Batch
	b.Append(record.Record{Sensor: sensor, Time: record.MillisOf(at), Value: v})
	if _, err := p.bus.PublishRecords(p.t.Context(), record.Partition(sensor, p.bus.Partitions()), b.Encode(nil)); err != nil {
		p.t.Fatal(err)
	}
}

// TestFirstReading: a sensor that speaks before the objects have it, and then keeps still,
// has been heard: it need not speak again.
func TestFirstReading(t *testing.T) {
	p := build(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}, hallModel)
	stop := p.work()
	defer stop()
	until(p, "/api/v1/objects", func(x ObjectPage) bool { return x.Total == 4 })
	at := time.Now().Truncate(time.Millisecond)
	p.send("new", at, 41)
	for i := range 20 { // one of each partition at least comes after it
		p.send(record.SensorID(fmt.Sprint("other", i)), at, 1)
	}
	p.send("a", at, 1)
	p.send("b", at, 1)
	until(p, "/api/v1/objects/group/hall", func(o ObjectDetail) bool { return *o.Usable == 2 })
	patch := model.Patch{Sensors: []model.Sensor{{ID: "new", Site: "kiel", Quantity: record.ActivePower, Interval: model.Duration(time.Hour)}}}
	if _, err := p.cat.Commit(t.Context(), catalog.Change{Base: p.cat.State().Revision, Patch: patch, Who: "test"}); err != nil {
		t.Fatal(err)
	}
	o := until(p, "/api/v1/objects/sensor/new", func(o ObjectDetail) bool { return o.State == object.Live })
	if o.Last == nil || o.Value == nil || *o.Value != 41 || !o.Last.Equal(at) {
		t.Errorf("%+v", o.ObjectItem)
	}
}

// TestObjects follows states from the first reading on, over a restart.
func TestObjects(t *testing.T) {
	onBoth(t, func(t *testing.T, where sqldb.Options) {
		p := build(t, where, hallModel)
		stop := p.work()
		all := until(p, "/api/v1/objects", func(x ObjectPage) bool { return x.Total == 4 })
		if all.States["down"] != 4 || all.Objects[0].ID != "group/hall" || all.Objects[1].Class != "brick:Active_Power_Sensor" {
			t.Errorf("%+v", all)
		}
		p.send("a", time.Now(), 7)
		p.send("b", time.Now().Add(-10*time.Minute), 3) // older than its max age
		got := until(p, "/api/v1/objects/group/hall", func(x ObjectDetail) bool { return x.State == "live" })
		if *got.Usable != 1 || *got.Members != 2 || got.Restriction.Kind != "some" {
			t.Errorf("%+v", got)
		}
		until(p, "/api/v1/objects/sensor/b", func(x ObjectDetail) bool { return x.State == "stale" && *x.Value == 3 })
		one := until(p, "/api/v1/objects?state=live&kind=sensor&class=Power_Sensor&under=group/hall&search=BOIL", func(x ObjectPage) bool { return x.Total == 1 })
		if o := one.Objects[0]; o.ID != "sensor/a" || *o.Value != 7 || o.Unit != "W" || o.Last == nil || o.Since == nil {
			t.Errorf("%+v", o)
		}
		page := until(p, "/api/v1/objects?limit=2", func(x ObjectPage) bool { return x.Next == "sensor/a" })
		if next := until(p, "/api/v1/objects?limit=2&cursor="+page.Next, func(x ObjectPage) bool { return true }); len(next.Objects) != 2 || next.Next != "" || next.Objects[0].ID != "sensor/b" {
			t.Errorf("%+v", next)
		}
		p.want(404, "GET", "/api/v1/objects/sensor/x", "", "", nil)
		p.want(422, "GET", "/api/v1/objects?class=Dragon", "", "", nil)

		type events struct{ Events []ObjectEvent }
		from := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		until(p, "/api/v1/objects/events?object=group/hall&from="+from, func(x events) bool { return len(x.Events) == 1 && x.Events[0].Is == "live" })

		// The hall needs both.
		epoch := all.Epoch
		p.want(412, "PUT", "/api/v1/objects/group/hall/enrichment", `{"restriction":{"kind":"all"}}`, `"3"`, nil)
		if said := p.want(422, "PUT", "/api/v1/objects/group/hall/enrichment", `{"space":"moon","restriction":{"kind":"min","k":0}}`, "", nil); !strings.Contains(said, "moon") || !strings.Contains(said, "restriction") {
			t.Error(said)
		}
		var stored StoredEnrichment
		p.want(200, "PUT", "/api/v1/objects/group/hall/enrichment", `{"restriction":{"kind":"all"}}`, `"0"`, &stored)
		if stored.ChangedBy != "eva" || stored.Version != 1 {
			t.Errorf("%+v", stored)
		}
		hall := until(p, "/api/v1/objects/group/hall", func(x ObjectDetail) bool { return x.State == "stale" })
		if hall.Enrichment.Enrichment.Restriction.Kind != "all" {
			t.Errorf("%+v", hall)
		}
		if later := until(p, "/api/v1/objects", func(ObjectPage) bool { return true }); later.Epoch <= epoch {
			t.Error("the epoch is", later.Epoch, "and was", epoch)
		}
		until(p, "/api/v1/objects/events?object=group/hall&from="+from, func(x events) bool {
			return len(x.Events) == 2 && x.Events[1].Was == "live" && x.Events[1].Is == "stale"
		})
		stop()

		// What was seen is known after a restart, and nothing is noted twice.
		stop = p.work()
		defer stop()
		until(p, "/api/v1/objects/sensor/a", func(x ObjectDetail) bool { return x.State == "live" && *x.Value == 7 })
		p.send("b", time.Now(), 4)
		until(p, "/api/v1/objects/group/hall", func(x ObjectDetail) bool { return x.State == "live" })
		until(p, "/api/v1/objects/events?object=group/hall&from="+from, func(x events) bool {
			return len(x.Events) == 3 && x.Events[2].Is == "live"
		})
		p.want(204, "DELETE", "/api/v1/objects/group/hall/enrichment", "", `"1"`, nil)
		p.want(404, "DELETE", "/api/v1/objects/group/hall/enrichment", "", "", nil)
		until(p, "/api/v1/objects/group/hall", func(x ObjectDetail) bool { return x.Enrichment == nil && x.Restriction.Kind == "some" })

		// A new sensor is an object.
		if _, err := p.cat.Commit(t.Context(), catalog.Change{Base: p.cat.State().Revision, Patch: model.Patch{Sensors: []model.Sensor{{ID: "new", Quantity: "voltage"}}}, Who: "test"}); err != nil {
			t.Fatal(err)
		}
		until(p, "/api/v1/objects/sensor/new", func(x ObjectDetail) bool { return x.Unit == "V" && x.State == "down" })
	})
}

func TestSpaces(t *testing.T) {
	p := build(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}, hallModel)
	stop := p.work()
	defer stop()
	until(p, "/api/v1/spaces", func(x SpaceList) bool { return len(x.Spaces) == 1 && x.Spaces[0].Site && x.Spaces[0].Objects == 4 })
	if said := p.want(422, "PUT", "/api/v1/spaces", `{"spaces":[{"id":"h","kind":"rec:Building","parent":"x"}]}`, "", nil); !strings.Contains(said, "unknown space") {
		t.Error(said)
	}
	p.want(200, "PUT", "/api/v1/spaces", `{"spaces":[{"id":"kiel","kind":"rec:Site"},{"id":"h","name":"Halle","kind":"rec:Building","parent":"kiel"}]}`, `"0"`, nil)
	until(p, "/api/v1/spaces", func(x SpaceList) bool { return x.Version == 1 && len(x.Spaces) == 2 })
	p.want(200, "PUT", "/api/v1/objects/sensor/a/enrichment", `{"space":"h"}`, "", nil)
	until(p, "/api/v1/objects?space=h", func(x ObjectPage) bool { return x.Total == 1 && x.Objects[0].ID == "sensor/a" })
	until(p, "/api/v1/objects/sensor/a", func(x ObjectDetail) bool { return len(x.Spaces) == 2 && x.Spaces[1] == "kiel" })
	until(p, "/api/v1/objects/changes", func(x struct{ Changes []ServiceChange }) bool {
		return len(x.Changes) == 2 && x.Changes[0].Kind == "enrichment" && x.Changes[0].Who == "eva"
	})
}
