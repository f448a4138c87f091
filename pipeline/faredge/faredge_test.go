package faredge

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/repository"
)

// Ids of what is there at the beginning.
const (
	kind     = "445a0000-0000-4000-8000-000000000001"
	over     = "6b8b0000-0000-4000-8000-000000000001"
	def      = "9cc00000-0000-4000-8000-000000000001"
	gateway  = "d9020000-0000-4000-8000-000000000001"
	source   = "9ecf0000-0000-4000-8000-000000000001"
	sink     = "685e0000-0000-4000-8000-000000000001"
	local    = "9ecf0000-0000-4000-8000-000000000002" // a source on the gateway
	filterer = "b6cb0000-0000-4000-8000-000000000001"
	stopped  = "abc50000-0000-4000-8000-000000000001"
	running  = "abc50000-0000-4000-8000-000000000002"
	edge     = "abc50000-0000-4000-8000-000000000003" // on the gateway
	consumer = "aaaa0000-0000-4000-8000-000000000001"
	channel  = "bbbb0000-0000-4000-8000-000000000001"
	nobody   = "00000000-0000-4000-8000-000000000000"
)

type runtime struct {
	states map[string]manifest.Observed
	fails  bool
}

func (r *runtime) Start(_ context.Context, id, _ string) error {
	if r.fails {
		return errors.New("it does not start")
	}
	r.states[id] = manifest.IsRunning
	return nil
}

func (r *runtime) Stop(_ context.Context, id, _ string) error {
	r.states[id] = manifest.IsStopped
	return nil
}

func (r *runtime) State(_ context.Context, id string) (manifest.Observed, error) {
	return r.states[id], nil
}

func (r *runtime) Last(_ context.Context, source string, n int) ([]Value, error) {
	if source == sink {
		return nil, errors.New("there is nothing")
	}
	at := time.Date(2018, 5, 24, 14, 59, 14, 0, time.UTC)
	return []Value{{at, 210, false}, {at.Add(time.Second), 0, true}, {at.Add(2 * time.Second), math.Pi, false}}[:min(n, 3)], nil
}

type world struct {
	t       *testing.T
	store   *repository.Store
	runtime *runtime
	service *Service
	refused int
}

