package poll

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

// answers gives one answer after the other, and the last for ever.
func answers(t *testing.T, all ...http.HandlerFunc) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(asked.Add(1)) - 1
		all[min(n, len(all)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func say(body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = w.Write([]byte(body))
	}
}

func code(n int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(n)
	}
}

func end(t *testing.T, house *connect.House, url string, values ...string) connect.End {
	t.Helper()
	return connecttest.End(t, Protocol(), house, manifest.Kind{}, append([]string{"url", url, "interval", "100ms"}, values...)...)
}

func TestReadsWhatIsNew(t *testing.T) {
	one, two := `[{"time":1772359200,"value":1}]`, `[{"time":1772359201,"value":2},{"value":"x","time":1}]`
	url, asked := answers(t, say(one), say(one), say(two, "ETag", `"b"`),
		func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") != `"b"` {
				t.Errorf("asked without the ETag: %v", r.Header)
			}
			w.WriteHeader(http.StatusNotModified)
		}, say(one), say(`{"time":1772359203,"value":4}`))
	var s connecttest.Store
	e := end(t, connecttest.House(), url)
	stop := connecttest.Run(t, Protocol(), e, &s)
	if d := cmp.Diff([]string{"1", "2", "1", "4"}, s.Pieces(t, 4)); d != "" {
		t.Error(d)
	}
	s.Bad(t, 1)
	stop()
	// A restart: what was stored is not stored again.
	n := asked.Load()
	connecttest.Run(t, Protocol(), e, &s)
	s.Connected(t)
	for asked.Load() < n+2 { // each takes a tenth of a second
		s.Until(t, "asked", func([]connect.Piece, []connect.Bad, []connect.Status) bool { return true })
	}
	if got := s.Pieces(t, 4); len(got) != 4 || s.Skipped() == 0 {
		t.Error(got, s.Skipped())
	}
}

func TestValuesWithoutATimeAreNew(t *testing.T) {
	url, _ := answers(t, say(`{"value":5}`, "ETag", "x"))
	var s connecttest.Store
	connecttest.Run(t, Protocol(), end(t, connecttest.House(), url), &s)
	if d := cmp.Diff([]string{"5", "5", "5"}, s.Pieces(t, 3)[:3]); d != "" {
		t.Error(d)
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	elsewhere, _ := answers(t, say(`{"value":1}`))
	for _, c := range []struct {
		answer http.HandlerFunc
		want   string
	}{
		{code(500), "500"},
		{code(404), "404"},
		{code(302, "Location", elsewhere), "points elsewhere"},
		{code(429, "Retry-After", "0"), "429"},
		{say(strings.Repeat(" ", connect.MaxBody+1)), "larger than 8 MiB"},
		{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("1"))
		}, "broke off"},
	} {
		url, _ := answers(t, c.answer, c.answer, say(`{"value":1}`))
		var s connecttest.Store
		stop := connecttest.Run(t, Protocol(), end(t, connecttest.House(), url), &s)
		s.Broken(t, 0, c.want)
		s.Connected(t)
		stop()
	}
	url, asked := answers(t, say(`{"value":1}`))
	var s connecttest.Store
	stop := connecttest.Run(t, Protocol(), end(t, &connect.House{Retry: 1}, url), &s)
	s.Broken(t, 0, connect.ErrReach.Error())
	stop()
	if asked.Load() > 0 {
		t.Error("a private address was asked")
	}
}

func TestSecrets(t *testing.T) {
	house := connecttest.House()
	house.Secrets = t.TempDir()
	if err := os.WriteFile(filepath.Join(house.Secrets, "token"), []byte("correct\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.Header.Get("Authorization") != "Bearer correct" && (user != "me" || password != "correct") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte("1"))
	})
	for _, values := range [][]string{{"token", "token"}, {"user", "me", "password", "token"}} {
		var s connecttest.Store
		connecttest.Run(t, Protocol(), end(t, house, url, values...), &s)
		s.Pieces(t, 1)
	}
	for _, values := range [][]string{{"url", "ftp://h"}, {"url", "https://u:p@h"}, {"url", "/x"}, {"url", "http://h", "interval", "1ms"}, {"url", "http://h", "token", "none"}} {
		if _, err := newReader(connecttest.End(t, Protocol(), house, manifest.Kind{}, values...)); err == nil {
			t.Errorf("%s is right", values)
		}
	}
}
