package availability_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/object"
)

// paper is the structure "P": the object lists of section 5.4.2 of Jarwar, Ali
// and Chong, Energies 2019, 12(3), 360, with what had to be assumed:
//
//   - The text lists "VOl" in the second microservice: taken for CVOl.
//   - "CVOm includes a single VO (b) and CVO (CVOn)": taken for two composites side by
//     side in the fourth microservice.
//   - The fifth has the composites o, p and q over the objects a, c, d and i; the text
//     does not say which has which: o={a,d}, p={c}, q={i}.
//   - Composites need all of their objects. The first microservice needs two of its
//     composites ("µŞ1 hasCVO min 2") and the fifth, which has three as well, too; the
//     others need some, and the service needs four ("esr hasµŞ min 4").
//
// The groups are a={1}, b={2,3}, c={4,5}. There are 7+6+5+3+4 = 25 places.
func paper(min int) availability.Outline {
	composite := func(name string, objects ...object.ID) availability.Composite {
		c := availability.Composite{Name: name, Restriction: object.Restriction{Kind: object.All}}
		for _, o := range objects {
			c.Members = append(c.Members, availability.Member{Object: o})
		}
		return c
	}
	some := object.Restriction{Kind: object.Some}
	return availability.Outline{
		Composites: []availability.Composite{
			composite("i", "a", "d"), composite("j", "b", "e"), composite("k", "c", "e", "f"), composite("l", "a", "b", "h"), composite("n", "f", "g"),
			composite("m", "b"), composite("o", "a", "d"), composite("p", "c"), composite("q", "i"),
		},
		Microservices: []availability.Microservice{
			{Name: "1", Composites: []string{"i", "j", "k"}, Restriction: object.Restriction{Kind: object.Min, K: 2}},
			{Name: "2", Composites: []string{"k", "l"}, Restriction: some},
			{Name: "3", Composites: []string{"l", "n"}, Restriction: some},
			{Name: "4", Composites: []string{"m", "n"}, Restriction: some},
			{Name: "5", Composites: []string{"o", "p", "q"}, Restriction: object.Restriction{Kind: object.Min, K: 2}},
		},
		Services: []availability.Service{{
			Name: "esr", Microservices: []string{"1", "2", "3", "4", "5"}, Restriction: object.Restriction{Kind: object.Min, K: min},
			Groups: []availability.Group{
				{Name: "a", Microservices: []string{"1"}, Restriction: some},
				{Name: "b", Microservices: []string{"2", "3"}, Restriction: some},
				{Name: "c", Microservices: []string{"4", "5"}, Restriction: some},
			},
		}},
	}
}

func structure(t testing.TB, o availability.Outline) *availability.Structure {
	t.Helper()
	s, err := availability.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// world is a condition of P, written down by names.
type world struct {
	t testing.TB
	s *availability.Structure
	c *availability.Condition
}

func newWorld(t testing.TB) *world {
	s := structure(t, paper(4))
	c := s.AllLive()
	c.Links = make(map[availability.Link]availability.Value)
	c.Cut, c.Down = make(map[availability.Use]availability.Value), make(map[int]availability.Value)
	return &world{t, s, c}
}

// dead: the objects are missing, for everybody.
func (w *world) dead(ids ...object.ID) *world {
	for _, id := range ids {
		i, ok := w.s.Object(id)
		if !ok {
			w.t.Fatalf("no object %s", id)
		}
		w.c.Objects[i] = availability.Missed(1000)
	}
	return w
}

// link says what a composite sees of some members.
func (w *world) link(composite string, v availability.Value, ids ...object.ID) *world {
	for _, id := range ids {
		l, ok := w.s.Link(composite, availability.Member{Object: id})
		if !ok {
			w.t.Fatalf("no %s in %s", id, composite)
		}
		w.c.Links[l] = v
	}
	return w
}

func (w *world) cut(composite string, ids ...object.ID) *world {
	return w.link(composite, availability.Missed(1000), ids...)
}

// heal puts i in the place of a, for composite l, as the paper's agent does.
func (w *world) heal() *world {
	return w.link("l", availability.Value{Share: 0.9, Source: availability.Substituted, By: "i", Since: 2000}, "a")
}

func (w *world) lose(microservice, composite string) *world {
	u, ok := w.s.Use(microservice, composite)
	if !ok {
		w.t.Fatalf("no %s in %s", composite, microservice)
	}
	w.c.Cut[u] = availability.Missed(1000)
	return w
}

func (w *world) down(microservice string) *world {
	m, _ := w.s.Microservice(microservice)
	w.c.Down[m] = availability.Missed(1000)
	return w
}

func (w *world) esr() availability.ServiceResult { return w.s.Evaluate(w.c).Services[0] }

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9 }

