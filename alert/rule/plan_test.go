package rule

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// TestZone: times of a sensor are told in the zone of its site, or else in that of
// the site of its hierarchy.
func TestZone(t *testing.T) {
	m := built(t, `
sites:
  - {id: kiel, zone: Europe/Berlin}
  - {id: mountain, zone: Asia/Kathmandu}
sensors:
  - {id: placed, quantity: active_power}
  - {id: away, quantity: active_power, site: mountain}
  - {id: lonely, quantity: active_power}
  - {id: alone, quantity: active_power}
groups:
  - {id: plant, members: [{sensor: placed}, {sensor: away}]}
  - {id: nowhere, members: [{sensor: lonely}]}
hierarchies:
  - {id: h, root: plant, site: kiel}
  - {id: n, root: nowhere}
`)
	for sensor, want := range map[record.SensorID]string{
		"placed": "Europe/Berlin", "away": "Asia/Kathmandu", "lonely": "UTC", "alone": "UTC", "unknown": "UTC",
	} {
		p := NewPlan([]Rule{{ID: "r", Subject: Subject{Sensor: sensor}, Condition: Condition{Kind: Above, Limit: 1}}}, m, zones(t))
		if got := p.Zone("r", Ref{Sensor: sensor}).String(); got != want {
			t.Errorf("times of %s are told in %s, want %s", sensor, got, want)
		}
	}
}

// TestDays: a budget asks for days as they are settled, which of a sensor without
// a site are those of UTC. What is usual is asked by the clock of its hierarchy.
func TestDays(t *testing.T) {
	m := built(t, `
sites:
  - {id: la, zone: America/Los_Angeles}
  - {id: kiel, zone: Europe/Berlin}
sensors:
  - {id: placed, quantity: active_power}
  - {id: away, quantity: active_power, site: kiel}
groups: [{id: plant, members: [{sensor: placed}, {sensor: away}]}]
hierarchies: [{id: h, root: plant, site: la}]
`)
	for _, x := range []struct {
		subject     Subject
		days, usual string
	}{
		{Subject{Sensor: "placed"}, "UTC", "America/Los_Angeles"},
		{Subject{Sensor: "away"}, "Europe/Berlin", "Europe/Berlin"},
		{Subject{Group: "plant"}, "America/Los_Angeles", "America/Los_Angeles"},
	} {
		rules := []Rule{{ID: "b", Subject: x.subject, Condition: Condition{Kind: Budget}}, {ID: "d", Subject: x.subject, Condition: Condition{Kind: Deviation}}, {ID: "a", Subject: x.subject, Condition: Condition{Kind: Above}}}
		asked := NewPlan(rules, m, zones(t)).Questions()
		if len(asked) != 2 || asked[0].Rule != "b" || asked[0].Zone.String() != x.days || asked[1].Zone.String() != x.usual {
			t.Errorf("%v asks %+v", x.subject, asked)
		}
	}
}

// built is the model of a document.
func built(t *testing.T, yaml string) *model.Model {
	t.Helper()
	doc, err := model.ReadYAML([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// zones loads zones by their names.
func zones(t *testing.T) func(name string) *time.Location {
	return func(name string) *time.Location {
		t.Helper()
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
}
