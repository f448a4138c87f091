package availability_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/object"
)

// random makes an outline with a handful of everything, and a condition with
// failures of every kind.
func random(t *testing.T, r *rand.Rand) (availability.Outline, *availability.Structure, *availability.Condition) {
	restriction := func(n int) object.Restriction {
		switch r.IntN(4) {
		case 0:
			return object.Restriction{}
		case 1:
			return object.Restriction{Kind: object.Some}
		case 2:
			return object.Restriction{Kind: object.All}
		}
		return object.Restriction{Kind: object.Min, K: 1 + r.IntN(n)}
	}
	pick := func(prefix string, of int) []string {
		p := r.Perm(of)[:1+r.IntN(min(of, 4))]
		out := make([]string, len(p))
		for i, n := range p {
			out[i] = fmt.Sprint(prefix, n)
		}
		return out
	}
	few := func(names []string) []string {
		if r.IntN(2) == 0 {
			return nil
		}
		return names[:1+r.IntN(len(names))]
	}
	var o availability.Outline
	objects, composites, micros := 1+r.IntN(12), 1+r.IntN(8), 1+r.IntN(5)
	for i := range composites {
		c := availability.Composite{Name: fmt.Sprint("c", i)}
		for _, name := range pick("o", objects) {
			c.Members = append(c.Members, availability.Member{Object: object.ID(name)})
		}
		if i > 0 {
			for _, name := range few(pick("c", i)) {
				c.Members = append(c.Members, availability.Member{Composite: name})
			}
		}
		r.Shuffle(len(c.Members), func(a, b int) { c.Members[a], c.Members[b] = c.Members[b], c.Members[a] })
		if r.IntN(3) == 0 {
			c.Critical = slices.Clone(c.Members[:1+r.IntN(len(c.Members))])
		}
		c.Restriction = restriction(len(c.Members))
		o.Composites = append(o.Composites, c)
	}
	r.Shuffle(len(o.Composites), func(a, b int) { o.Composites[a], o.Composites[b] = o.Composites[b], o.Composites[a] })
	for i := range micros {
		m := availability.Microservice{Name: fmt.Sprint("m", i), Composites: pick("c", composites)}
		m.Critical, m.Restriction = few(m.Composites), restriction(len(m.Composites))
		o.Microservices = append(o.Microservices, m)
	}
	for i := range 1 + r.IntN(3) {
		x := availability.Service{Name: fmt.Sprint("s", i), Microservices: pick("m", micros)}
		x.Critical, x.Restriction = few(x.Microservices), restriction(len(x.Microservices))
		if r.IntN(2) == 0 {
			for range x.Microservices {
				x.Weights = append(x.Weights, .5+r.Float64())
			}
		}
		g := few(x.Microservices)
		if g != nil {
			x.Groups = append(x.Groups, availability.Group{Name: "g", Microservices: g, Restriction: restriction(len(g))})
		}
		o.Services = append(o.Services, x)
	}
	s, err := availability.New(o)
	if err != nil {
		t.Fatal(err)
	}
	value := func() availability.Value {
		switch r.IntN(4) {
		case 0:
			return availability.Missed(1)
		case 1:
			return availability.Value{Share: .1 + .9*r.Float64(), Source: availability.Virtual}
		case 2:
			return availability.Value{Share: .5, Source: availability.Substituted, By: object.ID(fmt.Sprint("o", r.IntN(objects)))}
		}
		return availability.Measured(1)
	}
	c := s.AllLive()
	for i := range c.Objects {
		c.Objects[i] = value()
	}
	c.Links, c.Cut, c.Down = make(map[availability.Link]availability.Value), make(map[availability.Use]availability.Value), make(map[int]availability.Value)
	for _, x := range o.Composites {
		for _, m := range x.Members {
			if l, ok := s.Link(x.Name, m); r.IntN(8) == 0 && ok {
				c.Links[l] = value()
			}
		}
	}
	for i, x := range o.Microservices {
		for _, y := range x.Composites {
			if u, ok := s.Use(x.Name, y); r.IntN(10) == 0 && ok {
				c.Cut[u] = availability.Missed(1)
			}
		}
		if r.IntN(8) == 0 {
			c.Down[i] = availability.Missed(1)
		}
	}
	return o, s, c
}

