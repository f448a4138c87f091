package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type settings struct {
	Addr    string   `koanf:"addr" doc:"Where the page is."`
	Modules []string `koanf:"modules" doc:"What runs."`
	History section  `koanf:"history" doc:"What is kept."`
}

type section struct {
	Retention Duration          `koanf:"retention" doc:"How long."`
	MinFree   Bytes             `koanf:"min_free" doc:"Room that stays free."`
	Strict    bool              `koanf:"strict" doc:"Yes or no."`
	Labels    map[string]string `koanf:"labels" doc:"Any."`
}

func defaults() settings {
	return settings{
		Addr: "127.0.0.1:8080", Modules: []string{"a", "b", "c"},
		History: section{Retention: Duration(90 * 24 * time.Hour), MinFree: 256 << 20},
	}
}

func file(t *testing.T, content string) string {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLaterSourcesWin(t *testing.T) {
	got := defaults()
	err := Load(&got, Sources{
		File:    file(t, "addr: one:1\nmodules: [x]\nhistory:\n  retention: 1y\n  min_free: 2GB\n  labels: {zone: here}\n"),
		Prefix:  "W_",
		Environ: []string{"W_ADDR=two:2", "W_HISTORY_STRICT=true", "HOME=/", "W_HISTORY_RETENTION=30d"},
		Flags:   map[string]any{"addr": "three:3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		Addr: "three:3", Modules: []string{"x"},
		History: section{Retention: Duration(30 * 24 * time.Hour), MinFree: 2e9, Strict: true, Labels: map[string]string{"zone": "here"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestListsFromTheEnvironment(t *testing.T) {
	got := defaults()
	if err := Load(&got, Sources{Prefix: "W_", Environ: []string{"W_MODULES=one,two"}}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"one", "two"}, got.Modules); d != "" {
		t.Error(d)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		src  Sources
		want string
	}{
		{"misspelt", Sources{File: file(t, "history: {retension: 1d}")}, `no setting "history.retension"; did you mean "history.retention"?`},
		{"without its section", Sources{File: file(t, "min_free: 1GB")}, `did you mean "history.min_free"?`},
		{"nothing near", Sources{File: file(t, "zzzzzzzzzzzzzzz: 1")}, `no setting "zzzzzzzzzzzzzzz"`},
		{"variable", Sources{Prefix: "W_", Environ: []string{"W_ADR=x"}}, "W_ADR names no setting; did you mean W_ADDR?"},
		{"bytes", Sources{File: file(t, "history: {min_free: lots}")}, "256MiB"},
		{"duration", Sources{File: file(t, "history: {retention: soon}")}, "90d"},
		{"not yaml", Sources{File: file(t, "a: [")}, "c.yaml"},
		{"twice", Sources{File: file(t, "addr: a\naddr: b\n")}, "addr"},
		{"missing file", Sources{File: "/nowhere/c.yaml"}, "read settings"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := defaults()
			err := Load(&got, c.src)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestKubernetesVariablesAreNotSettings(t *testing.T) {
	got := defaults()
	env := []string{"W_SERVICE_HOST=10.0.0.1", "W_PORT=tcp://10.0.0.1:80", "W_PORT_80_TCP=tcp://10.0.0.1:80"}
	if err := Load(&got, Sources{Prefix: "W_", Environ: env}); err != nil {
		t.Error(err)
	}
}

func TestWhatIsPrintedLoadsToTheSame(t *testing.T) {
	want := defaults()
	want.History.Labels = map[string]string{"a": "b: c"}
	var b strings.Builder
	if err := Print(&b, &want); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"# Where the page is.\naddr: \"127.0.0.1:8080\"\n", "history:\n  # How long.\n  retention: 90d\n", "min_free: 256MiB"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("missing %q in\n%s", line, b.String())
		}
	}
	var got settings
	if err := Load(&got, Sources{File: file(t, b.String())}); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
