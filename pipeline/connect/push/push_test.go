package push

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

// opened opens a source and gives where values are posted.
func opened(t *testing.T, s *connecttest.Store, values ...string) (d *Doors, url string, stop func()) {
	t.Helper()
	d = New()
	e := connecttest.End(t, d.Protocol(), connecttest.House(), manifest.Kind{}, values...)
	stop = connecttest.Run(t, d.Protocol(), e, s)
	s.Connected(t)
	mux := http.NewServeMux()
	mux.Handle("POST /api/v1/models/sources/{id}/push", d)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return d, server.URL + "/api/v1/models/sources/" + e.ID + "/push", stop
}

func post(t *testing.T, url string, body io.Reader, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(said)
}

func TestTakesWhatIsPosted(t *testing.T) {
	var s connecttest.Store
	_, url, stop := opened(t, &s)
	code, _, said := post(t, url+"?key=line4", strings.NewReader(`[{"value":1},{"value":2,"key":"b"},{"value":"x"}]`))
	var a Answer
	if err := json.Unmarshal([]byte(said), &a); err != nil || code != 200 {
		t.Fatal(code, said)
	}
	if d := cmp.Diff(Answer{2, 1, []string{"the value is not a number"}}, a); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"line4 1", "b 2"}, s.Pieces(t, 2)); d != "" {
		t.Error(d)
	}
	s.Bad(t, 1)
	// What nobody can read is not taken, and is a dead letter all the same.
	if code, _, said := post(t, url, strings.NewReader("hello")); code != 400 || !strings.Contains(said, "not JSON") {
		t.Error(code, said)
	}
	s.Bad(t, 2)
	// The same message twice.
	for range 2 {
		if code, _, _ := post(t, url, strings.NewReader(`{"value":3}`), "Idempotency-Key", "abc"); code != 200 {
			t.Error(code)
		}
	}
	if got := s.Pieces(t, 3); len(got) != 3 || s.Skipped() != 1 {
		t.Error(got)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(`{"value":4}`))
	_ = z.Close()
	if code, _, said := post(t, url, &packed, "Content-Encoding", "gzip"); code != 200 {
		t.Error(code, said)
	}
	s.Pieces(t, 4)
	stop()
	if code, _, _ := post(t, url, strings.NewReader(`{"value":3}`)); code != 404 {
		t.Errorf("a closed door answers %d", code)
	}
}

func TestRefuses(t *testing.T) {
	var s connecttest.Store
	d, url, _ := opened(t, &s)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte(" "), connect.MaxBody+1))
	_ = z.Close()
	large := bytes.Repeat([]byte(" "), connect.MaxBody+1)
	for _, c := range []struct {
		name   string
		url    string
		body   io.Reader
		header []string
		code   int
	}{
		{"large", url, bytes.NewReader(large), nil, 413},
		{"large, of a length nobody says", url, io.MultiReader(bytes.NewReader(large)), nil, 413},
		{"a bomb", url, &bomb, []string{"Content-Encoding", "gzip"}, 413},
		{"no gzip", url, strings.NewReader("x"), []string{"Content-Encoding", "gzip"}, 400},
		{"brotli", url, strings.NewReader("x"), []string{"Content-Encoding", "br"}, 415},
		{"empty", url, http.NoBody, nil, 400},
		{"a long key", url + "?key=" + strings.Repeat("k", 201), strings.NewReader("1"), nil, 400},
		{"a key that is no text", url + "?key=%ff", strings.NewReader("1"), nil, 400},
		{"a long name", url, strings.NewReader("1"), []string{"Idempotency-Key", strings.Repeat("k", 201)}, 400},
		{"of nobody", strings.Replace(url, "/push", "x/push", 1), strings.NewReader("1"), nil, 404},
	} {
		if code, _, said := post(t, c.url, c.body, c.header...); code != c.code {
			t.Errorf("%s: %d, want %d: %s", c.name, code, c.code, said)
		}
	}
	if !d.memory.TryAcquire(memory) {
		t.Fatal("memory is held by nobody")
	}
	if code, h, _ := post(t, url, strings.NewReader("1")); code != 429 || h.Get("Retry-After") == "" {
		t.Error(code, h)
	}
	d.memory.Release(memory)
	if code, _, _ := post(t, url, strings.NewReader("1")); code != 200 {
		t.Error(code)
	}
}

func TestAnswersWhenItIsStored(t *testing.T) {
	var err error
	s := connecttest.Store{Fail: func(bool, []connect.Message) error { return err }}
	_, url, _ := opened(t, &s)
	for _, c := range []struct {
		err  error
		code int
	}{{connect.ErrBusy, 429}, {errors.New("the disk is full"), 503}, {nil, 200}} {
		err = c.err
		if code, h, _ := post(t, url, strings.NewReader("1")); code != c.code || (code != 200) != (h.Get("Retry-After") != "") {
			t.Error(code, c.code, h)
		}
	}
}

// TestClosesWhileSomethingIsStored ends a source while a request waits.
func TestClosesWhileSomethingIsStored(t *testing.T) {
	d := New()
	e := connecttest.End(t, d.Protocol(), connecttest.House(), manifest.Kind{})
	r, err := d.Protocol().Reader(e)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	open, storing := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- r.Read(ctx, func(ctx context.Context, _ ...connect.Message) error {
			close(storing)
			<-ctx.Done()
			return ctx.Err()
		}, func(connect.Status) { close(open) })
	}()
	<-open
	w := httptest.NewRecorder()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		d.Push(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("1")), e.ID)
	}()
	<-storing
	cancel()
	<-answered
	if err := <-done; err != nil || w.Code != 503 {
		t.Error(err, w.Code)
	}
}