// naive evaluates by names and recursion, as the definitions say it.
type naive struct {
	o availability.Outline
	s *availability.Structure
	c *availability.Condition
}

func need(r object.Restriction, n int) int {
	if r.Kind == "" {
		return n
	}
	return r.Needed(n)
}

func (n naive) share(in string, m availability.Member) (share float64, whole bool, slots int) {
	slots = 1
	if m.Composite != "" {
		share, _, whole, slots = n.composite(m.Composite)
	} else {
		i, _ := n.s.Object(m.Object)
		share = n.c.Objects[i].Share
		whole = share > 0
	}
	l, _ := n.s.Link(in, m)
	if v, ok := n.c.Links[l]; ok {
		return v.Share, v.Share > 0, slots
	}
	return share, whole, slots
}

func (n naive) composite(name string) (quality float64, usable, whole bool, slots int) {
	x := n.o.Composites[slices.IndexFunc(n.o.Composites, func(c availability.Composite) bool { return c.Name == name })]
	var critical, others []float64
	present, whole := 0, true
	for _, m := range x.Members {
		v, w, k := n.share(name, m)
		whole = whole && w
		slots += k
		if v > 0 {
			present++
		}
		if slices.Contains(x.Critical, m) {
			critical = append(critical, v)
		} else {
			others = append(others, v)
		}
	}
	if present < need(x.Restriction, len(x.Members)) || slices.Contains(critical, 0) {
		return 0, false, whole, slots
	}
	slices.Sort(others)
	slices.Reverse(others)
	others = append(critical, others[:max(0, need(x.Restriction, len(x.Members))-len(critical))]...)
	quality = 1
	for _, v := range others {
		quality *= v
	}
	return quality, true, whole, slots
}

type microFigures struct {
	present, of, slots  int
	usable, full, whole bool
	quality             float64
}

func (n naive) micro(name string) (f microFigures) {
	at := slices.IndexFunc(n.o.Microservices, func(m availability.Microservice) bool { return m.Name == name })
	x := n.o.Microservices[at]
	f = microFigures{of: len(x.Composites), whole: true, quality: 1, usable: true}
	for _, c := range x.Composites {
		q, usable, whole, slots := n.composite(c)
		f.slots += slots
		u, _ := n.s.Use(name, c)
		if _, cut := n.c.Cut[u]; cut {
			q, usable, whole = 0, false, false
		}
		f.quality *= q
		f.whole = f.whole && whole
		if usable {
			f.present++
		} else if slices.Contains(x.Critical, c) {
			f.usable = false
		}
	}
	f.usable = f.usable && f.present >= need(x.Restriction, f.of)
	f.full = f.present == f.of
	if _, down := n.c.Down[at]; down {
		return microFigures{of: f.of, slots: f.slots}
	}
	return f
}

func (n naive) figures(micros, critical []string, weights []float64, r object.Restriction) availability.Figures {
	f := availability.Figures{Of: len(micros), Series: 1}
	whole, slots, weight, runs := 0, 0, 0., true
	for i, m := range micros {
		x := n.micro(m)
		w := 1.
		if weights != nil {
			w = weights[i]
		}
		weight += w
		f.Mean += w * float64(x.present) / float64(x.of)
		f.Quality += x.quality / float64(len(micros))
		slots += x.slots
		if x.usable {
			f.Usable++
		} else if slices.Contains(critical, m) {
			runs = false
		}
		if x.full {
			f.Full++
		}
		if x.whole {
			whole += x.slots
		} else {
			f.Series = 0
		}
	}
	f.Strict, f.Mean, f.Coupled = float64(f.Full)/float64(f.Of), f.Mean/weight, float64(whole)/float64(slots)
	switch {
	case !runs:
		f.Exec = availability.Nothing
	case f.Full == f.Of:
		f.Exec = availability.Full
	case f.Usable >= need(r, f.Of):
		f.Exec = availability.Partial
	default:
		f.Exec = availability.Nothing
	}
	return f
}