type figures struct{ strict, mean, coupled, series float64 }

func (w *world) expect(want figures, exec availability.Exec) availability.ServiceResult {
	w.t.Helper()
	r := w.esr()
	if got := (figures{r.Strict, r.Mean, r.Coupled, r.Series}); !near(got.strict, want.strict) || !near(got.mean, want.mean) || !near(got.coupled, want.coupled) || !near(got.series, want.series) {
		w.t.Errorf("strict, mean, coupled, series are %v, want %v", got, want)
	}
	if r.Exec != exec {
		w.t.Errorf("exec is %s, want %s", r.Exec, exec)
	}
	return r
}

// TestCasesOfThePaper has every row of the table of section 1.3 of the reading
// of the paper: "reconstructed 100/80/25 and 72/0 from the published object lists
// under stated assumptions". The paper gives 100 and 100 % for case 1, 80 and 72 for
// case 2, and 25 (of group c) and 0 for case 4; the value of its case 3 is in an image.
// 80 is strict; 72 is "coupled" (18 of 25 places), and could be a coincidence; 0 is
// "series". Nothing here is the paper's own formula.
func TestCasesOfThePaper(t *testing.T) {
	for _, row := range []struct {
		name string
		make func(w *world)
		want figures
		exec availability.Exec
	}{
		{"1 all up", func(*world) {}, figures{1, 1, 1, 1}, availability.Full},
		{"2 only the link of CVOi lost", func(w *world) { w.cut("i", "a", "d") }, figures{.8, 14. / 15, .72, 0}, availability.Partial},
		{"2' a and d dead, no agent", func(w *world) { w.dead("a", "d") }, figures{.2, 2. / 3, .12, 0}, availability.Partial},
		{"2'' the same, CVOl heals", func(w *world) { w.dead("a", "d").heal() }, figures{.6, 13. / 15, .56, 0}, availability.Partial},
		{"3 a dead for CVOl", func(w *world) { w.cut("l", "a") }, figures{.6, .8, .56, 0}, availability.Partial},
		{"3 healed", func(w *world) { w.heal() }, figures{1, 1, 1, 1}, availability.Full},
		{"4 microservice 5 down, 4 loses CVOn", func(w *world) { w.down("5").lose("4", "n") }, figures{.6, .7, .72, 0}, availability.Partial},
		{"4' every object of group c dead", func(w *world) { w.dead("a", "b", "c", "d", "f", "g", "i") }, figures{0, 0, 0, 0}, availability.Nothing},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			row.make(w)
			w.expect(row.want, row.exec)
		})
	}
}

// TestScenarioA1: P, everything fresh. Reconstructed from the object lists; see [paper].
func TestScenarioA1(t *testing.T) {
	r := newWorld(t).expect(figures{1, 1, 1, 1}, availability.Full)
	if r.Quality != 1 || r.Usable != 5 || r.Full != 5 {
		t.Errorf("quality, usable, full are %v, %d, %d", r.Quality, r.Usable, r.Full)
	}
}

// TestScenarioA2: only the links from CVOi to a and d are cut, and there is no
// agent. The paper's 80 and 72 %; that the first microservice goes on with two of three
// composites is its rule "min 2". That its work is queued is shown in microservice/plan.
func TestScenarioA2(t *testing.T) {
	w := newWorld(t).cut("i", "a", "d")
	w.expect(figures{.8, 14. / 15, .72, 0}, availability.Partial)
	m := w.s.Evaluate(w.c).Microservices[0]
	if !m.Usable || m.Full || !near(m.Fraction(), 2./3) {
		t.Errorf("microservice 1 is %+v", m)
	}
	missing, n := w.s.Missing(w.c, 0, 10)
	want := []availability.Missing{
		{Microservice: "1", Composite: "i", Object: "a", Cause: availability.LinkCut, Since: 1000},
		{Microservice: "1", Composite: "i", Object: "d", Cause: availability.LinkCut, Since: 1000},
	}
	if n != 2 || !slices.Equal(missing, want) {
		t.Errorf("missing are %d, %+v", n, missing)
	}
}

