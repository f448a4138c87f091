package titan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// company is what Titan's page gets of the plant: the meter of the whole is not
// part of its sum, so it is not in there.
const company = `{"identifier":"root","name":"My Company","children":[` + comcenterNode + `,{"identifier":"cooling","name":"cooling","children":[{"identifier":"fan1","name":"Fan"}]},{"identifier":"roof/pv","name":"Roof"}]}`

const comcenterNode = `{"identifier":"comcenter","name":"Comcenter","children":[{"identifier":"server1","name":"Server 1"},{"identifier":"server2","name":"server2"},{"identifier":"server3","name":"Server 3"}]}`

func TestHierarchies(t *testing.T) {
	p := newPlant(t)
	for path, want := range map[string]string{
		"/":     `[{"identifier":"void","name":"Void"},{"identifier":"root","name":"My Company"}]`,
		"":      `[{"identifier":"void","name":"Void"},{"identifier":"root","name":"My Company"}]`,
		"/root": company,
		"/void": `{"identifier":"void","name":"Void","children":[]}`,
	} {
		if code, body := p.call(t, "GET", HierarchyPath+path, ""); code != 200 || body != want {
			t.Errorf("%s answers %d\n%s, not\n%s", path, code, body, want)
		}
	}
}

// TestRoot has what "root" means where nothing is called so.
func TestRoot(t *testing.T) {
	m := modelOf(t, strings.NewReplacer("id: root", "id: plants", "root: root", "root: plants").Replace(world))
	for says, want := range map[model.GroupID]model.GroupID{"": "void", "plants": "plants", "void": "void", "nobody": ""} {
		p := Plant{Root: says}
		h, ok := p.top(m, root)
		if ok != (want != "") || ok && h.Root != want {
			t.Errorf("with %q it is %v, not %q", says, h, want)
		}
		// Its readings are found by that name, too.
		s, ok := p.group(m, root)
		if ok != (want != "") || s.Group != want && ok {
			t.Errorf("with %q it has the sums of %v", says, s)
		}
	}
}

// TestFirst has a plant without a hierarchy of powers: Titan makes an empty one at
// its start, so its page finds one here, and what it saves is made.
func TestFirst(t *testing.T) {
	const none = `{"identifier":"root","name":"My Company","children":[]}`
	const saved = `{"identifier":"root","name":"My Company","children":[{"identifier":"hall","name":"Hall","children":[{"identifier":"press","name":"Press"}]}]}`
	for _, c := range []struct {
		about, world string
		root         model.GroupID
		get, list    string // "": there is none
		put          int
		site         model.SiteID
	}{
		{"nothing", `{}`, "", none, `[{"identifier":"root","name":"My Company"}]`, 200, ""},
		{"one site", `sites: [{id: kiel, zone: Europe/Berlin}]`, "", none, `[{"identifier":"root","name":"My Company"}]`, 200, "kiel"},
		{"two sites", `sites: [{id: kiel, zone: Europe/Berlin}, {id: bonn, zone: Europe/Berlin}]`, "", none, `[{"identifier":"root","name":"My Company"}]`, 200, ""},
		{"another name", `{}`, "plants", `{"identifier":"plants","name":"My Company","children":[]}`, `[{"identifier":"plants","name":"My Company"}]`, 200, ""},
		{
			"a group that stands in no hierarchy", `
sensors: [{id: fan, quantity: active_power}, {id: main, quantity: active_power}]
groups: [{id: root, name: Works, members: [{sensor: main, meter: true}, {sensor: fan}]}]`, "",
			`{"identifier":"root","name":"Works","children":[{"identifier":"fan","name":"fan"}]}`, `[{"identifier":"root","name":"Works"}]`, 200, "",
		},
		{
			"energies of that name", `
sensors: [{id: counter, quantity: energy}]
groups: [{id: root, members: [{sensor: counter}]}]
hierarchies: [{id: energy, root: root}]`, "", "", "[]", 404, "",
		},
		{
			"a hierarchy of that name", `
sensors: [{id: counter, quantity: energy}]
groups: [{id: energies, members: [{sensor: counter}]}]
hierarchies: [{id: root, root: energies}]`, "", "", "[]", 404, "",
		},
	} {
		t.Run(c.about, func(t *testing.T) {
			p := newPlant(t)
			p.model, p.root = modelOf(t, c.world), c.root
			code, body := p.call(t, "GET", HierarchyPath+"/root", "")
			if c.get == "" && code != 404 || c.get != "" && (code != 200 || body != c.get) {
				t.Errorf("answers %d %s, not %s", code, body, c.get)
			}
			if _, body := p.call(t, "GET", HierarchyPath, ""); body != c.list {
				t.Errorf("there are %s, not %s", body, c.list)
			}
			for path, want := range map[string]string{"/active-power/aggregated/root": "[]", "/active-power/aggregated/root/trend": "-1.0", "/active-power/aggregated/root/latest": "[]"} {
				if code, body := p.call(t, "GET", "/api"+path, ""); code != 200 || body != want {
					t.Errorf("%s answers %d %s", path, code, body)
				}
			}
			if code, body := p.put(t, "root", strings.Replace(saved, "root", "hall", 1)); code != max(c.put, 400) {
				t.Errorf("another identifier answers %d %s", code, body)
			}
			if code, body := p.put(t, "root", saved); code != c.put {
				t.Fatalf("answers %d %s", code, body)
			}
			if c.put != 200 {
				return
			}
			top := cmp.Or(c.root, root)
			if _, body := p.call(t, "GET", HierarchyPath+"/root", ""); body != strings.Replace(saved, "root", string(top), 1) {
				t.Errorf("reads %s", body)
			}
			h, ok := p.model.Hierarchy(model.HierarchyID(top))
			sn, made := p.model.Sensor("press")
			if !ok || !made || h.Root != top || h.Name != "My Company" || h.Site != c.site || sn.Site != c.site || len(p.notes) != 1 {
				t.Errorf("it is %+v with %+v; %v", h, sn, p.notes)
			}
			if _, ok := p.model.Sensor("main"); ok && p.members(t, "root") != "main! hall" {
				t.Errorf("the meter is lost: %s", p.members(t, "root"))
			}
			if code, _ := p.put(t, string(top), strings.Replace(saved, "root", string(top), 1)); code != 200 || len(p.notes) != 1 {
				t.Errorf("once more answers %d, and stores %v", code, p.notes)
			}
		})
	}
}

