package app

import (
	"bytes"
	"context"
	"encoding/json"
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
