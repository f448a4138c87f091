package substitute

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
)

// all lets every object measure.
func all(object.ID) bool { return true }

// only excludes every method but these.
func only(methods ...Method) func(Method, []object.ID) bool {
	return func(m Method, _ []object.ID) bool {
		for _, o := range methods {
			if m == o {
				return false
			}
		}
		return true
	}
}

// first cuts a series to its first n cells.
func (s Series) first(n int) Series { return Series{From: s.From, Step: s.Step, Values: s.Values[:n]} }

// lookup gives values of several series.
func lookup(of map[object.ID]Series) Lookup {
	return func(id object.ID, t record.Millis) (float64, bool) { return of[id].At(t) }
}

// later is the mean absolute error of a mapping in all cells from cut on, each
// from what is known of the target until a day before it, and that by the mean
// size of the values.
func later(t *testing.T, of map[object.ID]Series, target object.ID, cut int, m *Mapping) (mean, relative float64) {
	t.Helper()
	bound, ok := m.Bind(func(id object.ID) (Series, bool) { s, ok := of[id]; return s, ok })
	if !ok {
		t.Fatal("a source is missing")
	}
	s := of[target]
	var wrong, whole, n float64
	for k := cut; k < len(s.Values); k++ {
		at := s.From + record.Millis(k)*s.Step
		v, ok := bound.Value(at, at-Day)
		if !ok {
			t.Fatalf("nothing at %v", at)
		}
		wrong += math.Abs(v - s.Values[k])
		whole += math.Abs(s.Values[k])
		n++
	}
	return wrong / n, wrong / whole
}

// homes are the loads or the PV of the five homes of CityLearn that are here (the
// study had 17), a year of hours in W, and what may stand in for each on the first
// 60 %.
func homes(pv bool) (of map[object.ID]Series, ids []object.ID, rankings []Ranking, cut int) {
	f := fitted[pv]()
	return f.of, f.ids, f.rankings, f.cut
}

// replayed are homes and what may stand in for them.
type replayed struct {
	fits     map[string]Ranking
	of       map[object.ID]Series
	ids      []object.ID
	rankings []Ranking
	cut      int
}

// fitted are the homes, made once.
var fitted = map[bool]func() replayed{
	true:  sync.OnceValue(func() replayed { return fitHomes(true) }),
	false: sync.OnceValue(func() replayed { return fitHomes(false) }),
}

func fitHomes(pv bool) replayed {
	f := replayed{of: make(map[object.ID]Series), fits: make(map[string]Ranking)}
	for i, h := range replay.Homes() {
		s := h.Load
		if pv {
			s = h.PV
		}
		id := object.OfSensor(record.SensorID(fmt.Sprintf("home%d", i+1)))
		f.of[id] = Series{From: s.Start - s.Start%record.Millis(s.Step), Step: record.Millis(s.Step), Values: s.Floats()}
		f.ids = append(f.ids, id)
		f.cut = len(s.Values) * 6 / 10
	}
	for _, id := range f.ids {
		f.rankings = append(f.rankings, f.fit(id, f.cut))
	}
	return f
}

// fit fits what may stand in for a home on so many hours, once.
func (f *replayed) fit(id object.ID, cut int) Ranking {
	key := fmt.Sprint(id, cut)
	if r, ok := f.fits[key]; ok {
		return r
	}
	r := f.fitNew(id, cut)
	f.fits[key] = r
	return r
}

func (f *replayed) fitNew(id object.ID, cut int) Ranking {
	var candidates []Candidate
	for _, other := range f.ids {
		if other != id {
			candidates = append(candidates, Candidate{Object: other, Place: External, Quantity: record.ActivePower, Series: f.of[other].first(cut)})
		}
	}
	return Fit(Target{Object: id, Quantity: record.ActivePower, Series: f.of[id].first(cut)}, candidates, nil, Options{})
}

