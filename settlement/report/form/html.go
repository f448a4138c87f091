package form

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/indicator"
)

//go:embed report.html
var page string

// view is what the template is given: a report with the words of a language.
type view struct {
	*report.Report
	*language
	units
	places int // of amounts
}

// figureView is a figure in words.
type figureView struct {
	Amount, Estimated, Completeness, Adjusted, Quality string
	Low                                                bool // less than enough is known
}

// W translates.
func (v *view) W(english string) string { return v.word(english) }

// Lang is the language's code.
func (v *view) Lang() string { return v.code }

// AmountUnit is the unit of amounts, PowerUnit that of the peak.
func (v *view) AmountUnit() string { return v.amount }

// Kind is the heading by the length of the period.
func (v *view) Kind() string { return v.kindOf(&v.Period) }

// This is the period of the report.
func (v *view) This() string { return v.period(&v.Period) }

// When writes a period.
func (v *view) When(p *report.Period) string { return v.period(p) }

// What is the name of the subject.
func (v *view) What() string {
	if v.Subject.Name != "" {
		return v.Subject.Name
	}
	return v.Subject.ID
}

// Heading is the title of the report.
func (v *view) Heading() string {
	if v.Title != "" {
		return v.Title
	}
	return v.What()
}

// amountOf writes an amount.
func (v *view) amountOf(a *report.Amount) string {
	if a == nil {
		return dash
	}
	return v.number(v.float(energy.Amount(*a).Float64()), v.places)
}

// F puts a figure into words; it takes values and pointers.
func (v *view) F(f any) figureView {
	var x report.Figure
	switch f := f.(type) {
	case report.Figure:
		x = f
	case *report.Figure:
		x = *f
	}
	return figureView{
		Amount: v.amountOf(x.Amount), Estimated: v.share(x.EstimatedShare), Completeness: v.percent(x.Completeness),
		Adjusted: v.percent(x.Adjusted), Quality: v.quality(x.Quality), Low: x.Completeness < report.Enough,
	}
}

// Name is what a member is called.
func (v *view) Name(m report.Child) string {
	if m.Name != "" {
		return m.Name
	}
	return m.ID
}

// Share, Change and the like write single numbers.
func (v *view) Share(s *float64) string { return v.share(s) }

// Change is a change with its sign.
func (v *view) Change(s *float64) string { return v.signed(s) }

// Diff is a difference of amounts with its sign.
func (v *view) Diff(a *report.Amount) string {
	if a != nil && *a > 0 {
		return "+" + v.amountOf(a)
	}
	return v.amountOf(a)
}

// Because says why something is null.
func (v *view) Because(code string) string { return v.why(code) }

// Label writes a sub-period.
func (v *view) Label(p report.Stretch) string { return v.part(v.PartSize, &p, &v.Period) }

// PartsName is what the parts are, in the plural; PartName in the singular.
func (v *view) PartsName() string {
	return v.word(map[string]string{"1h": "Hours", "1d": "Days", "1M": "Months"}[v.PartSize])
}

// PartName is what a part is.
func (v *view) PartName() string {
	return v.word(map[string]string{"1h": "Hour", "1d": "Day", "1M": "Month"}[v.PartSize])
}

// PeakPower is the peak's power with its unit.
func (v *view) PeakPower() string {
	p := v.float(v.Peak.Power)
	return v.number(p, places(p)) + " " + v.power
}

// PeakTime is when it was.
func (v *view) PeakTime() string {
	return v.moment(v.Peak.From, v.Period.Zone) + "–" + v.Peak.To.In(zoneOf(v.Period.Zone)).Format("15:04")
}

// Noun is what amounts are: energy, or just amounts.
func (v *view) Noun() string {
	if v.shift == 3 {
		return v.word("Energy")
	}
	return v.word("Amount")
}

// N writes a number of an indicator; S what of its steps is used.
func (v *view) N(f *float64) string {
	if f == nil {
		return dash
	}
	return v.number(*f, places(*f))
}

// P is N for what is always known.
func (v *view) P(f float64) string { return v.N(&f) }

// Term writes a number that is added; it takes values and pointers.
func (v *view) Term(f any) string {
	x := math.NaN()
	switch f := f.(type) {
	case float64:
		x = f
	case *float64:
		x = *f
	}
	if x < 0 {
		return "− " + v.P(-x)
	}
	return "+ " + v.P(x)
}

// R2 writes a coefficient of determination.
func (v *view) R2(f *float64) string { return v.maybe(f, 3) }

// Steps tells how many steps are used.
func (v *view) Steps(p indicator.Phase) string {
	return fmt.Sprintf("%d %s %d", p.Used, v.word("of"), p.Steps)
}

// StepDate writes when a step begins.
func (v *view) StepDate(s indicator.Step) string {
	return s.From.In(zoneOf(v.Period.Zone)).Format("2006-01-02")
}

// bar is a bar of the chart, in its pixels.
type bar struct {
	X, Y, W, H float64
	Class      string
	Title      string
	Label      string // below; empty: none
	Mid        float64
}

