package availability

import "github.com/wattwerk/wattwerk/record"

// Event is a change of an availability: from this moment on it is Share, or not
// known.
type Event struct {
	At    record.Millis
	Share float64
	Known bool
}

// Spell is an availability over time: times in ms, Available weighted by the
// share.
type Spell struct {
	Available float64
	Known     int64
	Unknown   int64
}

// Share is the availability over the time in which it is known; false when that
// is none.
func (s Spell) Share() (float64, bool) {
	if s.Known == 0 {
		return 0, false
	}
	return s.Available / float64(s.Known), true
}

// Bounds are what the availability over the whole time is at least and at most,
// whatever it was while it is not known. False when there is no time at all.
func (s Spell) Bounds() (least, most float64, ok bool) {
	t := float64(s.Known + s.Unknown)
	if t == 0 {
		return 0, 0, false
	}
	return s.Available / t, (s.Available + float64(s.Unknown)) / t, true
}

// Integral sums an availability up over time. The zero value knows nothing yet:
// the time until the first event is not known. It is for one goroutine at a time.
type Integral struct {
	spell   Spell
	last    Event
	started bool
}

// Begin is the moment from which time counts.
func (x *Integral) Begin(at record.Millis) { *x = Integral{last: Event{At: at}, started: true} }

// Add takes an event. One that is older than the newest counts from that one on;
// false says so.
func (x *Integral) Add(e Event) bool {
	if !x.started {
		x.Begin(e.At)
	}
	late := e.At < x.last.At
	if !late {
		x.spell = x.Until(e.At)
		x.last.At = e.At
	}
	x.last.Share, x.last.Known = min(max(e.Share, 0), 1), e.Known && e.Share == e.Share
	return !late
}

// Until gives the spell from the beginning to a moment that is not before the
// newest event.
func (x *Integral) Until(to record.Millis) Spell {
	s := x.spell
	if !x.started || to <= x.last.At {
		return s
	}
	d := int64(to - x.last.At)
	if !x.last.Known {
		s.Unknown += d
		return s
	}
	s.Known += d
	s.Available += x.last.Share * float64(d)
	return s
}

// OverTime gives the availability from one moment to another out of events that
// are in the order of time. The last one at or before from says how it begins;
// without one, the time until the first event is not known. Events after to
// change nothing.
func OverTime(from, to record.Millis, events []Event) Spell {
	var x Integral
	x.Begin(from)
	for _, e := range events {
		if e.At >= to {
			break
		}
		e.At = max(e.At, from)
		x.Add(e)
	}
	return x.Until(to)
}