// neighbours are the methods that take values of others only, virtuals those that
// take the object's own past only.
var (
	neighbours = []Method{Identity, Offset, Ratio, HourlyRatio, Ridge}
	virtuals   = []Method{LastValue, DayBefore, MeanOfWeek, WeekProfile, Past}
	everything = append(append([]Method{Blend}, neighbours...), virtuals...)
)

// TestGateBeatsFixedOrders compares the choice by the error expected with the two
// orders that are fixed beforehand: a similar sensor if there is one, which there
// is, and virtual values if there are any. Both are given the best mapping and the
// best virtual model by the same errors; beside them stand what the paper has:
// the raw values of the best neighbour, and the mean of seven days. What was
// fitted and chosen on the first 60 % is left as it is for the last 40 %.
func TestGateBeatsFixedOrders(t *testing.T) {
	columns := []struct {
		name    string
		methods []Method
	}{
		{"raw", []Method{Identity}}, {"7-day mean", []Method{MeanOfWeek}},
		{"similar first", neighbours}, {"virtual first", virtuals}, {"gate", everything},
	}
	var both [5]float64
	for _, pv := range []bool{true, false} {
		what := map[bool]string{true: "PV", false: "load"}[pv]
		of, ids, rankings, cut := homes(pv)
		var mean [5]float64
		expected := 0.0
		for i, r := range rankings {
			line := ""
			for k, c := range columns {
				choice, _ := r.Choose(Day, Need{}, all, only(c.methods...))
				_, e := later(t, of, ids[i], cut, &choice.Fit.Mapping)
				mean[k] += 100 * e / 5
				line += fmt.Sprintf("  %s %.1f (%s)", c.name, 100*e, choice.Option.Method)
				if k == 4 {
					expected += 100 * choice.Fit.Error.Relative / 5
				}
			}
			t.Logf("%s of home %d, WAPE in %%:%s", what, i+1, line)
		}
		t.Logf("%s, mean of 5 homes: raw %.1f, 7-day mean %.1f, similar first %.1f, virtual first %.1f, gate %.1f (expected %.1f)",
			what, mean[0], mean[1], mean[2], mean[3], mean[4], expected)
		for k := range 4 {
			if mean[4] >= mean[k] {
				t.Errorf("%s: the gate is wrong by %.2f %%, %s by %.2f %%", what, mean[4], columns[k].name, mean[k])
			}
		}
		for k := range both {
			both[k] += mean[k] / 2
		}
	}
	t.Logf("both: similar first %.1f, virtual first %.1f, gate %.1f", both[2], both[3], both[4])
}

// every is how often what may stand in is fitted anew, in hours.
const every = 49 * 24

// TestGateAtEveryAge does the same as the program does: what stands in is fitted and
// chosen anew, here every seven weeks, and what is known of the home is an hour, a day
// or a week old.
func TestGateAtEveryAge(t *testing.T) {
	ages := []record.Millis{hour, Day, 7 * Day}
	orders := [][]Method{neighbours, virtuals, everything}
	for _, pv := range []bool{true, false} {
		what := map[bool]string{true: "PV", false: "load"}[pv]
		f := fitted[pv]()
		mean := make([][3]float64, len(ages))
		for _, id := range f.ids {
			values := f.of[id].Values
			wrong, whole := make([][3]float64, len(ages)), 0.0
			for cut := f.cut; cut < len(values); cut += every {
				r := f.fit(id, cut)
				for a, age := range ages {
					for k, methods := range orders {
						c, _ := r.Choose(age, Need{}, all, only(methods...))
						b, ok := c.Fit.Mapping.Bind(func(o object.ID) (Series, bool) { return f.of[o], true })
						if !ok {
							t.Fatal("not bound")
						}
						for j := cut; j < min(cut+every, len(values)); j++ {
							at := f.of[id].From + record.Millis(j)*hour
							v, ok := b.Value(at, at-age)
							if !ok {
								t.Fatalf("nothing at %v", at)
							}
							wrong[a][k] += math.Abs(v - values[j])
						}
					}
				}
			}
			for _, v := range values[f.cut:] {
				whole += v
			}
			for a := range ages {
				for k := range orders {
					mean[a][k] += 100 * wrong[a][k] / whole / 5
				}
			}
		}
		for a, m := range mean {
			t.Logf("%s, %s old, WAPE in %%, mean of 5 homes: similar first %.1f, virtual first %.1f, gate %.1f", what, span(ages[a]), m[0], m[1], m[2])
			// An hour after the last value the past alone is as good for loads.
			if m[2] > 1.002*min(m[0], m[1]) {
				t.Errorf("%s, %s old: a fixed order is better", what, span(ages[a]))
			}
		}
	}
}

