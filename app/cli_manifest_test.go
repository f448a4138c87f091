package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline"
	"github.com/wattwerk/wattwerk/record"
)

// TestTutorials holds that every file of the tutorials is valid by itself.
func TestTutorials(t *testing.T) {
	files, err := filepath.Glob("../docs/tutorials/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		var out, errs bytes.Buffer
		if code := Execute(context.Background(), []string{"manifest", "validate", f}, IO{Out: &out, Err: &errs}); code != 0 || !strings.Contains(out.String(), "are valid") {
			t.Errorf("%s: %d %s%s", f, code, &out, &errs)
		}
		out.Reset()
		if code := Execute(context.Background(), []string{"manifest", "explain", f}, IO{Out: &out, Err: &errs}); code != 0 || !strings.Contains(out.String(), "\n  from source ") {
			t.Errorf("%s: %d %s%s", f, code, &out, &errs)
		}
	}
}

// try runs the only manifest of a tutorial on samples, and gives what its
// processors gave.
func try(t *testing.T, file string, samples []pipeline.Sample) map[string]pipeline.TrialNode {
	t.Helper()
	b, err := readBundle([]string{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	plans, err := checkBundle(b)
	if err != nil {
		t.Fatal(err)
	}
	set, err := manifest.NewSet(b)
	if err != nil {
		t.Fatal(err)
	}
	trial, err := pipeline.Try(set, plans[0], samples)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]pipeline.TrialNode)
	for _, n := range trial.Processors {
		out[n.Name] = n
	}
	return out
}

func sample(source, key string, second int, value float64) pipeline.Sample {
	const start = record.Millis(1_543_392_000_000) // 2018-11-28T08:00:00Z, a shift begins
	return pipeline.Sample{Source: source, Key: key, Time: start + record.Millis(1000*second), Value: &value}
}

// Eight pieces of two cells: one of them takes no time, one a day.
func TestAssemblyTimes(t *testing.T) {
	got := try(t, "../docs/tutorials/assembly-times.yaml", []pipeline.Sample{
		sample("Pieces", "cell 1", 0, 40), sample("Pieces", "cell 2", 10, 90), sample("Pieces", "cell 1", 60, 44), sample("Pieces", "cell 1", 120, 0.1),
		sample("Pieces", "cell 1", 180, 42), sample("Pieces", "cell 2", 200, 86400), sample("Pieces", "cell 2", 300, 94), sample("Pieces", "cell 2", 400, 92),
	})
	for node, want := range map[string]map[string]float64{
		"usual": {"cell 1": 42, "cell 2": 92}, "pieces": {"cell 1": 3, "cell 2": 3}, "spread": {"cell 1": 2},
	} {
		has := make(map[string]float64)
		for _, r := range got[node].Results {
			if r.Value != nil {
				has[r.Key] = *r.Value
			}
		}
		for key, v := range want {
			if has[key] != v {
				t.Errorf("%s of %s is %v, want %v", node, key, has[key], v)
			}
		}
	}
	if n := got["plausible"].Count; n != 6 {
		t.Errorf("%d pieces are plausible", n)
	}
}

// An hour at 1 kW is 1 kWh; a bearing that is hot for a minute is hot once.
func TestRemainingLife(t *testing.T) {
	samples := []pipeline.Sample{sample("Spindle", "", 0, 1000), sample("Bearing", "", 0, 60)}
	for s := 30; s <= 3600; s += 30 {
		samples = append(samples, sample("Spindle", "", s, 1000))
		hot := 60.0
		if s >= 600 && s <= 660 {
			hot = 85
		}
		samples = append(samples, sample("Bearing", "", s, hot))
	}
	got := try(t, "../docs/tutorials/remaining-life.yaml", samples)
	first := func(node string) float64 {
		if r := got[node].Results; len(r) > 0 && r[0].Value != nil {
			return *r[0].Value
		}
		return -1
	}
	// Percentiles of more than 64 values are right to 0.2 %.
	if load := first("load"); first("work") != 1000 || load < 998 || load > 1002 || got["hot"].Count != 2 || first("times hot") != 1 {
		t.Errorf("work %v Wh, load %v W, hot changed %d times, %v times hot", first("work"), load, got["hot"].Count, first("times hot"))
	}
}

