package vocabulary

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/record"
)

// Class is a class, written short: "brick:Power_Sensor". The zero Class is none.
type Class string

// Classes that the program itself speaks of.
const (
	Entity          Class = "brick:Entity"
	Point           Class = "brick:Point"
	Sensor          Class = "brick:Sensor"
	Command         Class = "brick:Command"
	Setpoint        Class = "brick:Setpoint"
	Equipment       Class = "brick:Equipment"
	Meter           Class = "brick:Meter"
	ElectricalMeter Class = "brick:Electrical_Meter"
	Collection      Class = "brick:Collection"
	PowerSensor     Class = "brick:Power_Sensor"
	EnergySensor    Class = "brick:Energy_Sensor"
	ActivePower     Class = "brick:Active_Power_Sensor"
	ElectricEnergy  Class = "brick:Electric_Energy_Sensor"
	Temperature     Class = "brick:Temperature_Sensor"
	OccupancyCount  Class = "brick:Occupancy_Count_Sensor"
	PVArray         Class = "brick:PV_Array"
	ChargingStation Class = "brick:Electric_Vehicle_Charging_Station"

	Site     Class = "rec:Site"
	Building Class = "rec:Building"
	Level    Class = "rec:Level"
	Room     Class = "rec:Room"
	Zone     Class = "rec:Zone"

	// VirtualObject is every sensor, CompositeObject every group, as the paper
	// calls them; both beside their class of Brick.
	VirtualObject   Class = "ww:VirtualObject"
	CompositeObject Class = "ww:CompositeVirtualObject"
	Substitution    Class = "ww:Substitution"
)

// A row declares a class.
type row struct {
	class   Class
	parents string            // separated by spaces
	measure []record.Quantity // what its points measure, where that is one thing; those below inherit it
}

var (
	powers   = []record.Quantity{record.ActivePower, record.ReactivePower, record.ApparentPower}
	energies = []record.Quantity{record.Energy, record.ReactiveEnergy, record.ApparentEnergy}
)

func of(q ...record.Quantity) []record.Quantity { return q }