// TestScenarioS1: a temperature sensor is dead, and one in the same room correlates
// with it by 0.82 and shows 1.1 °C more. The data are made, with a seed. The
// mapping has the offset in it; the raw value is never used.
func TestScenarioS1(t *testing.T) {
	r := rand.New(rand.NewPCG(82, 11))
	const n = 100 * 24
	a, b := make([]float64, n), make([]float64, n)
	room := 0.0
	for i := range n {
		room = 0.96*room + 0.28*r.NormFloat64()
		a[i] = 21 + room + 0.47*r.NormFloat64()
		b[i] = 21 + 1.1 + room + 0.47*r.NormFloat64()
	}
	if c := regression.Correlation(a, b); math.Abs(c-0.82) > 0.02 {
		t.Fatalf("the correlation is %.3f", c)
	}
	cut := n * 6 / 10
	of := map[object.ID]Series{
		"sensor/a": {From: 600 * Day, Step: hour, Values: a},
		"sensor/b": {From: 600 * Day, Step: hour, Values: b},
	}
	w, _ := object.NewWorld(made(t, model.Document{
		Sites: []model.Site{{ID: "site"}},
		Sensors: []model.Sensor{
			{ID: "a", Site: "site", Quantity: record.Temperature, Interval: model.Duration(3600e9)},
			{ID: "b", Site: "site", Quantity: record.Temperature, Interval: model.Duration(3600e9)},
		},
	}), []object.Space{{ID: "r101", Kind: vocabulary.Room}}, []object.Enrichment{{Object: "sensor/a", Space: "r101"}, {Object: "sensor/b", Space: "r101"}})
	found, _ := Candidates(w, "sensor/a", 0)
	if len(found) != 1 || found[0].Place != Room {
		t.Fatalf("found %v", found)
	}
	ranking := Fit(Target{Object: "sensor/a", Quantity: record.Temperature, Series: of["sensor/a"].first(cut)},
		[]Candidate{{Object: found[0].Object.ID, Place: found[0].Place, Quantity: record.Temperature, Series: of["sensor/b"].first(cut)}}, nil, Options{})

	agent := NewAgent("sensor/a", Settings{Interval: hour, Need: Need{Mean: 1}})
	dies := of["sensor/a"].first(cut).End()
	agent.Step(Event{State: object.Live, Read: &Sample{Time: dies, Value: a[cut-1]}, Ranking: &ranking, Usable: all}, dies)
	d := agent.Step(Event{State: object.Stale, Usable: all}, dies+4*hour)[0]
	if d.Action != Engage || agent.State() != object.Substituted {
		t.Fatalf("%+v, %s", d, agent.State())
	}
	p := d.Provenance
	if p.Method != Offset && p.Method != Ridge && p.Method != Blend {
		t.Errorf("the method is %s", p.Method)
	}
	e, _ := later(t, of, "sensor/a", cut, &p.Mapping)
	raw, _ := ranking.Choose(Day, Need{}, all, only(Identity))
	rawly, _ := later(t, of, "sensor/a", cut, &raw.Fit.Mapping)
	t.Logf("%s: expected to be wrong by %.3f °C, is by %.3f; raw %.3f", p.Method, p.Expected.Mean, e, rawly)
	if p.Expected.Mean <= 0 || math.Abs(p.Expected.Mean-e) > 0.2*e || e > rawly/1.5 {
		t.Error("the error stored is not what it comes to")
	}
}

