package formula

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
)

var update = flag.Bool("update", false, "rewrite what the scripts in testdata expect")

// TestScripts runs testdata/*.txt. The head of a file, after its first
// paragraph, says what sensors and groups measure. Each step has a title that
// ends with what the virtual sensor is stated as, the formula, and lines of
// what is evaluated: "live" and values in coherent units, or "15m" and the like
// with what the operands amount to, ~ before an average, @ and a percentage of
// coverage, ! for what is estimated. Behind "----" stands what comes of it.
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
			head, steps, _ := strings.Cut(string(data), "\n== ")
			out.WriteString(strings.TrimRight(head, "\n") + "\n")
			_, declared, _ := strings.Cut(head, "\n\n")
			meanings := make(map[string]Meaning)
			for _, line := range strings.Split(strings.TrimSpace(declared), "\n") {
				name, what, _ := strings.Cut(line, ": ")
				meanings[name] = meaningOf(what)
			}
			for _, step := range strings.Split(steps, "\n== ") {
				title, rest, _ := strings.Cut(step, "\n")
				body, want, _ := strings.Cut(rest, "\n----\n")
				body = strings.TrimRight(body, "\n")
				got := runStep(t, meanings, title, body)
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

func meaningOf(what string) Meaning {
	q, counter := strings.CutPrefix(what, "counter of ")
	return Meaning{record.Quantity(q), counter}
}

// name is how an operand is called in a script.
func (o Operand) name() string {
	s := string(o.Sensor) + o.Group
	if o.Part != Whole {
		s += "." + partNames[o.Part]
	}
	return s
}

func runStep(t *testing.T, meanings map[string]Meaning, title, body string) string {
	t.Helper()
	i := strings.LastIndex(title, ", as ")
	if i < 0 {
		t.Fatalf("%q does not end with what the sensor is stated as", title)
	}
	var text []string
	lines := strings.Split(body, "\n")
	for len(lines) > 0 {
		if word, _, _ := strings.Cut(lines[0], " "); word == "live" || strings.HasSuffix(word, "m") {
			break
		}
		text = append(text, lines[0])
		lines = lines[1:]
	}
	e, err := Parse(strings.Join(text, "\n"))
	if err != nil {
		return err.Error() + "\n"
	}
	f, err := e.Check(func(o Operand) (Meaning, error) {
		m, ok := meanings[o.name()]
		if !ok {
			return m, fmt.Errorf("%s is unknown", o)
		}
		return m, nil
	}, meaningOf(title[i+5:]))
	if err != nil {
		return err.Error() + "\n"
	}
	var out strings.Builder
	out.WriteString(f.Rule().String())
	if f.Exact() {
		out.WriteString(", exact")
	}
	if f.OnAverages() {
		out.WriteString(", on averages")
	}
	if !f.Live() {
		out.WriteString(", not live")
	}
	out.WriteString("\n")
	for _, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		given := make(map[string]string)
		for _, g := range strings.Fields(rest) {
			name, value, ok := strings.Cut(g, "=")
			if !ok {
				t.Fatalf("%s: %q is no value", title, g)
			}
			given[name] = value
		}
		at := func(i int) string {
			v, ok := given[f.Operands()[i].name()]
			if !ok {
				t.Fatalf("%s: %s has no value in %q", title, f.Operands()[i], line)
			}
			return v
		}
		if word == "live" {
			fmt.Fprintf(&out, "live %s\n", show(f.Eval(func(i int) float64 { return number(t, at(i)) })))
			continue
		}
		minutes, err := strconv.ParseInt(strings.TrimSuffix(word, "m"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		span := minutes * 60_000
		v, err := f.Settle(span, func(i int) energy.Value { return window(t, at(i), span) })
		switch {
		case err != nil:
			fmt.Fprintf(&out, "%s %v\n", word, err)
		case !v.Known && math.IsNaN(v.Average):
			fmt.Fprintf(&out, "%s null\n", word)
		default:
			fmt.Fprintf(&out, "%s ", word)
			if v.Known {
				fmt.Fprintf(&out, "amount %s, ", v.Amount)
			}
			fmt.Fprintf(&out, "average %s, covered %d %%", show(v.Average), 100*v.Covered/span)
			if v.Estimated != 0 {
				fmt.Fprintf(&out, ", of it %s estimated", v.Estimated)
			}
			fmt.Fprintf(&out, ", %v\n", v.Quality)
		}
	}
	return out.String()
}

func show(x float64) string {
	if math.IsNaN(x) {
		return "null"
	}
	return strconv.FormatFloat(x, 'g', 10, 64)
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	if s == "null" {
		return math.NaN()
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func window(t *testing.T, s string, span int64) energy.Value {
	t.Helper()
	if s == "null" {
		return energy.Value{Average: math.NaN()}
	}
	s, estimated := strings.CutSuffix(s, "!")
	s, part, partly := strings.Cut(s, "@")
	v := energy.Value{Covered: span, Quality: energy.Measured}
	if partly {
		v.Covered = int64(number(t, strings.TrimSuffix(part, "%")) / 100 * float64(span))
	}
	if average, ok := strings.CutPrefix(s, "~"); ok {
		v.Average = number(t, average)
		return v
	}
	v.Known = true
	var err error
	if v.Amount, err = energy.Of(number(t, s)); err != nil {
		t.Fatal(err)
	}
	v.Average = rate(v.Amount.Float64(), v.Covered)
	if estimated {
		v.Estimated, v.Quality = max(v.Amount, -v.Amount), energy.Estimated
	}
	return v
}
