package execution_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/bench/ladder"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/builtin"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
)

// available gives what /availability says of service P.
func (h *house) available() m {
	h.t.Helper()
	all := h.must(200, "GET", "/availability?sid=P", nil)["services"].([]any)
	if len(all) != 1 {
		h.t.Fatal(all)
	}
	return all[0].(m)
}

func (h *house) figures(strict, mean, coupled, series float64) {
	h.t.Helper()
	x := h.available()
	if !near(x["strict"], strict) || !near(x["mean"], mean) || !near(x["coupled"], coupled) || !near(x["series"], series) {
		h.t.Errorf("strict %v, mean %v, coupled %v, series %v; not %v, %v, %v, %v", x["strict"], x["mean"], x["coupled"], x["series"], strict, mean, coupled, series)
	}
}

// TestScenarioA2OverHTTP: the paper's cases through the API. All up; the link from
// composite i cut, and mended; a and d dead for everybody.
func TestScenarioA2OverHTTP(t *testing.T) {
	onBoth(t, func(h *house) {
		h.figures(1, 1, 1, 1)
		link := h.must(201, "POST", "/links", m{"sid": "P", "ms": "paper-1", "composite": "i", "why": "a cable"})
		h.figures(.8, .933333333333, .72, 0)
		x := h.available()
		if x["exec"] != "partial" || x["linkFailures"] != 1.0 || x["objectFailures"] != 0.0 {
			h.t.Errorf("%v", x)
		}
		p := h.must(200, "POST", "/services/P/discover", m{})
		if fmt.Sprint(p["queue"]) != "[paper-1]" || len(p["missing"].([]any)) == 0 {
			h.t.Errorf("%v", p)
		}
		links := h.must(200, "GET", "/links", nil)["links"].([]any)
		if len(links) != 1 || links[0].(m)["who"] != "eva" || links[0].(m)["at"] == nil {
			h.t.Error(links)
		}
		h.must(204, "DELETE", "/links/"+link["id"].(string), nil)
		h.must(404, "DELETE", "/links/"+link["id"].(string), nil)
		h.figures(1, 1, 1, 1)
		h.die("paper-a", "paper-d")
		h.figures(.2, .666666666667, .12, 0)
		h.must(422, "POST", "/links", m{"composite": "nothing"})
	})
}

// TestScenarioA5OverHTTP: the link from composite l to a is cut, and a itself lives. Two
// microservices lack it; where somebody said that i measures the same, i stands in for it
// there, the service runs fully, and each of the two tells of one substitution.
func TestScenarioA5OverHTTP(t *testing.T) {
	for _, agent := range []bool{false, true} {
		var more []object.Enrichment
		if agent {
			more = append(more, object.Enrichment{Object: "sensor/paper-a", Replica: "sensor/paper-i"})
		}
		h := build(t, sqlite(t), more...)
		h.must(201, "POST", "/links", m{"sid": "P", "composite": "l", "object": "sensor/paper-a", "why": "a cable"})
		x, p := h.available(), h.must(200, "POST", "/services/P/discover", m{})
		if !agent {
			h.figures(.6, .8, .56, 0)
			if x["exec"] != "partial" || x["linkFailures"] != 2.0 || x["objectFailures"] != 0.0 || p["substitutions"] != nil {
				t.Errorf("%v\n%v", x, p)
			}
			continue
		}
		h.figures(1, 1, 1, 1)
		if x["exec"] != "full" || x["linkFailures"] != 0.0 || !near(x["quality"], (3+2*.95)/5) || p["exec"] != "full" || p["missing"] != nil {
			t.Errorf("%v\n%v", x, p)
		}
		for _, in := range [][]any{x["substitutions"].([]any), p["substitutions"].([]any)} {
			var told []string
			for _, s := range in {
				s := s.(m)
				told = append(told, fmt.Sprint(s["ms"], " ", s["cvo"], " ", s["vo"], " ", s["by"], " ", s["source"], " ", s["share"], " ", s["since"] != nil))
			}
			if want := []string{"paper-2 l sensor/paper-a sensor/paper-i substituted 0.95 true", "paper-3 l sensor/paper-a sensor/paper-i substituted 0.95 true"}; !slices.Equal(told, want) {
				t.Errorf("%v", told)
			}
		}
		h.die("paper-i") // and nothing stands in any more
		if x := h.available(); x["linkFailures"] != 2.0 {
			t.Errorf("%v", x)
		}
	}
}

