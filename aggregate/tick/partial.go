package tick

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// maxEntries bounds a report: one entry is at most about 60 bytes on the wire.
const maxEntries = 30_000

// Report is what a partition tells the combiners: partial results and how far
// it has come. It is the message on partials.<q>.
type Report struct {
	Partition int
	From      record.Millis // every tick up to here was in earlier reports; never: that is not said
	Closed    record.Millis // every tick up to here is in this report or an earlier one
	Stored    record.Millis // when the partition's newest message was stored
	IdleAt    record.Millis // not 0: up to this time nothing was stored that is not in
	Until     record.Millis // with IdleAt: the newest tick it has a value for, if nothing more comes
	Partials  []Partial
}

// Partial is the part one partition has in one hierarchy.
type Partial struct {
	Hierarchy model.HierarchyID
	Revision  uint64        // of the plan that numbers the groups; 0 without ticks
	Begin     record.Millis // the partition can tell nothing about ticks before
	Heard     record.Millis // at ticks before, none of its leaves in the hierarchy had ever been heard; always: none was yet
	Ticks     []PartialTick
}

// PartialTick holds, as columns, the groups that have leaves with a value in
// the partition; only direct leaves, without what child groups contribute.
type PartialTick struct {
	Time record.Millis
	Part uint32 // a tick too large for one message comes in parts 0, 1, …

	Group []uint32 // position in the layout
	Sum   []exact.Sum
	Min   []float64
	Max   []float64
	Count []uint32

	MeterGroup []uint32 // groups whose own meter has a value
	Meter      []float64

	UnheardGroup []uint32 // groups with leaves in the partition that were never heard
	Unheard      []uint32 // how many
	UnheardMeter []uint32 // groups whose own meter never was
}

// entries is how many values there are.
func (t *PartialTick) entries() int { return len(t.Group) + len(t.MeterGroup) }

// size is how much there is on the wire.
func (t *PartialTick) size() int { return t.entries() + len(t.UnheardGroup) + len(t.UnheardMeter) }

// grow makes room for n groups.
func (t *PartialTick) grow(n int) {
	t.Group, t.Sum, t.Count = make([]uint32, 0, n), make([]exact.Sum, 0, n), make([]uint32, 0, n)
	t.Min, t.Max = make([]float64, 0, n), make([]float64, 0, n)
}

// Combiners is the number of combiner streams. It is part of the form of the
// stream: all processes of an installation use the same.
const Combiners = 4

// CombinerOf gives the combiner that a hierarchy belongs to.
func CombinerOf(h model.HierarchyID) int {
	f := fnv.New32a()
	f.Write([]byte(h))
	return int(f.Sum32() % Combiners)
}

// Continues tells whether it goes on with a tick that the report before has begun.
func (r *Report) Continues() bool {
	for i := range r.Partials {
		for j := range r.Partials[i].Ticks {
			if r.Partials[i].Ticks[j].Part > 0 {
				return true
			}
		}
	}
	return false
}

// Divide gives every combiner that has hierarchies in the report its part.
func (r *Report) Divide(give func(combiner int, part *Report)) {
	var split [Combiners][]Partial
	for _, x := range r.Partials {
		q := CombinerOf(x.Hierarchy)
		split[q] = append(split[q], x)
	}
	for q, partials := range split {
		if partials != nil {
			part := *r
			part.Partials = partials
			give(q, &part)
		}
	}
}

