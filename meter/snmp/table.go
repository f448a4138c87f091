package snmp

import (
	"maps"
	"slices"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// Tables say which columns of a device are read, and what they mean.
type Tables struct {
	columns []string
	decode  func(found cells, t *meter.Telegram)
}

// cells are values by column and row.
type cells map[string]map[string]int64

func (c cells) set(column, row string, v int64) {
	if c[column] == nil {
		c[column] = make(map[string]int64)
	}
	c[column][row] = v
}

// Columns of ENTITY-SENSOR-MIB, entPhySensorTable.
const (
	sensorType      = ".1.3.6.1.2.1.99.1.1.1.1"
	sensorScale     = ".1.3.6.1.2.1.99.1.1.1.2"
	sensorPrecision = ".1.3.6.1.2.1.99.1.1.1.3"
	sensorValue     = ".1.3.6.1.2.1.99.1.1.1.4"
	sensorStatus    = ".1.3.6.1.2.1.99.1.1.1.5"
)

// sensorUnits are the types of sensors that measure electricity or what it makes (EntitySensorDataType).
var sensorUnits = map[int64]obis.Unit{3: obis.Volt, 4: obis.Volt, 5: obis.Ampere, 6: obis.Watt, 7: obis.Hertz, 8: obis.Celsius}

// Sensors are those of RFC 3433, which say themselves what they measure.
var Sensors = Tables{
	columns: []string{sensorType, sensorScale, sensorPrecision, sensorValue, sensorStatus},
	decode: func(found cells, t *meter.Telegram) {
		for _, row := range slices.Sorted(maps.Keys(found[sensorValue])) {
			unit, ok := sensorUnits[found[sensorType][row]]
			status, stated := found[sensorStatus][row]
			scale, precision := found[sensorScale][row], found[sensorPrecision][row]
			// EntitySensorDataScale: 9 is units, each step three powers of ten. 1: it works.
			if !ok || stated && status != 1 || scale < 1 || scale > 17 || precision < -8 || precision > 9 {
				continue
			}
			v := found[sensorValue][row]
			if v == 1_000_000_000 || v == -1_000_000_000 { // EntitySensorValue: beyond what it can measure
				continue
			}
			// A precision of 1 to 9 is digits behind the point; a negative one, how many before it are sure.
			scaler := 3*(scale-9) - max(precision, 0)
			t.Readings = append(t.Readings, meter.Reading{Point: "entPhySensorValue." + row, Raw: meter.Signed(v), Scaler: int8(scaler), Unit: unit, Flags: meter.Unchecked})
		}
	},
}

// column is one that means the same in each row.
type column struct {
	oid, name string
	unit      obis.Unit
	scaler    int8
}

// apc are the columns of PowerNet-MIB: rPDU2DeviceStatusTable, rPDU2PhaseStatusTable, rPDU2OutletMeteredStatusTable.
var apc = []column{
	{".1.3.6.1.4.1.318.1.1.26.4.3.1.5", "rPDU2DeviceStatusPower", obis.Watt, 1},      // hundredths of a kW
	{".1.3.6.1.4.1.318.1.1.26.4.3.1.9", "rPDU2DeviceStatusEnergy", obis.WattHour, 2}, // tenths of a kWh
	{".1.3.6.1.4.1.318.1.1.26.6.3.1.5", "rPDU2PhaseStatusCurrent", obis.Ampere, -1},
	{".1.3.6.1.4.1.318.1.1.26.6.3.1.6", "rPDU2PhaseStatusVoltage", obis.Volt, 0},
	{".1.3.6.1.4.1.318.1.1.26.6.3.1.7", "rPDU2PhaseStatusPower", obis.Watt, 1},
	{".1.3.6.1.4.1.318.1.1.26.9.4.3.1.7", "rPDU2OutletMeteredStatusPower", obis.Watt, 0},
	{".1.3.6.1.4.1.318.1.1.26.9.4.3.1.11", "rPDU2OutletMeteredStatusEnergy", obis.WattHour, 2},
}

// APC are the tables of its second generation of rack units.
var APC = columns(apc)

func columns(all []column) Tables {
	var oids []string
	for _, c := range all {
		oids = append(oids, c.oid)
	}
	return Tables{columns: oids, decode: func(found cells, t *meter.Telegram) {
		for _, c := range all {
			for _, row := range slices.Sorted(maps.Keys(found[c.oid])) {
				if v := found[c.oid][row]; v >= 0 { // -1: it cannot measure that
					t.Readings = append(t.Readings, meter.Reading{Point: c.name + "." + row, Raw: meter.Signed(v), Scaler: c.scaler, Unit: c.unit, Flags: meter.Unchecked})
				}
			}
		}
	}}
}
