package digest

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/record"
)

// Asked is what is asked of a digest.
type Asked uint8

// What digests tell. Not each tells everything.
const (
	Average Asked = iota + 1
	Sum
	Count
	Minimum
	Maximum
	First
	Last
	Deviation // of a sample
	DeviationOfAll
	Variance // of a sample
	VarianceOfAll
)

// errState says that stored bytes are none of the digest.
var errState = errors.New("state of a window is cut short or is none")

// Mean tells Average, Sum and Count. It takes 32 bytes.
type Mean struct {
	n   uint64
	sum exact.Sum
}

// Add adds a value; the time does not matter.
func (m *Mean) Add(_ record.Millis, v float64) {
	m.n++
	m.sum.Add(v)
}

// Merge adds all values of another.
func (m *Mean) Merge(o *Mean) {
	m.n += o.n
	m.sum.AddSum(o.sum, 1)
}

// Tell gives what is asked; false of no values, but for their Count.
func (m *Mean) Tell(what Asked) (float64, bool) {
	switch {
	case what == Count:
		return float64(m.n), true
	case m.n == 0:
		return 0, false
	case what == Sum:
		return m.sum.Float64(), true
	}
	return m.sum.Float64() / float64(m.n), true
}

// Append adds the stored form.
func (m *Mean) Append(b []byte) []byte { return m.sum.Append(binary.AppendUvarint(b, m.n)) }

// Load reads the stored form and gives what is behind it.
func (m *Mean) Load(b []byte) ([]byte, error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > 1<<60 || len(b)-k < exact.Size {
		return nil, errState
	}
	m.n, m.sum = n, exact.Load(b[k:])
	return b[k+exact.Size:], nil
}

// Extremes tell Minimum and Maximum. They take 24 bytes.
type Extremes struct {
	least, most float64
	any         bool
}

// Add adds a value; the time does not matter.
func (e *Extremes) Add(_ record.Millis, v float64) {
	if v == 0 {
		v = 0 // -0 is 0: which of them came first shall not show
	}
	if !e.any {
		e.least, e.most, e.any = v, v, true
		return
	}
	if v < e.least {
		e.least = v
	}
	if v > e.most {
		e.most = v
	}
}

// Merge adds all values of another.
func (e *Extremes) Merge(o *Extremes) {
	if o.any {
		e.Add(0, o.least)
		e.Add(0, o.most)
	}
}

// Tell gives what is asked; false of no values.
func (e *Extremes) Tell(what Asked) (float64, bool) {
	if what == Minimum {
		return e.least, e.any
	}
	return e.most, e.any
}

// Append adds the stored form.
func (e *Extremes) Append(b []byte) []byte {
	if !e.any {
		return append(b, 0)
	}
	return appendFloats(append(b, 1), e.least, e.most)
}

// Load reads the stored form and gives what is behind it.
func (e *Extremes) Load(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] > 1 {
		return nil, errState
	}
	*e = Extremes{any: b[0] == 1}
	if b = b[1:]; !e.any {
		return b, nil
	}
	return loadFloats(b, &e.least, &e.most)
}

// Ends tell First and Last: of several values of one time First is the smallest
// and Last the largest. They take 40 bytes.
type Ends struct {
	from, to    record.Millis
	first, last float64
	any         bool
}

// Add adds the value of a time.
func (e *Ends) Add(t record.Millis, v float64) {
	if v == 0 {
		v = 0
	}
	if !e.any {
		*e = Ends{t, t, v, v, true}
		return
	}
	if t < e.from || t == e.from && v < e.first {
		e.from, e.first = t, v
	}
	if t > e.to || t == e.to && v > e.last {
		e.to, e.last = t, v
	}
}

// Merge adds all values of another.
func (e *Ends) Merge(o *Ends) {
	if o.any {
		e.Add(o.from, o.first)
		e.Add(o.to, o.last)
	}
}

// Tell gives what is asked; false of no values.
func (e *Ends) Tell(what Asked) (float64, bool) {
	if what == First {
		return e.first, e.any
	}
	return e.last, e.any
}

// Append adds the stored form.
func (e *Ends) Append(b []byte) []byte {
	if !e.any {
		return append(b, 0)
	}
	b = binary.AppendVarint(append(b, 1), int64(e.from))
	return appendFloats(binary.AppendVarint(b, int64(e.to)), e.first, e.last)
}

// Load reads the stored form and gives what is behind it.
func (e *Ends) Load(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] > 1 {
		return nil, errState
	}
	*e = Ends{any: b[0] == 1}
	if b = b[1:]; !e.any {
		return b, nil
	}
	for _, t := range []*record.Millis{&e.from, &e.to} {
		v, k := binary.Varint(b)
		if k <= 0 || record.Millis(v) < record.MinTime || record.Millis(v) > record.MaxTime {
			return nil, errState
		}
		*t, b = record.Millis(v), b[k:]
	}
	return loadFloats(b, &e.first, &e.last)
}

// Spread tells everything that needs no order but the extremes: Average, Sum,
// Count, and deviations and variances. It takes 72 bytes.
type Spread struct{ m exact.Moments }

// Add adds a value; the time does not matter.
func (s *Spread) Add(_ record.Millis, v float64) { s.m.Add(v) }

// Remove takes back a value that was added.
func (s *Spread) Remove(v float64) { s.m.Remove(v) }

// Merge adds all values of another.
func (s *Spread) Merge(o *Spread) { s.m.Merge(&o.m) }

// Tell gives what is asked; false of too few values for it.
func (s *Spread) Tell(what Asked) (v float64, ok bool) {
	switch what {
	case Count:
		return float64(s.m.N), true
	case Average:
		v = s.m.Mean()
	case Sum:
		return s.m.Sum.Float64(), s.m.N > 0
	default:
		v = s.m.Variance(what == Deviation || what == Variance)
		if what == Deviation || what == DeviationOfAll {
			v = math.Sqrt(v)
		}
	}
	return v, !math.IsNaN(v)
}

// Append adds the stored form.
func (s *Spread) Append(b []byte) []byte { return s.m.Append(b) }

// Load reads the stored form and gives what is behind it.
func (s *Spread) Load(b []byte) ([]byte, error) {
	if len(b) < exact.MomentsSize || binary.LittleEndian.Uint64(b) > 1<<60 {
		return nil, errState
	}
	s.m = exact.LoadMoments(b)
	return b[exact.MomentsSize:], nil
}

func appendFloats(b []byte, v ...float64) []byte {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

func loadFloats(b []byte, v ...*float64) ([]byte, error) {
	for _, x := range v {
		if len(b) < 8 {
			return nil, errState
		}
		*x = math.Float64frombits(binary.LittleEndian.Uint64(b))
		if math.IsNaN(*x) || math.Abs(*x) > record.MaxValue {
			return nil, errState
		}
		b = b[8:]
	}
	return b, nil
}
