package repository

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
)

func serve(t *testing.T) (*Store, func(method, path, body string, headers ...string) (int, http.Header, string)) {
	t.Helper()
	o := options()
	o.Who = func(context.Context) string { return "eva" }
	s, err := Open(t.Context(), sqldb.Options{File: filepath.Join(t.TempDir(), "db")}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	mux := http.NewServeMux()
	c := huma.DefaultConfig("test", "1")
	c.CreateHooks = nil
	s.Register(humago.New(mux, c))
	return s, func(method, path, body string, headers ...string) (int, http.Header, string) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		text, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, w.Header(), strings.TrimSpace(string(text))
	}
}

func TestRoutes(t *testing.T) {
	_, do := serve(t)
	bundle, err := json.Marshal(plant())
	if err != nil {
		t.Fatal(err)
	}
	if code, _, body := do("POST", "/api/v1/models/apply?dryRun=true", string(bundle)); code != 200 || !strings.Contains(body, `"dryRun":true`) {
		t.Fatal(code, body)
	}
	if code, _, body := do("POST", "/api/v1/models/apply", string(bundle)); code != 200 || !strings.Contains(body, `"what":"created"`) {
		t.Fatal(code, body)
	}
	for _, c := range []struct {
		method, path, body string
		match              string
		code               int
		want               string
	}{
		{"POST", "/api/v1/models/kinds", `{"id":"` + idA + `","name":"k","quantityKind":"x"}`, "", 201, `"changedBy":"eva"`},
		{"POST", "/api/v1/models/kinds", `{"name":"k","quantityKind":"x"}`, "", 409, `there is another data kind with the name`},
		{"POST", "/api/v1/models/kinds", `{"name":"k"}`, "", 422, `quantityKind`},
		{"POST", "/api/v1/models/kinds", `{"name":"l","quantityKind":"x","colour":"red"}`, "", 422, `unexpected property`},
		{"GET", "/api/v1/models/kinds/k", ``, "", 200, `"version":1`},
		{"GET", "/api/v1/models/kinds/" + idA, ``, "", 200, `"name":"k"`},
		{"GET", "/api/v1/models/kinds/none", ``, "", 404, `there is no data kind`},
		{"PUT", "/api/v1/models/kinds/k", `{"name":"k2","quantityKind":"x"}`, `"1"`, 200, `"version":2`},
		{"PUT", "/api/v1/models/kinds/k2", `{"name":"k2","quantityKind":"y"}`, `"1"`, 412, `is at version 2`},
		{"PUT", "/api/v1/models/kinds/k2", `{"name":"k2","quantityKind":"y"}`, `1`, 400, `If-Match`},
		{"PUT", "/api/v1/models/kinds/k2", `{"id":"` + idB + `","name":"k2","quantityKind":"y"}`, ``, 422, `in the path and`},
		{"PUT", "/api/v1/models/kinds/none", `{"name":"none","quantityKind":"y"}`, ``, 404, `there is no`},
		{"PUT", "/api/v1/models/kinds/" + idB, `{"name":"none","quantityKind":"y"}`, `"0"`, 200, `"version":1`},
		{"GET", "/api/v1/models/kinds/k2/versions", ``, "", 200, `"what":"changed"`},
		{"GET", "/api/v1/models/kinds/k2/versions/1", ``, "", 200, `"name":"k"`},
		{"GET", "/api/v1/models/kinds/k2/versions/7", ``, "", 404, `no version 7`},
		{"POST", "/api/v1/models/kinds/k2/versions/1/restore", ``, `"1"`, 412, `at version 2`},
		{"POST", "/api/v1/models/kinds/" + idA + "/versions/1/restore", ``, `"2"`, 200, `"version":3`},
		{"DELETE", "/api/v1/models/kinds/k", ``, `"2"`, 412, ``},
		{"DELETE", "/api/v1/models/kinds/k", ``, `"3"`, 204, ``},
		{"DELETE", "/api/v1/models/kinds/k", ``, ``, 404, ``},
		{"GET", "/api/v1/models/kinds/" + idA + "/versions", ``, "", 200, `"what":"deleted"`},
		{"DELETE", "/api/v1/models/kinds/power", ``, ``, 409, `is used by data source definition`},
		{"GET", "/api/v1/models/kinds/power/users", ``, ``, 200, `"kind":"source-definitions"`},
		{"POST", "/api/v1/models/sources", `{"name":"s","definition":"nothing"}`, ``, 422, `refers to data source definition`},
		{"POST", "/api/v1/models/sources", `{"name":"s","definition":"power over MQTT","parameters":{"topic":"t","qos":"two"}}`, ``, 422, `no whole number`},
		{"POST", "/api/v1/manifests", `{"name":"m","processors":[{"name":"p","type":"filter","parameters":{"operator":"GE"},"from":["in"]}]}`, ``, 201, `"state":"stopped"`},
		{"GET", "/api/v1/manifests?q=M&limit=1", ``, ``, 200, `"total":1`},
		{"GET", "/api/v1/models/kinds?after=!", ``, ``, 422, `not the next`},
		{"GET", "/api/v1/models/changes?limit=1", ``, ``, 200, `"what":"created"`},
		{"GET", "/api/v1/models/changes?limit=1&after=x", ``, ``, 422, `not the next`},
	} {
		var headers []string
		if c.match != "" {
			headers = []string{"If-Match", c.match}
		}
		code, _, body := do(c.method, c.path, c.body, headers...)
		if code != c.code || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), c.want) {
			t.Errorf("%s %s %s: %d %s; want %d %s", c.method, c.path, c.body, code, body, c.code, c.want)
		}
	}
	code, head, _ := do("POST", "/api/v1/models/kinds", `{"name":"new one","quantityKind":"x"}`)
	if code != 201 || head.Get("ETag") != `"1"` || !strings.HasPrefix(head.Get("Location"), "/api/v1/models/kinds/") {
		t.Errorf("%d %v", code, head)
	}
	if code, _, body := do("GET", head.Get("Location"), ""); code != 200 || !strings.Contains(body, "new one") {
		t.Error(code, body)
	}
}

