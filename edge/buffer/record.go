package buffer

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/internal/packed"
	"github.com/wattwerk/wattwerk/survey/household"
)

// A file is
//
//	magic                                    8 bytes
//	state, state                             the same twice
//	slot, slot, …
//
// and a record of it
//
//	0xA5 0x5A                                how it begins
//	kind                                     1 byte
//	length of the payload                    4 bytes, little endian
//	CRC-32C                                  4 bytes: of batch, place, kind, length and payload
//	payload
const (
	magic     = "WWbatch1"
	headBytes = 11
	mostBytes = 1 << 16 // of a payload
)

type kind byte

const (
	kindState kind = 1
	kindSlot  kind = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(sequence, place int64, head, payload []byte) uint32 {
	var where [16]byte
	binary.LittleEndian.PutUint64(where[:8], uint64(sequence))
	binary.LittleEndian.PutUint64(where[8:], uint64(place))
	c := crc32.Update(0, castagnoli, where[:])
	c = crc32.Update(c, castagnoli, head[:7])
	return crc32.Update(c, castagnoli, payload)
}

// appendRecord appends a record that will stand at the end of b, which is at place base
// of the file.
func appendRecord(b []byte, sequence, base int64, k kind, payload []byte) []byte {
	place := base + int64(len(b))
	head := [headBytes]byte{0xA5, 0x5A, byte(k)}
	binary.LittleEndian.PutUint32(head[3:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(head[7:], sum(sequence, place, head[:], payload))
	return append(append(b, head[:]...), payload...)
}

// scan hands out every whole record of a file, and counts the bytes that are in none.
func scan(data []byte, sequence int64, take func(k kind, payload []byte) error) (damaged int) {
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		damaged = min(len(data), len(magic))
	}
	for at := len(magic); at < len(data); {
		if n := whole(data[at:], sequence, int64(at)); n > 0 && take(kind(data[at+2]), data[at+headBytes:at+n]) == nil {
			at += n
			continue
		}
		at++
		damaged++
	}
	return damaged
}

// whole gives the length of the record that b begins with; 0: it does not.
func whole(b []byte, sequence, place int64) int {
	if len(b) < headBytes || b[0] != 0xA5 || b[1] != 0x5A {
		return 0
	}
	n := binary.LittleEndian.Uint32(b[3:])
	if n > mostBytes || int(n) > len(b)-headBytes {
		return 0
	}
	end := headBytes + int(n)
	if sum(sequence, place, b, b[headBytes:end]) != binary.LittleEndian.Uint32(b[7:]) {
		return 0
	}
	return end
}

// entry is a slot as it is kept.
type entry struct {
	meter  string
	span   slot.Span
	values []household.Measurement
}

// units are written as their place here, which never changes.
var units = []string{"Wh", "W", "varh", "var", "VAh", "VA", "V", "A", "Hz"}

func appendID(b []byte, id string) ([]byte, error) {
	if !household.ValidID(id) {
		return b, fmt.Errorf("%.40q is no identifier of a meter", id)
	}
	return hex.AppendDecode(b, []byte(strings.ReplaceAll(id, "-", "")))
}

// encode writes an entry.
func (e entry) encode() ([]byte, error) {
	b, err := appendID(nil, e.meter)
	if err != nil {
		return nil, err
	}
	b = binary.AppendVarint(b, e.span.From)
	b = binary.AppendUvarint(b, uint64(e.span.To-e.span.From))
	b = binary.AppendUvarint(b, uint64(len(e.values)))
	for _, m := range e.values {
		unit := slices.Index(units, m.Unit)
		if unit < 0 || len(m.OBIS) != 12 || m.Scaler < math.MinInt8 || m.Scaler > math.MaxInt8 {
			return nil, fmt.Errorf("a measurement of %.20q in %.10q cannot be kept", m.OBIS, m.Unit)
		}
		if b, err = hex.AppendDecode(b, []byte(m.OBIS)); err != nil {
			return nil, err
		}
		b = append(b, byte(unit), byte(int8(m.Scaler)))
		b = binary.AppendVarint(b, m.Raw)
		if m.Status == nil {
			b = append(b, 0)
		} else {
			b = append(b, 1)
			b = binary.AppendUvarint(b, uint64(*m.Status))
		}
	}
	if len(b) > mostBytes {
		return nil, errors.New("a slot has too many measurements")
	}
	return b, nil
}

// errRecord says that a payload is not what its kind says.
var errRecord = errors.New("a record of the buffer is not understood")

// reader reads a payload.
type reader struct{ packed.Reader }

func readerOf(payload []byte) *reader { return &reader{packed.Read(payload)} }

func (r *reader) id() string {
	b := r.Take(16)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// span reads a beginning and a length.
func (r *reader) span() slot.Span {
	s := slot.Span{From: r.Int()}
	n := r.Uint()
	if s.From < -1<<40 || s.From > 1<<40 || n > 1<<40 {
		r.Fail()
		return slot.Span{}
	}
	s.To = s.From + int64(n)
	return s
}

func (r *reader) err() error {
	if !r.Whole() {
		return errRecord
	}
	return nil
}

func decodeEntry(payload []byte) (e entry, err error) {
	r := readerOf(payload)
	e.meter, e.span = r.id(), r.span()
	n := r.Count(10)
	e.values = make([]household.Measurement, 0, n)
	for range n {
		m := household.Measurement{Meter: e.meter, Slot: time.Unix(e.span.From, 0).UTC(), OBIS: hex.EncodeToString(r.Take(6))}
		unit := r.Take(2)
		if int(unit[0]) >= len(units) {
			return e, errRecord
		}
		m.Unit, m.Scaler = units[unit[0]], int(int8(unit[1]))
		m.Raw = r.Int()
		switch r.Byte() {
		case 0:
		case 1:
			status := r.Uint()
			if status > math.MaxInt64 {
				return e, errRecord
			}
			m.Status = new(int64(status))
		default:
			return e, errRecord
		}
		e.values = append(e.values, m)
	}
	return e, r.err()
}

// state is what survives the batches.
type state struct {
	covered map[string]slot.Coverage // by meter
	dropped uint64                   // measurements that a limit dropped
}

func (s *state) encode() ([]byte, error) {
	b := binary.AppendUvarint(nil, s.dropped)
	meters := make([]string, 0, len(s.covered))
	for id := range s.covered {
		meters = append(meters, id)
	}
	slices.Sort(meters)
	b = binary.AppendUvarint(b, uint64(len(meters)))
	for _, id := range meters {
		var err error
		if b, err = appendID(b, id); err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(len(s.covered[id])))
		for _, x := range s.covered[id] {
			b = binary.AppendVarint(b, x.From)
			b = binary.AppendUvarint(b, uint64(x.To-x.From))
		}
	}
	if len(b) > mostBytes {
		return nil, errors.New("the gaps of all meters together are too many to be kept")
	}
	return b, nil
}

// decodeState reads a state.
func decodeState(payload []byte) (*state, error) {
	r := readerOf(payload)
	s := &state{covered: make(map[string]slot.Coverage), dropped: r.Uint()}
	for range r.Count(17) {
		id := r.id()
		for range r.Count(2) {
			// A meter of which nothing is covered is none that is known.
			if c := s.covered[id].Add(r.span()); len(c) > 0 {
				s.covered[id] = c
			}
		}
	}
	return s, r.err()
}

// merge adds what another state knows.
func (s *state) merge(o *state) {
	for id, c := range o.covered {
		s.covered[id] = s.covered[id].Union(c)
	}
	s.dropped = max(s.dropped, o.dropped)
}
