package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/wattwerk/wattwerk/internal/datadir"
)

// runProcess starts a whole process within this one, and gives what it announced.
func runProcess(t *testing.T, c Config) datadir.Instance {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &notifier{said: make(chan struct{}, 1)}
	result := make(chan error, 1)
	go func() { result <- Run(ctx, c, slog.New(slog.DiscardHandler), out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-out.said:
	case err := <-result:
		result <- nil
		t.Fatal(err)
	}
	in, err := datadir.Running(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// notifier says when a process has begun to speak to people: by then it has
// announced itself.
type notifier struct{ said chan struct{} }

func (n *notifier) Write(b []byte) (int, error) {
	select {
	case n.said <- struct{}{}:
	default:
	}
	return len(b), nil
}

// TestOpenAPI holds the contract of the HTTP interface in docs/openapi.json, so
// that a change of it is seen in a review.
func TestOpenAPI(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	in := runProcess(t, c)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.URL+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	doc["info"].(map[string]any)["version"] = "0"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(doc); err != nil {
		t.Fatal(err)
	}
	golden(t, "../docs/openapi.json", b.String())
	for _, path := range []string{
		"/api/v1/model", "/api/v1/move", "/api/v1/assign", "/api/v1/unassigned", "/api/v1/revisions", "/api/v1/latest",
		"/api/v1/sensors/{id}/range", "/api/v1/groups/{id}/energy", "/api/v1/groups/{id}/composition", "/api/v1/import",
		"/api/v1/ingest/json", "/api/v1/ingest/pdu", "/write", "/api/v1/write", "/api/v1/stream", "/api/v1/tokens", "/api/v1/users",
		"/api/v1/system", "/api/v1/backup", "/api/v1/doctor", "/api/v1/dead-letters",
	} {
		if _, ok := doc["paths"].(map[string]any)[path]; !ok {
			t.Errorf("%s is not in the contract", path)
		}
	}
}