func same(a, b availability.Figures) bool {
	ok := near(a.Strict, b.Strict) && near(a.Mean, b.Mean) && near(a.Quality, b.Quality) && near(a.Coupled, b.Coupled) && near(a.Series, b.Series)
	return ok && a.Exec == b.Exec && a.Usable == b.Usable && a.Full == b.Full && a.Of == b.Of
}

// TestAgainstNaive compares with an evaluator that is written as the definitions are read.
func TestAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	result := new(availability.Result)
	for round := range 3000 {
		o, s, c := random(t, r)
		s.EvaluateInto(c, result)
		n := naive{o, s, c}
		for i, x := range o.Services {
			got := result.Services[i]
			if want := n.figures(x.Microservices, x.Critical, x.Weights, x.Restriction); !same(got.Figures, want) {
				t.Fatalf("round %d, service %s: %+v, want %+v", round, x.Name, got.Figures, want)
			}
			for j, g := range x.Groups {
				if want := n.figures(g.Microservices, nil, nil, g.Restriction); !same(got.Groups[j], want) {
					t.Fatalf("round %d, group %s: %+v, want %+v", round, g.Name, got.Groups[j], want)
				}
			}
			if got.Quality > got.Strict+1e-9 || got.Strict > got.Mean+1e-9 && x.Weights == nil {
				t.Fatalf("round %d: quality %v, strict %v, mean %v", round, got.Quality, got.Strict, got.Mean)
			}
			_, missing := s.Missing(c, i, 0)
			if (got.Series == 1) != (missing == 0) {
				t.Fatalf("round %d: series %v with %d missing", round, got.Series, missing)
			}
		}
	}
}

// TestImportanceAgainstNaive compares with evaluating everything twice for every object.
func TestImportanceAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 1500 {
		_, s, c := random(t, r)
		for service := range len(s.Evaluate(c).Services) {
			for _, got := range s.Importance(c, service) {
				at := func(share float64) availability.Figures {
					d := *c
					d.Objects = slices.Clone(c.Objects)
					id := s.ObjectID(got.Object)
					d.Objects[got.Object].Share = share
					d.Links = make(map[availability.Link]availability.Value)
					for l, v := range c.Links {
						if share == 0 && v.By == id {
							v.Share = 0
						}
						d.Links[l] = v
					}
					for i := range d.Objects {
						if share == 0 && i != got.Object && d.Objects[i].By == id {
							d.Objects[i].Share = 0
						}
					}
					return s.Evaluate(&d).Services[service].Figures
				}
				with, without := at(1), at(0)
				if !near(got.Strict, with.Strict-without.Strict) || !near(got.Mean, with.Mean-without.Mean) || !near(got.Quality, with.Quality-without.Quality) {
					t.Fatalf("round %d, %s: %+v, want %v %v %v", round, s.ObjectID(got.Object), got, with.Strict-without.Strict, with.Mean-without.Mean, with.Quality-without.Quality)
				}
			}
		}
	}
}

