package pulse

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wattwerk/wattwerk/meter"
)

// Contact tells when it closes and opens, by the monotonic clock of the system.
type Contact interface {
	// Next waits for the next change. Closing ends that with an error.
	Next() (closed bool, at time.Duration, err error)
	Close() error
}

// ReaderOptions are those of a [Reader].
type ReaderOptions struct {
	Options
	Name string                  // identifies the meter: an S0 output does not say which it is
	Open func() (Contact, error) // opens the contact
	Now  func() time.Duration    // the clock of the contact; nil: the monotonic one of the system
}

// Reader counts the pulses of a contact from its first Read on, until it is closed. What it counted it keeps over
// faults of the contact, and not over a restart: Options.Total is for that.
type Reader struct {
	o       ReaderOptions
	counter *Counter
	mu      sync.Mutex // of counter and failed
	failed  error
	contact Contact // nil: not open
	ended   chan struct{}
}

var _ meter.Reader = (*Reader)(nil)

// NewReader gives a reader; nothing is opened yet.
func NewReader(o ReaderOptions) (*Reader, error) {
	c, err := New(o.Options)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = monotonic
	}
	return &Reader{o: o, counter: c}, nil
}

func monotonic() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0 // there is no system without
	}
	return time.Duration(t.Nano())
}

// Read gives what was counted up to now.
func (r *Reader) Read(ctx context.Context, take func(*meter.Telegram)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	failed := r.failed
	r.failed = nil
	r.mu.Unlock()
	if failed != nil {
		return errors.Join(fmt.Errorf("count pulses: %w", failed), r.Close())
	}
	if r.contact == nil {
		contact, err := r.o.Open()
		if err != nil {
			return fmt.Errorf("count pulses: %w", err)
		}
		r.contact, r.ended = contact, make(chan struct{})
		go r.count(contact, r.ended)
	}
	t := meter.Telegram{Meter: []byte(r.o.Name)}
	r.mu.Lock()
	r.counter.Read(r.o.Now(), &t)
	r.mu.Unlock()
	take(&t)
	return nil
}

// count counts until the contact fails or is closed.
func (r *Reader) count(contact Contact, ended chan struct{}) {
	defer close(ended)
	for {
		closed, at, err := contact.Next()
		r.mu.Lock()
		if err != nil {
			r.failed = err
			r.mu.Unlock()
			return
		}
		r.counter.Edge(closed, at)
		r.mu.Unlock()
	}
}

// Close ends the counting.
func (r *Reader) Close() error {
	if r.contact == nil {
		return nil
	}
	err := r.contact.Close()
	<-r.ended
	r.contact, r.failed = nil, nil
	return err
}
