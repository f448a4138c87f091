package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSurveyCommands registers a household and asks how it does, without a service.
func TestSurveyCommands(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := wattwerk(t, append(append([]string{"survey"}, args...), "--data", data)...)
		if code != want {
			t.Fatalf("survey %s: exit code %d, want %d: %s%s", strings.Join(args, " "), code, want, out, errs)
		}
		return out + errs
	}
	if out := run(ExitOK, "status"); strings.Count(out, "\n") != 1 {
		t.Errorf("without a household: %s", out)
	}
	run(ExitOK, "text", file("consent.txt", "We measure."), "--version", "2026-1")
	run(ExitOK, "household", "add", file("home.yaml", "meters: [{model: MT175}]\ndevices: [cellar]\n"))
	if out := run(ExitFailed, "status"); !strings.Contains(out, "It has not enrolled yet.") || !strings.Contains(out, "1 of 1 devices") {
		t.Errorf("a device that has not enrolled: %s", out)
	}
	if out := run(ExitOK, "report"); !strings.Contains(out, "all meters") {
		t.Errorf("%s", out)
	}
	var report struct{ Measured struct{ Percent *float64 } }
	if err := json.Unmarshal([]byte(run(ExitOK, "report", "--format", "json")), &report); err != nil || report.Measured.Percent != nil {
		t.Errorf("%+v, %v", report, err)
	}
	if out := run(ExitOK, "report", "--format", "csv", "--from", "2026-01-01", "--to", "2026-01-08", "--every", "day"); !strings.HasPrefix(out, "kind,id,household,from,to,part,expected,reached,percent,in_time\n") {
		t.Errorf("%s", out)
	}
	for _, args := range [][]string{{"report", "--from", "soon"}, {"report", "--every", "month"}, {"report", "--from", "2026-02-01", "--to", "2026-01-01"}} {
		run(ExitUsage, args...)
	}
}
