package record

import "fmt"

// Quantity names a kind of physical quantity. It decides in which unit values
// are kept: the coherent unit of [Quantity.Unit].
type Quantity string

// The quantities known. Energies and volumes are counters by nature, the
// others gauges.
const (
	ActivePower    Quantity = "active_power"    // W
	ReactivePower  Quantity = "reactive_power"  // var
	ApparentPower  Quantity = "apparent_power"  // V·A
	Energy         Quantity = "energy"          // W·h
	ReactiveEnergy Quantity = "reactive_energy" // var·h
	ApparentEnergy Quantity = "apparent_energy" // V·A·h
	Voltage        Quantity = "voltage"         // V
	Current        Quantity = "current"         // A
	Frequency      Quantity = "frequency"       // Hz
	PowerFactor    Quantity = "power_factor"    // 1
	PhaseAngle     Quantity = "phase_angle"     // degree
	Temperature    Quantity = "temperature"     // degree Celsius
	Humidity       Quantity = "humidity"        // percent relative humidity
	Pressure       Quantity = "pressure"        // Pa
	Illuminance    Quantity = "illuminance"     // lx
	Irradiance     Quantity = "irradiance"      // W/m²
	Volume         Quantity = "volume"          // m³
	VolumeFlow     Quantity = "volume_flow"     // m³/h
	Mass           Quantity = "mass"            // kg
	MassFlow       Quantity = "mass_flow"       // kg/h
	Speed          Quantity = "speed"           // m/s
	Ratio          Quantity = "ratio"           // 1
	Concentration  Quantity = "concentration"   // parts per million
	Charge         Quantity = "charge"          // A·h
	Duration       Quantity = "duration"        // s
	Pieces         Quantity = "count"           // 1, things counted
)

// quantities lists every quantity, and which are counters by nature.
var quantities = []struct {
	quantity Quantity
	counter  bool
}{
	{ActivePower, false},
	{ReactivePower, false},
	{ApparentPower, false},
	{Energy, true},
	{ReactiveEnergy, true},
	{ApparentEnergy, true},
	{Voltage, false},
	{Current, false},
	{Frequency, false},
	{PowerFactor, false},
	{PhaseAngle, false},
	{Temperature, false},
	{Humidity, false},
	{Pressure, false},
	{Illuminance, false},
	{Irradiance, false},
	{Volume, true},
	{VolumeFlow, false},
	{Mass, false},
	{MassFlow, false},
	{Speed, false},
	{Ratio, false},
	{Concentration, false},
	{Charge, true},
	{Duration, true},
	{Pieces, true},
}

// Quantities lists every quantity known, in a fixed order.
func Quantities() []Quantity {
	out := make([]Quantity, len(quantities))
	for i, q := range quantities {
		out[i] = q.quantity
	}
	return out
}

// Validate says in a sentence what is wrong with the quantity, or nil.
func (q Quantity) Validate() error {
	for _, k := range quantities {
		if k.quantity == q {
			return nil
		}
	}
	if q == "" {
		return fmt.Errorf("quantity is missing")
	}
	return fmt.Errorf("quantity %.60q is unknown", string(q))
}

// Counter tells whether sensors of the quantity usually count up, as energy
// meters do, instead of showing what is the case now.
func (q Quantity) Counter() bool {
	for _, k := range quantities {
		if k.quantity == q {
			return k.counter
		}
	}
	return false
}

// Integral is the quantity of what a gauge of q amounts to over hours, or a
// counter of q by its differences: energy for power and for energy itself. It
// is false for what nobody adds up over time, as a voltage.
func (q Quantity) Integral() (Quantity, bool) {
	switch q {
	case ActivePower:
		return Energy, true
	case ReactivePower:
		return ReactiveEnergy, true
	case ApparentPower:
		return ApparentEnergy, true
	case VolumeFlow:
		return Volume, true
	case MassFlow:
		return Mass, true
	case Current:
		return Charge, true
	}
	return q, q.Counter()
}

// RateUnit is how the unit is written in which amounts of q per hour are told: W
// for power and for energy, m³/h for a flow and for a volume.
func (q Quantity) RateUnit() string {
	whole, ok := q.Integral()
	if !ok || whole != q {
		return q.Unit().Symbol
	}
	for _, k := range quantities {
		if w, ok := k.quantity.Integral(); ok && w == whole && k.quantity != whole {
			return k.quantity.Unit().Symbol
		}
	}
	return whole.Unit().Symbol + "/h"
}

// Unit is the coherent unit: the one in which every stored value of the
// quantity is. The zero Unit for an unknown quantity.
func (q Quantity) Unit() Unit {
	if t, ok := unitTable.of[q]; ok {
		return t.list[0]
	}
	return Unit{}
}
