package bus

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/run"
)

const (
	partitionsKey = "partitions"
	settingsKV    = "settings"
)

// createStreams makes what every service relies on. The number of partitions
// is fixed by whoever comes first.
func (b *Bus) createStreams(ctx context.Context) error {
	if b.opts.URL != "" {
		if err := b.checkLimits(ctx); err != nil {
			return err
		}
	}
	if err := b.checkFormat(ctx); err != nil {
		return err
	}
	kv, err := b.KV(ctx, settingsKV)
	if err != nil {
		return err
	}
	if err := b.mark(ctx, kv); err != nil {
		return err
	}
	agreed, err := agree(ctx, kv, partitionsKey, []byte(strconv.Itoa(b.opts.Partitions)))
	if err != nil {
		return fmt.Errorf("fix the number of partitions: %w", err)
	}
	if b.partitions, err = strconv.Atoi(string(agreed)); err != nil || b.partitions < 1 {
		return fmt.Errorf("the stored number of partitions is %q", agreed)
	}
	for p := range b.partitions {
		if err := b.Stream(ctx, jetstream.StreamConfig{
			Name:        recordsStream(p),
			Description: "Records of partition " + strconv.Itoa(p) + ": the write-ahead log.",
			Subjects:    []string{RecordsSubject(p)},
			Discard:     jetstream.DiscardNew,
		}); err != nil {
			return err
		}
	}
	if b.partials, err = b.partialsStorage(ctx); err != nil {
		return err
	}
	for _, c := range []jetstream.StreamConfig{
		{
			Name: partialsStream, Subjects: []string{"partials.*"}, MaxBytes: b.opts.Partials, Discard: jetstream.DiscardNew,
			Storage:     b.partials,
			Description: "Partial sums per partition, hierarchy and tick, until their ticks are stored.",
		},
		{
			Name: aggregatesStream, Subjects: []string{"aggregates.*"}, Discard: jetstream.DiscardNew,
			Description: "Ticks of every hierarchy; trimmed when history has them.",
		},
		{
			Name: deadStream, Subjects: []string{"dead.*"}, MaxAge: 90 * 24 * time.Hour, MaxBytes: 1 << 30, Discard: jetstream.DiscardOld,
			Description: "What could not be taken, with the reason.",
		},
	} {
		if err := b.Stream(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// agree gives the value that whoever came first has made. On a cluster that
// exists a moment before it is found.
func agree(ctx context.Context, kv jetstream.KeyValue, key string, value []byte) ([]byte, error) {
	for {
		if _, err := kv.Create(ctx, key, value); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
			return nil, err
		}
		e, err := kv.Get(ctx, key)
		if err == nil {
			return e.Value(), nil
		}
		if !errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil, err
		}
		if !run.Pause(ctx, 20*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
}

// partialsStorage is the disk when those who make partial sums and those who
// add them up may be in several processes: one that goes on must find what the
// other has told. A stream that is there stays where it is.
func (b *Bus) partialsStorage(ctx context.Context) (jetstream.StorageType, error) {
	s, err := b.js.Stream(ctx, partialsStream)
	switch {
	case err == nil && (s.CachedInfo().Config.Storage == jetstream.FileStorage || !b.Shared()):
		return s.CachedInfo().Config.Storage, nil
	case err == nil: // made before there were others; what is in it is made again from the records
		if err := b.js.DeleteStream(ctx, partialsStream); err != nil {
			return 0, fmt.Errorf("replace stream %s: %w", partialsStream, err)
		}
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return 0, fmt.Errorf("ask for stream %s: %w", partialsStream, err)
	}
	if b.Shared() {
		return jetstream.FileStorage, nil
	}
	return jetstream.MemoryStorage, nil
}

// PartialsKept tells whether partial sums outlive the processes that made them.
func (b *Bus) PartialsKept() bool { return b.partials == jetstream.FileStorage }

// PartialsLimit is how many bytes of partial sums are kept at most.
func (b *Bus) PartialsLimit() int64 { return b.opts.Partials }

// Stream makes a stream, or fits one that is there, for a service that has one
// of its own. It is kept on disk, has as many copies as [Options] say or as it
// has already, and only its leader is asked for what it holds, so that what was
// stored is found at once. How a stream is stored is settled when it is made.
//
// While an external NATS is away or has no leader it waits, as Open does.
func (b *Bus) Stream(ctx context.Context, c jetstream.StreamConfig) error {
	return b.patiently(ctx, "open stream "+c.Name, func(ctx context.Context) error { return b.fit(ctx, c) })
}

// SeenStream is where sensors are announced that are in no model: by those who
// take readings in, under "seen." and the name of the bridge.
const SeenStream = "SEEN"

// MakeSeen makes [SeenStream], or fits one that is there. Whoever writes or reads
// it calls this first, so that it does not matter who comes first.
func (b *Bus) MakeSeen(ctx context.Context) error {
	return b.Stream(ctx, jetstream.StreamConfig{
		Name: SeenStream, Subjects: []string{"seen.>"}, MaxBytes: 1 << 30, Discard: jetstream.DiscardOld,
		Description: "Sensors that sent something and are in no model.",
	})
}

func (b *Bus) fit(ctx context.Context, c jetstream.StreamConfig) error {
	c.Replicas = b.opts.Replicas
	c.AllowDirect = false
	c.MaxMsgSize = payload
	s, made, err := b.made(ctx, c)
	if err != nil || made {
		return named(c.Name, err)
	}
	have := s.CachedInfo().Config
	want := have
	want.Description, want.Subjects, want.Discard, want.MaxAge = c.Description, c.Subjects, c.Discard, c.MaxAge
	want.AllowDirect, want.MaxMsgSize, want.DenyDelete = c.AllowDirect, c.MaxMsgSize, c.DenyDelete
	want.Replicas = max(have.Replicas, c.Replicas)
	want.MaxBytes = -1
	if c.MaxBytes > 0 {
		want.MaxBytes = c.MaxBytes
	}
	if reflect.DeepEqual(want, have) {
		return nil
	}
	_, err = b.js.UpdateStream(ctx, want)
	if err == nil && want.Replicas != have.Replicas {
		b.opts.Log.Info("a stream gets more copies", "stream", c.Name, "copies", want.Replicas, "had", have.Replicas)
	}
	return named(c.Name, err)
}

// made finds a stream, or makes it and says so. On a cluster one that somebody
// else makes has its name a moment before it is found.
func (b *Bus) made(ctx context.Context, c jetstream.StreamConfig) (jetstream.Stream, bool, error) {
	for {
		s, err := b.js.Stream(ctx, c.Name)
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return s, false, err
		}
		if s, err = b.js.CreateStream(ctx, c); !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return s, err == nil, err
		}
		if !run.Pause(ctx, 20*time.Millisecond) {
			return nil, false, ctx.Err()
		}
	}
}

func named(stream string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(Cause(err), ErrFull):
		return fmt.Errorf("create stream %s: NATS has not enough room for it, see max_file_store and max_memory_store in its configuration: %w", stream, err)
	case code(err) == 10074:
		return fmt.Errorf("create stream %s: several copies need a cluster, and this NATS is alone: %w", stream, err)
	}
	return fmt.Errorf("create stream %s: %w", stream, err)
}

