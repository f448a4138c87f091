package record

import (
	"strings"

	"github.com/wattwerk/wattwerk/internal/phrase"
)

// Unit is a unit of measure. A value v in the unit is v*Factor + Offset in the
// coherent unit of Quantity.
type Unit struct {
	Code     string   // UCUM code, case sensitive: "kW.h"
	Symbol   string   // as people read it: "kWh"
	Quantity Quantity // what it measures
	Factor   float64  // coherent units in one of this unit
	Offset   float64  // coherent value of zero of this unit

	// The same as a fraction, (v*mul+add)/div, because 1/3600 and 0.001 are no
	// float64: dividing rounds once, multiplying by the rounded factor twice.
	mul, add, div float64

	// tens is the exponent of a factor that is a power of ten, if there is no
	// offset; else 0.
	tens int
}

// Coherent converts a value in this unit to the coherent unit of its quantity.
// Where the factor is a power of ten the decimal point moves and the digits
// stay: 2.01 kW are 2010 W. Other factors round once.
func (u Unit) Coherent(v float64) float64 {
	if u.tens != 0 {
		return shift(v, u.tens)
	}
	if u.div == 0 {
		return v*u.Factor + u.Offset
	}
	return (v*u.mul + u.add) / u.div
}

// From converts a value in the coherent unit into this unit.
func (u Unit) From(v float64) float64 {
	if u.div == 0 {
		return (v - u.Offset) / u.Factor
	}
	return (v*u.div - u.add) / u.mul
}

// LookupUnit finds a unit by its UCUM code or any common spelling of it: "kWh",
// "kW.h", "kilowatt hours". Where case does not distinguish units it does not
// matter ("KWH"); where it does it must be right ("mW" and "MW"). A spelling
// that several quantities share, as "%", gives the most common one; use
// [Quantity.LookupUnit] when the quantity is known.
func LookupUnit(name string) (Unit, bool) {
	u, ok := unitTable.any.find(name)
	return u, ok
}

// LookupUnit finds a unit of this quantity as [LookupUnit] does. The empty name
// is the coherent unit.
func (q Quantity) LookupUnit(name string) (Unit, bool) {
	t, ok := unitTable.of[q]
	if !ok {
		return Unit{}, false
	}
	if name == "" {
		return q.Unit(), true
	}
	return t.find(name)
}

// Convert gives the value, written in the unit of any common spelling, in the
// coherent unit, with the quantity that the unit measures. The error names the
// unknown unit.
func Convert(value float64, unit string) (float64, Quantity, error) {
	u, ok := LookupUnit(unit)
	if !ok {
		return 0, "", phrase.Errorf(phrase.UnitUnknown, phrase.Params{"unit": unit}, "unit %.60q is unknown", unit)
	}
	return u.Coherent(value), u.Quantity, nil
}

// Units lists every unit of the quantity, the coherent one first.
func (q Quantity) Units() []Unit { return append([]Unit(nil), unitTable.of[q].list...) }

// A unitRow declares a unit, and with prefixes a family of them.
type unitRow struct {
	quantity      Quantity
	code, symbol  string
	mul, add, div float64 // 0 stands for 1 in mul and div
	prefixes      string  // of "n", "u", "m", "k", "M", "G", "T", "h": each makes another unit
	spellings     string  // separated by |; those of prefixed units get the prefix, names of at least 4 letters its name
}

