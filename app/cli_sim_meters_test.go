package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// simulated plays meters for a test, and gives what it prints of them.
func simulated(t *testing.T, args ...string) []simMeter {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- Execute(ctx, append([]string{"sim", "meters", "--json"}, args...), IO{Out: in, Err: &errs})
		in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != ExitOK {
			t.Errorf("exit code %d, %s", code, errs.String())
		}
	})
	var all []simMeter
	if err := json.NewDecoder(out).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSimMeters: what is played is read by "wattwerk meter read".
func TestSimMeters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "meters")
	for _, c := range []struct {
		args []string
		kind string
		says string
	}{
		{[]string{"-n", "3", "--pv", "5000", "--fast"}, "sml", `"code":"1-0:1.8.0*255"`},
		{[]string{"--terminal", dir, "--fast", "--model", "MT681", "--locked"}, "sml", `"flags":["locked"]`},
		{[]string{"--kind", "dsmr"}, "dsmr", `"code":"1-0:1.8.1*255"`},
		{[]string{"--kind", "sunspec"}, "sunspec", `"point":"203.TotWhImp"`},
	} {
		for _, m := range simulated(t, c.args...) {
			code, out, errs := wattwerk(t, "meter", "read", "--kind", c.kind, m.Address)
			if code != ExitOK || !strings.Contains(out, c.says) {
				t.Errorf("%v: exit code %d, %s%s", c.args, code, errs, out)
			}
			if locked := strings.Contains(c.says, "locked"); locked != (m.Lamp != "") {
				t.Errorf("%v: the lamp is at %q", c.args, m.Lamp)
			}
		}
	}
}

func TestSimMetersOptions(t *testing.T) {
	for says, args := range map[string][]string{
		"--number":       {"-n", "0"},
		"room":           {"--port", "65535", "-n", "2"},
		"positive":       {"--every", "0s"},
		"no probability": {"--loss", "2"},
		"of the model":   {"--model", "XY"},
		"not locked":     {"--kind", "dsmr", "--locked"},
		"must be one of": {"--kind", "morse"},
	} {
		if code, _, errs := wattwerk(t, append([]string{"sim", "meters"}, args...)...); code != ExitUsage || !strings.Contains(errs, says) {
			t.Errorf("%v: exit code %d, %s", args, code, errs)
		}
	}
	code, out, errs := wattwerk(t, "sim", "meters", "--for", "10ms")
	if code != ExitOK || !strings.HasPrefix(out, "METER  KIND  MODEL  ADDRESS") || !strings.Contains(out, "1      sml   MT175  tcp://127.0.0.1:") {
		t.Errorf("exit code %d, %s%s", code, errs, out)
	}
}
