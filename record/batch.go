package record

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wattwerk/wattwerk/internal/phrase"
)

// MaxBatch is the largest number of records taken in one batch.
const MaxBatch = 65536

// ErrWire marks bytes that are not a valid message of the wire form.
var ErrWire = phrase.Errorf(phrase.BytesMalformed, nil, "malformed message")

// Batch is a set of records as columns: what one message on a records stream
// carries. Sensor names are kept once each; Index[i] says whose record i is.
//
// A decoded batch aliases the bytes it was decoded from and is valid until
// those change or the batch is decoded into again.
type Batch struct {
	Sensors []SensorID // the sensors named; filled by Append, or after Decode by Names
	Index   []uint32   // per record, position in Sensors; nil: record i is of Sensors[i]
	Times   []Millis   // per record
	Values  []float64  // per record

	column []byte // after Decode: the encoded sensor column
	number int    // after Decode: how many sensors the column names
	where  map[SensorID]uint32
}

// Len is the number of records.
func (b *Batch) Len() int { return len(b.Values) }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Sensors, b.Index, b.Times, b.Values = b.Sensors[:0], b.Index[:0], b.Times[:0], b.Values[:0]
	b.column, b.number = nil, 0
	clear(b.where)
}

// Append adds a record to a batch that is being built. It does not validate.
func (b *Batch) Append(r Record) {
	if b.where == nil {
		b.where = make(map[SensorID]uint32)
	}
	at, ok := b.where[r.Sensor]
	if !ok {
		at = uint32(len(b.Sensors))
		b.where[r.Sensor] = at
		b.Sensors = append(b.Sensors, r.Sensor)
	}
	b.Index = append(b.Index, at)
	b.Times = append(b.Times, r.Time)
	b.Values = append(b.Values, r.Value)
}

// At gives record i of a batch whose Sensors are filled.
func (b *Batch) At(i int) Record {
	s := i
	if len(b.Index) > 0 {
		s = int(b.Index[i])
	}
	return Record{Sensor: b.Sensors[s], Time: b.Times[i], Value: b.Values[i]}
}

// SensorColumn gives the encoded sensor names of a decoded batch. Equal bytes
// name equal sensors in equal order, so a reader may keep what it looked up.
func (b *Batch) SensorColumn() []byte { return b.column }

// SensorCount is the number of sensors named.
func (b *Batch) SensorCount() int {
	if b.column != nil {
		return b.number
	}
	return len(b.Sensors)
}

