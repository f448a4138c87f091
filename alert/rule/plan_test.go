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
	doc, err := model.ReadYAML([]byte(`
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
`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	load := func(name string) *time.Location {
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	for sensor, want := range map[record.SensorID]string{
		"placed": "Europe/Berlin", "away": "Asia/Kathmandu", "lonely": "UTC", "alone": "UTC", "unknown": "UTC",
	} {
		p := NewPlan([]Rule{{ID: "r", Subject: Subject{Sensor: sensor}, Condition: Condition{Kind: Above, Limit: 1}}}, m, load)
		if got := p.Zone("r", Ref{Sensor: sensor}).String(); got != want {
			t.Errorf("times of %s are told in %s, want %s", sensor, got, want)
		}
	}
}
