package substitute

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// repeater forecasts that the last day happens again.
type repeater struct{}

func (repeater) Issue(h Series, n int) []float64 {
	day := int(Day / h.Step)
	if len(h.Values) < day {
		return nil
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = h.Values[len(h.Values)-day+i%day]
	}
	return out
}

// TestProvenanceComputesAgain makes objects at random, with gaps, and takes every
// option for any of them: its provenance, stored as JSON and read again, gives the
// same value for every cell to the bit, however its sources are looked up.
func TestProvenanceComputesAgain(t *testing.T) {
	methods := map[Method]int{}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 3))
		step := []record.Millis{hour, hour / 2, hour / 4, 3 * hour}[r.IntN(4)]
		n := int(40 * Day / step)
		of := make(map[object.ID]Series)
		ids := []object.ID{"sensor/a", "sensor/b", "sensor/c", "sensor/d", "sensor/e"}
		for k, id := range ids {
			s := Series{From: 500 * Day, Step: step, Values: make([]float64, n)}
			for i := range s.Values {
				at := float64(i) * float64(step) / float64(Day)
				s.Values[i] = math.Abs(500+float64(k)*200*math.Sin(2*math.Pi*at)+100*r.NormFloat64()) * float64(1+seed%3)
				if r.IntN(200) == 0 {
					s.Values[i] = math.NaN()
				}
			}
			of[id] = s
		}
		cut := int(35 * Day / step)
		var candidates []Candidate
		for _, id := range ids[1:] {
			candidates = append(candidates, Candidate{Object: id, Unit: []string{"W", "kW"}[r.IntN(2)], Place: Place(r.IntN(6)), Quantity: record.ActivePower, Series: of[id].first(cut)})
		}
		balance := Balance{Group: "group/g", Members: []Signed{{Candidate: candidates[0], Sign: 1}, {Candidate: candidates[1], Sign: -1}}}
		ranking := Fit(Target{Object: "sensor/a", Quantity: record.ActivePower, Series: of["sensor/a"].first(cut)}, candidates, []Balance{balance}, Options{Forecast: repeater{}})
		for _, o := range ranking.Options {
			methods[o.Method]++
			for _, f := range o.Fits {
				known := of["sensor/a"].From + record.Millis(cut-1)*step
				p := Provenance{
					Object: "sensor/a", Method: o.Method, From: f.Mapping.From(), Place: o.Place, Unit: ranking.Unit, Mapping: f.Mapping, Expected: f.Error,
					UpTo: f.UpTo, Fitted: ranking.Until, Known: known, Since: known + 2*step, Until: known + 3*Day,
				}
				stored, err := json.Marshal(p)
				if err != nil {
					t.Fatal(err)
				}
				again, err := ParseProvenance(stored)
				if err != nil {
					t.Fatalf("%s: %v", o.Method, err)
				}
				if diff := cmp.Diff(p, *again); diff != "" {
					t.Fatalf("%s:\n%s", o.Method, diff)
				}
				bound, ok := again.Mapping.Bind(func(id object.ID) (Series, bool) { return of[id], true })
				if !ok {
					t.Fatal("not bound")
				}
				given := 0
				for k := cut - 2; k < n; k++ {
					at := of["sensor/a"].From + record.Millis(k)*step
					v, ok := p.Value(at, lookup(of))
					w, again := again.Value(at, lookup(of))
					if ok != again || math.Float64bits(v) != math.Float64bits(w) {
						t.Fatalf("seed %d, %s at %v: %v, then %v", seed, o.Method, at, v, w)
					}
					if !ok {
						continue
					}
					given++
					if w, ok := bound.Value(at, known); !ok || math.Float64bits(v) != math.Float64bits(w) {
						t.Fatalf("seed %d, %s at %v: %v, bound %v", seed, o.Method, at, v, w)
					}
					if at <= known || at >= p.Until {
						t.Fatalf("a value of %v", at)
					}
				}
				if given == 0 {
					t.Errorf("seed %d, %s gives no value", seed, o.Method)
				}
			}
		}
	}
	for _, m := range append(everything, Balanced, BalancedOff, Forecast) {
		if methods[m] == 0 {
			t.Errorf("%s was not tried", m)
		}
	}
}

// TestNothingLaterIsUsed changes all that the target said after what is known, and
// all that others say after the time of the value: no value changes.
func TestNothingLaterIsUsed(t *testing.T) {
	of, ra, _ := two(40 * 24)
	known := of["sensor/a"].From + 30*Day
	later := make(map[object.ID]Series)
	for id, s := range of {
		s.Values = append([]float64(nil), s.Values...)
		later[id] = s
	}
	at := known + 20*hour
	for i := range later["sensor/a"].Values {
		when := later["sensor/a"].From + record.Millis(i)*hour
		if when > known {
			later["sensor/a"].Values[i] = 1e6
		}
		if when > at {
			later["sensor/b"].Values[i] = 1e6
		}
	}
	for _, o := range ra.Options {
		for _, f := range o.Fits {
			v, ok := f.Mapping.Value(at, known, lookup(of))
			w, too := f.Mapping.Value(at, known, lookup(later))
			if !ok || !too || v != w {
				t.Errorf("%s: %v, then %v", o.Method, v, w)
			}
		}
	}
}

