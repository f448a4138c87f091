package form

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/indicator"
)

// book writes sheets. The first error stays.
type book struct {
	*excelize.File
	*language
	u     units
	r     *report.Report
	sheet string
	row   int
	err   error

	head, amount, part, when int // styles
}

// writeXLSX writes a workbook. Texts are cells of type string, which no program
// computes; numbers are numbers, with their unit in the header.
func writeXLSX(w io.Writer, r *report.Report, code string) error {
	b := &book{File: excelize.NewFile(), language: languageOf(code), u: unitsOf(r), r: r}
	defer b.Close() //nolint:errcheck // it is in memory alone
	style := func(s *excelize.Style) int {
		id, err := b.NewStyle(s)
		b.fail(err)
		return id
	}
	b.head = style(&excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	b.amount = style(&excelize.Style{CustomNumFmt: new("#,##0.000")})
	b.part = style(&excelize.Style{CustomNumFmt: new("0.0%")})
	b.when = style(&excelize.Style{CustomNumFmt: new("yyyy-mm-dd hh:mm")})
	made := r.Made.Format(time.RFC3339)
	b.fail(b.SetDocProps(&excelize.DocProperties{Title: b.title(), Creator: "Wattwerk", Created: made, Modified: made, Language: b.code}))
	b.summary()
	b.members()
	b.parts()
	b.indicators()
	b.decisions()
	if b.err == nil {
		b.err = b.Write(w)
	}
	if b.err != nil {
		return fmt.Errorf("write workbook: %w", b.err)
	}
	return nil
}

func (b *book) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *book) title() string {
	name := b.r.Title
	if name == "" {
		name = b.r.Subject.Name
	}
	if name == "" {
		name = b.r.Subject.ID
	}
	return name + ": " + b.kindOf(&b.r.Period) + " " + b.period(&b.r.Period)
}

// begin begins a sheet with a header.
func (b *book) begin(name string, heads ...string) {
	b.sheet, b.row = b.word(name), 0
	if b.err == nil && b.SheetCount == 1 && name == "Report" {
		b.fail(b.SetSheetName("Sheet1", b.sheet))
	} else if b.err == nil {
		_, err := b.NewSheet(b.sheet)
		b.fail(err)
	}
	if b.err != nil {
		return
	}
	cells := make([]any, len(heads))
	for i, h := range heads {
		cells[i] = h
	}
	b.line(cells...)
	last, err := excelize.ColumnNumberToName(len(heads))
	b.fail(err)
	b.fail(b.SetRowStyle(b.sheet, 1, 1, b.head))
	b.fail(b.SetColWidth(b.sheet, "A", last, 16))
	b.fail(b.SetColWidth(b.sheet, "A", "A", 32))
	b.fail(b.SetPanes(b.sheet, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}))
}

// share is a part of a whole.
type share *float64

// line writes a row: strings, times of the zone, amounts, shares, numbers; nil
// is an empty cell.
func (b *book) line(cells ...any) {
	b.row++
	for i, c := range cells {
		if b.err != nil {
			return
		}
		at, err := excelize.CoordinatesToCellName(i+1, b.row)
		if b.fail(err); err != nil {
			return
		}
		switch c := c.(type) {
		case nil:
		case string:
			if c != "" {
				b.fail(b.SetCellStr(b.sheet, at, printable(c)))
			}
		case time.Time:
			// A sheet knows no zones: it is the clock on the wall.
			t := c.In(zoneOf(b.r.Period.Zone))
			b.fail(b.SetCellValue(b.sheet, at, time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)))
			b.fail(b.SetCellStyle(b.sheet, at, at, b.when))
		case *report.Amount:
			if c != nil {
				b.fail(b.SetCellFloat(b.sheet, at, b.u.float(energy.Amount(*c).Float64()), -1, 64))
				b.fail(b.SetCellStyle(b.sheet, at, at, b.amount))
			}
		case share:
			if c != nil {
				b.fail(b.SetCellFloat(b.sheet, at, *c, -1, 64))
				b.fail(b.SetCellStyle(b.sheet, at, at, b.part))
			}
		case *float64:
			if c != nil {
				b.fail(b.SetCellFloat(b.sheet, at, *c, -1, 64))
			}
		case int:
			b.fail(b.SetCellInt(b.sheet, at, int64(c)))
		default:
			b.fail(fmt.Errorf("a cell of %T", c))
		}
	}
}

