package record

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Ticks is what one message on an aggregates stream carries: one or more ticks
// of one hierarchy, for the same groups in the same order.
type Ticks struct {
	Hierarchy string
	Revision  uint64     // the model revision the groups were formed by
	Groups    []string   // the groups, in the order of the columns
	Sensors   []SensorID // virtual sensors whose values are told with the hierarchy, in the order of Tick.Values
	Ticks     []Tick
	// A hierarchy that is too wide for one message is told in Parts messages, one
	// behind the other, of the same ticks, each with groups of its own; this one
	// is number Part, from 0. Parts is 0 when this is all of it.
	Part, Parts uint32

	column  []byte
	sensors []byte
}

// Tick is every group of a hierarchy at one point of the event-time grid, one
// column entry per group. NaN stands for null: null is not zero.
type Tick struct {
	Time        Millis
	Sum         []float64 // sum of the members' values; null when Count is 0
	Min         []float64 // least leaf value, with its sign; null when Count is 0
	Max         []float64 // greatest leaf value, with its sign; null when Count is 0
	Count       []uint32  // leaves that had a value
	Total       []uint32  // leaves known; coverage is Count/Total
	Meter       []float64 // the group's own meter; null without meter or value
	Unaccounted []float64 // Meter less Sum; null unless the meter has a value, and every leaf that was ever heard

	Values []float64 // of the virtual sensors; null when not known
	Heard  bool      // with virtual sensors: some reading was known, be it of none of the groups
}

// GroupColumn gives the encoded group names of decoded ticks; equal bytes name
// equal groups.
func (t *Ticks) GroupColumn() []byte { return t.column }

// SensorColumn does the same for the virtual sensors.
func (t *Ticks) SensorColumn() []byte { return t.sensors }

// Told is the time up to which this message and those before it tell of the
// hierarchy. That is its newest tick; while parts of its ticks are still to come
// it is the millisecond before the first of them. There must be a tick.
func (t *Ticks) Told() Millis {
	if t.Part+1 < t.Parts {
		return t.Ticks[0].Time - 1
	}
	return t.Ticks[len(t.Ticks)-1].Time
}

// Encode appends the wire form to dst.
func (t *Ticks) Encode(dst []byte) []byte {
	if t.Hierarchy != "" {
		dst = protowire.AppendTag(dst, 1, protowire.BytesType)
		dst = protowire.AppendString(dst, t.Hierarchy)
	}
	if t.Revision != 0 {
		dst = protowire.AppendTag(dst, 2, protowire.VarintType)
		dst = protowire.AppendVarint(dst, t.Revision)
	}
	for _, g := range t.Groups {
		dst = append(dst, 3<<3|2)
		dst = protowire.AppendString(dst, g)
	}
	var buf []byte
	for i := range t.Ticks {
		buf = t.Ticks[i].encode(buf[:0])
		dst = protowire.AppendTag(dst, 4, protowire.BytesType)
		dst = protowire.AppendBytes(dst, buf)
	}
	for _, id := range t.Sensors {
		dst = append(dst, 5<<3|2)
		dst = protowire.AppendString(dst, string(id))
	}
	if t.Parts != 0 {
		dst = append(dst, 6<<3|0)
		dst = protowire.AppendVarint(dst, uint64(t.Part))
		dst = append(dst, 7<<3|0)
		dst = protowire.AppendVarint(dst, uint64(t.Parts))
	}
	return dst
}

func (t *Tick) encode(dst []byte) []byte {
	if t.Time != 0 {
		dst = append(dst, 1<<3|0)
		dst = protowire.AppendVarint(dst, protowire.EncodeZigZag(int64(t.Time)))
	}
	dst = appendDoubles(dst, 2, t.Sum)
	dst = appendDoubles(dst, 3, t.Min)
	dst = appendDoubles(dst, 4, t.Max)
	dst = appendUints(dst, 5, t.Count)
	dst = appendUints(dst, 6, t.Total)
	dst = appendDoubles(dst, 7, t.Meter)
	dst = appendDoubles(dst, 8, t.Unaccounted)
	dst = appendDoubles(dst, 9, t.Values)
	if t.Heard {
		dst = append(dst, 10<<3|0, 1)
	}
	return dst
}

func appendUints(dst []byte, field byte, xs []uint32) []byte {
	if len(xs) == 0 {
		return dst
	}
	n := 0
	for _, x := range xs {
		n += protowire.SizeVarint(uint64(x))
	}
	dst = append(dst, field<<3|2)
	dst = protowire.AppendVarint(dst, uint64(n))
	for _, x := range xs {
		dst = protowire.AppendVarint(dst, uint64(x))
	}
	return dst
}

