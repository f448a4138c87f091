package archtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// undocumented are routes that pages name and the API description has not, with the reason.
var undocumented = map[string]string{
	"POST /api/v1/models/sources/{id}/push": "what is posted has the format of the source",
}

var named = regexp.MustCompile("\\b(GET|POST|PUT|PATCH|DELETE) (/api/v1/[^\\s`?\"',)…]*)(…?)")

// TestPagesNameRoutesThatExist: every route that a page of docs names is in docs/openapi.json,
// with that method. A segment of a page may be an example where the route has a parameter.
func TestPagesNameRoutesThatExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	var routes [][]string // method, then segments
	for path, methods := range api.Paths {
		for method := range methods {
			routes = append(routes, append([]string{strings.ToUpper(method)}, strings.Split(path, "/")...))
		}
	}
	exists := func(route []string) bool {
		return slices.ContainsFunc(routes, func(r []string) bool {
			return slices.EqualFunc(r, route, func(has, said string) bool { return has == said || strings.HasPrefix(has, "{") })
		})
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			path := strings.TrimRight(m[2], ".;:")
			if m[3] != "" || undocumented[m[1]+" "+path] != "" { // it is cut short
				continue
			}
			found++
			if !exists(append([]string{m[1]}, strings.Split(path, "/")...)) {
				t.Errorf("%s names %s %s, which is not in docs/openapi.json", filepath.Base(page), m[1], path)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d routes are named", found)
	}
}
