package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// testObjects reads objects of several pieces while they are replaced and removed
// as checkpoints are: whoever reads has a whole one, or is told that there is none,
// and does not wait for what was removed.
func testObjects(t *testing.T, s *site) {
	writes, reads := s.open(), s.open()
	objects, err := writes.Objects(t.Context(), "states")
	if err != nil {
		t.Fatal(err)
	}
	state := func(i int64) []byte { return bytes.Repeat([]byte{byte(i)}, 300_000) }
	name := func(i int64) string { return fmt.Sprintf("state-%d", i) }
	put := func(i int64) {
		for _, of := range []string{name(i), "newest"} {
			if _, err := objects.PutBytes(t.Context(), of, state(i)); err != nil {
				t.Error(err)
			}
		}
	}
	put(1)
	var newest atomic.Int64
	newest.Store(1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for i := int64(0); i < 60 && ctx.Err() == nil; {
				i = newest.Load()
				data, err := reads.ReadObject(ctx, "states", name(i))
				if err == nil && !bytes.Equal(data, state(i)) {
					t.Errorf("state %d has %d bytes, or others", i, len(data))
				}
				if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
					t.Error(err)
				}
				data, err = reads.ReadObject(ctx, "states", "newest")
				if err != nil || len(data) == 0 || !bytes.Equal(data, state(int64(data[0]))) {
					t.Errorf("newest, since %d: %d bytes, %v", i, len(data), err)
				}
			}
		})
	}
	for i := int64(2); i <= 60; i++ {
		put(i)
		newest.Store(i)
		if err := writes.RemoveObject(ctx, "states", name(i-1)); err != nil {
			t.Error(err)
		}
	}
	all.Wait()

	// One of which who removes it had only the pieces removed, one of which a piece
	// is another, and none at all.
	stream, err := writes.js.Stream(ctx, "OBJ_states")
	if err != nil {
		t.Fatal(err)
	}
	info, err := objects.GetInfo(ctx, "newest")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject("$O.states.C."+info.NUID)); err != nil {
		t.Fatal(err)
	}
	for range 3 { // of the same size
		if _, err := writes.js.Publish(ctx, "$O.states.C."+info.NUID, make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	if info, err = objects.GetInfo(ctx, name(60)); err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject("$O.states.C."+info.NUID)); err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"newest", name(60), "nothing"} {
		if data, err := reads.ReadObject(ctx, "states", of); !errors.Is(err, jetstream.ErrObjectNotFound) {
			t.Errorf("%s: %d bytes, %v", of, len(data), err)
		}
	}

	if _, err := objects.PutBytes(ctx, "empty", nil); err != nil {
		t.Fatal(err)
	}
	if data, err := reads.ReadObject(ctx, "states", "empty"); err != nil || len(data) != 0 {
		t.Error(data, err)
	}
	if err := objects.Delete(ctx, "empty"); err != nil { // leaves a mark
		t.Fatal(err)
	}
	if _, err := reads.ReadObject(ctx, "states", "empty"); !errors.Is(err, jetstream.ErrObjectNotFound) {
		t.Error(err)
	}
	if n, err := writes.SweepObjects(ctx, "states", func(name string, deleted bool) bool { return deleted || name == "newest" }); n != 2 || err != nil {
		t.Error(n, err)
	}
	if names, err := reads.ObjectNames(ctx, "states"); err != nil || !slices.Equal(names, []string{name(60)}) {
		t.Error(names, err)
	}
}
