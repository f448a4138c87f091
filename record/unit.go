package record

// Unit is a unit of measure. A value v in the unit is v*Factor + Offset in the
// coherent unit of Quantity.
type Unit struct {
	Code     string   // UCUM code, case sensitive: "kW.h"
	Symbol   string   // as people read it: "kWh"
	Quantity Quantity // what it measures
	Factor   float64  // coherent units in one of this unit
	Offset   float64  // coherent value of zero of this unit
}

// LookupUnit finds a unit by its UCUM code or any common spelling of it.
func LookupUnit(name string) (Unit, bool) {
	return Unit{}, false
}

// Coherent converts a value in this unit to the coherent unit of its quantity.
func (u Unit) Coherent(v float64) float64 { return v*u.Factor + u.Offset }

// From converts a value in the coherent unit into this unit.
func (u Unit) From(v float64) float64 { return (v - u.Offset) / u.Factor }

// Convert gives the value, written in the unit of any common spelling, in the
// coherent unit, with the quantity that the unit measures.
func Convert(value float64, unit string) (float64, Quantity, error) {
	return 0, "", nil
}
