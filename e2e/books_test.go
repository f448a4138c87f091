package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/pgtest"
)

// TestBooksGoAlong takes what people wrote from a data directory into
// PostgreSQL, from there into a backup, and from that into a directory and into
// another PostgreSQL.
func TestBooksGoAlong(t *testing.T) {
	file := t.TempDir()
	p := start(t, file)
	p.call("PUT", "/api/v1/sensors/oven", `{"id":"oven","quantity":"active_power"}`, nil)
	p.call("POST", "/api/v1/ingest/json", `{"sensor":"oven","value":1800}`, nil)
	eventually(t, time.Minute, func() error { return p.try("GET", "/api/v1/sensors/oven/latest", nil, nil) })
	p.call("POST", "/api/v1/users", `{"name":"eva","password":"long enough 1","role":"viewer"}`, nil)
	p.call("PUT", "/api/v1/alerts/rules/hot", `{"name":"Hot","subject":{"sensor":"oven"},"condition":{"kind":"above","limit":5000}}`, nil)
	p.call("POST", "/api/v1/sensors/oven/interventions", map[string]any{
		"kind": "exclude", "from": time.Now().Add(-time.Hour), "to": time.Now().Add(-time.Minute), "why": "it was out of order",
	}, nil)
	same := func(t *testing.T, p *process) {
		t.Helper()
		var users struct{ Items []struct{ Name string } }
		p.call("GET", "/api/v1/users", nil, &users)
		var rules struct {
			Rules []struct{ Rule struct{ Name string } }
		}
		p.call("GET", "/api/v1/alerts/rules", nil, &rules)
		var decided struct{ Items []struct{ Why string } }
		p.call("GET", "/api/v1/interventions?sensor=oven", nil, &decided)
		got := fmt.Sprint(users.Items, rules.Rules, decided.Items)
		if want := "[{admin} {eva}] [{{Hot}}] [{it was out of order}]"; got != want {
			t.Errorf("there are %s, want %s", got, want)
		}
	}
	same(t, p)
	p.stop()

	server := pgtest.Start(t)
	settings := func() (config string) {
		dir := t.TempDir()
		secret, config := filepath.Join(dir, "postgresql.url"), filepath.Join(dir, "wattwerk.yaml")
		for name, text := range map[string]string{secret: server.Database(t) + "\n", config: "sql: {url_file: " + secret + "}\n"} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return config
	}
	config := settings()
	if out, err := command(t, "user", "move", "--data", file, "--config", config); err != nil {
		t.Fatal(out, err)
	}
	if out, err := command(t, "user", "move", "--data", file, "--config", config); err == nil {
		t.Errorf("moved twice: %s", out)
	}
	p = start(t, file, "--config", config)
	same(t, p)
	copied := filepath.Join(t.TempDir(), "copy.tar.zst")
	p.run("backup", copied)
	p.stop()

	t.Run("into a directory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "restored")
		if out, err := command(t, "restore", copied, "--data", dir); err != nil {
			t.Fatal(out, err)
		}
		same(t, start(t, dir))
	})
	restore := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), binary, append([]string{"restore", copied}, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("restore: %v", err)
		}
		return string(out)
	}
	t.Run("into another PostgreSQL", func(t *testing.T) {
		dir, config := filepath.Join(t.TempDir(), "restored"), settings()
		if out := restore("--data", dir, "--config", config); !strings.Contains(out, "2 users, rules and corrections restored into PostgreSQL") {
			t.Fatal(out)
		}
		same(t, start(t, dir, "--config", config))
	})
	t.Run("into a PostgreSQL that is in use", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "restored")
		if out := restore("--data", dir, "--config", config); !strings.Contains(out, "stay in "+dir) {
			t.Error(out)
		}
	})
}
