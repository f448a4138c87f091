package gateway

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestEnding ends a gateway that answers a stream and a change: the stream ends
// at once, and the change is made and answered.
func TestEnding(t *testing.T) {
	begun, ended := make(chan string, 2), make(chan string, 2)
	goOn := make(chan struct{})
	s, err := New(Options{Addr: "127.0.0.1:0", NoSignIn: true, Version: "1.2.3", Web: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("GET /stream", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		begun <- "stream"
		<-r.Context().Done()
		ended <- "stream"
	}))
	s.Handle("POST /change", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- "change"
		<-goOn
		if r.Context().Err() != nil {
			http.Error(w, "cancelled", http.StatusServiceUnavailable)
		} else {
			_, _ = io.WriteString(w, "made")
		}
		ended <- "change"
	}))
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	answers := make(chan string, 2)
	ask := func(method, path string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+path, strings.NewReader(""))
		if err != nil {
			answers <- err.Error()
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			answers <- err.Error()
			return
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answers <- resp.Status + " " + string(body)
	}
	go ask(http.MethodGet, "/stream")
	<-begun
	go ask(http.MethodPost, "/change")
	<-begun
	end()
	if what := <-ended; what != "stream" {
		t.Errorf("the %s ended first", what)
	}
	<-answers
	close(goOn)
	if got, want := <-answers, "200 OK made"; got != want {
		t.Errorf("the change is answered with %q, want %q", got, want)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
