package record

import (
	"math"
	"strconv"
)

// shift multiplies by a power of ten the way people do on paper: it moves the
// decimal point of the shortest decimal number that is v. 2.01 kW are 2010 W
// then, as the meter says, and not 2009.9999999999998 W, which is 1000 times
// the float64 nearest to 2.01, rounded.
func shift(v float64, tens int) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	if v == math.Trunc(v) && tens >= 0 && tens <= 22 && math.Abs(v) < 1<<53 {
		return v * math.Pow10(tens) // whole numbers are what they seem, and this rounds once
	}
	var buf [40]byte
	text := strconv.AppendFloat(buf[:0], v, 'e', -1, 64)
	at := len(text) - 1
	for text[at] != 'e' {
		at--
	}
	exp, err := strconv.Atoi(string(text[at+1:]))
	if err != nil { // cannot be: AppendFloat wrote it
		return v * math.Pow10(tens)
	}
	text = strconv.AppendInt(text[:at+1], int64(exp+tens), 10)
	// The only error is being out of range, and then the result is an infinity, as that of a product is.
	out, _ := strconv.ParseFloat(string(text), 64)
	return out
}

// tensOf gives the exponent when f is a power of ten other than 1.
func tensOf(f float64) int {
	for e := 1; e <= 22; e++ {
		switch f {
		case math.Pow10(e):
			return e
		case math.Pow10(-e):
			return -e
		}
	}
	return 0
}