// Decode reads the wire form. Nothing aliases data. Every column of every tick
// has exactly one entry per group, and Values one per virtual sensor, or the
// error wraps [ErrWire].
func (t *Ticks) Decode(data []byte) error {
	*t = Ticks{}
	for rest := data; len(rest) > 0; {
		at := len(data) - len(rest)
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return fmt.Errorf("%w: bad tag", ErrWire)
		}
		rest = rest[n:]
		m := protowire.ConsumeFieldValue(num, typ, rest)
		if m < 0 {
			return fmt.Errorf("%w: bad field %d", ErrWire, num)
		}
		switch {
		case num == 1 && typ == protowire.BytesType:
			v, _ := protowire.ConsumeBytes(rest)
			t.Hierarchy = string(v)
		case num == 2 && typ == protowire.VarintType:
			t.Revision, _ = protowire.ConsumeVarint(rest)
		case num == 3 && typ == protowire.BytesType:
			v, _ := protowire.ConsumeBytes(rest)
			t.Groups = append(t.Groups, string(v))
			t.column = append(t.column, data[at:at+n+m]...)
		case num == 5 && typ == protowire.BytesType:
			v, _ := protowire.ConsumeBytes(rest)
			t.Sensors = append(t.Sensors, SensorID(v))
			t.sensors = append(t.sensors, data[at:at+n+m]...)
		case (num == 6 || num == 7) && typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(rest)
			if v > math.MaxUint32 {
				return fmt.Errorf("%w: bad field %d", ErrWire, num)
			}
			if num == 6 {
				t.Part = uint32(v)
			} else {
				t.Parts = uint32(v)
			}
		case num == 4 && typ == protowire.BytesType:
			v, _ := protowire.ConsumeBytes(rest)
			var tick Tick
			if err := tick.decode(v); err != nil {
				return err
			}
			t.Ticks = append(t.Ticks, tick)
		}
		rest = rest[m:]
	}
	if t.Part >= max(t.Parts, 1) {
		return fmt.Errorf("%w: part %d of %d", ErrWire, t.Part, t.Parts)
	}
	g := len(t.Groups)
	for i := range t.Ticks {
		k := &t.Ticks[i]
		if len(k.Sum) != g || len(k.Min) != g || len(k.Max) != g || len(k.Count) != g ||
			len(k.Total) != g || len(k.Meter) != g || len(k.Unaccounted) != g {
			return fmt.Errorf("%w: columns of tick %d do not match %d groups", ErrWire, i, g)
		}
		if len(k.Values) != len(t.Sensors) {
			return fmt.Errorf("%w: tick %d has %d values of %d virtual sensors", ErrWire, i, len(k.Values), len(t.Sensors))
		}
	}
	return nil
}

func (t *Tick) decode(rest []byte) error {
	for len(rest) > 0 {
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return fmt.Errorf("%w: bad tag in tick", ErrWire)
		}
		rest = rest[n:]
		m := protowire.ConsumeFieldValue(num, typ, rest)
		if m < 0 {
			return fmt.Errorf("%w: bad field %d in tick", ErrWire, num)
		}
		if num == 1 && typ == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(rest)
			t.Time = Millis(protowire.DecodeZigZag(v))
		}
		if num == 10 && typ == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(rest)
			t.Heard = v != 0
		}
		if typ == protowire.BytesType {
			col, _ := protowire.ConsumeBytes(rest)
			var err error
			switch num {
			case 2:
				err = doubles(&t.Sum, col)
			case 3:
				err = doubles(&t.Min, col)
			case 4:
				err = doubles(&t.Max, col)
			case 5:
				err = uints(&t.Count, col)
			case 6:
				err = uints(&t.Total, col)
			case 7:
				err = doubles(&t.Meter, col)
			case 8:
				err = doubles(&t.Unaccounted, col)
			case 9:
				err = doubles(&t.Values, col)
			}
			if err != nil {
				return err
			}
		}
		rest = rest[m:]
	}
	return nil
}

// doubles reads a column that comes once and whole.
func doubles(to *[]float64, col []byte) error {
	if len(col)%8 != 0 || *to != nil {
		return fmt.Errorf("%w: double column of %d bytes", ErrWire, len(col))
	}
	out := make([]float64, len(col)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(col[i*8:]))
	}
	*to = out
	return nil
}

func uints(to *[]uint32, col []byte) error {
	if *to != nil {
		return fmt.Errorf("%w: number column in parts", ErrWire)
	}
	out := make([]uint32, 0, len(col))
	for len(col) > 0 {
		v, m := protowire.ConsumeVarint(col)
		if m < 0 || v > math.MaxUint32 {
			return fmt.Errorf("%w: bad number column", ErrWire)
		}
		out = append(out, uint32(v))
		col = col[m:]
	}
	*to = out
	return nil
}
