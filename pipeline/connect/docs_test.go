package connect_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
	"github.com/wattwerk/wattwerk/pipeline/connect/kafka"
	"github.com/wattwerk/wattwerk/pipeline/connect/mongodb"
	"github.com/wattwerk/wattwerk/pipeline/connect/mqtt"
	"github.com/wattwerk/wattwerk/pipeline/connect/nats"
	"github.com/wattwerk/wattwerk/pipeline/connect/parquet"
	"github.com/wattwerk/wattwerk/pipeline/connect/poll"
	"github.com/wattwerk/wattwerk/pipeline/connect/postgresql"
	"github.com/wattwerk/wattwerk/pipeline/connect/push"
	"github.com/wattwerk/wattwerk/pipeline/connect/webhook"
)

var update = flag.Bool("update", false, "write docs/connectors.md again")

const (
	guide  = "../../docs/connectors.md"
	marker = "<!-- What follows is written by 'go test ./pipeline/connect -run Guide -update'. -->\n"
)

func protocols() []connect.Protocol {
	return []connect.Protocol{
		mqtt.Protocol(), push.New().Protocol(), poll.Protocol(), kafka.Protocol(), nats.Protocol(),
		webhook.Protocol(), postgresql.Protocol(), mongodb.Protocol(), parquet.Protocol(),
	}
}

func TestDeclarations(t *testing.T) {
	for _, p := range protocols() {
		if err := manifest.Declare(p.Parameters); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if p.Summary == "" || p.Details == "" || p.Reader == nil && p.Writer == nil {
			t.Errorf("%s is not described", p.Name)
		}
		for _, d := range p.Parameters {
			if !strings.HasSuffix(d.Description, ".") {
				t.Errorf("%s: %s is described by no sentence", p.Name, d.Name)
			}
		}
	}
}

// TestExamples opens what the examples declare, as far as that needs no server.
func TestExamples(t *testing.T) {
	all := protocols()
	offer := manifest.Offer{Protocol: func(name string) (manifest.Protocol, bool) {
		i := slices.IndexFunc(all, func(p connect.Protocol) bool { return p.Name == name })
		if i < 0 {
			return manifest.Protocol{}, false
		}
		return all[i].Offered(), true
	}}
	for _, p := range all {
		doc, err := yaml.YAMLToJSON([]byte(p.Example))
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		var b manifest.Bundle
		if err := strict.JSON(doc, &b); err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		set, err := manifest.NewSet(&b)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if len(b.Sources) != 1 {
			t.Errorf("%s: %d sources", p.Name, len(b.Sources))
		}
		for _, s := range b.Sources {
			e, err := offer.Resolve(set, s.Name)
			if err != nil {
				t.Errorf("%s: %v", p.Name, err)
				continue
			}
			if e.Protocol() != p.Name {
				t.Errorf("the example of %s is of %s", p.Name, e.Protocol())
			}
			if _, err := format.Of(*e.Kind); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	}
}

func TestGuide(t *testing.T) {
	page, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	written, _, ok := strings.Cut(string(page), marker)
	if !ok {
		t.Fatalf("%s does not say where the generated part begins", guide)
	}
	want := written + marker + chapters()
	if *update {
		if err := os.WriteFile(guide, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, string(page)); d != "" {
		t.Errorf("run it again with -update: %s", d)
	}
}

// chapters writes one for each protocol.
func chapters() string {
	var b strings.Builder
	b.WriteString("\n## What messages say\n\n`mqtt`, `http`, `poll`, `kafka` and `nats` also take these, of sources:\n\n")
	table(&b, format.Parameters())
	for _, p := range protocols() {
		ends := "source and sink"
		if p.Writer == nil {
			ends = "source"
		} else if p.Reader == nil {
			ends = "sink"
		}
		fmt.Fprintf(&b, "\n## %s (%s)\n\n%s %s\n\n", p.Name, ends, p.Summary, p.Details)
		own := slices.DeleteFunc(slices.Clone(p.Parameters), func(d manifest.Parameter) bool {
			return slices.ContainsFunc(format.Parameters(), func(f manifest.Parameter) bool { return f.Name == d.Name })
		})
		if len(own) > 0 {
			table(&b, own)
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "```yaml\n%s```\n", p.Example)
	}
	return b.String()
}

func table(b *strings.Builder, params []manifest.Parameter) {
	b.WriteString("| parameter | type | default | |\n|---|---|---|---|\n")
	for _, p := range params {
		kind, def := string(p.Type), ""
		if kind == "" {
			kind = "string"
		}
		if len(p.OneOf) > 0 {
			kind = strings.Join(p.OneOf, ", ")
		}
		switch {
		case p.Required:
			def = "must be given"
		case len(p.Default) > 0:
			def = "`" + strings.Trim(string(p.Default), `"`) + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p.Name, kind, def, strings.ReplaceAll(p.Description, "|", "\\|"))
	}
}
