package gateway

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/wattwerk/wattwerk/access"
)

// guests answers at /api/guest/ who asks, and for what.
func guests(g Guests) func(*Service) {
	return func(s *Service) {
		s.Handle("/api/guest/", s.Guest(g, Require(access.Read, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who, _ := access.From(r.Context())
			change := Require(access.Operate, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "changed") }))
			if r.Method != http.MethodGet {
				change.ServeHTTP(w, r)
				return
			}
			_, _ = fmt.Fprint(w, who.Kind, " ", who.Scopes, " ", r.URL.Path)
		}))))
	}
}

// TestGuests has who may read without signing in, and that changing anything
// needs more.
func TestGuests(t *testing.T) {
	for _, c := range []struct {
		mode                string
		here, proxied, told int
	}{
		{"", 401, 401, 401}, {GuestsNever, 401, 401, 401}, {GuestsLoopback, 200, 401, 401}, {GuestsAnybody, 200, 200, 200},
	} {
		t.Run("anonymous "+c.mode, func(t *testing.T) {
			w := start(t, nil, guests(Guests{Anonymous: c.mode}))
			const page = "Authorization: Bearer {token}" // what Titan's page sends
			for _, headers := range [][]string{nil, {page}} {
				if a := w.do(t, nil, "GET", "/api/guest/x", "", headers...); a.StatusCode != c.here || c.here == 200 && a.body != "anonymous [read] /api/guest/x" {
					t.Errorf("here with %v: %d %s", headers, a.StatusCode, a.body)
				}
			}
			if a := w.do(t, nil, "GET", "/api/guest/x", "", page, "X-Forwarded-For: 192.0.2.1"); a.StatusCode != c.proxied {
				t.Errorf("through a proxy: %d %s", a.StatusCode, a.body)
			}
			if a := w.do(t, nil, "GET", "/api/guest/x", "", "Host: evil.example"); a.StatusCode != c.told {
				t.Errorf("by another name: %d %s", a.StatusCode, a.body)
			}
			// A wrong token is not as good as none.
			wantProblem(t, w.do(t, nil, "GET", "/api/guest/x", "", "Authorization: Bearer wwt_wrong"), 401, "")
			for _, method := range []string{"PUT", "POST", "DELETE"} {
				if a := w.do(t, nil, method, "/api/guest/x", "{}", page); a.StatusCode != 401 {
					t.Errorf("%s: %d %s", method, a.StatusCode, a.body)
				}
			}
			if a := w.do(t, nil, "GET", "/api/guest/x", "", "Authorization: Bearer "+w.token(t, access.Read)); a.StatusCode != 200 {
				t.Errorf("with a token: %d %s", a.StatusCode, a.body)
			}
			if a := w.do(t, nil, "PUT", "/api/guest/x", "{}", "Authorization: Bearer "+w.token(t, access.Read)); a.StatusCode != 403 {
				t.Errorf("to change with a token that may read: %d %s", a.StatusCode, a.body)
			}
			if a := w.do(t, nil, "PUT", "/api/guest/x", "{}", "Authorization: Bearer "+w.token(t, access.Read, access.Operate)); a.body != "changed" {
				t.Errorf("to change with a token: %d %s", a.StatusCode, a.body)
			}
			// Who is signed in is, though the page sends a token that is none.
			browser := w.client(t)
			w.do(t, browser, "POST", "/api/v1/login", `{"name":"admin","password":"`+adminPassword+`"}`)
			if a := w.do(t, browser, "GET", "/api/guest/x", "", page); a.StatusCode != 200 || a.body[:5] != "user " {
				t.Errorf("signed in: %d %s", a.StatusCode, a.body)
			}
			if a := w.do(t, browser, "PUT", "/api/guest/x", "{}", page); a.body != "changed" {
				t.Errorf("to change signed in: %d %s", a.StatusCode, a.body)
			}
			// It opens nothing else.
			if a := w.do(t, nil, "GET", "/api/v1/users", "", page); a.StatusCode != 401 {
				t.Errorf("another interface: %d %s", a.StatusCode, a.body)
			}
		})
	}
}

// TestPagesFromElsewhere lets pages read that are named, and no others.
func TestPagesFromElsewhere(t *testing.T) {
	const titan, evil = "https://titan.example.org", "https://evil.example"
	for _, c := range []struct {
		origins  []string
		from     string
		says     string
		preceded int
	}{
		{nil, titan, "", 403}, {[]string{titan}, titan, titan, 200}, {[]string{titan}, evil, "", 403}, {[]string{"*"}, evil, "*", 200},
	} {
		w := start(t, nil, guests(Guests{Anonymous: GuestsLoopback, Origins: c.origins}))
		a := w.do(t, nil, "GET", "/api/guest/x", "", "Origin: "+c.from)
		if got := a.Header.Get("Access-Control-Allow-Origin"); got != c.says || a.StatusCode != 200 || a.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%v: %s may read: %q", c.origins, c.from, got)
		}
		a = w.do(t, nil, "OPTIONS", "/api/guest/x", "", "Origin: "+c.from, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization")
		if a.StatusCode != c.preceded || c.says != "" && (a.Header.Get("Access-Control-Allow-Headers") != "authorization" || a.body != "OK" || a.Header.Get("Access-Control-Allow-Origin") != c.says) {
			t.Errorf("%v: %s asks: %d %s %v", c.origins, c.from, a.StatusCode, a.body, a.Header)
		}
		// Nothing is changed by pages from elsewhere.
		a = w.do(t, nil, "PUT", "/api/guest/x", "{}", "Origin: "+c.from, "Sec-Fetch-Site: cross-site", "Authorization: Bearer "+w.token(t, access.Read, access.Operate))
		wantProblem(t, a, 403, "another web site's page")
	}
	for _, bad := range []Guests{{Anonymous: "all"}, {Origins: []string{"titan.example.org"}}, {Origins: []string{titan + "/"}}, {Origins: []string{"ftp://x"}}} {
		if bad.Check() == nil {
			t.Errorf("%v is taken", bad)
		}
	}
	if err := (&Guests{Anonymous: GuestsAnybody, Origins: []string{"*", titan, "http://127.0.0.1:8081"}}).Check(); err != nil {
		t.Error(err)
	}
}

// TestSlashes answers paths that a proxy put together carelessly, without sending
// anybody elsewhere.
func TestSlashes(t *testing.T) {
	w := start(t, func(o *Options) { o.BasePath = "/wattwerk" }, guests(Guests{Anonymous: GuestsAnybody}))
	for path, want := range map[string]string{
		"/api/guest//sensor/a": "/api/guest/sensor/a", "//api/guest///a//b?c=//d": "/api/guest/a/b", "/wattwerk/api//guest/x": "/api/guest/x",
		"/api/guest//a%2Fb": "/api/guest/a/b", "/api/guest//a%2F%2Fb": "/api/guest/a//b", "/api/guest/a%2F%2Fb": "/api/guest/a//b", "/api/guest/%2F/%2F%2f//b": "/api/guest//////b",
	} {
		if a := w.do(t, nil, "GET", path, ""); a.StatusCode != 200 || a.body != "anonymous [read] "+want {
			t.Errorf("%s answers %d %s", path, a.StatusCode, a.body)
		}
	}
	if a := w.do(t, nil, "GET", "/api/v1//users", ""); a.StatusCode != 401 {
		t.Errorf("slashes open a door: %d %s", a.StatusCode, a.body)
	}
}
