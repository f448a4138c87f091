package obis

import "github.com/wattwerk/wattwerk/record"

// Unit is a unit code of DLMS/COSEM (IEC 62056-62, table of physical units).
// Zero is none.
type Unit uint8

// The units of electricity meters.
const (
	NoUnit     Unit = 0
	Second     Unit = 7
	Degree     Unit = 8
	Celsius    Unit = 9
	CubicMetre Unit = 13
	Pascal     Unit = 23
	Watt       Unit = 27
	VoltAmpere Unit = 28
	Var        Unit = 29
	WattHour   Unit = 30
	VAh        Unit = 31
	VarHour    Unit = 32
	Ampere     Unit = 33
	Volt       Unit = 35
	Hertz      Unit = 44
	Percent    Unit = 56
	AmpereHour Unit = 57
	Count      Unit = 255 // a number without a unit
)

// symbols are how units are written.
var symbols = [256]string{
	1: "a", 2: "mo", 3: "wk", 4: "d", 5: "h", 6: "min", 7: "s", 8: "°", 9: "°C", 10: "¤",
	11: "m", 12: "m/s", 13: "m³", 14: "m³", 15: "m³/h", 16: "m³/h", 17: "m³/d", 18: "m³/d", 19: "l", 20: "kg",
	21: "N", 22: "Nm", 23: "Pa", 24: "bar", 25: "J", 26: "J/h", 27: "W", 28: "VA", 29: "var", 30: "Wh",
	31: "VAh", 32: "varh", 33: "A", 34: "C", 35: "V", 36: "V/m", 37: "F", 38: "Ω", 39: "Ωm²/m", 40: "Wb",
	41: "T", 42: "A/m", 43: "H", 44: "Hz", 45: "1/Wh", 46: "1/varh", 47: "1/VAh", 48: "V²h", 49: "A²h", 50: "kg/s",
	51: "S", 52: "K", 53: "1/V²h", 54: "1/A²h", 55: "1/m³", 56: "%", 57: "Ah",
	60: "Wh/m³", 61: "J/m³", 62: "mol%", 63: "g/m³", 64: "Pa·s", 65: "J/kg", 70: "dBm", 71: "dBµV", 72: "dB",
	255: "1",
}

// Symbol gives the unit as people write it: "Wh". It is empty for no unit and
// for codes that the standard keeps free.
func (u Unit) Symbol() string { return symbols[u] }

// quantities says which quantity of records a unit measures, where it is one of
// theirs.
var quantities = map[Unit]record.Quantity{
	Second: record.Duration, Degree: record.PhaseAngle, Celsius: record.Temperature, 12: record.Speed, CubicMetre: record.Volume, 14: record.Volume, 15: record.VolumeFlow,
	16: record.VolumeFlow, 19: record.Volume, 20: record.Mass, 23: record.Pressure, 24: record.Pressure, 25: record.Energy, Watt: record.ActivePower,
	VoltAmpere: record.ApparentPower, Var: record.ReactivePower, WattHour: record.Energy, VAh: record.ApparentEnergy, VarHour: record.ReactiveEnergy,
	Ampere: record.Current, 34: record.Charge, Volt: record.Voltage, Hertz: record.Frequency, 50: record.MassFlow, 52: record.Temperature, Percent: record.Ratio, AmpereHour: record.Charge,
}

// Unit gives the unit of records, if the unit measures one of their quantities.
func (u Unit) Unit() (record.Unit, bool) {
	q, ok := quantities[u]
	if !ok {
		return record.Unit{}, false
	}
	if u == 34 { // C is degrees there, coulomb here
		return q.LookupUnit("As")
	}
	return q.LookupUnit(u.Symbol())
}

// LookupUnit finds a unit by how people write it, with a decimal prefix: "kWh" is the
// watt hour, and 3 the power of ten that one of it is of it.
func LookupUnit(symbol string) (u Unit, tens int8, ok bool) {
	switch symbol { // where meters do not write what the standard does
	case "VAr":
		return Var, 0, true
	case "kvar", "kVAr":
		return Var, 3, true
	case "kvarh", "kVArh":
		return VarHour, 3, true
	case "m3":
		return CubicMetre, 0, true
	case "C":
		return Celsius, 0, true
	}
	if u, ok := bySymbol(symbol); ok {
		return u, 0, true
	}
	if len(symbol) < 2 {
		return NoUnit, 0, false
	}
	switch symbol[0] {
	case 'm':
		tens = -3
	case 'k':
		tens = 3
	case 'M':
		tens = 6
	case 'G':
		tens = 9
	default:
		return NoUnit, 0, false
	}
	u, ok = bySymbol(symbol[1:])
	if ok && (u < Pascal || u > AmpereHour) { // prefixes are for what is measured electrically, and joules
		return NoUnit, 0, false
	}
	return u, tens, ok
}

func bySymbol(symbol string) (Unit, bool) {
	if symbol == "" {
		return NoUnit, false
	}
	for u, s := range symbols {
		if s == symbol {
			return Unit(u), true
		}
	}
	return NoUnit, false
}
