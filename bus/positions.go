package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

const positionsKV = "positions"

func positionKey(reader string, p int) string { return reader + "." + strconv.Itoa(p) }

// SavePosition notes that a reader ("history", "aggregate") has everything of
// partition p up to and including seq safely on disk. A position never goes
// back: a lower one than is noted already changes nothing.
func (b *Bus) SavePosition(ctx context.Context, reader string, p int, seq uint64) error {
	for {
		err := b.advance(ctx, reader, p, seq)
		if err == nil {
			return nil
		}
		// Another owner was faster.
		if !outrun(err) && !errors.Is(err, jetstream.ErrKeyExists) {
			return fmt.Errorf("save position of %s: %w", reader, err)
		}
	}
}

func (b *Bus) advance(ctx context.Context, reader string, p int, seq uint64) error {
	at, revision, err := b.position(ctx, reader, p)
	if err != nil || revision > 0 && at >= seq {
		return err
	}
	value := binary.BigEndian.AppendUint64(nil, seq)
	if revision == 0 {
		kv, err := b.KV(ctx, positionsKV)
		if err == nil {
			_, err = kv.Create(ctx, positionKey(reader, p), value)
		}
		return err
	}
	_, err = b.store(ctx, "$KV."+positionsKV+"."+positionKey(reader, p), value, jetstream.WithExpectLastSequencePerSubject(revision))
	return err
}

// ForgetPosition takes back what SavePosition noted, because the stream is not
// the one it was noted for.
func (b *Bus) ForgetPosition(ctx context.Context, reader string, p int) error {
	kv, err := b.KV(ctx, positionsKV)
	if err == nil {
		err = kv.Purge(ctx, positionKey(reader, p))
	}
	if err != nil {
		return fmt.Errorf("forget position of %s: %w", reader, err)
	}
	return nil
}

// Position gives what SavePosition noted, 0 when nothing was.
func (b *Bus) Position(ctx context.Context, reader string, p int) (uint64, error) {
	at, _, err := b.position(ctx, reader, p)
	if err != nil {
		return 0, fmt.Errorf("read position of %s: %w", reader, err)
	}
	return at, nil
}

func (b *Bus) position(ctx context.Context, reader string, p int) (at, revision uint64, err error) {
	kv, err := b.KV(ctx, positionsKV)
	if err != nil {
		return 0, 0, err
	}
	e, err := kv.Get(ctx, positionKey(reader, p))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if len(e.Value()) != 8 {
		return 0, 0, fmt.Errorf("it is %d bytes long, not 8", len(e.Value()))
	}
	return binary.BigEndian.Uint64(e.Value()), e.Revision(), nil
}
