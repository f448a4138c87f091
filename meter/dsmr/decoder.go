package dsmr

import (
	"bytes"
	"time"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/iec62056"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// MaxTelegram is how many bytes a telegram may have; one with a long message of the
// grid operator has some 3,000.
const MaxTelegram = 8192

// Decoder finds telegrams in what comes from one port. Make it by [NewDecoder].
type Decoder struct {
	buf      []byte // a telegram begins at its first byte, or none has begun
	end      int    // where "!" is; 0: not there yet
	telegram meter.Telegram
	set      iec62056.Set
	device   deviceSet
	stats    meter.Stats
}

var _ meter.Decoder = (*Decoder)(nil)

// NewDecoder gives a decoder that has seen nothing.
func NewDecoder() *Decoder { return &Decoder{buf: make([]byte, 0, MaxTelegram)} }

// Stats counts what was met.
func (d *Decoder) Stats() meter.Stats { return d.stats }

// Feed takes bytes and hands out every telegram that ends in them.
func (d *Decoder) Feed(p []byte, take func(*meter.Telegram)) {
	d.stats.Bytes += uint64(len(p))
	for _, b := range p {
		if b == '/' && (len(d.buf) == 0 || d.buf[len(d.buf)-1] == '\n' || d.end > 0) {
			if len(d.buf) > 0 {
				d.stats.Broken++
			}
			d.buf, d.end = append(d.buf[:0], b), 0
			continue
		}
		if len(d.buf) == 0 {
			continue
		}
		if len(d.buf) == MaxTelegram {
			d.stats.Broken++
			d.buf, d.end = d.buf[:0], 0
			continue
		}
		d.buf = append(d.buf, b)
		n := len(d.buf)
		switch {
		case d.end == 0 && b == '!' && d.buf[n-2] == '\n':
			d.end = n - 1
		case d.end > 0 && b == '\n':
			d.finish(take)
			d.buf, d.end = d.buf[:0], 0
		}
	}
}

// Flush takes what waits as all there is. A telegram whose CRC has come is whole without
// the end of its line.
func (d *Decoder) Flush(take func(*meter.Telegram)) {
	if d.end > 0 {
		d.finish(take)
	} else if len(d.buf) > 0 {
		d.stats.Broken++
	}
	d.buf, d.end = d.buf[:0], 0
}

// CRC is CRC-16/ARC: polynomial 0x8005 reflected, begun with 0.
func CRC(p []byte) (c uint16) {
	for _, b := range p {
		c ^= uint16(b)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xa001
			} else {
				c >>= 1
			}
		}
	}
	return c
}

// finish takes the telegram that has come, with its line of "!" and CRC.
func (d *Decoder) finish(take func(*meter.Telegram)) {
	sum := bytes.TrimRight(d.buf[d.end+1:], "\r\n")
	flags := meter.Flags(0)
	switch want, ok := hexadecimal(sum); {
	case len(sum) == 0:
		flags = meter.Unchecked
	case !ok || CRC(d.buf[:d.end+1]) != want:
		d.stats.Broken++
		return
	}
	d.stats.Frames++
	t := &d.telegram
	*t = meter.Telegram{Readings: t.Readings[:0]}
	d.device = deviceSet{}
	for line := range bytes.Lines(d.buf[bytes.IndexByte(d.buf, '\n')+1 : d.end]) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 && !d.set.Line(line, d.take) {
			d.stats.Refused++
		}
	}
	if len(t.Meter) == 0 {
		if flags != 0 { // nor has it a CRC: a meter of IEC 62056-21
			d.stats.Refused++
			return
		}
		t.Meter = bytes.TrimRight(d.buf[1:bytes.IndexByte(d.buf, '\n')+1], "\r\n")
	}
	if len(t.Readings) == 0 {
		d.stats.Refused++
		return
	}
	for i := range t.Readings {
		if t.Readings[i].Time.Clock == meter.NoClock {
			t.Readings[i].Time = t.Time
		}
	}
	t.Mark(flags)
	d.stats.Telegrams++
	take(t)
}

func hexadecimal(text []byte) (v uint16, ok bool) {
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		v = v<<4 | uint16(c)
	}
	return v, len(text) == 4
}

// deviceSet is what the first line of an older gas reading says, whose value
// stands alone in the next one.
type deviceSet struct {
	code obis.Code
	unit []byte
	time meter.Time
}

// take takes a data set.
func (d *Decoder) take(s *iec62056.Set) {
	t := &d.telegram
	if len(s.Address) == 0 { // the value of the set before
		if raw, scaler, _, ok := iec62056.Number(s.Values[0]); ok && !d.device.code.IsZero() {
			if unit, tens, ok := obis.LookupUnit(string(d.device.unit)); ok {
				t.Readings = append(t.Readings, meter.Reading{Code: d.device.code, Raw: raw, Scaler: scaler + tens, Unit: unit, Time: d.device.time})
			}
		}
		d.device = deviceSet{}
		return
	}
	code, err := obis.Parse(string(s.Address))
	if err != nil {
		d.stats.Refused++
		return
	}
	switch {
	case code == obis.Code{0, 0, 1, 0, 0, 255}: // when the telegram was made
		if at, ok := Time(s.Values[0]); ok {
			t.Time = at
		}
	case code == obis.Code{0, 0, 96, 1, 1, 255}: // the meter
		t.Meter = s.Values[0]
		d.add(s)
	case code[2] == 98 || code[2] == 99: // logs: not what is the case now
	case code[2] == 24 && code[3] == 3 && len(s.Values) == 6: // version 2 and 3: a device on M-Bus
		if device, err := obis.Parse(string(s.Values[4])); err == nil {
			at, _ := Time(s.Values[0])
			d.device = deviceSet{code: device, unit: s.Values[5], time: at}
		}
	case code[2] == 24 && code[3] == 2 && len(s.Values) == 2: // since version 4: when, and what
		at, ok := Time(s.Values[0])
		s.Values = s.Values[1:]
		if d.add(s) && ok {
			t.Readings[len(t.Readings)-1].Time = at
		}
	case code[2] == 96 && code[3] == 7: // how many power failures
		if raw, scaler, unit, ok := iec62056.Number(s.Values[0]); ok {
			t.Readings = append(t.Readings, meter.Reading{Code: code, Raw: raw, Scaler: scaler, Unit: unit})
		}
	default:
		d.add(s)
	}
}

func (d *Decoder) add(s *iec62056.Set) bool {
	r, ok := s.Reading()
	if ok {
		d.telegram.Readings = append(d.telegram.Readings, r)
	}
	return ok
}

// Time reads YYMMDDhhmmss with W for winter time (UTC+1) or S for summer time (UTC+2) after it. It is
// false where there is no letter: then it is not said which.
func Time(text []byte) (meter.Time, bool) {
	if len(text) != 13 {
		return meter.Time{}, false
	}
	hours := 1
	switch text[12] {
	case 'S':
		hours = 2
	case 'W':
	default:
		return meter.Time{}, false
	}
	at, err := time.Parse("060102150405", string(text[:12]))
	if err != nil || at.Year() < 2000 {
		return meter.Time{}, false
	}
	return meter.Time{Clock: meter.Wall, Seconds: at.Unix() - int64(hours)*3600}, true
}
