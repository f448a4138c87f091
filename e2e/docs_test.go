package e2e

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// testedMark stands above every block of commands that is run here.
const testedMark = "<!-- tested -->\n```sh\n"

// blocks gives the marked blocks of a page, in order.
func blocks(page string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(page, testedMark)
		if !ok {
			return out
		}
		block, after, _ := strings.Cut(rest, "```")
		out, page = append(out, block), after
	}
}

// TestDocumentedCommandsWork runs the marked blocks of each page in order, in
// one shell, beside a fresh wattwerk.
func TestDocumentedCommandsWork(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		commands := blocks(string(text))
		if len(commands) == 0 {
			continue
		}
		tested += len(commands)
		t.Run(filepath.Base(page), func(t *testing.T) {
			dir := t.TempDir()
			p := start(t, filepath.Join(dir, "data"))
			at, err := url.Parse(p.url)
			if err != nil {
				t.Fatal(err)
			}
			script := "set -euo pipefail\n" + strings.ReplaceAll(strings.Join(commands, "\n"), "127.0.0.1:8080", at.Host)
			cmd := exec.CommandContext(t.Context(), "bash", "-x")
			cmd.Stdin = strings.NewReader(script)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v:\n%s", err, out.String())
			}
			t.Logf("%s", out.String())
		})
	}
	if tested < 3 {
		t.Errorf("only %d blocks are marked", tested)
	}
}
