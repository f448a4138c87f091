package bus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/run"
)

// The client library puts the pieces of an object below "C." and its
// identifier, what the object is below "M." and its name. Where it deletes an
// object it leaves a mark there for ever, which a bucket whose names do not come
// again must not have.

// Sweeping a bucket leaves the bus to others in between.
const (
	sweepAtOnce = 200
	sweepPause  = 200 * time.Millisecond
)

// object is an object of a bucket, or the mark that one was deleted.
type object struct {
	Name    string `json:"name"`
	ID      string `json:"nuid"`
	Deleted bool   `json:"deleted"`

	seq uint64
}

// RemoveObject removes an object from a bucket and leaves nothing of it. That
// there is none of that name is no error.
func (b *Bus) RemoveObject(ctx context.Context, bucket, name string) error {
	fail := func(err error) error { return fmt.Errorf("remove object %s of %s: %w", name, bucket, err) }
	s, err := b.js.Stream(ctx, "OBJ_"+bucket)
	if err != nil {
		return fail(err)
	}
	m, err := s.GetLastMsgForSubject(ctx, "$O."+bucket+".M."+base64.URLEncoding.EncodeToString([]byte(name)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return fail(err)
	}
	o := object{seq: m.Sequence}
	if err := json.Unmarshal(m.Data, &o); err != nil {
		return fail(err)
	}
	if err := o.remove(ctx, s, bucket); err != nil {
		return fail(err)
	}
	return nil
}

// ObjectNames gives the names of the objects of a bucket, in the order in which
// they were stored.
func (b *Bus) ObjectNames(ctx context.Context, bucket string) ([]string, error) {
	s, err := b.js.Stream(ctx, "OBJ_"+bucket)
	if err != nil {
		return nil, fmt.Errorf("list objects of %s: %w", bucket, err)
	}
	var names []string
	err = walkObjects(ctx, s, bucket, func(o object) {
		if !o.Deleted {
			names = append(names, o.Name)
		}
	})
	return names, err
}

// SweepObjects removes the objects of a bucket that are not wanted, and the
// marks of deleted ones that are not, a few at a time. It gives how many it
// removed.
func (b *Bus) SweepObjects(ctx context.Context, bucket string, unwanted func(name string, deleted bool) bool) (int, error) {
	s, err := b.js.Stream(ctx, "OBJ_"+bucket)
	if err != nil {
		return 0, fmt.Errorf("sweep objects of %s: %w", bucket, err)
	}
	var old []object
	err = walkObjects(ctx, s, bucket, func(o object) {
		if unwanted(o.Name, o.Deleted) {
			o.Name = ""
			old = append(old, o)
		}
	})
	if err != nil {
		return 0, err
	}
	for i, o := range old {
		if i > 0 && i%sweepAtOnce == 0 && !run.Pause(ctx, sweepPause) {
			return i, ctx.Err()
		}
		if err := o.remove(ctx, s, bucket); err != nil {
			return i, fmt.Errorf("sweep objects of %s: %w", bucket, err)
		}
	}
	return len(old), nil
}

// remove takes the pieces first: what is cut short is still found.
func (o object) remove(ctx context.Context, s jetstream.Stream, bucket string) error {
	if !o.Deleted && o.ID != "" {
		if err := s.Purge(ctx, jetstream.WithPurgeSubject("$O."+bucket+".C."+o.ID)); err != nil {
			return err
		}
	}
	err := s.DeleteMsg(ctx, o.seq)
	if err != nil {
		if _, gone := s.GetMsg(ctx, o.seq); errors.Is(gone, jetstream.ErrMsgNotFound) {
			return nil // somebody else has
		}
	}
	return err
}

// walkObjects looks at what is in a bucket, however much it is.
func walkObjects(ctx context.Context, s jetstream.Stream, bucket string, see func(object)) error {
	fail := func(err error) error { return fmt.Errorf("list objects of %s: %w", bucket, err) }
	c, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubject: "$O." + bucket + ".M.>",
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: forgetAfter,
	})
	if err != nil {
		return fail(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptWithin)
		defer cancel()
		_ = s.DeleteConsumer(ctx, c.CachedInfo().Name) // else the server forgets it
	}()
	for pending := c.CachedInfo().NumPending; pending > 0; {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		batch, err := c.FetchNoWait(pullMessages)
		if err != nil {
			return fail(err)
		}
		came := false
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return fail(err)
			}
			o := object{seq: meta.Sequence.Stream}
			if err := json.Unmarshal(m.Data(), &o); err != nil {
				return fail(err)
			}
			see(o)
			came, pending = true, meta.NumPending
		}
		if err := batch.Error(); err != nil {
			return fail(err)
		}
		if !came { // what was to come may have been removed
			info, err := c.Info(ctx)
			if err != nil {
				return fail(err)
			}
			pending = info.NumPending
		}
	}
	return nil
}