// TestScenarioS2: the sensor behind a north wall is dead. The rooms of UCI's
// appliances set are not here; this is made, with a seed, to have what matters of
// it: rooms that keep to 21 °C and hardly feel the weather, and one that mostly
// does, with the wall's delay. The most alike room's raw value is far off.
func TestScenarioS2(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2))
	const n, rooms = 120 * 24, 8
	of := make(map[object.ID]Series)
	make1 := func(id object.ID) []float64 {
		v := make([]float64, n)
		of[id] = Series{From: 800 * Day, Step: hour, Values: v}
		return v
	}
	north, outside := make1("sensor/north"), make1("sensor/outside")
	var inside [rooms][]float64
	for k := range rooms {
		inside[k] = make1(object.ID(fmt.Sprintf("sensor/room%d", k)))
	}
	front, wall := 0.0, 5.0
	for i := range n {
		hour := 2 * math.Pi * float64(i) / 24
		front = 0.995*front + 0.35*r.NormFloat64()
		out := 7 + front + 3*math.Sin(hour-2) + 0.6*r.NormFloat64()
		wall += (out - wall) / 4
		heat := 0.8 * math.Sin(hour-1)
		for k := range rooms {
			inside[k][i] = 21 + heat*(0.5+float64(k)/8) + 0.06*float64(k)*(wall-7) + 0.3*r.NormFloat64()
		}
		outside[i] = out + 1
		north[i] = 0.8*wall + 0.2*(21+heat) - 1.5 + 0.8*r.NormFloat64()
	}
	cut := n * 6 / 10
	var candidates []Candidate
	for k := range rooms {
		id := object.ID(fmt.Sprintf("sensor/room%d", k))
		candidates = append(candidates, Candidate{Object: id, Place: Floor, Quantity: record.Temperature, Series: of[id].first(cut)})
	}
	indoors := candidates
	candidates = append(candidates, Candidate{Object: "sensor/outside", Place: External, Quantity: record.Temperature, Series: of["sensor/outside"].first(cut)})
	target := Target{Object: "sensor/north", Quantity: record.Temperature, Series: of["sensor/north"].first(cut)}

	rooms1 := Fit(target, indoors, nil, Options{})
	raw, _ := rooms1.Choose(Day, Need{}, all, only(Identity))
	rawly, _ := later(t, of, "sensor/north", cut, &raw.Fit.Mapping)
	ranking := Fit(target, candidates, nil, Options{})
	c, _ := ranking.Choose(Day, Need{Mean: 1.6}, all, nil)
	if c.Fit == nil {
		t.Fatal("nothing is good enough")
	}
	e, _ := later(t, of, "sensor/north", cut, &c.Fit.Mapping)
	t.Logf("the best room raw is wrong by %.2f °C; %s of %v expected %.2f, is %.2f", rawly, c.Option.Method, c.Option.From, c.Fit.Error.Mean, e)
	if c.Option.Method != Ridge && c.Option.Method != Blend || e > 1.6 || rawly < 5 {
		t.Errorf("%s, wrong by %.2f", c.Option.Method, e)
	}
	if _, refused := ranking.Choose(Day, Need{Mean: 0.1}, all, nil); len(refused) != len(ranking.Options) {
		t.Errorf("only %d of %d are refused", len(refused), len(ranking.Options))
	}
}

