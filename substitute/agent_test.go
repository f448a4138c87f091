package substitute

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// two are sensors that show the same but for noise, n hours of it, and what may
// stand in for each of them.
func two(n int) (of map[object.ID]Series, a, b Ranking) {
	r := rand.New(rand.NewPCG(7, 7))
	of = make(map[object.ID]Series)
	for _, id := range []object.ID{"sensor/a", "sensor/b"} {
		of[id] = Series{From: 700 * Day, Step: hour, Values: make([]float64, n)}
	}
	for i := range n {
		v := 1000 + 400*math.Sin(2*math.Pi*float64(i)/24) + 200*r.NormFloat64()
		of["sensor/a"].Values[i] = v + 20*r.NormFloat64()
		of["sensor/b"].Values[i] = 1.5*v + 20*r.NormFloat64()
	}
	fit := func(target, other object.ID) Ranking {
		return Fit(Target{Object: target, Quantity: record.ActivePower, Series: of[target]},
			[]Candidate{{Object: other, Quantity: record.ActivePower, Series: of[other]}}, nil, Options{Horizon: Day})
	}
	return of, fit("sensor/a", "sensor/b"), fit("sensor/b", "sensor/a")
}

// TestScenarioS7: two dead objects name each other. What stands in for each is its
// own past, or nothing, and never the other; and it ends.
func TestScenarioS7(t *testing.T) {
	of, ra, rb := two(30 * 24)
	begin := of["sensor/a"].End()
	for _, need := range []Need{{}, {Mean: 60}} {
		agents := map[object.ID]*Agent{"sensor/a": NewAgent("sensor/a", Settings{Interval: hour, Need: need}), "sensor/b": NewAgent("sensor/b", Settings{Interval: hour, Need: need})}
		dead := map[object.ID]bool{}
		usable := func(id object.ID) bool { return !dead[id] }
		agents["sensor/a"].Step(Event{State: object.Live, Read: &Sample{Time: begin, Value: 1}, Ranking: &ra, Usable: usable}, begin)
		agents["sensor/b"].Step(Event{State: object.Live, Read: &Sample{Time: begin, Value: 1}, Ranking: &rb, Usable: usable}, begin)
		step := func(now record.Millis) {
			for _, id := range []object.ID{"sensor/a", "sensor/b"} {
				state := object.Live
				if dead[id] {
					state = object.Stale
				}
				agents[id].Step(Event{State: state, Usable: usable}, now)
			}
		}
		dead["sensor/a"] = true
		step(begin + 4*hour)
		if p, ok := agents["sensor/a"].InForce(); !ok || len(p.From) != 1 || p.From[0] != "sensor/b" {
			t.Fatalf("b does not stand in for a: %+v", p)
		}
		dead["sensor/b"] = true
		for h := record.Millis(5); h < 12; h++ {
			step(begin + h*hour)
		}
		for id, a := range agents {
			p, ok := a.InForce()
			if ok && (len(p.From) > 0 || !p.Method.Virtual()) {
				t.Errorf("need %v: %v stands in for %s", need, p.From, id)
			}
			if ok != (need == Need{}) {
				t.Errorf("need %v: something stands in for %s: %v", need, id, ok)
			}
		}
	}
}

// TestScenarioS8: an object flaps. It is believed again only after two good
// readings and the hold time, and at most one change falls into a hold time.
func TestScenarioS8(t *testing.T) {
	of, ra, _ := two(30 * 24)
	begin := of["sensor/a"].End()
	const minute = record.Millis(60_000)
	a := NewAgent("sensor/a", Settings{Interval: minute, Hold: 5 * minute})
	a.Step(Event{State: object.Live, Read: &Sample{Time: begin, Value: 1}, Ranking: &ra, Usable: all}, begin)
	changes := 0
	step := func(i record.Millis, alive bool) Decision {
		now := begin + i*minute
		e := Event{State: object.Stale, Usable: all}
		if alive {
			e = Event{State: object.Live, Read: &Sample{Time: now, Value: 1000}, Usable: all}
		}
		d := a.Step(e, now)[0]
		if d.Action == Engage || d.Action == Switch || d.Action == Return {
			changes++
		}
		return d
	}
	for i := record.Millis(1); i <= 100; i++ {
		if d := step(i, i%2 == 0); i == 1 && d.Action != Engage {
			t.Fatalf("%+v", d)
		}
	}
	if changes != 1 {
		t.Errorf("%d changes while it flaps", changes)
	}
	if d := step(101, true); d.Action != Return { // 100 was good, too
		t.Errorf("after two good readings: %+v", d)
	}
	if d := step(102, false); d.Action != Wait {
		t.Errorf("away again at once: %+v", d)
	}
	if d := step(106, false); d.Action != Engage {
		t.Errorf("away when the hold time is over: %+v", d)
	}
	if d := step(107, true); d.Action != Keep {
		t.Errorf("one good reading: %+v", d)
	}
	if d := step(108, true); d.Action != Wait {
		t.Errorf("two good readings within the hold time: %+v", d)
	}
	if d := step(110, false); d.Action != Keep {
		t.Errorf("silent again: %+v", d)
	}
	if d := step(111, true); d.Action != Keep {
		t.Errorf("a gap before the reading: %+v", d)
	}
	if d := step(113, true); d.Action != Return || d.Score == nil { // nobody looked at 112
		t.Errorf("two good readings: %+v", d)
	}
}