// unitRows lists the units; the first of a quantity is its coherent unit, and
// where a spelling stands for several quantities the first row wins.
var unitRows = []unitRow{
	{quantity: ActivePower, code: "W", symbol: "W", prefixes: "umkMGT", spellings: "watt|watts"},
	{quantity: ActivePower, code: "[HP]", symbol: "hp", mul: 745.6998715822702, spellings: "horsepower"},
	{quantity: ActivePower, code: "J/s", symbol: "J/s", spellings: "joule per second"},
	{quantity: ActivePower, code: "[Btu_IT]/h", symbol: "BTU/h", mul: 1055.05585262, div: 3600, spellings: "btuh"},
	// UCUM has no var; an annotation is its way to say which volt-amperes are meant.
	{quantity: ReactivePower, code: "V.A{reactive}", symbol: "var", prefixes: "mkMG", spellings: "VAr|VAR"},
	{quantity: ApparentPower, code: "V.A", symbol: "VA", prefixes: "mkMG", spellings: "volt ampere|volt amperes|voltampere"},
	{quantity: Energy, code: "W.h", symbol: "Wh", prefixes: "mkMGT", spellings: "W·h|W*h|watt hour|watt hours|watthour|watthours"},
	{quantity: Energy, code: "J", symbol: "J", div: 3600, prefixes: "kMGT", spellings: "joule|joules"},
	{quantity: Energy, code: "W.s", symbol: "Ws", div: 3600, prefixes: "k", spellings: "watt second|watt seconds|W·s|W*s"},
	{quantity: Energy, code: "W.min", symbol: "Wmin", div: 60, prefixes: "k", spellings: "watt minute|watt minutes"},
	{quantity: Energy, code: "[Btu_IT]", symbol: "BTU", mul: 1055.05585262, div: 3600},
	{quantity: Energy, code: "cal", symbol: "cal", mul: 4.184, div: 3600, prefixes: "k", spellings: "calorie|calories"},
	{quantity: ReactiveEnergy, code: "V.A.h{reactive}", symbol: "varh", prefixes: "mkMG", spellings: "VArh|VARh|VARH|var·h|var*h|var.h|var hour|var hours"},
	{quantity: ApparentEnergy, code: "V.A.h", symbol: "VAh", prefixes: "mkMG", spellings: "VA·h|VA*h|VA.h|volt ampere hour|volt ampere hours"},
	{quantity: Voltage, code: "V", symbol: "V", prefixes: "umkM", spellings: "volt|volts"},
	{quantity: Current, code: "A", symbol: "A", prefixes: "umk", spellings: "amp|amps|ampere|amperes"},
	{quantity: Frequency, code: "Hz", symbol: "Hz", prefixes: "mkMG", spellings: "hertz"},
	{quantity: Ratio, code: "1", symbol: "1", spellings: "ratio|{ratio}"},
	{quantity: Ratio, code: "%", symbol: "%", div: 100, spellings: "percent|pct|％"},
	{quantity: Ratio, code: "[ppth]", symbol: "‰", div: 1000, spellings: "permille|per mille"},
	{quantity: PowerFactor, code: "{cos_phi}", symbol: "cos φ", spellings: "cos phi|cosphi|cos_phi|cosφ|1|pf"},
	{quantity: PowerFactor, code: "%{cos_phi}", symbol: "%", div: 100, spellings: "percent|%"},
	{quantity: PhaseAngle, code: "deg", symbol: "°", spellings: "degree|degrees"},
	{quantity: PhaseAngle, code: "rad", symbol: "rad", mul: 57.29577951308232, spellings: "radian|radians"},
	{quantity: Temperature, code: "Cel", symbol: "°C", spellings: "℃|C|degC|deg C|celsius|degree celsius|degrees celsius"},
	{quantity: Temperature, code: "[degF]", symbol: "°F", mul: 5, add: -160, div: 9, spellings: "℉|F|degF|deg F|fahrenheit|degrees fahrenheit"},
	{quantity: Temperature, code: "K", symbol: "K", add: -273.15, spellings: "kelvin"},
	{quantity: Humidity, code: "%{RH}", symbol: "%", spellings: "% RH|%RH|%rH|percent|pct|percent rh"},
	{quantity: Pressure, code: "Pa", symbol: "Pa", prefixes: "mhkMG", spellings: "pascal|pascals"},
	{quantity: Pressure, code: "bar", symbol: "bar", mul: 100000, spellings: "bars"},
	{quantity: Pressure, code: "mbar", symbol: "mbar", mul: 100, spellings: "millibar|millibars"},
	{quantity: Pressure, code: "[psi]", symbol: "psi", mul: 6894.757293168361},
	{quantity: Illuminance, code: "lx", symbol: "lx", prefixes: "k", spellings: "lux"},
	{quantity: Irradiance, code: "W/m2", symbol: "W/m²", spellings: "W/m^2|W/m**2|W m-2"},
	{quantity: Irradiance, code: "kW/m2", symbol: "kW/m²", mul: 1000, spellings: "kW/m^2"},
	{quantity: Volume, code: "m3", symbol: "m³", spellings: "m^3|m**3|cbm|cubic meter|cubic meters|cubic metre|cubic metres"},
	{quantity: Volume, code: "L", symbol: "l", div: 1000, spellings: "liter|liters|litre|litres|dm3|dm³"},
	{quantity: Volume, code: "mL", symbol: "ml", div: 1000000, spellings: "milliliter|millilitre"},
	{quantity: Volume, code: "[cft_i]", symbol: "ft³", mul: 0.028316846592, spellings: "ft3|cubic feet|cubic foot|cf"},
	{quantity: Volume, code: "[gal_us]", symbol: "gal", mul: 0.003785411784, spellings: "gallon|gallons"},
	{quantity: VolumeFlow, code: "m3/h", symbol: "m³/h", spellings: "m^3/h|m3/hr|cbm/h"},
	{quantity: VolumeFlow, code: "m3/s", symbol: "m³/s", mul: 3600, spellings: "m^3/s"},
	{quantity: VolumeFlow, code: "L/min", symbol: "l/min", mul: 6, div: 100, spellings: "lpm"},
	{quantity: VolumeFlow, code: "L/h", symbol: "l/h", div: 1000, spellings: "lph"},
	{quantity: VolumeFlow, code: "L/s", symbol: "l/s", mul: 36, div: 10},
	{quantity: Mass, code: "kg", symbol: "kg", spellings: "kilogram|kilograms"},
	{quantity: Mass, code: "g", symbol: "g", div: 1000, spellings: "gram|grams"},
	{quantity: Mass, code: "t", symbol: "t", mul: 1000, spellings: "ton|tonne|tonnes|Mg"},
	{quantity: MassFlow, code: "kg/h", symbol: "kg/h"},
	{quantity: MassFlow, code: "kg/s", symbol: "kg/s", mul: 3600},
	{quantity: MassFlow, code: "t/h", symbol: "t/h", mul: 1000},
	{quantity: Speed, code: "m/s", symbol: "m/s", spellings: "m s-1|mps"},
	{quantity: Speed, code: "km/h", symbol: "km/h", mul: 10, div: 36, spellings: "kmh|kph"},
	{quantity: Speed, code: "[mi_i]/h", symbol: "mph", mul: 0.44704},
	{quantity: Concentration, code: "[ppm]", symbol: "ppm", spellings: "parts per million"},
	{quantity: Concentration, code: "[ppb]", symbol: "ppb", div: 1000, spellings: "parts per billion"},
	{quantity: Charge, code: "A.h", symbol: "Ah", prefixes: "mk", spellings: "A·h|A*h|ampere hour|ampere hours|amp hour|amp hours"},
	{quantity: Charge, code: "C{charge}", symbol: "As", div: 3600, spellings: "coulomb|coulombs|A.s"},
	{quantity: Duration, code: "s", symbol: "s", spellings: "sec|secs|second|seconds"},
	{quantity: Duration, code: "ms", symbol: "ms", div: 1000, spellings: "millisecond|milliseconds"},
	{quantity: Duration, code: "min", symbol: "min", mul: 60, spellings: "minute|minutes"},
	{quantity: Duration, code: "h", symbol: "h", mul: 3600, spellings: "hr|hour|hours"},
	{quantity: Duration, code: "d", symbol: "d", mul: 86400, spellings: "day|days"},
	{quantity: Pieces, code: "{count}", symbol: "×", spellings: "count|counts|pcs|pieces|{pieces}|pulses|impulses|1"},
}

