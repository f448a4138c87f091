package tariff

import (
	"math"
	"math/bits"
)

// wide is a signed integer of 128 bits: sums of products of an amount and a
// price. Whoever adds looks at ok; a sum that does not fit is an error and
// never wraps.
type wide struct {
	hi int64
	lo uint64
}

// product multiplies. It always fits.
func product(a, b int64) wide {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	w := wide{int64(hi), lo} // at most 2^126
	if (a < 0) != (b < 0) {
		return w.negated()
	}
	return w
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

func (w wide) negated() wide {
	lo, borrow := bits.Sub64(0, w.lo, 0)
	hi, _ := bits.Sub64(0, uint64(w.hi), borrow)
	return wide{int64(hi), lo}
}

// plus adds.
func (w wide) plus(x wide) (sum wide, ok bool) {
	lo, carry := bits.Add64(w.lo, x.lo, 0)
	hi, _ := bits.Add64(uint64(w.hi), uint64(x.hi), carry)
	sum = wide{int64(hi), lo}
	// It overflows when both have one sign and the sum the other.
	return sum, (w.hi^x.hi) < 0 || (w.hi^sum.hi) >= 0
}

// times multiplies by a whole number.
func (w wide) times(n uint64) (wide, bool) {
	abs := w
	if w.hi < 0 {
		abs = w.negated()
	}
	over, hi := bits.Mul64(uint64(abs.hi), n)
	carry, lo := bits.Mul64(abs.lo, n)
	hi, more := bits.Add64(hi, carry, 0)
	if over != 0 || more != 0 || hi > math.MaxInt64 {
		return wide{}, false
	}
	out := wide{int64(hi), lo}
	if w.hi < 0 {
		out = out.negated()
	}
	return out, true
}

// divisor is a number above zero to divide by. Most dividends have 64 bits, and
// multiplying with an inverse takes a fraction of what dividing does.
type divisor struct{ d, inverse uint64 }

func by(d uint64) divisor { return divisor{d, math.MaxUint64 / d} }

var (
	byNano    = by(1e9)
	byPercent = by(1e11) // 10^-9 percent
)

// over divides and rounds to the nearest whole number, halves away from zero.
func (w wide) over(d divisor) (int64, bool) {
	abs := w
	if w.hi < 0 {
		abs = w.negated()
	}
	var q, r uint64
	switch {
	case abs.hi == 0:
		// (2^64-d)/d <= inverse <= 2^64/d, so this is the quotient or one less.
		q, _ = bits.Mul64(abs.lo, d.inverse)
		if r = abs.lo - q*d.d; r >= d.d {
			q, r = q+1, r-d.d
		}
	case uint64(abs.hi) < d.d:
		q, r = bits.Div64(uint64(abs.hi), abs.lo, d.d)
	default:
		return 0, false
	}
	if r >= d.d-r {
		q++ // 0 only where it was 2^64-1, and then d is 1 and r is 0
	}
	switch {
	case q <= math.MaxInt64 && w.hi < 0:
		return -int64(q), true
	case q <= math.MaxInt64:
		return int64(q), true
	}
	return 0, false
}

// sum adds two numbers of 64 bits.
func sum(a, b int64) (int64, bool) {
	c := a + b
	return c, (a^b) < 0 || (a^c) >= 0
}

// share gives the part of a that falls to part of whole, rounded half away from
// zero; 0 <= part <= whole and whole > 0. Shares of growing parts telescope:
// what lies between two parts is the difference of their shares, so that all of
// them are a, exactly.
func share(a, part, whole int64) int64 {
	if part == whole {
		return a
	}
	v, _ := product(a, part).over(by(uint64(whole))) // at most a, so it fits
	return v
}
