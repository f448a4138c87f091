// Package packed reads numbers, texts and bytes that stand closely one after another, as the stores of the program keep them: variable
// integers (encoding/binary), floats of 64 bits, and what is counted before it comes.
//
// # Guarantees
//
//   - The first thing that is wrong stays: all that is read after it is zero or empty, so that a whole form is read, and asked once at its end.
//   - Nothing is made that is larger than what is read: a count is refused that the bytes left cannot hold.
package packed

import (
	"encoding/binary"
	"math"
)

// Reader reads bytes from their beginning. It is for one goroutine.
type Reader struct {
	b   []byte
	bad bool
}

// Read begins with b, which must not change meanwhile.
func Read(b []byte) Reader { return Reader{b: b} }

// Fail makes all that follows zero; whoever finds a value that cannot be says so.
func (r *Reader) Fail() { r.bad, r.b = true, nil }

// Failed tells whether anything was wrong so far.
func (r *Reader) Failed() bool { return r.bad }

// Left is how many bytes were not read.
func (r *Reader) Left() int { return len(r.b) }

// Whole tells whether nothing was wrong and nothing is left.
func (r *Reader) Whole() bool { return !r.bad && len(r.b) == 0 }

// Uint reads a variable integer without sign.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// UpTo is an Uint that is at most so large.
func (r *Reader) UpTo(most uint64) uint64 {
	v := r.Uint()
	if v > most {
		r.Fail()
		return 0
	}
	return v
}

// Int reads a variable integer with a sign (zigzag).
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Count reads how many things follow that take each so many bytes at the least, which is one or more.
func (r *Reader) Count(least int) int {
	n := r.Uint()
	if n > uint64(len(r.b)/least) {
		r.Fail()
		return 0
	}
	return int(n)
}

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if len(r.b) == 0 {
		r.Fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// Take reads n bytes, which are part of what is read; where they are not there they are zeros.
func (r *Reader) Take(n int) []byte {
	if n > len(r.b) {
		r.Fail()
		return make([]byte, n)
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// Bytes reads bytes that are counted, which are part of what is read.
func (r *Reader) Bytes() []byte { return r.Take(r.Count(1)) }

// Text reads a text that is counted.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Float reads a number of eight bytes, the lowest first.
func (r *Reader) Float() float64 {
	if len(r.b) < 8 {
		r.Fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

// Part has what follows read by somebody else, who gives back what he left. His error ends the reading, and is returned.
func (r *Reader) Part(load func([]byte) ([]byte, error)) error {
	if r.bad {
		return nil
	}
	b, err := load(r.b)
	if err != nil {
		r.Fail()
		return err
	}
	r.b = b
	return nil
}