// printable leaves out what XML cannot hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, s)
}

// figureHeads are the headers of the cells of a figure.
func (b *book) figureHeads(before ...string) []string {
	noun := "Amount"
	if b.u.shift == 3 {
		noun = "Energy"
	}
	return append(before, b.word(noun)+" ("+b.u.amount+")", b.word("Estimated")+" ("+b.u.amount+")", b.word("Estimated")+" (%)",
		b.word("Completeness")+" (%)", b.word("Adjusted time")+" (%)", b.word("Quality"))
}

func (b *book) figure(f *report.Figure, before ...any) []any {
	return append(before, f.Amount, f.Estimated, share(f.EstimatedShare), share(&f.Completeness), share(&f.Adjusted), b.quality(f.Quality))
}

func (b *book) zone(word string) string { return b.word(word) + " (" + b.r.Period.Zone + ")" }

func (b *book) summary() {
	r := b.r
	heads := append(b.figureHeads(b.word("Item"), b.word("Note"), b.zone("From"), b.zone("To")),
		b.word("Difference")+" ("+b.u.amount+")", b.word("Change")+" (%)", b.word("Power")+" ("+b.u.power+")")
	if r.Costs != nil {
		heads = append(heads, b.word("Costs")+" ("+r.Costs.Currency+")")
	}
	b.begin("Report", heads...)
	whole := func(item, note string, f *report.Figure) {
		b.line(b.figure(f, item, note, r.Period.From, r.Period.To)...)
	}
	whole(b.word("Total"), b.title(), &r.Total)
	if r.Sum != nil {
		whole(b.word("Sum of the members"), "", r.Sum)
	}
	if r.Unaccounted != nil {
		whole(b.word("Unaccounted"), r.Subject.Meter, r.Unaccounted)
	}
	for _, c := range []struct {
		name string
		*report.Comparison
	}{{"The period before", r.Previous}, {"A year ago", r.YearAgo}} {
		if c.Comparison == nil {
			continue
		}
		var from, to any
		if c.Period != nil {
			from, to = c.Period.From, c.Period.To
		}
		note := ""
		if c.Why != "" {
			note = b.why(c.Why)
		}
		b.line(append(b.figure(&c.Figure, b.word(c.name), note, from, to), c.Difference, share(c.Change))...)
	}
	if p := r.Peak; p != nil {
		b.line(append(b.figure(&p.Figure, b.word("Peak quarter hour"), "", p.From, p.To), nil, nil, new(b.u.float(p.Power)))...)
	}
	if c := r.Costs; c != nil {
		var money *float64
		if v, err := strconv.ParseFloat(c.Amount, 64); err == nil {
			money = &v
		}
		b.line(b.word("Costs"), c.Tariff, r.Period.From, r.Period.To, nil, nil, share(c.EstimatedShare), share(c.Completeness), nil, nil, nil, nil, nil, money)
	}
	b.row++
	say := func(item, text string) { b.line(b.word(item), text) }
	say("Identifier", r.Subject.ID)
	say("Name", r.Subject.Name)
	say("hierarchy", r.Subject.Hierarchy)
	say("Meter", r.Subject.Meter)
	say("Period", r.Period.Text)
	say("Zone", r.Period.Zone)
	b.line(b.word("Settled up to"), "", r.Settled)
	b.line(b.word("Made"), "", r.Made)
	say("Open", b.word(map[bool]string{true: "yes", false: "no"}[r.Open]))
	say("Waiting", fmt.Sprint(r.Waiting))
	say("Model revision", fmt.Sprint(r.Revision))
	if r.Issue != nil {
		say("version", fmt.Sprint(r.Issue.Version))
		say("Superseded", b.word(map[bool]string{true: "yes", false: "no"}[r.Issue.Superseded]))
	}
}

