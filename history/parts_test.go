package history_test

import (
	"math"
	"testing"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// keepWide stores ticks of a hierarchy in parts of two groups. Values are by
// group; a group without one is null.
func (p *plant) keepWide(groups []string, minutes []int, value func(group string, minute int) float64) {
	parts := (len(groups) + 1) / 2
	for k := range parts {
		some := groups[2*k : min(2*k+2, len(groups))]
		m := record.Ticks{Hierarchy: "place", Revision: 1, Groups: some}
		if parts > 1 {
			m.Part, m.Parts = uint32(k), uint32(parts)
		}
		for _, at := range minutes {
			t := record.Tick{Time: p.at(at), Meter: nan(len(some)), Unaccounted: nan(len(some))}
			for _, g := range some {
				v, n := value(g, at), uint32(1)
				if math.IsNaN(v) {
					n = 0
				}
				t.Sum, t.Min, t.Max = append(t.Sum, v), append(t.Min, v), append(t.Max, v)
				t.Count, t.Total = append(t.Count, n), append(t.Total, 1)
			}
			m.Ticks = append(m.Ticks, t)
		}
		p.keep(m)
	}
}

// TestTicksInParts: parts of a wide hierarchy do not end one another's groups;
// gaps show in each; a group that moves from part to part goes on, and one
// that is gone ends, also when the parts become fewer.
func TestTicksInParts(t *testing.T) {
	p := start(t)
	null := math.NaN()
	value := func(g string, minute int) float64 {
		if g == "e" && minute == 3 {
			return null
		}
		return float64(int(g[0])*100 + minute)
	}
	p.keepWide([]string{"a", "b", "c", "d", "e"}, []int{0, 1}, value)
	p.keepWide([]string{"a", "b", "c", "d", "e"}, []int{2, 3, 4}, value)
	p.keepWide([]string{"a", "c", "d", "e"}, []int{5}, value) // b is gone, c and e are in other parts
	p.keepWide([]string{"e", "a"}, []int{6, 7}, value)        // of one part now
	p.settle()
	for g, minutes := range map[string][]int{"a": {0, 1, 2, 3, 4, 5, 6, 7}, "b": {0, 1, 2, 3, 4, -5}, "c": {0, 1, 2, 3, 4, 5, -6}, "d": {0, 1, 2, 3, 4, 5, -6}, "e": {0, 1, 2, -3, 4, 5, 6, 7}} {
		var times []int64
		var values []float64
		err := p.store.Scan(t.Context(), history.Series{Metric: history.Sum, Hierarchy: "place", Name: g}, p.t0, p.at(60), func(ts []int64, vs []float64) error {
			times, values = append(times, ts...), append(values, vs...)
			return nil
		})
		if err != nil || len(values) != len(minutes) {
			t.Errorf("%s has values at %v, %d were told; %v", g, times, len(minutes), err)
			continue
		}
		for i, m := range minutes {
			switch v := values[i]; {
			case times[i] != int64(p.at(max(m, -m))):
				t.Errorf("%s has a value at %d, not at minute %d", g, times[i], m)
			case m < 0 && !math.IsNaN(v):
				t.Errorf("%s at %d is %v and not null", g, -m, v)
			case m >= 0 && v != value(g, m):
				t.Errorf("%s at %d is %v, not %v", g, m, v, value(g, m))
			}
		}
	}
}
