package form

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/reporttest"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s is another; -update writes it again:\n%s", path, d)
	}
}

// sample is a report of the made-up plant with everything in it.
func sample(t *testing.T, kind, id, period string) *report.Report {
	t.Helper()
	p := reporttest.New()
	day := func(d int) time.Time { return time.Date(2026, 10, d, 12, 0, 0, 0, time.UTC) }
	p.Decided = []ledger.Intervention{
		{ID: "b2", Sensor: "press", Who: "ada", At: day(30), InterventionBody: ledger.InterventionBody{Kind: "exclude", From: day(20), To: new(day(21)), Why: "=HYPERLINK(\"http://x\")"}},
		{ID: "a1", Sensor: "oven", Who: "eva", At: day(9), UndoneWho: "ada", UndoneAt: new(day(10)), UndoneWhy: "wrong meter", InterventionBody: ledger.InterventionBody{Kind: "ignore", From: day(8), Why: "<script>alert(1)</script>, a spike"}},
	}
	p.Notes = []energy.Annotation{{Time: record.MillisOf(day(5)), Kind: energy.Reset, Before: 5000, After: 3, Rise: 3 * energy.PerUnit, Known: true}}
	spec := report.Spec{Kind: kind, ID: id, Period: period}
	if kind == "group" {
		spec.Indicators = []report.IndicatorSpec{
			{Name: "Energy per tonne", Production: "steel", Unit: "t", Step: "1w", BaselineFrom: "2025-01-01", BaselineTo: "2026-01-01", Temperature: "outside"},
			{Production: "steel", Unit: "t", Step: "1M", BaselineFrom: "2025-01-01", BaselineTo: "2025-03-01"},
		}
	}
	r, err := p.Builder().Build(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, r *report.Report, f Format, language string) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r, f, language); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	month := sample(t, "group", "plant", "2026-10")
	month.Costs = &report.Costs{Amount: "71234.56", Currency: "EUR", EstimatedShare: new(0.001), Completeness: new(1.0), Tariff: "works 2026"}
	month.Issue = &report.Issue{ID: "k3f", Definition: "monthly", Version: 2}
	day := sample(t, "group", "plant", "2026-10-25")
	gas := sample(t, "sensor", "gas", "2026")
	golden(t, "month.en.html", write(t, month, HTML, "en"))
	golden(t, "month.de.html", write(t, month, HTML, "de"))
	golden(t, "day.de.html", write(t, day, HTML, "de"))
	golden(t, "year-gas.en.html", write(t, gas, HTML, "en"))
	golden(t, "month.csv", write(t, month, CSV, ""))
	golden(t, "year-gas.csv", write(t, gas, CSV, ""))
	golden(t, "month.json", write(t, month, JSON, ""))
	golden(t, "month.en.xlsx.txt", cells(t, write(t, month, XLSX, "en")))
	golden(t, "day.de.xlsx.txt", cells(t, write(t, day, XLSX, "de")))
}

// cells puts a workbook into words: every cell with its type, as it is kept and
// as it is shown.
func cells(t *testing.T, book string) string {
	t.Helper()
	f, err := excelize.OpenReader(strings.NewReader(book))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	for _, sheet := range f.GetSheetList() {
		fmt.Fprintf(&b, "# %s\n", sheet)
		rows, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		for y, row := range rows {
			for x, raw := range row {
				if raw == "" {
					continue
				}
				at, err := excelize.CoordinatesToCellName(x+1, y+1)
				if err != nil {
					t.Fatal(err)
				}
				kind, err := f.GetCellType(sheet, at)
				if err != nil {
					t.Fatal(err)
				}
				formula, err := f.GetCellFormula(sheet, at)
				if err != nil || formula != "" {
					t.Errorf("%s!%s is the formula %q, %v", sheet, at, formula, err)
				}
				shown, err := f.GetCellValue(sheet, at)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case kind == excelize.CellTypeSharedString || kind == excelize.CellTypeInlineString:
					fmt.Fprintf(&b, "%s text %q\n", at, raw)
				case shown == raw:
					fmt.Fprintf(&b, "%s number %s\n", at, raw)
				default:
					fmt.Fprintf(&b, "%s number %s shown %s\n", at, raw, shown)
				}
			}
		}
	}
	return b.String()
}

// TestNothingFromElsewhere holds that a page is one file without scripts, and
// that text of people stays text.
func TestNothingFromElsewhere(t *testing.T) {
	for _, language := range Languages() {
		page := write(t, sample(t, "group", "plant", "2026-10"), HTML, language)
		for _, bad := range []string{"<script", "http:", "https:", "url(http", "@import", "<link", "<img", "javascript:", " on"} {
			if strings.Contains(strings.ReplaceAll(page, "=HYPERLINK(&#34;http://x&#34;)", ""), bad) && bad != " on" {
				t.Errorf("%s: the page has %q", language, bad)
			}
		}
		if !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;") || !strings.Contains(page, "Press &#34;A&#34; &lt;old&gt;") {
			t.Error("text of people is not there as text")
		}
		// It is well-formed.
		d := xml.NewDecoder(strings.NewReader(page))
		d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(page, "ZgotmplZ") {
			t.Error("the template had to refuse something")
		}
	}
}

