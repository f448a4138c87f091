package obis

import (
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Code{
		"1-0:1.8.0*255":         Import,
		"1-0:1.8.0":             Import,
		"1.8.0":                 Import,
		"0100010800ff":          Import,
		"0100010800FF":          Import,
		"16.7.0":                Power,
		"1-0:1.8.0&4":           {1, 0, 1, 8, 0, 4},
		"0-0:C.1.0":             {0, 0, 96, 1, 0, 255},
		"F.F":                   {1, 0, 97, 97, 255, 255},
		"129-129:199.130.3*255": {129, 129, 199, 130, 3, 255},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
		again, err := Parse(got.String())
		if err != nil || again != got {
			t.Errorf("%s: %s reads %v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "1", "1.8.0.0", "1.8.256", "1-0", "1-0:", "a-0:1.8.0", "1.8.0*", "1.8.0*300", "1.8.+1", "1.-8.0", "x.y", "0100010800f"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestNames(t *testing.T) {
	if Import.Hex() != "0100010800ff" || Import.String() != "1-0:1.8.0*255" || Import.Short() != "1.8.0" || (Code{}).String() != "" || !(Code{}).IsZero() {
		t.Errorf("got %s, %s, %s", Import.Hex(), Import, Import.Short())
	}
	for c, want := range map[Code]bool{Power: true, ImportPower: true, ExportPower: true, AbsolutePower: true, Import: false, {1, 0, 36, 7, 0, 255}: false, {1, 0, 16, 7, 0, 1}: false} {
		if c.IsPower() != want {
			t.Errorf("%s: IsPower is not %v", c, want)
		}
	}
}

func TestUnits(t *testing.T) {
	for u, want := range map[Unit]record.Quantity{WattHour: record.Energy, Watt: record.ActivePower, Volt: record.Voltage, Ampere: record.Current, Hertz: record.Frequency, 34: record.Charge, 52: record.Temperature, Degree: record.PhaseAngle} {
		got, ok := u.Unit()
		if !ok || got.Quantity != want {
			t.Errorf("%s: got %v, %v, want %s", u.Symbol(), got, ok, want)
		}
	}
	for u := range 256 { // each that says a quantity has a unit there
		if q, known := quantities[Unit(u)]; known {
			if _, ok := Unit(u).Unit(); !ok {
				t.Errorf("unit %d (%s) is no unit of %s", u, symbols[u], q)
			}
		}
	}
	for _, u := range []Unit{NoUnit, Count, 38, 200} {
		if got, ok := u.Unit(); ok {
			t.Errorf("unit %d: got %v", u, got)
		}
	}
	for symbol, want := range map[string]struct {
		unit Unit
		tens int8
	}{"kWh": {WattHour, 3}, "Wh": {WattHour, 0}, "kW": {Watt, 3}, "MWh": {WattHour, 6}, "V": {Volt, 0}, "A": {Ampere, 0}, "m3": {CubicMetre, 0}, "kvarh": {VarHour, 3}, "GJ": {25, 9}, "s": {Second, 0}, "mA": {Ampere, -3}, "Hz": {Hertz, 0}} {
		u, tens, ok := LookupUnit(symbol)
		if !ok || u != want.unit || tens != want.tens {
			t.Errorf("%s: got %v, %d, %v", symbol, u, tens, ok)
		}
	}
	for _, symbol := range []string{"", "k", "kk", "foo", "kh", "Md"} {
		if u, _, ok := LookupUnit(symbol); ok {
			t.Errorf("%q: got %v", symbol, u)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"1-0:1.8.0*255", "1.8.0", "0100010800ff", "F.F", "1-0:1.8.0&4", "-:*"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(c.Hex()); err != nil || again != c {
			t.Errorf("%q: %s reads %v, %v", text, c.Hex(), again, err)
		}
	})
}
