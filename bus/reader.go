package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/run"
)

// What a reader has under way, at most.
const (
	pullMessages = 500
	pullBytes    = 8 << 20
)

const (
	beatEvery   = 4 * time.Second  // how often the server says that nothing is there
	askEvery    = 10 * time.Second // how often a reader that gets nothing asks whether it lost something; more than two beats
	readAgain   = 2 * time.Second  // at most, before reading is tried again
	forgetAfter = time.Minute      // when the server forgets a reader that is gone
)

// ErrLost says that a stream has lost messages that were read from it, or was
// made anew: a reader that went on would miss what has their positions now.
var ErrLost = errors.New("the stream has lost messages that were in it")

// reader follows a stream. The server keeps for it a consumer that exists once
// and remembers nothing; when that is gone, as with a node of a cluster, or
// when messages were lost on the way, another one is made behind the last
// message that was handed on. So a reader sees every message once, in order.
type reader struct {
	bus     *Bus
	stream  string
	filter  string
	next    uint64    // position to go on from
	last    uint64    // newest message handed on; 0: none yet
	stored  time.Time // when that was
	short   time.Time // since when the stream ends before it; zero: it does not
	created time.Time // when the stream was made
	handle  func(Message) error
	failed  error // what handle said
}

func (b *Bus) read(ctx context.Context, stream, filter string, from uint64, handle func(Message) error) error {
	r := &reader{bus: b, stream: stream, filter: filter, next: max(from, 1), handle: handle}
	wait := 50 * time.Millisecond
	for said := false; ; {
		before := r.last
		err := r.follow(ctx)
		switch {
		case r.failed != nil:
			return r.failed
		case ctx.Err() != nil:
			return nil
		case r.lasting(err):
			return fmt.Errorf("read %s: %w", stream, err)
		case !said:
			said = true
			b.opts.Log.Warn("a stream is read again", "stream", stream, "after", r.last, "error", err)
		}
		if r.last != before {
			wait, said = 50*time.Millisecond, false
		}
		if !run.Pause(ctx, wait) {
			return nil
		}
		wait = min(2*wait, readAgain)
	}
}

// lasting tells whether trying again is in vain. Once a stream was there,
// whatever is said of a consumer passes.
func (r *reader) lasting(err error) bool {
	if errors.Is(err, ErrLost) || errors.Is(err, jetstream.ErrStreamNotFound) || r.bus.conn.IsClosed() {
		return true
	}
	return r.created.IsZero() && !passing(err)
}

// errLags: it will be there in a moment, if it is not lost.
var errLags = errors.New("the stream does not show yet what was read")

// errAnew ends a consumer from which messages did not arrive.
var errAnew = errors.New("messages were lost on the way")

// skipped tells whether a consumer left out what is in the stream. One that is
// made anew behind the reader's back begins where it once began, or where by
// then its node had come, and counts from one again: its own count alone does
// not say whether anything is missing. What was trimmed away was not left out.
func (r *reader) skipped(ctx context.Context, came uint64) error {
	if r.filter != "" || r.stream != aggregatesStream && r.stream != observationsStream && !strings.HasPrefix(r.stream, recordsPrefix) {
		return nil // positions are left free as a matter of course
	}
	s, err := r.bus.js.Stream(ctx, r.stream)
	if err != nil {
		return err
	}
	next := max(r.next, s.CachedInfo().State.FirstSeq)
	if next >= came {
		return nil
	}
	_, err = s.GetMsg(ctx, next)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %d came and not %d, which is there", errAnew, came, next)
}

// lagsMost is how long a stream may end before what was read of it. Who leads it
// since a node of the cluster died has all that was stored, and may not show it
// yet.
const lagsMost = 10 * time.Second

// holds tells whether a stream has what was read of it: else it has lost messages,
// or is one that was made anew.
func (r *reader) holds(ctx context.Context, s jetstream.Stream) error {
	info := s.CachedInfo()
	if !info.Created.Equal(r.created) {
		return fmt.Errorf("%w: it was made anew", ErrLost)
	}
	if info.State.LastSeq < r.last {
		if r.short.IsZero() {
			r.short = time.Now()
		}
		err := errLags
		if time.Since(r.short) > lagsMost {
			err = ErrLost
		}
		return fmt.Errorf("%w: it ends at %d, and %d was read", err, info.State.LastSeq, r.last)
	}
	r.short = time.Time{}
	if r.last < max(info.State.FirstSeq, 1) {
		return nil // nothing was read yet, or it was trimmed
	}
	m, err := s.GetMsg(ctx, r.last)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil
	case err != nil:
		return err
	case !m.Time.Equal(r.stored):
		return fmt.Errorf("%w: another one is at %d than was read", ErrLost, r.last)
	}
	return nil
}

// follow reads through one consumer.
func (r *reader) follow(ctx context.Context) error {
	s, err := r.bus.js.Stream(ctx, r.stream)
	if err != nil {
		return err
	}
	info := s.CachedInfo()
	if r.created.IsZero() {
		r.created = info.Created
	}
	if err := r.holds(ctx, s); err != nil {
		return err
	}
	c, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.next, FilterSubject: r.filter,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: forgetAfter,
	})
	if err != nil {
		return err
	}
	defer func() {
		// On its own account: whoever stops reading should not wait for it.
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptWithin)
			defer cancel()
			_ = s.DeleteConsumer(ctx, c.CachedInfo().Name) // else the server forgets it
		}()
	}()
	it, err := c.Messages(jetstream.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes), jetstream.PullExpiry(30*time.Second),
		jetstream.PullHeartbeat(beatEvery), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return err
	}
	defer it.Stop()
	stop := context.AfterFunc(ctx, it.Stop)
	defer stop()
	return r.take(ctx, c, it)
}

// take hands on what a consumer gives.
func (r *reader) take(ctx context.Context, c jetstream.Consumer, it jetstream.MessagesContext) error {
	var delivered, sent uint64 // by the consumer's own count: what came, what the server says it has sent
	for {
		m, err := it.Next(jetstream.NextMaxWait(askEvery))
		if errors.Is(err, nats.ErrTimeout) {
			// The last messages before a silence may have been lost with a connection.
			if sent > delivered {
				return errAnew
			}
			info, err := c.Info(ctx)
			if err != nil {
				return err
			}
			sent = info.Delivered.Consumer
			continue
		}
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != delivered+1 {
			return errAnew
		}
		delivered++
		seq := meta.Sequence.Stream
		if seq < r.next {
			continue
		}
		if seq > r.next {
			if err := r.skipped(ctx, seq); err != nil {
				return err
			}
		}
		if err := r.handle(Message{
			Subject: m.Subject(), Seq: seq, Stored: meta.Timestamp, Data: m.Data(), Pending: meta.NumPending,
			header: m.Headers(),
		}); err != nil {
			r.failed = err
			return err
		}
		r.last, r.next, r.stored = seq, seq+1, meta.Timestamp
	}
}
