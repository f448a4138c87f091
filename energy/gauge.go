package energy

import (
	"math"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// The integral is in unit·ms, of which 18 are 5 millionths of a unit·h.
const (
	gaugeMul = 5
	gaugeDiv = 18
)

// part is an integral that is rounded within a quarter as it grows, so that what
// was rounded sums up to the rounded quarter.
type part struct {
	sum  exact.Sum // since the quarter began
	done int64     // how much of it is already in values
	over bool      // it has become too large, and so is all that follows
}

// more gives what to add to a window for what came since it was asked last.
func (p *part) more() (int64, bool) {
	n, ok := p.sum.Round(gaugeMul, gaugeDiv)
	if p.over = p.over || !ok; p.over {
		return 0, false
	}
	d := n - p.done
	p.done = n
	return d, true
}

// integrating is the state of a gauge's integral.
type integrating struct {
	*Settler
	window  int   // -1 before the first edge
	until   int64 // end of the window, or of the quarter in it
	quarter int64 // beginning of the quarter
	lead    int64 // beginning of the first quarter

	all, estimated part
	guessed        bool      // there is an estimated part in the quarter
	base, total    exact.Sum // of the quarter when the window began; of the window
	tooLarge       bool
}

// integrate settles a gauge.
func (s *Settler) integrate() {
	g := integrating{Settler: s, window: -1, quarter: quarterOf(s.begin), lead: quarterOf(s.begin)}
	g.until = g.begin
	if g.quarter == g.begin {
		g.window = 0
		g.until = min(g.edges[1], g.quarter+window.QuarterLength)
	}
	over := overriding{list: s.overrides}
	var value float64
	var quality Quality
	var since int64
	has := false
	counting := 0 // the window that counts readings
	for i := range s.readings {
		r := &s.readings[i]
		t := int64(r.Time)
		if len(over.list) > 0 {
			if o := over.of(r.Time); o >= 0 && over.list[o].Kind == Ignore && r.Value == r.Value {
				before := math.NaN()
				if has {
					before = value
				}
				s.note(Annotation{Time: r.Time, Kind: Glitch, Before: before, After: r.Value, ByOverride: true})
				continue
			}
		}
		if has {
			g.hold(value, quality, since, t)
		}
		if t >= s.end {
			has = false
			break
		}
		value, quality, since, has = r.Value, r.Quality, t, math.Abs(r.Value) <= record.MaxValue
		if !has {
			if r.Value == r.Value {
				s.note(Annotation{Time: r.Time, Kind: TooLarge, Before: math.NaN(), After: r.Value})
			}
			continue
		}
		if t >= s.begin {
			for t >= s.edges[counting+1] {
				counting++
			}
			s.values[counting].Count++
		}
	}
	if has {
		g.hold(value, quality, since, s.end)
	}
	g.cell()
	for ; g.window < len(s.values); g.window++ {
		g.finish()
	}
}

// hold says that a value was in force from from until to, and no longer than it
// may be.
func (g *integrating) hold(value float64, quality Quality, from, to int64) {
	if age := g.rules.MaxAge; age >= 0 && age < to-from {
		to = from + age
	}
	from, to = max(from, g.lead), min(to, g.end)
	for from < to {
		if from >= g.until {
			g.advance(from)
		}
		end := min(to, g.until)
		g.all.sum.AddProduct(value, end-from)
		if quality >= Substituted {
			g.estimated.sum.AddProduct(value, end-from)
			g.guessed = true
		}
		if g.window >= 0 {
			v := &g.values[g.window]
			v.Covered += end - from
			if !(v.Min <= value) {
				v.Min = value
			}
			if !(v.Max >= value) {
				v.Max = value
			}
			v.Quality = worse(v.Quality, quality)
		}
		from = end
	}
}

// advance closes what ends at or before t, which is before the last edge.
func (g *integrating) advance(t int64) {
	g.cell()
	for t >= g.edges[g.window+1] {
		g.finish()
		g.window++
	}
	if q := quarterOf(t); q != g.quarter {
		g.quarter, g.guessed = q, false
		g.all, g.estimated, g.base = part{}, part{}, exact.Sum{}
	}
	g.until = min(g.edges[g.window+1], g.quarter+window.QuarterLength)
}

// cell adds to the window what came since the last call.
func (g *integrating) cell() {
	n, ok := g.all.more()
	var e int64
	fine := true
	if g.guessed {
		e, fine = g.estimated.more()
	}
	if g.window >= 0 && g.window < len(g.values) {
		v := &g.values[g.window]
		a, fits := add(int64(v.Amount), n)
		b, fit := add(int64(v.Estimated), e)
		v.Amount, v.Estimated = Amount(a), Amount(b)
		g.tooLarge = g.tooLarge || !ok || !fine || !fits || !fit
		g.total.AddSum(g.all.sum, 1)
		g.total.AddSum(g.base, -1)
	}
	g.base = g.all.sum
}

// finish makes the value of the window.
func (g *integrating) finish() {
	if g.window < 0 {
		return
	}
	v := &g.values[g.window]
	if v.Covered > 0 {
		v.Average = g.total.Float64() / float64(v.Covered)
		v.Known = g.rules.Integral && !g.tooLarge
		if g.rules.Integral && g.tooLarge {
			g.note(Annotation{Time: record.Millis(g.edges[g.window]), Kind: TooLarge, Before: math.NaN(), After: math.NaN()})
		}
	}
	if !v.Known {
		v.Amount, v.Estimated = 0, 0
	}
	g.total, g.tooLarge = exact.Sum{}, false
}