// Encode appends the report to dst: protobuf, fields as numbered below.
func (r *Report) Encode(dst []byte) []byte {
	dst = appendInt(dst, 1, int64(r.Partition))
	dst = appendInt(dst, 2, int64(r.Closed))
	dst = appendInt(dst, 3, int64(r.Stored))
	dst = appendInt(dst, 4, int64(r.IdleAt))
	dst = appendInt(dst, 6, int64(r.Until))
	if r.From != never {
		dst = appendInt(dst, 7, int64(r.From))
	}
	for i := range r.Partials {
		p := &r.Partials[i]
		var at, tick int
		dst, at = beginMessage(dst, 5)
		dst = protowire.AppendTag(dst, 1, protowire.BytesType)
		dst = protowire.AppendString(dst, string(p.Hierarchy))
		dst = appendInt(dst, 2, int64(p.Revision))
		dst = appendInt(dst, 4, int64(p.Begin))
		dst = appendInt(dst, 5, int64(p.Heard))
		for j := range p.Ticks {
			dst, tick = beginMessage(dst, 3)
			dst = p.Ticks[j].encode(dst)
			endMessage(dst, tick)
		}
		endMessage(dst, at)
	}
	return dst
}

// beginMessage begins a field of variable length. The length is written as
// five bytes and filled in by endMessage, so that nothing is encoded twice.
func beginMessage(dst []byte, field protowire.Number) ([]byte, int) {
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return append(dst, 0x80, 0x80, 0x80, 0x80, 0), len(dst)
}

func endMessage(dst []byte, at int) {
	size := len(dst) - at - 5
	for i := range 4 {
		dst[at+i] |= byte(size>>(7*i)) & 0x7f
	}
	dst[at+4] = byte(size >> 28)
}

func (t *PartialTick) encode(dst []byte) []byte {
	dst = appendInt(dst, 1, int64(t.Time))
	dst = appendInt(dst, 2, int64(t.Part))
	dst = appendColumn(dst, 3, len(t.Group), func(b []byte, i int) []byte { return protowire.AppendVarint(b, uint64(t.Group[i])) })
	dst = appendColumn(dst, 4, len(t.Sum), func(b []byte, i int) []byte { return t.Sum[i].Append(b) })
	dst = appendColumn(dst, 5, len(t.Min), func(b []byte, i int) []byte { return appendFloat(b, t.Min[i]) })
	dst = appendColumn(dst, 6, len(t.Max), func(b []byte, i int) []byte { return appendFloat(b, t.Max[i]) })
	dst = appendColumn(dst, 7, len(t.Count), func(b []byte, i int) []byte { return protowire.AppendVarint(b, uint64(t.Count[i])) })
	dst = appendColumn(dst, 8, len(t.MeterGroup), func(b []byte, i int) []byte { return protowire.AppendVarint(b, uint64(t.MeterGroup[i])) })
	dst = appendColumn(dst, 9, len(t.Meter), func(b []byte, i int) []byte { return appendFloat(b, t.Meter[i]) })
	dst = appendColumn(dst, 10, len(t.UnheardGroup), func(b []byte, i int) []byte { return protowire.AppendVarint(b, uint64(t.UnheardGroup[i])) })
	dst = appendColumn(dst, 11, len(t.Unheard), func(b []byte, i int) []byte { return protowire.AppendVarint(b, uint64(t.Unheard[i])) })
	return appendColumn(dst, 12, len(t.UnheardMeter), func(b []byte, i int) []byte { return protowire.AppendVarint(b, uint64(t.UnheardMeter[i])) })
}

func appendInt(dst []byte, field protowire.Number, v int64) []byte {
	if v == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, field, protowire.VarintType)
	return protowire.AppendVarint(dst, protowire.EncodeZigZag(v))
}