// TestColumnsAreValues compares what mappings are fitted on with what they compute
// later.
func TestColumnsAreValues(t *testing.T) {
	of, _, _ := two(30 * 24)
	a := of["sensor/a"]
	a.Values[333] = math.NaN()
	f := newFitter(Target{Object: "sensor/a", Quantity: record.ActivePower, Series: a}, Options{})
	for _, age := range f.ages {
		for _, what := range []Of{Last, DayBack, Mean7, Median7, Median14, Weeks4, Level} {
			m := Mapping{Step: hour, Sources: []Source{{Object: "sensor/a", Scale: 1}}, Terms: []Term{{Of: what, Factor: 1}}, Min: -1e9, Max: 1e9}
			for i, x := range f.column(Term{Of: what}, age, f.y) {
				v, ok := m.Value(f.time(i), f.time(i)-age, lookup(of))
				if ok != (x == x) || ok && math.Abs(v-x) > 1e-9*v {
					t.Fatalf("%s of cell %d, %s before: %v in the fit, %v computed", what, i, span(age), x, v)
				}
			}
		}
	}
}

func TestParseProvenanceRefuses(t *testing.T) {
	good := `{"object":"sensor/a","method":"ratio","from":["sensor/b"],"place":"room","unit":"W","mapping":{"step":3600000,"sources":[{"object":"sensor/b","scale":1}],"terms":[{"source":0,"of":"now","factor":2}],"min":0,"max":9},"known":1,"until":5}`
	if _, err := ParseProvenance([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"sensor/a"`, `"a"`, "not like sensor/boiler"},
		{`"ratio"`, `"guess"`, `method "guess" is unknown`},
		{`"from":["sensor/b"]`, `"from":["sensor/c"]`, "stands on [sensor/b]"},
		{`sensor/b`, `sensor/a`, "stands in for itself"},
		{`"room"`, `"moon"`, `place "moon" is none of`},
		{`3600000`, `3600001`, "does not divide a day"},
		{`"source":0`, `"source":1`, "not there"},
		{`"now"`, `"later"`, `takes "later"`},
		{`"now"`, `"issued"`, "forecast that is not there"},
		{`"factor":2`, `"by_hour":[1,2]`, "2 factors by hour"},
		{`"min":0`, `"min":10`, "above its largest"},
		{`"known":1`, `"known":-1`, "time is outside"},
		{`"factor":2`, `"factor":1e999`, "read provenance"},
	} {
		_, err := ParseProvenance([]byte(strings.ReplaceAll(good, c.old, c.new)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v", c.new, c.old, err)
		}
	}
	if _, err := ParseProvenance(make([]byte, maxProvenance+1)); err == nil {
		t.Error("too long")
	}
}

// FuzzParseProvenance takes anything; what is taken is written and read again, and
// computes without a panic.
func FuzzParseProvenance(f *testing.F) {
	of, ra, _ := two(30 * 24)
	for _, o := range ra.Options {
		fit := o.Fits[0]
		stored, err := json.Marshal(Provenance{Object: "sensor/a", Method: o.Method, From: fit.Mapping.From(), Mapping: fit.Mapping, Known: of["sensor/a"].End(), Until: of["sensor/a"].End() + Day})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(stored)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProvenance(data)
		if err != nil {
			return
		}
		stored, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseProvenance(stored)
		if err != nil {
			t.Fatal(err)
		}
		at := p.Known + p.Mapping.Step - p.Known%p.Mapping.Step
		a, ok := p.Value(at, lookup(of))
		b, too := again.Value(at, lookup(of))
		if ok != too || math.Float64bits(a) != math.Float64bits(b) {
			t.Fatalf("%v, then %v", a, b)
		}
	})
}

// TestForecastsCompare: a forecast is tried on fewer values than the rest. Saying that
// the day happens again it is expected to be about as wrong as the day before is; one
// that is right is taken.
func TestForecastsCompare(t *testing.T) {
	f := fitted[false]()
	for _, id := range f.ids {
		r := Fit(Target{Object: id, Quantity: record.ActivePower, Series: f.of[id].first(f.cut)}, nil, nil, Options{Horizon: Day, Forecast: repeater{}})
		error := map[Method]float64{}
		for _, o := range r.Options {
			if fit, ok := o.at(Day); ok {
				error[o.Method] = fit.Error.Mean
			}
		}
		if by := error[Forecast] / error[DayBefore]; by < 0.8 || by > 1.25 {
			t.Errorf("%s: a forecast that repeats the day is wrong by %.1f W, the day before by %.1f W", id, error[Forecast], error[DayBefore])
		}
		r = Fit(Target{Object: id, Quantity: record.ActivePower, Series: f.of[id].first(f.cut)}, nil, nil, Options{Horizon: Day, Forecast: prophet{f.of[id]}})
		if c, _ := r.Choose(Day, Need{}, nil, nil); c.Option == nil || c.Option.Method != Forecast {
			t.Errorf("%s: %+v", id, c.Option)
		}
	}
}

// prophet knows.
type prophet struct{ Series }

func (p prophet) Issue(h Series, n int) []float64 {
	from := len(h.Values)
	return p.Values[from:min(from+n, len(p.Values))]
}