// TestHostileManifests has what somebody might send to do harm: each is refused
// with a sentence before anything runs. What is judged when a source or sink is
// opened (addresses, paths) is in the tests of pipeline/connect.
func TestHostileManifests(t *testing.T) {
	head := `
kinds: [{name: k, quantityKind: power}]
interfaces: [{name: i, protocol: internal}, {name: m, protocol: mqtt}, {name: f, protocol: parquet}, {name: p, protocol: poll}]
sourceDefinitions: [{name: d, interface: i, kinds: [k]}, {name: dm, interface: m, kinds: [k]}, {name: df, interface: f, kinds: [k]}, {name: dp, interface: p, kinds: [k]}]
sources: [{name: a, definition: d}, {name: b, definition: d}%s]
manifests: [{name: x, processors: [%s]}]`
	expression := func(text string) string {
		return `{name: e, type: expression, parameters: {map: ` + text + `}, from: [a], to: b}`
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", "hunter2")
	for name, c := range map[string]struct{ sources, processors string }{
		"environment in an expression":    {"", expression(`'env("SECRET")'`)},
		"environment by a dollar":         {"", expression(`"${SECRET}"`)},
		"environment as a variable":       {"", expression(`'$env["SECRET"]'`)},
		"file in an expression":           {"", expression(`'file("` + secret + `")'`)},
		"host name":                       {"", expression(`'hostname()'`)},
		"import":                          {"", expression(`'import("os")'`)},
		"endless loop":                    {"", expression(`'while(true)'`)},
		"huge range":                      {"", expression(`'len(1..300000000)'`)},
		"huge repetition":                 {"", expression(`'len(repeat("a", 1000000000))'`)},
		"nested map":                      {"", expression(`'sum(map(1..10000, sum(map(1..10000, #))))'`)},
		"deep nesting":                    {"", expression(`'` + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000) + `'`)},
		"very long expression":            {"", expression(`'` + strings.Repeat("1+", 100_000) + `1'`)},
		"a regular expression that grows": {"", expression(`'key matches "(a+)+$"'`)},
		"command":                         {"", `{name: e, type: command, parameters: {name: sh}, from: [a], to: b}`},
		"subprocess":                      {"", `{name: e, type: subprocess, from: [a], to: b}`},
		"awk":                             {"", `{name: e, type: awk, from: [a], to: b}`},
		"unknown parameter":               {"", `{name: e, type: echo, parameters: {location: /bin/sh}, from: [a], to: b}`},
		"a window of no length":           {"", `{name: e, type: average, parameters: {size: 0s}, from: [a], to: b}`},
		"a window of a nanosecond":        {"", `{name: e, type: average, parameters: {size: 1ns}, from: [a], to: b}`},
		"a hop of a moment":               {"", `{name: e, type: average, parameters: {window: hopping, size: 8760h, hop: 1ms}, from: [a], to: b}`},
		"a percentile beyond all":         {"", `{name: e, type: percentile, parameters: {percentile: 1e9, size: 1h}, from: [a], to: b}`},
		"not a number":                    {"", `{name: e, type: filter, parameters: {operator: GE, threshold: .nan}, from: [a], to: b}`},
		"a circle":                        {"", `{name: e, type: echo, from: [a], to: a}`},
		"a secret by its path":            {`, {name: c, definition: dm, parameters: {host: h, topic: t, password: "` + secret + `"}}`, `{name: e, type: echo, from: [a], to: c}`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(strings.Replace(head, "%s", c.sources, 1), "%s", c.processors, 1)
			var out, errs bytes.Buffer
			code := Execute(t.Context(), []string{"manifest", "validate", "-"}, IO{In: strings.NewReader(text), Out: &out, Err: &errs})
			if code == 0 {
				t.Errorf("it is taken: %s", &out)
			}
			if strings.Contains(out.String()+errs.String(), "hunter2") {
				t.Errorf("it tells a secret: %s%s", &out, &errs)
			}
			if errs.Len() > 10_000 {
				t.Errorf("the answer is %d bytes long", errs.Len())
			}
		})
	}
}
