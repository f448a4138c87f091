package app

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/datadir"
)

// TestBehindProxy has everything work below a path of a reverse proxy, whether
// that takes the path off or not, and whether the settings name it or not.
func TestBehindProxy(t *testing.T) {
	const path = "/sub/path"
	for _, c := range []struct {
		name   string
		strips bool
		change func(*GatewayConfig, string)
	}{
		{"takes the path off, nothing set", true, func(*GatewayConfig, string) {}},
		{"takes the path off, public_url", true, func(g *GatewayConfig, at string) { g.PublicURL = at + path }},
		{"leaves the path in, public_url", false, func(g *GatewayConfig, at string) { g.PublicURL = at + path + "/" }},
		{"leaves the path in, base_path", false, func(g *GatewayConfig, _ string) { g.BasePath = path }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var inner *url.URL
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.URL.Path, path+"/") {
					t.Errorf("%s %s is asked for, which is not below %s", r.Method, r.URL, path)
					http.NotFound(w, r)
					return
				}
				(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
					p.SetURL(inner)
					p.SetXForwarded()
					if c.strips {
						p.Out.URL.Path, p.Out.URL.RawPath = strings.TrimPrefix(p.In.URL.Path, path), strings.TrimPrefix(p.In.URL.RawPath, path)
					}
				}}).ServeHTTP(w, r)
			}))
			t.Cleanup(proxy.Close) // before the process it leads to ends
			settings := smallConfig(t)
			settings.Gateway.Titan.API = true
			c.change(&settings.Gateway, proxy.URL)
			in := runProcess(t, settings)
			var err error
			if inner, err = url.Parse("http://" + hostOf(t, in)); err != nil {
				t.Fatal(err)
			}
			behind := datadir.Instance{URL: proxy.URL + path, Secret: in.Secret}

			// The page and all it loads.
			code, page := get(t, behind, "/")
			if code != http.StatusOK || !strings.Contains(page, "<title>Wattwerk") {
				t.Fatalf("the page: %d %.300s", code, page)
			}
			for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
				at, err := url.Parse(proxy.URL + path + "/")
				if err != nil {
					t.Fatal(err)
				}
				to, err := at.Parse(m[1])
				if err != nil || !strings.HasPrefix(to.Path, path+"/") {
					t.Errorf("the page loads %s, %v", m[1], err)
					continue
				}
				if code, body := get(t, datadir.Instance{URL: proxy.URL, Secret: in.Secret}, to.Path); code != http.StatusOK {
					t.Errorf("%s: %d %.100s", to.Path, code, body)
				}
			}
			for _, at := range []string{"/healthz", "/docs", "/docs/docs.js", "/openapi.json", "/api/v1/me", "/api/v1/groups", "/metrics", "/prometheus/api/v1/labels", "/api/stats//interval/hour-of-day", "/api/active-power/windowed"} {
				if code, body := get(t, behind, at); code != http.StatusOK {
					t.Errorf("%s: %d %.200s", at, code, body)
				}
			}
			if code, body := get(t, behind, "/api/v1/sensors/a%2Fb"); code != http.StatusNotFound || !strings.Contains(body, "a/b") {
				t.Errorf("an identifier with a slash: %d %s", code, body)
			}
			streams(t, behind)
		})
	}
}

func hostOf(t *testing.T, in datadir.Instance) string {
	t.Helper()
	u, err := url.Parse(in.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// streams has events come at once.
func streams(t *testing.T, in datadir.Instance) {
	t.Helper()
	ask := func(method, path, body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, in.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+in.Secret)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	stream := ask("GET", "/api/v1/stream?sensor=kettle", "")
	lines := make(chan string, 1)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stream.Body); s.Scan(); {
			if strings.Contains(s.Text(), "kettle") {
				lines <- s.Text()
				return
			}
		}
	}()
	defer func() {
		_ = stream.Body.Close()
		for range lines { // it has ended
		}
	}()
	if kind := stream.Header.Get("Content-Type"); stream.StatusCode != http.StatusOK || kind != "text/event-stream" || stream.Header.Get("X-Accel-Buffering") != "no" {
		t.Fatalf("the stream: %s %v", stream.Status, stream.Header)
	}
	deadline := time.After(time.Minute)
	for {
		resp := ask("POST", "/api/v1/ingest/json", `{"sensor":"kettle","value":1.8,"unit":"kW"}`)
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode/100 != 2 {
			t.Fatalf("a reading: %s %s %v", resp.Status, body, err)
		}
		select {
		case line, ok := <-lines:
			if !ok || !strings.Contains(line, "1800") {
				t.Errorf("the stream says %q", line)
			}
			return
		case <-deadline:
			t.Fatal("nothing comes")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
