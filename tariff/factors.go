package tariff

import (
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Basis is a way to say what a unit emits (GHG Protocol Scope 2 Guidance).
type Basis string

// Location is the average of the grid at the place, market what was contracted.
const (
	Location Basis = "location"
	Market   Basis = "market"
)

// Factors are emission factors, in grams of CO2 equivalent for a unit. They are
// dated as prices are, and work by the same rules.
type Factors struct {
	ID       ID               `json:"id" yaml:"id" required:"false" doc:"Identifier" example:"grid-de" maxLength:"200"`
	Name     string           `json:"name,omitempty" yaml:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Zone     string           `json:"zone,omitempty" yaml:"zone,omitempty" doc:"IANA time zone of its dates; that of the site when empty" example:"Europe/Berlin"`
	Quantity record.Quantity  `json:"quantity,omitempty" yaml:"quantity,omitempty" doc:"What is measured: energy, volume, …; default energy" example:"energy"`
	Unit     string           `json:"unit,omitempty" yaml:"unit,omitempty" doc:"Unit the factors are for; default kWh for energy, else the coherent unit of the quantity" example:"kWh"`
	Versions []FactorsVersion `json:"versions" yaml:"versions" doc:"Factors, each with the days on which they are in force, in order of time" maxItems:"500"`
}

// FactorsVersion is a set of factors with the days on which it is in force. A
// basis without a factor has no emissions then: they are null.
type FactorsVersion struct {
	From       Date    `json:"from" yaml:"from" doc:"First day" example:"2026-01-01"`
	To         Date    `json:"to,omitempty" yaml:"to,omitempty" doc:"First day on which it is out of force; absent: until the next version, or open" example:"2027-01-01"`
	Conversion Decimal `json:"conversion,omitempty" yaml:"conversion,omitempty" doc:"How many of the unit are in one coherent unit of the quantity, where the unit is of another quantity" example:"10.5432"`
	Location   *Factor `json:"location,omitempty" yaml:"location,omitempty" doc:"Location-based factor"`
	Market     *Factor `json:"market,omitempty" yaml:"market,omitempty" doc:"Market-based factor"`
}

// Factor has exactly one of both.
type Factor struct {
	Value  Decimal `json:"value,omitempty" yaml:"value,omitempty" doc:"Grams of CO2 equivalent for a unit" example:"363"`
	Series *Series `json:"series,omitempty" yaml:"series,omitempty" doc:"A series of grams of CO2 equivalent for a unit, as of the hours"`
}

// Grams is what plans of factors have for a currency.
const Grams = "gCO2e"

// NewFactors compiles the factors of one basis into a plan, as [New] does a
// tariff. Its money is millionths of a gram, and its only component is named
// after the basis.
func NewFactors(f Factors, basis Basis, site window.Calendar) (*Plan, error) {
	t := Tariff{ID: f.ID, Name: f.Name, Currency: Grams, Zone: f.Zone, Quantity: f.Quantity, Unit: f.Unit}
	c := check{what: "factors", none: make(map[int]bool)}
	if basis != Location && basis != Market {
		c.Add("basis %.40q is neither location nor market", string(basis))
	}
	for i, v := range f.Versions {
		of := v.Location
		if basis == Market {
			of = v.Market
		}
		version := Version{From: v.From, To: v.To, Conversion: v.Conversion}
		if of == nil {
			c.none[i] = true
		} else {
			version.Components = []Component{{ID: string(basis), Kind: Energy, Price: of.Value, Series: of.Series}}
		}
		t.Versions = append(t.Versions, version)
	}
	return c.plan(t, site)
}
