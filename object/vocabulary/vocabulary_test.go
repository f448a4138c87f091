package vocabulary_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// The closures of Brick 1.4.4.
func TestClosures(t *testing.T) {
	for super, want := range map[vocabulary.Class][]vocabulary.Class{
		"brick:Power_Sensor":     {"brick:Power_Sensor", "brick:Electric_Power_Sensor", "brick:Active_Power_Sensor", "brick:Reactive_Power_Sensor", "brick:Thermal_Power_Sensor", "brick:Heating_Thermal_Power_Sensor"},
		"brick:Energy_Sensor":    {"brick:Energy_Sensor", "brick:Electric_Energy_Sensor", "brick:Reactive_Energy_Sensor", "brick:Energy_Usage_Sensor", "brick:Electrical_Energy_Usage_Sensor", "brick:Thermal_Energy_Usage_Sensor"},
		"brick:Electrical_Meter": {"brick:Electrical_Meter", "brick:Building_Electrical_Meter"},
		"brick:Room":             nil,
	} {
		if diff := cmp.Diff(want, super.Below().Classes()); diff != "" {
			t.Errorf("%s: %s", super, diff)
		}
		if got := super.Below().Len(); got != len(want) {
			t.Errorf("%s has %d classes, want %d", super, got, len(want))
		}
	}
}

// A walk over the parents finds the same as the bits.
func TestClosuresByWalking(t *testing.T) {
	var above func(c, super vocabulary.Class) bool
	above = func(c, super vocabulary.Class) bool {
		return c == super || slices.ContainsFunc(c.Parents(), func(p vocabulary.Class) bool { return above(p, super) })
	}
	for _, c := range vocabulary.Classes() {
		for _, super := range vocabulary.Classes() {
			if got, want := c.Is(super), above(c, super); got != want {
				t.Errorf("%s is a %s: %v, want %v", c, super, got, want)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range vocabulary.Classes() {
		_, local, _ := strings.Cut(string(c), ":")
		if seen[local] {
			t.Errorf("two classes are called %s", local)
		}
		seen[local] = true
		for _, name := range []string{string(c), local, c.IRI()} {
			if got, ok := vocabulary.Lookup(name); !ok || got != c {
				t.Errorf("%s gives %q", name, got)
			}
		}
		if short, ok := vocabulary.Shorten(c.IRI()); !ok || short != string(c) {
			t.Errorf("%s is written short as %q", c.IRI(), short)
		}
	}
	if _, ok := vocabulary.Lookup("brick:Floor"); ok {
		t.Error("the deprecated brick:Floor is known")
	}
	if got := vocabulary.ActivePower.Label(); got != "Active Power Sensor" {
		t.Errorf("label is %q", got)
	}
}

func TestEveryQuantityHasAMeaning(t *testing.T) {
	for _, q := range record.Quantities() {
		c := vocabulary.ClassOf(q)
		if !c.Is(vocabulary.Sensor) || !c.Agrees(q) {
			t.Errorf("%s has the class %q, which does not agree", q, c)
		}
		if !strings.HasPrefix(vocabulary.UnitOf(q), "unit:") || !strings.HasPrefix(vocabulary.KindOf(q), "qk:") {
			t.Errorf("%s has the unit %q and the kind %q", q, vocabulary.UnitOf(q), vocabulary.KindOf(q))
		}
	}
	if vocabulary.ClassOf("love") != vocabulary.Sensor || vocabulary.UnitOf("love") != "" {
		t.Error("an unknown quantity has a meaning")
	}
}

func TestProperties(t *testing.T) {
	seen := make(map[vocabulary.Property]bool)
	for _, u := range vocabulary.Uses() {
		if seen[u.Property] {
			t.Errorf("%s stands there twice", u.Property)
		}
		seen[u.Property] = true
		if u.Property.IRI() == string(u.Property) {
			t.Errorf("%s has no known prefix", u.Property)
		}
	}
}

func TestActuators(t *testing.T) {
	if vocabulary.Sensor.Actuator() || !vocabulary.Class("brick:On_Off_Command").Actuator() || !vocabulary.Class("brick:Temperature_Setpoint").Actuator() {
		t.Error("commands and setpoints are written to, sensors are not")
	}
}

func BenchmarkIs(b *testing.B) {
	c := vocabulary.ActivePower
	for b.Loop() {
		if !c.Is(vocabulary.PowerSensor) {
			b.Fatal("no")
		}
	}
}
