package uc

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestRun runs every benchmark in both modes for a moment, with every result
// checked.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		name string
		opts Options
	}{
		{"uc1 backlog", Options{Case: Store, Backlog: true, Sensors: 300, Length: 20_000}},
		{"uc1 live", Options{Case: Store, Sensors: 300, Period: 100, Length: 1000}},
		{"uc2 backlog", Options{Case: Downsample, Backlog: true, Sensors: 300, Length: 200_000, Period: 5000}},
		{"uc2 live", Options{Case: Downsample, Sensors: 300, Period: 100, Length: 1200, Window: 500}},
		{"uc3 backlog", Options{Case: TimeAttribute, Backlog: true, Sensors: 40, Period: 3_600_000, Length: 40 * 86_400_000}},
		{"uc3 live", Options{Case: TimeAttribute, Sensors: 100, Period: 100, Length: 1200, Emit: 500}},
		{"uc4 backlog", Options{Case: Hierarchy, Backlog: true, Nested: 4, Length: 60_000}},
		{"uc4 live", Options{Case: Hierarchy, Nested: 3, Period: 100, Length: 3500, Emit: 1000, Grace: 500}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.opts.Dir, c.opts.Partitions, c.opts.Batch, c.opts.WarmUp = t.TempDir(), 4, 200, 100
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			out, err := Run(ctx, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			if out.Wrong != 0 || out.Figures.Value("results_checked").(int) < 30 {
				var b strings.Builder
				_ = out.Figures.Print(&b, false)
				t.Errorf("%s", b.String())
			}
			live := !c.opts.Backlog
			if _, ok := out.Figures.Value("latency_p50_ms").(float64); ok != live {
				t.Errorf("latencies were taken: %v", ok)
			}
		})
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	for _, o := range []Options{
		{}, {Case: 5, Sensors: 1, Length: 1000}, {Case: Store, Length: 5000}, {Case: Hierarchy, Length: 5000},
		{Case: Downsample, Sensors: 1, Length: 1000, WarmUp: 2000}, {Case: Hierarchy, Nested: 1, Length: 5000, Emit: 1500},
	} {
		if _, err := Run(context.Background(), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