// put has the page save a hierarchy, and gives the model as groups are in it.
func (p *plant) put(t *testing.T, id, body string) (int, string) {
	t.Helper()
	return p.call(t, "PUT", HierarchyPath+"/"+id, body)
}

func (p *plant) members(t *testing.T, id model.GroupID) string {
	t.Helper()
	g, ok := p.model.Group(id)
	if !ok {
		return "gone"
	}
	var out []string
	for _, x := range g.Members {
		s := string(x.Sensor) + string(x.Group)
		if x.Sign < 0 {
			s = "-" + s
		}
		if x.Meter {
			s += "!"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// TestSame stores nothing when nothing was changed.
func TestSame(t *testing.T) {
	p := newPlant(t)
	if code, body := p.put(t, "root", company); code != 200 || body != "" || len(p.notes) != 0 {
		t.Errorf("answers %d %s, and stores %v", code, body, p.notes)
	}
}

// TestPut moves, adds, renames and removes.
func TestPut(t *testing.T) {
	p := newPlant(t)
	// The roof is moved, servers are parted by a new group, the fan is taken out
	// with its group, the press is new.
	body := `{"identifier":"root","name":"Our Company","children":[
		{"identifier":"comcenter","name":"Comcenter","children":[{"identifier":"server1","name":"Server One"},{"identifier":"new-group","name":"New group","children":[{"identifier":"server3","name":""},{"identifier":"server2","name":"server2"}]}]},
		{"identifier":"outside","name":"Outside","children":[{"identifier":"roof/pv","name":"Roof"},{"identifier":"press","name":""}]}]}`
	if code, body := p.put(t, "root", body); code != 200 || body != "" {
		t.Fatalf("answers %d %s", code, body)
	}
	for id, want := range map[model.GroupID]string{
		"root": "main! comcenter outside", "comcenter": "server1 new-group", "new-group": "server3 server2", "outside": "-roof/pv press", "cooling": "gone", "void": "",
	} {
		if got := p.members(t, id); got != want {
			t.Errorf("%s has %s, not %s", id, got, want)
		}
	}
	for id, want := range map[record.SensorID]string{"server1": "Server One", "server2": "", "server3": "Server 3", "press": "", "fan1": "Fan", "main": "Main meter"} {
		sn, ok := p.model.Sensor(id)
		if !ok || sn.Name != want || sn.Quantity != record.ActivePower {
			t.Errorf("sensor %s is %+v", id, sn)
		}
	}
	// What is new is at the site of the hierarchy, so that its days are those of its group.
	p.values[Series{Sensor: "press"}] = []sample{{1602057540000, 4}}
	p.values[Series{Hierarchy: "place", Group: "outside"}] = []sample{{1602057540000, 4}}
	for _, id := range []string{"press", "outside"} {
		if code, body := p.call(t, "GET", HistoryPath+"/windowed/daily/"+id, ""); code != 200 || !strings.Contains(body, `"startTimestamp":1602021600000,"endTimestamp":1602108000000`) {
			t.Errorf("days of %s: %d %s", id, code, body)
		}
	}
	if sn, _ := p.model.Sensor("server1"); sn.Interval == 0 || sn.Site != "kiel" {
		t.Errorf("of server1 something is lost: %+v", sn)
	}
	if g, _ := p.model.Group("root"); g.Name != "Our Company" {
		t.Errorf("the whole is called %q", g.Name)
	}
	if !slices.Equal(p.notes, []string{"hierarchy root changed by the interface of Titan"}) {
		t.Errorf("notes %v", p.notes)
	}
	// What is read is what was saved, but for names that are empty.
	want := strings.NewReplacer("\n", "", "\t", "", `"server3","name":""`, `"server3","name":"Server 3"`, `"press","name":""`, `"press","name":"press"`).Replace(body)
	if _, got := p.call(t, "GET", HierarchyPath+"/root", ""); got != want {
		t.Errorf("reads\n%s, not\n%s", got, want)
	}
}

// TestCollisions names what stands somewhere already.
func TestCollisions(t *testing.T) {
	for _, c := range []struct{ about, children, want string }{
		{"a group of another hierarchy", `{"identifier":"void","name":"Void","children":[]}`, "void"},
		{"a group twice", `{"identifier":"a","name":"","children":[]},{"identifier":"a","name":"","children":[]}`, "a"},
		{"a group within itself", `{"identifier":"a","name":"","children":[{"identifier":"a","name":"","children":[]}]}`, "a"},
		{"the whole within itself", `{"identifier":"root","name":"","children":[]}`, "root"},
		{"a sensor twice", `{"identifier":"fan1","name":""},{"identifier":"a","name":"","children":[{"identifier":"fan1","name":""}]}`, "fan1"},
		{"the meter of a group that stays", `{"identifier":"main","name":""}`, "main"},
		{"several", `{"identifier":"x","name":""},{"identifier":"x","name":""},{"identifier":"void","children":[]},{"identifier":"x","name":""}`, `void","x`},
	} {
		t.Run(c.about, func(t *testing.T) {
			p := newPlant(t)
			code, body := p.put(t, "root", `{"identifier":"root","name":"My Company","children":[`+c.children+`]}`)
			if code != http.StatusConflict || body != `{"collisions":["`+c.want+`"]}` || len(p.notes) > 0 {
				t.Errorf("answers %d %s", code, body)
			}
		})
	}
	// A sensor may stand in several hierarchies.
	p := newPlant(t)
	if code, body := p.put(t, "void", `{"identifier":"void","name":"Void","children":[{"identifier":"server1","name":"Server 1"},{"identifier":"main","name":""}]}`); code != 200 {
		t.Errorf("answers %d %s", code, body)
	}
}

// TestJoin keeps signs and the meter of a group that stood in no hierarchy.
func TestJoin(t *testing.T) {
	for _, c := range []struct{ method, path, children, want string }{
		{"PUT", "/void", `{"identifier":"loose","name":"Loose","children":[{"identifier":"spare","name":""},{"identifier":"fan","name":""}]}`, "main! spare -fan"},
		{"PUT", "/void", `{"identifier":"loose","name":"Loose","children":[]},{"identifier":"main","name":""}`, `{"collisions":["main"]}`},
		{"POST", "", `{"identifier":"loose","name":"Loose","children":[{"identifier":"fan","name":""}]}`, "main! -fan"},
	} {
		p := newPlant(t)
		p.model = modelOf(t, `
sensors: [{id: spare, quantity: active_power}, {id: fan, quantity: active_power}, {id: main, quantity: active_power}]
groups: [{id: void}, {id: loose, members: [{sensor: main, meter: true}, {sensor: spare}, {sensor: fan, sign: -1}]}]
hierarchies: [{id: place, root: void}]`)
		top := strings.Trim(cmp.Or(c.path, "new"), "/")
		code, body := p.call(t, c.method, HierarchyPath+c.path, `{"identifier":"`+top+`","name":"","children":[`+c.children+`]}`)
		if got := p.members(t, "loose"); code < 300 && got != c.want || code >= 300 && body != c.want {
			t.Errorf("%s %s answers %d %s: %s, not %s", c.method, c.children, code, body, got, c.want)
		}
	}
}

// TestNotSaved has what cannot be saved, by whom, and what stays as it was.
func TestNotSaved(t *testing.T) {
	p := newPlant(t)
	p.quantity["seen"] = record.Energy
	deep := strings.Repeat(`{"identifier":"a","children":[`, 20_000)
	for _, c := range []struct {
		about, method, path, body string
		code                      int
		says                      string
	}{
		{"no JSON", "PUT", "/root", "<xml>", 400, "not a hierarchy"},
		{"no body", "PUT", "/root", "", 400, "not a hierarchy"},
		{"more than one", "PUT", "/root", `{"identifier":"root","children":[]} {}`, 400, "follows"},
		{"too deep", "PUT", "/root", deep, 400, "depth"},
		{"another identifier", "PUT", "/root", `{"identifier":"void","name":"Void","children":[]}`, 400, "in the place of"},
		{"a sensor at the top", "PUT", "/root", `{"identifier":"root","name":"Root"}`, 400, "no children"},
		{"an unknown one", "PUT", "/nobody", `{"identifier":"nobody","name":"","children":[]}`, 404, "no hierarchy"},
		{"not a top", "PUT", "/comcenter", comcenterNode, 404, "no hierarchy"},
		{"not power", "PUT", "/root", `{"identifier":"root","name":"","children":[{"identifier":"counter","name":""}]}`, 422, "energy"},
		{"not power either", "PUT", "/root", `{"identifier":"root","name":"","children":[{"identifier":"seen","name":""}]}`, 422, "energy"},
		{"an identifier that cannot be", "PUT", "/root", `{"identifier":"root","name":"","children":[{"identifier":" ","name":""}]}`, 422, "identifier"},
		{"an existing one", "POST", "", `{"identifier":"root","name":"","children":[]}`, 409, `{"collisions":["root"]}`},
		{"a hierarchy of that name", "POST", "", `{"identifier":"energy","name":"","children":[]}`, 409, `{"collisions":["energy"]}`},
		{"a group of another", "POST", "", `{"identifier":"new","name":"","children":[{"identifier":"comcenter","name":"","children":[]}]}`, 409, `{"collisions":["comcenter"]}`},
		{"a missing one", "DELETE", "/nobody", "", 404, "no hierarchy"}, // Titan: 200
	} {
		t.Run(c.about, func(t *testing.T) {
			if code, body := p.call(t, c.method, HierarchyPath+c.path, c.body); code != c.code || !strings.Contains(body, c.says) {
				t.Errorf("answers %d %s, not %d", code, body, c.code)
			}
		})
	}
	r := httptest.NewRequestWithContext(t.Context(), "PUT", HierarchyPath+"/root", strings.NewReader(company))
	r.Header.Set("X-Role", "viewer")
	w := httptest.NewRecorder()
	if p.handler().ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Errorf("who may only read gets %d", w.Code)
	}
	large := `{"identifier":"root","name":"` + strings.Repeat("x", mostBody) + `","children":[]}`
	if code, body := p.put(t, "root", large); code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large one answers %d %.200s", code, body)
	}
	if len(p.notes) > 0 {
		t.Errorf("stored %v", p.notes)
	}
	p.busy = &status{503, "the disk is full"}
	if code, body := p.call(t, "DELETE", HierarchyPath+"/void", ""); code != 503 || !strings.Contains(body, "the disk is full") {
		t.Errorf("answers %d %s", code, body)
	}
	p.busy = errors.New("broken")
	if code, _ := p.call(t, "DELETE", HierarchyPath+"/void", ""); code != 500 {
		t.Errorf("answers %d", code)
	}
}

// TestPostDelete makes a hierarchy and removes it.
func TestPostDelete(t *testing.T) {
	p := newPlant(t)
	if code, body := p.call(t, "POST", HierarchyPath, `{"identifier":"cost","name":"By cost centre","children":[{"identifier":"loose","name":"","children":[{"identifier":"server1","name":"Server 1"},{"identifier":"press","name":""}]}]}`); code != 204 || body != "" {
		t.Fatalf("answers %d %s", code, body)
	}
	if h, ok := p.model.Hierarchy("cost"); !ok || h.Site != "kiel" || h.Root != "cost" || h.Name != "By cost centre" || p.members(t, "cost") != "loose" || p.members(t, "loose") != "server1 press" {
		t.Errorf("it is %+v of %s", h, p.members(t, "cost"))
	}
	if sn, ok := p.model.Sensor("press"); !ok || sn.Site != "kiel" {
		t.Errorf("the new sensor is %+v", sn)
	}
	if code, body := p.call(t, "DELETE", HierarchyPath+"/cost", ""); code != 200 || body != "" { // Titan: 404, and its groups stay
		t.Errorf("answers %d %s", code, body)
	}
	if _, ok := p.model.Hierarchy("cost"); ok || p.members(t, "cost") != "gone" || p.members(t, "loose") != "gone" {
		t.Error("something of it is left")
	}
	if _, ok := p.model.Sensor("server1"); !ok {
		t.Error("sensors went with it")
	}
	if code, _ := p.call(t, "DELETE", HierarchyPath+"/cost", ""); code != 404 {
		t.Errorf("once more answers %d", code)
	}
	if len(p.notes) != 2 {
		t.Errorf("notes %v", p.notes)
	}
}

// TestStatistics holds statistics to what Titan answers.
func TestStatistics(t *testing.T) {
	p := newPlant(t)
	ask := func(path string) string {
		t.Helper()
		code, body := p.call(t, "GET", StatisticsPath+path, "")
		if code != 200 {
			t.Fatalf("%s answers %d %s", path, code, body)
		}
		return body
	}
	const year = "?intervalStart=2020-09-18T00:00:00Z&intervalEnd=2021-09-18T00:00:00Z"
	days := ask("/sensor/root/day-of-week" + year)
	if want := `[{"identifier":"root","dayOfWeek":1,"periodStart":1600387200000,"periodEnd":1631923200000,"count":4,"mean":0.5,"populationVariance":1.0,"min":0.0,"max":1.0},{"identifier":"root","dayOfWeek":2,`; !strings.HasPrefix(days, want) {
		t.Errorf("days of the week are %s", days)
	}
	// A day of which nothing is known is left out.
	if n := strings.Count(days, "dayOfWeek"); n != 6 || !strings.Contains(days, `"dayOfWeek":7,`) || strings.Contains(days, `"dayOfWeek":3,`) {
		t.Errorf("%d days of the week: %s", n, days)
	}
	hours := ask("/sensor/roof/pv/hour-of-day" + year)
	if n := strings.Count(hours, `"hourOfDay":`); n != 23 || !strings.HasPrefix(hours, `[{"identifier":"roof/pv","hourOfDay":0,"periodStart":`) || !strings.Contains(hours, `"hourOfDay":23,`) {
		t.Errorf("%d hours of the day: %s", n, hours)
	}
	week := ask("/sensor/server1/hour-of-week" + year)
	if n := strings.Count(week, "dayOfWeek"); n != 167 || !strings.HasPrefix(week, `[{"identifier":"server1","dayOfWeek":1,"hourOfDay":0,"periodStart":`) ||
		!strings.Contains(week, `"dayOfWeek":2,"hourOfDay":0,`) || !strings.Contains(week, `"dayOfWeek":7,"hourOfDay":23,`) {
		t.Errorf("%d hours of the week: %s", n, week)
	}
	if got, want := fmt.Sprint(p.asked[:4]), fmt.Sprint([]any{Series{Hierarchy: "place", Group: "root"}, DayOfWeek, record.Millis(1600387200000), record.Millis(1631923200000)}); got != want {
		t.Errorf("asked for %s, not %s", got, want)
	}
	for _, path := range []string{"/sensor/counter/hour-of-day", "/sensor/server1/hour-of-day?intervalStart=2021-09-18T00:00:00Z&intervalEnd=2020-09-18T00:00:00Z"} {
		if got := ask(path); got != "[]" {
			t.Errorf("%s answers %s", path, got)
		}
	}
	// The first interval that has not ended is the one that is shown. It has whole
	// weeks of the site's days, across the change of the clock.
	for _, by := range []string{"hour-of-day", "day-of-week", "hour-of-week"} {
		got := ask("/interval/" + by)
		if n := strings.Count(got, "intervalStart"); n != 14 || !strings.Contains(got, `{"intervalStart":"2020-08-12T22:00:00Z","intervalEnd":"2020-09-09T22:00:00Z"},{"intervalStart":"2020-09-09T22:00:00Z","intervalEnd":"2020-10-07T22:00:00Z"},{"intervalStart":"2019-10-09T22:00:00Z","intervalEnd":"2020-10-07T22:00:00Z"}]`) ||
			!strings.Contains(got, `{"intervalStart":"2020-03-25T23:00:00Z","intervalEnd":"2020-04-22T22:00:00Z"}`) {
			t.Errorf("%d intervals: %s", n, got)
		}
	}
	// In Santiago the sixth of September begins at 1:00: the clock is put forward at midnight.
	p.model = modelOf(t, strings.Replace(world, "Europe/Berlin", "America/Santiago", 1))
	p.now = time.Date(2020, 10, 3, 15, 0, 0, 0, time.UTC)
	if got := ask("/interval/hour-of-day"); !strings.Contains(got, `{"intervalStart":"2020-08-09T04:00:00Z","intervalEnd":"2020-09-06T04:00:00Z"},{"intervalStart":"2020-09-06T04:00:00Z","intervalEnd":"2020-10-04T03:00:00Z"}`) {
		t.Errorf("intervals: %s", got)
	}
	// Without an interval it is that which runs.
	p = newPlant(t)
	p.asked = nil
	ask("/sensor/server1/hour-of-week?intervalStart=2020-09-18T00:00:00Z")
	if got := fmt.Sprint(p.asked); got != "[{server1  } 2 2020-09-09T22:00:00.000Z 2020-10-07T22:00:00.000Z]" {
		t.Errorf("asked for %s", got)
	}
}

// TestAnomalies has every measurement with a score that is known.
func TestAnomalies(t *testing.T) {
	p := newPlant(t)
	at := record.MillisOf(p.now)
	nan := 0.
	nan /= nan
	p.scores = []Deviation{{at - 40*24*3_600_000, 1, 9}, {at - 1000, 250, 4.2}, {at - 900, nan, 1}, {at - 800, 1, nan}, {at - 700, 1, 1 / (nan - nan)}, {at - 600, 100, -0.5}, {at + 5, 1, 1}}
	for _, c := range []struct{ query, want string }{
		{"server1", `[{"identifier":"server1","timestamp":1602057599000,"valueInW":250.0,"anomalyScore":4.2},{"identifier":"server1","timestamp":1602057599400,"valueInW":100.0,"anomalyScore":-0.5}]`},
		{"comcenter?from=1602057599000&to=1602057599000", `[{"identifier":"comcenter","timestamp":1602057599000,"valueInW":250.0,"anomalyScore":4.2}]`},
		{"server1?from=1602057599001", `[{"identifier":"server1","timestamp":1602057599400,"valueInW":100.0,"anomalyScore":-0.5}]`},
		{"server1?from=1570521600000&to=1602057599000", `[{"identifier":"server1","timestamp":1598601600000,"valueInW":1.0,"anomalyScore":9.0},{"identifier":"server1","timestamp":1602057599000,"valueInW":250.0,"anomalyScore":4.2}]`},
		{"counter", "[]"}, {"server1?from=5&to=1", "[]"},
	} {
		if code, body := p.call(t, "GET", AnomaliesPath+"/"+c.query, ""); code != 200 || body != c.want {
			t.Errorf("%s answers %d\n%s, not\n%s", c.query, code, body, c.want)
		}
	}
}

// TestTime says so when the time is over.
func TestTime(t *testing.T) {
	p := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	if p.handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", HistoryPath+"/raw/server1", nil)); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("answers %d", w.Code)
	}
}
