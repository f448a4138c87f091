package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

var (
	all  = object.Restriction{Kind: object.All}
	some = object.Restriction{Kind: object.Some}
	day  = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

func atLeast(k int) object.Restriction { return object.Restriction{Kind: object.Min, K: k} }

func ms(n int) model.Duration { return model.Duration(time.Duration(n) * time.Millisecond) }

// template makes one in version 1.0.0 for every service of the domain building.
func template(id string, r object.Restriction, composites ...microservice.Requirement) microservice.Template {
	return microservice.Template{
		ID: id, Domain: "building", Services: []string{"*"}, Restriction: r, Composites: composites,
		Release: microservice.Release{Version: microservice.Version{Major: 1}, Created: day, Updated: day, Kind: microservice.Major},
		Runtime: microservice.Runtime{BuiltIn: id},
	}
}

func composite(tag string, objects string) microservice.Requirement {
	r := microservice.Requirement{Tag: tag, Restriction: all}
	for _, o := range strings.Fields(objects) {
		r.Objects = append(r.Objects, object.ID("sensor/"+o))
	}
	return r
}

// paper is the structure "P" with four microservices required; its assumptions are
// told in the tests of package availability.
func paper() ([]microservice.Template, microservice.Service) {
	i, j, k, l := composite("i", "a d"), composite("j", "b e"), composite("k", "c e f"), composite("l", "a b h")
	n, m, o, p, q := composite("n", "f g"), composite("m", "b"), composite("o", "a d"), composite("p", "c"), composite("q", "i")
	s := microservice.Service{SID: "esr", Domain: "building", Priority: 3, Threshold: ms(150), Restriction: atLeast(4)}
	for _, id := range []string{"ms1", "ms2", "ms3", "ms4", "ms5"} {
		s.Steps = append(s.Steps, microservice.ServiceStep{Microservice: id, Major: 1})
	}
	s.Groups = []microservice.StepGroup{{Name: "c", Microservices: []string{"ms4", "ms5"}}}
	return []microservice.Template{template("ms1", atLeast(2), i, j, k), template("ms2", some, k, l), template("ms3", some, l, n), template("ms4", some, m, n), template("ms5", atLeast(2), o, p, q)}, s
}

func sensors(t testing.TB, names string, more ...object.Enrichment) *object.World {
	t.Helper()
	d := model.Document{Sites: []model.Site{{ID: "kiel"}}}
	for _, n := range strings.Fields(names) {
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(n), Site: "kiel", Quantity: record.ActivePower})
	}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	w, faults := object.NewWorld(m, nil, more)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return w
}

// view has every object live, but for what is said of it.
type view struct {
	epoch  uint64
	values map[object.ID]availability.Value
	ins    map[object.ID]availability.Value
	leases *lease.Table
	now    record.Millis
	asked  int
}

func (v *view) Epoch() uint64 { return v.epoch }

func (v *view) Value(o *object.Object) availability.Value {
	v.asked++
	if x, ok := v.values[o.ID]; ok {
		return x
	}
	return availability.Measured(0)
}

func (v *view) StandIn(o *object.Object, _ plan.Want) availability.Value { return v.ins[o.ID] }

func (v *view) Held(o *object.Object, w plan.Want) *lease.Conflict {
	if h, ok := v.leases.Holder(v.now, o.ID); ok && h.SID != w.SID && h.Priority >= w.Priority {
		return &lease.Conflict{Object: o.ID, Holder: h.SID, Priority: h.Priority, Until: h.Until}
	}
	return nil
}

func (v *view) dead(ids ...object.ID) *view {
	v.epoch++
	if v.values == nil {
		v.values = make(map[object.ID]availability.Value)
	}
	for _, id := range ids {
		v.values["sensor/"+id] = availability.Missed(5000)
	}
	return v
}

