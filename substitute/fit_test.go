package substitute

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// odd are values as histories can have them, and worse.
func odd(r *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	kind := r.IntN(8)
	for i := range v {
		switch kind {
		case 0: // nothing
			v[i] = math.NaN()
		case 1: // stuck
			v[i] = 42
		case 2:
			v[i] = 0
		case 3: // rarely known
			v[i] = math.NaN()
			if r.IntN(5) == 0 {
				v[i] = r.NormFloat64()
			}
		case 4: // huge
			v[i] = 1e18 * (2*r.Float64() - 1)
		case 5: // known at the end
			v[i] = math.NaN()
			if i > n*2/3 {
				v[i] = float64(i % 24)
			}
		case 6:
			v[i] = float64(i%24) * 1e-12
		default:
			v[i] = 100 + 10*r.NormFloat64()
		}
	}
	if r.IntN(10) == 0 {
		v[r.IntN(n)] = []float64{math.Inf(1), math.Inf(-1), 1e300}[r.IntN(3)]
	}
	return v
}

// TestFitTakesAnything: whatever a history looks like, errors are finite, what is
// ranked can be stored, chosen and computed, and everybody is an option or refused.
func TestFitTakesAnything(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 5))
		step := []record.Millis{hour, hour / 4, 6 * hour, Day, 7 * hour, 0}[r.IntN(6)]
		n := 1 + r.IntN(600)
		quantity := []record.Quantity{record.ActivePower, record.Temperature}[r.IntN(2)]
		make1 := func() Series { return Series{From: 500 * Day, Step: step, Values: odd(r, n)} }
		target := Target{Object: "sensor/a", Quantity: quantity, Series: make1()}
		of := map[object.ID]Series{"sensor/a": target.Series}
		var candidates []Candidate
		for k := range r.IntN(5) {
			c := Candidate{Object: object.ID(fmt.Sprintf("sensor/x%d", k)), Quantity: quantity, Series: make1()}
			if r.IntN(6) == 0 {
				c.Series.From += record.Millis(r.IntN(5)) * hour / 2
			}
			of[c.Object] = c.Series
			candidates = append(candidates, c)
		}
		var balances []Balance
		if len(candidates) > 1 {
			balances = []Balance{{Group: "group/g", Members: []Signed{{Candidate: candidates[0], Sign: 1}, {Candidate: candidates[1], Sign: -1}}}}
		}
		ranking := Fit(target, candidates, balances, Options{Horizon: record.Millis(r.IntN(10)) * Day / 2, Forecast: repeater{}})
		if _, err := json.Marshal(ranking); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(ranking.Options) == 0 && len(ranking.Refused) == 0 {
			t.Fatalf("seed %d: nothing is said", seed)
		}
		if len(ranking.Options) > 40 {
			t.Fatalf("seed %d: %d options", seed, len(ranking.Options))
		}
		for _, o := range ranking.Options {
			for _, f := range o.Fits {
				if !finite(f.Error.Mean) || f.Error.Mean < 0 || !finite(f.Error.Relative) || f.Error.Worst < f.Error.Mean*(1-1e-9) {
					t.Fatalf("seed %d: %s: %+v", seed, o.Method, f.Error)
				}
				if err := f.Mapping.Validate(); err != nil {
					t.Fatalf("seed %d: %s: %v", seed, o.Method, err)
				}
				at := target.Series.End()
				if v, ok := f.Mapping.Value(at, at-step, lookup(of)); ok && !finite(v) {
					t.Fatalf("seed %d: %s gives %v", seed, o.Method, v)
				}
			}
		}
	}
}
