package seriestest_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/service/appliance"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/charging"
	"github.com/wattwerk/wattwerk/service/estimation"
	"github.com/wattwerk/wattwerk/service/occupancy"
	"github.com/wattwerk/wattwerk/service/saving"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/service/sharing"
)

// TestTheyCanBeDescribed describes all outputs, and the inputs that hold no tariff,
// in one registry of schemas, as the program's interface does: it panics when two
// types have one name. The names begin with the service's, or with Service, Bill,
// Energy, Gauge or Quality, so that they are no other part's.
func TestTheyCanBeDescribed(t *testing.T) {
	r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	for _, x := range []any{
		appliance.ApplianceInput{}, appliance.ApplianceOutput{}, charging.ChargingOutput{}, estimation.EstimationInput{}, estimation.EstimationOutput{}, occupancy.OccupancyInput{},
		occupancy.OccupancyOutput{}, saving.SavingInput{}, saving.SavingOutput{}, sharing.SharingOutput{}, bill.ServiceQuotes{}, series.ServiceNeed{}, charging.ChargingCharger{},
		charging.ChargingAssignment{}, charging.ChargingBlocking{}, charging.ChargingDemand{},
	} {
		r.Schema(reflect.TypeOf(x), true, "")
	}
	var described struct {
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	page, err := os.ReadFile("../../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(page, &described); err != nil {
		t.Fatal(err)
	}
	ours := []string{"Appliance", "Charging", "Estimation", "Occupancy", "Saving", "Sharing", "Service", "Bill", "Energy", "Gauge", "Quality"}
	for name, s := range r.Map() {
		ok := false
		for _, o := range ours {
			ok = ok || strings.HasPrefix(name, o)
		}
		if !ok {
			t.Errorf("the schema %s has a name that may be another's", name)
		}
		// Whoever describes it in the program's interface describes the same.
		other, there := described.Components.Schemas[name]
		if !there {
			continue
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var a, b struct {
			Properties map[string]any `json:"properties"`
		}
		if err := json.Unmarshal(text, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(other, &b); err != nil {
			t.Fatal(err)
		}
		for property := range a.Properties {
			if _, there := b.Properties[property]; !there {
				t.Errorf("docs/openapi.json has another schema %s, without %s", name, property)
			}
		}
	}
	for _, x := range []struct{ of, property, want string }{
		{"ServiceBillLine", "money", `{"description":"What it costs; below zero for what is credited","type":"string"}`},
		{"ApplianceStandby", "costYear", `{"description":"Null without a price","type":["string","null"]}`},
	} {
		text, err := json.Marshal(r.Map()[x.of].Properties[x.property])
		if err != nil || string(text) != x.want {
			t.Errorf("%s.%s is %s, want %s", x.of, x.property, text, x.want)
		}
	}
}

// TestNeedsAreClasses looks up every class that a service needs.
func TestNeedsAreClasses(t *testing.T) {
	for name, needs := range map[string][]series.ServiceNeed{
		"appliance": appliance.Needs(), "charging": charging.Needs(), "estimation": estimation.Needs(), "occupancy": occupancy.Needs(), "saving": saving.Needs(), "sharing": sharing.Needs(),
	} {
		seen := make(map[string]bool)
		for _, n := range needs {
			if seen[n.Role] || n.Why == "" || n.Max != 0 && n.Max < n.Min {
				t.Errorf("%s needs %+v", name, n)
			}
			seen[n.Role] = true
			for _, c := range append([]string{n.Class}, n.Also...) {
				if c != "" && !vocabulary.Class(c).Known() {
					t.Errorf("%s needs %s, which is no class", name, c)
				}
			}
		}
	}
}
