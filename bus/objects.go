package bus

import (
	"context"
	"crypto/sha256"
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
	Size    uint64 `json:"size"`
	Digest  string `json:"digest"`
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
	o, err := findObject(ctx, s, bucket, name)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
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

// errHalf says that pieces of an object were not there.
var errHalf = errors.New("pieces of the object are missing")

// Pieces that are not there of an object that is may be on their way to who leads
// the stream since a node died; after objectAgain they were removed.
const (
	objectAgain = 2 * time.Second
	objectPause = 50 * time.Millisecond
)

// roomAtOnce bounds the room that is made for an object because it says how large it
// is.
const roomAtOnce = 64 << 20

// ReadObject reads an object as a whole. It is [jetstream.ErrObjectNotFound] where
// there is none, be it since somebody else removed it in the meantime: the client
// library would wait for the pieces of that for as long as ctx lets it.
func (b *Bus) ReadObject(ctx context.Context, bucket, name string) ([]byte, error) {
	fail := func(err error) error { return fmt.Errorf("read object %s of %s: %w", name, bucket, err) }
	s, err := b.js.Stream(ctx, "OBJ_"+bucket)
	if err != nil {
		return nil, fail(err)
	}
	tried, since := "", time.Now()
	for {
		o, err := findObject(ctx, s, bucket, name)
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && o.Deleted {
			return nil, fail(jetstream.ErrObjectNotFound)
		}
		var data []byte
		if err == nil {
			if o.ID != tried { // else it was replaced
				tried, since = o.ID, time.Now()
			}
			data, err = o.read(ctx, s, bucket)
		}
		switch half := errors.Is(err, errHalf); {
		case err == nil:
			return data, nil
		case !half && !passing(err) && !errors.Is(err, errAnew):
			return nil, fail(err)
		case time.Since(since) < objectAgain:
		case half:
			return nil, fail(fmt.Errorf("%w: %w", jetstream.ErrObjectNotFound, err))
		default:
			return nil, fail(err)
		}
		if !run.Pause(ctx, objectPause) {
			return nil, fail(ctx.Err())
		}
	}
}

// findObject finds an object by its name, or the mark that it was deleted.
func findObject(ctx context.Context, s jetstream.Stream, bucket, name string) (object, error) {
	m, err := s.GetLastMsgForSubject(ctx, "$O."+bucket+".M."+base64.URLEncoding.EncodeToString([]byte(name)))
	if err != nil {
		return object{}, err
	}
	o := object{seq: m.Sequence}
	return o, json.Unmarshal(m.Data, &o)
}

// read puts the pieces together.
func (o object) read(ctx context.Context, s jetstream.Stream, bucket string) ([]byte, error) {
	if o.Size == 0 {
		return nil, nil
	}
	data, sum := make([]byte, 0, min(o.Size, roomAtOnce)), sha256.New()
	err := walk(ctx, s, "$O."+bucket+".C."+o.ID, jetstream.DeliverAllPolicy, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		data = append(data, m.Data()...)
		sum.Write(m.Data())
		return nil
	})
	if err == nil && (uint64(len(data)) != o.Size || jetstream.GetObjectDigestValue(sum) != o.Digest) {
		err = fmt.Errorf("%w: there are %d bytes of %d", errHalf, len(data), o.Size)
	}
	return data, err
}

// walkObjects looks at what is in a bucket, however much it is.
func walkObjects(ctx context.Context, s jetstream.Stream, bucket string, see func(object)) error {
	err := walk(ctx, s, "$O."+bucket+".M.>", jetstream.DeliverLastPerSubjectPolicy, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		o := object{seq: meta.Sequence.Stream}
		err := json.Unmarshal(m.Data(), &o)
		if err == nil {
			see(o)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list objects of %s: %w", bucket, err)
	}
	return nil
}
