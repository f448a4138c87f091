package packed_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/wattwerk/wattwerk/internal/packed"
)

func written() []byte {
	b := binary.AppendUvarint(nil, 300)
	b = binary.AppendVarint(b, -7)
	b = append(b, 5)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(-1.5))
	b = append(binary.AppendUvarint(b, 4), "hall"...)
	b = append(binary.AppendUvarint(b, 2), 1, 0, 2, 0) // two things of two bytes
	return b
}

type form struct {
	number uint64
	signed int64
	one    byte
	float  float64
	text   string
	pairs  [][2]byte
}

func read(r *packed.Reader) (f form) {
	f.number, f.signed, f.one, f.float, f.text = r.Uint(), r.Int(), r.Byte(), r.Float(), r.Text()
	for range r.Count(2) {
		f.pairs = append(f.pairs, [2]byte(r.Take(2)))
	}
	return f
}

func TestReader(t *testing.T) {
	b := written()
	r := packed.Read(b)
	got := read(&r)
	if got.number != 300 || got.signed != -7 || got.one != 5 || got.float != -1.5 || got.text != "hall" || len(got.pairs) != 2 || got.pairs[1] != [2]byte{2, 0} {
		t.Errorf("%+v", got)
	}
	if !r.Whole() || r.Failed() || r.Left() != 0 {
		t.Errorf("whole %v, failed %v, left %d", r.Whole(), r.Failed(), r.Left())
	}
	r = packed.Read(append(b, 0))
	read(&r)
	if r.Whole() || r.Failed() || r.Left() != 1 {
		t.Errorf("a byte more: whole %v, failed %v, left %d", r.Whole(), r.Failed(), r.Left())
	}
	for n := range b {
		r := packed.Read(b[:n])
		if read(&r); !r.Failed() || r.Whole() {
			t.Errorf("%d of %d bytes are taken as whole", n, len(b))
		}
	}
}

// TestFailureStays: after what is wrong nothing is read, and nothing large is made.
func TestFailureStays(t *testing.T) {
	for name, f := range map[string]func(*packed.Reader){
		"a number without end": func(r *packed.Reader) { r.Uint() },
		"a number too large":   func(r *packed.Reader) { r.Take(10); r.UpTo(1) },
		"more than are there":  func(r *packed.Reader) { r.Take(11); r.Count(1) },
		"said by the reader":   func(r *packed.Reader) { r.Fail() },
	} {
		r := packed.Read([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 3, 1, 1})
		f(&r)
		if !r.Failed() || r.Uint() != 0 || r.Int() != 0 || r.Byte() != 0 || r.Float() != 0 || r.Text() != "" || r.Count(1) != 0 || r.Take(3)[2] != 0 || r.Whole() || r.Left() != 0 {
			t.Errorf("%s: something is read after it", name)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(written())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := packed.Read(b)
		got := read(&r)
		if r.Whole() && len(got.pairs)*2+len(got.text) > len(b) {
			t.Errorf("%d bytes gave %+v", len(b), got)
		}
	})
}
