package execution_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bench/ladder"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/tariff"
)

// flat is a tariff of one price.
func flat(id string, price, feedIn tariff.Decimal) tariff.Tariff {
	return tariff.Tariff{ID: tariff.ID(id), Currency: "EUR", Versions: []tariff.Version{{From: "2020-01-01", Components: []tariff.Component{
		{ID: "energy", Kind: "energy", Price: price}, {ID: "back", Kind: "feed_in", Price: feedIn},
	}}}}
}

// TestScenarioD9: every computation is carried out over what the source has, with parameters
// by objects, for one who asks and for fifty at once; there are ten instances of each
// microservice. Occupancy and charging see a made-up day, the others a made-up load. How long
// it takes is measured by bench services, not here.
func TestScenarioD9(t *testing.T) {
	h := build(t, sqlite(t))
	h.source.tariff = flat("home", "0.30", "0.08")
	h.source.watts = func(id object.ID, at record.Millis) (float64, energy.Quality) {
		hour, day := at.Time().Hour(), at.Time().YearDay()
		switch id {
		case "sensor/outside":
			return 5 + float64(day%17), energy.Measured
		case "sensor/paper-a": // somebody is there
			if hour >= 8 && hour < 18 {
				return 1, energy.Measured
			}
			return 0, energy.Measured
		case "sensor/pv":
			if hour >= 10 && hour < 16 {
				return 1500, energy.Measured
			}
			return 0, energy.Measured
		}
		if hour >= 18 && hour < 20 {
			return 3000 + float64(day%7)*10, energy.Measured
		}
		return 100 + float64(day%5), energy.Measured
	}
	for i := range 9 {
		h.members = append(h.members, execution.Member{ID: fmt.Sprint("more", i)})
	}
	h.e.Checked()
	from, to := (begin - 90*24*60*minute).Time(), begin.Time()
	for _, x := range []struct {
		local      string
		run        m
		has        string
		from, past bool
	}{
		{"estimation", m{"parameters": m{"generation": []string{"sensor/pv"}}}, "intervals", false, false},
		{"appliance", m{}, "cycles", false, false},
		{"charging", m{"parameters": m{"price": m{"tariff": "home"}}}, "sessions", true, false},
		{"sharing", m{"parameters": m{
			"grid": m{"tariff": "home"}, "inside": m{"of": flat("inside", "0.15", "0.12")},
			"members": []m{{"id": "flat", "load": "group/flat", "generation": []string{"sensor/pv"}}, {"id": "shop", "load": "group/shop"}},
		}}, "bills", true, false},
		{"occupancy", m{"parameters": m{"sources": []m{{"id": "sensor/paper-a", "kind": "count"}}}}, "schedule", false, false},
		{"saving", m{"parameters": m{"temperature": "sensor/outside", "maxCvrmse": 5}}, "model", true, false},
	} {
		h.must(200, "PUT", "/services/S1", load(x.local))
		x.run["subject"] = "sensor/power"
		if x.from {
			x.run["from"], x.run["to"] = from, to
			if x.local == "charging" || x.local == "sharing" {
				x.run["from"] = (begin - 7*24*60*minute).Time()
			}
		}
		out := h.must(200, "POST", "/services/S1/execute", x.run)
		if out["result"].(m)[x.has] == nil || len(out["rests"].([]any)) == 0 {
			t.Errorf("%s: %v", x.local, out)
		}
		body, err := json.Marshal(x.run)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ladder.Run(t.Context(), ladder.Plan{URLs: []string{h.url + "/api/v1/services/S1/execute"}, Bodies: []string{string(body)}, Clients: 50, For: 1, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if r.Requests != 50 || r.Statuses[http.StatusOK] != 50 {
			t.Errorf("%s, fifty at once: %+v", x.local, r)
		}
	}
	if n := len(h.instances("1.0.0")); n != 10 {
		t.Errorf("there are %d instances", n)
	}
}

// TestBills: a bill is kept, the same again changes nothing, and late readings make
// another revision that says what is different.
func TestBills(t *testing.T) {
	onBoth(t, func(h *house) {
		h.source.tariff = flat("home", "0.30", "0.08")
		h.must(200, "PUT", "/services/S1", load("sharing"))
		from := begin - 31*24*60*minute
		missing := true
		h.source.watts = func(id object.ID, at record.Millis) (float64, energy.Quality) {
			if id == "group/flat" && missing && at < from+60*minute {
				return 0, energy.None
			}
			return 1000, energy.Measured
		}
		asked := m{
			"service": "S1", "subject": "group/home", "from": from.Time(), "to": begin.Time(),
			"parameters": m{"grid": m{"tariff": "home"}, "inside": m{"of": flat("inside", "0.15", "0.12")}},
		}
		first := h.must(201, "POST", "/bills", asked)
		id := first["id"].(string)
		if first["revision"] != 1.0 || first["madeBy"] != "eva" || len(first["result"].(m)["bills"].([]any)) != 2 {
			h.t.Fatal(first)
		}
		if same := h.must(200, "POST", "/bills", asked); same["revision"] != 1.0 {
			h.t.Error(same)
		}
		looked := make(map[string]time.Time)
		if n, err := h.bills.Again(h.t.Context(), looked); n != 0 || err != nil {
			h.t.Error(n, err)
		}
		missing = false // the late readings are there
		if n, err := h.bills.Again(h.t.Context(), looked); n != 0 || err != nil {
			h.t.Error("it is looked at again at once:", n, err)
		}
		h.pass(61 * minute)
		if n, err := h.bills.Again(h.t.Context(), looked); n != 1 || err != nil {
			h.t.Error(n, err)
		}
		second := h.must(200, "GET", "/bills/"+id, nil)
		if note, _ := second["note"].(string); second["revision"] != 2.0 || second["madeBy"] != "late readings" || !strings.Contains(note, "different, by 0.3") || len(second["revisions"].([]any)) != 2 {
			h.t.Errorf("%v %v: %v", second["revision"], second["note"], second["revisions"])
		}
		if old := h.must(200, "GET", "/bills/"+id+"/revisions/1", nil); old["revision"] != 1.0 || old["note"] != nil {
			h.t.Error(old)
		}
		if same := h.must(200, "POST", "/bills/"+id+"/run", nil); same["revision"] != 2.0 {
			h.t.Error(same)
		}
		if all := h.must(200, "GET", "/bills?subject=group/home", nil)["bills"].([]any); len(all) != 1 || all[0].(m)["revision"] != 2.0 {
			h.t.Error(all)
		}
		h.must(404, "GET", "/bills/nothing", nil)
		h.must(404, "GET", "/bills/"+id+"/revisions/3", nil)
		asked["service"] = "S2"
		h.must(422, "POST", "/bills", asked)
	})
}
