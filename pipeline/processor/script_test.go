package processor

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones, on machines that have none

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

var update = flag.Bool("update", false, "rewrite what the scripts in testdata expect, and docs/processors.md")

// TestScripts runs testdata/*.txt. Each step has a title, a processor with its
// parameters, "name: value" a line (units: those of inputs; inputs: their names,
// a alone when there are none), and what it is told: "load INPUT TIME VALUE; …"
// and "advance TIME". An item may have a key in square brackets before its time
// and marks behind its value, which may be null; times are of 5 May 2024 in UTC,
// or written with their date. Behind "----" stands what comes of it.
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
			head, steps, _ := strings.Cut("\n"+string(data), "\n== ")
			out.WriteString(strings.TrimSpace(head) + "\n")
			for _, step := range strings.Split(steps, "\n== ") {
				title, rest, _ := strings.Cut(step, "\n")
				body, want, _ := strings.Cut(rest, "\n----\n")
				body = strings.TrimRight(body, "\n")
				got := runScript(t, title, body)
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

func runScript(t *testing.T, title, body string) string {
	t.Helper()
	s := Settings{Values: make(manifest.Values), Inputs: []string{"a"}, Table: new(observation.Table)}
	lines := strings.Split(body, "\n")
	kind := ""
	for len(lines) > 0 {
		name, value, ok := strings.Cut(lines[0], ": ")
		if !ok || strings.Contains(name, " ") {
			break
		}
		lines = lines[1:]
		switch name {
		case "type":
			kind = value
		case "inputs":
			s.Inputs = strings.Split(value, ", ")
		case "units":
			s.Units = strings.Split(value, ", ")
		default:
			b, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			s.Values[name] = b
		}
	}
	e, ok := Find(kind)
	if !ok {
		t.Fatalf("%s: there is no processor %q", title, kind)
	}
	var err error
	if s.Values, err = manifest.Complete(e.Parameters, s.Values); err != nil {
		return err.Error() + "\n"
	}
	o, err := e.New(s)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, line := range lines {
		out := new(Out)
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "":
			continue
		case "advance":
			at := End
			if rest != "end" {
				at = scriptTime(t, rest)
			}
			o.Advance(at, out)
		case "load":
			input, items, _ := strings.Cut(rest, " ")
			for n, name := range s.Inputs {
				if name == input {
					o.Take(n, scriptItems(t, s.Table, items), out)
				}
			}
		default:
			t.Fatalf("%s: %q is no line of a script", title, line)
		}
		// A script that saves and loads at every line gives the same.
		state := o.Save(nil)
		if o, err = e.New(s); err != nil {
			t.Fatal(err)
		}
		if err := o.Load(state); err != nil {
			t.Fatalf("%s: load: %v", title, err)
		}
		if len(out.Items)+len(out.Dead) > 0 {
			fmt.Fprintf(&b, "%s\n", line)
		}
		for _, i := range out.Items {
			fmt.Fprintf(&b, "  %s\n", showItem(s.Table, i))
		}
		for _, d := range out.Dead {
			fmt.Fprintf(&b, "  refused %s: %s\n", showItem(s.Table, d.Item), d.Reason)
		}
	}
	return b.String()
}

var scriptDay = time.Date(2024, 5, 5, 0, 0, 0, 0, time.UTC)

func scriptTime(t *testing.T, s string) record.Millis {
	t.Helper()
	for _, form := range []string{"15:04", "15:04:05", "15:04:05.000"} {
		if c, err := time.Parse(form, s); err == nil {
			return record.MillisOf(scriptDay.Add(c.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))))
		}
	}
	c, err := time.Parse("2006-01-02T15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return record.MillisOf(c)
}

var markNames = []string{"null", "estimated", "partial", "alarm", "suspect"}

func scriptItems(t *testing.T, table *observation.Table, s string) []observation.Item {
	t.Helper()
	var out []observation.Item
	for _, part := range strings.Split(s, "; ") {
		var i observation.Item
		if rest, ok := strings.CutPrefix(part, "["); ok {
			key, after, _ := strings.Cut(rest, "] ")
			i.Series, part = table.Number(key), after
		}
		for n, f := range strings.Fields(part) {
			switch {
			case n == 0:
				i.Time = scriptTime(t, f)
			default:
				known := false
				for m, name := range markNames {
					if f == name {
						i.Marks |= 1 << m
						known = true
					}
				}
				if !known {
					v, err := strconv.ParseFloat(f, 64)
					if err != nil {
						t.Fatal(err)
					}
					i.Value = v
				}
			}
		}
		out = append(out, i)
	}
	return out
}

func showItem(table *observation.Table, i observation.Item) string {
	at := i.Time.Time()
	s := at.Format("2006-01-02T15:04")
	if at.Sub(scriptDay) >= 0 && at.Sub(scriptDay) < 24*time.Hour {
		if s = at.Format("15:04:05.000"); strings.HasSuffix(s, ":00.000") {
			s = at.Format("15:04")
		} else {
			s = strings.TrimSuffix(s, ".000")
		}
	}
	if i.Series != 0 {
		s = "[" + table.Key(i.Series) + "] " + s
	}
	if i.Marks&observation.Null == 0 {
		s += " " + strconv.FormatFloat(i.Value, 'g', 12, 64)
	}
	for m, name := range markNames {
		if i.Marks&(1<<m) != 0 {
			s += " " + name
		}
	}
	return s
}
