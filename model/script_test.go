package model

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var update = flag.Bool("update", false, "rewrite what the scripts in testdata expect")

// TestScripts runs testdata/*.txt. A script is a row of steps: "document" or
// "patch" and a name, YAML, "----", and what comes of it: the faults, or the
// layouts of the hierarchies (for a patch, of those changed). A patch goes on
// top of the last good step of the file; its inverse is applied and has to
// lead back.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			m := new(Model)
			head, steps, _ := strings.Cut(string(data), "\n== ")
			out.WriteString(strings.TrimRight(head, "\n") + "\n")
			for _, step := range strings.Split(steps, "\n== ") {
				title, rest, _ := strings.Cut(step, "\n")
				body, want, _ := strings.Cut(rest, "\n----\n")
				var got string
				m, got = runStep(t, m, title, body)
				fmt.Fprintf(&out, "\n== %s\n%s\n----\n%s", title, body, got)
				if !*update && strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") {
					t.Errorf("%s: %s\n%s\nwant\n%s", file, title, got, want)
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func runStep(t *testing.T, m *Model, title, body string) (*Model, string) {
	kind, name, _ := strings.Cut(title, " ")
	switch kind {
	case "document":
		d, err := ReadYAML([]byte(body))
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			return m, first + "\n"
		}
		next, err := New(d)
		if err != nil {
			return m, sentences(t, err)
		}
		var b strings.Builder
		for _, h := range next.Hierarchies() {
			b.WriteString(draw(next.Layout(h)))
		}
		return next, "fine\n" + b.String()
	case "patch":
		var p Patch
		if err := yaml.UnmarshalWithOptions([]byte(body), &p, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, h := range m.Hierarchies() {
			m.Layout(h)
		}
		next, inverse, err := m.Apply(p)
		if err != nil {
			return m, sentences(t, err)
		}
		var b strings.Builder
		for _, h := range Changed(m, next) {
			if l := next.Layout(h); l != nil {
				b.WriteString(draw(l))
			} else {
				fmt.Fprintf(&b, "hierarchy %s: gone\n", h)
			}
		}
		back, _, err := next.Apply(inverse)
		if err != nil {
			t.Errorf("%s: the inverse is refused: %v", name, err)
			return next, ""
		}
		if p := Diff(m.Document(), back.Document()); !p.Empty() {
			t.Errorf("%s: undone, this is left: %+v", name, p)
		}
		return next, "fine\n" + b.String()
	}
	t.Fatalf("step %q is neither document nor patch", title)
	return nil, ""
}

func sentences(t *testing.T, err error) string {
	var f *Faults
	if !errors.As(err, &f) {
		t.Fatalf("not faults: %v", err)
	}
	s := strings.Join(f.Sentences, "\n") + "\n"
	if f.More > 0 {
		s += fmt.Sprintf("and %d more\n", f.More)
	}
	return s
}

func draw(l *Layout) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hierarchy %s, tick %v\n", l.Hierarchy, l.Tick)
	for i, g := range l.Groups {
		sign := map[int8]string{1: "+", -1: "-"}[g.Sign]
		fmt.Fprintf(&b, "  %d %s%s in %d: leaves %d to %d, meter %d, total %d\n", i, sign, g.ID, g.Parent, g.From, g.To, g.Meter, g.Total)
	}
	for i, f := range l.Leaves {
		sign := map[int8]string{1: "+", -1: "-"}[f.Sign]
		meter := ""
		if f.Meter {
			meter = ", meter"
		}
		fmt.Fprintf(&b, "  leaf %d %s%s of %d, max age %d ms%s\n", i, sign, f.Sensor, f.Group, f.MaxAge, meter)
	}
	return b.String()
}
