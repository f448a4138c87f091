package app

import (
	"encoding/json"
	"testing"
)

// TestBenchCosts prices a little, and checks that the figures are there; the
// benchmark checks the bill itself.
func TestBenchCosts(t *testing.T) {
	code, out, errs := wattwerk(t, "bench", "costs", "--json", "--dir", t.TempDir(), "--sensors", "3", "--days", "2")
	var figures map[string]any
	if err := json.Unmarshal([]byte(out), &figures); code != ExitOK || err != nil {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	// A day on which the clock changes has 92 or 100 quarters.
	if rows := figures["rows"].(float64); rows < 3*(96+92) || rows > 3*(96+100) || figures["rows_per_second"].(float64) <= 0 {
		t.Errorf("%v", figures)
	}
	if code, _, _ := wattwerk(t, "bench", "costs", "--days", "0"); code != ExitUsage {
		t.Errorf("exit code %d", code)
	}
}
