package promtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVersion holds the version and the script that builds it together.
func TestVersion(t *testing.T) {
	script, err := os.ReadFile("../../scripts/needs.sh")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "\ncompile prometheus github.com/prometheus/prometheus v"+Version+" ") {
		t.Errorf("scripts/needs.sh does not build prometheus %s", Version)
	}
}

// TestFirst has the first file of chunks there when a server has started, and
// starts it again.
func TestFirst(t *testing.T) {
	dir := t.TempDir()
	s := Start(t, Options{Dir: dir})
	if _, err := os.Stat(filepath.Join(dir, "data", "chunks_head", "000001")); err != nil {
		t.Error(err)
	}
	s.Again()
}
