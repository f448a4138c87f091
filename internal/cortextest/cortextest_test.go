package cortextest

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
	if !strings.Contains(string(script), "\n  compile cortex github.com/cortexproject/cortex v"+Version+" ") {
		t.Errorf("scripts/needs.sh does not build cortex %s", Version)
	}
}