func start(t *testing.T) *world {
	t.Helper()
	filter := manifest.ProcessorType{Name: "filter", Parameters: []manifest.Parameter{
		{Name: "operator", OneOf: []string{"GE", "LT"}, Required: true}, {Name: "threshold", Type: manifest.Float, Required: true},
	}}
	store, err := repository.Open(t.Context(), sqldb.Options{File: filepath.Join(t.TempDir(), "db")}, repository.Options{
		Processor: func(name string) (manifest.ProcessorType, bool) { return filter, name == "filter" },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	c := func(id, name string) manifest.Common { return manifest.Common{ID: id, Name: name} }
	am := func(id, name, gateway string) manifest.Manifest {
		return manifest.Manifest{Common: c(id, name), Gateway: gateway, Processors: []manifest.Processor{{
			Name: "filterer", Definition: filterer, From: []string{source}, To: sink,
			Parameters: manifest.Values{"operator": json.RawMessage(`"GE"`), "threshold": json.RawMessage("38")},
		}}}
	}
	if _, err := store.Apply(t.Context(), &manifest.Bundle{
		Kinds:             []manifest.Kind{{Common: c(kind, "Temperature"), Format: "JSON", Quantity: "Temperature", Unit: "°C"}},
		Interfaces:        []manifest.Interface{{Common: c(over, "Over MQTT"), Protocol: "MQTT", Parameters: []manifest.Parameter{{Name: "host"}, {Name: "port", Type: manifest.Int, Max: new(65535.0)}, {Name: "topic"}}}},
		SourceDefinitions: []manifest.SourceDefinition{{Common: c(def, "T over MQTT"), Interface: over, Kinds: []string{kind}}},
		Gateways:          []manifest.Gateway{{Common: c(gateway, "Bob"), Namespace: "bob", MAC: "E5", RouterURL: "http://localhost:7777/api", EngineURL: "http://localhost:9999/api"}},
		Sources: []manifest.Source{
			{Common: c(source, "in"), MAC: "B7", Definition: def, Parameters: manifest.Values{"port": json.RawMessage("1883")}},
			{Common: c(sink, "out"), MAC: "B8", Definition: def}, {Common: c(local, "local"), MAC: "B9", Definition: def, Gateway: gateway},
		},
		Definitions: []manifest.Definition{{Common: c(filterer, "Filterer"), Type: "filter", Version: "1.0.0", Location: "/var/processors/filter.jar"}},
		Manifests:   []manifest.Manifest{am(stopped, "stopped", ""), am(running, "running", ""), am(edge, "edge", gateway)},
		Consumers:   []manifest.Consumer{{Common: c(consumer, "office"), URI: "http://office", MAC: "C1", Definitions: []string{def}}},
		Channels:    []manifest.Channel{{ID: channel, URI: "http://channel", Source: source, Consumer: consumer}},
	}, false, "eva"); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: store, runtime: &runtime{states: map[string]manifest.Observed{running: manifest.IsRunning}}}
	clock := time.Unix(1000, 0)
	w.service, err = New(Options{
		Store: store, Runtime: w.runtime, Who: func(context.Context) string { return "eva" },
		Allow: func(_ context.Context, change bool) int {
			if change && w.refused != 0 {
				return w.refused
			}
			return 0
		},
		Failed: func(string, ...any) {},
		Now:    func() time.Time { defer func() { clock = clock.Add(300 * time.Second) }(); return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) do(method, path, body string) (int, http.Header, string) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, Prefix+path, strings.NewReader(body))
	rec := httptest.NewRecorder()
	w.service.ServeHTTP(rec, r)
	text, err := io.ReadAll(rec.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return rec.Code, rec.Header(), strings.TrimSpace(string(text))
}

const (
	goodKind    = `{"name":"N","quantityKind":"Q"}`
	goodOver    = `{"name":"N","communicationProtocol":"MQTT","parameters":{"parameter":[{"name":"host","dataType":"string"},{"name":"port","dataType":"int"}]}}`
	goodDef     = `{"name":"N","dataInterfaceReferenceID":"` + over + `","dataKindReferenceID":"` + kind + `"}`
	goodAPD     = `{"name":"N","processorType":"filter","version":"1.0.0","parameters":{"parameter":[{"name":"operator","dataType":"string"},{"name":"threshold","dataType":"float"}]}}`
	goodGateway = `{"name":"N","namespace":"n","macAddress":"m","dataRouterAndPreprocessorBaseURL":"http://a/api","edgeAnalyticsEngineBaseURL":"http://b/api","location":{"virtualLocation":"hall"}}`
	goodSource  = `{"name":"N","macAddress":"m","dataSourceDefinitionReferenceID":"` + def + `","dataSourceDefinitionInterfaceParameters":{"parameter":[{"key":"host","value":"localhost"},{"key":"port","value":1883},{"key":"topic","value":"bob/temperature"}]}}`
	apm         = `{"name":"filterer","analyticsProcessorDefinitionReferenceID":"` + filterer + `","parameters":{"parameter":[{"key":"operator","value":"GE"},{"key":"threshold","value":38}]},"dataSources":{"dataSource":[{"dataSourceManifestReferenceID":"` + source + `"}]},"dataSink":{"dataSourceManifestReferenceID":"` + sink + `"}}`
	goodAM      = `{"name":"N","analyticsProcessors":{"apm":[` + apm + `]}}`
)

// without takes a field out of a body.
func without(body, field string) string {
	var x any
	if err := json.Unmarshal([]byte(body), &x); err != nil {
		panic(err)
	}
	var drop func(any)
	drop = func(x any) {
		switch x := x.(type) {
		case map[string]any:
			delete(x, field)
			for _, v := range x {
				drop(v)
			}
		case []any:
			for _, v := range x {
				drop(v)
			}
		}
	}
	drop(x)
	out, err := json.Marshal(x)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// with puts a text in the place of another, which must be there.
func with(body, was, now string) string {
	if !strings.Contains(body, was) {
		panic(was + " is not in " + body)
	}
	return strings.ReplaceAll(body, was, now)
}

type row struct {
	method, path, body string
	code               int
	want               string // the error; of what goes well a part of the body
}

// crud are the rows of a type whose routes are all alike.
func crud(path, many, id, good, missing string, required ...string) []row {
	named := map[string]string{"/data-kinds": "Temperature", "/data-interfaces": "Over MQTT", "/data-source-definitions": "T over MQTT", "/analytics-processor-definitions": "Filterer", "/edge-gateways": "Bob"}[path]
	rows := []row{
		{"POST", path, good, 201, `"name":"N"`},
		{"POST", path, with(good, `"N"`, `"`+named+`"`), 400, "NAME_TAKEN"},
		{"POST", path, with(good, `"N"`, `7`), 400, "INVALID_NAME"},
		{"POST", path, with(good, `"N"`, `""`), 400, "INVALID_NAME"},
		{"POST", path, with(good, `"N"`, `"N","colour":"red"`), 201, `"name":"N"`}, // what is not known is passed over
		{"POST", path, `[]`, 400, "INVALID_BODY"},
		{"POST", path, `{`, 400, "INVALID_BODY"},
		{"POST", path, `{"name":"` + strings.Repeat("x", 100<<10) + `"}`, 413, "BODY_TOO_LARGE"},
		{"PUT", path + "/" + id, good, 200, `"id":"` + id + `"`},
		{"PUT", path + "/" + nobody, good, 404, missing},
		{"PUT", path + "/7", good, 400, "INVALID_ID"},
		{"GET", path + "/" + id, "", 200, `"name":"` + named + `"`},
		{"GET", path + "/" + strings.ToUpper(id) + "/", "", 200, `"id":"` + id + `"`},
		{"GET", path + "/" + nobody, "", 404, missing},
		{"GET", path + "/7", "", 400, "INVALID_ID"},
		{"DELETE", path + "/" + id, "", 409, "IN_USE"},
		{"DELETE", path + "/" + nobody, "", 404, missing},
		{"DELETE", path + "/7", "", 400, "INVALID_ID"},
		{"POST", path + "/discover", `{"name":"` + named + `"}`, 200, `{"` + many + `":[{"id":"` + id},
		{"POST", path + "/discover", `{"id":"` + id + `"}`, 200, `"id":"` + id},
		{"POST", path + "/discover", `{"id":"` + nobody + `"}`, 200, `{"` + many + `":[]}`},
		{"POST", path + "/discover", `{"id":"7"}`, 400, "INVALID_ID"},
		{"POST", path + "/discover", ``, 200, `"id":"` + id},
		{"PATCH", path, good, 404, "Nothing to PATCH @ " + Prefix + path + "."},
	}
	for _, f := range required {
		rows = append(rows,
			row{"POST", path, without(good, f), 400, "MISSING_" + snake(f)},
			row{"PUT", path + "/" + id, without(good, f), 400, "MISSING_" + snake(f)})
	}
	return rows
}

func rows() []row {
	all := []row{
		{"GET", "/health-check", "", 200, `{"uptime":300}`}, // the first that asks for the time
		{"GET", "/nothing?x=1", "", 404, "Nothing to GET @ " + Prefix + "/nothing?x=1."},
		{"POST", "/data-kinds/discover", `{"quantityKind":"Temperature","format":"JSON"}`, 200, kind},
		{"POST", "/data-kinds/discover", `{"modelType":"SenML"}`, 200, `{"dataKinds":[]}`},
		{"POST", "/data-interfaces", without(goodOver, "communicationProtocol"), 201, `"name":"N"`},
		{"POST", "/data-interfaces", with(goodOver, `"port"`, `"host"`), 400, "DUPLICATE_PARAMETER_NAME"},
		{"PUT", "/data-interfaces/" + over, with(goodOver, `"port"`, `"host"`), 400, "DUPLICATE_PARAMETER_NAME"},
		{"POST", "/data-interfaces", with(goodOver, `"int"`, `"blob"`), 400, "INVALID_DATA_TYPE"},
		{"POST", "/data-interfaces", with(goodOver, `"int"`, `"int","defaultValue":"many"`), 400, "INVALID_MODEL"},
		{"PUT", "/data-interfaces/" + over, with(goodOver, `"port"`, `"gate"`), 400, "INVALID_MODEL"}, // a source has a port
		{"POST", "/data-interfaces/discover", `{"communicationProtocol":"MQTT"}`, 200, over},
		{"POST", "/data-source-definitions", with(goodDef, over, nobody), 400, "DATA_INTERFACE_NOT_FOUND"},
		{"POST", "/data-source-definitions", with(goodDef, kind, nobody), 400, "DATA_KIND_NOT_FOUND"},
		{"PUT", "/data-source-definitions/" + def, with(goodDef, over, nobody), 400, "DATA_INTERFACE_NOT_FOUND"},
		{"PUT", "/data-source-definitions/" + def, with(goodDef, kind, nobody), 400, "DATA_KIND_NOT_FOUND"},
		{"POST", "/data-source-definitions", with(goodDef, kind, "7"), 400, "INVALID_DATA_KIND_REFERENCE_ID"},
		{"POST", "/data-source-definitions", with(goodDef, over, "7"), 400, "INVALID_DATA_INTERFACE_REFERENCE_ID"},
		{"POST", "/data-source-definitions", with(goodDef, `"dataKindReferenceID":"`+kind+`"`, `"dataKindReferenceIDs":{"dataKindReferenceID":["`+kind+`"]}`), 201, `"dataKindReferenceID":"` + kind + `"`},
		{"POST", "/data-source-definitions/discover", `{"dataKindReferenceID":"` + kind + `"}`, 200, def},
		{"POST", "/data-source-definitions/discover", `{"dataInterfaceReferenceID":"` + nobody + `"}`, 200, `{"dataSourceDefinitions":[]}`},
		{"POST", "/analytics-processor-definitions", with(goodAPD, `"threshold"`, `"operator"`), 400, "DUPLICATE_PARAMETER_NAME"},
		{"PUT", "/analytics-processor-definitions/" + filterer, with(goodAPD, `"threshold"`, `"operator"`), 400, "DUPLICATE_PARAMETER_NAME"},
		{"POST", "/analytics-processor-definitions", with(goodAPD, `"filter"`, `"rm -rf"`), 400, "INVALID_MODEL"},
		{"POST", "/analytics-processor-definitions/discover", `{"processorType":"filter","version":"1.0.0"}`, 200, filterer},
		{"POST", "/edge-gateways", with(goodGateway, `"n"`, `"bob"`), 400, "NAMESPACE_TAKEN"},
		{"PUT", "/edge-gateways/" + gateway, without(goodGateway, "location"), 200, gateway},
		{"POST", "/edge-gateways", with(goodGateway, `http://a/api`, `a`), 400, "INVALID_DATA_ROUTER_AND_PREPROCESSOR_BASE_URL"},
		{"POST", "/edge-gateways", with(goodGateway, `"virtualLocation":"hall"`, `"geoLocation":{"latitude":5}`), 400, "MISSING_LONGITUDE"},
		{"POST", "/edge-gateways", with(goodGateway, `"virtualLocation":"hall"`, `"geoLocation":{"latitude":"x","longitude":5}`), 400, "INVALID_LATITUDE"},
		{"POST", "/edge-gateways", with(goodGateway, `"virtualLocation":"hall"`, `"geoLocation":{"latitude":95,"longitude":5}`), 400, "INVALID_MODEL"},
		{"POST", "/edge-gateways/discover", `{"namespace":"bob","macAddress":"E5"}`, 200, gateway},
	}
	all = append(all, crud("/data-kinds", "dataKinds", kind, goodKind, "DATA_KIND_NOT_FOUND", "name", "quantityKind")...)
	all = append(all, crud("/data-interfaces", "dataInterfaces", over, with(goodOver, `{"name":"host"`, `{"name":"topic"},{"name":"host"`), "DATA_INTERFACE_NOT_FOUND", "name")...)
	all = append(all, crud("/data-source-definitions", "dataSourceDefinitions", def, goodDef, "DATA_SOURCE_DEFINITION_NOT_FOUND", "name", "dataInterfaceReferenceID", "dataKindReferenceID")...)
	all = append(all, crud("/analytics-processor-definitions", "analyticsProcessorDefinitions", filterer, goodAPD, "ANALYTICS_PROCESSOR_DEFINITION_NOT_FOUND", "name", "processorType")...)
	all = append(all, crud("/edge-gateways", "edgeGateways", gateway, goodGateway, "EDGE_GATEWAY_NOT_FOUND", "name", "namespace", "macAddress", "dataRouterAndPreprocessorBaseURL", "edgeAnalyticsEngineBaseURL")...)
	all = append(all, sourceRows()...)
	return append(all, instanceRows()...)
}

const at = "?edgeGatewayReferenceID="

func sourceRows() []row {
	all := []row{
		{"POST", "/data-sources", goodSource, 201, `{"key":"port","value":"1883"}`},
		{"POST", "/data-sources" + at + gateway, goodSource, 201, `"edgeGatewayReferenceID":"` + gateway + `"`},
		{"POST", "/data-sources", with(goodSource, def, nobody), 400, "DATA_SOURCE_DEFINITION_NOT_FOUND"},
		{"POST", "/data-sources", with(goodSource, `"topic"`, `"host"`), 400, "DUPLICATE_PARAMETER_VALUE"},
		{"POST", "/data-sources", with(goodSource, `"N"`, `"in"`), 400, "NAME_TAKEN"},
		{"POST", "/data-sources", with(goodSource, `1883`, `"many"`), 400, "INVALID_MODEL"},
		{"POST", "/data-sources", with(goodSource, `"topic"`, `"subject"`), 400, "INVALID_MODEL"},
		{"POST", "/data-sources", with(goodSource, def, "7"), 400, "INVALID_DATA_SOURCE_DEFINITION_REFERENCE_ID"},
		{"POST", "/data-sources", without(goodSource, "key"), 400, "MISSING_KEY"},
		{"DELETE", "/data-sources/" + local + at + gateway, "", 204, ""},
		{"DELETE", "/data-sources/" + local, "", 404, "DATA_SOURCE_NOT_FOUND"},
		{"DELETE", "/data-sources/" + source + at + gateway, "", 404, "DATA_SOURCE_NOT_FOUND"},
		{"DELETE", "/data-sources/" + source, "", 409, "IN_USE"},
		{"DELETE", "/data-sources/" + nobody, "", 404, "DATA_SOURCE_NOT_FOUND"},
		{"DELETE", "/data-sources/7", "", 400, "INVALID_ID"},
		{"POST", "/data-sources/discover", `{"name":"in"}`, 200, `{"dataSources":[{"id":"` + source},
		{"POST", "/data-sources/discover", `{"dataSourceDefinitionReferenceID":"` + nobody + `"}`, 200, `{"dataSources":[]}`},
		{"POST", "/data-sources/discover", ``, 200, local},
		{"POST", "/data-sources/discover" + at + gateway, ``, 200, `{"dataSources":[{"id":"` + local},
		{"POST", "/data-sources/discover", `{"id":7}`, 400, "INVALID_ID"},
		{"GET", "/data-sources/" + source + "/data", "", 200, `{"data":[{"timestamp":"2018-05-24 14:59:14","value":"210"},{"timestamp":"2018-05-24 14:59:15","value":null},{"timestamp":"2018-05-24 14:59:16","value":"3.141592653589793"}]}`},
		{"GET", "/data-sources/" + sink + "/data", "", 200, `{"data":[]}`}, // it cannot be read
		{"GET", "/data-sources/" + nobody + "/data", "", 200, `{"data":[]}`},
		{"GET", "/data-sources/" + source + "/data" + at + nobody, "", 200, `{"data":[]}`},
		{"PUT", "/data-sources/" + source, goodSource, 404, "Nothing to PUT @ " + Prefix + "/data-sources/" + source + "."},
	}
	for _, f := range []string{"name", "macAddress", "dataSourceDefinitionReferenceID"} {
		all = append(all, row{"POST", "/data-sources", without(goodSource, f), 400, "MISSING_" + snake(f)})
	}
	for _, r := range [][2]string{{"POST", "/data-sources"}, {"DELETE", "/data-sources/" + source}, {"POST", "/data-sources/discover"}} {
		all = append(all, row{r[0], r[1] + at + nobody, goodSource, 400, "EDGE_GATEWAY_NOT_FOUND"}, row{r[0], r[1] + at + "7", goodSource, 400, "INVALID_EDGE_GATEWAY_REFERENCE_ID"})
	}
	return all
}

func instanceRows() []row {
	const path = "/analytics-instances"
	all := []row{
		{"POST", path, goodAM, 201, `"name":"N"`},
		{"POST", path + at + gateway, goodAM, 201, `"edgeGatewayReferenceID":"` + gateway + `"`},
		{"PUT", path + "/" + running + "/specification", goodAM, 400, "ANALYTICS_INSTANCE_RUNNING"},
		{"PUT", path + "/" + nobody + "/specification", goodAM, 404, noInstance},
		{"PUT", path + "/" + stopped + "/specification", goodAM, 200, `"id":"` + stopped + `"`},
		{"PUT", path + "/" + edge + "/specification" + at + gateway, goodAM, 200, `"edgeGatewayReferenceID":"` + gateway + `"`},
		{"DELETE", path + "/" + stopped, "", 204, ""},
		{"DELETE", path + "/" + running, "", 400, "ANALYTICS_INSTANCE_RUNNING"},
		{"DELETE", path + "/" + nobody, "", 404, noInstance},
		{"GET", path + "/" + stopped, "", 200, `"state":"STOPPED"}`},
		{"GET", path + "/" + running, "", 200, `"state":"RUNNING"}`},
		{"GET", path + "/" + edge + at + gateway, "", 200, `"state":"STOPPED","edgeGatewayReferenceID":"` + gateway + `"}`},
		{"GET", path + "/" + edge, "", 404, noInstance},
		{"GET", path + "/" + nobody, "", 404, noInstance},
		{"GET", path + "/7", "", 400, "INVALID_ID"},
		{"GET", path + "/" + stopped + "/specification", "", 200, `"analyticsProcessors":{"apm":[{"id":"`},
		{"GET", path + "/" + nobody + "/specification", "", 404, noInstance},
		{"GET", path + "/" + stopped + "/state", "", 200, `{"id":"` + stopped + `","state":"STOPPED"}`},
		{"GET", path + "/" + nobody + "/state", "", 404, noInstance},
		{"POST", path + "/discover", ``, 200, edge},
		{"POST", path + "/discover", `{"name":"stopped"}`, 200, `{"analyticsInstances":[{"id":"` + stopped + `","specification":{"id":"` + stopped + `","name":"stopped"`},
		{"POST", path + "/discover" + at + gateway, `{}`, 200, `{"analyticsInstances":[{"id":"` + edge},
		{"POST", path + "/discover" + at + gateway, `{"id":"` + stopped + `"}`, 200, `{"analyticsInstances":[]}`},
		{"POST", path + "/" + stopped + "/start", "", 204, ""},
		{"POST", path + "/" + edge + "/start" + at + gateway, "", 204, ""},
		{"POST", path + "/" + running + "/start", "", 400, "ANALYTICS_INSTANCE_RUNNING"},
		{"POST", path + "/" + nobody + "/start", "", 404, noInstance},
		{"POST", path + "/" + running + "/stop", "", 204, ""},
		{"POST", path + "/" + stopped + "/stop", "", 400, "ANALYTICS_INSTANCE_NOT_RUNNING"},
		{"POST", path + "/" + nobody + "/stop", "", 404, noInstance},
	}
	for _, r := range [][2]string{
		{"POST", path}, {"PUT", path + "/" + stopped + "/specification"}, {"DELETE", path + "/" + stopped}, {"GET", path + "/" + stopped},
		{"GET", path + "/" + stopped + "/specification"}, {"GET", path + "/" + stopped + "/state"}, {"POST", path + "/discover"},
		{"POST", path + "/" + stopped + "/start"}, {"POST", path + "/" + running + "/stop"},
	} {
		all = append(all, row{r[0], r[1] + at + nobody, goodAM, 400, "EDGE_GATEWAY_NOT_FOUND"})
	}
	for _, r := range [][2]string{{"POST", path}, {"PUT", path + "/" + stopped + "/specification"}} {
		for body, want := range map[string]string{
			with(goodAM, filterer, nobody):                                     "ANALYTICS_PROCESSOR_DEFINITION_NOT_FOUND",
			with(goodAM, sink, nobody):                                         "DATA_SINK_NOT_FOUND",
			with(goodAM, source, nobody):                                       "DATA_SOURCE_NOT_FOUND",
			with(goodAM, `"threshold"`, `"operator"`):                          "DUPLICATE_PARAMETER_VALUE",
			with(goodAM, `"N"`, `"running"`):                                   "NAME_TAKEN",
			with(goodAM, `38`, `"high"`):                                       "INVALID_MODEL",
			with(goodAM, `"GE"`, `"LIKE"`):                                     "INVALID_MODEL",
			with(goodAM, apm, ``):                                              "INVALID_MODEL",
			without(goodAM, "name"):                                            "MISSING_NAME",
			without(goodAM, "analyticsProcessors"):                             "MISSING_ANALYTICS_PROCESSORS",
			without(goodAM, "dataSink"):                                        "MISSING_DATA_SINK",
			without(goodAM, "dataSources"):                                     "MISSING_DATA_SOURCES",
			with(goodAM, `{"dataSourceManifestReferenceID":"`+source+`"}`, ``): "MISSING_DATA_SOURCES",
			without(goodAM, "analyticsProcessorDefinitionReferenceID"):         "MISSING_ANALYTICS_PROCESSOR_DEFINITION_REFERENCE_ID",
		} {
			all = append(all, row{r[0], r[1], body, 400, want})
		}
	}
	return all
}

// Every route, with every error that it has.
func TestEveryRoute(t *testing.T) {
	w := start(t)
	for _, r := range rows() {
		code, head, body := w.do(r.method, r.path, r.body)
		ok := code == r.code
		if code >= 400 {
			var x map[string]string
			ok = ok && json.Unmarshal([]byte(body), &x) == nil && x["error"] == r.want
		} else {
			ok = ok && strings.Contains(body, r.want) && (code != 204 || body == "")
		}
		if !ok {
			t.Errorf("%s %s %.300s\nanswers %d %.500s\nwant    %d %s", r.method, r.path, r.body, code, body, r.code, r.want)
		}
		if id := idIn(json.RawMessage(body)); code == 201 && (id == "" || !strings.HasSuffix(head.Get("Location"), "/"+id)) {
			t.Errorf("%s %s: %s is at %q", r.method, r.path, body, head.Get("Location"))
		}
		if code < 400 && r.method != "GET" {
			w = start(t) // all begin with the same models
		}
	}
}

// Who may not change anything may look.
func TestScopes(t *testing.T) {
	w := start(t)
	for refused, want := range map[int]string{401: "UNKNOWN_ACCESSOR", 403: "ACCESS_DENIED"} {
		w.refused = refused
		for _, r := range rows() {
			reads := r.method == "GET" || strings.Contains(r.path, "/discover")
			code, _, body := w.do(r.method, r.path, r.body)
			denied := code == refused && body == `{"error":"`+want+`"}`
			if nothing := strings.HasPrefix(r.want, "Nothing"); denied == (reads || nothing) {
				t.Errorf("%s %s: %d %s", r.method, r.path, code, body)
			}
		}
	}
}

func TestStates(t *testing.T) {
	w := start(t)
	for o, want := range map[manifest.Observed]string{
		manifest.IsCreated: "STOPPED", manifest.IsStarting: "RUNNING", manifest.IsRunning: "RUNNING", manifest.IsDegraded: "RUNNING",
		manifest.IsPaused: "STOPPED", manifest.IsStopping: "STOPPED", manifest.IsStopped: "STOPPED", manifest.IsFailed: "FAILED", "": "STOPPED",
	} {
		w.runtime.states[stopped] = o
		if _, _, body := w.do("GET", "/analytics-instances/"+stopped+"/state", ""); !strings.Contains(body, `"`+want+`"`) {
			t.Errorf("%s is %s", o, body)
		}
	}
	w.runtime.fails, w.runtime.states[stopped] = true, manifest.IsFailed
	if code, _, body := w.do("POST", "/analytics-instances/"+stopped+"/start", ""); code != 500 || body != `{"error":"FAILED"}` {
		t.Error(code, body)
	}
}

// What the forms have no place for stays when a form is put.
func TestPutKeeps(t *testing.T) {
	w := start(t)
	if code, _, body := w.do("PUT", "/data-kinds/"+kind, goodKind); code != 200 {
		t.Fatal(code, body)
	}
	if m, err := repository.Get[manifest.Kind](t.Context(), w.store, kind); err != nil || m.Model.Unit != "°C" || m.Version != 2 || m.ChangedBy != "eva" {
		t.Error(m, err)
	}
	if code, _, body := w.do("PUT", "/data-interfaces/"+over, goodOver); code != 200 {
		t.Fatal(code, body)
	}
	if m, err := repository.Get[manifest.Interface](t.Context(), w.store, over); err != nil || m.Model.Parameters[1].Max == nil {
		t.Error(m, err)
	}
}

// A body that was got can be put again.
func TestRoundTrip(t *testing.T) {
	w := start(t)
	for _, path := range []string{"/data-kinds/" + kind, "/data-interfaces/" + over, "/data-source-definitions/" + def, "/analytics-processor-definitions/" + filterer, "/edge-gateways/" + gateway, "/analytics-instances/" + stopped + "/specification"} {
		_, _, one := w.do("GET", path, "")
		if code, _, two := w.do("PUT", path, one); code != 200 || one != two {
			t.Errorf("%s: %d %s", path, code, cmp.Diff(one, two))
		}
	}
	changes, err := w.store.Changes(t.Context(), nil, 1)
	if err != nil || changes[0].Revision != 1 {
		t.Errorf("something changed: %+v (%v)", changes, err)
	}
}

func TestRegistry(t *testing.T) {
	const (
		dcm = `{"uri":"http://new","macAddress":"C2","dataSourceDefinitionReferenceIDs":{"dataSourceDefinitionReferenceID":["` + def + `"]}}`
		dcd = `{"uri":"u","dataSourceManifestReferenceID":"` + sink + `","dataConsumerManifestReferenceID":"` + consumer + `","validFrom":"2018-05-24T14:59:14Z"}`
	)
	w := start(t)
	for _, r := range []row{
		{"POST", "/registry/DeviceRegistration", without(goodSource, "name"), 200, `{"status":"SUCCESS","statusMessage":"","body":{"id":"`},
		{"POST", "/registry/DeviceRegistration", with(goodSource, def, nobody), 200, `{"status":"NOTFOUND","statusMessage":"DATA_SOURCE_DEFINITION_NOT_FOUND","body":null}`},
		{"POST", "/registry/DeviceRegistration", without(goodSource, "macAddress"), 200, `{"status":"FAIL","statusMessage":"MISSING_MAC_ADDRESS"`},
		{"DELETE", "/registry/DeviceRegistration?id=" + local, "", 200, `"SUCCESS"`},
		{"DELETE", "/registry/DeviceRegistration?id=" + source, "", 200, `"status":"FAIL","statusMessage":"IN_USE"`},
		{"DELETE", "/registry/DeviceRegistration?id=" + nobody, "", 200, `"NOTFOUND"`},
		{"GET", "/registry/getDataSourceDefinition", "", 200, `"dataKindReferenceIDs"`},
		{"GET", "/registry/getDataSourceDefinition?id=" + nobody, "", 200, `"NOTFOUND"`},
		{"POST", "/registry/ConsumerRegistration", dcm, 200, `"uri":"http://new"`},
		{"POST", "/registry/ConsumerRegistration", `{}`, 200, `"MISSING_DATA_SOURCE_DEFINITION_REFERENCE_IDS"`},
		{"DELETE", "/registry/ConsumerRegistration?id=" + consumer, "", 200, `"IN_USE"`},
		{"GET", "/registry/compatibleDSM?id=" + consumer, "", 200, source},
		{"GET", "/registry/compatibleDSM?id=" + nobody, "", 200, `"NOTFOUND"`},
		{"POST", "/registry/accessToDSM", dcd, 200, `"validFrom":"2018-05-24T14:59:14.000Z"`},
		{"POST", "/registry/accessToDSM", with(dcd, "2018-05-24T14:59:14Z", "soon"), 200, `"INVALID_DATE_TIME"`},
		{"GET", "/dsm", "", 200, source},
		{"GET", "/dsm/dsd?id=" + def, "", 200, source},
		{"GET", "/dsm/dsd?id=" + nobody, "", 404, "NOT_FOUND"},
		{"GET", "/dsm/macAddress/B7", "", 200, source},
		{"GET", "/dsm/macAddress/XX", "", 404, "NOT_FOUND"},
		{"POST", "/dsm", goodSource, 201, `"name":"N"`},
		{"DELETE", "/dsm/id?id=" + local, "", 204, ``},
		{"GET", "/dcm", "", 200, consumer},
		{"GET", "/dcm/uri?id=http://office", "", 200, consumer},
		{"GET", "/dcm/macAddress/C1", "", 200, consumer},
		{"POST", "/dcm", dcm, 201, `"uri":"http://new"`},
		{"DELETE", "/dcm/uri?uri=http://office", "", 409, `IN_USE`},
		{"DELETE", "/dcm/uri?uri=none", "", 404, `DATA_CONSUMER_NOT_FOUND`},
		{"GET", "/dcd", "", 200, channel},
		{"GET", "/dcd/dsm?id=" + source, "", 200, channel},
		{"GET", "/dcd/dcm?id=" + nobody, "", 404, "NOT_FOUND"},
		{"GET", "/dcd/uri?id=http://channel", "", 200, channel},
		{"GET", "/dcd/" + source + "/" + consumer, "", 200, channel},
		{"GET", "/dcd/" + sink + "/" + consumer, "", 404, "NOT_FOUND"},
		{"POST", "/dcd", dcd, 201, `"uri":"u"`},
		{"POST", "/dcd", with(dcd, sink, source), 409, `PAIR_TAKEN`},
		{"POST", "/dcd", with(dcd, sink, nobody), 409, `DATA_SOURCE_NOT_FOUND`},
		{"POST", "/dcd", with(dcd, consumer, nobody), 409, `DATA_CONSUMER_NOT_FOUND`},
		{"DELETE", "/dcd/uri?id=http://channel", "", 204, ``},
		{"DELETE", "/dcd/uri", "", 404, `DATA_CHANNEL_NOT_FOUND`},
	} {
		code, _, body := w.do(r.method, r.path, r.body)
		if code != r.code || !strings.Contains(body, r.want) {
			t.Errorf("%s %s %.300s\nanswers %d %.500s\nwant    %d %s", r.method, r.path, r.body, code, body, r.code, r.want)
		}
		if code < 400 && r.method != "GET" {
			w = start(t)
		}
	}
}

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{
		"name": "NAME", "macAddress": "MAC_ADDRESS", "dataKindReferenceID": "DATA_KIND_REFERENCE_ID", "dataSourceDefinitionReferenceIDs": "DATA_SOURCE_DEFINITION_REFERENCE_IDS",
		"dataRouterAndPreprocessorBaseURL": "DATA_ROUTER_AND_PREPROCESSOR_BASE_URL", "uri": "URI",
	} {
		if got := snake(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

// Whatever comes, there is an answer in the form that all have.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{goodKind, goodOver, goodDef, goodAPD, goodGateway, goodSource, goodAM, `{"parameters":null}`, `{"analyticsProcessors":{"apm":[null]}}`} {
		f.Add([]byte(s))
	}
	all := [][]field{
		{need("name", text), parameters()}, sourceFields, instanceFields, consumerFields, channelFields,
		{need("a", uri), may("b", number), need("c", texts), may("location", object, may("geoLocation", object, need("latitude", number)))},
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, fields := range all {
			err := check(data, fields)
			if err == nil {
				continue
			}
			x, ok := errors.AsType[*failure](err)
			if !ok || x.status != 400 || !strings.HasPrefix(x.code, "MISSING_") && !strings.HasPrefix(x.code, "INVALID_") {
				t.Errorf("%s: %v", data, err)
			}
		}
	})
}
