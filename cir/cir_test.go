package cir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/cir/book"
	"github.com/wattwerk/wattwerk/cir/item"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

func newStore(t *testing.T) *book.Store {
	t.Helper()
	s, err := book.Open(t.Context(), sqldb.Options{File: filepath.Join(t.TempDir(), "books.db"), NoSync: true}, "here")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// asker asks a service by HTTP.
type asker struct {
	t   *testing.T
	url string
}

func serve(t *testing.T, o Options) (*Service, asker) {
	t.Helper()
	if o.Store == nil {
		o.Store = newStore(t)
	}
	o.Actor = func(context.Context) string { return "Ada" }
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, asker{t, server.URL + prefix}
}

// do gives the body; out may be nil.
func (a asker) do(want int, method, path, body string, out any) string {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/import") {
		r.Header.Set("Content-Type", "text/csv")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if resp.StatusCode != want {
		a.t.Fatalf("%s %s answers %d, not %d: %s", method, path, resp.StatusCode, want, data)
	}
	if kind := resp.Header.Get("Content-Type"); want >= 400 && kind != "application/problem+json" {
		a.t.Errorf("%s %s answers with %s", method, path, kind)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			a.t.Fatal(err)
		}
	}
	return string(data)
}

const (
	one = "01936f4e-8c00-7abc-8def-000000000001"
	two = "01936f4e-8c00-7abc-8def-000000000002"
)

const pumps = `{"registries":[{"id":"plant","categories":[{"id":"pump","sourceId":"erp","entries":[
	{"idInSource":"P-101","sourceId":"erp","cirid":"` + one + `","name":"Pump","properties":[
		{"id":"PossibleEquivalentEntryID","values":[{"value":"[{\"IDInSource\":\"p1\",\"SourceID\":\"here\"},{\"IDInSource\":\"x\",\"SourceID\":\"mes\",\"PercentLikelihood\":70}]"}]}]},
	{"idInSource":"P-102","sourceId":"erp"}]}]}]}`

const key = `"registryId":"plant","categoryId":"pump","categorySourceId":"erp"`

