package feed

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/charging"
	"github.com/wattwerk/wattwerk/service/estimation"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
)

const (
	quarter = record.Millis(series.Quarter)
	day     = record.Millis(series.Day)
	begin   = 20_000 * day
)

var errAway = errors.New("the database is away")

// store is a source of what a test says: by quarter of an hour from begin on.
type store struct {
	mu      sync.Mutex
	asked   int
	watts   map[object.ID][]float64 // NaN: not known; what is not there is 1 kW
	samples map[record.SensorID][]Sample
	parts   map[object.ID][]Part
	stood   map[object.ID]float64 // what stood in, all the time
	quotes  int
	err     error
}

func (s *store) note() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.err
}

func (s *store) Quarters(_ context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error {
	if err := s.note(); err != nil {
		return err
	}
	for i := range int((to - from) / quarter) {
		w := 1000.0
		if of, ok := s.watts[id]; ok {
			w = of[i%len(of)]
		}
		if math.IsNaN(w) {
			each(i, &energy.Value{Average: w})
			continue
		}
		each(i, &energy.Value{Known: true, Quality: energy.Measured, Covered: series.Quarter, Average: w, Amount: energy.Amount(math.Round(w * 250_000))})
	}
	return nil
}

func (s *store) StoodIn(_ context.Context, id object.ID, from, to record.Millis) ([]float64, error) {
	if err := s.note(); err != nil {
		return nil, err
	}
	out := slices.Repeat([]float64{math.NaN()}, int((to-from)/quarter))
	if v, ok := s.stood[id]; ok {
		for i := range out {
			out[i] = v
		}
	}
	return out, nil
}

func (s *store) Samples(_ context.Context, id record.SensorID, from, to record.Millis, most int) ([]Sample, error) {
	if err := s.note(); err != nil {
		return nil, err
	}
	var out []Sample
	for _, x := range s.samples[id] {
		if x.At >= from && x.At < to && len(out) < most {
			out = append(out, x)
		}
	}
	return out, nil
}

func (s *store) Settled(context.Context) (record.Millis, error) { return record.MaxTime, s.err }

func (s *store) Tariff(_ context.Context, id string) (tariff.Tariff, bool, error) {
	return flat, id == "home", s.err
}

func (s *store) Assigned(_ context.Context, id object.ID, _ record.Millis) (tariff.Tariff, bool, error) {
	return flat, id == "group/flat", s.err
}

func (s *store) Quotes(_ context.Context, name string, from, _ record.Millis) ([]tariff.Quote, error) {
	return make([]tariff.Quote, s.quotes), s.err
}

func (s *store) Parts(id object.ID) []Part { return s.parts[id] }

func (s *store) Zone(id object.ID) string {
	if id == "sensor/power" || id == "group/flat" {
		return "Europe/Berlin"
	}
	return ""
}

var flat = tariff.Tariff{ID: "home", Currency: "EUR", Versions: []tariff.Version{{From: "2020-01-01", Components: []tariff.Component{{ID: "energy", Kind: "energy", Price: "0.30"}}}}}

func world(t testing.TB) *object.World {
	t.Helper()
	d := model.Document{Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}}}
	add := func(q record.Quantity, ids ...record.SensorID) {
		for _, id := range ids {
			d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "kiel", Quantity: q})
		}
	}
	add(record.ActivePower, "power", "other", "charger")
	add(record.Energy, "register", "roof")
	add(record.Temperature, "outside")
	add(record.Ratio, "people")
	d.Groups = []model.Group{{ID: "flat", Members: []model.Member{{Sensor: "power"}, {Sensor: "other"}}}}
	d.Hierarchies = []model.Hierarchy{{ID: "place", Site: "kiel", Root: "flat"}}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	w, faults := object.NewWorld(m, nil, []object.Enrichment{
		{Object: "sensor/roof", Class: "brick:Energy_Generation_Sensor"}, {Object: "sensor/charger", Device: "7"}, {Object: "sensor/register", Device: "7"},
	})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return w
}

