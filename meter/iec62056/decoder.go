package iec62056

import (
	"bytes"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// MaxMessage is how many bytes a message may have.
const MaxMessage = 8192

// Characters of the protocol (IEC 62056-21, 6.3.14).
const (
	stx = 0x02
	etx = 0x03
	ack = 0x06
	nak = 0x15
)

// Decoder finds telegrams in what comes from one meter. Make it by [NewDecoder].
type Decoder struct {
	buf      []byte // a message begins at its first byte, or none has begun
	telegram meter.Telegram
	set      Set
	stats    meter.Stats
}

var _ meter.Decoder = (*Decoder)(nil)

// NewDecoder gives a decoder that has seen nothing.
func NewDecoder() *Decoder { return &Decoder{buf: make([]byte, 0, MaxMessage)} }

// Stats counts what was met.
func (d *Decoder) Stats() meter.Stats { return d.stats }

// Feed takes bytes and hands out every telegram that ends in them. The eighth
// bit, which is a parity where a port was opened without one, is left out.
func (d *Decoder) Feed(p []byte, take func(*meter.Telegram)) {
	d.stats.Bytes += uint64(len(p))
	for _, b := range p {
		b &= 0x7f
		if b == '/' && (len(d.buf) == 0 || d.buf[len(d.buf)-1] == '\n' || d.buf[len(d.buf)-1] == etx) {
			if len(d.buf) > 0 {
				d.stats.Broken++
			}
			d.buf = append(d.buf[:0], b)
			continue
		}
		if len(d.buf) == 0 {
			continue
		}
		if len(d.buf) == MaxMessage {
			d.stats.Broken++
			d.buf = d.buf[:0]
			continue
		}
		d.buf = append(d.buf, b)
		d.ended(b, take)
	}
}

// Flush takes what waits as all there is: a message that has not ended is none.
func (d *Decoder) Flush(func(*meter.Telegram)) {
	if len(d.buf) > 0 {
		d.stats.Broken++
	}
	d.buf = d.buf[:0]
}

// ended looks whether the byte that came last ends the message: the check
// character after ETX where there was STX, else the line of "!".
func (d *Decoder) ended(last byte, take func(*meter.Telegram)) {
	n := len(d.buf)
	if n >= 2 && d.buf[n-2] == etx {
		// Where the end of a message got lost the next one is in the buffer too.
		if i := bytes.LastIndexByte(d.buf[:n-2], stx); i >= 0 {
			who := bytes.LastIndexByte(d.buf[:i], '/')
			if who > 0 {
				d.stats.Broken++
			}
			d.message(who, i+1, n-2, Check(d.buf[i+1:n-1]) == last, 0, take)
			return
		}
	}
	if last != '\n' {
		return
	}
	line := bytes.TrimRight(d.buf[:n], "\r\n")
	if !bytes.HasSuffix(line, []byte("\n!")) || bytes.IndexByte(d.buf, stx) >= 0 {
		return
	}
	first := bytes.IndexByte(d.buf, '\n') + 1
	d.message(0, first, len(line)-1, true, meter.Unchecked, take)
}

// Check gives the check character: all bytes combined by exclusive or (ISO 1155).
func Check(p []byte) (c byte) {
	for _, b := range p {
		c ^= b & 0x7f
	}
	return c
}

// message takes the data of a message that has ended, from its identification at who.
func (d *Decoder) message(who, from, to int, right bool, flags meter.Flags, take func(*meter.Telegram)) {
	defer func() { d.buf = d.buf[:0] }()
	if !right {
		d.stats.Broken++
		return
	}
	d.stats.Frames++
	t := &d.telegram
	*t = meter.Telegram{Readings: t.Readings[:0]}
	name, _, _ := bytes.Cut(d.buf[who+1:from], []byte{'\n'})
	t.Meter = bytes.TrimRight(name, "\r\x02")
	for line := range bytes.Lines(d.buf[from:to]) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '!' {
			continue
		}
		if !d.set.Line(line, func(s *Set) {
			if r, ok := s.Reading(); ok {
				t.Readings = append(t.Readings, r)
			}
		}) {
			d.stats.Refused++
		}
	}
	if len(t.Readings) == 0 {
		d.stats.Refused++
		return
	}
	for i := range t.Readings {
		if r := &t.Readings[i]; r.Kind == meter.Text && identifies(r.Code) {
			t.Meter = r.Octets
			break
		}
	}
	t.Mark(flags)
	d.stats.Telegrams++
	take(t)
}

// identifies tells whether a code is that of the meter's own identification.
func identifies(c obis.Code) bool {
	return c[2] == 0 && c[3] == 0 && (c[4] == 0 || c[4] == 9) || c[2] == 96 && c[3] == 1 && (c[4] == 0 || c[4] == 255)
}

// Reading gives what a data set of one value says: a number where it has a unit, or
// its code is of something that electricity meters measure; else a text.
func (s *Set) Reading() (meter.Reading, bool) {
	if len(s.Values) != 1 || len(s.Values[0]) == 0 {
		return meter.Reading{}, false
	}
	code, err := obis.Parse(string(s.Address))
	if err != nil {
		return meter.Reading{}, false
	}
	r := meter.Reading{Code: code}
	raw, scaler, unit, ok := Number(s.Values[0])
	measured := code[0] == 1 && code[2] > 0 && code[2] < 94
	switch {
	case ok && (unit != obis.NoUnit || measured):
		r.Raw, r.Scaler, r.Unit = raw, scaler, unit
	case measured || bytes.IndexByte(s.Values[0], '*') >= 0: // not a number, or in a unit that nobody knows
		return meter.Reading{}, false
	default:
		r.Kind, r.Octets = meter.Text, s.Values[0]
	}
	if code == obis.AbsolutePower {
		r.Flags |= meter.Absolute
	}
	return r, true
}
