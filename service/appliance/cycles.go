package appliance

import (
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/series"
)

// bins is how finely the level is looked for.
const bins = 128

// level finds the power between off and on. It is not ok when there are no two
// groups.
func level(s *series.GaugeSeries) (float64, bool) {
	low, high, n := math.Inf(1), math.Inf(-1), 0
	log := func(w float64) float64 { return math.Log(math.Max(w, 0) + 1) }
	for _, v := range s.Values {
		if v.Known() {
			low, high, n = math.Min(low, log(v.Value)), math.Max(high, log(v.Value)), n+1
		}
	}
	if n == 0 || high-low < math.Log(3) {
		return 0, false
	}
	var counts, sums [bins]float64
	for _, v := range s.Values {
		if v.Known() {
			x := log(v.Value)
			i := min(int((x-low)/(high-low)*bins), bins-1)
			counts[i]++
			sums[i] += x
		}
	}
	total := 0.0
	for _, v := range sums {
		total += v
	}
	best, below, sum := 0.0, 0.0, 0.0
	at, end := 0, 0
	for i := range bins - 1 {
		below, sum = below+counts[i], sum+sums[i]
		above := float64(n) - below
		if below == 0 || above == 0 {
			continue
		}
		d := sum/below - (total-sum)/above
		between := below * above * d * d
		// Between the groups it is as good everywhere: the middle is taken.
		if between > best*(1+1e-12) {
			best, at, end = between, i, i
		} else if between >= best*(1-1e-12) {
			end = i
		}
	}
	below, sum = 0, 0
	for i := range at + 1 {
		below, sum = below+counts[i], sum+sums[i]
	}
	if (total-sum)/(float64(n)-below)-sum/below < math.Log(3) {
		return 0, false
	}
	x := low + (high-low)*(float64(at+end)/2+1)/bins
	return math.Exp(x) - 1, true
}

// find finds the cycles.
func find(s *series.GaugeSeries, level float64, minRun, maxPause int64) []ApplianceCycle {
	var out []ApplianceCycle
	var now *ApplianceCycle
	gap := int64(0) // ms that are not known, up to here
	end := func() {
		if now != nil {
			out = append(out, *now)
			now = nil
		}
	}
	inside := 0.0 // Wh of the pause that may be within
	for i, v := range s.Values {
		at := s.At(i)
		if !v.Known() {
			gap += s.Step
			if now != nil && int64(at.To-now.To) > maxPause {
				now.Cut = true
				end()
			}
			continue
		}
		wh := math.Max(v.Value, 0) * float64(s.Step) / float64(series.Hour)
		if v.Value < level {
			if now != nil {
				inside += wh
				if int64(at.To-now.To) > maxPause {
					end()
				}
			}
			gap = 0
			continue
		}
		if now == nil {
			now = &ApplianceCycle{From: at.From, Cut: gap > 0 || i == 0}
			inside = 0
		}
		now.To = at.To
		now.Wh += inside + wh
		inside, gap = 0, 0
		now.MaxW = math.Max(now.MaxW, v.Value)
		now.Quality = max(now.Quality, v.Quality, energy.Measured)
	}
	if now != nil {
		if now.To == s.Span().To {
			now.Running = true
		}
		end()
	}
	return slices.DeleteFunc(out, func(c ApplianceCycle) bool { return int64(c.To-c.From) < minRun && !c.Running })
}

// whole tells whether all of a cycle was seen.
func (c *ApplianceCycle) whole() bool { return !c.Cut && !c.Running }

// holds tells whether it runs at t.
func (c *ApplianceCycle) holds(t record.Millis) bool { return c.From <= t && t < c.To }
