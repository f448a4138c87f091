package sml

import (
	"encoding/binary"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// getListResponse is the message that holds readings (SML 5.1).
const getListResponse = 0x0701

// message reads the message at the beginning of b, which is a list of six: its
// number, group, what to do on errors, body, checksum, end. It gives how long it
// is, and whether it holds readings, which are in d.telegram then. Where the
// frame is broken it reads nothing but readings, by the checksum the meter is
// known to use.
func (d *Decoder) message(b []byte, broken bool) (n int, readings bool) {
	f := fields{b: b, i: 1}
	if _, ok := f.octets(); !ok {
		return 0, false
	}
	if _, ok := f.unsigned(); !ok {
		return 0, false
	}
	if _, ok := f.unsigned(); !ok {
		return 0, false
	}
	if n, ok := f.list(); !ok || n != 2 {
		return 0, false
	}
	tag, ok := f.unsigned()
	if !ok {
		return 0, false
	}
	switch readings = tag == getListResponse; {
	case readings:
		ok = d.list(&f)
	case broken:
		return 0, false
	default:
		ok = f.skip(0)
	}
	if !ok {
		return 0, false
	}
	end := f.i
	kind, size := f.head()
	if kind != unsigned || size < 1 || size > 2 || f.i+size >= len(b) || b[f.i+size] != 0 {
		return 0, false
	}
	first, second := byte(0), b[f.i] // one byte: the other is zero
	if size == 2 {
		first, second = b[f.i], b[f.i+1]
	}
	way, ok := check(b[:end], first, second, d.messages, broken)
	if !ok {
		return 0, false
	}
	d.messages = way
	return f.i + size + 1, readings
}

// list reads the body of a GetListResponse into d.telegram: client, server, name
// of the list, time, values, signature, time of the gateway.
func (d *Decoder) list(f *fields) bool {
	t := &d.telegram
	*t = meter.Telegram{Readings: t.Readings[:0]}
	if n, ok := f.list(); !ok || n != 7 {
		return false
	}
	if _, ok := f.octets(); !ok {
		return false
	}
	var ok bool
	if t.Meter, ok = f.octets(); !ok {
		return false
	}
	if _, ok := f.octets(); !ok {
		return false
	}
	if t.Time, ok = f.time(); !ok {
		return false
	}
	n, ok := f.list()
	if !ok {
		return false
	}
	unsignedPower := sendsPowerUnsigned(t.Meter)
	for range n {
		if !d.entry(f, unsignedPower) {
			return false
		}
	}
	return f.skipTwo() // signature, and time of the gateway
}

// time reads a time that may be not there. The standard has a list of two, what
// kind it is and the time. Holley DTZ541 leaves the list out and sends the
// number alone; FROETEC sends the list of a local time alone.
func (f *fields) time() (meter.Time, bool) {
	kind, n := f.head()
	switch {
	case kind == octets:
		f.i += n
		return meter.Time{}, n == 0
	case kind == unsigned:
		v, ok := f.number(kind, n)
		return meter.Time{Clock: meter.Index, Seconds: v}, ok && n <= 4
	case kind == list && n == 2:
		choice, ok := f.unsigned()
		if !ok {
			return meter.Time{}, false
		}
		at := f.i
		if n, ok := f.list(); ok && n == 3 {
			return f.local()
		}
		f.i = at
		v, ok := f.unsigned()
		clock := meter.Index
		if choice != 1 {
			clock = meter.Wall
		}
		return meter.Time{Clock: clock, Seconds: int64(v)}, ok && v <= 0xffffffff
	case kind == list && n == 3:
		return f.local()
	}
	return meter.Time{}, false
}

// local reads what is in a local time: seconds since 1970 (UTC), and how many
// minutes local time and daylight saving time are ahead of it.
func (f *fields) local() (meter.Time, bool) {
	v, ok := f.unsigned()
	return meter.Time{Clock: meter.Wall, Seconds: int64(v)}, ok && v <= 0xffffffff && f.skipTwo()
}

// entry reads one of the values: name, status, time, unit, scaler, value,
// signature. A value that is not there, or of no kind that is known, gives no reading.
func (d *Decoder) entry(f *fields, unsignedPower bool) bool {
	n, ok := f.list()
	if !ok {
		return false
	}
	if n != 7 {
		for range n {
			if !f.skip(1) {
				return false
			}
		}
		return true
	}
	name, ok := f.octets()
	if !ok {
		return false
	}
	r := meter.Reading{}
	status, hasStatus, ok := f.optional()
	if !ok {
		return false
	}
	r.Status, r.HasStatus = uint64(status), hasStatus
	if r.Time, ok = f.time(); !ok {
		return false
	}
	if r.Time.Clock == meter.NoClock {
		r.Time = d.telegram.Time
	}
	unit, _, ok := f.optional()
	if !ok {
		return false
	}
	scaler, _, ok := f.optional()
	if !ok {
		return false
	}
	r.Unit, r.Scaler = obis.Unit(unit), int8(scaler)
	known := copy(r.Code[:], name) == len(name) && len(name) == len(r.Code) && int64(r.Unit) == unit && int64(r.Scaler) == scaler
	at := f.i
	kind, n := f.head()
	switch kind {
	case octets:
		r.Kind, r.Octets = meter.Text, f.b[f.i:f.i+n]
		known = known && n > 0
		f.i += n
	case boolean:
		if n != 1 {
			return false
		}
		r.Kind, r.Raw = meter.Truth, meter.Unsigned(uint64(min(f.b[f.i], 1)))
		f.i++
	case integer, unsigned:
		v, ok := f.number(kind, n)
		if !ok {
			return false
		}
		switch {
		case kind == unsigned:
			r.Raw = meter.Unsigned(uint64(v))
		case v < 0 && n <= 3 && unsignedPower && r.Code == obis.Power:
			r.Raw, r.Flags = meter.Signed(v+1<<(8*n)), meter.SignCorrected
		default:
			r.Raw = meter.Signed(v)
		}
	default:
		f.i, known = at, false
		if !f.skip(1) {
			return false
		}
	}
	if known {
		d.telegram.Readings = append(d.telegram.Readings, r)
	}
	return f.skip(1)
}

// sendsPowerUnsigned tells whether a meter is one of the DZG DVS74 that send the
// power of 16.7.0 as an integer of 1 to 3 bytes and do not mean its first bit
// as a sign. They are known by ranges of serial numbers; those are not complete,
// which is what [meter.SignSuspect] is for.
func sendsPowerUnsigned(server []byte) bool {
	if len(server) != 10 || string(server[:6]) != "\x0a\x01DZG\x00" {
		return false
	}
	serial := binary.BigEndian.Uint32(server[6:])
	return serial >= 42000000 && serial <= 48999999 || serial >= 55000000 && serial <= 58999999
}

// understand draws from the telegram as a whole what its values say of one
// another.
func understand(t *meter.Telegram) {
	var power, coarse, fine bool
	var exporting, directed bool
	for i := range t.Readings {
		r := &t.Readings[i]
		if r.Kind != meter.Number {
			continue
		}
		switch {
		case r.Code.IsPower():
			power = true
		case r.Code == obis.Import || r.Code == obis.Export:
			if r.Scaler == 3 {
				coarse = true
			} else if r.Scaler < 0 {
				fine = true
			}
			if r.HasStatus && !directed {
				exporting, directed = feedsIn(r.Status), true
			}
		}
	}
	// A locked meter says whole kilowatt hours and no power.
	switch {
	case coarse && !power && !fine:
		t.Lock = meter.LockShut
		t.Mark(meter.Locked)
	case fine && power:
		t.Lock = meter.LockOpen
	}
	for i := range t.Readings {
		r := &t.Readings[i]
		switch {
		case r.Code == obis.AbsolutePower:
			r.Flags |= meter.Absolute
			if directed && exporting {
				r.Flags |= meter.Exporting
			}
		case r.Code == obis.Power && directed && r.Kind == meter.Number:
			if s := r.Raw.Sign(); s < 0 && !exporting || s > 0 && exporting {
				r.Flags |= meter.SignSuspect
			}
		}
	}
}

// feedsIn tells what the status word of a counter says of the direction of the energy.
// There are two forms of it. That of basic meters (FNN) ends in 0x04 and has it in bit 11: 0x1c6904
// and 0x1c7904 came with negative power, 0x1c0104 with positive. The older one
// (EDL) has it in bit 5: 0x1b0 came from a meter that fed in, 0x101a2 with negative power,
// 0x182 with positive.
func feedsIn(status uint64) bool {
	if status&0xff == 0x04 {
		return status&(1<<11) != 0
	}
	return status&(1<<5) != 0
}