func appendFloat(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

func appendColumn(dst []byte, field protowire.Number, n int, one func([]byte, int) []byte) []byte {
	if n == 0 {
		return dst
	}
	dst, at := beginMessage(dst, field)
	for i := range n {
		dst = one(dst, i)
	}
	endMessage(dst, at)
	return dst
}

// Decode reads a report. Errors wrap [record.ErrWire].
func (r *Report) Decode(data []byte) error {
	*r = Report{From: never}
	return fields(data, func(num protowire.Number, v int64, b []byte) error {
		switch num {
		case 1:
			r.Partition = int(v)
		case 2:
			r.Closed = record.Millis(v)
		case 3:
			r.Stored = record.Millis(v)
		case 4:
			r.IdleAt = record.Millis(v)
		case 6:
			r.Until = record.Millis(v)
		case 7:
			r.From = record.Millis(v)
		case 5:
			var p Partial
			if err := p.decode(b); err != nil {
				return err
			}
			r.Partials = append(r.Partials, p)
		}
		return nil
	})
}

func (p *Partial) decode(data []byte) error {
	return fields(data, func(num protowire.Number, v int64, b []byte) error {
		switch num {
		case 1:
			p.Hierarchy = model.HierarchyID(b)
		case 2:
			p.Revision = uint64(v)
		case 4:
			p.Begin = record.Millis(v)
		case 5:
			p.Heard = record.Millis(v)
		case 3:
			var t PartialTick
			if err := t.decode(b); err != nil {
				return err
			}
			p.Ticks = append(p.Ticks, t)
		}
		return nil
	})
}

func (t *PartialTick) decode(data []byte) error {
	err := fields(data, func(num protowire.Number, v int64, b []byte) (err error) {
		switch num {
		case 1:
			t.Time = record.Millis(v)
		case 2:
			t.Part = uint32(v)
		case 3:
			t.Group, err = varints(b)
		case 4:
			if len(b)%exact.Size != 0 {
				return fmt.Errorf("%w: sums of %d bytes", record.ErrWire, len(b))
			}
			t.Sum = make([]exact.Sum, len(b)/exact.Size)
			for i := range t.Sum {
				t.Sum[i] = exact.Load(b[i*exact.Size:])
			}
		case 5:
			t.Min, err = floats(b)
		case 6:
			t.Max, err = floats(b)
		case 7:
			t.Count, err = varints(b)
		case 8:
			t.MeterGroup, err = varints(b)
		case 9:
			t.Meter, err = floats(b)
		case 10:
			t.UnheardGroup, err = varints(b)
		case 11:
			t.Unheard, err = varints(b)
		case 12:
			t.UnheardMeter, err = varints(b)
		}
		return err
	})
	if err != nil {
		return err
	}
	n := len(t.Group)
	if len(t.Sum) != n || len(t.Min) != n || len(t.Max) != n || len(t.Count) != n || len(t.Meter) != len(t.MeterGroup) || len(t.Unheard) != len(t.UnheardGroup) {
		return fmt.Errorf("%w: columns of unequal length", record.ErrWire)
	}
	return nil
}

func fields(data []byte, take func(num protowire.Number, v int64, b []byte) error) error {
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("%w: bad tag", record.ErrWire)
		}
		data = data[n:]
		m := protowire.ConsumeFieldValue(num, typ, data)
		if m < 0 {
			return fmt.Errorf("%w: bad field %d", record.ErrWire, num)
		}
		var v int64
		var b []byte
		switch typ {
		case protowire.VarintType:
			u, _ := protowire.ConsumeVarint(data)
			v = protowire.DecodeZigZag(u)
		case protowire.BytesType:
			b, _ = protowire.ConsumeBytes(data)
		}
		if err := take(num, v, b); err != nil {
			return err
		}
		data = data[m:]
	}
	return nil
}

func varints(b []byte) ([]uint32, error) {
	out := make([]uint32, 0, len(b))
	for len(b) > 0 {
		v, m := protowire.ConsumeVarint(b)
		if m < 0 || v > math.MaxUint32 {
			return nil, fmt.Errorf("%w: bad number column", record.ErrWire)
		}
		out = append(out, uint32(v))
		b = b[m:]
	}
	return out, nil
}

func floats(b []byte) ([]float64, error) {
	if len(b)%8 != 0 {
		return nil, fmt.Errorf("%w: column of %d bytes", record.ErrWire, len(b))
	}
	out := make([]float64, len(b)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[i*8:]))
	}
	return out, nil
}