var unitPrefixes = map[rune]struct {
	spellings []string
	name      string
	mul, div  float64
}{
	'n': {[]string{"n"}, "nano", 1, 1e9},
	'u': {[]string{"u", "µ", "μ"}, "micro", 1, 1e6},
	'm': {[]string{"m"}, "milli", 1, 1e3},
	'h': {[]string{"h"}, "hecto", 1e2, 1},
	'k': {[]string{"k"}, "kilo", 1e3, 1},
	'M': {[]string{"M"}, "mega", 1e6, 1},
	'G': {[]string{"G"}, "giga", 1e9, 1},
	'T': {[]string{"T"}, "tera", 1e12, 1},
}

type unitIndex struct {
	list   []Unit
	exact  map[string]int
	folded map[string]int // -1: two units differ in case alone
}

func (x *unitIndex) find(name string) (Unit, bool) {
	// No spelling is longer; a long text is not worth folding.
	if len(name) > 60 {
		return Unit{}, false
	}
	name = strings.TrimSpace(name)
	if i, ok := x.exact[name]; ok {
		return x.list[i], true
	}
	if i, ok := x.folded[fold(name)]; ok && i >= 0 {
		return x.list[i], true
	}
	return Unit{}, false
}

// fold makes spellings that differ in case, or in how words are joined, equal.
func fold(s string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(s))
}

