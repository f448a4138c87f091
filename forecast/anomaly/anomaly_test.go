package anomaly

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

func verdicts(t testing.TB, o Options, start record.Millis, values []float64) []Verdict {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var out []Verdict
	for i, v := range values {
		out = append(out, d.Add(start+record.Millis(int64(i)*o.Step), v))
	}
	return out
}

func options(s replay.Series) Options { return Options{Calendar: window.In(s.Zone), Step: s.Step} }

// falseAlarms are events a week in a series as it was measured, from a time on.
func falseAlarms(t *testing.T, s replay.Series, from int) float64 {
	events, err := Scan(options(s), s.Start, s.Floats())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range events {
		if e.From >= s.At(from) {
			n++
		}
	}
	return float64(n) / (float64(s.End()-s.At(from)) / (7 * 24 * float64(hour)))
}

// TestScenarioN1 puts events into the last two fifths of the two office buildings, and
// counts those that are found while they last; in the data as it was measured there is
// at most one alarm a week, and in homes, where statistics find nothing, as well.
func TestScenarioN1(t *testing.T) {
	found, put := make(map[string]int), make(map[string]int)
	for _, s := range replay.Offices() {
		from := len(s.Values) * 6 / 10
		if rate := falseAlarms(t, s, from); rate > 1 {
			t.Errorf("%s: %.2f false alarms a week", s.Name, rate)
		}
		for round := range 5 {
			values := s.Floats()
			r := rand.New(rand.NewPCG(4, uint64(round)))
			events := Inject(r, window.In(s.Zone), s.Start, values, from+r.IntN(48), round)
			said := verdicts(t, options(s), s.Start, values)
			for _, e := range events {
				put[e.Name]++
				if slices.ContainsFunc(said[e.At:e.To], func(v Verdict) bool { return v.Kind != "" }) {
					found[e.Name]++
				}
			}
		}
	}
	for _, name := range Injections() {
		if share := float64(found[name]) / float64(put[name]); share < 0.95 || put[name] < 50 {
			t.Errorf("%s: %d of %d found", name, found[name], put[name])
		}
	}
	for _, h := range replay.Homes() {
		if rate := falseAlarms(t, h.Load, len(h.Load.Values)*6/10); rate > 1 {
			t.Errorf("%s: %.2f false alarms a week", h.Load.Name, rate)
		}
	}
}

// TestScenarioS11 keeps the value of office meters for 12 hours: they are known to be
// stuck, and so not to be used, within 6 values. A load that is off is not stuck,
// however long, and neither is one that was always the same.
func TestScenarioS11(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	for _, s := range replay.Offices() {
		for range 12 {
			values := s.Floats()
			at := 28*24 + r.IntN(len(values)-29*24)
			for i := range 12 {
				values[at+i] = values[at]
			}
			said := verdicts(t, options(s), s.Start, values[:at+12])
			i := slices.IndexFunc(said[at:], func(v Verdict) bool { return v.Kind == Stuck })
			if i < 0 || i >= 6 || !said[at+i].Kind.Untrue() {
				t.Errorf("%s at %v: known after %d values", s.Name, s.At(at), i+1)
			}
		}
	}
	for _, v := range []float64{0, 5} {
		values := slices.Repeat([]float64{v}, 24*100)
		events, err := Scan(Options{Step: hour, Rating: 100}, 0, values)
		if err != nil || len(events) != 0 {
			t.Errorf("always %v: %v, %v", v, events, err)
		}
	}
	// A load that is off at night and at weekends, to the watt.
	values := make([]float64, 24*100)
	for i := range values {
		if at := time.UnixMilli(int64(i) * hour).UTC(); at.Hour() >= 8 && at.Hour() < 18 && at.Weekday() != time.Sunday {
			values[i] = 900 + 40*r.NormFloat64()
		}
	}
	events, err := Scan(Options{Step: hour}, 0, values)
	if err != nil || slices.ContainsFunc(events, func(e Event) bool { return e.Kind.Untrue() }) {
		t.Errorf("%v, %v", events, err)
	}
}

