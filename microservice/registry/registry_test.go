package registry_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

func version(t testing.TB, s string) microservice.Version {
	t.Helper()
	v, err := microservice.ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func key(t testing.TB, id, v string) microservice.Key {
	return microservice.Key{ID: id, Version: version(t, v)}
}

func template(t testing.TB, id, v string) registry.Change {
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	some := object.Restriction{Kind: object.Some}
	return registry.Change{At: 1000, PutTemplate: &microservice.Template{
		ID: id, Domain: "building", Services: []string{"*"}, Restriction: some,
		Composites: []microservice.Requirement{{Tag: "load", Class: "brick:Power_Sensor", Restriction: some}},
		Release:    microservice.Release{Version: version(t, v), Created: day, Updated: day, Kind: microservice.Minor},
		Runtime:    microservice.Runtime{BuiltIn: id},
	}}
}

func instance(t testing.TB, id, of, v string) registry.Change {
	return registry.Change{At: 1000, PutInstance: &registry.Instance{ID: id, Of: key(t, of, v)}}
}

func check(id string, at record.Millis, ok bool) registry.Change {
	return registry.Change{Check: &registry.Check{Instance: id, At: at, Live: ok, Ready: ok, Note: "no answer"}}
}

func apply(t testing.TB, s *registry.Snapshot, c ...registry.Change) (*registry.Snapshot, []registry.Entry) {
	t.Helper()
	n, log, err := s.Apply(c...)
	if err != nil {
		t.Fatal(err)
	}
	return n, log
}

// TestScenarioD4: 1.4.2, 1.5.0 and 2.0.0 of a microservice are healthy. Major 1 gets
// 1.5.0; once that has failed three checks the next request gets 1.4.2; 2.0.0 never.
func TestScenarioD4(t *testing.T) {
	s, _ := apply(t, registry.Empty(),
		template(t, "load", "1.4.2"), template(t, "load", "2.0.0"), template(t, "load", "1.5.0"),
		instance(t, "a", "load", "1.4.2"), instance(t, "b", "load", "1.5.0"), instance(t, "c", "load", "2.0.0"),
		check("a", 2000, true), check("b", 2000, true), check("c", 2000, true))
	pick := func(s *registry.Snapshot) string {
		got, _, ok := s.Pick("load", 1, 0, nil)
		if !ok {
			return "none"
		}
		return got.Release.Version.String()
	}
	if got := pick(s); got != "1.5.0" {
		t.Fatalf("picks %s", got)
	}
	for i := range 3 {
		if got := pick(s); got != "1.5.0" {
			t.Fatalf("picks %s after %d failures", got, i)
		}
		s, _ = apply(t, s, check("b", record.Millis(3000+i), false))
	}
	if got := pick(s); got != "1.4.2" {
		t.Fatalf("picks %s after 3 failures", got)
	}
	before := s
	s, log := apply(t, s, check("b", 4000, true), check("b", 4001, true))
	if got := pick(s); got != "1.5.0" || len(log) != 1 || log[0].To != registry.Up {
		t.Fatalf("picks %s after 2 passes: %v", got, log)
	}
	if got := pick(before); got != "1.4.2" {
		t.Fatalf("a snapshot has changed: it picks %s", got)
	}
	s, _ = apply(t, s, registry.Change{RemoveInstance: "a"}, registry.Change{RemoveInstance: "b"})
	if got := pick(s); got != "none" {
		t.Fatalf("picks %s, and nothing of major 1 is there", got)
	}
	if got, _ := s.Newest("load", 1); got.Release.Version.String() != "1.5.0" {
		t.Fatal("the newest version is forgotten with its instances")
	}
}

// TestScenarioR2: one of three instances is killed while 50 requests a second come. A
// request takes 40 ms; one that is refused goes to another instance at once. No request
// fails but those that were under way at the moment; after three failed checks, one a second, the
// dead one is not picked any more, the others take over, and it is logged.
func TestScenarioR2(t *testing.T) {
	s, _ := apply(t, registry.Empty(), template(t, "load", "1.0.0"), instance(t, "a", "load", "1.0.0"), instance(t, "b", "load", "1.0.0"), instance(t, "c", "load", "1.0.0"),
		check("a", 1000, true), check("b", 1000, true), check("c", 1000, true))
	const killed, took = 5_010, 40
	dead := func(id string, at record.Millis) bool { return id == "b" && at >= killed }
	var log []registry.Entry
	var failed, underWay, again int
	detected := record.Millis(0)
	served := make(map[string]int)
	for n := range uint64(1000) { // 20 s
		now := record.Millis(1000 + 20*n)
		if now%1000 == 0 {
			for _, id := range []string{"a", "b", "c"} {
				var e []registry.Entry
				s, e = apply(t, s, check(id, now, !dead(id, now)))
				log = append(log, e...)
			}
			if len(log) > 0 && detected == 0 {
				detected = now
			}
		}
		var tried []string
		for {
			_, h, ok := s.Pick("load", 1, n, func(id string) bool { return slices.Contains(tried, id) })
			if !ok {
				failed++
				break
			}
			id := h.Instance.ID
			if detected > 0 && id == "b" {
				t.Fatalf("picked at %v, detected at %v", now, detected)
			}
			if dead(id, now) {
				tried, again = append(tried, id), again+1
				continue
			}
			if dead(id, now+took) {
				underWay++
			}
			served[id]++
			break
		}
	}
	if failed != 0 || underWay > 2 {
		t.Errorf("%d failed, %d were under way", failed, underWay)
	}
	if detected != 8000 || again == 0 {
		t.Errorf("detected at %v, %d went to another one", detected, again)
	}
	if want := []registry.Entry{{Instance: "b", At: 8000, From: registry.Up, To: registry.Down, Why: "no answer"}}; !slices.Equal(log, want) {
		t.Errorf("logged %v", log)
	}
	if served["a"]+served["b"]+served["c"] != 1000 || served["a"] < 300 || served["c"] < 300 {
		t.Errorf("served %v", served)
	}
}

// TestHysteresis compares states with what the whole history of checks says.
func TestHysteresis(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		s, _ := apply(t, registry.Empty(), template(t, "load", "1.0.0"),
			registry.Change{PutInstance: &registry.Instance{ID: "a", Of: key(t, "load", "1.0.0"), Interval: 1000}})
		var live, ready, fresh []bool
		think := func(history []bool) (bad, known bool) {
			for i, ok := range history {
				switch {
				case i == 0:
					bad = !ok
				case bad && ok && history[i-1]:
					bad = false
				case !bad && i >= 2 && !ok && !history[i-1] && !history[i-2]:
					bad = true
				}
			}
			return bad, len(history) > 0
		}
		quarantined := false
		epoch, state, entries := s.Epoch(), registry.Down, 0
		for i := range 300 {
			now := record.Millis(100_000 + 1000*i)
			c := registry.Change{At: now}
			switch r.IntN(20) {
			case 0:
				c.Quarantine, quarantined = "a", true
			case 1:
				c.Release, quarantined = "a", false
			default:
				x := registry.Check{Instance: "a", At: now, Live: r.IntN(3) > 0, Ready: r.IntN(3) > 0, Seen: now - record.Millis(r.IntN(4001))}
				c.Check = &x
				if live = append(live, x.Live); x.Live {
					ready, fresh = append(ready, x.Ready), append(fresh, now-x.Seen <= 3000)
				}
			}
			var log []registry.Entry
			s, log = apply(t, s, c)
			want := registry.Up
			bad, known := think(live)
			notReady, _ := think(ready)
			stale, _ := think(fresh)
			switch {
			case quarantined:
				want = registry.Quarantined
			case bad || !known:
				want = registry.Down
			case stale:
				want = registry.Stale
			case notReady:
				want = registry.Degraded
			}
			h, _ := s.Instance("a")
			if h.State != want {
				t.Fatalf("seed %d, check %d: %s, want %s", seed, i, h.State, want)
			}
			if changed := want != state; changed != (len(log) == 1) || changed != (s.Epoch() == epoch+1) || !changed && s.Epoch() != epoch {
				t.Fatalf("seed %d, check %d: from %s to %s, log %v, epoch %d after %d", seed, i, state, want, log, s.Epoch(), epoch)
			}
			entries += len(log)
			epoch, state = s.Epoch(), want
			if len(h.Log) != min(entries, registry.MaxLog) || h.Lost != max(0, entries-registry.MaxLog) {
				t.Fatalf("%d of %d entries are kept, %d lost", len(h.Log), entries, h.Lost)
			}
			_, _, picked := s.Pick("load", 1, 0, nil)
			if picked != (want == registry.Up) {
				t.Fatalf("picked is %v, state %s", picked, want)
			}
		}
	}
}