// up puts templates into a registry, each with an instance that is up.
func up(t testing.TB, templates ...microservice.Template) *registry.Snapshot {
	t.Helper()
	var c []registry.Change
	for i := range templates {
		x := &templates[i]
		id := x.ID + "-" + x.Release.Version.String()
		c = append(c, registry.Change{PutTemplate: x}, registry.Change{PutInstance: &registry.Instance{ID: id, Of: x.Key()}},
			registry.Change{Check: &registry.Check{Instance: id, At: 1, Live: true, Ready: true}})
	}
	s, _, err := registry.Empty().Apply(c...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func finder(t testing.TB, w plan.World, s *registry.Snapshot, cuts []plan.Cut, services ...microservice.Service) *plan.Finder {
	t.Helper()
	f, err := plan.NewFinder(plan.Options{Epoch: 1, Services: services, Registry: s, World: w, Cuts: cuts})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func notAvailable(t *testing.T, err error) *plan.NotAvailable {
	t.Helper()
	var no *plan.NotAvailable
	if !errors.As(err, &no) {
		t.Fatalf("it is available, or %v", err)
	}
	return no
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

// TestScenarioA1: P with everything fresh is carried out fully.
func TestScenarioA1(t *testing.T) {
	templates, s := paper()
	p, err := finder(t, sensors(t, "a b c d e f g h i"), up(t, templates...), nil, s).Discover(plan.Request{SID: "esr"}, &view{}, plan.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Exec != availability.Full || p.Strict != 1 || p.Mean != 1 || p.Missing != nil || p.Queue != nil || p.Steps[0].Instance != "ms1-1.0.0" {
		t.Errorf("%+v", p)
	}
	if want := []object.ID{"sensor/c", "sensor/e", "sensor/f"}; !slices.Equal(p.Steps[0].Composites[2].Members, want) {
		t.Errorf("composite k is %v", p.Steps[0].Composites[2])
	}
}

// TestScenarioA2: the links from CVOi to a and d are cut. The service runs partially, the
// work of the first microservice waits, and the plan names CVOi, a and d.
func TestScenarioA2(t *testing.T) {
	templates, s := paper()
	cuts := []plan.Cut{{Composite: "i", Object: "sensor/a", Since: 7}, {SID: "esr", Composite: "i", Object: "sensor/d"}, {SID: "other", Composite: "l", Object: "sensor/a"}}
	p, err := finder(t, sensors(t, "a b c d e f g h i"), up(t, templates...), cuts, s).Discover(plan.Request{SID: "esr"}, &view{}, plan.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Exec != availability.Partial || !near(p.Strict, .8) || !near(p.Mean, 14./15) || !p.Steps[0].Usable || p.Steps[0].Full || !slices.Equal(p.Queue, []string{"ms1"}) {
		t.Errorf("%+v", p)
	}
	want := []plan.Missing{{MS: "ms1", CVO: "i", VO: "sensor/a", Cause: plan.LinkCut, Since: 7}, {MS: "ms1", CVO: "i", VO: "sensor/d", Cause: plan.LinkCut}}
	if d := cmp.Diff(want, p.Missing); d != "" {
		t.Error(d)
	}
}

// TestScenarioA5: a is there, and CVOl alone cannot reach it. Without an agent two
// microservices lack it; where i stands in for it the service is carried out fully, and each
// of the two tells of one substitution and where it comes from.
func TestScenarioA5(t *testing.T) {
	templates, s := paper()
	w, cuts := sensors(t, "a b c d e f g h i"), []plan.Cut{{Composite: "l", Object: "sensor/a", Since: 7}}
	f, v := finder(t, w, up(t, templates...), cuts, s), &view{}
	p, err := f.Discover(plan.Request{SID: "esr"}, v, plan.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Exec != availability.Partial || !near(p.Strict, .6) || !near(p.Mean, .8) || p.StandIns != nil {
		t.Errorf("without an agent: %+v", p)
	}
	in := availability.Value{Share: .9, Source: availability.Substituted, By: "sensor/i", Since: 9}
	v.ins = map[object.ID]availability.Value{"sensor/a": in}
	if p, err = f.Discover(plan.Request{SID: "esr"}, v, plan.Ask{}); err != nil {
		t.Fatal(err)
	}
	if p.Exec != availability.Full || p.Strict != 1 || p.Mean != 1 || !near(p.Quality, (3+2*.9)/5) || p.Missing != nil || p.Queue != nil {
		t.Errorf("%+v", p)
	}
	want := []plan.Substitution{
		{MS: "ms2", CVO: "l", VO: "sensor/a", Source: availability.Substituted, By: "sensor/i", Share: .9, Since: 9},
		{MS: "ms3", CVO: "l", VO: "sensor/a", Source: availability.Substituted, By: "sensor/i", Share: .9, Since: 9},
	}
	if d := cmp.Diff(want, p.StandIns); d != "" {
		t.Error(d)
	}
	// The link is cut still when nothing stands in any more: a plan leaves nothing behind.
	v.ins = nil
	if p, err = f.Discover(plan.Request{SID: "esr"}, v, plan.Ask{}); err != nil || !near(p.Strict, .6) || len(p.Missing) != 2 || p.Missing[0].Cause != plan.LinkCut {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestCutLinksHeal: what stands in for an object behind a cut link is good enough, and is
// not behind one itself.
func TestCutLinksHeal(t *testing.T) {
	stands := func(by object.ID, share float64) map[object.ID]availability.Value {
		return map[object.ID]availability.Value{"sensor/a": {Share: share, Source: availability.Substituted, By: by}}
	}
	cuts := []plan.Cut{{Composite: "i", Object: "sensor/a"}, {Composite: "i", Object: "sensor/a"}, {Composite: "i", Object: "sensor/d"}}
	for _, c := range []struct {
		name    string
		cuts    []plan.Cut
		ins     map[object.ID]availability.Value
		quality float64
		missing int
		in      int
	}{
		{"another object", cuts[:1], stands("sensor/z", .9), .5, 0, 1},
		{"said twice", cuts[:2], stands("sensor/z", .9), .5, 0, 1},
		{"not good enough", cuts[:1], stands("sensor/z", .4), .5, 1, 0},
		{"behind a cut link itself", cuts, stands("sensor/d", .9), .5, 2, 0},
		{"it is its own stand-in", cuts[:1], stands("sensor/a", .9), .5, 1, 0},
		{"from its own past", cuts[:1], stands("", .9), .5, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := composite("i", "a d")
			i.Quality = c.quality
			s := microservice.Service{SID: "s", Domain: "building", Threshold: ms(150), Restriction: some, Steps: []microservice.ServiceStep{{Microservice: "m1", Major: 1}, {Microservice: "m2", Major: 1}}}
			f := finder(t, sensors(t, "a b d z"), up(t, template("m1", all, i), template("m2", all, composite("b", "b"))), c.cuts, s)
			p, err := f.Discover(plan.Request{SID: "s"}, &view{ins: c.ins}, plan.Ask{})
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Missing) != c.missing || len(p.StandIns) != c.in {
				t.Errorf("missing %+v, standing in %+v", p.Missing, p.StandIns)
			}
		})
	}
	// What stands in for everybody, since the object is dead too, does so here.
	templates, s := paper()
	v := (&view{}).dead()
	v.values["sensor/a"] = availability.Value{Share: .9, Source: availability.Substituted, By: "sensor/i"}
	p, err := finder(t, sensors(t, "a b c d e f g h i"), up(t, templates...), []plan.Cut{{Composite: "l", Object: "sensor/a"}}, s).Discover(plan.Request{SID: "esr"}, v, plan.Ask{})
	if err != nil || p.Exec != availability.Full || len(p.StandIns) != 4 { // i, l twice, o
		t.Errorf("%+v, %v", p, err)
	}
}

// TestDeadForAll: a is dead for everybody, and what stands in for it does so in every
// composite, told with where it comes from.
func TestDeadForAll(t *testing.T) {
	templates, s := paper()
	v := (&view{ins: map[object.ID]availability.Value{"sensor/a": {Share: .9, Source: availability.Substituted, By: "sensor/i", Since: 9}}}).dead("a")
	p, err := finder(t, sensors(t, "a b c d e f g h i"), up(t, templates...), nil, s).Discover(plan.Request{SID: "esr"}, v, plan.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Exec != availability.Full || p.Strict != 1 || !near(p.Quality, (4*.9+1)/5) {
		t.Errorf("%+v", p)
	}
	var where []string
	for _, x := range p.StandIns {
		if x.VO != "sensor/a" || x.By != "sensor/i" || x.Source != availability.Substituted || x.Share != .9 || x.Since != 9 {
			t.Errorf("%+v", x)
		}
		where = append(where, x.MS+" "+x.CVO)
	}
	if !slices.Equal(where, []string{"ms1 i", "ms2 l", "ms3 l", "ms5 o"}) {
		t.Errorf("stands in at %v", where)
	}
}

// TestScenarioA7: A6, where the fifth microservice has no instance that works and the fourth
// has lost CVOn, with five microservices required: it is not available, and says why.
func TestScenarioA7(t *testing.T) {
	templates, s := paper()
	w, cuts := sensors(t, "a b c d e f g h i"), []plan.Cut{{MS: "ms4", Composite: "n"}}
	reg := up(t, templates[:4]...)
	reg, _, err := reg.Apply(registry.Change{PutTemplate: &templates[4]})
	if err != nil {
		t.Fatal(err)
	}
	p, err := finder(t, w, reg, cuts, s).Discover(plan.Request{SID: "esr"}, &view{}, plan.Ask{})
	if err != nil || p.Exec != availability.Partial || !near(p.Strict, .6) || !near(p.Mean, .7) || !near(p.Groups[0].Mean, .25) {
		t.Fatalf("A6: %+v, %v", p, err)
	}
	s.Restriction = atLeast(5)
	_, err = finder(t, w, reg, cuts, s).Discover(plan.Request{SID: "esr"}, &view{}, plan.Ask{})
	want := &plan.NotAvailable{
		SID: "esr", Priority: 3, Domain: "building", Reason: plan.NoneIsUp, Required: plan.Required{Microservices: "min 5", Of: 5}, Usable: 4,
		Missing:   []plan.Missing{{MS: "ms4", CVO: "n", Cause: plan.LinkCut}, {MS: "ms5", Cause: plan.MicroserviceDown}},
		Threshold: plan.Estimate{Limit: 150, Rule: plan.BySum}, Availability: .6, Mean: .7, Quality: .6, RetryAfter: 30, Queued: true, Queue: []string{"ms4", "ms5"},
		Alternatives: []plan.Alternative{},
	}
	if d := cmp.Diff(want, notAvailable(t, err)); d != "" {
		t.Error(d)
	}

	// The same with the objects of the fifth one dead, as the scenario has it: reason restriction.
	v := (&view{}).dead("i")
	v.values["sensor/d"] = availability.Missed(5000)
	_, err = finder(t, w, up(t, templates...), cuts, s).Discover(plan.Request{SID: "esr"}, v, plan.Ask{})
	if no := notAvailable(t, err); no.Reason != plan.Restriction || no.Usable != 4 || no.Required.Microservices != "min 5" || no.RetryAfter != 60 {
		t.Errorf("%+v", no)
	}
}

// TestScenarioD3: an unknown service is told, and nothing has been looked at. That
// nobody gets here without a token is shown where there are tokens.
func TestScenarioD3(t *testing.T) {
	templates, s := paper()
	f, v := finder(t, sensors(t, "a b c d e f g h i"), up(t, templates...), nil, s), &view{}
	for _, c := range []struct {
		request plan.Request
		want    error
	}{
		{plan.Request{SID: "nothing"}, plan.ErrUnknown},
		{plan.Request{SID: "esr", Domain: "health"}, plan.ErrUnknown},
		{plan.Request{SID: "esr", Subject: "group/none"}, plan.ErrSubject},
		{plan.Request{SID: "esr", Subject: "space/none"}, plan.ErrSubject},
		{plan.Request{SID: "esr", Threshold: -1}, plan.ErrRequest},
		{plan.Request{SID: "esr", Priority: new(int)}, nil},
		{plan.Request{SID: "esr", Priority: func() *int { n := 4; return &n }()}, plan.ErrRequest},
	} {
		v.asked = 0
		_, err := f.Discover(c.request, v, plan.Ask{})
		if !errors.Is(err, c.want) || c.want != nil && v.asked > 0 {
			t.Errorf("%+v: %v, %d objects were looked at", c.request, err, v.asked)
		}
	}
}

// TestScenarioD4: 1.4.2, 1.5.0 and 2.0.0 are healthy. The service, which says major 1,
// gets 1.5.0; after three failed checks the next request gets 1.4.2; 2.0.0 only who asks for it.
func TestScenarioD4(t *testing.T) {
	make := func(v string) microservice.Template {
		x := template("load", some, composite("c", "a"))
		x.Release.Version, _ = microservice.ParseVersion(v)
		return x
	}
	reg, w := up(t, make("1.4.2"), make("1.5.0"), make("2.0.0")), sensors(t, "a")
	s := microservice.Service{SID: "S1", Domain: "building", Threshold: ms(100), Restriction: some, Steps: []microservice.ServiceStep{{Microservice: "load", Major: 1}}}
	version := func(r plan.Request) string {
		p, err := finder(t, w, reg, nil, s).Discover(r, &view{}, plan.Ask{})
		if err != nil {
			return err.Error()
		}
		return p.Steps[0].Version.String()
	}
	if got := version(plan.Request{SID: "S1"}); got != "1.5.0" {
		t.Errorf("gets %s", got)
	}
	if got := version(plan.Request{SID: "S1", Majors: map[string]int{"load": 2}}); got != "2.0.0" {
		t.Errorf("gets %s when it asks for 2", got)
	}
	for range 3 {
		reg, _, _ = reg.Apply(registry.Change{Check: &registry.Check{Instance: "load-1.5.0", At: 2}})
	}
	if got := version(plan.Request{SID: "S1"}); got != "1.4.2" {
		t.Errorf("gets %s after 1.5.0 has failed", got)
	}
	if got := version(plan.Request{SID: "S1", Majors: map[string]int{"load": 3}}); !strings.Contains(got, "there is none in the major version 3") {
		t.Errorf("gets %s when it asks for 3", got)
	}
}

// TestScenarioD5: all thresholds together are 187 ms. 150 are too few, 190 enough; along
// the longest way it is less.
func TestScenarioD5(t *testing.T) {
	a, b := template("a", some, composite("x", "a"), composite("y", "b")), template("b", some, composite("z", "c"))
	a.Threshold, a.Composites[0].Threshold, a.Composites[1].Threshold = ms(50), ms(20), ms(17)
	b.Threshold, b.Composites[0].Threshold = ms(70), ms(30)
	a.Outputs, b.Inputs = []microservice.Property{{Name: "load"}}, []microservice.Property{{Name: "load"}, {Name: "z"}}
	s := microservice.Service{SID: "S2", Domain: "building", Threshold: ms(150), Restriction: all, Steps: []microservice.ServiceStep{{Microservice: "a", Major: 1}, {Microservice: "b", Major: 1}}}
	w, reg := sensors(t, "a b c"), up(t, a, b)
	_, err := finder(t, w, reg, nil, s).Discover(plan.Request{SID: "S2"}, &view{}, plan.Ask{})
	no := notAvailable(t, err)
	if no.Reason != plan.Threshold || no.Threshold != (plan.Estimate{Limit: 150, Estimated: 187, Rule: plan.BySum}) || no.Queued || no.RetryAfter != 0 {
		t.Errorf("%+v", no)
	}
	s.Threshold = ms(190)
	p, err := finder(t, w, reg, nil, s).Discover(plan.Request{SID: "S2"}, &view{}, plan.Ask{})
	if err != nil || p.Exec != availability.Full || p.Threshold.Estimated != 187 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := finder(t, w, reg, nil, s).Discover(plan.Request{SID: "S2", Threshold: 186 * time.Millisecond}, &view{}, plan.Ask{}); notAvailable(t, err).Threshold.Limit != 186 {
		t.Errorf("a shorter threshold of the request: %v", err)
	}
	f, err := plan.NewFinder(plan.Options{Services: []microservice.Service{s}, Registry: reg, World: w, Rule: plan.ByPath})
	if err != nil {
		t.Fatal(err)
	}
	p, err = f.Discover(plan.Request{SID: "S2"}, &view{}, plan.Ask{})
	if err != nil || p.Threshold.Estimated != 50+20+70+30 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestBudgets(t *testing.T) {
	a, b := template("a", some, composite("x", "a")), template("b", some, composite("z", "c"))
	s := microservice.Service{SID: "S", Domain: "building", Threshold: ms(100), Restriction: all}
	budgets := func() []time.Duration {
		f := finder(t, sensors(t, "a c"), up(t, a, b), nil, s)
		sro, _ := f.FindSmartService(plan.Request{SID: "S"})
		mso, err := f.FindDataProAnalysisMicroservices(sro)
		if err != nil {
			t.Fatal(err)
		}
		return mso.Budgets(time.Second)
	}
	if got := budgets(); !slices.Equal(got, []time.Duration{time.Second / 2, time.Second / 2}) {
		t.Errorf("without thresholds %v", got)
	}
	a.Threshold, a.Composites[0].Threshold, b.Threshold = ms(10), ms(5), ms(5)
	if got := budgets(); !slices.Equal(got, []time.Duration{750 * time.Millisecond, 250 * time.Millisecond}) {
		t.Errorf("%v", got)
	}
}

// TestScenarioD6: the state of an object changes, and the next plan knows. A plan that
// was kept is not used in another epoch.
func TestScenarioD6(t *testing.T) {
	templates, s := paper()
	f, v := finder(t, sensors(t, "a b c d e f g h i"), up(t, templates...), nil, s), &view{}
	cache := plan.NewCache[*plan.Plan](plan.CacheOptions{})
	at := plan.CacheKey{SID: "esr"}
	ask := func() *plan.Plan {
		if p, fresh, ok := cache.Get(at, f.Epoch(), v.Epoch(), 1000); ok && fresh == plan.Fresh {
			return p
		}
		p, err := f.Discover(plan.Request{SID: "esr"}, v, plan.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		cache.Put(at, f.Epoch(), v.Epoch(), 1000, p)
		return p
	}
	first := ask()
	if first.Strict != 1 || ask() != first {
		t.Fatal("the plan is not kept")
	}
	v.dead("h")
	if p := ask(); !near(p.Strict, .6) || p.States != 1 {
		t.Errorf("after h has died: %+v", p)
	}
	v.values = nil
	v.epoch++
	if p := ask(); p.Strict != 1 {
		t.Errorf("after h has come back: %+v", p)
	}
}

// TestScenarioD7: the same sid in two domains has other microservices and other rules.
func TestScenarioD7(t *testing.T) {
	building, health := template("load", some, composite("c", "a b")), template("pulse", some, composite("c", "c"))
	health.Domain = "health"
	one := microservice.Service{SID: "S1", Domain: "building", Priority: 1, Threshold: ms(100), Restriction: some}
	two := microservice.Service{SID: "S1", Domain: "health", Priority: 90, Threshold: ms(20), Restriction: all}
	f := finder(t, sensors(t, "a b c"), up(t, building, health), nil, one, two)
	for domain, want := range map[string]string{"building": "load 1 100", "health": "pulse 90 20"} {
		p, err := f.Discover(plan.Request{SID: "S1", Domain: domain}, &view{}, plan.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(p.Steps[0].MS, " ", p.Priority, " ", p.Threshold.Limit); got != want || len(p.Steps) != 1 {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
	if _, err := f.Discover(plan.Request{SID: "S1"}, &view{}, plan.Ask{}); !errors.Is(err, plan.ErrAmbiguous) {
		t.Errorf("without a domain: %v", err)
	}
}

// TestScenarioP1 has the part of a plan: a fire has the actuator, the thermostat is
// told so with the holder's priority and when its lease ends, and runs after it.
func TestScenarioP1(t *testing.T) {
	w := sensors(t, "valve temperature", object.Enrichment{Object: "sensor/valve", Actuator: true})
	thermostat := microservice.Service{SID: "thermostat", Domain: "building", Priority: 10, Threshold: ms(100), Restriction: all}
	f := finder(t, w, up(t, template("heat", all, composite("act", "valve"), composite("room", "temperature"))), nil, thermostat)
	v := &view{leases: lease.New(lease.Options{}, 0), now: 1000}
	fire, _, err := v.leases.Acquire(1000, lease.Request{SID: "fire", Object: "sensor/valve", Priority: 100, For: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Discover(plan.Request{SID: "thermostat"}, v, plan.Ask{Now: 1000})
	no := notAvailable(t, err)
	want := []plan.Missing{{MS: "heat", CVO: "act", VO: "sensor/valve", Cause: plan.Held, Holder: &plan.Holder{Priority: 100, Until: 21_000}}}
	if d := cmp.Diff(want, no.Missing); d != "" || no.Reason != plan.InConflict || no.RetryAfter != 20 {
		t.Errorf("%s, %s, again after %d s", d, no.Reason, no.RetryAfter)
	}
	if err := v.leases.Release(2000, "sensor/valve", fire.Token); err != nil {
		t.Fatal(err)
	}
	p, err := f.Discover(plan.Request{SID: "thermostat"}, v, plan.Ask{Now: 2000})
	if err != nil || !slices.Equal(p.Exclusive, []object.ID{"sensor/valve"}) {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestScenarioR1 has the part of a plan: while the breaker of an instance is open it is
// not picked, and while that of an object's source is, what stands in is taken.
func TestScenarioR1(t *testing.T) {
	x := template("load", some, composite("c", "a"))
	reg := up(t, x)
	reg, _, err := reg.Apply(registry.Change{PutInstance: &registry.Instance{ID: "second", Of: x.Key()}}, registry.Change{Check: &registry.Check{Instance: "second", Live: true, Ready: true}})
	if err != nil {
		t.Fatal(err)
	}
	s := microservice.Service{SID: "S1", Domain: "building", Threshold: ms(100), Restriction: some}
	f := finder(t, sensors(t, "a"), reg, nil, s)
	v := (&view{ins: map[object.ID]availability.Value{"sensor/a": {Share: .7, Source: availability.Virtual}}}).dead("a")
	for spread := range uint64(4) {
		p, err := f.Discover(plan.Request{SID: "S1"}, v, plan.Ask{Spread: spread, Skip: func(id string) bool { return id == "load-1.0.0" }})
		if err != nil || p.Steps[0].Instance != "second" || len(p.StandIns) != 1 || p.StandIns[0].Source != availability.Virtual {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

// TestQuality: what stands in is good enough for one composite, and not for another.
func TestQuality(t *testing.T) {
	a, b := composite("rough", "a b"), composite("fine", "a b")
	a.Quality, b.Quality = .5, .9
	s := microservice.Service{SID: "S1", Domain: "building", Threshold: ms(100), Restriction: some}
	f := finder(t, sensors(t, "a b"), up(t, template("m", some, a, b)), nil, s)
	in := func(share float64) *view {
		return (&view{ins: map[object.ID]availability.Value{"sensor/a": {Share: share, Source: availability.Substituted, By: "sensor/b"}}}).dead("a")
	}
	p, err := f.Discover(plan.Request{SID: "S1"}, in(.7), plan.Ask{})
	want := []plan.Missing{{MS: "m", CVO: "fine", VO: "sensor/a", Cause: plan.Poor}}
	if err != nil || cmp.Diff(want, p.Missing) != "" || len(p.StandIns) != 1 || !near(p.Mean, .5) {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = f.Discover(plan.Request{SID: "S1"}, in(.95), plan.Ask{})
	if err != nil || p.Exec != availability.Full || len(p.Missing) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	_, err = f.Discover(plan.Request{SID: "S1"}, in(.4), plan.Ask{})
	no := notAvailable(t, err)
	if len(no.Missing) != 2 || no.Missing[0].Cause != plan.Poor || no.Missing[1].Cause != plan.Poor {
		t.Errorf("%+v", no.Missing)
	}
}

// TestComposition: a service needs a bill, which needs a forecast, which needs the
// load; static ones come first, and what needs itself is told.
func TestComposition(t *testing.T) {
	give := func(id, out string, dynamic bool, in ...string) microservice.Template {
		x := template(id, some, composite("c", "a"))
		x.Dynamic, x.Outputs = dynamic, []microservice.Property{{Name: out, Class: "brick:Active_Power_Sensor"}}
		for _, n := range in {
			x.Inputs = append(x.Inputs, microservice.Property{Name: n, Class: "brick:Power_Sensor"})
		}
		return x
	}
	s := microservice.Service{SID: "S1", Domain: "building", Threshold: ms(100), Restriction: some, Needs: []microservice.Property{{Name: "bill"}}}
	s.Steps = []microservice.ServiceStep{{Microservice: "load", Major: 1}}
	w := sensors(t, "a")
	templates := []microservice.Template{give("load", "load", false), give("aaa", "forecast", true, "load"), give("forecast", "forecast", false, "load"), give("bill", "bill", true, "forecast", "c")}
	f := finder(t, w, up(t, templates...), nil, s)
	sro, err := f.FindSmartService(plan.Request{SID: "S1"})
	if err != nil {
		t.Fatal(err)
	}
	mso, err := f.FindDataProAnalysisMicroservices(sro)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range mso.Steps {
		got = append(got, fmt.Sprintf("%s %v %v", x.MS, x.Composed, x.After))
	}
	if want := []string{"load false []", "bill true [forecast]", "forecast true [load]"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var none *plan.NoMicroservice
	_, err = finder(t, w, up(t, templates[0], templates[3]), nil, s).Discover(plan.Request{SID: "S1"}, &view{}, plan.Ask{})
	if !errors.As(err, &none) || none.Need != "forecast" || none.Microservice != "bill" {
		t.Errorf("without a forecast: %v", err)
	}
	_, err = finder(t, w, up(t, templates[0], templates[3], give("forecast", "forecast", false, "bill")), nil, s).Discover(plan.Request{SID: "S1"}, &view{}, plan.Ask{})
	if !errors.As(err, &none) || !strings.Contains(none.Why, "needs it itself") {
		t.Errorf("in a circle: %v", err)
	}
}

// TestInstead: what may do instead is told with how available it is.
func TestInstead(t *testing.T) {
	big := microservice.Service{SID: "S2", Domain: "building", Threshold: ms(100), Restriction: all, Steps: []microservice.ServiceStep{{Microservice: "m", Major: 1, Critical: true}}, Instead: []string{"gone", "lite"}}
	lite := microservice.Service{SID: "lite", Domain: "building", Threshold: ms(100), Restriction: all, Steps: []microservice.ServiceStep{{Microservice: "n", Major: 1}}}
	f := finder(t, sensors(t, "a b"), up(t, template("m", all, composite("c", "a")), template("n", all, composite("c", "b"))), nil, big, lite)
	_, err := f.Discover(plan.Request{SID: "S2"}, (&view{}).dead("a"), plan.Ask{})
	no := notAvailable(t, err)
	if d := cmp.Diff([]plan.Alternative{{SID: "lite", Availability: 1}}, no.Alternatives); d != "" || !slices.Equal(no.Required.Critical, []string{"m"}) {
		t.Error(d, no.Required)
	}
}

// TestGroupsWithin: a composite of groups, whose own restrictions count; a link to a
// group can be cut, and what stands in in a group is told with the tag of the composite.
func TestGroupsWithin(t *testing.T) {
	d := model.Document{Sites: []model.Site{{ID: "kiel"}}}
	for _, id := range []record.SensorID{"a", "b", "c", "d", "e"} {
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "kiel", Quantity: record.ActivePower})
	}
	d.Groups = []model.Group{
		{ID: "all", Members: []model.Member{{Group: "one"}, {Group: "two"}}}, {ID: "one", Members: []model.Member{{Sensor: "a"}, {Sensor: "b"}, {Sensor: "c"}}},
		{ID: "two", Members: []model.Member{{Sensor: "d"}, {Sensor: "e"}}},
	}
	d.Hierarchies = []model.Hierarchy{{ID: "h", Site: "kiel", Root: "all"}}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	two := atLeast(2)
	w, faults := object.NewWorld(m, nil, []object.Enrichment{{Object: "group/one", Restriction: &two}, {Object: "group/two", Critical: []object.ID{"sensor/e"}}, {Object: "group/all", Restriction: &two}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	odd := microservice.Requirement{Tag: "odd|tag", Objects: []object.ID{"group/all"}, Restriction: all}
	s := microservice.Service{SID: "S1", Domain: "building", Threshold: ms(100), Restriction: some}
	for _, c := range []struct {
		dead string
		cut  object.ID
		want string
	}{
		{"", "", "full"}, {"a", "", "full"}, {"a b", "", "none"}, {"d", "", "full"}, {"e", "", "none"}, {"", "group/all", "none"}, {"", "sensor/a", "full"},
	} {
		var cuts []plan.Cut
		if c.cut != "" {
			cuts = []plan.Cut{{Composite: "odd|tag", Object: c.cut}}
		}
		v := &view{ins: map[object.ID]availability.Value{"sensor/c": {Share: .5, Source: availability.Virtual}}}
		for _, id := range strings.Fields(c.dead) {
			v.dead(object.ID(id))
		}
		got := "none"
		p, err := finder(t, w, up(t, template("m", some, odd)), cuts, s).Discover(plan.Request{SID: "S1"}, v.dead("c"), plan.Ask{})
		if err == nil {
			got = string(p.Exec)
			if len(p.StandIns) != 1 || p.StandIns[0].CVO != "odd|tag" || p.StandIns[0].VO != "sensor/c" {
				t.Errorf("%+v", p.StandIns)
			}
		} else if no := notAvailable(t, err); len(no.Missing) == 0 || no.Missing[0].CVO != "odd|tag" || c.cut != "" && no.Missing[0].VO != c.cut {
			t.Errorf("%+v", no.Missing)
		}
		if got != c.want {
			t.Errorf("dead %q, cut %q: %s, want %s", c.dead, c.cut, got, c.want)
		}
	}
}

// TestClosedWorld: an object that is not there is missing, whatever a restriction asks for.
func TestClosedWorld(t *testing.T) {
	c := composite("c", "a gone")
	c.Restriction = some
	class := microservice.Requirement{Tag: "heat", Class: "brick:Temperature_Sensor", Restriction: some}
	five := microservice.Requirement{Tag: "five", Class: "brick:Power_Sensor", Restriction: atLeast(3)}
	s := microservice.Service{SID: "S1", Domain: "building", Threshold: ms(100), Restriction: some}
	p, err := finder(t, sensors(t, "a b"), up(t, template("m", some, c, class, five)), nil, s).Discover(plan.Request{SID: "S1"}, &view{}, plan.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	want := []plan.Missing{{MS: "m", CVO: "c", VO: "sensor/gone", Cause: plan.Absent}, {MS: "m", CVO: "heat", Cause: plan.Absent}, {MS: "m", CVO: "five", Cause: plan.Absent}}
	if d := cmp.Diff(want, p.Missing); d != "" || !near(p.Mean, 1./3) {
		t.Error(d, p.Mean)
	}
}
