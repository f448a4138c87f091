package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/wattwerk/wattwerk/bus"
)

// wattwerk runs a command as the shell would, and gives its exit code and what
// it wrote.
func wattwerk(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	return wattwerkIn(t, "", args...)
}

// wattwerkIn does so with a text on standard input.
func wattwerkIn(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Execute(t.Context(), args, IO{In: strings.NewReader(in), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestModulesTable(t *testing.T) {
	code, out, _ := wattwerk(t, "modules")
	if code != ExitOK {
		t.Errorf("exit code %d", code)
	}
	golden(t, "testdata/modules.golden", out)
}

func TestModulesNeedWhatThereIs(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range modules {
		for _, n := range m.needs {
			if !seen[n] {
				t.Errorf("%s needs %s, which is not above it in the table", m.name, n)
			}
		}
		if m.does == "" || m.start == nil {
			t.Errorf("%s does not say what it does, or does nothing", m.name)
		}
		seen[m.name] = true
	}
}

func TestConfigPage(t *testing.T) {
	code, out, errs := wattwerk(t, "config")
	if code != ExitOK || errs != "" {
		t.Errorf("exit code %d, %s", code, errs)
	}
	golden(t, "testdata/config.golden", out)

	// What is printed is a file that gives the same.
	file := filepath.Join(t.TempDir(), "wattwerk.yaml")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	code, again, errs := wattwerk(t, "config", "--config", file)
	if code != ExitOK || again != out {
		t.Errorf("exit code %d, %s; it reads\n%s", code, errs, again)
	}
}

func TestEveryHelpTeaches(t *testing.T) {
	var cli CLI
	parser, err := kong.New(&cli, vars())
	if err != nil {
		t.Fatal(err)
	}
	var visit func(n *kong.Node, path []string)
	visit = func(n *kong.Node, path []string) {
		for _, child := range n.Children {
			at := append(append([]string{}, path...), child.Name)
			name := strings.Join(at, " ")
			t.Run(name, func(t *testing.T) {
				code, out, errs := wattwerk(t, append(at, "--help")...)
				if code != ExitOK || errs != "" {
					t.Errorf("exit code %d, %s", code, errs)
				}
				if parent, _, below := strings.Cut(name, " "); below && (parent == "bench" || parent == "certs") { // the examples are with the parent
					return
				}
				if !strings.Contains(out, "Example") || !strings.Contains(out, "wattwerk "+name) {
					t.Errorf("the help shows no example of itself:\n%s", out)
				}
			})
			visit(child, at)
		}
	}
	visit(parser.Model.Node, nil)
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no command", nil, ExitOK, "Commands:"},
		{"unknown command", []string{"walk"}, ExitUsage, "walk"},
		{"unknown flag", []string{"run", "--adr", "x"}, ExitUsage, "--adr"},
		{"wrong setting", []string{"run", "--addr", "here"}, ExitUsage, "HOST:PORT"},
		{"unknown module", []string{"run", "--modules", "brdge"}, ExitUsage, "brdge"},
		{"nothing runs", []string{"user", "link", "--data", dir}, ExitNotRunning, "no wattwerk is running"},
		{"nothing there", []string{"token", "list", "--data", filepath.Join(dir, "none")}, ExitFailed, "--data"},
		{"role missing", []string{"token", "create", "--data", dir}, ExitUsage, "--role"},
		{"role unknown", []string{"token", "create", "--data", dir, "--role", "king"}, ExitUsage, "king"},
		{"wide without sign-in", []string{"run", "--data", dir, "--addr", "0.0.0.0:0", "--config", noSignIn(t)}, ExitFailed, "sign-in is switched off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := wattwerk(t, c.args...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit code %d, want %d; want %q in\n%s%s", code, c.code, c.says, out, errs)
			}
		})
	}
}

func noSignIn(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "wattwerk.yaml")
	if err := os.WriteFile(file, []byte("gateway: {sign_in: false}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTokenPrintsTheTokenOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	code, out, errs := wattwerk(t, "token", "create", "--data", dir, "--role", "viewer", "--expires", "90d")
	if code != ExitOK || errs != "" || !strings.HasPrefix(out, "ww_") || strings.Count(out, "\n") != 1 {
		t.Fatalf("exit code %d, %q, %q", code, out, errs)
	}
	code, list, _ := wattwerk(t, "token", "list", "--data", dir)
	if code != ExitOK || strings.Contains(list, strings.TrimSpace(out)) || !strings.Contains(list, "read") {
		t.Errorf("exit code %d, %s", code, list)
	}
	id := strings.Fields(strings.Split(list, "\n")[1])[0]
	if code, _, errs := wattwerk(t, "token", "revoke", "--data", dir, id); code != ExitOK {
		t.Errorf("exit code %d, %s", code, errs)
	}
	if _, list, _ := wattwerk(t, "token", "list", "--data", dir); strings.Contains(list, id) {
		t.Errorf("%s is still there:\n%s", id, list)
	}
}

func TestWarningsExplainThemselves(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*Config)
		want string
	}{
		{"sync", func(c *Config) { c.Bus.Sync = false }, "power cut"},
		{"wide", func(c *Config) { c.Addr = "0.0.0.0:8080" }, "without TLS"},
		{"mqtt", func(c *Config) { c.Bus.MQTT = "0.0.0.0:1883" }, "MQTT clients need no sign-in"},
		{"retention", func(c *Config) { c.History.Retention = 1 }, "less than a day"},
		{"sign-in", func(c *Config) { c.Gateway.SignIn = false }, "may do everything"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultConfig()
			if w := cfg.Warnings(); len(w) != 0 {
				t.Errorf("the defaults are suspicious: %q", w)
			}
			c.set(&cfg)
			if err := cfg.Validate(); err != nil {
				t.Error(err)
			}
			if w := strings.Join(cfg.Warnings(), "\n"); !strings.Contains(w, c.want) {
				t.Errorf("got %q", w)
			}
		})
	}
}

func TestInterruptionIsNotAFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var o, e bytes.Buffer
	code := Execute(ctx, []string{"run", "--data", t.TempDir(), "--addr", "127.0.0.1:0", "--mqtt", "off"}, IO{Out: &o, Err: &e})
	if code != ExitOK {
		t.Errorf("exit code %d, %s", code, e.String())
	}
}

func TestBusListenAsksForALogin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "login")
	for _, c := range []struct {
		name, listen, content, want string
	}{
		{"anybody", "0.0.0.0:4222", "", "set bus.login_file"},
		{"no port", "0.0.0.0", "", "not HOST:PORT"},
		{"loopback", "127.0.0.1:0", "", ""},
		{"login", "0.0.0.0:0", "plant:s3cret\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.Bus.Listen = c.listen
			if c.content != "" {
				cfg.Bus.LoginFile = file
				if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := cfg.Validate()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for content, want := range map[string]bus.Login{
		"plant:s3:cret\n": {User: "plant", Password: "s3:cret"},
		"":                {}, "plant": {}, "plant:": {}, ":x": {}, "a:b\nc:d": {},
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c := BusConfig{LoginFile: file}
		got, err := c.login()
		if got != want || (err == nil) != (want != bus.Login{}) {
			t.Errorf("%q reads as %v, %v", content, got, err)
		}
	}
}
