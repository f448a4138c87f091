package observation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/record"
)

// Bounds of a stored batch.
const (
	MaxItems = 100_000
	MaxKeys  = 10_000
)

// format is the first byte of what is stored.
const format = 1

// ErrCorrupt says that bytes are no batch.
var ErrCorrupt = errors.New("this is no batch of observations")

// Append writes keys and items behind dst: keys, then columns of series, marks,
// times (differences of differences, as variable integers) and values. What is
// the same for all items costs a byte or two.
func Append(dst []byte, keys []Key, items []Item) []byte {
	dst = append(dst, format)
	dst = binary.AppendUvarint(dst, uint64(len(keys)))
	for _, k := range keys {
		dst = binary.AppendUvarint(dst, uint64(len(k)))
		dst = append(dst, k...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(items)))
	dst = runs(dst, items, func(i *Item) uint32 { return uint32(i.Series) })
	dst = runs(dst, items, func(i *Item) uint32 { return uint32(i.Marks) })
	var last, step int64
	for i := range items {
		d := int64(items[i].Time) - last
		dst = binary.AppendVarint(dst, d-step)
		last, step = int64(items[i].Time), d
	}
	for i := range items {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(items[i].Value))
	}
	return dst
}

// runs writes a column of numbers, each with how often it repeats.
func runs(dst []byte, items []Item, of func(*Item) uint32) []byte {
	for i := 0; i < len(items); {
		v, n := of(&items[i]), 1
		for i+n < len(items) && of(&items[i+n]) == v {
			n++
		}
		dst = binary.AppendUvarint(dst, uint64(v))
		dst = binary.AppendUvarint(dst, uint64(n))
		i += n
	}
	return dst
}

// Decode reads what Append wrote, into items whose room is used again. The keys
// are new. Nothing larger than the bounds is made.
func Decode(b []byte, items []Item) ([]Key, []Item, error) {
	r := reader{b: b}
	if r.byte() != format {
		return nil, items[:0], fmt.Errorf("%w: another format", ErrCorrupt)
	}
	keys := make([]Key, 0, min(r.count(MaxKeys), 64))
	for range r.last {
		keys = append(keys, r.text())
	}
	n := r.count(MaxItems)
	if r.bad || len(r.b) < 8*n {
		return nil, items[:0], fmt.Errorf("%w: it is cut off", ErrCorrupt)
	}
	if cap(items) < n {
		items = make([]Item, n)
	}
	items = items[:n]
	r.runs(items, func(i *Item, v uint32) { i.Series = Series(v) })
	r.runs(items, func(i *Item, v uint32) { i.Marks = Marks(v) })
	var last, step int64
	for i := range items {
		step += r.varint()
		last += step
		items[i].Time = record.Millis(last)
	}
	if r.bad || len(r.b) != 8*n {
		return nil, items[:0], fmt.Errorf("%w: it is cut off", ErrCorrupt)
	}
	for i := range items {
		items[i].Value = math.Float64frombits(binary.LittleEndian.Uint64(r.b[8*i:]))
		if int(items[i].Series) >= len(keys) {
			return nil, items[:0], fmt.Errorf("%w: a series without a key", ErrCorrupt)
		}
	}
	return keys, items, nil
}

type reader struct {
	b    []byte
	last int
	bad  bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a number of things, at most so many.
func (r *reader) count(most int) int {
	v := r.uvarint()
	if v > uint64(most) {
		r.bad, r.b, v = true, nil, 0
	}
	r.last = int(v)
	return r.last
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) runs(items []Item, set func(*Item, uint32)) {
	for i := 0; i < len(items); {
		v, n := r.uvarint(), r.uvarint()
		if r.bad || n == 0 || n > uint64(len(items)-i) || v > math.MaxUint32 {
			r.bad, r.b = true, nil
			return
		}
		for range n {
			set(&items[i], uint32(v))
			i++
		}
	}
}
