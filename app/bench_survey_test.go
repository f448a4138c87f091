package app

import (
	"encoding/json"
	"testing"
)

// TestBenchSurvey runs for a second; the benchmark checks what is stored itself.
func TestBenchSurvey(t *testing.T) {
	code, out, errs := wattwerk(t, "bench", "survey", "--json", "--dir", t.TempDir(), "--devices", "5", "--clients", "2", "--time", "1s")
	var figures map[string]any
	if err := json.Unmarshal([]byte(out), &figures); code != ExitOK || err != nil {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	if figures["batches"].(float64) < 1 || figures["devices_hourly_per_core"].(float64) <= 0 {
		t.Errorf("%v", figures)
	}
	if code, _, _ := wattwerk(t, "bench", "survey", "--devices", "0"); code != ExitUsage {
		t.Errorf("exit code %d", code)
	}
}
