package formula

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/record"
)

// The bases of dimensions. Active, reactive and apparent power are kept apart,
// though all are W to physics: their sum means nothing. Apparent power is V·A,
// and a power factor W/(V·A).
const (
	watt = iota
	reactive
	volt
	ampere
	hour
	cubic
	kilogram
	metre
	pascal
	lux
	celsius
	humid
	ppm
	degree
	piece
	bases
)

var baseSymbols = [bases]string{"W", "var", "V", "A", "h", "m³", "kg", "m", "Pa", "lx", "°C", "% RH", "ppm", "°", "pcs"}

// maxPower is the highest power of a base.
const maxPower = 9

// dim is a product of powers of bases.
type dim [bases]int8

// scaled is a dimension and the unit in it: a value counts 3600^k times the
// product of the bases, so k is -1 for seconds.
type scaled struct {
	dim dim
	k   int8
}

// meanings lists the quantities; where two mean the same the first is named.
var meanings = []struct {
	quantity record.Quantity
	powers   []int8 // base, power, base, power …
	k        int8
}{
	{record.ActivePower, []int8{watt, 1}, 0},
	{record.ReactivePower, []int8{reactive, 1}, 0},
	{record.ApparentPower, []int8{volt, 1, ampere, 1}, 0},
	{record.Energy, []int8{watt, 1, hour, 1}, 0},
	{record.ReactiveEnergy, []int8{reactive, 1, hour, 1}, 0},
	{record.ApparentEnergy, []int8{volt, 1, ampere, 1, hour, 1}, 0},
	{record.Voltage, []int8{volt, 1}, 0},
	{record.Current, []int8{ampere, 1}, 0},
	{record.Frequency, []int8{hour, -1}, 1},
	{record.PowerFactor, []int8{watt, 1, volt, -1, ampere, -1}, 0},
	{record.PhaseAngle, []int8{degree, 1}, 0},
	{record.Temperature, []int8{celsius, 1}, 0},
	{record.Humidity, []int8{humid, 1}, 0},
	{record.Pressure, []int8{pascal, 1}, 0},
	{record.Illuminance, []int8{lux, 1}, 0},
	{record.Irradiance, []int8{watt, 1, metre, -2}, 0},
	{record.Volume, []int8{cubic, 1}, 0},
	{record.VolumeFlow, []int8{cubic, 1, hour, -1}, 0},
	{record.Mass, []int8{kilogram, 1}, 0},
	{record.MassFlow, []int8{kilogram, 1, hour, -1}, 0},
	{record.Speed, []int8{metre, 1, hour, -1}, 1},
	{record.Ratio, nil, 0},
	{record.Concentration, []int8{ppm, 1}, 0},
	{record.Charge, []int8{ampere, 1, hour, 1}, 0},
	{record.Duration, []int8{hour, 1}, -1},
	{record.Pieces, []int8{piece, 1}, 0},
}

// scaleOf gives the dimension of a quantity, false when it is unknown.
func scaleOf(q record.Quantity) (scaled, bool) {
	for _, m := range meanings {
		if m.quantity == q {
			s := scaled{k: m.k}
			for i := 0; i < len(m.powers); i += 2 {
				s.dim[m.powers[i]] = m.powers[i+1]
			}
			return s, true
		}
	}
	return scaled{}, false
}

// flow tells whether a gauge of the quantity adds up over hours to an amount of
// something: power to energy.
func flow(q record.Quantity) bool {
	_, ok := q.Integral()
	return ok && !q.Counter()
}

// times multiplies two dimensions, or divides for sign -1; false when a power
// becomes too high.
func (s scaled) times(o scaled, sign int8) (scaled, bool) {
	for i := range s.dim {
		s.dim[i] += sign * o.dim[i]
		if s.dim[i] > maxPower || s.dim[i] < -maxPower {
			return s, false
		}
	}
	s.k += sign * o.k
	return s, s.k <= maxPower && s.k >= -maxPower
}

// String names the quantity and its unit, or what the unit would be.
func (s scaled) String() string {
	if s == (scaled{}) {
		return "a plain number"
	}
	for _, m := range meanings {
		if o, _ := scaleOf(m.quantity); o.dim == s.dim {
			return string(m.quantity) + " in " + m.quantity.Unit().Symbol
		}
	}
	var up, down []string
	for i, e := range s.dim {
		switch {
		case e > 0:
			up = append(up, power(baseSymbols[i], e))
		case e < 0:
			down = append(down, power(baseSymbols[i], -e))
		}
	}
	u := strings.Join(up, "·")
	if u == "" {
		u = "1"
	}
	switch len(down) {
	case 0:
	case 1:
		u += "/" + down[0]
	default:
		u += "/(" + strings.Join(down, "·") + ")"
	}
	return "something in " + u
}

func power(symbol string, e int8) string {
	if e == 1 {
		return symbol
	}
	return symbol + "^" + strconv.Itoa(int(e))
}

// factor gives the factor of a unit as a fraction. It is exact for those that
// are whole numbers or parts, as they nearly all are.
func factor(f float64) *big.Rat {
	if f == math.Trunc(f) {
		return new(big.Rat).SetFloat64(f)
	}
	if n := math.Round(1 / f); n >= 2 && n < 1<<53 && 1/n == f {
		return new(big.Rat).SetFrac64(1, int64(n))
	}
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	return r
}