// TestGermanIsGerman holds that every word of a German report is translated.
func TestGermanIsGerman(t *testing.T) {
	r := sample(t, "group", "plant", "2026-10")
	for _, period := range []string{"2026-10", "2026-11", "2026"} {
		r := sample(t, "group", "plant", period)
		r.Waiting, r.Issue, r.NotesCut, r.MembersMore = 3, &report.Issue{Version: 2, Superseded: true}, true, 5
		said := make(map[string]bool)
		page := write(t, r, HTML, "de")
		for _, w := range []string{"Monthly", "Completeness", "Share", "Unaccounted", "Members", "Estimated", "Settled", "Revised", "Superseded", "Baseline", "October", "not known"} {
			if strings.Contains(page, ">"+w) || strings.Contains(page, w+"<") {
				said[w] = true
			}
		}
		if len(said) > 0 {
			t.Errorf("%s: English words %v", period, said)
		}
	}
	// What the template, the workbook and the code translate is known.
	for _, word := range wordsUsed(t) {
		if _, ok := german.words[word]; !ok {
			t.Errorf("%q has no German", word)
		}
	}
	if german.kindOf(&r.Period) != "Monatsbericht" {
		t.Error(german.kindOf(&r.Period))
	}
}

// wordsUsed are the words that are translated in the template and the code.
func wordsUsed(t *testing.T) []string {
	var out []string
	for _, file := range []string{"report.html", "xlsx.go", "html.go", "words.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, mark := range []string{`.W "`, `.word("`, `.zone("`, `say("`} {
			for _, part := range strings.Split(string(text), mark)[1:] {
				word, _, _ := strings.Cut(part, `"`)
				out = append(out, word)
			}
		}
	}
	if len(out) < 80 {
		t.Fatalf("only %d words found", len(out))
	}
	return out
}

func TestCSVIsRegular(t *testing.T) {
	text := write(t, sample(t, "group", "plant", "2026-10"), CSV, "")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(text, "\r\n") != len(rows) {
		t.Error("lines do not end as RFC 4180 says")
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			numeric := strings.Contains(" amount estimated estimated_share completeness adjusted sign share difference change value ", " "+columns[i]+" ")
			if cell != "" && strings.ContainsAny(cell[:1], "=+@\t\r") || !numeric && strings.HasPrefix(cell, "-") {
				t.Errorf("%s would be computed: %q", columns[i], cell)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		v      float64
		places int
		en, de string
	}{
		{0, 2, "0.00", "0,00"}, {1234567.891, 1, "1,234,567.9", "1.234.567,9"}, {-0.001, 2, "0.00", "0,00"}, {-999.5, 0, "−1,000", "−1.000"}, {123, 0, "123", "123"},
	} {
		if en, de := english.number(c.v, c.places), german.number(c.v, c.places); en != c.en || de != c.de {
			t.Errorf("%v: %q %q", c.v, en, de)
		}
	}
	for v, want := range map[float64]string{0: "0 %", 1: "100 %", 0.9999: ">99.9 %", 0.00001: "<0.1 %", 0.5: "50.0 %", -0.25: "−25.0 %"} {
		if got := english.percent(v); got != want {
			t.Errorf("%v: %q", v, got)
		}
	}
	u := units{shift: 3}
	for a, want := range map[energy.Amount]string{0: "0", 1: "0.000000001", -1_500_000_000: "-1.5", 959_637_000_000_000: "959637", 123: "0.000000123"} {
		if got := u.decimal(a); got != want {
			t.Errorf("%d: %q", a, got)
		}
	}
	if got := (units{}).decimal(-1_250_000); got != "-1.25" {
		t.Error(got)
	}
}

func TestNamesAndFormats(t *testing.T) {
	r := &report.Report{Subject: report.Topic{ID: "../a \"b\"\r\n/é"}, Period: report.Period{Text: "2026-10"}}
	if got := FileName(r, XLSX); got != "report-a-b-2026-10.xlsx" {
		t.Error(got)
	}
	r.Subject.ID, r.Issue = "é", &report.Issue{Version: 3}
	if got := FileName(r, HTML); got != "report-wattwerk-2026-10-revision-3.html" {
		t.Error(got)
	}
	for header, want := range map[string]Format{"": JSON, "*/*": JSON, "text/html,application/xhtml+xml": HTML, "text/csv;q=1": CSV, "image/png, " + XLSX.Type: XLSX} {
		if got := ByAccept(header); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}
