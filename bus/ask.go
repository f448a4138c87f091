package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Answer answers those who ask on a subject with [Bus.AskAll] by what say gives,
// one at a time, until ctx ends. Who was not answered finds that one is missing.
func (b *Bus) Answer(ctx context.Context, subject string, say func(context.Context) ([]byte, error)) error {
	sub, err := b.conn.Subscribe(subject, func(m *nats.Msg) {
		data, err := say(ctx)
		if err == nil {
			err = m.Respond(data)
		}
		if err != nil && ctx.Err() == nil {
			b.opts.Log.Warn("a process that asked was not answered", "subject", subject, "error", err)
		}
	})
	if err != nil {
		return fmt.Errorf("answer on %s: %w", subject, err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection forgets it when it closes
	<-ctx.Done()
	return nil
}

// AskAll asks every process that answers on a subject, and hands what they say to
// take, one after the other, until it says that this is enough, or ctx ends: who
// has not answered by then is missing. An error means that nobody was asked. The
// data is that of take.
func (b *Bus) AskAll(ctx context.Context, subject string, take func(data []byte) (enough bool)) error {
	inbox := b.conn.NewRespInbox()
	sub, err := b.conn.SubscribeSync(inbox)
	if err == nil {
		defer sub.Unsubscribe() //nolint:errcheck // the connection forgets it when it closes
		err = b.conn.PublishRequest(subject, inbox, nil)
	}
	if err != nil {
		return fmt.Errorf("ask on %s: %w", subject, err)
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		nobody := err == nil && m.Header.Get("Status") == "503" // NATS says that there is no one
		if err != nil || nobody || take(m.Data) {
			return nil //nolint:nilerr // some do not answer
		}
	}
}