// TestScenarioA3: a and d are dead for everybody, which the paper leaves out: they
// also feed CVOl and the fifth microservice (with o={a,d}, an assumption).
func TestScenarioA3(t *testing.T) {
	w := newWorld(t).dead("a", "d")
	w.expect(figures{.2, 2. / 3, .12, 0}, availability.Partial)
	missing, n := w.s.Missing(w.c, 0, 3)
	if n != 6 || len(missing) != 3 || missing[0].Cause != availability.ObjectFailed { // i: a, d; l twice: a; o: a, d
		t.Errorf("missing are %d, %+v", n, missing)
	}
}

// TestScenarioA4: A3, and CVOl takes i for a.
func TestScenarioA4(t *testing.T) {
	newWorld(t).dead("a", "d").heal().expect(figures{.6, 13. / 15, .56, 0}, availability.Partial)
}

// TestScenarioA5: a is dead only for CVOl. The paper says "without degrading" of the
// healed case, and its value of the other is not in the text: .60/.80 is ours.
func TestScenarioA5(t *testing.T) {
	newWorld(t).cut("l", "a").expect(figures{.6, .8, .56, 0}, availability.Partial)
	w := newWorld(t).heal()
	r := w.expect(figures{1, 1, 1, 1}, availability.Full)
	if want := (1 + .9 + .9 + 1 + 1) / 5; !near(r.Quality, want) {
		t.Errorf("quality is %v, want %v: strict does not hide what the stand-in is worth", r.Quality, want)
	}
	got, n := w.s.StandIns(w.c, 0, 10)
	v := availability.Value{Share: 0.9, Source: availability.Substituted, By: "i", Since: 2000}
	want := []availability.StandIn{
		{Microservice: "2", Composite: "l", Object: "a", Value: v, Link: true},
		{Microservice: "3", Composite: "l", Object: "a", Value: v, Link: true},
	}
	if n != 2 || !slices.Equal(got, want) {
		t.Errorf("stand-ins are %d, %+v", n, got)
	}
}

// TestScenarioA6: the fifth microservice is dead and the fourth has lost CVOn. The
// paper's 25 % is the mean over group c, (1/2+0)/2; its 0 % is "series". 25 % of the
// whole service cannot be derived.
func TestScenarioA6(t *testing.T) {
	w := newWorld(t).down("5").lose("4", "n")
	r := w.expect(figures{.6, .7, .72, 0}, availability.Partial)
	if c := r.Groups[2]; !near(c.Mean, .25) || c.Series != 0 || c.Strict != 0 || c.Exec != availability.Partial {
		t.Errorf("group c is %+v", c)
	}
	if r.Usable != 4 {
		t.Errorf("%d are usable, want 4", r.Usable)
	}
	missing, _ := w.s.Missing(w.c, 0, 10)
	want := []availability.Missing{
		{Microservice: "4", Composite: "n", Cause: availability.LinkCut, Since: 1000},
		{Microservice: "5", Cause: availability.MicroserviceDown, Since: 1000},
	}
	if !slices.Equal(missing, want) {
		t.Errorf("missing are %+v", missing)
	}
}

// TestScenarioA7: A6 with the rule "min 5". The problem with its reason is made in
// microservice/plan, where its other half is.
func TestScenarioA7(t *testing.T) {
	s := structure(t, paper(5))
	w := newWorld(t).down("5").lose("4", "n")
	if r := s.Evaluate(w.c).Services[0]; r.Exec != availability.Nothing || r.Usable != 4 {
		t.Errorf("exec is %s with %d usable", r.Exec, r.Usable)
	}
}

// TestScenarioA8: how much hangs on each object. b and f come first by mean, not a.
func TestScenarioA8(t *testing.T) {
	w := newWorld(t)
	want := map[object.ID][2]float64{
		"a": {.8, 1. / 3}, "b": {.8, 11. / 30}, "c": {.6, 7. / 30}, "d": {.4, 4. / 30}, "e": {.4, 7. / 30}, "f": {.8, 11. / 30}, "g": {.4, .2}, "h": {.4, .2}, "i": {.2, 2. / 30},
	}
	got := w.s.Importance(w.c, 0)
	if len(got) != len(want) {
		t.Fatalf("%d objects, want %d", len(got), len(want))
	}
	for _, g := range got {
		id := w.s.ObjectID(g.Object)
		if !near(g.Strict, want[id][0]) || !near(g.Mean, want[id][1]) || !near(g.Quality, want[id][0]) {
			t.Errorf("%s: %v, want %v", id, g, want[id])
		}
	}
	first := []object.ID{w.s.ObjectID(got[0].Object), w.s.ObjectID(got[1].Object)}
	slices.SortFunc(first, cmp.Compare[object.ID])
	if !slices.Equal(first, []object.ID{"b", "f"}) {
		t.Errorf("%v come first, want b and f", first)
	}
}