// Encode appends the wire form of the batch to dst.
func (b *Batch) Encode(dst []byte) []byte {
	for _, s := range b.Sensors {
		dst = append(dst, 1<<3|2)
		dst = protowire.AppendVarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	if len(b.Sensors) != len(b.Values) && identity(b.Index) {
		// Without an index there must be one record per sensor.
		return encodeTimes(encodeIndex(dst, b.Index), b.Times, b.Values)
	}
	return EncodeColumns(dst, b.Index, b.Times, b.Values)
}

// EncodeColumns appends the columns that follow the sensor names.
// The lengths of times and values are equal; index is nil or of that length.
// An index that counts up from 0 is left out: it must then name as many
// sensors as there are records.
func EncodeColumns(dst []byte, index []uint32, times []Millis, values []float64) []byte {
	if len(values) == 0 {
		return dst
	}
	if !identity(index) {
		dst = encodeIndex(dst, index)
	}
	return encodeTimes(dst, times, values)
}

func encodeIndex(dst []byte, index []uint32) []byte {
	if len(index) == 0 {
		return dst
	}
	n := 0
	for _, x := range index {
		n += protowire.SizeVarint(uint64(x))
	}
	dst = append(dst, 2<<3|2)
	dst = protowire.AppendVarint(dst, uint64(n))
	for _, x := range index {
		dst = protowire.AppendVarint(dst, uint64(x))
	}
	return dst
}

func encodeTimes(dst []byte, times []Millis, values []float64) []byte {
	if len(values) == 0 {
		return dst
	}
	if times[0] != 0 {
		dst = append(dst, 3<<3|0)
		dst = protowire.AppendVarint(dst, protowire.EncodeZigZag(int64(times[0])))
	}
	n, same := 0, true
	for i := 1; i < len(times); i++ {
		d := int64(times[i] - times[i-1])
		same = same && d == 0
		n += protowire.SizeVarint(protowire.EncodeZigZag(d))
	}
	if !same {
		dst = append(dst, 4<<3|2)
		dst = protowire.AppendVarint(dst, uint64(n))
		for i := 1; i < len(times); i++ {
			dst = protowire.AppendVarint(dst, protowire.EncodeZigZag(int64(times[i]-times[i-1])))
		}
	}
	return appendDoubles(dst, 5, values)
}

func identity(index []uint32) bool {
	for i, x := range index {
		if int(x) != i {
			return false
		}
	}
	return true
}

func appendDoubles(dst []byte, field byte, values []float64) []byte {
	if len(values) == 0 {
		return dst
	}
	dst = append(dst, field<<3|2)
	dst = protowire.AppendVarint(dst, uint64(len(values)*8))
	at := len(dst)
	dst = append(dst, make([]byte, len(values)*8)...)
	for _, v := range values {
		binary.LittleEndian.PutUint64(dst[at:], math.Float64bits(v))
		at += 8
	}
	return dst
}

// maxNameBytes is the longest sensor name that is read, in bytes. It is more
// than an identifier may have.
const maxNameBytes = 4 * MaxIDBytes

// Decode reads the wire form. The batch aliases data. The names are read by
// [Batch.Names], because most readers know the column already.
//
// Errors wrap [ErrWire]. The sensor names themselves are not validated: one that
// no sensor can have need not cost the other records. A column
// in another form than [Batch.Encode] gives it, unpacked or in parts, is an
// error: passing over it would give records to the wrong sensor.
func (b *Batch) Decode(data []byte) error {
	b.Sensors, b.Index, b.Times, b.Values = b.Sensors[:0], b.Index[:0], b.Times[:0], b.Values[:0]
	b.column, b.number = nil, 0
	clear(b.where)
	var base int64
	var steps, index []byte
	var scattered []byte // names that did not come contiguously
	start := -1
	rest := data
	for len(rest) > 0 {
		at := len(data) - len(rest)
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return fmt.Errorf("%w: bad tag", ErrWire)
		}
		rest = rest[n:]
		switch {
		case num == 1 && typ == protowire.BytesType:
			v, m := protowire.ConsumeBytes(rest)
			if m < 0 || n != 1 || len(v) > maxNameBytes {
				return fmt.Errorf("%w: bad sensor name", ErrWire)
			}
			rest = rest[m:]
			if b.number++; b.number > MaxBatch {
				return fmt.Errorf("%w: more than %d sensors", ErrWire, MaxBatch)
			}
			end := at + n + m
			switch {
			case scattered != nil:
				scattered = append(scattered, data[at:end]...)
			case start < 0:
				start = at
				b.column = data[at:end]
			case at == start+len(b.column):
				b.column = data[start:end]
			default:
				scattered = append(append([]byte{}, b.column...), data[at:end]...)
			}
		case num == 2 && typ == protowire.BytesType:
			v, m := protowire.ConsumeBytes(rest)
			if m < 0 || index != nil {
				return fmt.Errorf("%w: bad index column", ErrWire)
			}
			index, rest = v, rest[m:]
		case num == 3 && typ == protowire.VarintType:
			v, m := protowire.ConsumeVarint(rest)
			if m < 0 {
				return fmt.Errorf("%w: bad time", ErrWire)
			}
			base, rest = protowire.DecodeZigZag(v), rest[m:]
		case num == 4 && typ == protowire.BytesType:
			v, m := protowire.ConsumeBytes(rest)
			if m < 0 || steps != nil {
				return fmt.Errorf("%w: bad step column", ErrWire)
			}
			steps, rest = v, rest[m:]
		case num == 5 && typ == protowire.BytesType:
			v, m := protowire.ConsumeBytes(rest)
			if m < 0 || len(v)%8 != 0 || len(v)/8 > MaxBatch || len(b.Values) > 0 {
				return fmt.Errorf("%w: bad value column", ErrWire)
			}
			rest = rest[m:]
			for i := 0; i < len(v); i += 8 {
				b.Values = append(b.Values, math.Float64frombits(binary.LittleEndian.Uint64(v[i:])))
			}
		default:
			m := protowire.ConsumeFieldValue(num, typ, rest)
			if m < 0 || num <= 5 {
				return fmt.Errorf("%w: bad field %d", ErrWire, num)
			}
			rest = rest[m:]
		}
	}
	if scattered != nil {
		b.column = scattered
	}
	return b.expand(base, steps, index)
}

func (b *Batch) expand(base int64, steps, index []byte) error {
	n := len(b.Values)
	for range n {
		b.Times = append(b.Times, Millis(base))
	}
	if len(steps) > 0 {
		t := base
		for i := 1; i < n; i++ {
			v, m := protowire.ConsumeVarint(steps)
			if m < 0 {
				return fmt.Errorf("%w: %d records, fewer times", ErrWire, n)
			}
			steps = steps[m:]
			t += protowire.DecodeZigZag(v)
			b.Times[i] = Millis(t)
		}
		if len(steps) > 0 {
			return fmt.Errorf("%w: %d records, more times", ErrWire, n)
		}
	}
	if index == nil {
		if n != b.number && n != 0 {
			return fmt.Errorf("%w: %d records of %d sensors without an index", ErrWire, n, b.number)
		}
		return nil
	}
	for len(index) > 0 {
		v, m := protowire.ConsumeVarint(index)
		if m < 0 || v >= uint64(b.number) {
			return fmt.Errorf("%w: bad index", ErrWire)
		}
		index = index[m:]
		if len(b.Index) == n {
			return fmt.Errorf("%w: %d records, more index entries", ErrWire, n)
		}
		b.Index = append(b.Index, uint32(v))
	}
	if len(b.Index) != n {
		return fmt.Errorf("%w: %d records, %d index entries", ErrWire, n, len(b.Index))
	}
	return nil
}

// Names fills Sensors from the sensor column of a decoded batch and returns
// them. The strings are copies and stay valid.
func (b *Batch) Names() []SensorID {
	if len(b.Sensors) > 0 || b.column == nil {
		return b.Sensors
	}
	all := string(b.column) // one allocation for all names
	for at := 0; at < len(all); {
		at++ // the tag, one byte
		n, m := protowire.ConsumeVarint(b.column[at:])
		at += m
		b.Sensors = append(b.Sensors, SensorID(all[at:at+int(n)]))
		at += int(n)
	}
	return b.Sensors
}
