package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wattwerk/wattwerk/internal/problem"
)

func get(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, x := range headers {
		k, v, _ := strings.Cut(x, ": ")
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestFiles(t *testing.T) {
	h, err := newSite(fstest.MapFS{
		"index.html":             {Data: []byte("<!doctype html>")},
		"favicon.svg":            {Data: []byte("<svg/>")},
		"assets/main-1a2b.js":    {Data: []byte("plain")},
		"assets/main-1a2b.js.br": {Data: []byte("brotli")},
		"assets/main-1a2b.js.gz": {Data: []byte("gzip")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, accept, kind, cache, encoding, body string }{
		{"/", "gzip", "text/html; charset=utf-8", "no-cache", "", "<!doctype html>"},
		{"/favicon.svg", "", "image/svg+xml", "no-cache", "", "<svg/>"},
		{"/assets/main-1a2b.js", "gzip, deflate, br", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "br", "brotli"},
		{"/assets/main-1a2b.js", "gzip, br;q=0", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "gzip", "gzip"},
		{"/assets/main-1a2b.js", "", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "", "plain"},
	} {
		w := get(h, c.path, "Accept-Encoding: "+c.accept)
		hd := w.Header()
		if w.Code != 200 || hd.Get("Content-Type") != c.kind || hd.Get("Cache-Control") != c.cache || hd.Get("Content-Encoding") != c.encoding || w.Body.String() != c.body {
			t.Errorf("%s for %q answered %d %v %s", c.path, c.accept, w.Code, hd, w.Body)
		}
		if again := get(h, c.path, "Accept-Encoding: "+c.accept, "If-None-Match: "+hd.Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s again answered %d", c.path, again.Code)
		}
	}
	for _, p := range []string{"/nothing", "/assets/", "/assets/main-1a2b.js.br", "/../web.go"} {
		if w := get(h, p); w.Code != 404 || w.Header().Get("Content-Type") != problem.ContentType {
			t.Errorf("%s answered %d", p, w.Code)
		}
	}
}

// TestTypedAddresses has somebody enter an address without its #, as a browser asks.
func TestTypedAddresses(t *testing.T) {
	h, err := newSite(fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}})
	if err != nil {
		t.Fatal(err)
	}
	const browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for path, to := range map[string]string{
		"/sensors":             "./#/sensors",
		"/costs?s=a%26b&h=x":   "./#/costs?s=a%26b&h=x",
		"/boiler/room%2F1":     "../#/boiler/room%2F1",
		"/a/b":                 "../#/a/b",
		"/api/v1/nothing":      "",
		"/assets/old":          "",
		"/robots.txt":          "",
		"//elsewhere.example/": "",
		"/sensors/":            "",
	} {
		w := get(h, path, browser)
		if got := w.Header().Get("Location"); got != to || (to == "") != (w.Code == 404) {
			t.Errorf("%s answered %d and leads to %q, not %q", path, w.Code, got, to)
		}
	}
	if w := get(h, "/sensors", "Accept: */*"); w.Code != 404 {
		t.Errorf("a program is answered %d", w.Code)
	}
}

func TestPageSaysWhatItNeeds(t *testing.T) {
	h, err := newSite(fstest.MapFS{"index.html": {Data: []byte(`<!doctype html>
<script src="./theme.js"></script>
<script type="module" crossorigin src="./assets/index--Ab_1.js"></script>
<link rel="modulepreload" crossorigin href="./assets/runtime-2b.js">
<link rel="stylesheet" crossorigin href="./assets/index-3c.css">`)}, "theme.js": {Data: []byte("x")}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "<./assets/index--Ab_1.js>; rel=modulepreload; crossorigin, <./assets/runtime-2b.js>; rel=modulepreload; crossorigin, " +
		"<./assets/index-3c.css>; rel=preload; as=style; crossorigin"
	if got := get(h, "/").Header().Get("Link"); got != want {
		t.Errorf("the page says it needs %q, want %q", got, want)
	}
	if got := get(h, "/theme.js").Header().Get("Link"); got != "" {
		t.Errorf("a script says it needs %q", got)
	}
}

func TestStubIsThere(t *testing.T) {
	files, err := fs.Sub(embedded, stub)
	if err != nil {
		t.Fatal(err)
	}
	h, err := newSite(files)
	if err != nil {
		t.Fatal(err)
	}
	if w := get(h, "/"); !strings.Contains(w.Body.String(), "make build") {
		t.Errorf("the stub is %s", w.Body)
	}
}

func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	h, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	page := get(h, "/").Body.String()
	for _, bad := range []string{`src="http`, `href="http`, `src="/`, `href="/`, "<script>"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %s", bad)
		}
	}
}

func TestDev(t *testing.T) {
	vite := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("vite " + r.URL.Path))
	}))
	h, err := New(Options{Dev: vite.URL})
	if err != nil {
		t.Fatal(err)
	}
	if w := get(h, "/src/main.tsx"); w.Body.String() != "vite /src/main.tsx" {
		t.Errorf("answered %s", w.Body)
	}
	vite.Close()
	if w := get(h, "/"); w.Code != http.StatusBadGateway || w.Header().Get("Content-Type") != problem.ContentType {
		t.Errorf("without Vite: %d %v", w.Code, w.Header())
	}
	if _, err := New(Options{Dev: "5173"}); err == nil {
		t.Error("a bad URL was taken")
	}
}
