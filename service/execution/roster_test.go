package execution_test

import (
	"testing"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/builtin"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/service/execution"
)

const day = 24 * 60 * minute

// instances gives the state of every instance of a version of load-estimation, by its
// process.
func (h *house) instances(version string) map[string]string {
	out := make(map[string]string)
	for _, x := range h.must(200, "GET", "/microservices/load-estimation", nil)["instances"].([]any) {
		if x.(m)["version"] == version {
			out[x.(m)["process"].(string)] = x.(m)["state"].(string)
		}
	}
	return out
}

// TestReconcile: what is, comes to what is to be: each process that lives has an
// instance, one that is away for long has none, and one that is back has one again.
func TestReconcile(t *testing.T) {
	h := build(t, sqlite(t))
	check := func(n int) {
		for range n {
			h.now += 1000
			h.e.Checked()
		}
	}
	h.members = append(h.members, execution.Member{ID: "two"}, execution.Member{ID: "three"})
	check(3)
	if got := h.instances("1.0.0"); len(got) != 3 || got["one"] != "up" || got["two"] != "up" || got["three"] != "up" {
		t.Errorf("three processes live: %v", got)
	}
	h.members = h.members[:2]
	check(3)
	if got := h.instances("1.0.0"); len(got) != 3 || got["three"] != "down" {
		t.Errorf("one is away: %v", got)
	}
	check(600)
	if got := h.instances("1.0.0"); len(got) != 2 {
		t.Errorf("one is away for long: %v", got)
	}
	h.members = append(h.members, execution.Member{ID: "three"})
	check(3)
	if got := h.instances("1.0.0"); len(got) != 3 || got["three"] != "up" {
		t.Errorf("it is back: %v", got)
	}
	// Of a version that people write, too.
	d := builtin.Services()
	x := d.Microservices[indexOf(d.Microservices, "load-estimation")]
	x.Release.Version = microservice.Version{Major: 1, Minor: 1}
	h.must(201, "POST", "/microservices", x)
	check(1)
	if got := h.instances("1.1.0"); len(got) != 3 {
		t.Errorf("a new version: %v", got)
	}
}

func indexOf(all []microservice.Template, id string) int {
	for i := range all {
		if all[i].ID == id {
			return i
		}
	}
	return -1
}

// TestRetired: a version that nobody asks for has no instances after a while, says so,
// and is there again when somebody does.
func TestRetired(t *testing.T) {
	h := build(t, sqlite(t))
	d := builtin.Services()
	x := d.Microservices[indexOf(d.Microservices, "load-estimation")]
	x.Release.Version = microservice.Version{Major: 2}
	h.must(201, "POST", "/microservices", x)
	ask := func(major int) int {
		code, _ := h.ask("POST", "/services/S1/discover", m{"subject": "sensor/power", "majors": m{"load-estimation": major}})
		h.now += 1000
		h.e.Checked()
		return code
	}
	retired := func() (out []any) {
		for _, v := range h.must(200, "GET", "/microservices/load-estimation", nil)["versions"].([]any) {
			out = append(out, v.(m)["retired"])
		}
		return out
	}
	for range 40 { // asked for every day, but the old one
		h.pass(day)
		if ask(2) != 200 {
			t.Fatal("the new one is not there")
		}
	}
	if got := retired(); got[0] != false || got[1] != true {
		t.Errorf("%v", got)
	}
	if n := len(h.instances("1.0.0")); n != 0 {
		t.Errorf("%d instances of what is retired", n)
	}
	ask(1)
	h.pass(1000)
	if got := retired(); got[1] != false || ask(1) != 200 || len(h.instances("1.0.0")) != 1 {
		t.Errorf("asked for again it is not there: %v", got)
	}
}

// TestScenarioP4 through the program: the best object has room for two, and another one
// measures the same. Of three services that are carried out again and again the two with
// the higher priorities get the best, and the third is led to the other.
func TestScenarioP4(t *testing.T) {
	h := build(t, sqlite(t), object.Enrichment{Object: "sensor/power", Capacity: 2, Replica: "sensor/meter"})
	d := builtin.Services()
	x := d.Microservices[indexOf(d.Microservices, "load-estimation")]
	x.ID, x.Services = "anybody", []string{"*"}
	h.must(201, "POST", "/microservices", x)
	for sid, priority := range map[string]int{"high": 3, "middle": 2, "low": 1} {
		s := load("estimation")
		s.Priority, s.Steps[0].Microservice = priority, "anybody"
		h.must(200, "PUT", "/services/"+sid, s)
	}
	by := func(sid string) any {
		x := h.must(200, "POST", "/services/"+sid+"/execute", m{"subject": "sensor/power"})
		for _, in := range x["substitutions"].([]any) {
			return in.(m)["by"]
		}
		return nil
	}
	by("low") // nobody else is there
	for range 3 {
		for _, x := range []struct {
			sid string
			by  any
		}{{"middle", nil}, {"high", nil}, {"low", "sensor/meter"}} {
			if got := by(x.sid); got != x.by {
				t.Errorf("%s rests on %v, not %v", x.sid, got, x.by)
			}
			h.now += 1000
		}
	}
	h.pass(2 * minute)
	if got := by("low"); got != nil {
		t.Errorf("the others are gone, and it rests on %v", got)
	}
}
