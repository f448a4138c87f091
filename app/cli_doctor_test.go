package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func diagnosis(t *testing.T, out string) Diagnosis {
	t.Helper()
	var d Diagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return d
}

func (d Diagnosis) has(rule string) bool {
	for _, f := range d.Findings {
		if f.Rule == rule {
			return true
		}
	}
	return false
}

func TestDoctorAsksAProcess(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions, c.Bus.MinFree = t.TempDir(), "127.0.0.1:0", "off", 1, 64<<20
	in := runProcess(t, c)
	t.Setenv("WATTWERK_TOKEN", "")
	code, out, errs := wattwerk(t, "doctor", "--data", c.Data, "--json")
	d := diagnosis(t, out)
	// What this machine has too little of is no fault of the test.
	for _, f := range d.Findings {
		switch f.Rule {
		case "disk-nearly-full", "disk-full", "open-files-limit", "memory":
		default:
			t.Errorf("a fresh process has %+v", f)
		}
	}
	if want := min(len(d.Findings), 1); code != want || errs != "" || d.Offline {
		t.Errorf("exit code %d with %d findings, %s", code, len(d.Findings), errs)
	}
	// A sensor that never sent anything is one.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, in.URL+"/api/v1/sensors/kettle", strings.NewReader(`{"id":"kettle","quantity":"active_power"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+in.Secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatal(resp.Status)
	}
	code, out, _ = wattwerk(t, "doctor", "--data", c.Data, "--json")
	if d := diagnosis(t, out); code != ExitFailed || !d.has("sensors-never") {
		t.Errorf("exit code %d: %s", code, out)
	}
	code, out, _ = wattwerk(t, "doctor", "--data", c.Data)
	if code != ExitFailed || !strings.Contains(out, "1 sensor is in the model and never sent a reading: kettle.") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestDoctorLooksAtADirectory(t *testing.T) {
	dir := t.TempDir()
	code, out, errs := wattwerk(t, "doctor", "--data", filepath.Join(dir, "missing"))
	if code != ExitUsage || !strings.Contains(errs, "there is no data directory") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if err := os.WriteFile(filepath.Join(dir, "format.json"), []byte(`{"format":9,"program":"v9"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wattwerk.db"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, _ = wattwerk(t, "doctor", "--data", dir, "--json")
	if d := diagnosis(t, out); code != ExitFailed || !d.Offline || !d.has("data-newer") || !d.has("secret-readable") {
		t.Errorf("exit code %d: %s", code, out)
	}
	file := filepath.Join(dir, "wattwerk.yaml")
	if err := os.WriteFile(file, []byte("bus:\n  nat: nats://x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ = wattwerk(t, "doctor", "--config", file, "--json")
	if d := diagnosis(t, out); code != ExitFailed || !d.has("settings-unusable") || !strings.Contains(out, "bus.nat") {
		t.Errorf("exit code %d: %s", code, out)
	}
	code, _, errs = wattwerk(t, "doctor", "--url", "http://127.0.0.1:1")
	if code != ExitUsage || !strings.Contains(errs, "ask what is wrong") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestGroupMemory(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "anon 5\ninactive_file 200\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if used, limit := groupMemory(dir); used != 500 || limit != 1000 {
		t.Errorf("%d of %d", used, limit)
	}
	if err := os.WriteFile(filepath.Join(dir, "memory.max"), []byte("max\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if used, limit := groupMemory(dir); used != 0 || limit != 0 {
		t.Errorf("%d of %d without a limit", used, limit)
	}
}