func (b *book) members() {
	r := b.r
	if r.Sum == nil {
		return
	}
	b.begin("Members", append(b.figureHeads(b.word("Identifier"), b.word("Name"), b.word("Kind"), b.word("Sign"), b.word("Meter")), b.word("Share")+" (%)")...)
	for i := range r.Members {
		m := &r.Members[i]
		b.line(append(b.figure(&m.Figure, m.ID, m.Name, b.word(m.Kind), int(m.Sign), m.ByMeter), share(m.Share))...)
	}
	if r.Rest != nil {
		b.line(b.figure(r.Rest, b.word("Other members"), "", "", nil, "")...)
	}
	b.line(b.figure(r.Sum, b.word("Sum of the members"), "", "", nil, "")...)
	if r.Unaccounted != nil {
		b.line(b.figure(r.Unaccounted, b.word("Unaccounted"), "", "", nil, "")...)
	}
}

func (b *book) parts() {
	r := b.r
	if len(r.Parts) == 0 {
		return
	}
	name := map[string]string{"1h": "Hours", "1d": "Days", "1M": "Months"}[r.PartSize]
	b.begin(name, b.figureHeads(b.zone("From"), b.zone("To"))...)
	for i := range r.Parts {
		p := &r.Parts[i]
		b.line(b.figure(&p.Figure, p.From, p.To)...)
	}
}

func (b *book) indicators() {
	if len(b.r.Indicators) == 0 {
		return
	}
	b.begin("Indicators", b.word("Name"), b.word("Item"), b.word("Unit"), b.word("Baseline"), b.word("This period"), b.word("Note"))
	for i := range b.r.Indicators {
		x := &b.r.Indicators[i]
		name := x.Name
		if name == "" {
			name = x.Sensor
		}
		ratio := x.EnergyUnit + "/" + x.Unit
		b.line(name, b.word("From"), "", x.Baseline.From, x.Reporting.From)
		b.line(name, b.word("To"), "", x.Baseline.To, x.Reporting.To)
		b.line(name, b.word("Steps used"), "", x.Baseline.Used, x.Reporting.Used, fmt.Sprintf("%d, %d", x.Baseline.Steps, x.Reporting.Steps))
		b.line(name, b.word("Energy"), x.EnergyUnit, x.Baseline.Energy, x.Reporting.Energy)
		b.line(name, b.word("Production"), x.Unit, x.Baseline.Production, x.Reporting.Production)
		if x.HeatingLimit != nil {
			b.line(name, b.word("Degree days"), "K·d", x.Baseline.DegreeDays, x.Reporting.DegreeDays)
		}
		b.line(name, b.word("Energy for a unit"), ratio, x.Baseline.Ratio, x.Reporting.Ratio)
		b.line(name, b.word("Change of the ratio"), "%", nil, share(x.RatioChange))
		b.slope(name, ratio, x)
		why := ""
		if x.Why != "" {
			why = b.why(x.Why)
		}
		b.line(name, b.word("Expected"), x.EnergyUnit, nil, x.Expected, why)
		b.line(name, b.word("Savings"), x.EnergyUnit, nil, x.Savings, why)
		b.line(name, b.word("Savings"), "%", nil, share(x.SavingsShare), why)
	}
}

func (b *book) slope(name, ratio string, x *indicator.Indicator) {
	l := x.Line
	if l == nil {
		return
	}
	of := b.word("Line of the baseline")
	b.line(name, of, x.EnergyUnit, &l.Base, nil)
	b.line(name, of, ratio, &l.Slope, nil)
	if l.Heating != nil {
		b.line(name, of, x.EnergyUnit+"/(K·d)", l.Heating, nil)
	}
	b.line(name, "R²", "", l.R2, nil)
	b.line(name, "n", "", l.N, nil)
}

func (b *book) decisions() {
	r := b.r
	if len(r.Decisions)+len(r.Notes) == 0 {
		return
	}
	b.begin("Notes", b.word("Sensor"), b.word("Kind"), b.zone("From"), b.zone("To"), b.word("Who"), b.zone("When"), b.word("Why"), b.word("undone"))
	for _, d := range r.Decisions {
		var to any
		if d.To != nil {
			to = *d.To
		}
		undone := ""
		if d.UndoneAt != nil {
			undone = d.UndoneWho + ", " + b.moment(*d.UndoneAt, r.Period.Zone) + ": " + d.UndoneWhy
		}
		b.line(d.Sensor, b.word(d.Kind), d.From, to, d.Who, d.At, d.Why, undone)
	}
	for _, n := range r.Notes {
		b.line(n.Sensor, b.word(n.Kind), n.Time, nil, "", nil, n.Sentence)
	}
}
