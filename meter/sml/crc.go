package sml

import "encoding/binary"

// crcTables are for CRC-16 with the polynomial 0x1021, reflected, eight bytes at a
// time: table n gives what a byte does n bytes later.
var crcTables = func() (t [8][256]uint16) {
	for i := range 256 {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0x8408
			} else {
				c >>= 1
			}
		}
		t[0][i] = c
	}
	for i := range 256 {
		for n := 1; n < 8; n++ {
			c := t[n-1][i]
			t[n][i] = c>>8 ^ t[0][c&0xff]
		}
	}
	return t
}()

// crc goes on from c over the bytes.
func crc(c uint16, p []byte) uint16 {
	t := &crcTables
	for len(p) >= 8 {
		x := binary.LittleEndian.Uint64(p) ^ uint64(c)
		c = t[7][x&0xff] ^ t[6][x>>8&0xff] ^ t[5][x>>16&0xff] ^ t[4][x>>24&0xff] ^
			t[3][x>>32&0xff] ^ t[2][x>>40&0xff] ^ t[1][x>>48&0xff] ^ t[0][x>>56]
		p = p[8:]
	}
	for _, b := range p {
		c = c>>8 ^ t[0][byte(c)^b]
	}
	return c
}

// checksum says how a meter computes and sends checksums.
type checksum uint8

const (
	unknown       checksum = iota
	x25                    // CRC-16/X.25, low byte first: the standard
	kermit                 // CRC-16/Kermit, high byte first: Holley DTZ541
	kermitSwapped          // the same, low byte first
)

// right tells whether the two bytes are the checksum of p.
func (c checksum) right(p []byte, first, second byte) bool {
	low, high := uint16(first)|uint16(second)<<8, uint16(first)<<8|uint16(second)
	switch c {
	case x25:
		return crc(0xffff, p)^0xffff == low
	case kermit:
		return crc(0, p) == high
	case kermitSwapped:
		return crc(0, p) == low
	}
	return false
}

// check tells whether the two bytes are the checksum of p, and in which way. The
// way that was right before is tried first, and alone if only is set: each more makes it
// likelier that what is wrong looks right.
func check(p []byte, first, second byte, before checksum, only bool) (checksum, bool) {
	if before.right(p, first, second) {
		return before, true
	}
	if before != unknown && only {
		return before, false
	}
	for way := x25; way <= kermitSwapped; way++ {
		if way != before && way.right(p, first, second) {
			return way, true
		}
	}
	return before, false
}
