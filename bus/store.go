package bus

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/run"
)

// While nodes of a cluster find a new leader nothing can be stored; they take
// up to ten seconds or so for it. Writing waits that long, and then says so.
const (
	storeWithin   = 30 * time.Second
	attemptWithin = 5 * time.Second
	attemptMost   = time.Second // between attempts
)

// Publish stores a message of a service's own stream and returns its position.
// On an external NATS it is tried again for half a minute while that is away or
// without a leader, and stored once however often it was tried: every message
// has an identifier, which NATS remembers for two minutes.
//
// The disk of an embedded one has as long.
//
// Errors: [ErrFull], [ErrAway] or [ErrSlow] (it may have been stored all the
// same), or what NATS says.
func (b *Bus) Publish(ctx context.Context, subject string, data []byte, opts ...jetstream.PublishOpt) (uint64, error) {
	return b.publish(ctx, subject, data, opts...)
}

func (b *Bus) publish(ctx context.Context, subject string, data []byte, opts ...jetstream.PublishOpt) (uint64, error) {
	if b.Full() {
		return 0, ErrFull
	}
	began := time.Now()
	seq, err := b.store(ctx, subject, data, opts...)
	b.meter.observe(began, err)
	return seq, err
}

// store is publish without asking for room.
func (b *Bus) store(ctx context.Context, subject string, data []byte, opts ...jetstream.PublishOpt) (uint64, error) {
	if b.server != nil {
		// In the same process an answer does not get lost. One that is late makes
		// the disk a suspect long before it is given up.
		late := time.AfterFunc(attemptWithin, func() { b.room.suspect.Store(true) })
		defer late.Stop()
		ack, err := b.js.PublishMsg(ctx, b.message(ctx, subject, data), opts...)
		if err != nil {
			return 0, b.explain(subject, err)
		}
		return ack.Sequence, nil
	}
	opts = append([]jetstream.PublishOpt{jetstream.WithMsgID(rand.Text())}, opts...)
	until := time.Now().Add(storeWithin)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, attemptMost) {
		seq, err := b.attempt(ctx, subject, data, opts)
		if err == nil {
			return seq, nil
		}
		if ctx.Err() != nil || !passing(err) || time.Now().After(until) || b.conn.IsClosed() {
			return 0, b.explain(subject, err)
		}
		if b.Full() {
			return 0, fmt.Errorf("%w (%s: %w)", ErrFull, subject, err)
		}
		if !run.Pause(ctx, wait) {
			return 0, b.explain(subject, err)
		}
	}
}

func (b *Bus) attempt(ctx context.Context, subject string, data []byte, opts []jetstream.PublishOpt) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptWithin)
	defer cancel()
	ack, err := b.js.PublishMsg(ctx, b.message(ctx, subject, data), opts...)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

type headerKey struct{}

type header struct{ name, value string }

// withHeader has what is published with ctx carry a line more.
func withHeader(ctx context.Context, name, value string) context.Context {
	return context.WithValue(ctx, headerKey{}, header{name, value})
}

// message carries the trace of ctx when there is one.
func (b *Bus) message(ctx context.Context, subject string, data []byte) *nats.Msg {
	m := &nats.Msg{Subject: subject, Data: data, Header: b.opts.Tracer.Header(ctx)}
	if h, ok := ctx.Value(headerKey{}).(header); ok {
		if m.Header == nil {
			m.Header = make(nats.Header)
		}
		m.Header.Set(h.name, h.value)
	}
	return m
}