// TestEveryOperation asks for each of them once by HTTP.
func TestEveryOperation(t *testing.T) {
	_, a := serve(t, Options{})
	var made book.ChangeMade
	a.do(201, "POST", "/registries", pumps, &made)
	if made.Things != 4 {
		t.Error(made)
	}
	var f item.CIRFault
	a.do(409, "POST", "/registries", pumps, &f)
	want := item.CIRFault{
		Title: "Conflict", Status: 409, Fault: "DuplicateEntryFault", Detail: `there is an entry "P-101" of "erp" in category "pump" of "erp" in registry "plant" already`,
		Identifier: item.FaultIdentifier{RegistryID: "plant", CategoryID: "pump", CategorySourceID: "erp", IDInSource: "P-101", SourceID: "erp"},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	a.do(201, "POST", "/equivalent-entries", `{"entries":[{"existingIdInSource":"P-102","existingSourceId":"erp",`+key+`,"entry":{"idInSource":"17","sourceId":"scada","cirid":"`+two+`"}}]}`, nil)
	a.do(404, "POST", "/equivalent-entries", `{"entries":[{"existingIdInSource":"P-1","existingSourceId":"erp",`+key+`,"entry":{"idInSource":"18","sourceId":"scada"}}]}`, &f)
	if f.Fault != "EntryNotFoundFault" {
		t.Error(f)
	}
	a.do(200, "PATCH", "/registries", `{"registries":[{"id":"plant","categories":[{"id":"pump","sourceId":"erp","entries":[{"idInSource":"P-102","sourceId":"erp","inactive":true}]}]}]}`, nil)
	var found book.FoundThings
	a.do(200, "POST", "/registries/search", `{"filters":[{"entry":{"inactive":true}},{"entry":{"sourceId":"sca.+"}}]}`, &found)
	if n := len(found.Registries[0].Categories[0].Entries); n != 2 {
		t.Errorf("%+v", found)
	}
	a.do(200, "GET", "/registries?id_in_source=P-10.&inactive=true", "", &found)
	if n := len(found.Registries[0].Categories[0].Entries); n != 1 {
		t.Errorf("%+v", found)
	}
	a.do(422, "GET", "/registries?name=*", "", nil)
	a.do(422, "GET", "/registries?after=x", "", nil)
	if got := a.do(200, "POST", "/equivalent-entries/search", `{"entries":[{`+key+`,"idInSource":"P-102","sourceId":"erp"},{`+key+`,"idInSource":"P-103","sourceId":"erp"}],"targetSourceIds":["sc.*"]}`, nil); strings.Count(got, `"17"`) != 1 || !strings.Contains(got, `"entry":null`) {
		t.Error(got)
	}
	if got := a.do(200, "GET", "/cirids/"+two+"/entries?target=scada", "", nil); strings.Count(got, "idInSource") != 1 {
		t.Error(got)
	}
	a.do(200, "POST", "/merge", `{"oldCirids":["`+two+`"],"newCirid":"`+one+`"}`, &made)
	if made.Things != 2 {
		t.Error(made)
	}
	var g Gathered
	a.do(200, "GET", "/"+strings.ToUpper(one), "", &g)
	if len(g.Entries) != 3 || len(g.Possible) != 2 || g.CIRID != one {
		t.Errorf("%+v", g)
	}
	a.do(404, "GET", "/"+two, "", nil)
	a.do(422, "GET", "/nobody", "", nil)
	a.do(200, "POST", fmt.Sprintf("/changes/%d/undo", made.Change), "", nil)
	a.do(409, "POST", fmt.Sprintf("/changes/%d/undo", made.Change), "", &f)
	if f.Fault != "ChangedSinceFault" || f.Identifier.Change != made.Change {
		t.Errorf("%+v", f)
	}
	a.do(404, "POST", "/changes/99/undo", "", nil)
	a.do(200, "GET", "/"+two, "", &g)
	var split SplitDone
	a.do(200, "POST", "/split", `{"entries":[{`+key+`,"idInSource":"17","sourceId":"scada"}]}`, &split)
	a.do(200, "GET", "/"+split.CIRID, "", &g)
	if len(g.Entries) != 1 {
		t.Errorf("%+v", g)
	}
	var past struct{ Changes []book.PastChange }
	a.do(200, "GET", "/changes?limit=2", "", &past)
	if len(past.Changes) != 2 || past.Changes[0].Operation != "Split" || past.Changes[0].Who != "Ada" {
		t.Errorf("%+v", past)
	}
	if got := a.do(200, "GET", fmt.Sprintf("/changes/%d", split.Change), "", nil); !strings.Contains(got, `"kind":"entry"`) {
		t.Error(got)
	}
	table := a.do(200, "GET", "/export?source=erp", "", nil)
	if !strings.HasPrefix(table, "registry,category,category_source,id_in_source,source,cirid,owner,name,inactive,description,property:PossibleEquivalentEntryID\nplant,pump,erp,P-101,") {
		t.Error(table)
	}
	a.do(422, "GET", "/export?source=*", "", nil)
	var in item.Imported
	a.do(200, "POST", "/import?dry_run=true", table+"plant,pump,erp,P-9,erp,,,,,,\n", &in)
	if in.Created != 1 || in.Unchanged != 2 || !in.DryRun || in.Change != 0 {
		t.Errorf("%+v", in)
	}
	a.do(200, "POST", "/import", table+"plant,pump,erp,P-9,erp,,,,,,\n", &in)
	if in.Created != 1 || in.Change == 0 {
		t.Errorf("%+v", in)
	}
	a.do(422, "POST", "/import", "x", nil)
	a.do(404, "POST", "/properties/delete", `{"properties":[{`+key+`,"idInSource":"P-102","sourceId":"erp","propertyId":"x"}]}`, &f)
	if f.Fault != "PropertyNotFoundFault" || f.Identifier.PropertyID != "x" {
		t.Errorf("%+v", f)
	}
	a.do(200, "POST", "/properties/delete", `{"properties":[{`+key+`,"idInSource":"P-101","sourceId":"erp","propertyId":"PossibleEquivalentEntryID"}]}`, nil)
	a.do(200, "POST", "/entries/delete", `{"entries":[{`+key+`,"idInSource":"P-101","sourceId":"erp"}]}`, nil)
	a.do(200, "POST", "/categories/delete", `{"categories":[{`+key+`}]}`, nil)
	a.do(404, "POST", "/categories/delete", `{"categories":[{`+key+`}]}`, &f)
	if f.Fault != "CategoryNotFoundFault" {
		t.Errorf("%+v", f)
	}
	a.do(200, "POST", "/registries/delete", `{"ids":["plant"]}`, nil)
	a.do(404, "POST", "/registries/delete", `{"ids":["plant"]}`, &f)
	if f.Fault != "RegistryNotFoundFault" {
		t.Errorf("%+v", f)
	}
}

func TestClosedRegistry(t *testing.T) {
	_, a := serve(t, Options{Closed: true})
	var f item.CIRFault
	a.do(403, "POST", "/registries", pumps, &f)
	if f.Fault != "CreateRegistryFault" || f.Identifier.RegistryID != "plant" {
		t.Errorf("%+v", f)
	}
}

// fixed is a feed that hands over what the test says.
type fixed struct{ batches chan item.Batch }

func (fixed) Categories() []string { return []string{item.SensorCategory} }

func (f fixed) Follow(ctx context.Context, do func(item.Batch) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case b := <-f.batches:
			if err := do(b); err != nil {
				return err
			}
			if b.Gone["fail"] != nil {
				return errors.New("the feed broke")
			}
		}
	}
}

func sensor(id, name string) item.Thing {
	return item.Thing{Category: item.SensorCategory, ID: id, Name: name}
}