func TestPages(t *testing.T) {
	_, do := serve(t)
	for i := range 5 {
		if code, _, body := do("POST", "/api/v1/models/kinds", fmt.Sprintf(`{"name":"k%d","quantityKind":"x"}`, i)); code != 201 {
			t.Fatal(code, body)
		}
	}
	for _, path := range []string{"/api/v1/models/kinds", "/api/v1/models/changes"} {
		var names []string
		next := ""
		for {
			code, _, body := do("GET", path+"?limit=2&after="+url.QueryEscape(next), "")
			var page struct {
				Items []struct{ Model struct{ Name string } }
				Done  []struct{ Name string } `json:"changes"`
				Next  string
			}
			if err := json.Unmarshal([]byte(body), &page); err != nil || code != 200 {
				t.Fatal(code, body)
			}
			for _, m := range page.Items {
				names = append(names, m.Model.Name)
			}
			for _, m := range page.Done {
				names = append(names, m.Name)
			}
			if next = page.Next; next == "" {
				break
			}
		}
		want := "k0 k1 k2 k3 k4"
		if path == "/api/v1/models/changes" {
			want = "k4 k3 k2 k1 k0"
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// What is kept in a file by names is the same when it is brought in again.
func TestNamed(t *testing.T) {
	s, do := serve(t)
	if _, err := s.Apply(t.Context(), plant(), false, "eva"); err != nil {
		t.Fatal(err)
	}
	_, _, one := do("GET", "/api/v1/models/bundle?names=true", "")
	if code, _, body := do("POST", "/api/v1/models/apply", one); code != 200 || strings.Contains(body, `"created"`) || strings.Contains(body, `"changed"`) {
		t.Error(code, body)
	}
	other, do2 := serve(t)
	if code, _, body := do2("POST", "/api/v1/models/apply", one); code != 200 {
		t.Fatal(code, body)
	}
	_, _, two := do2("GET", "/api/v1/models/bundle?names=true", "")
	if one != two {
		t.Error(cmp.Diff(one, two))
	}
	m, err := Get[manifest.Manifest](t.Context(), other, "peaks")
	if err != nil || m.Model.Processors[1].From[0] != "in" {
		t.Error(m, err)
	}
}

// An unfinished manifest is kept, taken up again and given up; it is no model.
func TestKeptDrafts(t *testing.T) {
	s, do := serve(t)
	const path = "/api/v1/manifest-drafts"
	code, header, text := do("POST", path, `{"name":"half","document":{"manifest":{"name":"","processors":[{"name":"f"}]},"loose":[]}}`)
	var d KeptDraft
	if err := json.Unmarshal([]byte(text), &d); err != nil || code != 201 || header.Get("ETag") != `"1"` || d.ChangedBy != "eva" || d.Version != 1 {
		t.Fatal(code, header, text, err)
	}
	at := path + "/" + d.ID
	for _, x := range []struct {
		method, path, body, match, want string
		code                            int
	}{
		{"GET", at, "", "", `"processors":[{"name":"f"}]`, 200},
		{"PUT", at, `{"name":"more","document":{"a":1}}`, `"1"`, `"version":2`, 200},
		{"PUT", at, `{"name":"other","document":{"a":2}}`, `"1"`, "changed meanwhile", 412},
		{"PUT", at, `{"name":"x","document":[1]}`, "", "no object", 422},
		{"PUT", at, `{"name":"x","document":{},"manifest":"x"}`, "", "no id", 422},
		{"PUT", path + "/none", `{"name":"x","document":{}}`, "", "no draft", 404},
		{"POST", path, `{"name":"x","document":{"a":"` + strings.Repeat("x", s.opts.Largest) + `"}}`, "", "at most", 422},
		{"GET", path, "", "", `"document":null`, 200},
		{"GET", path, "", "", `"name":"more"`, 200},
		{"GET", "/api/v1/manifests", "", "", `"total":0`, 200},
		{"GET", "/api/v1/models/bundle", "", "", `{`, 200},
		{"DELETE", at, "", `"1"`, "changed meanwhile", 412},
		{"DELETE", at, "", `"2"`, "", 204},
		{"DELETE", at, "", "", "no draft", 404},
		{"GET", at, "", "", "no draft", 404},
		{"GET", path, "", "", `"drafts":[]`, 200},
	} {
		code, _, text := do(x.method, x.path, x.body, "If-Match", x.match)
		if code != x.code || !strings.Contains(text, x.want) {
			t.Errorf("%s %s %s: %d %.300s, want %d %s", x.method, x.path, x.match, code, text, x.code, x.want)
		}
		if strings.HasSuffix(x.path, "bundle") && strings.Contains(text, "more") {
			t.Error("a draft is a model")
		}
	}
}
