package digest

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/record"
)

// Bounds of a [Quantile].
const (
	// MaxExact is how many values it keeps as they are.
	MaxExact = 64
	// MaxBuckets is how many buckets it has beyond that.
	MaxBuckets = 4096
	// finest and coarsest are the bits of the mantissa that tell buckets apart.
	finest, coarsest = 8, 4
)

// Quantile tells percentiles by the nearest rank. Of up to [MaxExact] values it
// is exact. Of more it counts buckets, of which each doubling has 256, and tells
// the middle of one: within 0.2 % of the value itself. Where values are so
// scattered that this takes more than [MaxBuckets], buckets are made twice as wide
// until they are enough: within 3.2 % whatever comes. It takes 8 bytes a value or
// 12 a bucket. Magnitudes below 2^-64 are 0.
type Quantile struct {
	values []float64 // until they are too many
	wide   uint8     // by how many bits buckets are wider than the finest
	keys   []int32
	counts []uint64
	n      uint64
}

// keyOf is the bucket of a value among the finest ones. They are in the order of
// their values.
func keyOf(v float64) int32 {
	b := math.Float64bits(v)
	k := int32(b&^(1<<63)>>(52-finest)) - (1023-64)<<finest
	if k < 0 {
		return 0
	}
	if b>>63 != 0 {
		return -k - 1
	}
	return k + 1
}

// middle is the value in the middle of a bucket.
func middle(k int32, wide uint8) float64 {
	if k == 0 {
		return 0
	}
	neg := k < 0
	if neg {
		k = -k
	}
	bits := uint64(k-1+(1023-64)<<finest)<<(52-finest) + 1<<(52-finest+int(wide)-1)
	v := math.Float64frombits(bits)
	if neg {
		return -v
	}
	return v
}

// widen is the bucket, among wider ones, in which one of the finest is: its
// first.
func widen(k int32, wide uint8) int32 {
	switch {
	case k > 0:
		return (k-1)&^(1<<wide-1) + 1
	case k < 0:
		return -((-k-1)&^(1<<wide-1) + 1)
	}
	return 0
}

// Add adds a value; the time does not matter.
func (q *Quantile) Add(_ record.Millis, v float64) {
	q.n++
	if q.keys == nil {
		if len(q.values) < MaxExact {
			q.values = append(q.values, v)
			return
		}
		for _, w := range q.values {
			q.count(keyOf(w), 1)
		}
		q.values = nil
	}
	q.count(keyOf(v), 1)
}

func (q *Quantile) count(k int32, n uint64) {
	k = widen(k, q.wide)
	i, ok := slices.BinarySearch(q.keys, k)
	if ok {
		q.counts[i] += n
		return
	}
	q.keys, q.counts = slices.Insert(q.keys, i, k), slices.Insert(q.counts, i, n)
	for len(q.keys) > MaxBuckets {
		q.coarsen(q.wide + 1)
	}
}

func (q *Quantile) coarsen(wide uint8) {
	q.wide = wide
	keys, counts := q.keys, q.counts
	q.keys, q.counts = q.keys[:0], q.counts[:0]
	for i, k := range keys {
		k, n := widen(k, wide), counts[i]
		if last := len(q.keys) - 1; last >= 0 && q.keys[last] == k {
			q.counts[last] += n
			continue
		}
		q.keys, q.counts = append(q.keys, k), append(q.counts, n)
	}
}

// Merge adds all values of another.
func (q *Quantile) Merge(o *Quantile) {
	if o.keys == nil {
		for _, v := range o.values {
			q.Add(0, v)
		}
		return
	}
	if q.keys == nil {
		for _, v := range q.values {
			q.count(keyOf(v), 1)
		}
		q.values = nil
	}
	if o.wide > q.wide {
		q.coarsen(o.wide)
	}
	for i, k := range o.keys {
		q.count(k, o.counts[i])
	}
	q.n += o.n
}

// Rank is the number, from 0 on, of the value that is the percentile of n: the
// least one that at least so many percent are not above.
func Rank(percent float64, n uint64) uint64 {
	r := uint64(math.Ceil(percent / 100 * float64(n)))
	return min(max(r, 1), n) - 1
}

// Percentile is the value that so many percent (0 to 100) are not above; false of
// no values.
func (q *Quantile) Percentile(percent float64) (float64, bool) {
	if q.n == 0 {
		return 0, false
	}
	rank := Rank(percent, q.n)
	if q.keys == nil {
		sorted := slices.SortedFunc(slices.Values(q.values), cmp.Compare[float64])
		return sorted[rank], true
	}
	var seen uint64
	for i, n := range q.counts {
		if seen += n; seen > rank {
			return middle(q.keys[i], q.wide), true
		}
	}
	return 0, false
}

// Append adds the stored form.
func (q *Quantile) Append(b []byte) []byte {
	if q.keys == nil {
		b = binary.AppendUvarint(append(b, 0), uint64(len(q.values)))
		return appendFloats(b, q.values...)
	}
	b = binary.AppendUvarint(append(b, 1, q.wide), uint64(len(q.keys)))
	for i, k := range q.keys {
		b = binary.AppendUvarint(binary.AppendVarint(b, int64(k)), q.counts[i])
	}
	return b
}

// Load reads the stored form and gives what is behind it.
func (q *Quantile) Load(b []byte) ([]byte, error) {
	*q = Quantile{}
	if len(b) < 2 {
		return nil, errState
	}
	counted := b[0] == 1
	if b[0] > 1 {
		return nil, errState
	}
	b = b[1:]
	if counted {
		if q.wide = b[0]; q.wide > finest-coarsest {
			return nil, errState
		}
		b = b[1:]
	}
	n, k := binary.Uvarint(b)
	if k <= 0 {
		return nil, errState
	}
	b = b[k:]
	if !counted {
		if n > MaxExact {
			return nil, errState
		}
		q.n = n
		q.values = make([]float64, n)
		for i := range q.values {
			var err error
			if b, err = loadFloats(b, &q.values[i]); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	if n == 0 || n > MaxBuckets || n > uint64(len(b)) {
		return nil, errState
	}
	for range n {
		key, k := binary.Varint(b)
		if k <= 0 || key < math.MinInt32/2 || key > math.MaxInt32/2 || widen(int32(key), q.wide) != int32(key) || key > int64(keyOf(record.MaxValue)) || key < int64(keyOf(-record.MaxValue)) ||
			len(q.keys) > 0 && int32(key) <= q.keys[len(q.keys)-1] {
			return nil, errState
		}
		b = b[k:]
		c, k := binary.Uvarint(b)
		if k <= 0 || c == 0 || c > 1<<60 || q.n > 1<<60 {
			return nil, errState
		}
		b = b[k:]
		q.keys, q.counts, q.n = append(q.keys, int32(key)), append(q.counts, c), q.n+c
	}
	if q.n <= MaxExact {
		return nil, errState
	}
	return b, nil
}