// TestSimulateAgainstExact compares with the sum over all 512 states of P.
func TestSimulateAgainstExact(t *testing.T) {
	s := structure(t, paper(4))
	const p = .3
	var strict, mean, runs float64
	for bits := range 1 << 9 {
		c, chance := s.AllLive(), 1.
		for i := range c.Objects {
			if bits>>i&1 == 1 {
				c.Objects[i] = availability.Missed(0)
				chance *= p
			} else {
				chance *= 1 - p
			}
		}
		r := s.Evaluate(c).Services[0]
		strict += chance * r.Strict
		mean += chance * r.Mean
		if r.Exec != availability.Nothing {
			runs += chance
		}
	}
	out, err := s.Simulate(availability.Trial{Outage: p, Draws: 100_000, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  availability.Estimate
		want float64
	}{{"strict", out.Strict, strict}, {"mean", out.Mean, mean}, {"runs", out.Runs, runs}, {"series", out.Series, math.Pow(1-p, 9)}} {
		if math.Abs(c.got.Mean-c.want) > 4*c.got.Error {
			t.Errorf("%s is %v±%v, want %v", c.name, c.got.Mean, c.got.Error, c.want)
		}
	}
}

// TestSimulateAgainstRandom compares with the sum over all states of random structures.
func TestSimulateAgainstRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for round := range 40 {
		_, s, _ := random(t, r)
		n, _, _, services := s.Counts()
		if n > 9 {
			continue
		}
		p, service := r.Float64(), r.IntN(services)
		var strict, mean, runs, full, series float64
		for set := range 1 << n {
			c, chance := s.AllLive(), 1.
			for i := range c.Objects {
				if set>>i&1 == 1 {
					c.Objects[i] = availability.Missed(0)
					chance *= p
				} else {
					chance *= 1 - p
				}
			}
			x := s.Evaluate(c).Services[service]
			strict += chance * x.Strict
			mean += chance * x.Mean
			if x.Full == x.Of {
				full += chance
			}
			if x.Exec != availability.Nothing {
				runs += chance
			}
			if _, missing := s.Missing(c, service, 0); missing == 0 {
				series += chance
			}
		}
		out, err := s.Simulate(availability.Trial{Outage: p, Draws: 20_000 + round, Seed: uint64(round), Service: service})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			got  availability.Estimate
			want float64
		}{{out.Strict, strict}, {out.Mean, mean}, {out.Full, full}, {out.Runs, runs}, {out.Series, series}} {
			if math.Abs(c.got.Mean-c.want) > 4.5*c.got.Error+1e-3 {
				t.Errorf("round %d, %d: %v±%v, want %v", round, i, c.got.Mean, c.got.Error, c.want)
			}
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	some := object.Restriction{Kind: object.Some}
	member := func(o object.ID, c string) availability.Member { return availability.Member{Object: o, Composite: c} }
	good := func() availability.Outline {
		return availability.Outline{
			Composites:    []availability.Composite{{Name: "c", Members: []availability.Member{member("a", "")}}},
			Microservices: []availability.Microservice{{Name: "m", Composites: []string{"c"}}},
			Services:      []availability.Service{{Name: "s", Microservices: []string{"m"}, Restriction: some}},
		}
	}
	for want, spoil := range map[string]func(o *availability.Outline){
		`composite "c" holds itself, through others or directly`: func(o *availability.Outline) {
			o.Composites[0].Members = []availability.Member{member("", "d")}
			o.Composites = append(o.Composites, availability.Composite{Name: "d", Members: []availability.Member{member("", "c")}})
		},
		`composite "c": min 2 of 1 cannot be`: func(o *availability.Outline) {
			o.Composites[0].Restriction = object.Restriction{Kind: object.Min, K: 2}
		},
		`composite "c": restriction "most" is none of`:        func(o *availability.Outline) { o.Composites[0].Restriction.Kind = "most" },
		`composite "c" is empty`:                              func(o *availability.Outline) { o.Composites[0].Members = nil },
		`composite "c": a member is an object or a composite`: func(o *availability.Outline) { o.Composites[0].Members[0].Composite = "c" },
		`composite "c": member "a" is there twice`: func(o *availability.Outline) {
			o.Composites[0].Members = []availability.Member{member("a", ""), member("a", "")}
		},
		`composite "c": "b" is critical and no member`: func(o *availability.Outline) { o.Composites[0].Critical = []availability.Member{member("b", "")} },
		`composite "c" is there twice`:                 func(o *availability.Outline) { o.Composites = append(o.Composites, o.Composites[0]) },
		`a microservice has no name`:                   func(o *availability.Outline) { o.Microservices[0].Name = "" },
		`microservice "m": there is no composite "d"`:  func(o *availability.Outline) { o.Microservices[0].Composites = []string{"d"} },
		`service "s": there is no microservice "n"`:    func(o *availability.Outline) { o.Services[0].Microservices = []string{"n"} },
		`service "s": there is one weight for each`:    func(o *availability.Outline) { o.Services[0].Weights = []float64{1, 2} },
		`service "s": a weight is between 0 and 1e9`:   func(o *availability.Outline) { o.Services[0].Weights = []float64{math.NaN()} },
		`service "s": a group has no name, or that of another`: func(o *availability.Outline) {
			o.Services[0].Groups = []availability.Group{{Microservices: []string{"m"}}}
		},
		`group "s/g": something critical is not part of it`: func(o *availability.Outline) {
			o.Microservices = append(o.Microservices, availability.Microservice{Name: "n", Composites: []string{"c"}})
			o.Services[0].Groups = []availability.Group{{Name: "g", Microservices: []string{"n"}}}
		},
	} {
		o := good()
		spoil(&o)
		if _, err := availability.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := availability.New(good()); err != nil {
		t.Error(err)
	}
}

func TestValueOf(t *testing.T) {
	for _, c := range []struct {
		sight availability.Sight
		want  availability.Value
	}{
		{availability.Sight{State: object.Live, Since: 5}, availability.Measured(5)},
		{availability.Sight{State: object.Late, Since: 5}, availability.Measured(5)},
		{availability.Sight{State: object.Stale, Since: 5}, availability.Missed(5)},
		{availability.Sight{State: object.Down, Since: 5}, availability.Missed(5)},
		{availability.Sight{Since: 5}, availability.Missed(5)},
		{availability.Sight{State: object.Substituted, Share: 2, By: "b"}, availability.Value{Share: 1, Source: availability.Substituted, By: "b"}},
		{availability.Sight{State: object.Substituted, Share: math.NaN(), By: "b"}, availability.Missed(0)},
		{availability.Sight{State: object.Virtual, Share: .5, Horizon: 100}, availability.Missed(0)}, // made of nothing
		{availability.Sight{State: object.Virtual, Share: .5, Last: 950, Horizon: 100}, availability.Value{Share: .5, Source: availability.Virtual}},
	} {
		if got := availability.ValueOf(c.sight, 1000); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.sight, got, c.want)
		}
	}
}

