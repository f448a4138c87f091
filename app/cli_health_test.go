package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/internal/problem"
)

func TestHealth(t *testing.T) {
	none := t.TempDir()
	well := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer well.Close()
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			problem.Write(w, http.StatusServiceUnavailable, "not ready: disk")
		}
	}))
	defer full.Close()
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"ready", []string{"--url", well.URL}, ExitOK, "ready\n"},
		{"not ready", []string{"--url", full.URL}, ExitFailed, "not ready: disk"},
		{"alive", []string{"--url", full.URL, "--live"}, ExitOK, "alive\n"},
		{"nothing runs", []string{"--data", none}, ExitNotRunning, "no wattwerk is running"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := wattwerk(t, append([]string{"health"}, c.args...)...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit code %d, want %d; want %q in\n%s%s", code, c.code, c.says, out, errs)
			}
		})
	}
}
