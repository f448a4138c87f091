package scale

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/bench"
)

// chart is one panel: medians joined by a line, quartiles as bars.
type chart struct {
	title, unit string
	series      []series
}

type series struct {
	name, colour string
	dashed       bool
	points       []quartiles
}

type quartiles struct{ x, low, mid, high float64 }

// Sizes of a panel, in px.
const (
	panelWidth, panelHeight = 460, 340
	plotLeft, plotRight     = 64, 16
	plotTop, plotBottom     = 44, 92
)

// Colours that are told apart by most people, on white and on grey paper.
const (
	blue   = "#1f5fa8"
	orange = "#c9621b"
	grey   = "#6b7280"
)

// SVG draws the outcome: throughput of the backlog on the left, cost of a
// record on the right.
func (o *Outcome) SVG() []byte {
	pick := func(offered bool, of func(*Point) []float64) []quartiles {
		var out []quartiles
		for i := range o.Points {
			if p := &o.Points[i]; (p.Offered > 0) == offered {
				l, m, h := bench.Quartiles(of(p))
				out = append(out, quartiles{float64(p.Instances), l, m, h})
			}
		}
		return out
	}
	rates := func(p *Point) []float64 { return p.Rates }
	cost := func(p *Point) []float64 { return p.Cost }
	offered := 0
	for _, p := range o.Points {
		offered = max(offered, p.Offered)
	}
	name := bench.Human(offered) + " a second offered"
	left := chart{title: "Records a second", unit: "", series: []series{
		{"working off a backlog", blue, false, pick(false, rates)}, {name, orange, false, pick(true, rates)},
	}}
	right := chart{title: "CPU time of a record", unit: " ns", series: []series{
		{"instances, backlog", blue, false, pick(false, cost)}, {"instances, " + name, orange, false, pick(true, cost)},
		{"bus, backlog", grey, true, pick(false, func(p *Point) []float64 { return p.Bus })},
	}}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n", 2*panelWidth, panelHeight)
	fmt.Fprintf(&b, "<title>Processing instances and what they do</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", 2*panelWidth, panelHeight)
	below := "processing instances of " + strconv.FormatFloat(o.Share, 'g', 3, 64) + " of a core"
	left.draw(&b, 0, below)
	right.draw(&b, panelWidth, below)
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// step is a round distance of about five grid lines up to most.
func step(most float64) float64 {
	if !(most > 0) {
		return 1
	}
	size := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, f := range []float64{1, 2, 5} {
		if most/(f*size) <= 6 {
			return f * size
		}
	}
	return 10 * size
}

// short writes a number of an axis.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + " M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + " k"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func (c *chart) draw(b *strings.Builder, offset float64, below string) {
	mostX, mostY := 1.0, 0.0
	var xs []float64
	for _, s := range c.series {
		for _, p := range s.points {
			mostX, mostY = max(mostX, p.x), max(mostY, p.high)
			xs = append(xs, p.x)
		}
	}
	each := step(mostY)
	top := max(each, math.Ceil(mostY/each)*each)
	const width, height = panelWidth - plotLeft - plotRight, panelHeight - plotTop - plotBottom
	atX := func(x float64) float64 { return offset + plotLeft + x/(mostX+0.5)*width }
	atY := func(y float64) float64 { return plotTop + (1-y/top)*height }
	line := func(x1, y1, x2, y2 float64, colour, more string) {
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"%s/>`+"\n", x1, y1, x2, y2, colour, more)
	}
	text := func(x, y float64, anchor, more, s string) {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, more, escape(s))
	}
	text(offset+plotLeft, 24, "start", ` font-size="15" font-weight="600"`, c.title)
	for k := 0; float64(k)*each <= top*1.0001; k++ {
		y := float64(k) * each
		line(atX(0), atY(y), offset+panelWidth-plotRight, atY(y), "#d7dbe0", "")
		text(atX(0)-6, atY(y)+4, "end", ` fill="#374151"`, short(y)+c.unit)
	}
	drawn := make(map[float64]bool)
	for _, x := range xs {
		if !drawn[x] {
			drawn[x] = true
			text(atX(x), plotTop+height+18, "middle", ` fill="#374151"`, short(x))
		}
	}
	text(offset+plotLeft+width/2, plotTop+height+36, "middle", ` fill="#374151"`, below)
	y := float64(plotTop + height + 54)
	for _, s := range c.series {
		if len(s.points) == 0 {
			continue
		}
		dash := ""
		if s.dashed {
			dash = ` stroke-dasharray="5 4"`
		}
		var path strings.Builder
		for i, p := range s.points {
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: " L"}[i == 0], atX(p.x), atY(p.mid))
			line(atX(p.x), atY(p.low), atX(p.x), atY(p.high), s.colour, ` stroke-width="5" stroke-opacity="0.35"`)
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", atX(p.x), atY(p.mid), s.colour)
		}
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.8"%s/>`+"\n", path.String(), s.colour, dash)
		line(offset+plotLeft, y-4, offset+plotLeft+22, y-4, s.colour, ` stroke-width="2.5"`+dash)
		text(offset+plotLeft+28, y, "start", ` fill="#111827"`, s.name)
		y += 16
	}
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
