package scale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/app"
	"github.com/wattwerk/wattwerk/bench/scale"
)

// asProgram makes the test binary behave as the program: the benchmarks start
// it again, and need not be told how to build it.
const asProgram = "BENCH_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(app.Main(os.Args[1:], app.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ()}))
	}
	os.Exit(m.Run())
}

func program(t *testing.T) string {
	t.Helper()
	t.Setenv(asProgram, "1")
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestRun runs the experiment for a moment with real processes.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	out, err := scale.Run(ctx, scale.Options{
		Command: []string{program(t)}, Dir: t.TempDir(), Instances: []int{1, 2}, Bridges: 4, Sensors: 250, Partitions: 4,
		Backlog: 3000, Share: 0.1, Measure: time.Second, Rate: 5000,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Points) != 4 || out.Wrong != 0 || out.Ticks < 10 {
		t.Errorf("%+v", out)
	}
	for _, p := range out.Points {
		if len(p.Rates) == 0 || len(p.Cost) != len(p.Rates) || p.Cost[0] <= 0 {
			t.Errorf("%+v", p)
		}
	}
}

// TestGenerator runs a live benchmark with its generator in another process.
func TestGenerator(t *testing.T) {
	program(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	code := app.Execute(ctx, []string{
		"bench", "uc2", "--json", "--dir", t.TempDir(), "--sensors", "200", "--period", "100ms", "--seconds", "2s", "--window", "1s", "--partitions", "4",
	}, app.IO{Out: &out, Err: &errs})
	if code != app.ExitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var got struct {
		Sent      int64   `json:"sent_records"`
		Records   int64   `json:"records"`
		Checked   int     `json:"results_checked"`
		Wrong     int     `json:"results_wrong"`
		Missing   int     `json:"results_missing"`
		Generator float64 `json:"generator_cpu_ns_per_record"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Sent != 4000 || got.Records != 4000 || got.Checked < 400 || got.Wrong+got.Missing != 0 || got.Generator <= 0 {
		t.Errorf("%+v", got)
	}
}