// rows are the classes, parents before children.
var rows = []row{
	{Entity, "", nil},
	{Point, "brick:Entity", nil},
	{Sensor, "brick:Point", nil},
	{Command, "brick:Point", nil},
	{Setpoint, "brick:Point", nil},
	{"brick:Status", "brick:Point", nil},
	{"brick:Alarm", "brick:Point", nil},
	{"brick:Parameter", "brick:Point", nil},
	{"brick:On_Off_Command", "brick:Command", nil},
	{"brick:Power_Setpoint", "brick:Setpoint", powers},
	{"brick:Temperature_Setpoint", "brick:Setpoint", of(record.Temperature)},

	{PowerSensor, "brick:Sensor", powers},
	{"brick:Electric_Power_Sensor", "brick:Power_Sensor", powers},
	{ActivePower, "brick:Electric_Power_Sensor", of(record.ActivePower)},
	{"brick:Reactive_Power_Sensor", "brick:Electric_Power_Sensor", of(record.ReactivePower)},
	{"brick:Thermal_Power_Sensor", "brick:Power_Sensor", of(record.ActivePower)},
	{"brick:Heating_Thermal_Power_Sensor", "brick:Thermal_Power_Sensor", nil},

	{"brick:Usage_Sensor", "brick:Sensor", nil},
	{EnergySensor, "brick:Sensor", energies},
	{ElectricEnergy, "brick:Energy_Sensor", energies},
	{"brick:Reactive_Energy_Sensor", "brick:Electric_Energy_Sensor", of(record.ReactiveEnergy)},
	{"brick:Energy_Usage_Sensor", "brick:Usage_Sensor brick:Energy_Sensor", energies},
	{"brick:Electrical_Energy_Usage_Sensor", "brick:Energy_Usage_Sensor", energies},
	{"brick:Thermal_Energy_Usage_Sensor", "brick:Energy_Usage_Sensor", of(record.Energy)},
	{"brick:Generation_Sensor", "brick:Sensor", nil},
	{"brick:Energy_Generation_Sensor", "brick:Generation_Sensor", of(record.Energy)},
	{"brick:Natural_Gas_Usage_Sensor", "brick:Usage_Sensor", of(record.Volume)},
	{"brick:Water_Usage_Sensor", "brick:Usage_Sensor", of(record.Volume)},

	{"brick:Voltage_Sensor", "brick:Sensor", of(record.Voltage)},
	{"brick:Battery_Voltage_Sensor", "brick:Voltage_Sensor", nil},
	{"brick:Current_Sensor", "brick:Sensor", of(record.Current)},
	{"brick:Load_Current_Sensor", "brick:Current_Sensor", nil},
	{"brick:Frequency_Sensor", "brick:Sensor", of(record.Frequency)},
	{"brick:Power_Factor_Sensor", "brick:Sensor", of(record.PowerFactor)},
	{"brick:Demand_Sensor", "brick:Sensor", nil},
	{"brick:Peak_Demand_Sensor", "brick:Demand_Sensor", nil},

	{Temperature, "brick:Sensor", of(record.Temperature)},
	{"brick:Air_Temperature_Sensor", "brick:Temperature_Sensor", nil},
	{"brick:Zone_Air_Temperature_Sensor", "brick:Air_Temperature_Sensor", nil},
	{"brick:Room_Air_Temperature_Sensor", "brick:Air_Temperature_Sensor", nil},
	{"brick:Outside_Air_Temperature_Sensor", "brick:Air_Temperature_Sensor", nil},
	{"brick:Water_Temperature_Sensor", "brick:Temperature_Sensor", nil},
	{"brick:Humidity_Sensor", "brick:Sensor", of(record.Humidity)},
	{"brick:Relative_Humidity_Sensor", "brick:Humidity_Sensor", nil},
	{"brick:Pressure_Sensor", "brick:Sensor", of(record.Pressure)},
	{"brick:Illuminance_Sensor", "brick:Sensor", of(record.Illuminance)},
	{"brick:Solar_Irradiance_Sensor", "brick:Sensor", of(record.Irradiance)},
	{"brick:Flow_Sensor", "brick:Sensor", of(record.VolumeFlow, record.MassFlow)},
	{"brick:Water_Flow_Sensor", "brick:Flow_Sensor", nil},
	{"brick:Natural_Gas_Flow_Sensor", "brick:Flow_Sensor", nil},
	{"brick:Speed_Sensor", "brick:Sensor", of(record.Speed)},
	{"brick:Wind_Speed_Sensor", "brick:Speed_Sensor", nil},
	{"brick:Air_Quality_Sensor", "brick:Sensor", of(record.Concentration)},
	{"brick:CO2_Sensor", "brick:Air_Quality_Sensor", nil},
	{"brick:Motion_Sensor", "brick:Sensor", nil},
	{"brick:Occupancy_Sensor", "brick:Sensor", of(record.Pieces, record.Ratio)},
	{OccupancyCount, "brick:Sensor", of(record.Pieces)},
	{"brick:Duration_Sensor", "brick:Sensor", of(record.Duration)},

	{Equipment, "brick:Entity", nil},
	{Meter, "brick:Equipment", nil},
	{"brick:Building_Meter", "brick:Meter", nil},
	{ElectricalMeter, "brick:Meter", nil},
	{"brick:Building_Electrical_Meter", "brick:Electrical_Meter brick:Building_Meter", nil},
	{"brick:Gas_Meter", "brick:Meter", nil},
	{"brick:Water_Meter", "brick:Meter", nil},
	{"brick:Thermal_Power_Meter", "brick:Meter", nil},
	{"brick:Electrical_Equipment", "brick:Equipment", nil},
	{ChargingStation, "brick:Electrical_Equipment", nil},
	{"brick:Electric_Vehicle_Charging_Port", "brick:Electrical_Equipment", nil},
	{"brick:Energy_Storage", "brick:Electrical_Equipment", nil},
	{"brick:Battery", "brick:Energy_Storage", nil},
	{"brick:Inverter", "brick:Electrical_Equipment", nil},
	{"brick:Transformer", "brick:Electrical_Equipment", nil},
	{"brick:Solar_Panel", "brick:Equipment", nil},
	{"brick:PV_Panel", "brick:Solar_Panel", nil},
	{"brick:HVAC_Equipment", "brick:Equipment", nil},
	{"brick:Lighting_Equipment", "brick:Equipment", nil},
	{"brick:ICT_Equipment", "brick:Equipment", nil},

	{Collection, "brick:Entity", nil},
	{PVArray, "brick:Collection", nil},

	{"rec:Space", "", nil},
	{"rec:Architecture", "rec:Space", nil},
	{Site, "rec:Architecture", nil},
	{Building, "rec:Architecture", nil},
	{Level, "rec:Architecture", nil},
	{Room, "rec:Architecture", nil},
	{Zone, "rec:Architecture", nil},

	{VirtualObject, "", nil},
	{CompositeObject, "ww:VirtualObject", nil},
	{Substitution, "", nil},
}

// Set is a set of classes.
type Set [2]uint64