// TestChangesAreHeld lets things happen at random: at least the hold time lies
// between two changes, nobody stands in who is dead when he is chosen, nothing
// stands in beyond the horizon, and an agent that is stored and resumed at any
// time decides the same.
func TestChangesAreHeld(t *testing.T) {
	of, ra, _ := two(30 * 24)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 8))
		s := Settings{Interval: hour / 4, Hold: hour, Horizon: 8 * hour}
		a := NewAgent("sensor/a", s)
		now := of["sensor/a"].End()
		last := record.Millis(0)
		a.Step(Event{State: object.Live, Read: &Sample{Time: now, Value: 1}, Ranking: &ra}, now)
		alive, other := true, true
		for i := range 200 {
			now += hour / 4
			if r.IntN(6) == 0 {
				alive = !alive
			}
			if r.IntN(10) == 0 {
				other = !other
			}
			e := Event{State: object.Stale, Usable: func(object.ID) bool { return other }, Values: lookup(of), Doubtful: r.IntN(20) == 0}
			if alive {
				e.State, e.Read = object.Live, &Sample{Time: now, Value: 1000}
			}
			if r.IntN(3) == 0 {
				e.Cells = []Sample{{Time: now - now%hour - hour, Value: 900}}
			}
			var twin *Agent
			if i%20 == 19 {
				stored, err := json.Marshal(a.Memory())
				if err != nil {
					t.Fatal(err)
				}
				var m Memory
				if err := json.Unmarshal(stored, &m); err != nil {
					t.Fatal(err)
				}
				if len(stored) > 20_000 {
					t.Fatalf("an agent remembers %d bytes", len(stored))
				}
				twin = Resume(m, s)
				twin.ranking = a.ranking
			}
			ds := a.Step(e, now)
			if twin != nil {
				if diff := cmp.Diff(ds, twin.Step(e, now)); diff != "" {
					t.Fatalf("seed %d: an agent that was stored decides otherwise:\n%s", seed, diff)
				}
			}
			d := ds[len(ds)-1]
			switch d.Action {
			case Engage, Switch, Return:
				if last > 0 && now-last < a.Hold {
					t.Fatalf("seed %d: changes at %v and %v", seed, last, now)
				}
				last = now
			case Refuse:
				if _, ok := a.InForce(); ok {
					t.Fatalf("seed %d: something stands in that is refused", seed)
				}
			}
			if d.Action == Engage || d.Action == Switch {
				if p := d.Provenance; len(p.From) > 0 && !other {
					t.Fatalf("seed %d: %v stands in and is dead", seed, p.From)
				}
			}
			if p, ok := a.InForce(); ok {
				if _, given := p.Value(p.Known+s.Horizon, lookup(of)); given {
					t.Fatalf("seed %d: a value beyond the horizon", seed)
				}
			}
		}
	}
}

// TestSelfScoring: when the object's own values get known, also late, the error
// seen stands beside the expected one. What was wrong by three times as much is
// dropped until it is fitted anew.
func TestSelfScoring(t *testing.T) {
	of, ra, _ := two(30 * 24)
	begin := of["sensor/a"].End()
	b := of["sensor/b"]
	for range 24 {
		b.Values = append(b.Values, 1500)
	}
	of["sensor/b"] = b
	for _, c := range []struct {
		real  float64
		refit bool
	}{{1010, false}, {5000, true}} {
		a := NewAgent("sensor/a", Settings{Interval: hour, Hold: hour})
		a.Step(Event{State: object.Live, Read: &Sample{Time: begin, Value: 1}, Ranking: &ra, Usable: all}, begin)
		d := a.Step(Event{State: object.Stale, Usable: all}, begin+3*hour)[0]
		if d.Action != Engage || len(d.Provenance.From) != 1 {
			t.Fatalf("%+v", d)
		}
		method := d.Provenance.Method
		e := Event{State: object.Stale, Usable: all, Values: lookup(of)}
		for i := range record.Millis(8) {
			e.Cells = append(e.Cells, Sample{Time: begin + i*hour, Value: c.real})
		}
		ds := a.Step(e, begin+9*hour)
		score := a.Spells()[0].Score
		if score.Cells != 6 || score.Expected <= 0 { // the error was expected for six hours
			t.Errorf("%+v", score)
		}
		if got := ds[0].Action == Refit; got != c.refit {
			t.Fatalf("%v: %+v", c.real, ds[0])
		}
		if !c.refit {
			continue
		}
		if d := ds[len(ds)-1]; d.Action != Switch || d.Provenance.Method == method {
			t.Errorf("what was wrong stands in: %+v", d)
		}
		newer := ra
		newer.Until += Day
		a.Step(Event{State: object.Stale, Usable: all, Ranking: &newer}, begin+9*hour+1)
		if len(a.Memory().Dropped) != 0 {
			t.Error("it is dropped after it was fitted anew")
		}
	}
}