// TestScenarioA7OverHTTP: five microservices are needed, and four are usable.
func TestScenarioA7OverHTTP(t *testing.T) {
	h := build(t, sqlite(t))
	s := builtin.Paper().Services[0]
	s.Restriction = object.Restriction{Kind: object.Min, K: 5}
	h.must(200, "PUT", "/services/P", s)
	h.die("paper-i", "paper-c") // the fifth has o alone, and needs two
	code, x := h.ask("POST", "/services/P/discover", m{})
	if code != 503 || x["type"] != "urn:woo:service-not-available" || x["reason"] != "restriction" || x["usable"] != 4.0 ||
		x["required"].(m)["microservices"] != "min 5" || x["sid"] != "P" || x["threshold"].(m)["limit_ms"] == nil || x["queued"] != false ||
		x["retryAfter_s"] == nil || x["alternatives"] == nil || x["domain"] != "demo" || x["availability"] == nil || x["priority"] == nil {
		t.Errorf("%d %v", code, x)
	}
	miss := x["missing"].([]any)[0].(m)
	if miss["ms"] == nil || miss["cvo"] == nil || miss["vo"] == nil || miss["cause"] != "object" {
		t.Errorf("%v", miss)
	}
	// What somebody said is taken back.
	h.must(204, "DELETE", "/services/P", nil)
	h.must(200, "POST", "/services/P/discover", m{})
}

// TestImportanceOverHTTP: b and f are worth a replica first (scenario A8).
func TestImportanceOverHTTP(t *testing.T) {
	h := build(t, sqlite(t))
	all := h.must(200, "GET", "/availability/importance?sid=P", nil)["objects"].([]any)
	if len(all) != 9 || all[0].(m)["object"] != "sensor/paper-b" || all[1].(m)["object"] != "sensor/paper-f" || !near(all[0].(m)["strict"], .8) {
		t.Error(all)
	}
	h.must(422, "POST", "/availability/simulate", m{"sid": "P", "outages": []float64{2}})
	h.must(404, "POST", "/availability/simulate", m{"sid": "X", "outages": []float64{.1}})
}

// TestScenarioA10OverHTTP: the curve of the API is that of the scenario, within its bounds.
func TestScenarioA10OverHTTP(t *testing.T) {
	h := build(t, sqlite(t))
	mean := func(replicas int, what string) float64 {
		x := h.must(200, "POST", "/availability/simulate", m{"sid": "P", "outages": []float64{.1}, "draws": 200_000, "seed": 1, "replicas": replicas})
		return x["curve"].([]any)[0].(m)[what].(m)["mean"].(float64)
	}
	for _, c := range []struct {
		replicas  int
		what      string
		want, tol float64
	}{{0, "monolith", .387, .005}, {0, "runs", .913, .005}, {1, "runs", .999, .002}} {
		if got := mean(c.replicas, c.what); math.Abs(got-c.want) > c.tol {
			t.Errorf("%s with %d replicas is %v, want %v", c.what, c.replicas, got, c.want)
		}
	}
}

