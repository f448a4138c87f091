package observation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/internal/packed"
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
	r := packed.Read(b)
	if r.Byte() != format {
		return nil, items[:0], fmt.Errorf("%w: another format", ErrCorrupt)
	}
	many := int(r.UpTo(MaxKeys))
	keys := make([]Key, 0, min(many, 64))
	for range many {
		keys = append(keys, r.Text())
	}
	n := int(r.UpTo(MaxItems))
	if r.Failed() || r.Left() < 8*n {
		return nil, items[:0], fmt.Errorf("%w: it is cut off", ErrCorrupt)
	}
	if cap(items) < n {
		items = make([]Item, n)
	}
	items = items[:n]
	readRuns(&r, items, func(i *Item, v uint32) { i.Series = Series(v) })
	readRuns(&r, items, func(i *Item, v uint32) { i.Marks = Marks(v) })
	var last, step int64
	for i := range items {
		step += r.Int()
		last += step
		items[i].Time = record.Millis(last)
	}
	if r.Failed() || r.Left() != 8*n {
		return nil, items[:0], fmt.Errorf("%w: it is cut off", ErrCorrupt)
	}
	values := r.Take(8 * n)
	for i := range items {
		items[i].Value = math.Float64frombits(binary.LittleEndian.Uint64(values[8*i:]))
		if int(items[i].Series) >= len(keys) {
			return nil, items[:0], fmt.Errorf("%w: a series without a key", ErrCorrupt)
		}
	}
	return keys, items, nil
}

// readRuns reads what runs wrote.
func readRuns(r *packed.Reader, items []Item, set func(*Item, uint32)) {
	for i := 0; i < len(items); {
		v, n := r.UpTo(math.MaxUint32), r.Uint()
		if r.Failed() || n == 0 || n > uint64(len(items)-i) {
			r.Fail()
			return
		}
		for range n {
			set(&items[i], uint32(v))
			i++
		}
	}
}
