package bridge

import (
	"fmt"
	"path"
	"strings"

	"github.com/wattwerk/wattwerk/record"
)

// UnitRule says in which unit values come whose name matches. Of several rules
// the first that matches counts.
type UnitRule struct {
	Name     string          `yaml:"name" json:"name"` // of the field or metric, with * and ?: "*_kW"
	Unit     string          `yaml:"unit,omitempty" json:"unit,omitempty"`
	Quantity record.Quantity `yaml:"quantity,omitempty" json:"quantity,omitempty"` // where the unit does not tell
}

type unitRules []unitRule

type unitRule struct {
	UnitRule
	suffix string // when the pattern is "*suffix"
}

func compileUnits(rules []UnitRule) (unitRules, error) {
	var out unitRules
	for _, r := range rules {
		if _, err := path.Match(r.Name, ""); err != nil || r.Name == "" {
			return nil, fmt.Errorf("unit rule: %q is not a pattern", r.Name)
		}
		if _, ok := record.LookupUnit(r.Unit); r.Unit != "" && !ok {
			return nil, fmt.Errorf("unit rule %s: unit %q is unknown", r.Name, r.Unit)
		}
		if r.Quantity != "" {
			if err := r.Quantity.Validate(); err != nil {
				return nil, fmt.Errorf("unit rule %s: %w", r.Name, err)
			}
		}
		c := unitRule{UnitRule: r}
		if rest, ok := strings.CutPrefix(r.Name, "*"); ok && !strings.ContainsAny(rest, `*?[\`) {
			c.suffix = rest
		}
		out = append(out, c)
	}
	return out, nil
}

// of gives the rule for a name, the zero rule without any.
func (rs unitRules) of(name string) UnitRule {
	for i := range rs {
		r := &rs[i]
		if r.suffix != "" {
			if strings.HasSuffix(name, r.suffix) {
				return r.UnitRule
			}
		} else if ok, _ := path.Match(r.Name, name); ok {
			return r.UnitRule
		}
	}
	return UnitRule{}
}

// usualUnits are endings of names that leave no doubt about the unit.
func usualUnits() []UnitRule {
	var out []UnitRule
	for _, u := range [][2]string{
		{"_kW", "kW"}, {"_kw", "kW"}, {"_kilowatts", "kW"}, {"_MW", "MW"}, {"_W", "W"}, {"_w", "W"}, {"_watts", "W"},
		{"_kWh", "kWh"}, {"_kwh", "kWh"}, {"_kwh_total", "kWh"}, {"_MWh", "MWh"}, {"_Wh", "Wh"}, {"_wh", "Wh"},
		{"_joules", "J"}, {"_joules_total", "J"}, {"_volts", "V"}, {"_amperes", "A"}, {"_hertz", "Hz"}, {"_celsius", "Cel"},
	} {
		out = append(out, UnitRule{Name: "*" + u[0], Unit: u[1]})
	}
	return out
}
