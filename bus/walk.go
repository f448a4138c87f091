package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/run"
)

// walkMessages is how many messages are under way at most. Pieces of objects have
// 128 KiB.
const walkMessages = 64

// walkKnown is how long it may take until all nodes of a cluster know who leads a
// consumer, and walkPause how long is waited before it is asked again.
const (
	walkKnown = 2 * time.Second
	walkPause = 20 * time.Millisecond
)

// walk hands on what a stream has by subject, in order, and ends where it does: what
// is removed meanwhile it does not wait for. It is [errAnew] when not all of it
// arrived.
func walk(ctx context.Context, s jetstream.Stream, filter string, policy jetstream.DeliverPolicy, see func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	c, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: policy, FilterSubject: filter,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: forgetAfter,
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptWithin)
		defer cancel()
		_ = s.DeleteConsumer(ctx, c.CachedInfo().Name) // else the server forgets it
	}()
	made := time.Now()
	delivered := uint64(0) // by the consumer's own count
	for pending := c.CachedInfo().NumPending; pending > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, err := c.FetchNoWait(walkMessages)
		if err != nil {
			return err
		}
		came := false
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return err
			}
			if meta.Sequence.Consumer != delivered+1 {
				return errAnew
			}
			if err := see(m, meta); err != nil {
				return err
			}
			came, delivered, pending = true, delivered+1, meta.NumPending
		}
		if err := batch.Error(); err != nil {
			// A consumer that was just made may not be known yet on the node that is asked.
			if errors.Is(err, nats.ErrNoResponders) && delivered == 0 && time.Since(made) < walkKnown && run.Pause(ctx, walkPause) {
				continue
			}
			return err
		}
		if !came { // what was to come was removed, or got lost
			info, err := c.Info(ctx)
			if err != nil {
				return err
			}
			if info.Delivered.Consumer != delivered {
				return errAnew
			}
			pending = info.NumPending
		}
	}
	return nil
}