// TestScenarioS3: an inverter is dead, and neighbours have theirs. Of 17 homes only
// five are here. A mapping to neighbours is chosen for each, never a raw value.
func TestScenarioS3(t *testing.T) {
	of, ids, rankings, cut := homes(true)
	sum := 0.0
	for i, r := range rankings {
		c, _ := r.Choose(Day, Need{Relative: 0.12}, all, nil)
		if c.Fit == nil {
			t.Fatalf("nothing is good enough for %s", ids[i])
		}
		_, e := later(t, of, ids[i], cut, &c.Fit.Mapping)
		t.Logf("%s: %s of %v, expected %.1f %%, is %.1f %%", ids[i], c.Option.Method, c.Option.From, 100*c.Fit.Error.Relative, 100*e)
		sum += 100 * e / 5
		if c.Option.Method == Identity || c.Option.Method.Virtual() {
			t.Errorf("%s: %s", ids[i], c.Option.Method)
		}
	}
	t.Logf("mean WAPE %.1f %%, at most 12 %%", sum)
	if sum > 12 {
		t.Error("the bar is missed")
	}
}

// TestScenarioS4: a household's meter is dead, and neighbours have theirs, which
// say little. Of 17 homes only five are here. What the home itself did before
// counts most.
func TestScenarioS4(t *testing.T) {
	of, ids, rankings, cut := homes(false)
	var sum, mean7 float64
	for i, r := range rankings {
		c, _ := r.Choose(Day, Need{}, all, nil)
		_, e := later(t, of, ids[i], cut, &c.Fit.Mapping)
		seven, _ := r.Choose(Day, Need{}, all, only(MeanOfWeek))
		_, s := later(t, of, ids[i], cut, &seven.Fit.Mapping)
		t.Logf("%s: %s, expected %.1f %%, is %.1f %%; 7-day mean %.1f %%", ids[i], c.Option.Method, 100*c.Fit.Error.Relative, 100*e, 100*s)
		sum += 100 * e / 5
		mean7 += 100 * s / 5
		if !c.Option.Method.Virtual() && c.Option.Method != Blend {
			t.Errorf("%s: %s", ids[i], c.Option.Method)
		}
	}
	t.Logf("mean WAPE %.1f %%, at most 49 %%; 7-day mean %.1f %%", sum, mean7)
	if sum > 49 || sum >= mean7 {
		t.Error("the bar is missed")
	}
}

