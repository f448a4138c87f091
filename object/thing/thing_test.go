package thing_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/thing"
	"github.com/wattwerk/wattwerk/record"
)

func world(t testing.TB) *object.World {
	t.Helper()
	m, err := model.New(model.Document{
		Sites: []model.Site{{ID: "kiel"}},
		Sensors: []model.Sensor{
			{ID: "P/1 ü", Name: "Power", Quantity: record.ActivePower, Site: "kiel", Devices: []model.Device{{Serial: "M/1", From: time.Unix(0, 0)}}},
			{ID: "E1", Quantity: record.Energy, Devices: []model.Device{{Serial: "M/1", From: time.Unix(0, 0)}}},
			{ID: "T1", Quantity: record.Temperature},
			{ID: "main", Quantity: record.ActivePower},
		},
		Groups: []model.Group{
			{ID: "hall", Name: "Hall", Members: []model.Member{{Sensor: "P/1 ü"}, {Sensor: "main", Meter: true}}},
			{ID: "empty"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w, faults := object.NewWorld(m, nil, []object.Enrichment{{Object: "group/hall", Class: "brick:PV_Array", Device: "D2"}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return w
}

const base = "https://wattwerk.example/api/v1"

// TestOfDirectory: the directory is a thing itself, of the type and with the property and
// the action that W3C WoT Discovery names (7.3.2.1), and tells nothing of what there is.
func TestOfDirectory(t *testing.T) {
	d := decoded(t, thing.OfDirectory(base))
	for _, fault := range validate(d) {
		t.Error(fault)
	}
	if c := d["@context"].([]any); d["@type"] != "ThingDirectory" || c[1] != "https://www.w3.org/2022/wot/discovery" || d["base"] != base+"/" {
		t.Errorf("%v", d)
	}
	form := func(kind, name string) map[string]any {
		of, ok := d[kind].(map[string]any)[name].(map[string]any)
		if !ok {
			t.Fatalf("there is no %s in %s", name, kind)
		}
		f := of["forms"].([]any)[0].(map[string]any)
		for _, v := range regexp.MustCompile(`\w+`).FindAllString(strings.Join(regexp.MustCompile(`\{\??([^}]*)\}`).FindAllString(f["href"].(string), -1), " "), -1) {
			if _, ok := of["uriVariables"].(map[string]any)[v]; !ok {
				t.Errorf("%s is no variable of %s", v, name)
			}
		}
		return f
	}
	if f := form("properties", "things"); f["op"].([]any)[0] != "readproperty" || f["htv:methodName"] != "GET" {
		t.Errorf("%v", f)
	}
	if f := form("actions", "retrieveThing"); f["op"].([]any)[0] != "invokeaction" || f["contentType"] != thing.MediaType {
		t.Errorf("%v", f)
	}
}

func TestDirectory(t *testing.T) {
	w := world(t)
	list, total := thing.Directory(w, base, 0, 100)
	if total != 7 || len(list) != 7 {
		t.Fatalf("%d of %d things", len(list), total)
	}
	var titles []string
	for _, d := range list {
		titles = append(titles, d.Title)
		for _, fault := range validate(decoded(t, d)) {
			t.Errorf("%s: %s", d.Title, fault)
		}
	}
	if diff := cmp.Diff([]string{"empty", "Hall", "E1", "Power", "T1", "main", "M/1"}, titles); diff != "" {
		t.Error(diff)
	}
	if page, total := thing.Directory(w, base, 5, 1); total != 7 || len(page) != 1 || page[0].Title != "main" {
		t.Errorf("%d, %+v", total, page)
	}
	if page, _ := thing.Directory(w, base, 99, 10); page == nil || len(page) > 0 {
		t.Errorf("%+v", page)
	}
}

func decoded(t *testing.T, d any) map[string]any {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOfObject(t *testing.T) {
	w := world(t)
	d, ok := thing.OfObject(w, "sensor/P/1 ü", base)
	if !ok {
		t.Fatal("no thing")
	}
	if d.ID != "urn:wattwerk:sensor/P%2F1%20%C3%BC" || d.LocatedIn != "urn:wattwerk:space/kiel" || d.Base != base+"/" {
		t.Errorf("%+v", d)
	}
	p := d.Properties["status"]
	if p.Forms[0].Href != "objects/sensor/P%2F1%20%C3%BC" || p.Properties["value"].OneOf[0].Unit != "http://qudt.org/vocab/unit/W" {
		t.Errorf("%+v", p)
	}
	want := []thing.ThingLink{{Href: "things/group/hall", Rel: "collection", Type: thing.MediaType}, {Href: "things/device/M%2F1", Rel: "collection", Type: thing.MediaType}}
	if diff := cmp.Diff(want, d.Links); diff != "" {
		t.Error(diff)
	}
	d, _ = thing.OfObject(w, "group/hall", base+"/")
	if diff := cmp.Diff([]string{"brick:PV_Array", "brick:Collection", "ww:CompositeVirtualObject"}, d.Type); diff != "" {
		t.Error(diff)
	}
	want = []thing.ThingLink{{Href: "things/sensor/main", Rel: "item", Type: thing.MediaType}, {Href: "things/sensor/P%2F1%20%C3%BC", Rel: "item", Type: thing.MediaType}}
	if diff := cmp.Diff(want, d.Links); diff != "" {
		t.Error(diff)
	}
	if _, ok := thing.OfObject(w, "sensor/none", base); ok {
		t.Error("there is a thing of nothing")
	}
}

func TestOfDevice(t *testing.T) {
	w := world(t)
	d, ok := thing.OfDevice(w, "M/1", base)
	if !ok || len(d.Properties) != 2 || d.Properties["E1"].Forms[0].Href != "objects/sensor/E1" || d.ID != "urn:wattwerk:device/M%2F1" {
		t.Errorf("%+v", d)
	}
	for _, serial := range []string{"none", "D2"} { // D2 has no sensors
		if _, ok := thing.OfDevice(w, serial, base); ok {
			t.Errorf("%s is a thing", serial)
		}
	}
}

// validate holds a description to the tables of mandatory members of W3C Web of
// Things Thing Description 1.1, sections 5.3 and 5.4, and to the values that
// they allow.
func validate(td map[string]any) []string {
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	text := func(in map[string]any, where, key string, must bool) string {
		v, ok := in[key]
		if !ok {
			if must {
				bad("%s has no %s", where, key)
			}
			return ""
		}
		s, ok := v.(string)
		if !ok || s == "" {
			bad("%s has a %s that is no text", where, key)
		}
		return s
	}
	// 5.3.1.1 Thing
	list, _ := td["@context"].([]any)
	if s, _ := td["@context"].(string); s != "https://www.w3.org/2022/wot/td/v1.1" && (len(list) == 0 || list[0] != "https://www.w3.org/2022/wot/td/v1.1") {
		bad("@context does not begin with that of 1.1")
	}
	text(td, "the thing", "title", true)
	if id := text(td, "the thing", "id", false); id != "" {
		if u, err := url.Parse(id); err != nil || !u.IsAbs() {
			bad("id is no URI")
		}
	}
	root, err := url.Parse(text(td, "the thing", "base", false))
	if err != nil {
		bad("base is no URI")
		root = &url.URL{}
	}
	definitions, _ := td["securityDefinitions"].(map[string]any)
	if len(definitions) == 0 {
		bad("there are no securityDefinitions")
	}
	// 5.3.3 security schemes
	for name, v := range definitions {
		d, _ := v.(map[string]any)
		scheme := text(d, "security "+name, "scheme", true)
		if !slices.Contains([]string{"nosec", "auto", "combo", "basic", "digest", "bearer", "psk", "oauth2", "apikey"}, scheme) {
			bad("security %s has the unknown scheme %s", name, scheme)
		}
		in := text(d, "security "+name, "in", false)
		if in != "" && !slices.Contains([]string{"header", "query", "body", "cookie", "auto"}, in) {
			bad("security %s is in %s", name, in)
		}
	}
	var needed []string
	switch s := td["security"].(type) {
	case string:
		needed = []string{s}
	case []any:
		for _, x := range s {
			name, _ := x.(string)
			needed = append(needed, name)
		}
	}
	if len(needed) == 0 {
		bad("there is no security")
	}
	for _, name := range needed {
		if _, ok := definitions[name]; !ok {
			bad("security %q is not defined", name)
		}
	}
	// 5.3.4.2 Form and Link
	reference := func(where, href string) {
		if u, err := url.Parse(href); err != nil || !root.ResolveReference(u).IsAbs() {
			bad("%s has the href %q, which leads nowhere", where, href)
		}
	}
	var schema func(where string, d map[string]any)
	schema = func(where string, d map[string]any) {
		if kind := text(d, where, "type", false); kind != "" && !slices.Contains([]string{"boolean", "integer", "number", "string", "object", "array", "null"}, kind) {
			bad("%s has the type %s", where, kind)
		}
		text(d, where, "unit", false)
		if e, ok := d["enum"]; ok {
			if l, _ := e.([]any); len(l) == 0 {
				bad("%s has an empty enum", where)
			}
		}
		one, _ := d["oneOf"].([]any)
		for _, x := range one {
			in, _ := x.(map[string]any)
			schema(where+".oneOf", in)
		}
		parts, _ := d["properties"].(map[string]any)
		for k, x := range parts {
			in, _ := x.(map[string]any)
			schema(where+"."+k, in)
		}
		required, _ := d["required"].([]any)
		for _, k := range required {
			if name, _ := k.(string); parts[name] == nil {
				bad("%s requires %v, which it does not have", where, k)
			}
		}
	}
	// 5.3.1.3 PropertyAffordance
	properties, _ := td["properties"].(map[string]any)
	for name, v := range properties {
		p, _ := v.(map[string]any)
		schema(name, p)
		forms, _ := p["forms"].([]any)
		if len(forms) == 0 {
			bad("%s has no forms", name)
		}
		for _, x := range forms {
			f, _ := x.(map[string]any)
			reference(name, text(f, name, "href", true))
			if c := text(f, name, "contentType", false); c != "" && strings.Count(c, "/") != 1 {
				bad("%s has the contentType %s", name, c)
			}
			var ops []string
			switch op := f["op"].(type) {
			case string:
				ops = []string{op}
			case []any:
				for _, o := range op {
					s, _ := o.(string)
					ops = append(ops, s)
				}
			}
			for _, op := range ops {
				if !slices.Contains([]string{"readproperty", "writeproperty", "observeproperty", "unobserveproperty"}, op) {
					bad("%s has the op %s", name, op)
				}
				if op == "writeproperty" && p["readOnly"] == true {
					bad("%s is written and read-only", name)
				}
			}
		}
	}
	links, _ := td["links"].([]any)
	for _, x := range links {
		l, _ := x.(map[string]any)
		reference("a link", text(l, "a link", "href", true))
	}
	return out
}

// The checks find what is missing.
func TestValidateFinds(t *testing.T) {
	w := world(t)
	d, _ := thing.OfObject(w, "sensor/E1", base)
	for name, spoil := range map[string]func(td map[string]any){
		"context":     func(td map[string]any) { td["@context"] = "https://www.w3.org/2019/wot/td/v1" },
		"title":       func(td map[string]any) { delete(td, "title") },
		"security":    func(td map[string]any) { delete(td, "security") },
		"undefined":   func(td map[string]any) { td["security"] = "other" },
		"definitions": func(td map[string]any) { delete(td, "securityDefinitions") },
		"forms": func(td map[string]any) {
			delete(td["properties"].(map[string]any)["status"].(map[string]any), "forms")
		},
		"href": func(td map[string]any) {
			f := td["properties"].(map[string]any)["status"].(map[string]any)["forms"].([]any)[0].(map[string]any)
			delete(f, "href")
		},
		"op": func(td map[string]any) {
			f := td["properties"].(map[string]any)["status"].(map[string]any)["forms"].([]any)[0].(map[string]any)
			f["op"] = "invokeaction"
		},
		"type": func(td map[string]any) {
			td["properties"].(map[string]any)["status"].(map[string]any)["type"] = "float"
		},
		"base": func(td map[string]any) { delete(td, "base") },
	} {
		td := decoded(t, d)
		if faults := validate(td); len(faults) > 0 {
			t.Fatal(faults)
		}
		spoil(td)
		if len(validate(td)) == 0 {
			t.Errorf("%s: nothing was found", name)
		}
	}
}