// TestScenarioA9OverHTTP: an object is up for 23 hours and down for one.
func TestScenarioA9OverHTTP(t *testing.T) {
	onBoth(t, func(h *house) {
		h.source.err = nil
		s := load("estimation")
		h.must(200, "PUT", "/services/S1", s)
		epoch, err := h.store.Take(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		event := func(at record.Millis, was, is object.State) book.Event {
			return book.Event{At: at, Object: "sensor/power", Was: string(was), Is: string(is)}
		}
		day := begin + 24*60*minute
		if err := h.store.Note(h.t.Context(), epoch, []book.Event{event(begin-minute, "", object.Live), event(begin+60*minute, object.Live, object.Down), event(begin+120*minute, object.Down, object.Live)}); err != nil {
			h.t.Fatal(err)
		}
		h.pass(24 * 60 * minute)
		x := h.must(200, "GET", "/availability/history?sid=S1&subject=sensor/power&from="+begin.Time().Format(time.RFC3339)+"&to="+day.Time().Format(time.RFC3339), nil)
		if !near(x["strict"].(m)["share"], 23./24) || x["events"] != 2.0 || x["whole"] != true || len(x["points"].([]any)) != 3 {
			h.t.Errorf("%v", x)
		}
	})
}

// TestScenarioD2: as many clients as on the published ladder ask at once, one level after
// the other, while states of objects change. Every answer is a plan, or 503 by the rules of
// the service with what is missing; none fails and none comes too late. How long they take
// bench services measures, from another process.
func TestScenarioD2(t *testing.T) {
	h := build(t, sqlite(t))
	h.must(200, "PUT", "/services/S1", load("estimation"))
	plan := ladder.Plan{URLs: []string{h.url + "/api/v1/services/P/discover", h.url + "/api/v1/services/S1/discover"}, Bodies: []string{`{}`, `{"subject":"sensor/power"}`}, For: 1, Timeout: 30 * time.Second}
	answers := make(map[int]int)
	for i, clients := range []int{5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560} {
		if i == 5 {
			h.die("power") // S1 cannot be carried out any more
		}
		plan.Clients = clients
		r, err := ladder.Run(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		if r.Errors > 0 || r.Timeouts > 0 || r.Requests < clients || r.Statuses[200]+r.Statuses[503] != r.Requests || i < 5 && r.Statuses[503] > 0 {
			t.Errorf("%d clients: %+v", clients, r)
		}
		for status, n := range r.Statuses {
			answers[status] += n
		}
	}
	if answers[503] == 0 || answers[200] < answers[503] {
		t.Errorf("%v", answers)
	}
}

// TestScenarioD3 at the level of HTTP: an unknown service is 404, and nothing is read.
// That 401 comes before, the tests of app show.
func TestScenarioD3(t *testing.T) {
	h := build(t, sqlite(t))
	h.must(404, "POST", "/services/nothing/discover", m{})
	h.must(404, "POST", "/services/nothing/execute", m{})
	h.must(404, "GET", "/services/nothing", nil)
	h.must(404, "POST", "/services/S1/discover", m{"subject": "group/nothing"})
	h.must(422, "POST", "/services/S1/discover", m{"priority": 900})
	if h.source.asked.Load() != 0 {
		t.Error("data were read")
	}
}

// TestScenarioD4 over HTTP: a minor version that people wrote is taken, another major one
// is not; when its process is away the next request goes elsewhere.
func TestScenarioD4(t *testing.T) {
	onBoth(t, func(h *house) {
		d := builtin.Services()
		i := slices.IndexFunc(d.Microservices, func(t microservice.Template) bool { return t.ID == "load-estimation" })
		x := d.Microservices[i]
		for _, v := range []string{"1.4.2", "2.0.0"} {
			if err := x.Release.Version.UnmarshalText([]byte(v)); err != nil {
				h.t.Fatal(err)
			}
			h.must(201, "POST", "/microservices", x)
			h.must(412, "POST", "/microservices", x)
		}
		h.must(200, "PUT", "/services/S1", load("estimation"))
		version := func() any {
			return h.must(200, "POST", "/services/S1/discover", m{"subject": "sensor/power"})["steps"].([]any)[0].(m)["version"]
		}
		if v := version(); v != "1.4.2" {
			h.t.Error(v)
		}
		h.must(204, "DELETE", "/microservices/load-estimation?version=1.4.2", nil)
		if v := version(); v != "1.0.0" {
			h.t.Error(v)
		}
		h.must(409, "POST", "/microservices", d.Microservices[i])
		// Two processes, one of which goes: three checks, and nothing goes there.
		h.members = append(h.members, execution.Member{ID: "two"})
		h.e.Checked()
		h.members = h.members[1:]
		for range 3 {
			h.pass(1000)
			h.e.Checked()
		}
		for range 4 {
			p := h.must(200, "POST", "/services/S1/discover", m{"subject": "sensor/power"})
			if got := p["steps"].([]any)[0].(m)["instance"]; got != "load-estimation@1.0.0@two" {
				h.t.Error(got)
			}
		}
		states := make(map[any]any)
		for _, x := range h.must(200, "GET", "/microservices/load-estimation", nil)["instances"].([]any) {
			if x.(m)["version"] == "1.0.0" {
				states[x.(m)["process"]] = x.(m)["state"]
			}
		}
		if states["one"] != "down" || states["two"] != "up" {
			h.t.Error(states)
		}
	})
}

// TestScenarioD6: what flips is in the next plan.
func TestScenarioD6(t *testing.T) {
	h := build(t, sqlite(t))
	r := plan.Request{SID: "P"}
	before, err := h.e.Discover(r, plan.BySum)
	if err != nil || before.Strict != 1 {
		t.Fatal(before, err)
	}
	h.die("paper-b")
	after, err := h.e.Discover(r, plan.BySum)
	if err != nil || after.Strict >= 1 || after.States <= before.States {
		t.Errorf("%+v %v", after, err)
	}
}

// TestScenarioP1 and P2 over HTTP: a fire wants what a thermostat has.
func TestScenarioP1(t *testing.T) {
	onBoth(t, func(h *house) {
		want := func(service string, priority int) m {
			return m{"object": "sensor/valve", "service": service, "priority": priority, "for_s": 60}
		}
		fire := h.must(201, "POST", "/leases", want("fire", 100))
		no := h.must(409, "POST", "/leases", want("thermostat", 10))
		if no["reason"] != "conflict" || no["priority"] != 100.0 || no["until"] == nil || no["holder"] != "fire" {
			h.t.Error(no)
		}
		h.must(204, "DELETE", "/leases/"+fire["id"].(string), nil)
		h.must(410, "DELETE", "/leases/"+fire["id"].(string), nil)
		cold := h.must(201, "POST", "/leases", want("thermostat", 10))
		h.must(409, "POST", "/leases", want("blind", 10)) // P3: an equal priority takes nothing away
		// P2: the fire takes it away, and the token of before is refused.
		again := h.must(201, "POST", "/leases", want("fire", 100))
		if again["token"].(float64) <= cold["token"].(float64) {
			h.t.Error("a token does not rise")
		}
		valid := func(token any) any {
			return h.must(200, "POST", "/leases/check", m{"object": "sensor/valve", "token": token})["valid"]
		}
		if valid(cold["token"]) != false || valid(again["token"]) != true {
			h.t.Error("who was put out may write still, or who is in may not")
		}
		if all := h.must(200, "GET", "/leases", nil)["leases"].([]any); len(all) != 1 {
			h.t.Error(all)
		}
		h.now += 61_000
		if valid(again["token"]) != false {
			h.t.Error("a lease that is over is valid")
		}
		h.must(422, "POST", "/leases", m{"object": "sensor/power", "service": "x", "priority": 1, "for_s": 60})
	})
}

// TestScenarioR1 through execution: a source that fails is left alone.
func TestScenarioR1(t *testing.T) {
	h := build(t, sqlite(t))
	h.must(200, "PUT", "/services/S1", load("estimation"))
	h.source.err = errAway
	run := m{"subject": "sensor/power"}
	for range 5 {
		h.must(503, "POST", "/services/S1/execute", run)
	}
	asked := h.source.asked.Load()
	x := h.must(503, "POST", "/services/S1/execute", run)
	if h.source.asked.Load() != asked || x["reason"] != "no-microservice" {
		t.Errorf("it was asked again: %v", x)
	}
	h.source.err = nil
	h.pass(10_000)
	h.must(200, "POST", "/services/S1/execute", run)
}

// TestScenarioR3 through the API: work waits until its data return, and is done once.
func TestScenarioR3(t *testing.T) {
	onBoth(t, func(h *house) {
		h.must(200, "PUT", "/services/S1", load("estimation"))
		h.die("power")
		to := h.now - h.now%(15*minute)
		run := func(n record.Millis) m {
			return m{"subject": "sensor/power", "from": (to - n*24*60*minute).Time(), "to": to.Time()}
		}
		if x := h.must(503, "POST", "/services/S1/execute", run(30)); x["queued"] != true || x["reason"] != "restriction" {
			h.t.Fatal(x)
		}
		h.must(503, "POST", "/services/S1/execute", run(31))
		h.must(503, "POST", "/services/S1/execute", run(30))
		waiting := func() []any { return h.must(200, "GET", "/services/waiting", nil)["waiting"].([]any) }
		if len(waiting()) != 2 {
			h.t.Fatal(waiting())
		}
		if first, want := waiting()[0].(m)["from"], run(30)["from"].(time.Time).Format(time.RFC3339); first != want {
			h.t.Errorf("the first that waits is of %v, asked first was %v", first, want)
		}
		if err := h.e.TakeUp(h.t.Context()); err != nil || len(waiting()) != 2 || h.source.asked.Load() != 0 {
			h.t.Fatal(err, waiting())
		}
		h.live["power"] = true
		h.pass(120 * minute)
		for range 2 {
			if err := h.e.TakeUp(h.t.Context()); err != nil {
				h.t.Fatal(err)
			}
		}
		if len(waiting()) != 0 || h.source.asked.Load() != 2 {
			h.t.Error(waiting(), h.source.asked.Load())
		}
		at := (to - 30*24*60*minute).Time().Format(time.RFC3339)
		if x := h.must(200, "GET", "/services/S1/result?subject=sensor/power&from="+at, nil); x["result"] == nil {
			h.t.Error(x)
		}
		h.must(404, "GET", "/services/S1/result?subject=sensor/power&from=2020-01-01T00:00:00Z", nil)
		// What was done does not wait again.
		h.die("power")
		if x := h.must(503, "POST", "/services/S1/execute", run(30)); x["queued"] != false {
			h.t.Error(x)
		}
	})
}

// TestSubstituted: what stood in is in the result, marked.
func TestSubstituted(t *testing.T) {
	h := build(t, sqlite(t))
	h.must(200, "PUT", "/services/S1", load("estimation"))
	gap := func(at record.Millis) bool { return at >= begin-24*60*minute && at < begin-20*60*minute }
	h.source.watts = func(_ object.ID, at record.Millis) (float64, energy.Quality) {
		if gap(at) {
			return 0, energy.None
		}
		return 400, energy.Measured
	}
	h.source.stood = func(_ object.ID, at record.Millis) float64 {
		if at < begin-22*60*minute {
			return 500
		}
		return math.NaN()
	}
	x := h.must(200, "POST", "/services/S1/execute", m{"subject": "sensor/power"})
	q := x["rests"].([]any)[0].(m)["quality"].(m)
	if q["substituted"] != 8.0 || q["missing"] != 8.0 {
		t.Error(q)
	}
	if x["exec"] != "full" || x["result"].(m)["intervals"] == nil {
		t.Error(x)
	}
	h.must(422, "POST", "/services/S1/execute", m{"subject": "sensor/power", "parameters": m{"nothing": 1}})
	h.must(422, "POST", "/services/S1/execute", m{"subject": "sensor/power", "parameters": m{"load": "sensor/nothing"}})
}

// TestSubjects: which groups, sensors and spaces can run a service, and what is missing to
// the groups and spaces that cannot. Of sensors those alone that it is carried out with.
func TestSubjects(t *testing.T) {
	h := build(t, sqlite(t))
	h.must(200, "PUT", "/services/S1", load("estimation"))
	h.die("meter")
	exec := make(map[any]any)
	next, pages := "", 0
	for ok := true; ok; ok = next != "" {
		pages++
		x := h.must(200, "GET", "/services/S1/subjects?limit=1&cursor="+next, nil)
		all := x["subjects"].([]any)
		if len(all) > 1 {
			t.Fatal(all)
		}
		for _, s := range all {
			if _, twice := exec[s.(m)["subject"]]; twice {
				t.Fatal(s)
			}
			exec[s.(m)["subject"]] = s.(m)["exec"]
		}
		next, _ = x["next"].(string)
	}
	want := map[any]any{"group/home": "full", "group/flat": "full", "group/shop": "none", "sensor/power": "full", "sensor/pv": "full", "space/home": "full"}
	if d := cmp.Diff(want, exec); d != "" {
		t.Errorf("on %d pages: %s", pages, d)
	}
	// Of every service as if each sensor was asked for.
	for _, s := range h.must(200, "GET", "/services", nil)["services"].([]any) {
		sid, domain := s.(m)["sid"].(string), s.(m)["domain"].(string)
		got, want := make(map[object.ID]bool), make(map[object.ID]bool)
		for _, x := range h.must(200, "GET", "/services/"+sid+"/subjects?limit=1000&domain="+domain, nil)["subjects"].([]any) {
			id := object.ID(x.(m)["subject"].(string))
			if _, ok := id.Sensor(); ok {
				got[id] = true
			}
		}
		for sensor := range h.live {
			id := object.OfSensor(sensor)
			p, err := h.e.Discover(plan.Request{SID: sid, Domain: domain, Subject: id}, plan.BySum)
			if err != nil {
				continue
			}
			for i := range p.Steps {
				for _, c := range p.Steps[i].Composites {
					if slices.Contains(c.Members, id) {
						want[id] = true
					}
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", sid, d)
		}
	}
}
