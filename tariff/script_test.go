package tariff

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

var update = flag.Bool("update", false, "rewrite what the scripts in testdata expect")

// TestScripts runs testdata/*.txt. A script is a row of steps:
//
//   - "tariff" or "factors" and a name, then YAML: "fine", or what is wrong.
//   - "bill" or "costs" and two dates, then what was measured: the bill by the
//     tariff above, or what each window costs.
//
// What was measured is lines "from to: amount", each for every quarter of an hour
// in that time, in kWh or the coherent unit; later lines replace earlier ones. An
// amount may be followed by ", estimated N", ", export N" or be "unknown".
// "series NAME from to: value" is a quote, "windows 1h" makes the windows of the
// period longer.
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
			var plans []*Plan
			head, steps, _ := strings.Cut(string(data), "\n== ")
			out.WriteString(strings.TrimRight(head, "\n") + "\n")
			for _, step := range strings.Split(steps, "\n== ") {
				title, rest, _ := strings.Cut(step, "\n")
				body, want, _ := strings.Cut(rest, "\n----\n")
				got := runStep(t, &plans, title, body)
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

func runStep(t *testing.T, plans *[]*Plan, title, body string) string {
	kind, args, _ := strings.Cut(title, " ")
	switch kind {
	case "tariff":
		doc, err := ReadYAML[Tariff]([]byte(body))
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			return first + "\n"
		}
		p, err := New(doc, window.Calendar{})
		if err != nil {
			return sentences(t, err)
		}
		*plans = []*Plan{p}
	case "factors":
		doc, err := ReadYAML[Factors]([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		*plans = nil
		for _, b := range []Basis{Location, Market} {
			p, err := NewFactors(doc, b, window.Calendar{})
			if err != nil {
				return sentences(t, err)
			}
			*plans = append(*plans, p)
		}
	case "bill", "costs":
		var out strings.Builder
		for _, p := range *plans {
			out.WriteString(price(t, p, kind, args, body))
		}
		return out.String()
	default:
		t.Fatalf("step %q is unknown", title)
	}
	return "fine\n"
}

func sentences(t *testing.T, err error) string {
	var f *strict.Faults
	if !errors.As(err, &f) {
		t.Fatalf("not faults: %v", err)
	}
	s := strings.Join(f.Sentences, "\n") + "\n"
	if f.More > 0 {
		s += fmt.Sprintf("and %d more\n", f.More)
	}
	return s
}

// at reads a date, with or without a time, by the clock of the plan.
func at(t *testing.T, p *Plan, text string) record.Millis {
	t.Helper()
	if len(text) == len("2026-01-01") {
		text += " 00:00"
	}
	v, err := time.ParseInLocation("2006-01-02 15:04", text, p.Calendar().Zone())
	if err != nil {
		t.Fatal(err)
	}
	return record.MillisOf(v)
}

// span reads "2026-01-01 00:00 2026-01-02" with or without times.
func span(t *testing.T, p *Plan, text string) window.Span {
	t.Helper()
	f := strings.Fields(text)
	var ends []string
	for _, x := range f {
		if len(x) == len("00:00") {
			ends[len(ends)-1] += " " + x
			continue
		}
		ends = append(ends, x)
	}
	if len(ends) != 2 {
		t.Fatalf("%q is no span", text)
	}
	return window.Span{From: at(t, p, ends[0]), To: at(t, p, ends[1])}
}

func millionths(t *testing.T, p *Plan, text string) energy.Amount {
	t.Helper()
	v, err := Decimal(strings.TrimSpace(text)).nanos()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if p.versions[0].conversion != 0 {
		return energy.Amount(v / 1000) // 10^-9 to 10^-6 of the coherent unit
	}
	a, ok := wide.Product(v, p.perUnit).Over(byNano)
	if !ok {
		t.Fatal(text)
	}
	return energy.Amount(a)
}

func price(t *testing.T, p *Plan, kind, args, body string) string {
	quarters := make(map[int32]Window)
	series := make(map[string][]Quote)
	size := window.Quarter
	for _, line := range strings.Split(strings.TrimSpace(body), "\n") {
		if text, ok := strings.CutPrefix(line, "windows "); ok {
			var err error
			if size, err = window.ParseSize(text); err != nil {
				t.Fatal(err)
			}
			continue
		}
		i := strings.LastIndex(line, ": ")
		if i < 0 {
			t.Fatalf("line %q is unknown", line)
		}
		when, what := line[:i], line[i+2:]
		if rest, ok := strings.CutPrefix(when, "series "); ok {
			name, when, _ := strings.Cut(rest, " ")
			q := Quote{Span: span(t, p, when), Known: what != "unknown"}
			if q.Known {
				v, err := Decimal(what).nanos()
				if err != nil {
					t.Fatal(err)
				}
				q.Price = Price(v)
			}
			series[name] = append(series[name], q)
			continue
		}
		first, end := span(t, p, when).Quarters()
		for q := first; q < end; q++ {
			quarters[q] = measured(t, p, q, what)
		}
	}
	period := span(t, p, args)
	r, err := p.Price(period, series)
	if err != nil {
		return err.Error() + "\n"
	}
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	since := p.Since(period.From)
	for _, w := range joined(p, quarters, size, since, period) {
		c, err := r.Add(w)
		if err != nil {
			return err.Error() + "\n"
		}
		if kind == "costs" && w.Span.From >= period.From {
			text := "null"
			if c.Known {
				text = c.Money.String()
			}
			if c.Estimated != 0 {
				text += ", estimated " + c.Estimated.String()
			}
			fmt.Fprintf(table, "%s\t%s\n", clock(p, w.Span.From), text)
		}
	}
	if kind == "bill" {
		b, err := r.Bill()
		if err != nil {
			return err.Error() + "\n"
		}
		writeBill(t, table, p, b, since)
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	var trimmed []string
	for _, l := range strings.Split(out.String(), "\n") {
		trimmed = append(trimmed, strings.TrimRight(l, " "))
	}
	return strings.Join(trimmed, "\n")
}

func measured(t *testing.T, p *Plan, q int32, what string) Window {
	w := Window{Span: window.QuarterSpan(q), Known: what != "unknown"}
	if !w.Known {
		return w
	}
	parts := strings.Split(what, ",")
	w.Amount = millionths(t, p, parts[0])
	for _, x := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(x), " ")
		switch name {
		case "estimated":
			w.Estimated = millionths(t, p, value)
		case "export":
			w.Export = millionths(t, p, value)
		default:
			t.Fatalf("%q is unknown", x)
		}
	}
	return w
}

// joined puts the quarters of the period into windows of the size.
func joined(p *Plan, quarters map[int32]Window, size window.Size, since record.Millis, period window.Span) []Window {
	var all []Window
	for _, w := range quarters {
		if w.Span.From >= since && w.Span.To <= period.To {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b Window) int { return int(a.Span.From/1000 - b.Span.From/1000) })
	if size == window.Quarter {
		return all
	}
	var out []Window
	for _, w := range all {
		whole := p.Calendar().Span(size, w.Span.From)
		if n := len(out); n > 0 && out[n-1].Span == whole {
			out[n-1].Amount += w.Amount
			out[n-1].Estimated += w.Estimated
			out[n-1].Export += w.Export
			continue
		}
		w.Span = whole
		out = append(out, w)
	}
	return out
}

func clock(p *Plan, m record.Millis) string {
	return m.Time().In(p.Calendar().Zone()).Format("2006-01-02 15:04")
}

func writeBill(t *testing.T, table *tabwriter.Writer, p *Plan, b Bill, since record.Millis) {
	amount := func(a energy.Amount, per int64) string {
		v, ok := wide.Product(int64(a), 1e9).Over(wide.By(uint64(per)))
		if !ok {
			return "too large"
		}
		return decimals(v, 9)
	}
	day := func(m record.Millis) string { return strings.TrimSuffix(clock(p, m), " 00:00") }
	for _, l := range b.Lines {
		what := l.Component
		if l.Slot != "" {
			what += " (" + l.Slot + ")"
		}
		var how string
		switch l.Kind {
		case Energy, FeedIn:
			how = fmt.Sprintf("%s %s × %s", amount(l.Quantity, p.perUnit), l.Unit, l.Price)
			if l.Unpriced != 0 {
				how += fmt.Sprintf(", without a price %s %s", amount(l.Unpriced, p.perUnit), l.Unit)
			}
		case Standing:
			how = fmt.Sprintf("%d days × %s per %s", l.Days, l.Price, l.Unit)
		case Demand:
			how = fmt.Sprintf("%s %s × %s for %d days", amount(l.Quantity, p.perUnit), l.Unit, l.Price, l.Days)
			if l.Peak != 0 {
				how += ", peak " + clock(p, l.Peak)
			}
		case Tax:
			how = string(l.Percent) + " %"
		}
		money := l.Money.String()
		if l.Estimated != 0 {
			money += ", estimated " + l.Estimated.String()
		}
		fmt.Fprintf(table, "%d: %s to %s\t%s\t%s\t%s\n", l.Version, day(l.Span.From), day(l.Span.To), what, how, money)
	}
	// A new table, so that what follows has no columns.
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	if !b.Known {
		fmt.Fprintf(table, "no price\n")
		return
	}
	fmt.Fprintf(table, "%s: cost %s - credit %s = %s", b.Currency, b.Cost, b.Credit, b.Total)
	if b.Estimated != 0 {
		fmt.Fprintf(table, ", estimated %s", b.Estimated)
	}
	fmt.Fprintln(table)
	if since != b.Span.From {
		fmt.Fprintf(table, "counted since %s\n", day(since))
	}
	if !b.Complete() {
		fmt.Fprintf(table, "complete to %.2f %%: measured %v, of which without a price %v\n", 100*b.Completeness(),
			time.Duration(b.Measured)*time.Millisecond, time.Duration(b.Unpriced)*time.Millisecond)
	}
}