func gathers(t testing.TB, s *store) *gather {
	return &gather{Feed: &Feed{Source: s, StandIns: s}, Request: Request{World: world(t), Now: begin}}
}

var nan = math.NaN()

// TestNothingIsMadeUp: an amount is measured and settled, or stood in for and marked so,
// or none; of a sum it is that of its parts where all of them are known, and none else.
func TestNothingIsMadeUp(t *testing.T) {
	measured := func(w float64) series.EnergyValue {
		return series.EnergyValue{Amount: energy.Amount(w * 250_000), Quality: energy.Measured, Covered: series.Quarter}
	}
	put := func(w float64) series.EnergyValue {
		a := energy.Amount(w * 250_000)
		return series.EnergyValue{Amount: a, Estimated: a, Quality: energy.Substituted}
	}
	parts := map[object.ID][]Part{"group/flat": {{Object: "sensor/power"}, {Object: "sensor/other", Less: true}}}
	for _, c := range []struct {
		name  string
		store *store
		want  []series.EnergyValue
		count series.QualityCount
	}{
		{"measured, and zero is a value", &store{watts: map[object.ID][]float64{"group/flat": {40, 0}}}, []series.EnergyValue{measured(40), measured(0)}, series.QualityCount{Intervals: 2, Measured: 2}},
		{"not known, and nothing stood in", &store{watts: map[object.ID][]float64{"group/flat": {40, nan}}}, []series.EnergyValue{measured(40), {}}, series.QualityCount{Intervals: 2, Measured: 1, Missing: 1}},
		{
			"what stood in is marked, and takes nothing's place that is known",
			&store{watts: map[object.ID][]float64{"group/flat": {40, nan}}, stood: map[object.ID]float64{"group/flat": 8}},
			[]series.EnergyValue{measured(40), put(8)}, series.QualityCount{Intervals: 2, Measured: 1, Substituted: 1},
		},
		{
			"the parts of a sum, of which one is stood in for and taken away",
			&store{watts: map[object.ID][]float64{"group/flat": {nan, nan}, "sensor/power": {40, 40}, "sensor/other": {4, nan}}, stood: map[object.ID]float64{"sensor/other": 8}, parts: parts},
			[]series.EnergyValue{measured(36), {Amount: 32 * 250_000, Estimated: -8 * 250_000, Quality: energy.Substituted}}, series.QualityCount{Intervals: 2, Measured: 1, Substituted: 1},
		},
		{
			"a part that is not known",
			&store{watts: map[object.ID][]float64{"group/flat": {nan, nan}, "sensor/power": {40, nan}, "sensor/other": {nan, 4}}, parts: parts},
			[]series.EnergyValue{{}, {}}, series.QualityCount{Intervals: 2, Missing: 2},
		},
		{
			"what cannot be an amount",
			&store{watts: map[object.ID][]float64{"group/flat": {nan, nan}}, stood: map[object.ID]float64{"group/flat": 1e300}},
			[]series.EnergyValue{{}, {}}, series.QualityCount{Intervals: 2, Missing: 2},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := gathers(t, c.store)
			got, err := g.amounts(t.Context(), roleLoad, "group/flat", begin, begin+2*quarter)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(series.EnergySeries{Start: begin, Step: series.Quarter, Values: c.want}, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]Rested{{roleLoad, "group/flat", c.count}}, g.out.Rests); d != "" {
				t.Errorf("it does not say on what it rests: %s", d)
			}
		})
	}
	// Nobody is asked when nothing is missing; without stand-ins a hole is a hole.
	s := &store{watts: map[object.ID][]float64{"sensor/power": {nan}}}
	g := gathers(t, s)
	g.StandIns = nil
	if got, err := g.amounts(t.Context(), roleLoad, "sensor/power", begin, begin+quarter); err != nil || got.Values[0].Known() || s.asked != 1 {
		t.Errorf("%+v, %v, asked %d times", got, err, s.asked)
	}
}

