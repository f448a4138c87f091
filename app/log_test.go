package app

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wattwerk/wattwerk/internal/datadir"
)

// shared is a log that several goroutines write.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// TestLogsAreStructuredAndKeepSecrets runs a process at the most talkative
// level, does what has to do with secrets, and looks at every line.
func TestLogsAreStructuredAndKeepSecrets(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions, c.Name = t.TempDir(), "127.0.0.1:0", "off", 1, "plant-7"
	c.Log = LogConfig{Level: "debug", Format: "json"}
	c.Bus.Listen, c.Bus.LoginFile = "127.0.0.1:0", filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(c.Bus.LoginFile, []byte("others:l0gin-s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &shared{}
	out := &notifier{said: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- Run(ctx, c, c.Log.logger(log).With("instance", c.Name), out) }()
	select {
	case <-out.said:
	case err := <-result:
		t.Fatal(err)
	}
	in, err := datadir.Running(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{in.Secret, "l0gin-s3cret", "correct horse battery", "ww_wrong-token"}
	for _, x := range []struct{ method, path, token, body string }{
		{http.MethodPost, "/api/v1/users", in.Secret, `{"name":"ada","password":"correct horse battery","role":"operator"}`},
		{http.MethodPost, "/api/v1/login", "", `{"name":"ada","password":"correct horse battery"}`},
		{http.MethodPost, "/api/v1/login", "", `{"name":"ada","password":"correct horse battery!"}`},
		{http.MethodPost, "/api/v1/tokens", in.Secret, `{"name":"meter","scopes":["ingest"]}`},
		{http.MethodGet, "/api/v1/system", "ww_wrong-token", ``},
	} {
		req, err := http.NewRequestWithContext(t.Context(), x.method, in.URL+x.path, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if x.token != "" {
			req.Header.Set("Authorization", "Bearer "+x.token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var made struct{ Secret string }
		if json.NewDecoder(resp.Body).Decode(&made) == nil && made.Secret != "" {
			secrets = append(secrets, made.Secret)
		}
		resp.Body.Close()
	}
	if len(secrets) != 5 {
		t.Error("no token was made")
	}
	cancel()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	text := log.b.String()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%q is in the log", s)
		}
	}
	lines := 0
	for line := range strings.Lines(text) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Errorf("%v: %s", err, line)
			continue
		}
		lines++
		for _, key := range []string{slog.TimeKey, slog.LevelKey, slog.MessageKey, "component", "instance"} {
			if l[key] == nil || l[key] == "" {
				t.Errorf("no %s in %s", key, line)
			}
		}
	}
	if lines < 5 {
		t.Errorf("only %d lines at the most talkative level", lines)
	}
}