// TestScenarioA9: up for 23 of 24 hours.
func TestScenarioA9(t *testing.T) {
	const hour = 3600_000
	spell := availability.OverTime(0, 24*hour, []availability.Event{
		{At: 0, Share: 1, Known: true}, {At: 9 * hour, Share: 0, Known: true}, {At: 10 * hour, Share: 1, Known: true},
	})
	if share, ok := spell.Share(); !ok || !near(share, 23./24) {
		t.Errorf("share is %v, %v, want .958333", share, ok)
	}
}

// TestScenarioA10: P with independent outages, 200,000 moments. The paper has no such
// curve. Each row: the monolith, four microservices usable, and everything and four
// with one replica of each object, and with virtual values besides that succeed 4
// times of 5. The figures are those of a separate program; they hold when the fifth
// microservice needs two of its three composites, and not when it needs some (.924 at .1).
func TestScenarioA10(t *testing.T) {
	s := structure(t, paper(4))
	for _, row := range []struct {
		p                                      float64
		mono, min4, full1, min4r, fullV, min4V float64
	}{
		{.05, .630, .976, .978, 1, .996, 1},
		{.10, .387, .913, .912, .999, .982, 1},
		{.20, .134, .710, .694, .985, .931, .999},
		{.40, .010, .277, .209, .800, .747, .990},
	} {
		t.Run(fmt.Sprint(row.p), func(t *testing.T) {
			trial := availability.Trial{Outage: row.p, Draws: 200_000, Seed: 1}
			alone, err := s.Simulate(trial)
			if err != nil {
				t.Fatal(err)
			}
			trial.Replicas = 1
			replica, _ := s.Simulate(trial)
			trial.Virtual = .8
			virtual, _ := s.Simulate(trial)
			for _, c := range []struct {
				name      string
				got       availability.Estimate
				want, tol float64
			}{
				{"monolith", alone.Series, row.mono, .005}, {"min 4", alone.Runs, row.min4, .005},
				{"replica, full", replica.Full, row.full1, .005}, {"replica, min 4", replica.Runs, row.min4r, .002},
				{"virtual, full", virtual.Full, row.fullV, .005}, {"virtual, min 4", virtual.Runs, row.min4V, .002},
			} {
				if math.Abs(c.got.Mean-c.want) > c.tol {
					t.Errorf("%s is %.4f±%.4f, want %.3f", c.name, c.got.Mean, c.got.Error, c.want)
				}
				if c.got.Error > .0012 { // at most sqrt(1/4 / 200,000)
					t.Errorf("%s has the standard error %v", c.name, c.got.Error)
				}
			}
		})
	}
}

func TestSimulateIsDeterministic(t *testing.T) {
	s := structure(t, paper(4))
	trial := availability.Trial{Outage: .2, Draws: 1000, Seed: 1}
	first, _ := s.Simulate(trial)
	if again, _ := s.Simulate(trial); again != first {
		t.Error("the same seed gives another result")
	}
	trial.Seed = 2
	if other, _ := s.Simulate(trial); other == first {
		t.Error("another seed gives the same result")
	}
}

// TestScenarioS12: a virtual value that is made of something older than the horizon counts 0, not virtual.
func TestScenarioS12(t *testing.T) {
	sight := availability.Sight{State: object.Virtual, Share: .8, Last: 10_000, Horizon: 5_000, Since: 11_000}
	if v := availability.ValueOf(sight, 15_000); v != (availability.Value{Share: .8, Source: availability.Virtual, Since: 11_000}) {
		t.Errorf("within the horizon it is %+v", v)
	}
	if v := availability.ValueOf(sight, 15_001); v != availability.Missed(15_000) {
		t.Errorf("beyond the horizon it is %+v", v)
	}
	w := newWorld(t)
	i, _ := w.s.Object("i")
	w.c.Objects[i] = availability.ValueOf(sight, 15_001)
	w.expect(figures{.8, 14. / 15, .84, 0}, availability.Partial)
}