// TestResumedWithoutRanking: until something is fitted again what stands in goes on,
// although its error was known for a shorter time, and not when its source is dead.
func TestResumedWithoutRanking(t *testing.T) {
	of, ra, _ := two(30 * 24)
	begin := of["sensor/a"].End()
	a := NewAgent("sensor/a", Settings{Interval: hour})
	a.Step(Event{State: object.Live, Read: &Sample{Time: begin, Value: 1}, Ranking: &ra, Usable: all}, begin)
	a.Step(Event{State: object.Stale, Usable: all}, begin+hour)
	p, ok := a.InForce()
	if !ok || p.UpTo == 0 {
		t.Fatalf("%+v", p)
	}
	late := p.Known + p.UpTo + 2*hour
	if d := Resume(a.Memory(), a.Settings).Step(Event{State: object.Stale, Usable: all}, late)[0]; d.Action != Keep {
		t.Errorf("%+v", d)
	}
	if d := Resume(a.Memory(), a.Settings).Step(Event{State: object.Stale}, late)[0]; d.Action != Refuse {
		t.Errorf("%+v", d)
	}
}

// TestDoubtful: what reports and is not to be believed, because it is stuck, is
// stood in for; its readings count again when they are believed.
func TestDoubtful(t *testing.T) {
	of, ra, _ := two(30 * 24)
	begin := of["sensor/a"].End()
	a := NewAgent("sensor/a", Settings{Interval: hour / 4, Hold: hour / 2})
	a.Step(Event{State: object.Live, Read: &Sample{Time: begin, Value: 1}, Ranking: &ra, Usable: all}, begin)
	want := []Action{Engage, Keep, Keep, Keep, Keep, Return, Rest}
	for i, action := range want {
		now := begin + record.Millis(i+1)*hour/4
		d := a.Step(Event{State: object.Live, Read: &Sample{Time: now, Value: 7}, Doubtful: i < 4, Usable: all}, now)[0]
		if d.Action != action {
			t.Errorf("step %d: %s, not %s: %s", i, d.Action, action, d.Reason)
		}
		if i == 3 {
			if p, _ := a.InForce(); p.Known >= begin {
				t.Errorf("doubtful readings are known: %v", p.Known)
			}
		}
	}
}

// TestRefusals: an agent that puts nothing in says why, with the figure.
func TestRefusals(t *testing.T) {
	of, ra, _ := two(30 * 24)
	begin := of["sensor/a"].End()
	refuse := func(s Settings, r *Ranking, known bool, after record.Millis) string {
		a := NewAgent("sensor/a", s)
		if known {
			a.Step(Event{State: object.Live, Read: &Sample{Time: begin, Value: 1}, Ranking: r, Usable: all}, begin)
		}
		d := a.Step(Event{State: object.Down, Usable: all, Ranking: r}, begin+after)[0]
		if d.Action != Refuse {
			t.Errorf("%+v", d)
		}
		return d.Reason
	}
	short := Fit(Target{Object: "sensor/a", Quantity: record.ActivePower, Series: of["sensor/a"].first(20)}, nil, nil, Options{})
	for _, c := range []struct{ got, want string }{
		{refuse(Settings{}, nil, true, hour), "nothing is known that could stand in"},
		{refuse(Settings{}, &short, true, hour), "nothing is known that could stand in: it has only 20 values, 72 are needed"},
		{refuse(Settings{}, &ra, false, hour), "the object never measured anything"},
		{refuse(Settings{Horizon: 6 * hour}, &ra, true, 7*hour), "the object has been away for longer than 6h"},
		{refuse(Settings{Need: Need{Relative: 0.001}}, &ra, true, hour), "nothing is good enough: "},
		{refuse(Settings{Need: Need{Mean: 1}}, &ra, true, hour), "W, 1 W are taken"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%q, not %q", c.got, c.want)
		}
	}
}

func ExampleAgent() {
	of, ranking, _ := two(30 * 24)
	begin := of["sensor/a"].End()
	a := NewAgent("sensor/a", Settings{Interval: hour, Need: Need{Relative: 0.1}})
	a.Step(Event{State: object.Live, Read: &Sample{Time: begin, Value: 1200}, Ranking: &ranking, Usable: all}, begin)
	d := a.Step(Event{State: object.Stale, Usable: all}, begin+4*hour)[0]
	fmt.Println(d.Action, d.Provenance.From, d.Provenance.State(), d.Provenance.Expected.Relative < 0.1)
	// Output: engage [sensor/b] substituted true
}
