package uplink

import (
	"bytes"
	"encoding/gob"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// known makes facts of a document.
func known(t *testing.T, d model.Document, c Choice) *facts {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return &facts{choice: &c, model: m}
}

func minutes() Choice {
	c := All()
	c.Interval, c.Known = 60_000, 0
	return c
}

var plant = model.Document{Sensors: []model.Sensor{
	{ID: "gauge", Quantity: record.ActivePower, Interval: model.Duration(1e9)},
	{ID: "counter", Quantity: record.Energy, Interval: model.Duration(1e9)},
	{ID: "slow", Quantity: record.ActivePower},
}}

// message is a stored batch in a script.
type message struct {
	stored int64
	rs     []record.Record
}

// step lets an engine take in a message.
func step(e *engine, m message, out emit) {
	var b record.Batch
	for _, r := range m.rs {
		b.Append(r)
	}
	e.records(0, m.stored, &b, out)
}

type sentRecord struct {
	Name record.SensorID
	sample
}

func gather(to *[]sentRecord) emit {
	return func(name record.SensorID, t int64, v float64) { *to = append(*to, sentRecord{name, sample{t, v}}) }
}

// restart stores an engine's state and makes another of it.
func restart(t *testing.T, e *engine) *engine {
	t.Helper()
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(&e.state); err != nil {
		t.Fatal(err)
	}
	var st state
	if err := gob.NewDecoder(&buf).Decode(&st); err != nil {
		t.Fatal(err)
	}
	out := newEngine(len(e.state.Sensors), e.look)
	out.restore(&st)
	return out
}

// power gives a gauge's readings, each a second or so after the last, with gaps.
func power(random *rand.Rand, n int) []sample {
	at := int64(1_700_000_000_000)
	var out []sample
	for range n {
		at += 500 + random.Int64N(2000)
		if random.IntN(40) == 0 {
			at += random.Int64N(400_000)
		}
		out = append(out, sample{at, (random.Float64() - 0.2) * math.Pow(10, float64(random.IntN(9)))})
	}
	return out
}

// energies gives what a gauge's readings come to in each interval, exactly, and
// for how long each is known: a value holds until the next one, for age at most.
func energies(xs []sample, interval, age int64) (map[int64]*big.Rat, map[int64]int64) {
	sum, ms := make(map[int64]*big.Rat), make(map[int64]int64)
	for i, x := range xs {
		until := x.T + age
		if i+1 < len(xs) {
			until = min(until, xs[i+1].T)
		}
		for at := x.T; at < until; {
			begin := floor(at, interval)
			end := min(until, begin+interval)
			if sum[begin] == nil {
				sum[begin] = new(big.Rat)
			}
			p := new(big.Rat).SetFloat64(x.V)
			sum[begin].Add(sum[begin], p.Mul(p, new(big.Rat).SetInt64(end-at)))
			ms[begin] += end - at
			at = end
		}
	}
	return sum, ms
}

// TestMeansKeepTheEnergy: the mean of an interval times the time it is known
// for is the energy of its readings, as near as a float64 can say it; an interval of which
// nothing is known has none.
func TestMeansKeepTheEnergy(t *testing.T) {
	random := chance(t)
	for range 50 {
		xs := power(random, 400)
		e := newEngine(1, known(t, plant, minutes()))
		var got []sentRecord
		for _, x := range xs {
			step(e, message{x.T, []record.Record{{Sensor: "gauge", Time: record.Millis(x.T), Value: x.V}}}, gather(&got))
		}
		e.clock(xs[len(xs)-1].T+10*60_000, gather(&got))
		sum, ms := energies(xs, 60_000, 3000)
		if len(got) != len(sum) {
			t.Fatalf("%d means of %d intervals", len(got), len(sum))
		}
		for _, r := range got {
			if sum[r.T] == nil {
				t.Fatalf("a mean at %d, where nothing is known", r.T)
			}
			exact := new(big.Rat).Quo(sum[r.T], new(big.Rat).SetInt64(ms[r.T]))
			want, _ := exact.Float64()
			// The sum is kept in two float64, so only what cancels out is lost.
			if math.Abs(r.V-want) > math.Abs(want)*0x1p-52+1e9*0x1p-100 {
				t.Errorf("the mean at %d is %v, must be %v", r.T, r.V, want)
			}
		}
		if e.tally.late+e.tally.incomplete > 0 {
			t.Errorf("%+v", e.tally)
		}
	}
}

// TestConstantPowerStaysWhatItIs: no mean of equal values differs from them.
func TestConstantPowerStaysWhatItIs(t *testing.T) {
	for _, v := range []float64{0.1, 1.0 / 3, 4216.7, -2.01, 1e18} {
		e := newEngine(1, known(t, plant, minutes()))
		var got []sentRecord
		for k := range int64(200) {
			step(e, message{k * 1000, []record.Record{{Sensor: "gauge", Time: record.Millis(k * 1000), Value: v}}}, gather(&got))
		}
		if len(got) != 3 {
			t.Fatalf("%d means", len(got))
		}
		for i, r := range got {
			if r.V != v || r.T != int64(i)*60_000 {
				t.Errorf("%v at %d is %v", v, r.T, r.V)
			}
		}
	}
}

// TestCountersKeepTheirRise: what a counter rose by is the same in the records
// that are sent as in its readings, resets included.
func TestCountersKeepTheirRise(t *testing.T) {
	random := chance(t)
	rise := func(xs []sample) float64 {
		sum := 0.0
		for i := 1; i < len(xs); i++ {
			d := xs[i].V - xs[i-1].V
			if d < 0 {
				d = xs[i].V
			}
			sum += d
		}
		return sum
	}
	for range 50 {
		var xs []sample
		at, v := int64(1_700_000_000_000), 1000.0
		for range 500 {
			at += 500 + random.Int64N(1500)
			v += float64(random.IntN(5))
			if random.IntN(60) == 0 {
				v = float64(random.IntN(3))
			}
			xs = append(xs, sample{at, v})
		}
		e := newEngine(1, known(t, plant, minutes()))
		var got []sample
		out := func(_ record.SensorID, t int64, v float64) { got = append(got, sample{t, v}) }
		for _, x := range xs {
			step(e, message{x.T, []record.Record{{Sensor: "counter", Time: record.Millis(x.T), Value: x.V}}}, out)
		}
		e.clock(xs[len(xs)-1].T+10*60_000, out)
		if len(got) > 60 {
			t.Errorf("%d records of %d", len(got), len(xs))
		}
		for _, g := range got {
			if !slices.Contains(xs, g) {
				t.Fatalf("%v was never read", g)
			}
		}
		// The first interval has no record before its last reading.
		first := slices.Index(xs, got[0])
		if a, b := rise(got), rise(xs[first:]); a != b {
			t.Fatalf("the records rise by %v, the readings by %v", a, b)
		}
	}
}

// TestARestartChangesNothing stores and loads the state between any two
// messages: what is sent is the same to the bit.
func TestARestartChangesNothing(t *testing.T) {
	random := chance(t)
	for range 30 {
		var ms []message
		for _, x := range power(random, 300) {
			m := message{stored: x.T + random.Int64N(500)}
			for _, id := range []record.SensorID{"gauge", "counter", "slow", "unknown"} {
				if random.IntN(3) > 0 {
					m.rs = append(m.rs, record.Record{Sensor: id, Time: record.Millis(x.T - random.Int64N(3000)), Value: x.V})
				}
			}
			ms = append(ms, m)
		}
		end := ms[len(ms)-1].stored + 10*60_000
		run := func(restarts bool) ([]sentRecord, tally) {
			e := newEngine(1, known(t, plant, minutes()))
			var got []sentRecord
			var n tally
			for _, m := range ms {
				step(e, m, gather(&got))
				if restarts && random.IntN(10) == 0 {
					n.late, n.incomplete = n.late+e.tally.late, n.incomplete+e.tally.incomplete
					e = restart(t, e)
				}
			}
			e.clock(end, gather(&got))
			n.late, n.incomplete = n.late+e.tally.late, n.incomplete+e.tally.incomplete
			return got, n
		}
		a, na := run(false)
		b, nb := run(true)
		if d := cmp.Diff(a, b, cmp.AllowUnexported(sentRecord{}, sample{})); d != "" || na != nb {
			t.Fatalf("%v %v %s", na, nb, d)
		}
	}
}

func TestWhatIsSent(t *testing.T) {
	d := model.Document{
		Sensors: append(slices.Clone(plant.Sensors), model.Sensor{ID: "press 1", Quantity: record.ActivePower}, model.Sensor{ID: "press 2", Quantity: record.ActivePower}),
		Groups: []model.Group{
			{ID: "hall", Members: []model.Member{{Group: "presses"}, {Sensor: "gauge"}}},
			{ID: "presses", Members: []model.Member{{Sensor: "press 1"}, {Sensor: "press 2"}}},
		},
	}
	for _, c := range []struct {
		name   string
		choice Choice
		want   []record.SensorID
	}{
		{"all", All(), []record.SensorID{"gauge", "counter", "slow", "press 1", "press 2", "new"}},
		{"a pattern", Choice{Sensors: []string{"press *", "g*g*"}}, []record.SensorID{"gauge", "press 1", "press 2"}},
		{"below a group", Choice{Groups: []string{"hall"}, Except: []string{"*2"}}, []record.SensorID{"gauge", "press 1"}},
		{"both", Choice{Groups: []string{"presses"}, Sensors: []string{"slow"}}, []record.SensorID{"slow", "press 1", "press 2"}},
		{"nothing", Choice{}, nil},
	} {
		e := newEngine(1, known(t, d, c.choice))
		var got []record.SensorID
		out := func(name record.SensorID, _ int64, _ float64) { got = append(got, name) }
		for _, id := range []record.SensorID{"gauge", "counter", "slow", "press 1", "press 2", "new"} {
			step(e, message{0, []record.Record{{Sensor: id, Time: 1, Value: 1}}}, out)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q is sent, not %q", c.name, got, c.want)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "anything", true}, {"a", "a", true}, {"a", "ab", false}, {"", "", true}, {"", "a", false},
		{"a*", "ab", true}, {"a*c", "abc", true}, {"a*c", "ac", true}, {"a*c", "acd", false}, {"*a*a", "aa", true}, {"*a*a", "a", false},
		{"a*b*c", "axbxbxc", true}, {"*b", "ab", true}, {"*ab", "aab", true}, {"a*a", "a", false},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
}

// TestSumsOfGroups: a tick is a record, null is none, a tick that is told again says
// nothing, and little coverage is a gap.
func TestSumsOfGroups(t *testing.T) {
	c := Choice{Sums: []string{"hall*"}, SumAs: "sum/{group}", CoverageAs: "share/{group}", Coverage: 0.5}
	e := newEngine(1, known(t, model.Document{}, c))
	nan := math.NaN()
	tick := func(at int64, sum float64, count uint32) record.Ticks {
		one := func(v float64) []float64 { return []float64{v, 7} }
		return record.Ticks{Hierarchy: "h", Groups: []string{"hall 1", "yard"}, Ticks: []record.Tick{{
			Time: record.Millis(at), Sum: one(sum), Min: one(0), Max: one(0), Count: []uint32{count, 1}, Total: []uint32{4, 1}, Meter: one(nan), Unaccounted: one(nan),
		}}}
	}
	var got []sentRecord
	for _, x := range []record.Ticks{tick(1000, 5, 4), tick(2000, nan, 0), tick(3000, 4, 2), tick(4000, 1, 1), tick(3000, 4, 2), tick(5000, 0, 3)} {
		e.ticks(0, &x, gather(&got))
	}
	want := []sentRecord{
		{"sum/hall 1", sample{1000, 5}}, {"share/hall 1", sample{1000, 1}},
		{"sum/hall 1", sample{3000, 4}}, {"share/hall 1", sample{3000, 0.5}},
		{"sum/hall 1", sample{5000, 0}}, {"share/hall 1", sample{5000, 0.75}},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(sentRecord{}, sample{})); d != "" {
		t.Error(d)
	}
}

// TestASumWithoutANameIsLeftOut: a sum whose name no sensor can have is counted
// and told, and the others are sent. A state that has it already is no different.
func TestASumWithoutANameIsLeftOut(t *testing.T) {
	c := Choice{Sums: []string{"*"}, SumAs: "{hierarchy}/{group}", CoverageAs: "{group}/share"}
	hierarchy, long := strings.Repeat("h", 100), strings.Repeat("g", 101)
	tick := func(at int64) *record.Ticks {
		one := []float64{5, 7}
		return &record.Ticks{Hierarchy: hierarchy, Groups: []string{long, "yard"}, Ticks: []record.Tick{{
			Time: record.Millis(at), Sum: one, Min: one, Max: one, Count: []uint32{1, 1}, Total: []uint32{1, 1}, Meter: one, Unaccounted: one,
		}}}
	}
	yard := record.SensorID(hierarchy + "/yard")
	want := []sentRecord{{record.SensorID(long + "/share"), sample{1000, 1}}, {yard, sample{1000, 7}}, {"yard/share", sample{1000, 1}}}
	made := newEngine(1, known(t, model.Document{}, c))
	// As it was stored by a version that took any name.
	bad := fact{Way: asIs, Age: 1000, Name: record.SensorID(hierarchy + "/" + long)}
	kept := newEngine(1, known(t, model.Document{}, c))
	old := newSeries(bad)
	share := newSeries(fact{Way: asIs, Age: 1000, Name: want[0].Name})
	kept.restore(&state{Groups: map[string]*sums{hierarchy: {Groups: map[string]*sum{long: {At: 0, Sum: old, Coverage: share}}}}})
	given := newEngine(1, known(t, model.Document{}, c))
	given.given = map[string]fact{"g" + hierarchy + "\x00" + long: bad, "c" + hierarchy + "\x00" + long: share.Rule}
	for name, e := range map[string]*engine{"new": made, "of a state": kept, "given": given} {
		var got []sentRecord
		var told []string
		e.nameless = func(hierarchy, group string, _ record.SensorID) { told = append(told, hierarchy+" "+group) }
		e.ticks(0, tick(1000), gather(&got))
		if d := cmp.Diff(want, got, cmp.AllowUnexported(sentRecord{}, sample{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if !slices.Equal(told, []string{hierarchy + " " + long}) || e.tally.nameless != 1 {
			t.Errorf("%s: told %q, counted %d", name, told, e.tally.nameless)
		}
	}
}

// TestGatewaysThatDeliverInBlocks: a reading each second comes in blocks of a
// quarter of an hour, and the clock goes on in between. Nothing is dropped, and
// every mean is right.
func TestGatewaysThatDeliverInBlocks(t *testing.T) {
	const minute, blocks, per = int64(60_000), 4, 900
	for name, c := range map[string]struct {
		maxAge model.Duration
		from   int64 // of the first block, s
	}{
		"values that hold shortly": {model.Duration(10e9), 0},
		"values that hold long":    {model.Duration(3600e9), 0},
		"blocks that end anywhere": {model.Duration(3600e9), 37},
	} {
		d := model.Document{Sensors: []model.Sensor{{ID: "gauge", Quantity: record.ActivePower, Interval: model.Duration(1e9), MaxAge: &c.maxAge}}}
		choice := minutes()
		choice.Known = 0.5
		e := newEngine(1, known(t, d, choice))
		var got []sentRecord
		var want []sentRecord
		at := c.from * 1000
		sums := make(map[int64]float64)
		for range blocks {
			for now := at; now < at+per*1000; now += 5000 { // nothing yet
				if len(e.dueAt(now)) > 0 {
					e.clock(now, gather(&got))
					if len(e.dueAt(now)) > 0 {
						t.Fatalf("%s: the clock is never done", name)
					}
					e = restart(t, e)
				}
			}
			stored := at + per*1000
			for ; at < stored; at += 1000 {
				v := float64(at / 1000 * 7 % 1009)
				step(e, message{stored, []record.Record{{Sensor: "gauge", Time: record.Millis(at), Value: v}}}, gather(&got))
				sums[floor(at, minute)] += v * 1000
			}
		}
		e.clock(at+2*3600_000, gather(&got))
		last := floor(at-1000, minute)
		for begin := floor(c.from*1000, minute); begin <= last; begin += minute {
			ms := min(begin+minute, at) - max(begin, c.from*1000)
			if float64(ms) >= 0.5*float64(minute) && (begin < last || at == begin+minute) {
				want = append(want, sentRecord{"gauge", sample{begin, sums[begin] / float64(ms)}})
			}
		}
		got = slices.DeleteFunc(got, func(r sentRecord) bool { return r.T > want[len(want)-1].T }) // what the last value holds for
		if d := cmp.Diff(want, got, cmp.AllowUnexported(sentRecord{}, sample{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if e.tally.late > 0 {
			t.Errorf("%s: %d are late", name, e.tally.late)
		}
	}
}

// TestOtherSettingsWaitForTheirInterval: nothing of an interval under way is lost when the
// choice changes.
func TestOtherSettingsWaitForTheirInterval(t *testing.T) {
	e := newEngine(1, known(t, plant, minutes()))
	var got []sentRecord
	at := func(k int64) {
		step(e, message{k * 1000, []record.Record{{Sensor: "gauge", Time: record.Millis(k * 1000), Value: 10}}}, gather(&got))
	}
	for k := range int64(30) {
		at(k)
	}
	e.change(known(t, plant, All()))
	for k := int64(30); k < 70; k++ {
		at(k)
	}
	if len(got) == 0 || got[0] != (sentRecord{"gauge", sample{0, 10}}) {
		t.Fatalf("%v", got)
	}
	for i, r := range got[1:] {
		if r.T != 60_000+int64(i)*1000 {
			t.Fatalf("%v", got)
		}
	}
	if len(got) < 9 {
		t.Errorf("only %d records: %v", len(got), got)
	}
}

func TestChoicesThatCannotBeMeant(t *testing.T) {
	for _, c := range []Choice{
		{Interval: 7000}, {Interval: 10}, {Interval: -1}, {Known: 2}, {Known: math.NaN()}, {Coverage: -1},
		{Sums: []string{"*"}, SumAs: "sum"}, {Sums: []string{"*"}}, {Sums: []string{"*"}, SumAs: "{group}{x}"}, {Sums: []string{"*"}, SumAs: "{group}", CoverageAs: "{group}"},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v is fine", c)
		}
	}
}
