package sunspec

import (
	"bytes"
	"fmt"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// The models that are read.
const (
	common   = 1
	lastOne  = 0xffff
	inverter = 101 // to 103
	meters   = 201 // to 204
)

// form is how a value stands in the registers, and what says that it is not there.
type form uint8

const (
	int16Form  form = iota // 0x8000: not there
	uint16Form             // 0xffff
	acc32Form              // a counter; 0: not there, or nothing yet
)

// point is a value of a model. Offsets are from the register after the length.
type point struct {
	name   string
	offset int
	scale  int // offset of the scale factor; -1: none
	form   form
	unit   obis.Unit
	code   obis.Code
	always bool // 0 of a counter is a value: totals, of which nobody leaves one out
}

func electricity(c, d byte) obis.Code { return obis.Code{1, 0, c, d, 0, 255} }

// inverterPoints are those of models 101 to 103, which are alike.
var inverterPoints = []point{
	{name: "A", offset: 0, scale: 4, form: uint16Form, unit: obis.Ampere},
	{name: "AphA", offset: 1, scale: 4, form: uint16Form, unit: obis.Ampere},
	{name: "AphB", offset: 2, scale: 4, form: uint16Form, unit: obis.Ampere},
	{name: "AphC", offset: 3, scale: 4, form: uint16Form, unit: obis.Ampere},
	{name: "PhVphA", offset: 8, scale: 11, form: uint16Form, unit: obis.Volt},
	{name: "PhVphB", offset: 9, scale: 11, form: uint16Form, unit: obis.Volt},
	{name: "PhVphC", offset: 10, scale: 11, form: uint16Form, unit: obis.Volt},
	{name: "W", offset: 12, scale: 13, unit: obis.Watt},
	{name: "Hz", offset: 14, scale: 15, form: uint16Form, unit: obis.Hertz},
	{name: "VA", offset: 16, scale: 17, unit: obis.VoltAmpere},
	{name: "VAr", offset: 18, scale: 19, unit: obis.Var},
	{name: "WH", offset: 22, scale: 24, form: acc32Form, unit: obis.WattHour, always: true},
	{name: "DCA", offset: 25, scale: 26, form: uint16Form, unit: obis.Ampere},
	{name: "DCV", offset: 27, scale: 28, form: uint16Form, unit: obis.Volt},
	{name: "DCW", offset: 29, scale: 30, unit: obis.Watt},
	{name: "TmpCab", offset: 31, scale: 35, unit: obis.Celsius},
	{name: "St", offset: 36, scale: -1, form: uint16Form, unit: obis.NoUnit},
}

// meterPoints are those of models 201 to 204, which are alike. Power and energy are
// positive where they are drawn.
var meterPoints = []point{
	{name: "A", offset: 0, scale: 4, unit: obis.Ampere, code: electricity(90, 7)},
	{name: "AphA", offset: 1, scale: 4, unit: obis.Ampere, code: electricity(31, 7)},
	{name: "AphB", offset: 2, scale: 4, unit: obis.Ampere, code: electricity(51, 7)},
	{name: "AphC", offset: 3, scale: 4, unit: obis.Ampere, code: electricity(71, 7)},
	{name: "PhVphA", offset: 6, scale: 13, unit: obis.Volt, code: electricity(32, 7)},
	{name: "PhVphB", offset: 7, scale: 13, unit: obis.Volt, code: electricity(52, 7)},
	{name: "PhVphC", offset: 8, scale: 13, unit: obis.Volt, code: electricity(72, 7)},
	{name: "Hz", offset: 14, scale: 15, unit: obis.Hertz, code: electricity(14, 7)},
	{name: "W", offset: 16, scale: 20, unit: obis.Watt, code: obis.Power},
	{name: "WphA", offset: 17, scale: 20, unit: obis.Watt, code: electricity(36, 7)},
	{name: "WphB", offset: 18, scale: 20, unit: obis.Watt, code: electricity(56, 7)},
	{name: "WphC", offset: 19, scale: 20, unit: obis.Watt, code: electricity(76, 7)},
	{name: "VA", offset: 21, scale: 25, unit: obis.VoltAmpere, code: electricity(9, 7)},
	{name: "VAR", offset: 26, scale: 30, unit: obis.Var},
	{name: "TotWhExp", offset: 36, scale: 52, form: acc32Form, unit: obis.WattHour, code: obis.Export, always: true},
	{name: "TotWhExpPhA", offset: 38, scale: 52, form: acc32Form, unit: obis.WattHour, code: electricity(22, 8)},
	{name: "TotWhExpPhB", offset: 40, scale: 52, form: acc32Form, unit: obis.WattHour, code: electricity(42, 8)},
	{name: "TotWhExpPhC", offset: 42, scale: 52, form: acc32Form, unit: obis.WattHour, code: electricity(62, 8)},
	{name: "TotWhImp", offset: 44, scale: 52, form: acc32Form, unit: obis.WattHour, code: obis.Import, always: true},
	{name: "TotWhImpPhA", offset: 46, scale: 52, form: acc32Form, unit: obis.WattHour, code: electricity(21, 8)},
	{name: "TotWhImpPhB", offset: 48, scale: 52, form: acc32Form, unit: obis.WattHour, code: electricity(41, 8)},
	{name: "TotWhImpPhC", offset: 50, scale: 52, form: acc32Form, unit: obis.WattHour, code: electricity(61, 8)},
	{name: "TotVAhExp", offset: 53, scale: 69, form: acc32Form, unit: obis.VAh, code: electricity(10, 8)},
	{name: "TotVAhExpPhA", offset: 55, scale: 69, form: acc32Form, unit: obis.VAh, code: electricity(30, 8)},
	{name: "TotVAhExpPhB", offset: 57, scale: 69, form: acc32Form, unit: obis.VAh, code: electricity(50, 8)},
	{name: "TotVAhExpPhC", offset: 59, scale: 69, form: acc32Form, unit: obis.VAh, code: electricity(70, 8)},
	{name: "TotVAhImp", offset: 61, scale: 69, form: acc32Form, unit: obis.VAh, code: electricity(9, 8)},
	{name: "TotVAhImpPhA", offset: 63, scale: 69, form: acc32Form, unit: obis.VAh, code: electricity(29, 8)},
	{name: "TotVAhImpPhB", offset: 65, scale: 69, form: acc32Form, unit: obis.VAh, code: electricity(49, 8)},
	{name: "TotVAhImpPhC", offset: 67, scale: 69, form: acc32Form, unit: obis.VAh, code: electricity(69, 8)},
	{name: "TotVArhImpQ1", offset: 70, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(5, 8)},
	{name: "TotVArhImpQ1PhA", offset: 72, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(25, 8)},
	{name: "TotVArhImpQ1PhB", offset: 74, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(45, 8)},
	{name: "TotVArhImpQ1PhC", offset: 76, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(65, 8)},
	{name: "TotVArhImpQ2", offset: 78, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(6, 8)},
	{name: "TotVArhImpQ2PhA", offset: 80, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(26, 8)},
	{name: "TotVArhImpQ2PhB", offset: 82, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(46, 8)},
	{name: "TotVArhImpQ2PhC", offset: 84, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(66, 8)},
	{name: "TotVArhExpQ3", offset: 86, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(7, 8)},
	{name: "TotVArhExpQ3PhA", offset: 88, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(27, 8)},
	{name: "TotVArhExpQ3PhB", offset: 90, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(47, 8)},
	{name: "TotVArhExpQ3PhC", offset: 92, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(67, 8)},
	{name: "TotVArhExpQ4", offset: 94, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(8, 8)},
	{name: "TotVArhExpQ4PhA", offset: 96, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(28, 8)},
	{name: "TotVArhExpQ4PhB", offset: 98, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(48, 8)},
	{name: "TotVArhExpQ4PhC", offset: 100, scale: 102, form: acc32Form, unit: obis.VarHour, code: electricity(68, 8)},
}

// points gives those of a model; nil for models that are not read.
func points(model uint16) []point {
	switch {
	case model >= inverter && model <= inverter+2:
		return inverterPoints
	case model >= meters && model <= meters+3:
		return meterPoints
	}
	return nil
}

// Decode adds what the registers of a model say to the telegram: model 1 who the device is,
// the others readings. Models that are not known, and what does not fit into the registers, are left out.
func Decode(model uint16, registers []uint16, t *meter.Telegram) {
	if model == common && len(registers) >= 64 {
		t.Meter = fmt.Appendf(nil, "%s %s %s", text(registers[:16]), text(registers[16:32]), text(registers[48:64]))
		return
	}
	for _, p := range points(model) {
		raw, ok := p.value(registers)
		if !ok {
			continue
		}
		scaler := int8(0)
		if p.scale >= 0 {
			// A factor from -10 to 10; 0x8000: there is none.
			if p.scale >= len(registers) || int16(registers[p.scale]) < -10 || int16(registers[p.scale]) > 10 {
				continue
			}
			scaler = int8(int16(registers[p.scale]))
		}
		t.Readings = append(t.Readings, meter.Reading{Code: p.code, Point: fmt.Sprintf("%d.%s", model, p.name), Raw: raw, Scaler: scaler, Unit: p.unit, Time: t.Time})
	}
}

func (p point) value(registers []uint16) (meter.Int, bool) {
	if p.offset >= len(registers) || p.form == acc32Form && p.offset+1 >= len(registers) {
		return meter.Int{}, false
	}
	switch v := registers[p.offset]; p.form {
	case uint16Form:
		return meter.Unsigned(uint64(v)), v != 0xffff
	case acc32Form:
		sum := uint64(v)<<16 | uint64(registers[p.offset+1])
		// By the standard 0 is "not there"; some devices send what says so in other forms.
		return meter.Unsigned(sum), (p.always || sum != 0) && sum != 0xffffffff && sum != 0x80000000
	default:
		return meter.Signed(int64(int16(v))), v != 0x8000
	}
}

// text reads characters, two in a register, up to the first zero.
func text(registers []uint16) []byte {
	out := make([]byte, 0, 2*len(registers))
	for _, r := range registers {
		out = append(out, byte(r>>8), byte(r))
	}
	if i := bytes.IndexByte(out, 0); i >= 0 {
		out = out[:i]
	}
	return bytes.TrimSpace(out)
}