// carry does what Reconcile asks for.
func carry(t *testing.T, s *registry.Snapshot, now record.Millis, actions []registry.Action, n *int) *registry.Snapshot {
	for _, a := range actions {
		var c []registry.Change
		switch a.Kind {
		case registry.Stop:
			c = []registry.Change{{RemoveInstance: a.Instance}}
		case registry.Start, registry.Restart:
			id := a.Instance
			if id == "" {
				*n++
				id = fmt.Sprint("new", *n)
			}
			c = []registry.Change{{RemoveInstance: id}, {At: now, PutInstance: &registry.Instance{ID: id, Of: a.Of}}}
		}
		s, _ = apply(t, s, c...)
	}
	return s
}

func TestReconcile(t *testing.T) {
	s, _ := apply(t, registry.Empty(), template(t, "load", "1.0.0"), template(t, "load", "1.1.0"), template(t, "bill", "1.0.0"),
		instance(t, "a", "load", "1.0.0"), instance(t, "b", "bill", "1.0.0"), instance(t, "c", "bill", "1.0.0"), instance(t, "d", "bill", "1.0.0"),
		check("a", 1000, true), check("b", 1000, true), check("c", 1000, false), check("d", 1000, true), registry.Change{At: 1000, Quarantine: "d"})
	desired := []registry.Desired{{Of: key(t, "load", "1.1.0"), Instances: 2}, {Of: key(t, "bill", "1.0.0"), Instances: 2}, {Of: key(t, "gone", "1.0.0"), Instances: 1}}
	got := registry.Reconcile(desired, s, 40_000, 100)
	want := []registry.Action{
		{Kind: registry.Tell, Of: key(t, "gone", "1.0.0"), Why: "there is no such template"},
		{Kind: registry.Start, Of: key(t, "load", "1.1.0"), Why: "0 of 2 are there"},
		{Kind: registry.Start, Of: key(t, "load", "1.1.0"), Why: "1 of 2 are there"},
		{Kind: registry.Restart, Of: key(t, "bill", "1.0.0"), Instance: "c", Why: "down since 1970-01-01T00:00:01.000Z"},
		{Kind: registry.Stop, Of: key(t, "load", "1.0.0"), Instance: "a", Why: "none is wanted"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if some := registry.Reconcile(desired, s, 40_000, 2); len(some) != 2 {
		t.Errorf("%d actions, at most 2 were asked for", len(some))
	}
	n := 0
	s = carry(t, s, 40_000, got, &n)
	if again := registry.Reconcile(desired[:2], s, 40_000, 100); len(again) != 0 {
		t.Errorf("after everything was done: %v", again)
	}
	if h, ok := s.Instance("d"); !ok || h.State != registry.Quarantined {
		t.Error("who is in quarantine is not left alone")
	}
	if over := registry.Reconcile([]registry.Desired{{Of: key(t, "bill", "1.0.0"), Instances: 1}}, s, 40_000, 1); over[0].Kind != registry.Stop || over[0].Instance != "c" {
		t.Errorf("of two the one that is down stops first: %v", over)
	}
}

func TestRetired(t *testing.T) {
	s, _ := apply(t, registry.Empty(), template(t, "load", "1.4.2"), template(t, "load", "1.5.0"), template(t, "load", "2.0.0"), template(t, "bill", "1.0.0"))
	used := map[microservice.Key]record.Millis{key(t, "load", "1.5.0"): 50_000}
	got := s.Retired(used, 61_001, 60_000)
	if want := []microservice.Key{key(t, "load", "1.4.2")}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := s.Retired(used, 61_000, 60_000); len(got) != 0 {
		t.Errorf("%v, and all were used since", got)
	}
}

func TestApplySaysWhatIsWrong(t *testing.T) {
	s, _ := apply(t, registry.Empty(), template(t, "load", "1.0.0"))
	bad := template(t, "load", "1.0.1")
	bad.PutTemplate.Composites = nil
	for want, c := range map[string]registry.Change{
		"a change says nothing":                                          {},
		`microservice "load": composites: it looks at nothing`:           bad,
		`instance "a": there is no microservice "bill" in version 1.0.0`: instance(t, "a", "bill", "1.0.0"),
		`there is no instance "z"`:                                       {Quarantine: "z"},
		`instance "a": an interval of -1 ms cannot be`:                   {PutInstance: &registry.Instance{ID: "a", Of: key(t, "load", "1.0.0"), Interval: -1}},
		`instance`: {PutInstance: &registry.Instance{Of: key(t, "load", "1.0.0")}},
	} {
		n, _, err := s.Apply(instance(t, "good", "load", "1.0.0"), c)
		if err == nil || !strings.Contains(err.Error(), want) || n != s {
			t.Errorf("%s: %v", want, err)
		}
	}
	n, log := apply(t, s, check("gone", 1, true), registry.Change{RemoveInstance: "gone"}, registry.Change{RemoveTemplate: key(t, "gone", "1.0.0")})
	if len(log) != 0 || n.Epoch() != s.Epoch() {
		t.Error("what is not there any more changes something")
	}
}

func TestTemplatesAreFilledIn(t *testing.T) {
	s, _ := apply(t, registry.Empty(), template(t, "load", "1.0.0"), template(t, "load", "1.1.0"), instance(t, "b", "load", "1.0.0"), instance(t, "a", "load", "1.0.0"), check("a", 1000, true))
	all := s.Templates()
	if len(all) != 2 || all[0].Release.Version != version(t, "1.1.0") {
		t.Fatalf("%v", all)
	}
	if d := cmp.Diff(&microservice.InstanceCounts{Total: 2, Healthy: 1, Poor: 1}, all[1].Instances); d != "" {
		t.Error(d)
	}
	if l := all[1].Locations; len(l) != 2 || l[0].Instance != "a" {
		t.Errorf("%v", l)
	}
	s, _ = apply(t, s, registry.Change{RemoveTemplate: key(t, "load", "1.0.0")})
	if _, ok := s.Instance("a"); ok {
		t.Error("an instance outlives its template")
	}
	if got := s.Majors("load"); !slices.Equal(got, []int{1}) {
		t.Errorf("%v", got)
	}
}

func BenchmarkPick(b *testing.B) {
	s := registry.Empty()
	for i := range 312 {
		id := fmt.Sprint("m", i)
		s, _ = apply(b, s, template(b, id, "1.0.0"), instance(b, id+"a", id, "1.0.0"), check(id+"a", 1, true))
	}
	for b.Loop() {
		s.Pick("m17", 1, 3, nil)
	}
}
