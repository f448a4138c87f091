package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// AgingKV opens the key-value bucket of that name, creating it when missing, as
// [Bus.KV] does. What is in it goes when it is as old as that.
func (b *Bus) AgingKV(ctx context.Context, name string, age time.Duration) (jetstream.KeyValue, error) {
	if err := b.Stream(ctx, jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"}, MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew,
		AllowRollup: true, DenyDelete: true, MaxAge: age,
	}); err != nil {
		return nil, err
	}
	return b.KV(ctx, name)
}
