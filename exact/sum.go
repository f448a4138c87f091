// Package exact adds float64 values without rounding, so that a sum does not
// depend on the order or grouping of its terms.
//
// Guarantees: pure values, no I/O, no goroutines; a [Sum] is owned by whoever
// writes it. It imports nothing of this project; everybody may import it.
package exact

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Sum adds float64 values exactly. It is a 192-bit two's complement number in
// units of 2^-64, so adding and subtracting are associative: any order, any
// grouping gives the same bits. A value is taken exactly when it is a multiple
// of 2^-64, which every float64 of magnitude 2^-12 (0.24 mW) or more and
// every integer is; a finer one is rounded to that grid, half to even.
//
// Magnitudes up to 1e18 may be added 2^66 times before it could
// overflow. The zero value is zero.
type Sum struct{ lo, mid, hi uint64 }

// fixed converts a value to sign and 128-bit magnitude in units of 2^-64.
func fixed(x float64) (lo, mid uint64, neg bool) {
	b := math.Float64bits(x)
	neg = b>>63 != 0
	exp := int(b>>52) & 0x7ff
	mant := b&(1<<52-1) | 1<<52
	shift := exp - 1011 // value = mant * 2^(exp-1075), in units of 2^-64
	switch {
	case shift >= 64:
		// |x| <= 1e18 < 2^60 keeps shift-64 below 8, mant below 2^61.
		return 0, mant << ((shift - 64) & 63), neg
	case shift > 0:
		return mant << shift, mant >> (64 - shift), neg
	case shift == 0:
		return mant, 0, neg
	case shift < -53:
		return 0, 0, neg // below half a unit: rounds to nothing (and x == 0)
	}
	s := uint(-shift)
	lo = mant >> s
	rest := mant & (1<<s - 1)
	half := uint64(1) << (s - 1)
	if rest > half || rest == half && lo&1 == 1 {
		lo++
	}
	return lo, 0, neg
}

// Add adds a finite value of at most 1e18 in magnitude.
func (s *Sum) Add(x float64) {
	lo, mid, neg := fixed(x)
	if neg {
		s.sub3(lo, mid, 0)
	} else {
		s.add3(lo, mid, 0)
	}
}

// Sub subtracts a value, under the conditions of Add.
func (s *Sum) Sub(x float64) { s.Add(-x) }

// AddProduct adds x·n exactly: x is finite and of at most 1e18 in magnitude, and
// taken as Add takes it; n is of at most 2^42 in magnitude, as any time in ms from
// 1970 to 2100. Such products may be added 2^24 times before it could overflow.
func (s *Sum) AddProduct(x float64, n int64) {
	lo, mid, neg := fixed(x)
	if n < 0 {
		n, neg = -n, !neg
	}
	carry, lo := bits.Mul64(lo, uint64(n))
	hi, mid := bits.Mul64(mid, uint64(n))
	mid, carry = bits.Add64(mid, carry, 0)
	hi += carry
	if neg {
		s.sub3(lo, mid, hi)
	} else {
		s.add3(lo, mid, hi)
	}
}

// Round is the integer nearest to the sum times mul by div, half to even; false
// when it does not fit. div is not zero.
func (s Sum) Round(mul, div uint64) (int64, bool) {
	neg := s.hi>>63 != 0
	if neg {
		n := Sum{}
		n.sub3(s.lo, s.mid, s.hi)
		s = n
	}
	// The product has four words, the lowest one below the point.
	c0, w0 := bits.Mul64(s.lo, mul)
	c1, w1 := bits.Mul64(s.mid, mul)
	w3, w2 := bits.Mul64(s.hi, mul)
	var c uint64
	w1, c = bits.Add64(w1, c0, 0)
	w2, c = bits.Add64(w2, c1, c)
	w3 += c
	q3, r := w3/div, w3%div
	q2, r := bits.Div64(r, w2, div)
	whole, r := bits.Div64(r, w1, div)
	part, r := bits.Div64(r, w0, div)
	const half = 1 << 63
	if q3 != 0 || q2 != 0 || whole >= 1<<63 {
		return 0, false
	}
	if part > half || part == half && (r != 0 || whole&1 == 1) {
		whole++
	}
	if whole >= 1<<63 {
		return 0, false
	}
	if neg {
		return -int64(whole), true
	}
	return int64(whole), true
}

// AddSum adds another sum, or subtracts it when sign is negative.
func (s *Sum) AddSum(o Sum, sign int8) {
	if sign < 0 {
		s.sub3(o.lo, o.mid, o.hi)
	} else {
		s.add3(o.lo, o.mid, o.hi)
	}
}

func (s *Sum) add3(lo, mid, hi uint64) {
	var c uint64
	s.lo, c = bits.Add64(s.lo, lo, 0)
	s.mid, c = bits.Add64(s.mid, mid, c)
	s.hi, _ = bits.Add64(s.hi, hi, c)
}

func (s *Sum) sub3(lo, mid, hi uint64) {
	var c uint64
	s.lo, c = bits.Sub64(s.lo, lo, 0)
	s.mid, c = bits.Sub64(s.mid, mid, c)
	s.hi, _ = bits.Sub64(s.hi, hi, c)
}

// Float64 is the sum rounded to the nearest float64, half to even.
func (s Sum) Float64() float64 {
	neg := s.hi>>63 != 0
	if neg {
		n := Sum{}
		n.sub3(s.lo, s.mid, s.hi)
		s = n
	}
	// Normalise: bring the top set bit to bit 63 of w, count the exponent.
	w, below, exp := s.hi, s.mid, 128+63
	sticky := s.lo
	if w == 0 {
		w, below, sticky, exp = s.mid, s.lo, 0, 64+63
	}
	if w == 0 {
		w, below, exp = s.lo, 0, 63
	}
	if w == 0 {
		return 0
	}
	z := bits.LeadingZeros64(w)
	exp -= z
	top := w << z
	if z > 0 {
		top |= below >> (64 - z)
		sticky |= below << z
	} else {
		sticky |= below
	}
	mant := top >> 11
	rest := top & (1<<11 - 1)
	const half = 1 << 10
	if rest > half || rest == half && (sticky != 0 || mant&1 == 1) {
		mant++
	}
	v := math.Ldexp(float64(mant), exp-52-64)
	if neg {
		return -v
	}
	return v
}

// Size is the length of the stored form, in bytes.
const Size = 24

// Append adds the stored form to dst.
func (s Sum) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, s.lo)
	dst = binary.LittleEndian.AppendUint64(dst, s.mid)
	return binary.LittleEndian.AppendUint64(dst, s.hi)
}

// Load reads the stored form from the first [Size] bytes of b.
func Load(b []byte) Sum {
	return Sum{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])}
}