// TestGather links a sensor that registered itself with what others call it.
func TestGather(t *testing.T) {
	f := fixed{make(chan item.Batch)}
	store := newStore(t)
	s, a := serve(t, Options{Store: store, Feeds: []Feed{f}, Registerer: prometheus.NewRegistry(), Series: func(_ context.Context, all []Named) ([][]LinkedSeries, error) {
		out := make([][]LinkedSeries, len(all))
		for i, n := range all {
			out[i] = []LinkedSeries{{Sensor: n.ID, Range: "/x/" + n.ID, Value: new(5.0)}}
		}
		return out, nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	f.batches <- item.Batch{All: true, Put: each([]item.Thing{sensor("p1", "Pump power")})}
	f.batches <- item.Batch{} // by now the first is done
	var found book.FoundThings
	a.do(200, "GET", "/registries?registry=wattwerk", "", &found)
	e := found.Registries[0].Categories[0].Entries[0]
	if e.SourceID != "here" || e.CIRID == nil || *e.Name != "Pump power" {
		t.Fatalf("%+v", e)
	}
	a.do(201, "POST", "/registries", pumps, nil)
	a.do(200, "POST", "/merge", `{"oldCirids":["`+*e.CIRID+`"],"newCirid":"`+one+`"}`, nil)
	var g Gathered
	a.do(200, "GET", "/"+one, "", &g)
	if len(g.Entries) != 2 || len(g.Entries[0].Series) != 1 || g.Entries[0].Series[0].Range != "/x/p1" || g.Entries[1].Series != nil {
		t.Errorf("%+v", g)
	}
	// p1 is linked by now, and so is no possibility any more.
	if len(g.Possible) != 1 || g.Possible[0].IDInSource != "x" || *g.Possible[0].PercentLikelihood != 70 || g.Possible[0].SaysIDInSource != "P-101" {
		t.Errorf("%+v", g.Possible)
	}
	f.batches <- item.Batch{Gone: map[string][]string{item.SensorCategory: {"p1"}}}
	f.batches <- item.Batch{}
	a.do(200, "GET", "/"+one, "", &g)
	if i := g.Entries[0].Entry.Inactive; i == nil || !*i {
		t.Errorf("%+v", g.Entries[0])
	}
	cancel()
	wg.Wait()
}

// TestBrokenFeedBeginsAgain waits, by a clock of its own.
func TestBrokenFeedBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f := Listed(time.Minute, func(context.Context) ([]item.Thing, error) {
			calls++
			return nil, errors.New("it does not answer")
		}, "source")
		s := &Service{log: slog.New(slog.DiscardHandler), meter: newMeter()}
		ctx, cancel := context.WithTimeout(t.Context(), 3*again+time.Second)
		defer cancel()
		s.follow(ctx, f)
		if calls != 4 {
			t.Errorf("it was asked %d times", calls)
		}
	})
}

func TestListedAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		n := 0
		err := Listed(time.Minute, func(context.Context) ([]item.Thing, error) { return []item.Thing{{Category: "source", ID: "a"}}, nil }, "source").
			Follow(ctx, func(b item.Batch) error {
				if !b.All {
					t.Error("not all that there is")
				}
				n++
				return nil
			})
		if err != nil || n != 3 {
			t.Error(n, err)
		}
	})
}

// TestModelsDiffer names what became of sensors and sites.
func TestModelsDiffer(t *testing.T) {
	first, err := model.New(model.Document{
		Sites:   []model.Site{{ID: "kiel", Name: "Kiel"}, {ID: "ulm"}},
		Sensors: []model.Sensor{{ID: "a", Site: "kiel", Quantity: "active_power"}, {ID: "b", Quantity: "active_power"}, {ID: "c", Quantity: "active_power"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := first.Apply(model.Patch{
		Sites:       []model.Site{{ID: "kiel", Name: "Kiel, harbour"}},
		Sensors:     []model.Sensor{{ID: "b", Name: "B", Quantity: "active_power"}, {ID: "c", Quantity: "active_power", Interval: model.Duration(time.Second)}, {ID: "d", Quantity: "active_power"}},
		RemoveSites: []model.SiteID{"ulm"}, RemoveSensors: []record.SensorID{"a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	names := func(b item.Batch) map[string]bool {
		out := make(map[string]bool)
		for x := range b.Put {
			if err := x.Check(Model(nil).Categories()); err != nil {
				t.Error(err)
			}
			out[x.Category+" "+x.ID+" "+x.Name] = true
		}
		return out
	}
	b := differ(nil, first)
	if diff := cmp.Diff(map[string]bool{"site kiel Kiel": true, "site ulm ": true, "sensor a ": true, "sensor b ": true, "sensor c ": true}, names(b)); diff != "" || !b.All {
		t.Error(diff)
	}
	b = differ(first, second)
	if diff := cmp.Diff(map[string]bool{"site kiel Kiel, harbour": true, "sensor b B": true, "sensor d ": true}, names(b)); diff != "" || b.All {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string][]string{"site": {"ulm"}, "sensor": {"a"}}, b.Gone); diff != "" {
		t.Error(diff)
	}
	if b := differ(second, second); b.Put != nil || b.Gone != nil || b.All {
		t.Errorf("%+v", b)
	}
}
