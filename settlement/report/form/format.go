package form

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/settlement/report"
)

// Format is how a report is written down.
type Format struct {
	Name string // also what files end with
	Type string // of the content
}

// The formats.
var (
	JSON = Format{"json", "application/json"}
	HTML = Format{"html", "text/html; charset=utf-8"}
	CSV  = Format{"csv", "text/csv; charset=utf-8; header=present"}
	XLSX = Format{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
)

// Formats lists them; the first is the default.
func Formats() []Format { return []Format{JSON, HTML, CSV, XLSX} }

// ByName finds a format by what its files end with.
func ByName(name string) (Format, bool) {
	i := slices.IndexFunc(Formats(), func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return Formats()[i], true
}

// ByAccept finds the first format that an Accept header names; JSON when it
// names none.
func ByAccept(header string) Format {
	for part := range strings.SplitSeq(header, ",") {
		kind, _, _ := strings.Cut(part, ";")
		for _, f := range Formats() {
			own, _, _ := strings.Cut(f.Type, ";")
			if strings.EqualFold(strings.TrimSpace(kind), own) {
				return f
			}
		}
	}
	return JSON
}

// Languages are those that HTML and XLSX are written in; the first is the
// default.
func Languages() []string { return []string{"en", "de"} }

// Write writes a report.
func Write(w io.Writer, r *report.Report, f Format, language string) error {
	switch f {
	case HTML:
		return writeHTML(w, r, language)
	case CSV:
		return writeCSV(w, r)
	case XLSX:
		return writeXLSX(w, r, language)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// FileName is what a report is called as a file: report-plant-2026-10.html.
func FileName(r *report.Report, f Format) string {
	name := strings.Trim(unfit.ReplaceAllString(r.Subject.ID, "-"), "-.")
	if name == "" {
		name = "wattwerk"
	}
	name = "report-" + name + "-" + r.Period.Text
	if r.Issue != nil && r.Issue.Version > 1 {
		name += fmt.Sprintf("-revision-%d", r.Issue.Version)
	}
	return name + "." + f.Name
}

// units are those that people read.
type units struct {
	amount, power string
	shift         int // powers of ten that a coherent unit is divided by
}

func unitsOf(r *report.Report) units {
	switch r.Unit {
	case "Wh", "varh", "VAh":
		return units{"k" + r.Unit, "k" + r.PowerUnit, 3}
	}
	return units{amount: r.Unit, power: r.PowerUnit}
}

func (u units) float(v float64) float64 {
	if u.shift == 3 {
		return v / 1000
	}
	return v
}

// decimal writes an amount with all its digits.
func (u units) decimal(a energy.Amount) string {
	places := 6 + u.shift
	n := int64(a)
	sign := ""
	text := fmt.Sprint(n)
	if n < 0 {
		sign, text = "-", text[1:]
	}
	if len(text) <= places {
		text = strings.Repeat("0", places+1-len(text)) + text
	}
	whole, part := text[:len(text)-places], strings.TrimRight(text[len(text)-places:], "0")
	if part != "" {
		part = "." + part
	}
	return sign + whole + part
}

// Mail gives the subject and the text of a mail that takes a report along.
func Mail(r *report.Report, code string) (subject, text string) {
	v := viewOf(r, code)
	subject = v.kindOf(&r.Period) + " " + v.period(&r.Period) + ": " + v.Heading()
	if r.Issue != nil && r.Issue.Version > 1 {
		subject = v.word("Revised") + ": " + subject
	}
	f := v.F(r.Total)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n%s: %s %s\n%s: %s\n%s: %s\n%s: %s\n", v.Heading(), v.period(&r.Period),
		v.word("Total"), f.Amount, v.amount, v.word("Completeness"), f.Completeness, v.word("Estimated"), f.Estimated, v.word("Quality"), f.Quality)
	if c := r.Previous; c != nil {
		change := v.signed(c.Change)
		if c.Why != "" {
			change = v.why(c.Why)
		}
		fmt.Fprintf(&b, "%s: %s\n", v.word("The period before"), change)
	}
	if r.Issue != nil && r.Issue.Version > 1 {
		fmt.Fprintf(&b, "\n%s\n", v.word("Late readings or corrections changed the figures; earlier versions are kept."))
	}
	fmt.Fprintf(&b, "\n%s\n", v.word("Figures are in the files attached."))
	return subject, b.String()
}
