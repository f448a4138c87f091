package breaker

import (
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Options say when a breaker opens, and for how long. What is 0 has its default.
type Options struct {
	Consecutive int           // failures in a row; default 5
	Share       float64       // of calls that have failed; default 0.5
	Calls       int           // so many at least, for the share; default 20
	Window      time.Duration // in which they are counted; default 10 s
	Open        time.Duration // how long nothing is let through; default 10 s
}

func (o Options) complete() Options {
	if o.Consecutive <= 0 {
		o.Consecutive = 5
	}
	if !(o.Share > 0) {
		o.Share = 0.5
	}
	if o.Calls <= 0 {
		o.Calls = 20
	}
	if o.Window <= 0 {
		o.Window = 10 * time.Second
	}
	if o.Open <= 0 {
		o.Open = 10 * time.Second
	}
	return o
}

// State is what a breaker does with calls.
type State string

// The states there are.
const (
	Closed   State = "closed"    // they are let through
	Open     State = "open"      // they are refused
	HalfOpen State = "half open" // one is let through, as a probe
)

// buckets is into how many parts the window is divided.
const buckets = 10

// Breaker watches the calls of one thing.
type Breaker struct {
	opts    Options
	state   State // "" is closed
	row     int   // failures in a row
	since   record.Millis
	probing bool
	window  [buckets]bucket
}

type bucket struct {
	number        int64 // which tenth of the window, counted from 1970
	calls, failed int
}

// New makes a closed breaker.
func New(o Options) *Breaker { return &Breaker{opts: o.complete()} }

// Allow tells whether a call may be made now. Whoever is allowed tells the end to
// [Breaker.Done].
func (b *Breaker) Allow(now record.Millis) bool {
	b.opts = b.opts.complete()
	switch b.state {
	case Open:
		if now < b.since+b.open() {
			return false
		}
	case HalfOpen:
		if b.probing && now < b.since+b.open() {
			return false
		}
	default:
		return true
	}
	b.state, b.since, b.probing = HalfOpen, now, true
	return true
}

func (b *Breaker) open() record.Millis { return record.Millis(b.opts.Open.Milliseconds()) }

// Done tells how a call ended. It gives whether the state has changed, and what it
// is. Calls that were allowed before the breaker opened, and end later, do not
// count any more.
func (b *Breaker) Done(now record.Millis, ok bool) (State, bool) {
	b.opts = b.opts.complete()
	switch b.state {
	case Open:
		return Open, false
	case HalfOpen:
		if !b.probing {
			return HalfOpen, false
		}
		if !ok {
			b.probing = false
			b.state, b.since = Open, now
			return Open, true
		}
		*b = Breaker{opts: b.opts, state: Closed, since: now}
		return Closed, true
	}
	calls, failed := b.count(now, ok)
	b.row++
	if ok {
		b.row = 0
	}
	if b.row >= b.opts.Consecutive || calls >= b.opts.Calls && float64(failed) >= b.opts.Share*float64(calls) && !ok {
		*b = Breaker{opts: b.opts, state: Open, since: now}
		return Open, true
	}
	return Closed, false
}

// count adds a call to the window, and gives what is in it.
func (b *Breaker) count(now record.Millis, ok bool) (calls, failed int) {
	length := max(1, b.opts.Window.Milliseconds()/buckets)
	n := int64(now) / length
	at := &b.window[((n%buckets)+buckets)%buckets]
	if at.number != n {
		*at = bucket{number: n}
	}
	at.calls++
	if !ok {
		at.failed++
	}
	for i := range b.window {
		if age := n - b.window[i].number; age >= 0 && age < buckets {
			calls += b.window[i].calls
			failed += b.window[i].failed
		}
	}
	return calls, failed
}

// State gives the state at a moment, and when what is open lets the next call
// through.
func (b *Breaker) State(now record.Millis) (s State, until record.Millis) {
	b.opts = b.opts.complete()
	switch b.state {
	case Open:
		if now < b.since+b.open() {
			return Open, b.since + b.open()
		}
		return HalfOpen, now
	case HalfOpen:
		if b.probing {
			return HalfOpen, b.since + b.open()
		}
		return HalfOpen, now
	}
	return Closed, now
}
