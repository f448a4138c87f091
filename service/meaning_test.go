package service

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/object/thing"
	"github.com/wattwerk/wattwerk/service/foresight"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/service/vigil"
)

// TestMeaning writes objects in the words of others, asks about them, and takes
// them in again.
func TestMeaning(t *testing.T) {
	p := build(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}, hallModel)
	defer p.work()()
	until(p, "/api/v1/objects", func(x ObjectPage) bool { return x.Total == 4 })
	p.send("a", time.Now(), 7)
	until(p, "/api/v1/objects/sensor/a", func(x ObjectDetail) bool { return x.State == "live" })
	if said := p.want(200, "GET", "/api/v1/objects.ttl", "", "", nil); !strings.Contains(said, "brick:Active_Power_Sensor") {
		t.Error(said)
	}
	document := p.want(200, "GET", "/api/v1/objects.jsonld", "", "", nil)
	if !json.Valid([]byte(document)) || !strings.Contains(document, "urn:wattwerk:") {
		t.Error(document)
	}
	var answer struct {
		Results struct {
			Bindings []map[string]struct{ Value string }
		}
	}
	p.want(200, "POST", "/api/v1/objects/query", `{"query":"select ?s where { ?s a/rdfs:subClassOf* brick:Power_Sensor } order by ?s"}`, "", &answer)
	if b := answer.Results.Bindings; len(b) != 2 || b[0]["s"].Value != "urn:wattwerk:sensor/a" {
		t.Errorf("%+v", answer)
	}
	if said := p.want(422, "POST", "/api/v1/objects/query", `{"query":"select"}`, "", nil); !strings.Contains(said, "detail") {
		t.Error(said)
	}
	// What was written is taken, and says nothing that the model does not say.
	var imported ObjectsImported
	p.want(200, "POST", "/api/v1/objects/import", document, "", &imported)
	if imported.Applied || len(imported.Faults) > 0 || imported.Enrichments > 0 {
		t.Errorf("%+v", imported)
	}
	// What is wrong is told before it is done: objects and spaces that there are not, classes
	// that nobody knows, and those of something else.
	wrong := `{"@context":{"rec":"https://w3id.org/rec#","brick":"https://brickschema.org/schema/Brick#"},"@graph":[
		{"@id":"urn:wattwerk:space/h","@type":"rec:Castle"},{"@id":"urn:wattwerk:space/i","@type":"brick:Power_Sensor"},
		{"@id":"urn:wattwerk:sensor/nothing","@type":"brick:Active_Power_Sensor"},{"@id":"urn:wattwerk:sensor/a","@type":"brick:Flux_Capacitor"},
		{"@id":"urn:wattwerk:sensor/b","@type":"rec:Room","rec:locatedIn":{"@id":"urn:wattwerk:space/nowhere"}}]}`
	for range 2 {
		p.want(200, "POST", "/api/v1/objects/import", wrong, "", &imported)
		if imported.Applied || len(imported.Faults) != 6 {
			t.Errorf("%+v", imported)
		}
		for _, says := range []string{"space/h has the unknown class", "rec#Castle", "space/i has the class brick:Power_Sensor, which is none of spaces", `enrichment of "sensor/nothing", which the model does not have`, "sensor/a has the unknown class", "sensor/b is in the unknown space \"nowhere\"", "sensor/b has the class rec:Room"} {
			if !strings.Contains(strings.Join(imported.Faults, "\n"), says) {
				t.Errorf("it does not say %q: %q", says, imported.Faults)
			}
		}
	}
	more := `{"@context":{"rec":"https://w3id.org/rec#"},"@graph":[
		{"@id":"urn:wattwerk:space/h","@type":"rec:Building"},{"@id":"urn:wattwerk:sensor/a","rec:locatedIn":{"@id":"urn:wattwerk:space/h"}}]}`
	p.want(200, "POST", "/api/v1/objects/import?apply=true", more, "", &imported)
	if !imported.Applied || imported.Spaces != 1 || imported.Enrichments != 1 {
		t.Errorf("%+v", imported)
	}
	until(p, "/api/v1/objects?space=h", func(x ObjectPage) bool { return x.Total == 1 && x.Objects[0].ID == "sensor/a" })
	until(p, "/api/v1/objects/findings", func(x struct {
		Findings []ObjectFinding
		Total    int
	}) bool {
		return x.Total >= len(x.Findings)
	})
	until(p, "/api/v1/things", func(x []struct{ ID, Base string }) bool {
		return len(x) == 4 && strings.HasPrefix(x[0].Base, p.url)
	})
	// Who knows no more than the host finds the directory, and by it a thing.
	dir := until(p, "/.well-known/wot", func(x thing.ThingDirectory) bool { return x.Type == "ThingDirectory" })
	one := strings.NewReplacer("{kind}", "sensor", "{id}", "a").Replace(dir.Base + dir.Actions["retrieveThing"].Forms[0].Href)
	all, _, _ := strings.Cut(dir.Base+dir.Properties["things"].Forms[0].Href, "{")
	for address, media := range map[string]string{p.url + "/.well-known/wot": thing.MediaType, one: thing.MediaType, all: "application/json"} {
		resp, err := http.Get(address) //nolint:noctx // a test's own server
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != media {
			t.Errorf("%s: %d, %s", address, resp.StatusCode, got)
		}
	}
	until(p, "/api/v1/things/sensor/a", func(x struct{ ID string }) bool { return x.ID == "urn:wattwerk:sensor/a" })
	p.want(404, "GET", "/api/v1/things/device/none", "", "", nil)
}

// TestForecast forecasts a day, and finds what is not usual.
func TestForecast(t *testing.T) {
	now := clock()
	h := &waves{end: now - now%stand.Quarter, bUntil: now}
	p := build(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}, hallModel)
	p.more = func(o *Options) { o.History = h }
	defer p.work()()
	until(p, "/api/v1/objects", func(x ObjectPage) bool { return x.Total == 4 })
	f := until(p, "/api/v1/forecasts/sensor/a", func(foresight.ObjectForecast) bool { return true })
	if len(f.Values) < 23 || f.Values[0].Value == nil || math.IsNaN(*f.Values[0].Value) || f.Zone != "Europe/Berlin" || f.Unit != "W" {
		t.Errorf("%+v", f)
	}
	p.want(422, "GET", "/api/v1/forecasts/sensor/c", "", "", nil) // nothing is known of it
	p.want(404, "GET", "/api/v1/forecasts/sensor/x", "", "", nil)
	p.want(422, "GET", "/api/v1/forecasts/sensor/a?day=today", "", "", nil)
	from := url.QueryEscape(time.Now().Add(-5 * 24 * time.Hour).UTC().Format(time.RFC3339))
	until(p, "/api/v1/anomalies?object=sensor/a&from="+from, func(x struct{ Anomalies []vigil.ObjectAnomaly }) bool { return x.Anomalies != nil })
	p.want(404, "GET", "/api/v1/anomalies?object=sensor/x&from="+from, "", "", nil)
}
