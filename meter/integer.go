package meter

import (
	"math"
	"strconv"
)

// Int is a whole number from -(2^64-1) to 2^64-1: what a meter's integer is,
// with or without a sign. The zero Int is 0; equal numbers are ==.
type Int struct {
	abs uint64
	neg bool
}

// Signed gives v.
func Signed(v int64) Int {
	if v < 0 {
		return Int{-uint64(v), true}
	}
	return Int{uint64(v), false}
}

// Unsigned gives v.
func Unsigned(v uint64) Int { return Int{v, false} }

// Sign is -1, 0 or 1.
func (i Int) Sign() int {
	switch {
	case i.abs == 0:
		return 0
	case i.neg:
		return -1
	}
	return 1
}

// Abs is the amount without the sign.
func (i Int) Abs() uint64 { return i.abs }

// Neg gives the number with the other sign.
func (i Int) Neg() Int { return Int{i.abs, !i.neg && i.abs != 0} }

// Sub gives i-j; it is false where that has more than 64 bits.
func (i Int) Sub(j Int) (Int, bool) {
	if i.neg != j.neg {
		sum := i.abs + j.abs
		return Int{sum, i.neg && sum != 0}, sum >= i.abs
	}
	if i.abs >= j.abs {
		return Int{i.abs - j.abs, i.neg && i.abs != j.abs}, true
	}
	return Int{j.abs - i.abs, !i.neg}, true
}

// Int64 gives the number, and whether it is one.
func (i Int) Int64() (int64, bool) {
	if i.neg {
		return int64(-i.abs), i.abs <= 1<<63
	}
	return int64(i.abs), i.abs < 1<<63
}

// String gives the digits.
func (i Int) String() string { return string(i.AppendDecimal(nil, 0)) }

// maxZeros is how many zeros are written out before or after the digits.
const maxZeros = 24

// AppendDecimal appends the number times ten to the power of scaler, exactly:
// 54301577 with scaler -1 is 5430157.7. Where many zeros would be needed an
// exponent is written, as JSON has it.
func (i Int) AppendDecimal(b []byte, scaler int8) []byte {
	if i.neg {
		b = append(b, '-')
	}
	switch {
	case i.abs == 0 || scaler == 0:
		return strconv.AppendUint(b, i.abs, 10)
	case scaler > maxZeros || scaler < -2*maxZeros:
		b = strconv.AppendUint(b, i.abs, 10)
		b = append(b, 'e')
		return strconv.AppendInt(b, int64(scaler), 10)
	case scaler > 0:
		b = strconv.AppendUint(b, i.abs, 10)
		for range scaler {
			b = append(b, '0')
		}
		return b
	}
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], i.abs, 10)
	whole := len(d) + int(scaler)
	if whole <= 0 {
		b = append(b, '0', '.')
		for range -whole {
			b = append(b, '0')
		}
		b = append(b, d...)
	} else {
		b = append(b, d[:whole]...)
		b = append(b, '.')
		b = append(b, d[whole:]...)
	}
	for b[len(b)-1] == '0' { // 10 with scaler -1 is 1, and was said so by the scaler
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return b
}

// exact are the powers of ten that a float64 holds.
var exact = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// Float gives the float64 nearest to the number times ten to the power of
// scaler. It may be infinite for a scaler no meter has.
func (i Int) Float(scaler int8) float64 {
	var v float64
	switch tens := int(scaler); {
	case i.abs < 1<<53 && tens <= 0 && -tens < len(exact):
		v = float64(i.abs) / exact[-tens] // both exact: one rounding
	case i.abs < 1<<53 && tens > 0 && tens < len(exact):
		v = float64(i.abs) * exact[tens]
	default:
		var digits [72]byte
		b := strconv.AppendUint(digits[:0], i.abs, 10)
		b = append(b, 'e')
		b = strconv.AppendInt(b, int64(scaler), 10)
		var err error
		if v, err = strconv.ParseFloat(string(b), 64); err != nil {
			v = math.Inf(1)
		}
	}
	if i.neg {
		return -v
	}
	return v
}