func TestOverTime(t *testing.T) {
	spell := availability.OverTime(100, 200, []availability.Event{
		{At: 50, Share: .5, Known: true}, {At: 120, Known: false}, {At: 160, Share: 1, Known: true}, {At: 150, Share: 0, Known: true}, {At: 300, Known: false},
	})
	// .5 for 20 ms, unknown for 40, then 0: what is late counts from the newest on.
	if spell != (availability.Spell{Available: 10, Known: 60, Unknown: 40}) {
		t.Errorf("%+v", spell)
	}
	if least, most, ok := spell.Bounds(); !ok || !near(least, .1) || !near(most, .5) {
		t.Errorf("between %v and %v", least, most)
	}
	if _, ok := availability.OverTime(0, 10, nil).Share(); ok {
		t.Error("nothing is known, and there is a share")
	}
	if s := availability.OverTime(0, 10, nil); s.Unknown != 10 {
		t.Errorf("%+v", s)
	}
	if s := availability.OverTime(0, 10, []availability.Event{{At: 0, Share: math.NaN(), Known: true}}); s.Unknown != 10 {
		t.Errorf("a share that is no number: %+v", s)
	}
	if s := availability.OverTime(10, 0, nil); s != (availability.Spell{}) {
		t.Errorf("backwards: %+v", s)
	}
}

