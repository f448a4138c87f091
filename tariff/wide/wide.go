package wide

import (
	"math"
	"math/bits"
)

// Int is a signed integer of 128 bits: sums of products of an amount and a
// price. Whoever adds looks at ok; a sum that does not fit is an error and
// never wraps.
type Int struct {
	hi int64
	lo uint64
}

// Product multiplies. It always fits.
func Product(a, b int64) Int {
	hi, lo := bits.Mul64(Magnitude(a), Magnitude(b))
	w := Int{int64(hi), lo} // at most 2^126
	if (a < 0) != (b < 0) {
		return w.negated()
	}
	return w
}

// Magnitude is a number without its sign; it fits for the smallest, too.
func Magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

func (w Int) negated() Int {
	lo, borrow := bits.Sub64(0, w.lo, 0)
	hi, _ := bits.Sub64(0, uint64(w.hi), borrow)
	return Int{int64(hi), lo}
}

// Plus adds. It is not ok when the sum does not fit.
func (w Int) Plus(x Int) (sum Int, ok bool) {
	lo, carry := bits.Add64(w.lo, x.lo, 0)
	hi, _ := bits.Add64(uint64(w.hi), uint64(x.hi), carry)
	sum = Int{int64(hi), lo}
	// It overflows when both have one sign and the sum the other.
	return sum, (w.hi^x.hi) < 0 || (w.hi^sum.hi) >= 0
}

// Times multiplies By a whole number.
func (w Int) Times(n uint64) (Int, bool) {
	abs := w
	if w.hi < 0 {
		abs = w.negated()
	}
	Over, hi := bits.Mul64(uint64(abs.hi), n)
	carry, lo := bits.Mul64(abs.lo, n)
	hi, more := bits.Add64(hi, carry, 0)
	if Over != 0 || more != 0 || hi > math.MaxInt64 {
		return Int{}, false
	}
	out := Int{int64(hi), lo}
	if w.hi < 0 {
		out = out.negated()
	}
	return out, true
}

// Divisor is a number above zero to divide By. Most dividends have 64 bits, and
// multiplying with an inverse takes a fraction of what dividing does.
type Divisor struct{ d, inverse uint64 }

// By makes a divisor of d, which is above zero.
func By(d uint64) Divisor { return Divisor{d, math.MaxUint64 / d} }

// Over divides and rounds to the nearest whole number, halves away from zero. It is
// not ok when the quotient does not fit 64 bits.
func (w Int) Over(d Divisor) (int64, bool) {
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

// Sum adds two numbers of 64 bits. It is not ok when the sum does not fit.
func Sum(a, b int64) (int64, bool) {
	c := a + b
	return c, (a^b) < 0 || (a^c) >= 0
}

// Share gives the part of a that falls to part of whole, rounded half away from
// zero; 0 <= part <= whole and whole > 0. Shares of growing parts telescope:
// what lies between two parts is the difference of their shares, so that all of
// them are a, exactly.
func Share(a, part, whole int64) int64 {
	if part == whole {
		return a
	}
	v, _ := Product(a, part).Over(By(uint64(whole))) // at most a, so it fits
	return v
}
