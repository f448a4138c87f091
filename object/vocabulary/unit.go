package vocabulary

import "github.com/wattwerk/wattwerk/record"

// Of QUDT: what a quantity is, and the unit that values are in.
type meaning struct {
	class Class  // of Brick, of a sensor of it
	kind  string // "qk:ActivePower"
	unit  string // "unit:W", the coherent one
}

// meanings has every quantity. QUDT has no kinds of its own for reactive and
// apparent energy, and Brick no classes for some: the wider one is said, and the
// exact word of package record beside it, as ww:quantity.
var meanings = map[record.Quantity]meaning{
	record.ActivePower:    {ActivePower, "qk:ActivePower", "unit:W"},
	record.ReactivePower:  {"brick:Reactive_Power_Sensor", "qk:ReactivePower", "unit:V-A_Reactive"},
	record.ApparentPower:  {"brick:Electric_Power_Sensor", "qk:ApparentPower", "unit:V-A"},
	record.Energy:         {ElectricEnergy, "qk:Energy", "unit:W-HR"},
	record.ReactiveEnergy: {"brick:Reactive_Energy_Sensor", "qk:Energy", "unit:V-A_Reactive-HR"},
	record.ApparentEnergy: {ElectricEnergy, "qk:Energy", "unit:V-A-HR"},
	record.Voltage:        {"brick:Voltage_Sensor", "qk:Voltage", "unit:V"},
	record.Current:        {"brick:Current_Sensor", "qk:ElectricCurrent", "unit:A"},
	record.Frequency:      {"brick:Frequency_Sensor", "qk:Frequency", "unit:HZ"},
	record.PowerFactor:    {"brick:Power_Factor_Sensor", "qk:PowerFactor", "unit:UNITLESS"},
	record.PhaseAngle:     {Sensor, "qk:Angle", "unit:DEG"},
	record.Temperature:    {Temperature, "qk:Temperature", "unit:DEG_C"},
	record.Humidity:       {"brick:Relative_Humidity_Sensor", "qk:RelativeHumidity", "unit:PERCENT_RH"},
	record.Pressure:       {"brick:Pressure_Sensor", "qk:Pressure", "unit:PA"},
	record.Illuminance:    {"brick:Illuminance_Sensor", "qk:Illuminance", "unit:LUX"},
	record.Irradiance:     {"brick:Solar_Irradiance_Sensor", "qk:Irradiance", "unit:W-PER-M2"},
	record.Volume:         {"brick:Usage_Sensor", "qk:Volume", "unit:M3"},
	record.VolumeFlow:     {"brick:Flow_Sensor", "qk:VolumeFlowRate", "unit:M3-PER-HR"},
	record.Mass:           {Sensor, "qk:Mass", "unit:KiloGM"},
	record.MassFlow:       {"brick:Flow_Sensor", "qk:MassFlowRate", "unit:KiloGM-PER-HR"},
	record.Speed:          {"brick:Speed_Sensor", "qk:Speed", "unit:M-PER-SEC"},
	record.Ratio:          {Sensor, "qk:DimensionlessRatio", "unit:UNITLESS"},
	record.Concentration:  {"brick:Air_Quality_Sensor", "qk:DimensionlessRatio", "unit:PPM"},
	record.Charge:         {Sensor, "qk:ElectricCharge", "unit:A-HR"},
	record.Duration:       {"brick:Duration_Sensor", "qk:Time", "unit:SEC"},
	record.Pieces:         {Sensor, "qk:Dimensionless", "unit:NUM"},
}

// UnitOf is the unit of QUDT that values of the quantity are in, written short:
// "unit:W"; "" for an unknown quantity.
func UnitOf(q record.Quantity) string { return meanings[q].unit }

// KindOf is the quantity kind of QUDT, written short: "qk:ActivePower"; "" for
// an unknown quantity.
func KindOf(q record.Quantity) string { return meanings[q].kind }