// TestSums: the sum of several objects is not known where one of them is not.
func TestSums(t *testing.T) {
	s := &store{watts: map[object.ID][]float64{"sensor/power": {40, nan, 40}, "sensor/other": {4, 4, nan}}, stood: map[object.ID]float64{"sensor/other": 8}}
	got, err := gathers(t, s).made(t.Context(), []object.ID{"sensor/power", "sensor/other"}, begin, begin+3*quarter)
	if err != nil {
		t.Fatal(err)
	}
	want := []series.EnergyValue{
		{Amount: 44 * 250_000, Quality: energy.Measured, Covered: series.Quarter}, {},
		{Amount: 48 * 250_000, Estimated: 8 * 250_000, Quality: energy.Substituted},
	}
	if d := cmp.Diff(want, got.Values); d != "" {
		t.Error(d)
	}
	if none, err := gathers(t, s).made(t.Context(), nil, begin, begin+quarter); none != nil || err != nil {
		t.Errorf("the sum of nothing is %+v, %v", none, err)
	}
	// A meter that counts what flows out below zero counts what is made; at night an
	// inverter takes a little, which makes nothing.
	v := func(a ...energy.Amount) *series.EnergySeries {
		out := &series.EnergySeries{}
		for _, x := range a {
			out.Values = append(out.Values, series.EnergyValue{Amount: x, Quality: energy.Measured})
		}
		return out
	}
	if d := cmp.Diff(v(5, 7, 0), positive(v(-5, -7, 1))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(v(5, 7, 0), positive(v(5, 7, -1))); d != "" {
		t.Error(d)
	}
}

// TestLevels: what does not add up, as a temperature, is known by its mean; what stood in is
// marked.
func TestLevels(t *testing.T) {
	s := &store{watts: map[object.ID][]float64{"sensor/outside": {-3, nan}}}
	got, err := gathers(t, s).levels(t.Context(), roleOutdoor, "sensor/outside", begin, begin+2*quarter)
	if err != nil || got.Values[0] != (series.GaugeValue{Value: -3, Quality: energy.Measured}) || got.Values[1].Known() {
		t.Errorf("%+v, %v", got, err)
	}
	s.stood = map[object.ID]float64{"sensor/outside": 4}
	g := gathers(t, s)
	got, err = g.levels(t.Context(), roleOutdoor, "sensor/outside", begin, begin+2*quarter)
	if err != nil || got.Values[0].Value != -3 || got.Values[1] != (series.GaugeValue{Value: 4, Quality: energy.Substituted}) || g.out.Rests[0].Quality.Substituted != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestSamples: readings come as they are, a null as a hole; where there were none for long
// what stood in is between them, marked, and nowhere else.
func TestSamples(t *testing.T) {
	at := func(q int) record.Millis { return begin + record.Millis(q)*quarter }
	s := &store{
		samples: map[record.SensorID][]Sample{"charger": {{at(0), 7000}, {at(1), 7000}, {at(2), nan}, {at(8), 5}}},
		stood:   map[object.ID]float64{"sensor/charger": 6000},
	}
	got, err := gathers(t, s).samples(t.Context(), rolePower, "sensor/charger", begin, at(10))
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range got {
		switch own := slices.ContainsFunc(s.samples["charger"], func(r Sample) bool { return r.At == x.At }); {
		case own && x.At == at(2) && x.Quality != energy.None, own && x.At != at(2) && x.Quality != energy.Measured, !own && (x.Quality != energy.Substituted || x.Value != 6000):
			t.Errorf("%+v", x)
		case i > 0 && x.At <= got[i-1].At:
			t.Errorf("%+v after %+v", x, got[i-1])
		case !own && (x.At < at(2) || x.At > at(7) && x.At < at(9)):
			t.Errorf("something stands in although it measured: %+v", x)
		}
	}
	if len(got) < 7 {
		t.Errorf("%+v", got)
	}
	for _, id := range []object.ID{"group/flat", "sensor/nothing"} {
		if _, err := gathers(t, s).samples(t.Context(), rolePower, id, begin, at(1)); !errors.Is(err, ErrAsked) {
			t.Errorf("%s: %v", id, err)
		}
	}
	many := make([]Sample, charging.MaxSamples+10)
	for i := range many {
		many[i] = Sample{begin + record.Millis(i), 1}
	}
	s.samples["charger"] = many
	if got, err := gathers(t, s).samples(t.Context(), rolePower, "sensor/charger", begin, at(4*24*30)); err != nil || len(got) > charging.MaxSamples {
		t.Errorf("%d samples, %v", len(got), err)
	}
}

// TestBounds: what is asked for too long, of too much or of nothing is refused as a
// mistake of whoever asks, and the source is not asked for it.
func TestBounds(t *testing.T) {
	many := make([]string, MaxObjects+1)
	for i := range many {
		many[i] = `"sensor/power"`
	}
	home := `"price":{"tariff":"home"}`
	for _, c := range []struct {
		name string
		r    Request
		says string
	}{
		{"no such computation", Request{Computation: "rm"}, `no computation "rm"`},
		{"longer than is looked at", Request{Computation: "estimation", From: begin - 2*record.Millis(MaxSpan), To: begin}, "none of up to 400 days"},
		{"backwards", Request{Computation: "estimation", From: begin, To: begin - day}, "none of up to 400 days"},
		{"unknown parameter", Request{Computation: "estimation", Parameters: json.RawMessage(`{"nothing":1}`)}, "nothing"},
		{"no parameters but a list", Request{Computation: "saving", Parameters: json.RawMessage(`[]`)}, "parameters"},
		{"unknown load", Request{Computation: "estimation", Parameters: json.RawMessage(`{"load":"sensor/nothing"}`)}, `no object "sensor/nothing"`},
		{"a load that is no energy", Request{Computation: "estimation", Parameters: json.RawMessage(`{"load":"sensor/outside"}`)}, "which is no energy"},
		{"an unknown appliance", Request{Computation: "appliance", Subject: "group/flat"}, "there is no appliance"},
		{"nobody who sees people", Request{Computation: "occupancy"}, "sources: 0"},
		{"an unknown sensor of people", Request{Computation: "occupancy", Parameters: json.RawMessage(`{"sources":[{"id":"sensor/nothing"}]}`)}, "no object"},
		{"no members", Request{Computation: "sharing", Parameters: json.RawMessage(`{"members":[]}`)}, "members: 0"},
		{"no chargers", Request{Computation: "charging", Parameters: json.RawMessage(`{"chargers":[],` + home + `}`)}, "chargers: 0"},
		{"no tariff", Request{Computation: "charging", Subject: "sensor/charger"}, "no tariff is given"},
		{"an unknown tariff", Request{Computation: "charging", Subject: "sensor/charger", Parameters: json.RawMessage(`{"price":{"tariff":"x"}}`)}, `no tariff "x"`},
		{"too many generators", Request{Computation: "estimation", Parameters: json.RawMessage(`{"generation":[` + strings.Join(many, ",") + `]}`)}, "more than 500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &store{}
			c.r.World, c.r.Now = world(t), begin
			if c.r.Subject == "" {
				c.r.Subject = "sensor/power"
			}
			_, err := (&Feed{Source: s}).Run(t.Context(), c.r)
			if !errors.Is(err, ErrAsked) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if s.asked > 1 {
				t.Errorf("the source was asked %d times", s.asked)
			}
		})
	}
	// Sums that are looked into are bounded in width and in depth.
	s := &store{watts: map[object.ID][]float64{"group/flat": {nan}, "sensor/power": {nan}}, parts: map[object.ID][]Part{"group/flat": make([]Part, MaxObjects+1)}}
	if _, err := gathers(t, s).amounts(t.Context(), roleLoad, "group/flat", begin, begin+quarter); !errors.Is(err, ErrAsked) {
		t.Errorf("%v", err)
	}
	s.parts = map[object.ID][]Part{"group/flat": {{Object: "sensor/power"}}, "sensor/power": {{Object: "group/flat"}}}
	s.asked = 0
	if got, err := gathers(t, s).amounts(t.Context(), roleLoad, "group/flat", begin, begin+quarter); err != nil || got.Values[0].Known() || s.asked > 3*deepest {
		t.Errorf("a sum of itself: %+v, %v, asked %d times", got, err, s.asked)
	}
	s = &store{quotes: 400_000}
	priced := flat
	priced.Versions = []tariff.Version{{From: "2020-01-01", Components: []tariff.Component{{ID: "energy", Kind: "energy", Series: &tariff.Series{Name: "spot"}}}}}
	if _, err := gathers(t, s).quotes(t.Context(), nil, begin, begin+day, &priced, nil); !errors.Is(err, ErrAsked) {
		t.Errorf("%v", err)
	}
}

// TestSourceAway: what the source says goes up as it is: that is nobody's mistake.
func TestSourceAway(t *testing.T) {
	for _, name := range Computations() {
		r := Request{Computation: name, World: world(t), Subject: "sensor/power", Now: begin}
		switch name {
		case "charging", "sharing":
			r.Parameters = json.RawMessage(`{}`)
		case "occupancy":
			r.Parameters = json.RawMessage(`{"sources":[{"id":"sensor/people"}]}`)
		}
		if name == "sharing" {
			r.Parameters = json.RawMessage(`{"members":[{"id":"a","load":"sensor/power"}]}`)
		}
		_, err := (&Feed{Source: &store{err: errAway}}).Run(t.Context(), r)
		if !errors.Is(err, errAway) || errors.Is(err, ErrAsked) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestZones: the zone is what is said, or the subject's, or that of what is in a space.
func TestZones(t *testing.T) {
	g := gathers(t, &store{})
	for _, c := range []struct {
		given   string
		subject object.ID
		want    string
	}{{"Asia/Tokyo", "sensor/power", "Asia/Tokyo"}, {"", "sensor/power", "Europe/Berlin"}, {"", "", ""}, {"", "sensor/other", ""}, {"", "space/kiel", "Europe/Berlin"}, {"", "space/nothing", ""}} {
		g.Subject = c.subject
		if got := g.zone(c.given); got != c.want {
			t.Errorf("%q of %q: %q", c.given, c.subject, got)
		}
	}
}

// TestChargers: every sensor of power is a charger, with the counter of its device.
func TestChargers(t *testing.T) {
	g := gathers(t, &store{})
	g.Subject = "sensor/charger"
	if d := cmp.Diff([]ChargingPoint{{ID: "charger", Power: "sensor/charger", Register: "sensor/register"}}, g.chargers()); d != "" {
		t.Error(d)
	}
	g.Subject = "group/flat"
	if got := g.chargers(); len(got) != 2 || got[0].Register != "" {
		t.Errorf("%+v", got)
	}
}

// TestAtOnce: a feed holds nothing: the same asked for by many at once comes to the same.
func TestAtOnce(t *testing.T) {
	hours := make([]float64, 4*24)
	for i := range hours {
		hours[i] = 200 + 20*float64(i/4)
	}
	s := &store{watts: map[object.ID][]float64{"sensor/power": hours}}
	f := &Feed{Source: s, StandIns: s}
	w := world(t)
	run := func() (string, error) {
		out, err := f.Run(t.Context(), Request{Computation: "estimation", World: w, Subject: "sensor/power", Now: begin})
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(out)
		return string(text), err
	}
	first, err := run()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if again, err := run(); err != nil || again != first {
				t.Errorf("%v: %.200s", err, again)
			}
		})
	}
	all.Wait()
	var out struct {
		Result estimation.EstimationOutput
		Rests  []Rested
		From   record.Millis
		To     record.Millis
	}
	if err := json.Unmarshal([]byte(first), &out); err != nil {
		t.Fatal(err)
	}
	if out.To != begin || out.From != begin-50*day || len(out.Rests) != 1 || out.Rests[0].Quality.Measured != 50*96 {
		t.Errorf("%+v %v %v", out.Rests, out.From, out.To)
	}
}
