package substitute

import (
	"math"
	"testing"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// TestOutages lets the meters of the five homes die again and again over the last
// 40 % of the year, for 5 to 46 hours, and their agents decide hour by hour. What
// they put in is compared with what the homes took, and with what they expected.
func TestOutages(t *testing.T) {
	for _, pv := range []bool{true, false} {
		what := map[bool]string{true: "PV", false: "load"}[pv]
		f := fitted[pv]()
		var seen, expected, whole float64
		outages, cells, missing, refits, switches := 0, 0, 0, 0, 0
		for i, id := range f.ids {
			s := f.of[id]
			a := NewAgent(id, Settings{Interval: hour, Horizon: 2 * Day})
			back, gone := f.cut+36+i, 0 // it is away from back on, for gone hours
			lengths := []int{5, 11, 23, 46}
			for k := f.cut; k < len(s.Values); k++ {
				now := s.From + record.Millis(k+1)*hour // cell k is over
				e := Event{State: object.Live, Read: &Sample{Time: now, Value: s.Values[k]}, Usable: func(o object.ID) bool { return o != id }, Values: lookup(f.of)}
				if (k-f.cut)%every == 0 {
					r := f.fit(id, k)
					e.Ranking = &r
				}
				if k == back {
					gone = lengths[outages%len(lengths)]
					outages++
				}
				if k >= back && k < back+gone {
					e.Read = nil
					if k >= back+2 {
						e.State = object.Stale
					}
				}
				if k == back+gone && gone > 0 { // its buffer gives what it measured
					for c := back; c < back+gone; c++ {
						e.Cells = append(e.Cells, Sample{Time: s.From + record.Millis(c)*hour, Value: s.Values[c]})
					}
					back, gone = k+60, 0
				}
				for _, d := range a.Step(e, now) {
					switch d.Action {
					case Refit:
						refits++
					case Switch:
						switches++
					}
				}
				if e.State != object.Stale {
					continue
				}
				p, ok := a.InForce()
				v := 0.0
				if ok {
					v, ok = p.Value(s.From+record.Millis(k)*hour, lookup(f.of))
				}
				if !ok {
					missing++
					continue
				}
				cells++
				seen += math.Abs(v - s.Values[k])
				expected += p.Expected.Mean
				whole += s.Values[k]
			}
		}
		t.Logf("%s: %d outages, %d hours put in, %d missing; wrong by %.1f %% of the energy, %.1f %% expected; %d switches, %d refits",
			what, outages, cells, missing, 100*seen/whole, 100*expected/whole, switches, refits)
		if missing > 0 || outages < 150 {
			t.Error("something did not stand in")
		}
		if r := seen / expected; r < 0.5 || r > 2 {
			t.Errorf("the error seen is %.2f times the expected one", r)
		}
	}
}
