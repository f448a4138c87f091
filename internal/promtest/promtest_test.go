package promtest

import (
	"os"
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
