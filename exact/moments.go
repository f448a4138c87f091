package exact

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Moments has the count, the sum and the sum of the squares of values, all of
// them exact on the grid of [Sum]: mean and variance do not depend on the order
// or grouping of the values, and nothing cancels in the difference of large
// squares. 2^60 values may be added. The zero value has none.
type Moments struct {
	N      uint64
	Sum    Sum
	square [5]uint64 // of multiples of 2^-64, so in units of 2^-128
}

// Add adds a finite value of at most 1e18 in magnitude.
func (m *Moments) Add(x float64) {
	m.N++
	m.Sum.Add(x)
	q := squareOf(x)
	var c uint64
	for i := range 4 {
		m.square[i], c = bits.Add64(m.square[i], q[i], c)
	}
	m.square[4] += c
}

// Remove takes back a value that was added.
func (m *Moments) Remove(x float64) {
	m.N--
	m.Sum.Sub(x)
	q := squareOf(x)
	var c uint64
	for i := range 4 {
		m.square[i], c = bits.Sub64(m.square[i], q[i], c)
	}
	m.square[4] -= c
}

// Merge adds all values of another.
func (m *Moments) Merge(o *Moments) {
	m.N += o.N
	m.Sum.AddSum(o.Sum, 1)
	var c uint64
	for i := range m.square {
		m.square[i], c = bits.Add64(m.square[i], o.square[i], c)
	}
}

func squareOf(x float64) [4]uint64 {
	lo, mid, _ := fixed(x)
	h0, l0 := bits.Mul64(lo, lo)
	h1, l1 := bits.Mul64(lo, mid)
	h2, l2 := bits.Mul64(mid, mid)
	// (mid·2^64 + lo)² = mid²·2^128 + 2·lo·mid·2^64 + lo²
	top := h1 >> 63
	h1, l1 = h1<<1|l1>>63, l1<<1
	var q [4]uint64
	var c uint64
	q[0] = l0
	q[1], c = bits.Add64(h0, l1, 0)
	q[2], c = bits.Add64(l2, h1, c)
	q[3] = h2 + top + c
	return q
}

// Mean is the mean; NaN of no values.
func (m *Moments) Mean() float64 {
	if m.N == 0 {
		return math.NaN()
	}
	return m.Sum.Float64() / float64(m.N)
}

// Variance is the mean square of what values differ from their mean: of all of
// them, or as the estimate from a sample, which divides by one less. What is
// divided is exact and rounded once; NaN of no values, and of a sample of one.
func (m *Moments) Variance(sample bool) float64 {
	d := m.N
	if sample && d > 0 {
		d--
	}
	if d == 0 {
		return math.NaN()
	}
	// n times the squares, less the square of the sum, in units of 2^-128.
	var all, of [6]uint64
	var c uint64
	for i, w := range m.square {
		hi, lo := bits.Mul64(w, m.N)
		all[i], c = bits.Add64(lo, c, 0)
		c += hi
	}
	all[5] = c
	s := m.Sum.magnitude()
	for i, a := range s {
		c = 0
		for j, b := range s {
			hi, lo := bits.Mul64(a, b)
			var k uint64
			lo, k = bits.Add64(lo, c, 0)
			hi += k
			of[i+j], k = bits.Add64(of[i+j], lo, 0)
			c = hi + k
		}
		of[i+3] = c
	}
	c = 0
	for i := range all {
		all[i], c = bits.Sub64(all[i], of[i], c)
	}
	if c != 0 { // of values nobody added
		return 0
	}
	return nearest(all) / (float64(m.N) * float64(d))
}

// nearest is the float64 nearest to a number in units of 2^-128.
func nearest(w [6]uint64) float64 {
	top := 5
	for top > 0 && w[top] == 0 {
		top--
	}
	z := bits.LeadingZeros64(w[top])
	v, rest := w[top]<<z, uint64(0)
	if top > 0 {
		v |= w[top-1] >> (64 - z)
		rest = w[top-1] << z
	}
	for i := range max(top-1, 0) {
		rest |= w[i]
	}
	if rest != 0 {
		v |= 1 // far below what is kept, so that half is told from more than half
	}
	return math.Ldexp(float64(v), 64*top-z-128)
}

// magnitude is the absolute value, the lowest word first.
func (s Sum) magnitude() [3]uint64 {
	if s.hi>>63 != 0 {
		n := Sum{}
		n.sub3(s.lo, s.mid, s.hi)
		s = n
	}
	return [3]uint64{s.lo, s.mid, s.hi}
}

// MomentsSize is the length of the stored form, in bytes.
const MomentsSize = 8 + Size + 40

// Append adds the stored form to dst.
func (m *Moments) Append(dst []byte) []byte {
	dst = m.Sum.Append(binary.LittleEndian.AppendUint64(dst, m.N))
	for _, w := range m.square {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}

// LoadMoments reads the stored form from the first [MomentsSize] bytes of b. The
// variance of what was never stored means nothing.
func LoadMoments(b []byte) Moments {
	m := Moments{N: binary.LittleEndian.Uint64(b), Sum: Load(b[8:])}
	for i := range m.square {
		m.square[i] = binary.LittleEndian.Uint64(b[8+Size+8*i:])
	}
	return m
}
