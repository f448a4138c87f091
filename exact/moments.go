package exact

import (
	"encoding/binary"
	"math"
	"math/big"
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
// them, or as the estimate from a sample, which divides by one less. It is exact
// but for one rounding; NaN of no values, and of a sample of one.
func (m *Moments) Variance(sample bool) float64 {
	d := m.N
	if sample && d > 0 {
		d--
	}
	if d == 0 {
		return math.NaN()
	}
	n := new(big.Int).SetUint64(m.N)
	num := m.squares()
	num.Mul(num, n)
	s := m.Sum.integer()
	num.Sub(num, s.Mul(s, s))
	den := n.Mul(n, new(big.Int).SetUint64(d))
	// The quotient of what is exact is rounded once, to what a float64 has.
	q := new(big.Float).SetPrec(53).Quo(new(big.Float).SetInt(num), new(big.Float).SetInt(den.Lsh(den, 128)))
	v, _ := q.Float64()
	return v
}

func (m *Moments) squares() *big.Int {
	var b [40]byte
	for i, w := range m.square {
		binary.BigEndian.PutUint64(b[32-8*i:], w)
	}
	return new(big.Int).SetBytes(b[:])
}

// integer is the sum in units of 2^-64.
func (s Sum) integer() *big.Int {
	var b [24]byte
	neg := s.hi>>63 != 0
	if neg {
		n := Sum{}
		n.sub3(s.lo, s.mid, s.hi)
		s = n
	}
	binary.BigEndian.PutUint64(b[:], s.hi)
	binary.BigEndian.PutUint64(b[8:], s.mid)
	binary.BigEndian.PutUint64(b[16:], s.lo)
	v := new(big.Int).SetBytes(b[:])
	if neg {
		v.Neg(v)
	}
	return v
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
// variance of what was never stored may be negative.
func LoadMoments(b []byte) Moments {
	m := Moments{N: binary.LittleEndian.Uint64(b), Sum: Load(b[8:])}
	for i := range m.square {
		m.square[i] = binary.LittleEndian.Uint64(b[8+Size+8*i:])
	}
	return m
}
