package profile

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// TestCorrelation asks how series move together of which it is known.
func TestCorrelation(t *testing.T) {
	everywhere(t, func(t *testing.T, s *ledger.Store) {
		c := load(t, "Europe/Berlin")
		begin := time.Date(2026, 3, 27, 0, 0, 0, 0, c.Zone())
		random := rand.New(rand.NewPCG(1, 2))
		n := 96 * 4
		a, b, halls, plant := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			a[i] = 1e6 + 100*random.NormFloat64()
			b[i] = 5 - a[i]/1000
			halls[i] = 42
			plant[i] = a[i] + 100*random.NormFloat64()
			if i%10 == 0 {
				b[i] = math.NaN()
			}
			if i >= 2 {
				halls[i] = math.NaN()
			}
		}
		keep(t, s, ledger.SensorPoint("b"), begin, b)
		keep(t, s, ledger.SensorPoint("halls"), begin, halls)
		keep(t, s, ledger.GroupPoint("place", "plant"), begin, plant)
		keep(t, s, ledger.SensorPoint("a"), begin, a)
		ask := serve(t, s, trees{calendar: c}, begin.Add(200*time.Hour))
		var out CorrelationBody
		ask("correlation?sensor=a&sensor=b&sensor=halls&sensor=volts&group=plant&from=2026-03-27", &out)
		if out.Quarters != n || len(out.Series) != 5 || out.Series[0].Name != "Press" || out.Series[0].Known != n || out.Series[1].Known != n-39 || out.Series[3].Unit != "V" || out.Series[4].Kind != "group" || out.Series[3].Known != 0 {
			t.Fatalf("got %+v", out)
		}
		if math.Abs(out.Pearson[0][1]+1) > 1e-9 || out.Pearson[0][1] != out.Pearson[1][0] || math.Abs(out.Pearson[0][0]-1) > 1e-12 || out.Count[0][1] != n-39 || math.Abs(out.Pearson[4][0]-math.Sqrt(0.5)) > 0.1 {
			t.Errorf("got %+v", out)
		}
		text := ask("correlation?sensor=a&sensor=halls", nil)
		if !strings.Contains(text, `null],[null,null]]`) || !strings.Contains(text, `"count":[[`) {
			t.Errorf("of what hardly is: %s", text)
		}
		for path, want := range map[string]string{
			"correlation?sensor=a":                                   "2 to 50",
			"correlation?sensor=a&sensor=none":                       "404 ",
			"correlation?sensor=a&group=none":                        "404 ",
			"correlation?sensor=a&sensor=b&from=x":                   "from: ",
			"correlation?sensor=a" + strings.Repeat("&sensor=b", 50): "2 to 50",
		} {
			if got := ask(path, nil); !strings.Contains(got, want) {
				t.Errorf("%s answers %s", path, got)
			}
		}
	})
	// By the definition.
	if r, n := pearson([]float64{1, 2, 3, math.NaN(), 9}, []float64{2, 4, 7, 5, math.NaN()}); n != 3 || math.Abs(r-5/math.Sqrt(2*(38./3))) > 1e-12 {
		t.Errorf("got %v of %d", r, n)
	}
	if r, _ := pearson([]float64{1e9, 1e9, 1e9}, []float64{1, 2, 3}); !math.IsNaN(r) {
		t.Errorf("of what does not vary %v", r)
	}
}