func TestRules(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	values := make([]float64, 24*60)
	for i := range values {
		values[i] = 1000 + 20*r.NormFloat64()
	}
	at := 24 * 50
	values[at], values[at+20], values[at+40], values[at+60] = 5000, 0, math.NaN(), 1500
	said := verdicts(t, Options{Step: hour, Rating: 4000}, 0, values)
	for i, want := range map[int]Kind{at: Rating, at + 20: Zero, at + 40: "", at + 60: Unusual} {
		if v := said[i]; v.Kind != want {
			t.Errorf("value %v: %+v, want %s", values[i], v, want)
		}
	}
	if e := said[at+1].Expected; math.Abs(e-1000) > 60 {
		t.Errorf("%v is usual", e)
	}
	for _, o := range []Options{{}, {Step: 7 * 60_000}, {Step: 2 * hour}, {Step: hour, Rating: math.NaN()}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v", o)
		}
	}
}

// TestWhatStaysBecomesUsual doubles a load for good.
func TestWhatStaysBecomesUsual(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	values := make([]float64, 24*120)
	for i := range values {
		values[i] = 1000 + 20*r.NormFloat64()
		if i >= 24*60 {
			values[i] *= 2
		}
	}
	events, err := Scan(Options{Step: hour}, 0, values)
	if err != nil || !slices.ContainsFunc(events, func(e Event) bool { return e.From == record.Millis(24*60*hour) && e.Kind == Unusual }) {
		t.Fatalf("%v, %v", events, err)
	}
	if last := events[len(events)-1]; last.To > record.Millis(24*80*hour) {
		t.Errorf("still unusual at %v", last.To)
	}
}

func TestMeterAndParts(t *testing.T) {
	var m Meter
	var got []Kind
	for _, v := range []int64{5, 5, 9, 2, 3} {
		got = append(got, m.Add(v))
	}
	if !slices.Equal(got, []Kind{"", "", "", Backwards, ""}) {
		t.Errorf("%q", got)
	}
	for _, x := range []struct {
		whole float64
		parts []float64
		want  Kind
	}{
		{100, []float64{60, 41}, ""},
		{100, []float64{60, 50}, PartsExceed},
		{100, []float64{60, math.NaN()}, ""},
		{math.NaN(), []float64{60}, ""},
		{-10, []float64{-20}, ""},
		{-20, []float64{-10}, PartsExceed},
	} {
		if _, k := Parts(x.whole, x.parts, 0.02); k != x.want {
			t.Errorf("%v: %q", x, k)
		}
	}
	// A measured house: its parts are never more than the whole.
	h := replay.Household()
	whole := h.Active.Coarser(60).Floats()
	var parts [3][]float64
	for i, s := range h.Subs {
		parts[i] = s.Coarser(60).Floats()
	}
	for i, w := range whole {
		if excess, k := Parts(w/60, []float64{parts[0][i], parts[1][i], parts[2][i]}, 0.02); k != "" {
			t.Errorf("hour %d: %v Wh more", i, excess)
		}
	}
}

// TestQuarters judges quarters of an hour of a steel works, and counts.
func TestQuarters(t *testing.T) {
	s := replay.SteelWorks()
	s.Values = s.Values[:96*120]
	if rate := falseAlarms(t, s, 96*60); rate > 2 {
		t.Errorf("%.2f alarms a week", rate)
	}
}

func TestEventsGoOn(t *testing.T) {
	var events []Event
	for i, k := range []Kind{"", Unusual, Stuck, "", "", Stuck, "", "", "", "", Unusual} {
		events = Join(events, record.Millis(i), 1, float64(i), Verdict{Kind: k})
	}
	if len(events) != 2 || events[0].Kind != Stuck || events[0].From != 1 || events[0].To != 6 || events[0].Values != 3 || events[0].Value != 5 {
		t.Errorf("%+v", events)
	}
}

func BenchmarkAdd(b *testing.B) {
	s := replay.Offices()[0]
	values := s.Floats()
	d, err := New(options(s))
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		d.Add(s.Start+record.Millis(int64(i)*hour), values[i%len(values)])
		i++
	}
}