// chart is the chart of the parts.
type chart struct {
	Bars          []bar
	Zero          float64 // where the axis is
	Top, Bottom   string  // what the ends are
	Width, Height float64
	Labels        float64 // where labels are
	Left          float64
}

// Chart draws the parts; nil when there is nothing to draw.
func (v *view) Chart() *chart {
	const width, height, left, top, below = 720, 220, 64, 12, 26
	var high, low float64
	any := false
	for i := range v.Parts {
		if a, ok := v.Parts[i].Figure.Known(); ok {
			f := v.float(a.Float64())
			high, low, any = max(high, f), min(low, f), true
		}
	}
	if !any || high == low {
		return nil
	}
	high, low = nice(high), -nice(-low)
	c := &chart{Width: width, Height: height, Left: left, Labels: height - 8, Top: v.number(high, axisPlaces(high))}
	if low < 0 {
		c.Bottom = v.number(low, axisPlaces(low))
	}
	scale := (height - top - below) / (high - low)
	c.Zero = top + high*scale
	step := (width - left - 4) / float64(len(v.Parts))
	every := int(math.Ceil(46 / step))
	for i := range v.Parts {
		p := &v.Parts[i]
		b := bar{X: left + float64(i)*step + step*.12, W: step * .76, Mid: left + (float64(i)+.5)*step}
		b.Title = v.Label(*p) + ": " + v.amountOf(p.Figure.Amount) + " " + v.amount + ", " + v.percent(p.Figure.Completeness)
		switch a, ok := p.Figure.Known(); {
		case !ok:
			b.Class, b.Y, b.H = "gap", top, height-top-below
		default:
			f := v.float(a.Float64())
			b.Class, b.Y, b.H = "bar", c.Zero-max(f, 0)*scale, math.Abs(f)*scale
			if p.Figure.Completeness < report.Enough {
				b.Class = "bar low"
			}
		}
		if i%every == 0 {
			b.Label = v.short(p)
		}
		c.Bars = append(c.Bars, b)
	}
	return c
}

// axisPlaces is places for the round numbers of an axis.
func axisPlaces(v float64) int {
	if math.Abs(v) >= 10 {
		return 0
	}
	return places(v)
}

// short is a label of the chart.
func (v *view) short(p *report.Stretch) string {
	label := v.Label(*p)
	from := p.From.In(zoneOf(v.Period.Zone))
	mid := from.Add(p.To.Sub(p.From) / 2)
	switch {
	case v.PartSize == "1h":
		return from.Format("15")
	case v.PartSize == "1d" && len(v.Parts) > 7:
		return fmt.Sprint(mid.Day())
	case v.PartSize == "1M":
		return string([]rune(label)[:min(3, len([]rune(label)))])
	}
	return label
}

// nice is the next round number; 0 for what is not positive.
func nice(x float64) float64 {
	if x <= 0 {
		return 0
	}
	p := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
		if m*p >= x {
			return m * p
		}
	}
	return 10 * p
}

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"px": func(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") },
}).Parse(page))

// viewOf puts a report into the words of a language.
func viewOf(r *report.Report, code string) *view {
	v := &view{Report: r, language: languageOf(code), units: unitsOf(r)}
	var most float64
	look := func(f *report.Figure) {
		if a, ok := f.Known(); ok {
			most = max(most, math.Abs(v.float(a.Float64())))
		}
	}
	look(&r.Total)
	for i := range r.Members {
		look(&r.Members[i].Figure)
	}
	v.places = places(most)
	return v
}

func writeHTML(w io.Writer, r *report.Report, code string) error {
	v := viewOf(r, code)
	var b bytes.Buffer // so that an error comes before anything is sent
	if err := pageTemplate.Execute(&b, v); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// At writes a point in time of the report's zone; it takes values and pointers.
func (v *view) At(t any) string {
	switch t := t.(type) {
	case time.Time:
		return v.moment(t, v.Period.Zone)
	case *time.Time:
		return v.moment(*t, v.Period.Zone)
	}
	return dash
}

// Days is the time of a phase, with its last day.
func (v *view) Days(p indicator.Phase) string {
	zone := zoneOf(v.Period.Zone)
	return p.From.In(zone).Format("2006-01-02") + " – " + p.To.In(zone).AddDate(0, 0, -1).Format("2006-01-02")
}

// PartOf is a figure as a part of the total.
func (v *view) PartOf(f *report.Figure) string {
	a, ok := f.Known()
	t, known := v.Total.Known()
	if !ok || !known || t == 0 {
		return dash
	}
	return v.percent(a.Float64() / t.Float64())
}

// Money writes an amount of money with two places.
func (v *view) Money(amount string) string {
	f, err := strconv.ParseFloat(amount, 64)
	if err != nil {
		return dash
	}
	return v.number(f, 2)
}

// LabelY and AxisX are where the labels of the chart are.
func (*view) LabelY() float64 { return 212 }

// AxisX is where those of the axis end.
func (*view) AxisX() float64 { return 58 }
