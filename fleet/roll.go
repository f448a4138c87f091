package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/bus"
)

// roll fetches the heartbeats that were stored since it last did. The server
// keeps a consumer for it; when that is gone, as with a node of a cluster,
// another one is made, which gives the last heartbeat of everybody again. One
// goroutine uses it.
type roll struct {
	bus    *bus.Bus
	within time.Duration // for making a consumer

	created  time.Time // when the bucket was made
	consumer jetstream.Consumer
	coming   <-chan jetstream.Msg // of the fetch under way; nil: none is
	batch    jetstream.MessageBatch
	got      int  // messages of this fetch
	empty    int  // fetches in a row that gave nothing, although a heartbeat of our own was there
	more     bool // fetch again after this one
}

const (
	rollBatch = 256              // heartbeats in one fetch
	rollEmpty = 4                // so many fetches without any, and the consumer is made anew
	rollKept  = 30 * time.Second // when the server forgets a consumer that nobody uses
)

// errAnew says that the bucket is not the one that was followed.
var errAnew = errors.New("the bucket was made anew")

// fetch begins to fetch, or does so again after the fetch under way. What comes
// is in coming; when that is closed, end is to be called. Of errors it gives
// errAnew alone: the rest is left to the next time, and who hears nothing for
// long begins anew altogether.
func (r *roll) fetch(ctx context.Context) error {
	if r.coming != nil {
		r.more = true
		return nil
	}
	r.more = false
	if r.consumer == nil {
		if err := r.begin(ctx); err != nil {
			if errors.Is(err, errAnew) {
				return err
			}
			return nil
		}
	}
	var err error
	if r.batch, err = r.consumer.FetchNoWait(rollBatch); err != nil {
		r.consumer = nil
		return nil
	}
	r.coming, r.got = r.batch.Messages(), 0
	return nil
}

// begin makes a consumer.
func (r *roll) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.within)
	defer cancel()
	s, err := r.bus.JetStream().Stream(ctx, "KV_"+bucket)
	if err != nil {
		return err
	}
	at := s.CachedInfo().Created
	if r.created.IsZero() {
		r.created = at
	}
	if !r.created.Equal(at) {
		return errAnew
	}
	r.empty = 0
	r.consumer, err = s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubject: memberSubject + ">",
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: rollKept,
	})
	return err
}

// end sees what came of a fetch.
func (r *roll) end(ctx context.Context) error {
	full, err := r.got == rollBatch, r.batch.Error()
	r.coming, r.batch = nil, nil
	if r.empty++; r.got > 0 {
		r.empty = 0
	}
	if err != nil || r.empty >= rollEmpty {
		r.consumer = nil // another one is made at the next heartbeat
		return nil
	}
	if full || r.more {
		return r.fetch(ctx)
	}
	return nil
}

// entry reads a message of a fetch.
func (r *roll) entry(m jetstream.Msg) (entry, error) {
	r.got++
	meta, err := m.Metadata()
	if err != nil {
		return entry{}, fmt.Errorf("read a heartbeat: %w", err)
	}
	return entry{
		key: strings.TrimPrefix(m.Subject(), keySubject), revision: meta.Sequence.Stream,
		gone: m.Headers().Get(operation) != "", value: m.Data(), stored: meta.Timestamp,
	}, nil
}

// How the bucket keeps its keys: their subjects, and the header of one that was
// removed (NATS ADR-8).
const (
	operation     = "KV-Operation"
	keySubject    = "$KV." + bucket + "."
	memberSubject = keySubject + memberPrefix
)
