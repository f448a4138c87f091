package processor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
)

const (
	docs      = "../../docs/processors.md"
	generated = "<!-- What follows is written by: go test ./pipeline/processor -run TestDocs -update -->\n"
)

// TestDocs holds docs/processors.md against the entries, and the processor that
// it shows against the one that is compiled here.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	guide, was, ok := strings.Cut(string(data), generated)
	if !ok {
		t.Fatal("the line behind which the reference stands is missing")
	}
	is := reference()
	if *update {
		if err := os.WriteFile(docs, []byte(guide+generated+is), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if was != is {
		t.Error("docs/processors.md is not what the entries say: go test ./pipeline/processor -run TestDocs -update")
	}
	shown, err := os.ReadFile("clamp_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(shown), "\n// clamp keeps")
	if !strings.Contains(guide, "// clamp keeps"+strings.TrimRight(code, "\n")+"\n```") {
		t.Error("docs/processors.md does not show the processor in clamp_test.go")
	}
}

func reference() string {
	var b strings.Builder
	for _, role := range []manifest.Role{manifest.Preprocessor, manifest.Analytics, manifest.Storage} {
		fmt.Fprintf(&b, "\n## Reference: %s\n\n", role)
		b.WriteString("| type | what it does |\n|---|---|\n")
		for _, e := range Entries() {
			if e.Role == role {
				fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", e.Name, e.Name, e.Summary)
			}
		}
		for _, e := range Entries() {
			if e.Role != role {
				continue
			}
			fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", e.Name, e.Summary)
			fmt.Fprintf(&b, "**Result.** %s\n", e.Result)
			if e.Details != "" {
				fmt.Fprintf(&b, "\n%s\n", e.Details)
			}
			if len(e.Parameters) > 0 {
				b.WriteString("\n| parameter | type | default | |\n|---|---|---|---|\n")
			}
			for _, p := range e.Parameters {
				standard := "`" + strings.Trim(string(p.Default), `"`) + "`"
				switch {
				case p.Required:
					standard = "must be given"
				case len(p.Default) == 0:
					standard = "none"
				}
				limits := ""
				if p.Min != nil && p.Max != nil {
					limits = fmt.Sprintf(" From %v to %v%s.", *p.Min, *p.Max, strings.TrimRight(" "+p.Measure, " "))
				}
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s%s |\n", p.Name, p.Type, standard, strings.ReplaceAll(p.Description, "|", "\\|"), limits)
			}
			fmt.Fprintf(&b, "\n```yaml\n%s```\n", e.Example)
		}
	}
	return b.String()
}

func TestTheProcessorThatIsShown(t *testing.T) {
	o, err := clampEntry.New(Settings{Values: complete(t, clampEntry, map[string]any{"most": 10}), Inputs: []string{"a"}, Table: new(observation.Table)})
	if err != nil {
		t.Fatal(err)
	}
	out := new(Out)
	o.Take(0, []observation.Item{{Time: 2, Value: 50}, {Time: 1, Value: 5}, {Time: 3, Value: 20}}, out)
	o.Advance(End, out)
	if got := strings.Join(bits(out.Items), "; "); got != strings.Join(bits([]observation.Item{{Time: 1, Value: 5}, {Time: 2, Value: 15, Marks: observation.Estimated}, {Time: 3, Value: 20}}), "; ") {
		t.Error(got)
	}
	_, _, tell := scene(rand.New(rand.NewPCG(31, 1)), 1, 1, 100, 1000, 4000)
	fresh := func() Operator {
		o, err := clampEntry.New(Settings{Values: complete(t, clampEntry, map[string]any{"most": 10}), Inputs: []string{"a"}, Table: new(observation.Table)})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	saves(t, fresh, tell, play(t, fresh(), tell))
}