// KV opens the key-value bucket of that name, creating it when missing. What
// it gives was the newest value when it was asked.
func (b *Bus) KV(ctx context.Context, name string) (jetstream.KeyValue, error) {
	b.mu.Lock()
	kv := b.buckets[name]
	b.mu.Unlock()
	if kv != nil {
		return kv, nil
	}
	// As the client library makes them, but for direct gets: those are answered
	// by copies that may lag behind.
	err := b.patiently(ctx, "open bucket "+name, func(ctx context.Context) error {
		err := b.bucket(ctx, jetstream.StreamConfig{
			Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"}, MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew,
			AllowRollup: true, DenyDelete: true,
		})
		if err == nil {
			kv, err = b.js.KeyValue(ctx, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.buckets[name] = kv
	b.mu.Unlock()
	return kv, nil
}

// Objects opens the object bucket of that name, creating it when missing: for
// what is larger than a message, checkpoints and snapshots.
func (b *Bus) Objects(ctx context.Context, name string) (jetstream.ObjectStore, error) {
	var obs jetstream.ObjectStore
	err := b.patiently(ctx, "open objects "+name, func(ctx context.Context) error {
		err := b.bucket(ctx, jetstream.StreamConfig{
			Name: "OBJ_" + name, Subjects: []string{"$O." + name + ".C.>", "$O." + name + ".M.>"}, Discard: jetstream.DiscardNew,
			AllowRollup: true,
		})
		if err == nil {
			obs, err = b.js.ObjectStore(ctx, name)
		}
		return err
	})
	return obs, err
}

// bucket makes or fits the stream behind a bucket.
func (b *Bus) bucket(ctx context.Context, c jetstream.StreamConfig) error {
	c.Replicas = b.opts.Replicas
	s, made, err := b.made(ctx, c)
	if err != nil || made {
		return named(c.Name, err)
	}
	have := s.CachedInfo().Config
	if !have.AllowDirect && have.Replicas >= c.Replicas {
		return nil
	}
	have.AllowDirect, have.Replicas = false, max(have.Replicas, c.Replicas)
	_, err = b.js.UpdateStream(ctx, have)
	return named(c.Name, err)
}
