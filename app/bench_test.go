package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"
)

// TestBenchUsage: what cannot be measured is a wrong command line.
func TestBenchUsage(t *testing.T) {
	for _, args := range [][]string{
		{"manifest", "--records", "0"}, {"forecast", "--gaps", "0"}, {"settle", "--days", "0"}, {"costs", "--days", "0"}, {"survey", "--devices", "0"},
		{"services", "--instances", "0"}, {"services", "--objects", "1"}, {"latency", "--rate", "0"}, {"query", "--sensors", "0"},
	} {
		if code, out, errs := wattwerk(t, append([]string{"bench"}, args...)...); code != ExitUsage || out != "" || errs == "" {
			t.Errorf("bench %v: exit code %d: %s%s", args, code, out, errs)
		}
	}
}

// TestBenchesRun: those that have no test of their own measure a little, and leave
// nothing behind.
func TestBenchesRun(t *testing.T) {
	for _, c := range []struct {
		figure string
		args   []string
	}{
		{"exact_results", []string{"ingest", "--sensors", "200", "--groups", "20", "--seconds", "1s", "--partitions", "2"}},
		{"bytes_per_sample", []string{"query", "--sensors", "1", "--queries", "3"}},
		{"typed_filters_per_second", []string{"manifest", "--records", "2000", "--typed", "1000", "--rules", "3", "--rule-seconds", "1", "--manifests", "10"}},
	} {
		dir := t.TempDir()
		code, out, errs := wattwerk(t, append([]string{"bench"}, append(c.args, "--json", "--dir", dir)...)...)
		var got map[string]any
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != ExitOK {
			t.Errorf("%v: exit code %d, %v: %s%s", c.args, code, err, out, errs)
			continue
		}
		if v, ok := got[c.figure].(float64); !ok || v <= 0 {
			t.Errorf("%v: %s is %v: %s", c.args, c.figure, got[c.figure], out)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%v left %v behind, %v", c.args, left, err)
		}
	}
}

// TestBenchServicesStopped: a measurement that is stopped prints what it measured by then.
func TestBenchServicesStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var o, e bytes.Buffer
	code := Execute(ctx, []string{"bench", "services", "--objects", "1000", "--microservices", "60", "--time", "100ms", "--json"}, IO{Out: &o, Err: &e})
	var got struct {
		Discovery float64 `json:"discovery_us"`
		Stopped   bool    `json:"stopped"`
		Cores     int     `json:"cores"`
	}
	if err := json.Unmarshal(o.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s%s", err, o.String(), e.String())
	}
	if code != ExitInterrupted || got.Discovery <= 0 || !got.Stopped || got.Cores < 1 {
		t.Errorf("exit code %d: %s%s", code, o.String(), e.String())
	}
}
