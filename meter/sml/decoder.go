package sml

import (
	"bytes"

	"github.com/wattwerk/wattwerk/meter"
)

// MaxFrame is how many bytes a frame may have. The largest that meters are known to
// send have below 1,000.
const MaxFrame = 4096

// start begins a frame; escape, of which it consists to one half, begins
// whatever is not payload (SML 8.1).
var (
	start  = []byte{0x1b, 0x1b, 0x1b, 0x1b, 1, 1, 1, 1}
	escape = start[:4]
)

const mark = 8 // bytes of what begins or ends a frame

// Decoder finds telegrams in what comes from one meter. Make it by [NewDecoder].
type Decoder struct {
	// Bytes from buf[at] to buf[n] wait. In a frame they begin with its start;
	// else none begins before buf[scan]. Up to buf[scan] all is looked at.
	buf         [2 * MaxFrame]byte
	at, scan, n int
	inFrame     bool
	escaped     bool // there is an escaped escape in the frame

	payload  [MaxFrame]byte // of a frame with escapes, without them
	frames   checksum       // of this meter's frames
	messages checksum       // of this meter's messages

	telegram meter.Telegram
	server   [32]byte // whom signs is about
	serverN  int
	signs    meter.Signs
	stats    meter.Stats
}

var _ meter.Decoder = (*Decoder)(nil)

// NewDecoder gives a decoder that has seen nothing.
func NewDecoder() *Decoder {
	d := &Decoder{}
	d.telegram.Readings = make([]meter.Reading, 0, 32)
	return d
}

// Stats counts what was met.
func (d *Decoder) Stats() meter.Stats { return d.stats }

// Feed takes bytes and hands out every telegram that ends in them.
func (d *Decoder) Feed(p []byte, take func(*meter.Telegram)) {
	d.stats.Bytes += uint64(len(p))
	for len(p) > 0 {
		n := copy(d.buf[d.n:], p)
		p = p[n:]
		d.n += n
		for d.step(take) {
		}
		// What waits is less than half of the buffer.
		copy(d.buf[:], d.buf[d.at:d.n])
		d.n, d.scan, d.at = d.n-d.at, d.scan-d.at, 0
	}
}

// Flush takes what waits as all there is. The decoder may be fed again.
func (d *Decoder) Flush(take func(*meter.Telegram)) {
	if d.inFrame {
		d.stats.Broken++
	}
	d.salvage(d.n, d.n, take)
	d.n, d.at, d.scan, d.inFrame = 0, 0, 0, false
}

// step does what can be done next; it is false when more bytes are needed.
// Each step but the last moves at or scan forward, or begins a frame at at.
func (d *Decoder) step(take func(*meter.Telegram)) bool {
	if !d.inFrame {
		i := bytes.Index(d.buf[d.scan:d.n], start)
		if i < 0 {
			d.scan = max(d.scan, d.n-(mark-1))
			if d.n-d.at >= MaxFrame {
				// Keep the second half: a message may begin in it.
				d.salvage(d.n-MaxFrame/2, d.n, take)
				d.scan = max(d.scan, d.at)
			}
			return false
		}
		d.begin(d.scan+i, take)
		return true
	}
	i := bytes.Index(d.buf[d.scan:d.n], escape)
	if i < 0 {
		d.scan = max(d.scan, d.n-(len(escape)-1))
		return d.tooLong(d.n)
	}
	d.scan += i
	if d.n-d.scan < mark {
		return d.tooLong(d.n)
	}
	if d.tooLong(d.scan + mark) {
		return true
	}
	switch next := d.buf[d.scan+4 : d.scan+mark]; {
	case string(next) == "\x1b\x1b\x1b\x1b": // stands for one of them in the payload
		d.escaped = true
		d.scan += mark
	case string(next) == "\x01\x01\x01\x01": // the end got lost
		d.stats.Broken++
		d.begin(d.scan, take)
	case next[0] == 0x1a && next[1] < 4:
		d.end(take)
	default: // nothing that is known; the checksum will tell
		d.scan++
	}
	return true
}

// tooLong gives a frame up that goes beyond what frames may have. Its bytes are looked
// through again for another start.
func (d *Decoder) tooLong(to int) bool {
	if to-d.at <= MaxFrame {
		return false
	}
	d.stats.Broken++
	d.inFrame, d.scan = false, d.at+1
	return true
}

// begin begins a frame at i; what waits before it is looked through.
func (d *Decoder) begin(i int, take func(*meter.Telegram)) {
	d.salvage(i, i, take)
	d.at, d.scan, d.inFrame, d.escaped = i, i+mark, true, false
}

// end takes the frame whose end begins at scan: escape, 0x1a, how many bytes were
// filled up, checksum of all before.
func (d *Decoder) end(take func(*meter.Telegram)) {
	b, to := d.buf[d.at:d.scan+mark], d.scan+mark
	n := len(b)
	way, ok := check(b[:n-2], b[n-2], b[n-1], d.frames, false)
	if !ok {
		d.stats.Broken++
		// Another frame may begin one byte after this one did.
		if i := bytes.Index(b[1:], start); i >= 0 {
			d.begin(d.at+1+i, take)
			return
		}
		d.salvage(to, to, take)
		d.at, d.scan, d.inFrame = to, to, false
		return
	}
	d.frames = way
	d.stats.Frames++
	payload := b[mark : n-mark]
	if d.escaped {
		payload = d.unescape(payload)
	}
	d.messagesIn(payload, len(payload), false, take)
	d.at, d.scan, d.inFrame = to, to, false
}

// unescape copies the payload with one escape for two.
func (d *Decoder) unescape(b []byte) []byte {
	out := d.payload[:0]
	for {
		i := bytes.Index(b, escape)
		if i < 0 || len(b) < i+mark {
			return append(out, b...)
		}
		if string(b[i+4:i+mark]) == string(escape) {
			out = append(out, b[:i+4]...)
			b = b[i+mark:]
		} else {
			out = append(out, b[:i+1]...)
			b = b[i+1:]
		}
	}
}

// salvage takes whole messages out of what waits, up to end, that begin before to,
// and gives up what is before to, or more if the last message goes beyond.
func (d *Decoder) salvage(to, end int, take func(*meter.Telegram)) {
	if to > d.at {
		d.at += d.messagesIn(d.buf[d.at:end], to-d.at, true, take)
	}
}

// messagesIn hands out the telegrams in b that begin before to, and gives where it
// stopped: to, or the end of the last message.
func (d *Decoder) messagesIn(b []byte, to int, broken bool, take func(*meter.Telegram)) int {
	i := 0
	for i < to {
		if b[i] != 0x76 { // a list of six
			j := bytes.IndexByte(b[i:to], 0x76)
			if j < 0 {
				break
			}
			i += j
		}
		n, readings := d.message(b[i:], broken)
		if n == 0 {
			if !broken {
				d.stats.Refused++
			}
			i++
			continue
		}
		i += n
		if readings {
			d.hand(broken, take)
		}
	}
	return max(i, to)
}

// hand completes the telegram and hands it out.
func (d *Decoder) hand(broken bool, take func(*meter.Telegram)) {
	t := &d.telegram
	understand(t)
	if string(d.server[:d.serverN]) != string(t.Meter[:min(len(t.Meter), len(d.server))]) {
		d.signs = meter.Signs{}
		d.serverN = copy(d.server[:], t.Meter)
	}
	d.signs.Check(t)
	d.stats.Telegrams++
	if broken {
		d.stats.Salvaged++
		t.Mark(meter.Salvaged)
	}
	take(t)
}
