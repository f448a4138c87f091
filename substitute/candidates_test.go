package substitute

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// building is a model with a meter, two floors, a group with a meter in a group,
// and signs.
func building(t *testing.T) (*model.Model, *object.World) {
	t.Helper()
	d := model.Document{Sites: []model.Site{{ID: "town"}, {ID: "elsewhere"}}}
	for _, s := range []string{"main", "a", "twin", "b", "pv", "sub", "sub1", "sub2", "room", "floor", "house", "far", "volts"} {
		q := record.ActivePower
		if s == "volts" {
			q = record.Voltage
		}
		site := model.SiteID("town")
		if s == "far" {
			site = "elsewhere"
		}
		d.Sensors = append(d.Sensors, model.Sensor{ID: record.SensorID(s), Site: site, Quantity: q, Interval: model.Duration(time.Minute)})
	}
	d.Sensors = append(d.Sensors, model.Sensor{ID: "sum", Site: "town", Quantity: record.ActivePower, Formula: "sensor('a') + sensor('b')"})
	d.Groups = []model.Group{
		{ID: "top", Members: []model.Member{{Sensor: "main", Meter: true}, {Sensor: "a"}, {Sensor: "b"}, {Sensor: "pv", Sign: -1}, {Group: "metered"}, {Group: "open", Sign: -1}}},
		{ID: "metered", Members: []model.Member{{Sensor: "sub", Meter: true}, {Sensor: "sub1"}}},
		{ID: "open", Members: []model.Member{{Sensor: "sub2", Sign: -1}}},
		{ID: "loose", Members: []model.Member{{Sensor: "a"}, {Sensor: "room"}}},
	}
	m := made(t, d)
	w, faults := object.NewWorld(m, []object.Space{
		{ID: "town", Kind: vocabulary.Site}, {ID: "hall", Kind: vocabulary.Building, Parent: "town"}, {ID: "f1", Kind: vocabulary.Level, Parent: "hall"},
		{ID: "f2", Kind: vocabulary.Level, Parent: "hall"}, {ID: "r1", Kind: vocabulary.Room, Parent: "f1"}, {ID: "r2", Kind: vocabulary.Room, Parent: "f1"},
	}, []object.Enrichment{
		{Object: "sensor/a", Space: "r1"}, {Object: "sensor/twin", Space: "f2", Replica: "sensor/a"}, {Object: "sensor/room", Space: "r1"},
		{Object: "sensor/floor", Space: "r2"}, {Object: "sensor/house", Space: "f2"}, {Object: "sensor/volts", Space: "r1"},
	})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return m, w
}

// TestNearFirst: candidates come by place, the nearest first, a bounded number of
// them, and the reasons of those that are none.
func TestNearFirst(t *testing.T) {
	_, w := building(t)
	write := func(most int) string {
		found, _ := Candidates(w, "sensor/a", most)
		var out []string
		for _, f := range found {
			out = append(out, fmt.Sprintf("%s %s", strings.TrimPrefix(string(f.Object.ID), "sensor/"), f.Place))
		}
		return strings.Join(out, ", ")
	}
	want := "twin replica, room group, b group, pv group, floor floor, house building, main building, sub building, sub1 building, sub2 building, far external"
	if got := write(0); got != want {
		t.Errorf("found  %s\nwanted %s", got, want)
	}
	if got := write(2); got != "twin replica, room group" {
		t.Errorf("the nearest two: %s", got)
	}
	_, refused := Candidates(w, "sensor/a", 0)
	if len(refused) != 1 || refused[0].Object != "sensor/volts" || refused[0].Reason != "it measures voltage in V, not active_power in W" {
		t.Errorf("refused %v", refused)
	}
	if _, refused := Candidates(w, "sensor/nobody", 0); len(refused) != 1 {
		t.Errorf("unknown: %v", refused)
	}
}

// TestBalances: what is missing follows from the meter and the other members with
// their signs; groups within stand for their meter, or for what they consist of.
func TestBalances(t *testing.T) {
	m, w := building(t)
	for _, c := range []struct {
		id   object.ID
		want string
	}{
		{"sensor/a", "group/top: +main -b +pv -sub -sub2"},
		{"sensor/pv", "group/top: -main +a +b +sub +sub2"},
		{"sensor/main", "group/top: +a +b -pv +sub +sub2"},
		{"sensor/sub", "group/metered: +sub1; group/top: +main -a -b +pv -sub2"},
		{"sensor/sub1", "group/metered: +sub"},
		{"sensor/sub2", "group/top: +main -a -b +pv -sub"},
		{"sensor/far", ""},
	} {
		ways, _ := Balances(w, m, c.id)
		var out []string
		for _, way := range ways {
			s := string(way.Group) + ":"
			for _, p := range way.Members {
				s += fmt.Sprintf(" %c%s", map[bool]rune{true: '+', false: '-'}[p.Sign > 0], strings.TrimPrefix(string(p.Object.ID), "sensor/"))
			}
			out = append(out, s)
		}
		if got := strings.Join(out, "; "); got != c.want {
			t.Errorf("%s: %s, not %s", c.id, got, c.want)
		}
	}
	if _, refused := Balances(w, m, "sensor/room"); len(refused) != 1 || refused[0].Reason != "neither the group nor one around it has a meter of its own" {
		t.Errorf("refused %v", refused)
	}
}