func (x *unitIndex) add(u Unit, spellings []string) {
	if x.exact == nil {
		x.exact, x.folded = make(map[string]int), make(map[string]int)
	}
	at := len(x.list)
	x.list = append(x.list, u)
	for _, s := range spellings {
		if _, taken := x.exact[s]; taken {
			continue
		}
		x.exact[s] = at
		f := fold(s)
		switch was, taken := x.folded[f]; {
		case !taken:
			x.folded[f] = at
		case was >= 0 && x.list[was].Quantity == u.Quantity && was != at:
			x.folded[f] = -1
		}
	}
}

type unitTables struct {
	any unitIndex
	of  map[Quantity]*unitIndex
}

// unitTable is made once and only read.
var unitTable = makeUnitTables()

func makeUnitTables() *unitTables {
	t := &unitTables{of: make(map[Quantity]*unitIndex)}
	add := func(u Unit, spellings []string) {
		u.Factor, u.Offset = u.mul/u.div, u.add/u.div
		if u.add == 0 {
			u.tens = tensOf(u.Factor)
		}
		spellings = append([]string{u.Code, u.Symbol}, spellings...)
		if t.of[u.Quantity] == nil {
			t.of[u.Quantity] = new(unitIndex)
		}
		t.of[u.Quantity].add(u, spellings)
		t.any.add(u, spellings)
	}
	for _, r := range unitRows {
		u := Unit{Code: r.code, Symbol: r.symbol, Quantity: r.quantity, mul: r.mul, add: r.add, div: r.div}
		if u.mul == 0 {
			u.mul = 1
		}
		if u.div == 0 {
			u.div = 1
		}
		var names []string
		if r.spellings != "" {
			names = strings.Split(r.spellings, "|")
		}
		add(u, names)
		for _, p := range r.prefixes {
			pre := unitPrefixes[p]
			v := u
			v.Code, v.Symbol = string(p)+u.Code, pre.spellings[len(pre.spellings)/2]+u.Symbol
			v.mul, v.div = u.mul*pre.mul, u.div*pre.div
			// One of both is 1 after reduction, so that conversion rounds once.
			if v.mul >= v.div && v.mul/v.div*v.div == v.mul && v.mul/v.div == float64(int64(v.mul/v.div)) {
				v.mul, v.div = v.mul/v.div, 1
			}
			var more []string
			for _, s := range pre.spellings {
				more = append(more, s+u.Code, s+u.Symbol)
				for _, n := range names {
					if !isWord(n) {
						more = append(more, s+n)
					}
				}
			}
			for _, n := range names {
				if isWord(n) {
					more = append(more, pre.name+n)
				}
			}
			add(v, more)
		}
	}
	return t
}

// isWord tells "watt", which takes "kilo", from "VAr", which takes "k".
func isWord(s string) bool { return len(s) >= 3 && s == strings.ToLower(s) && s != "cal" }
