package record

import (
	"math"
	"testing"
)

func TestConvert(t *testing.T) {
	for _, c := range []struct {
		value    float64
		unit     string
		want     float64
		quantity Quantity
	}{
		{1.234, "kW", 1234, ActivePower},
		{0.1, "kW", 100, ActivePower},
		{4.216, "kW", 4216, ActivePower},
		{7, "W", 7, ActivePower},
		{7, "mW", 0.007, ActivePower},
		{7, "MW", 7e6, ActivePower},
		{7, " Watts ", 7, ActivePower},
		{7, "kilowatts", 7000, ActivePower},
		{7, "KiloWatt", 7000, ActivePower},
		{1, "kWh", 1000, Energy},
		{1, "kW.h", 1000, Energy},
		{1, "KWH", 1000, Energy},
		{1, "kwh", 1000, Energy},
		{1, "kilowatt hours", 1000, Energy},
		{1, "kilowatt_hour", 1000, Energy},
		{3600, "J", 1, Energy},
		{3.6, "MJ", 1000, Energy},
		{60, "Wmin", 1, Energy},
		{1, "kvar", 1000, ReactivePower},
		{1, "kVAr", 1000, ReactivePower},
		{1, "kVA", 1000, ApparentPower},
		{1, "kvarh", 1000, ReactiveEnergy},
		{230, "V", 230, Voltage},
		{230500, "mV", 230.5, Voltage},
		{1500, "mA", 1.5, Current},
		{50, "Hz", 50, Frequency},
		{21.5, "°C", 21.5, Temperature},
		{21.5, "Cel", 21.5, Temperature},
		{212, "°F", 100, Temperature},
		{273.15, "K", 0, Temperature},
		{50, "%", 0.5, Ratio},
		{1, "bar", 100000, Pressure},
		{1013, "hPa", 101300, Pressure},
		{1000, "l", 1, Volume},
		{2, "m³", 2, Volume},
		{60, "l/min", 3.6, VolumeFlow},
		{1, "h", 3600, Duration},
	} {
		got, q, err := Convert(c.value, c.unit)
		if err != nil || got != c.want || q != c.quantity {
			t.Errorf("Convert(%v, %q) = %v, %v, %v; want %v, %v", c.value, c.unit, got, q, err, c.want, c.quantity)
		}
	}
}

func TestConvertRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, unit := range []string{"", "mw", "furlong", "kkW", "W W"} {
		if v, q, err := Convert(1, unit); err == nil {
			t.Errorf("Convert(1, %q) = %v %v, want an error", unit, v, q)
		}
	}
}

func TestEveryQuantityHasACoherentUnit(t *testing.T) {
	for _, q := range Quantities() {
		u := q.Unit()
		if u.Quantity != q || u.Factor != 1 || u.Offset != 0 || u.Code == "" || u.Symbol == "" {
			t.Errorf("%s: coherent unit is %+v", q, u)
		}
		if err := q.Validate(); err != nil {
			t.Error(err)
		}
		for _, u := range q.Units() {
			for _, name := range []string{u.Code, u.Symbol} {
				if got, ok := q.LookupUnit(name); !ok || got.Code != u.Code {
					t.Errorf("%s: %q gives %q, want %q", q, name, got.Code, u.Code)
				}
			}
			for _, v := range []float64{0, 1, -17.25, 123456.789} {
				if back := u.From(u.Coherent(v)); math.Abs(back-v) > 1e-9*math.Max(1, math.Abs(v)) {
					t.Errorf("%s: %v %s comes back as %v", q, v, u.Symbol, back)
				}
			}
		}
	}
	for _, q := range []Quantity{"", "zeal"} {
		if q.Validate() == nil || q.Unit() != (Unit{}) {
			t.Errorf("quantity %q is taken", q)
		}
	}
	if u, ok := Humidity.LookupUnit("%"); !ok || u.Coherent(40) != 40 {
		t.Error("40 % humidity is not 40")
	}
	if u, ok := PowerFactor.LookupUnit("%"); !ok || u.Coherent(98) != 0.98 {
		t.Error("98 % power factor is not 0.98")
	}
}

func TestThousandthsOfAKilowattAreExact(t *testing.T) {
	kW, _ := LookupUnit("kW")
	for w := range 100_000 {
		if got := kW.Coherent(float64(w) / 1000); math.Abs(got-float64(w)) > math.Abs(float64(w))*0x1p-52 {
			t.Fatalf("%d W written in kW gives %v", w, got)
		}
	}
}

func FuzzLookupUnit(f *testing.F) {
	for _, s := range []string{"kWh", "kW.h", "", "°C", "mw", "\xff", "V.A{reactive}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, ok := LookupUnit(s)
		if !ok {
			return
		}
		if u.Quantity.Validate() != nil || u.Factor <= 0 {
			t.Fatalf("%q gives %+v", s, u)
		}
		if again, ok := u.Quantity.LookupUnit(u.Code); !ok || again.Code != u.Code {
			t.Fatalf("%q gives %q, which gives %q", s, u.Code, again.Code)
		}
	})
}
