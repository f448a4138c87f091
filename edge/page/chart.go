package page

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/survey/household"
)

// row is a slot. What is not known is nil.
type row struct {
	At       time.Time
	Import   *float64 // energy drawn in the slot, in kWh
	Export   *float64 // energy fed in
	Power    *float64 // at its beginning, in kW; negative: fed in
	Measured bool
}

// values are those of a slot, by OBIS code.
type values map[string]float64

// rowsOf makes the slots of a day of its measurements, and of the first after it.
func rowsOf(all []household.Measurement, from, to time.Time) []row {
	slots := make(map[int64]values)
	for _, m := range all {
		v := slots[m.Slot.Unix()]
		if v == nil {
			v = make(values)
			slots[m.Slot.Unix()] = v
		}
		v[m.OBIS] = m.Value()
	}
	var rows []row
	for at := from; at.Before(to); at = at.Add(household.Quarter) {
		now, next := slots[at.Unix()], slots[at.Add(household.Quarter).Unix()]
		r := row{At: at, Measured: now != nil}
		r.Import, r.Export = energy(now, next, "0100010800ff"), energy(now, next, "0100020800ff")
		in, isIn := now["0100010700ff"]
		out, isOut := now["0100020700ff"]
		if p, ok := now["0100100700ff"]; ok {
			r.Power = new(p / 1000)
		} else if isIn || isOut {
			r.Power = new((in - out) / 1000)
		} else if p, ok := now["01000f0700ff"]; ok {
			r.Power = new(p / 1000)
		}
		rows = append(rows, r)
	}
	return rows
}

// energy is by how much a counter rose, in kWh. One that fell is not known.
func energy(now, next values, code string) *float64 {
	a, ok := now[code]
	b, then := next[code]
	if !ok || !then || b < a {
		return nil
	}
	return new((b - a) / 1000)
}

func number(v *float64, lang string) string {
	if v == nil {
		return "–"
	}
	s := strconv.FormatFloat(*v, 'f', 3, 64)
	if lang == "de" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// chart is a picture.
type chart struct {
	ID    string
	Title string
	About string // what it shows, in words
	SVG   template.HTML
}

// Sizes of charts.
const (
	width, height           = 720.0, 200.0
	left, right, above, low = 48.0, 20.0, 10.0, 24.0
)

// chartsOf draws what there is.
func chartsOf(rows []row, from, to time.Time, lang string) []chart {
	var out []chart
	for _, x := range []struct {
		id   string
		of   func(row) *float64
		bars bool
	}{
		{"import", func(r row) *float64 { return r.Import }, true},
		{"export", func(r row) *float64 { return r.Export }, true},
		{"power", func(r row) *float64 { return r.Power }, false},
	} {
		n, sum := 0, 0.0
		most, lowest := math.Inf(-1), math.Inf(1)
		for _, r := range rows {
			if v := x.of(r); v != nil {
				n++
				sum += *v
				most, lowest = math.Max(most, *v), math.Min(lowest, *v)
			}
		}
		if n == 0 || x.id == "export" && most == 0 {
			continue
		}
		c := chart{ID: x.id, Title: text(lang, "chart_"+x.id)}
		if x.bars {
			c.About = text(lang, "about_energy", number(&sum, lang), n, len(rows))
		} else {
			c.About = text(lang, "about_power", number(&lowest, lang), number(&most, lang), n, len(rows))
		}
		// What is drawn begins at zero.
		c.SVG = draw(c, rows, x.of, x.bars, min(lowest, 0), max(most, 0), from, to, lang)
		out = append(out, c)
	}
	return out
}

// draw makes the picture. All text in it is ours or escaped.
func draw(c chart, rows []row, of func(row) *float64, bars bool, lowest, most float64, from, to time.Time, lang string) template.HTML {
	step := nice((most - lowest) / 4)
	bottom, top := math.Floor(lowest/step)*step, math.Ceil(most/step)*step
	if top <= bottom {
		top = bottom + step
	}
	x := func(t time.Time) float64 {
		return left + (width-left-right)*t.Sub(from).Seconds()/to.Sub(from).Seconds()
	}
	y := func(v float64) float64 { return above + (height-above-low)*(top-v)/(top-bottom) }
	var b strings.Builder
	put := func(format string, a ...any) { fmt.Fprintf(&b, format, a...) }
	put(`<svg viewBox="0 0 %g %g" role="img" aria-labelledby="%s-title %s-about">`, width, height, c.ID, c.ID)
	put(`<title id="%s-title">%s</title><desc id="%s-about">%s</desc>`, c.ID, template.HTMLEscapeString(c.Title), c.ID, template.HTMLEscapeString(c.About))
	for v := bottom; v <= top+step/2; v += step {
		label := strconv.FormatFloat(math.Round(v*1e6)/1e6, 'g', 4, 64)
		if lang == "de" {
			label = strings.Replace(label, ".", ",", 1)
		}
		put(`<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text class="y" x="%g" y="%.1f">%s</text>`, left, width-right, y(v), y(v), left-6, y(v)+4, label)
	}
	for at := from; !at.After(to); at = at.Add(4 * time.Hour) {
		put(`<text class="x" x="%.1f" y="%g">%s</text>`, x(at), height-6, at.Format("15:04"))
	}
	wide := x(from.Add(household.Quarter)) - left
	line := false
	var path strings.Builder
	for i, r := range rows {
		v := of(r)
		switch {
		case v == nil:
			line = false // a gap is drawn as one
		case bars:
			put(`<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x(r.At)+0.5, y(*v), wide-1, y(0)-y(*v))
		case line:
			fmt.Fprintf(&path, "L%.1f %.1f", x(r.At), y(*v))
		default:
			fmt.Fprintf(&path, "M%.1f %.1fh1.5", x(r.At), y(*v))
			line = true
			if i+1 == len(rows) || of(rows[i+1]) == nil { // alone between two gaps
				put(`<circle class="bar" cx="%.1f" cy="%.1f" r="2.5"/>`, x(r.At), y(*v))
			}
		}
	}
	if path.Len() > 0 {
		put(`<path class="line" d="%s"/>`, path.String())
	}
	put(`</svg>`)
	return template.HTML(b.String())
}

// nice gives 1, 2 or 5 times a power of ten, not below v.
func nice(v float64) float64 {
	if v <= 0 {
		return 0.1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if f*p >= v {
			return f * p
		}
	}
	return 10 * p
}
