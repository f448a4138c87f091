package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrOvertaken says that somebody else has written the note meanwhile.
var ErrOvertaken = errors.New("somebody else has written it meanwhile")

// Note is what a service keeps on the bus about work under way, together with
// what must not be removed from the records until that is done.
type Note struct {
	Data   []byte         `json:"data,omitempty"`   // the service's own
	Behind map[int]uint64 `json:"behind,omitempty"` // per partition: what is stored behind this position stays
	// Lease is how long the note keeps things after it was written; 0: until it
	// is written anew. While one with a lease is in force, ticks stay as well.
	Lease time.Duration `json:"lease,omitempty"`

	revision uint64
	written  time.Time
}

const notesKV = "notes"

// kvOperation is the header by which the client library marks what was removed from
// a bucket of keys.
const kvOperation = "KV-Operation"

// ReadNote gives the note of that name, an empty one when there is none. The
// name is made of letters, digits, hyphens, dots.
func (b *Bus) ReadNote(ctx context.Context, name string) (*Note, error) {
	kv, err := b.notes(ctx)
	if err != nil {
		return nil, err
	}
	e, err := kv.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return &Note{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read note %s: %w", name, err)
	}
	n := &Note{revision: e.Revision(), written: e.Created()}
	if err := json.Unmarshal(e.Value(), n); err != nil {
		return nil, fmt.Errorf("read note %s: %w", name, err)
	}
	return n, nil
}

// notesClock gives the time by which notes are written: that of the bus.
func (b *Bus) notesClock(ctx context.Context) (time.Time, error) {
	x, err := b.Extent(ctx, "KV_"+notesKV)
	if err != nil {
		return time.Time{}, fmt.Errorf("read notes: %w", err)
	}
	return x.At, nil
}

// NoteAge tells for how long a note that was read has stood so.
func (b *Bus) NoteAge(ctx context.Context, n *Note) (time.Duration, error) {
	now, err := b.notesClock(ctx)
	return now.Sub(n.written), err
}

// NoteNames gives the names of the notes that begin with a prefix, which ends
// with a dot.
func (b *Bus) NoteNames(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	err := b.walkNotes(ctx, prefix, func(name string, _ []byte, _ time.Time) error {
		names = append(names, name)
		return nil
	})
	return names, err
}

// walkNotes looks at the notes whose names begin with a prefix, and at when they
// were written.
func (b *Bus) walkNotes(ctx context.Context, prefix string, see func(name string, data []byte, written time.Time) error) error {
	const notes = "$KV." + notesKV + "."
	s, err := b.js.Stream(ctx, "KV_"+notesKV)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // nobody wrote one yet
	}
	if err == nil {
		err = walk(ctx, s, notes+prefix+">", jetstream.DeliverLastPerSubjectPolicy, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
			if m.Headers().Get(kvOperation) != "" {
				return nil // that it was removed
			}
			return see(strings.TrimPrefix(m.Subject(), notes), m.Data(), meta.Timestamp)
		})
	}
	if err != nil {
		return fmt.Errorf("read notes: %w", err)
	}
	return nil
}

// WriteNote stores a note that was read before, or a new one. It is an
// [ErrOvertaken] when it is not as it was read any more.
func (b *Bus) WriteNote(ctx context.Context, name string, n *Note) error {
	kv, err := b.notes(ctx)
	if err != nil {
		return err
	}
	data, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("write note %s: %w", name, err)
	}
	revision, err := kv.Update(ctx, name, data, n.revision)
	if errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("write note %s: %w", name, ErrOvertaken)
	}
	if err != nil {
		return b.explain("write note "+name, err)
	}
	n.revision = revision
	return nil
}

func (b *Bus) notes(ctx context.Context) (jetstream.KeyValue, error) {
	kv, err := b.js.KeyValue(ctx, notesKV)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return b.KV(ctx, notesKV)
	}
	if err != nil {
		return nil, fmt.Errorf("open notes: %w", err)
	}
	return kv, nil
}

// held gives, per partition, the position behind which notes keep everything,
// and whether they keep ticks too.
func (b *Bus) held(ctx context.Context) (behind map[int]uint64, ticks bool, err error) {
	behind = make(map[int]uint64)
	var now time.Time
	err = b.walkNotes(ctx, "", func(name string, data []byte, written time.Time) error {
		var n Note
		if err := json.Unmarshal(data, &n); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n.Lease > 0 {
			if now.IsZero() {
				var err error
				if now, err = b.notesClock(ctx); err != nil {
					return err
				}
			}
			if now.Sub(written) > n.Lease { // its process was killed, or it came with a backup
				return nil
			}
			ticks = true
		}
		for p, at := range n.Behind {
			if least, ok := behind[p]; !ok || at < least {
				behind[p] = at
			}
		}
		return nil
	})
	return behind, ticks, err
}

// PublishRecordsOnce stores an encoded batch in partition p. When the same id
// was stored there within the last two minutes nothing happens; who must be
// certain for longer asks [Bus.StoredOnce] before.
func (b *Bus) PublishRecordsOnce(ctx context.Context, p int, batch []byte, id string) error {
	if b.Full() {
		return ErrFull
	}
	if _, err := b.js.Publish(ctx, RecordsSubject(p), batch, jetstream.WithMsgID(id)); err != nil {
		return b.explain(RecordsSubject(p), err)
	}
	return nil
}

// StoredOnce looks whether id is stored in partition p, behind the position
// after. A [Note] must have kept what is there.
func (b *Bus) StoredOnce(ctx context.Context, p int, after uint64, id string) (bool, error) {
	fail := func(err error) (bool, error) { return false, fmt.Errorf("look for %s: %w", id, err) }
	x, err := b.RecordsExtent(ctx, p)
	if err != nil {
		return fail(err)
	}
	from := max(after+1, x.First)
	if from > x.Last {
		return false, nil
	}
	c, err := b.js.OrderedConsumer(ctx, recordsStream(p), jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, HeadersOnly: true,
	})
	if err != nil {
		return fail(err)
	}
	it, err := c.Messages(jetstream.PullMaxMessages(pullMessages), jetstream.PullExpiry(30*time.Second))
	if err != nil {
		return fail(err)
	}
	defer it.Stop()
	stop := context.AfterFunc(ctx, it.Stop)
	defer stop()
	for {
		m, err := it.Next()
		if err != nil {
			return fail(errors.Join(err, ctx.Err()))
		}
		if m.Headers().Get(jetstream.MsgIDHeader) == id {
			return true, nil
		}
		meta, err := m.Metadata()
		if err != nil {
			return fail(err)
		}
		if meta.Sequence.Stream >= x.Last {
			return false, nil
		}
	}
}