// Has tells whether the class is in the set.
func (s Set) Has(c Class) bool {
	i, ok := table.index[c]
	return ok && s.has(i)
}

func (s Set) has(i int) bool { return s[i>>6]&(1<<(i&63)) != 0 }

func (s *Set) add(o Set) { s[0] |= o[0]; s[1] |= o[1] }

// Len is how many classes are in the set.
func (s Set) Len() int { return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) }

// Classes lists the classes of the set, in the order of the table.
func (s Set) Classes() []Class {
	var out []Class
	for i, r := range rows {
		if s.has(i) {
			out = append(out, r.class)
		}
	}
	return out
}

var table = build()

type tables struct {
	index   map[Class]int
	names   map[string]Class // "brick:X", "X" and the whole IRI
	parents [][]Class
	below   []Set // with the class itself
	measure [][]record.Quantity
}

func build() tables {
	t := tables{index: make(map[Class]int, len(rows)), names: make(map[string]Class, 3*len(rows))}
	if len(rows) > 128 {
		panic("vocabulary: more classes than a set has bits")
	}
	t.below = make([]Set, len(rows))
	t.parents = make([][]Class, len(rows))
	t.measure = make([][]record.Quantity, len(rows))
	for i, r := range rows {
		t.index[r.class] = i
		t.names[string(r.class)] = r.class
		t.names[Expand(string(r.class))] = r.class
		_, local, _ := strings.Cut(string(r.class), ":")
		t.names[local] = r.class
		t.below[i][i>>6] |= 1 << (i & 63)
		t.measure[i] = r.measure
		for _, p := range strings.Fields(r.parents) {
			at, ok := t.index[Class(p)]
			if !ok {
				panic("vocabulary: " + string(r.class) + " stands before its parent " + p)
			}
			t.parents[i] = append(t.parents[i], Class(p))
			if t.measure[i] == nil {
				t.measure[i] = t.measure[at]
			}
		}
	}
	for i := len(rows) - 1; i >= 0; i-- {
		for _, p := range t.parents[i] {
			t.below[t.index[p]].add(t.below[i])
		}
	}
	return t
}

// Classes lists every class, parents before children.
func Classes() []Class {
	out := make([]Class, len(rows))
	for i, r := range rows {
		out[i] = r.class
	}
	return out
}

// Lookup finds a class by its short form, its bare name or its whole IRI.
func Lookup(name string) (Class, bool) {
	c, ok := table.names[name]
	return c, ok
}

// Known tells whether the class is one of the table.
func (c Class) Known() bool { _, ok := table.index[c]; return ok }

// Below is the class and all of its subclasses; empty when it is unknown.
func (c Class) Below() Set {
	if i, ok := table.index[c]; ok {
		return table.below[i]
	}
	return Set{}
}

// Above lists the class and all classes that contain it, in the order of the
// table; nothing when it is unknown.
func (c Class) Above() []Class {
	i, ok := table.index[c]
	if !ok {
		return nil
	}
	var out []Class
	for at, r := range rows {
		if table.below[at].has(i) {
			out = append(out, r.class)
		}
	}
	return out
}

// Is tells whether the class is super or lies below it.
func (c Class) Is(super Class) bool {
	i, ok := table.index[c]
	return ok && super.Below().has(i)
}

// Parents lists the classes directly above. The slice must not be changed.
func (c Class) Parents() []Class {
	if i, ok := table.index[c]; ok {
		return table.parents[i]
	}
	return nil
}

// IRI is the class in full.
func (c Class) IRI() string { return Expand(string(c)) }

// Label is the class as people read it: "Active Power Sensor".
func (c Class) Label() string {
	_, local, ok := strings.Cut(string(c), ":")
	if !ok {
		return string(c)
	}
	return strings.ReplaceAll(local, "_", " ")
}

// Measures tells what points of the class measure; nil says that the class does
// not tell. The slice must not be changed.
func (c Class) Measures() []record.Quantity {
	if i, ok := table.index[c]; ok {
		return table.measure[i]
	}
	return nil
}

// Agrees tells whether points of the class may measure the quantity.
func (c Class) Agrees(q record.Quantity) bool {
	m := c.Measures()
	return m == nil || slices.Contains(m, q)
}

// Actuator tells whether points of the class are written to: commands and
// setpoints.
func (c Class) Actuator() bool { return c.Is(Command) || c.Is(Setpoint) }

// ClassOf is the class of sensors of the quantity of which nobody says more.
func ClassOf(q record.Quantity) Class {
	if m, ok := meanings[q]; ok {
		return m.class
	}
	return Sensor
}