func TestTrialIsBounded(t *testing.T) {
	s := structure(t, paper(4))
	for _, trial := range []availability.Trial{
		{Draws: 0}, {Draws: availability.MaxDraws + 1}, {Draws: 1, Outage: -1}, {Draws: 1, Outage: math.NaN()},
		{Draws: 1, Virtual: 2}, {Draws: 1, Replicas: -1}, {Draws: 1, Replicas: 9}, {Draws: 1, Service: 1}, {Draws: 1, Service: -1},
	} {
		if _, err := s.Simulate(trial); err == nil {
			t.Errorf("%+v is taken", trial)
		}
	}
	if _, err := large(t).Simulate(availability.Trial{Draws: 100_000}); err == nil {
		t.Error("100,000 moments of 10,000 objects are taken")
	}
	if _, err := s.Curve(availability.Trial{Draws: 1_000_000}, make([]float64, 100)); err == nil {
		t.Error("a curve of 100 million moments is taken")
	}
	if out, err := s.Curve(availability.Trial{Draws: 100}, []float64{0, 1}); err != nil || out[0].Full.Mean != 1 || out[1].Mean.Mean > 1e-12 {
		t.Errorf("%+v, %v", out, err)
	}
}

// large has 10,000 objects: 1,250 composites of 8, by three below 416 microservices,
// and one composite of everything.
func large(t testing.TB) *availability.Structure {
	var o availability.Outline
	everything := availability.Composite{Name: "everything", Restriction: object.Restriction{Kind: object.Min, K: 5000}}
	for i := range 1250 {
		c := availability.Composite{Name: fmt.Sprint("c", i), Restriction: object.Restriction{Kind: object.Min, K: 6}}
		for j := range 8 {
			m := availability.Member{Object: object.ID(fmt.Sprint("o", 8*i+j))}
			c.Members, everything.Members = append(c.Members, m), append(everything.Members, m)
		}
		o.Composites = append(o.Composites, c)
	}
	o.Composites = append(o.Composites, everything)
	var s availability.Service
	s.Name, s.Restriction = "s", object.Restriction{Kind: object.Min, K: 300}
	for i := range 416 {
		m := availability.Microservice{Name: fmt.Sprint("m", i)}
		for j := range 3 {
			m.Composites = append(m.Composites, fmt.Sprint("c", 3*i+j))
		}
		o.Microservices = append(o.Microservices, m)
		s.Microservices = append(s.Microservices, m.Name)
	}
	o.Microservices = append(o.Microservices, availability.Microservice{Name: "all", Composites: []string{"everything"}})
	s.Microservices = append(s.Microservices, "all")
	o.Services = append(o.Services, s)
	return structure(t, o)
}

func tenthDown(s *availability.Structure) *availability.Condition {
	r := rand.New(rand.NewPCG(5, 6))
	c := s.AllLive()
	for i := range c.Objects {
		switch r.IntN(20) {
		case 0:
			c.Objects[i] = availability.Missed(0)
		case 1:
			c.Objects[i] = availability.Value{Share: r.Float64(), Source: availability.Substituted, By: object.ID(fmt.Sprint("o", r.IntN(10_000)))}
		}
	}
	return c
}

func BenchmarkEvaluate(b *testing.B) {
	s := large(b)
	c := tenthDown(s)
	r := new(availability.Result)
	for b.Loop() {
		s.EvaluateInto(c, r)
	}
}

func BenchmarkImportance(b *testing.B) {
	s := large(b)
	c := tenthDown(s)
	for b.Loop() {
		s.Importance(c, 0)
	}
}

func BenchmarkSimulate(b *testing.B) {
	s := structure(b, paper(4))
	for b.Loop() {
		_, _ = s.Simulate(availability.Trial{Outage: .1, Draws: 200_000, Seed: 1})
	}
}
