package smltest

import "bytes"

// CRC says how a meter computes checksums.
type CRC uint8

// The checksums of meters.
const (
	X25    CRC = iota // CRC-16/X.25, low byte first
	Kermit            // CRC-16/Kermit, high byte first
)

// Sum gives the two bytes of the checksum as they are sent.
func (c CRC) Sum(p []byte) [2]byte {
	var r uint16
	if c == X25 {
		r = 0xffff
	}
	for _, b := range p {
		r ^= uint16(b)
		for range 8 {
			if r&1 != 0 {
				r = r>>1 ^ 0x8408
			} else {
				r >>= 1
			}
		}
	}
	if c == X25 {
		r = ^r
		return [2]byte{byte(r), byte(r >> 8)}
	}
	return [2]byte{byte(r >> 8), byte(r)}
}

// None is a field that is not there.
func None() []byte { return []byte{1} }

// Octets is an octet string.
func Octets(p []byte) []byte {
	n := len(p) + 1
	if n < 16 {
		return append([]byte{byte(n)}, p...)
	}
	n++
	if n < 256 {
		return append([]byte{0x80 | byte(n>>4), byte(n & 15)}, p...)
	}
	n++
	return append([]byte{0x80 | byte(n>>8), 0x80 | byte(n>>4&15), byte(n & 15)}, p...)
}

// Int is an integer of the width in bytes.
func Int(width int, v int64) []byte { return number(0x50, width, uint64(v)) }

// Uint is an unsigned integer of the width in bytes.
func Uint(width int, v uint64) []byte { return number(0x60, width, v) }

func number(kind byte, width int, v uint64) []byte {
	out := []byte{kind | byte(width+1)}
	for i := width - 1; i >= 0; i-- {
		out = append(out, byte(v>>(8*i)))
	}
	return out
}

// Bool is a truth value.
func Bool(v bool) []byte {
	if v {
		return []byte{0x42, 1}
	}
	return []byte{0x42, 0}
}

// List is a list of fields.
func List(fields ...[]byte) []byte {
	head := []byte{0x70 | byte(len(fields))}
	if len(fields) > 15 {
		head = []byte{0xf0 | byte(len(fields)>>4), byte(len(fields) & 15)}
	}
	return append(head, bytes.Join(fields, nil)...)
}

// Message is a message with its checksum and end.
func Message(transaction []byte, tag, body []byte, crc CRC) []byte {
	m := List(Octets(transaction), Uint(1, 0), Uint(1, 0), List(tag, body), nil, nil)
	sum := crc.Sum(m)
	return append(m, 0x63, sum[0], sum[1], 0)
}

// Frame is what carries messages: start, payload with escapes, end with checksum.
func Frame(crc CRC, messages ...[]byte) []byte {
	escape := []byte{0x1b, 0x1b, 0x1b, 0x1b}
	payload := bytes.Join(messages, nil)
	fill := 0
	for ; len(payload)%4 != 0; fill++ {
		payload = append(payload, 0)
	}
	f := append(append([]byte{}, escape...), 1, 1, 1, 1)
	f = append(f, bytes.ReplaceAll(payload, escape, append(append([]byte{}, escape...), escape...))...)
	f = append(append(f, escape...), 0x1a, byte(fill))
	sum := crc.Sum(f)
	return append(f, sum[0], sum[1])
}
