package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/datadir"
)

// Format is the form of what is on the bus: streams, messages, positions. It
// grows when an older program would misread what a newer one wrote; all
// processes of a deployment write the same one.
const Format = 1

const formatKey = "format"

// What a cluster may take until somebody answers for JetStream.
const (
	electWithin = 20 * time.Second
	electPause  = 100 * time.Millisecond
)

// checkFormat refuses a bus that a newer program wrote. It changes nothing.
func (b *Bus) checkFormat(ctx context.Context) error {
	kv, err := b.js.KeyValue(ctx, settingsKV)
	for wait := time.NewTimer(electWithin); errors.Is(err, nats.ErrNoResponders); {
		// A cluster that has just started has not elected who answers.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait.C:
			return fmt.Errorf("read the format of the bus: %w", err)
		case <-time.After(electPause):
		}
		kv, err = b.js.KeyValue(ctx, settingsKV)
	}
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the format of the bus: %w", err)
	}
	m, _, err := readMark(ctx, kv)
	if err != nil {
		return err
	}
	if m.Format > Format {
		return &datadir.NewerError{Where: "what is on the bus", Mark: m, Knows: Format}
	}
	return nil
}

// readMark gives format 1 and false where there is no mark: what was written
// before there were any.
func readMark(ctx context.Context, kv jetstream.KeyValue) (m datadir.Mark, ok bool, err error) {
	entry, err := kv.Get(ctx, formatKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return datadir.Mark{Format: 1}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value(), &m)
	}
	if err == nil && m.Format < 1 {
		err = fmt.Errorf("format %d", m.Format)
	}
	if err != nil {
		return m, false, fmt.Errorf("read the format of the bus: %w", err)
	}
	return m, true, nil
}

// mark notes the format where it is missing or older. The program is the one
// that first wrote in this format.
func (b *Bus) mark(ctx context.Context, kv jetstream.KeyValue) error {
	m, ok, err := readMark(ctx, kv)
	if err != nil || ok && m.Format == Format {
		return err
	}
	data, err := json.Marshal(datadir.Mark{Format: Format, Program: b.opts.Version})
	if err != nil {
		return fmt.Errorf("mark the bus: %w", err)
	}
	if _, err := kv.Put(ctx, formatKey, data); err != nil {
		return fmt.Errorf("mark the bus: %w", err)
	}
	return nil
}
