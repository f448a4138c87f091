package ladder

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestClosedLoop: as many are asked at once as there are clients, and every
// answer is counted by its status.
func TestClosedLoop(t *testing.T) {
	var now, most, n atomic.Int64
	var mu sync.Mutex
	bodies := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := now.Add(1)
		defer now.Add(-1)
		for {
			was := most.Load()
			if at <= was || most.CompareAndSwap(was, at) {
				break
			}
		}
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies[string(b)]++
		mu.Unlock()
		if r.Header.Get("X-Ours") != "yes" {
			t.Error("a header is missing")
		}
		if n.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	p := Plan{URLs: []string{s.URL}, Bodies: []string{"a", "b"}, Headers: map[string]string{"X-Ours": "yes"}, Clients: 20, Least: 500, For: time.Nanosecond}
	r, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if r.Requests != 500 || r.Statuses[200]+r.Statuses[503] != 500 || r.Statuses[503] < 45 || r.Errors+r.Timeouts > 0 {
		t.Errorf("%+v", r)
	}
	if most.Load() > 20 {
		t.Errorf("%d were asked at once", most.Load())
	}
	if r.Mean <= 0 || r.P50 > r.P90 || r.P90 > r.P99 || r.P99 > r.Max || r.Rate <= 0 {
		t.Errorf("%+v", r)
	}
	if bodies["a"] < 240 || bodies["b"] < 240 {
		t.Errorf("%v", bodies)
	}
	if b, err := json.Marshal(p); err != nil || json.Unmarshal(b, &p) != nil || p.For != time.Nanosecond {
		t.Errorf("%s, %v", b, err)
	}
}

// TestOpenLoop: a server that stalls is asked on, and the time that requests
// waited for a client counts.
func TestOpenLoop(t *testing.T) {
	release := make(chan struct{})
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		switch n.Add(1) {
		case 4:
			close(release)
		case 2, 3:
			<-release
		}
	}))
	defer s.Close()
	r, err := Run(t.Context(), Plan{URLs: []string{s.URL}, Clients: 50, Rate: 200, For: 100 * time.Millisecond})
	if err != nil || r.Requests != 20 || r.Statuses[200] != 20 {
		t.Fatalf("%+v, %v", r, err)
	}
}

// TestTroubles: servers that are not there or do not answer, and plans that cannot be.
func TestTroubles(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	r, err := Run(t.Context(), Plan{URLs: []string{gone.URL}, Clients: 3, For: time.Nanosecond})
	if err != nil || r.Errors != 3 || r.Error == "" {
		t.Errorf("%+v, %v", r, err)
	}
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(stop)
	r, err = Run(t.Context(), Plan{URLs: []string{s.URL}, Clients: 2, For: time.Nanosecond, Timeout: 20 * time.Millisecond})
	if err != nil || r.Timeouts != 2 || r.Max < 0.02 {
		t.Errorf("%+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Plan{URLs: []string{s.URL}, Clients: 2, For: time.Second}); err == nil {
		t.Error("it goes on when it is told to stop")
	}
	for _, p := range []Plan{{}, {URLs: []string{"x"}}, {URLs: []string{"x"}, Clients: 1e6, For: 1}, {URLs: []string{"x"}, Clients: 1}, {URLs: []string{"x"}, Clients: 1, Rate: 1e9, For: time.Hour}} {
		if p.Check() == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}

// TestAnswers: whatever form an answer has, it is read to its end and the next one
// follows, and what is none is an error.
func TestAnswers(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/long":
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(make([]byte, 100000))
		case "/chunks":
			for range 3 {
				_, _ = w.Write(make([]byte, 5000))
				_ = http.NewResponseController(w).Flush()
			}
		case "/close":
			w.Header().Set("Connection", "close")
		case "/broken":
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = c.Write([]byte("hello\r\n\r\n"))
			_ = c.Close()
		}
	}))
	defer s.Close()
	p := Plan{Clients: 2, Least: 60, For: time.Nanosecond}
	for _, path := range []string{"/", "/empty", "/long", "/chunks", "/close"} {
		p.URLs = append(p.URLs, s.URL+path)
	}
	r, err := Run(t.Context(), p)
	if err != nil || r.Statuses[200] != 48 || r.Statuses[204] != 12 || r.Errors > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = Run(t.Context(), Plan{URLs: []string{s.URL + "/broken"}, Clients: 1, For: time.Nanosecond})
	if err != nil || r.Errors != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Run(t.Context(), Plan{URLs: []string{"ftp://x"}, Clients: 1, For: time.Nanosecond}); err == nil {
		t.Error("an address that is none is taken")
	}
}

// FuzzAnswer: no answer breaks the reader, and it ends.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nall", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 2x0", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		x := &conn{Conn: nothing{}, r: bufio.NewReader(bytes.NewReader(text))}
		status, _, err := x.ask(&request{}, time.Time{})
		if err == nil && (status < 200 || status > 999) {
			t.Errorf("%d", status)
		}
	})
}

// nothing is a connection that takes everything.
type nothing struct{ net.Conn }

func (nothing) Write(b []byte) (int, error) { return len(b), nil }
func (nothing) SetDeadline(time.Time) error { return nil }