func made(t *testing.T, d model.Document) *model.Model {
	t.Helper()
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestScenarioS5: one of four sub-meters is dead, and the house's meter and the
// others live: what is left follows from them, without error. The data are two
// days of December of the household that is here; the two of February of the study
// (58.2083 kWh, rest 31.8133) are not.
func TestScenarioS5(t *testing.T) {
	house := replay.Household()
	step := record.Millis(house.Active.Step)
	of := map[object.ID]Series{"sensor/main": {From: house.Active.Start, Step: step, Values: house.Active.Floats()}}
	names := []record.SensorID{"kitchen", "laundry", "heater"}
	left := house.Active.Floats()
	for i, s := range house.Subs {
		v := s.Floats()
		for k := range v {
			v[k] *= 60 // Wh in a minute are 60 W
			left[k] -= v[k]
		}
		of[object.OfSensor(names[i])] = Series{From: s.Start, Step: step, Values: v}
	}
	of["sensor/rest"] = Series{From: house.Active.Start, Step: step, Values: left}

	d := model.Document{Groups: []model.Group{{ID: "house", Members: []model.Member{{Sensor: "main", Meter: true}, {Sensor: "rest"}}}}}
	for _, n := range append(names, "main", "rest") {
		d.Sensors = append(d.Sensors, model.Sensor{ID: n, Quantity: record.ActivePower})
	}
	for _, n := range names {
		d.Groups[0].Members = append(d.Groups[0].Members, model.Member{Sensor: n})
	}
	m := made(t, d)
	w, _ := object.NewWorld(m, nil, nil)
	if ways, refused := Balances(w, m, "sensor/rest"); len(ways) != 1 || len(refused) != 0 {
		t.Fatalf("ways %v, refused %v", ways, refused)
	}

	begin := len(left) - 2*1440
	for left[begin] != left[begin] {
		begin--
	}
	ranking := Rank(w, m, "sensor/rest", func(o *object.Object) (Series, bool) { return of[o.ID].first(begin), true }, Options{Horizon: 2 * Day})
	c, _ := ranking.Choose(Day, Need{}, all, nil)
	if c.Option == nil || c.Option.Method != Balanced || c.Fit.Error.Mean != 0 {
		t.Fatalf("%+v", c.Option)
	}
	p := Provenance{Mapping: c.Fit.Mapping, Known: of["sensor/rest"].From + record.Millis(begin-1)*step, Until: record.MaxTime}
	var total, put, was float64
	for k := begin; k < begin+2*1440; k++ {
		at := of["sensor/main"].From + record.Millis(k)*step
		v, ok := p.Value(at, lookup(of))
		if !ok || v != left[k] {
			t.Fatalf("%v: %v is put in, %v was measured", at, v, left[k])
		}
		total += of["sensor/main"].Values[k] / 60e3
		put += v / 60e3
		was += left[k] / 60e3
	}
	t.Logf("two days from %v: total %.4f kWh, rest %.4f kWh, error %g", of["sensor/main"].From+record.Millis(begin)*step, total, put, put-was)
}

// TestScenarioS6: values in another unit of the same quantity are converted; what
// measures another quantity is refused.
func TestScenarioS6(t *testing.T) {
	n := 20 * 24
	watts, kilo := make([]float64, n), make([]float64, n)
	for i := range n {
		watts[i] = 2000 + 500*math.Sin(float64(i)) + 300*math.Sin(float64(i)*1.7)
		kilo[i] = watts[i] / 1000
	}
	series := func(v []float64) Series { return Series{From: 900 * Day, Step: hour, Values: v} }
	ranking := Fit(Target{Object: "sensor/w", Quantity: record.ActivePower, Series: series(watts)}, []Candidate{
		{Object: "sensor/kw", Quantity: record.ActivePower, Unit: "kW", Series: series(kilo)},
		{Object: "sensor/var", Quantity: record.ReactivePower, Unit: "var", Series: series(watts)},
		{Object: "sensor/odd", Quantity: record.ActivePower, Unit: "kWh", Series: series(watts)},
	}, nil, Options{})
	c, _ := ranking.Choose(Day, Need{}, all, nil)
	if c.Option == nil || c.Option.From[0] != "sensor/kw" || c.Fit.Error.Relative > 1e-12 || c.Fit.Mapping.Sources[0].Scale != 1000 {
		t.Fatalf("%+v", c.Option)
	}
	at := series(watts).From + 7*hour
	if v, ok := c.Fit.Mapping.Value(at, at-hour, lookup(map[object.ID]Series{"sensor/kw": series(kilo)})); !ok || math.Abs(v-watts[7]) > 1e-9 {
		t.Errorf("%v W, not %v", v, watts[7])
	}
	reasons := map[object.ID]string{}
	for _, r := range ranking.Refused {
		reasons[r.Object] = r.Reason
	}
	want := map[object.ID]string{
		"sensor/var": "it measures reactive_power in var, not active_power in W",
		"sensor/odd": `its unit "kWh" is none of active_power`,
	}
	if fmt.Sprint(reasons) != fmt.Sprint(want) {
		t.Errorf("refused %v", reasons)
	}

	m := made(t, model.Document{Sensors: []model.Sensor{
		{ID: "w", Quantity: record.ActivePower}, {ID: "kw", Quantity: record.ActivePower, Unit: "kW"}, {ID: "var", Quantity: record.ReactivePower},
	}, Groups: []model.Group{{ID: "g1", Members: []model.Member{{Sensor: "w"}, {Sensor: "kw"}}}}})
	w, _ := object.NewWorld(m, nil, []object.Enrichment{{Object: "sensor/w", Device: "7"}, {Object: "sensor/var", Device: "7"}})
	found, refused := Candidates(w, "sensor/w", 0)
	if len(found) != 1 || found[0].Object.ID != "sensor/kw" || found[0].Place != Together || len(refused) != 1 || refused[0].Object != "sensor/var" {
		t.Errorf("found %v, refused %v", found, refused)
	}
}
