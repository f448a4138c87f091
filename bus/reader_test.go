package bus

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// TestLeftOut tells what a consumer left out from what was trimmed away.
func TestLeftOut(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()})
	ctx := t.Context()
	last := map[string]uint64{}
	for _, h := range []string{"a", "a", "b", "a", "a", "b"} {
		seq, err := b.PublishAggregates(ctx, h, []byte("ticks"), last[h])
		if err != nil {
			t.Fatal(err)
		}
		last[h] = seq
	}
	look := func(stream string, next, came uint64) bool {
		t.Helper()
		err := (&reader{bus: b, stream: stream, next: next}).skipped(ctx, came)
		if err != nil && !errors.Is(err, errAnew) {
			t.Fatal(err)
		}
		return err != nil
	}
	if !look(aggregatesStream, 2, 4) {
		t.Error("2 is there, was left out, and nobody minds")
	}
	if look(deadStream, 2, 4) {
		t.Error("positions of other streams may be free")
	}
	if err := b.TrimAggregates(ctx, "a", 4); err != nil { // 3, 5 and 6 are left
		t.Fatal(err)
	}
	for next, want := range map[uint64]bool{1: true, 2: true, 3: true, 4: false} {
		if got := look(aggregatesStream, next, 5); got != want {
			t.Errorf("behind %d comes 5: left out is %v", next-1, got)
		}
	}
}

// TestWhatAStreamHolds: one that ends before what was read of it may only be
// behind, as with another leader, and has lost it when that stays; one with other
// messages, or made anew, has.
func TestWhatAStreamHolds(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()})
	for range 3 {
		if _, err := b.PublishRecords(t.Context(), 0, []byte("batch")); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.JetStream().Stream(t.Context(), recordsStream(0))
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.GetMsg(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	made := s.CachedInfo().Created
	for name, x := range map[string]struct {
		r    reader
		want error
	}{
		"nothing was read":     {reader{created: made}, nil},
		"what was read":        {reader{created: made, last: 2, stored: second.Time}, nil},
		"behind for a moment":  {reader{created: made, last: 4}, errLags},
		"behind, and still so": {reader{created: made, last: 4, short: time.Now().Add(-2 * lagsMost)}, ErrLost},
		"behind before":        {reader{created: made, last: 2, stored: second.Time, short: time.Now().Add(-2 * lagsMost)}, nil},
		"another message":      {reader{created: made, last: 2, stored: second.Time.Add(1)}, ErrLost},
		"made anew":            {reader{created: made.Add(1)}, ErrLost},
	} {
		if err := x.r.holds(t.Context(), s); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, not %v", name, err, x.want)
		}
		if !errors.Is(x.want, errLags) && x.r.last < 4 && !x.r.short.IsZero() {
			t.Errorf("%s: it ends too early since %v", name, x.r.short)
		}
	}
	if err := s.Purge(t.Context(), jetstream.WithPurgeSequence(3)); err != nil {
		t.Fatal(err)
	}
	if s, err = b.JetStream().Stream(t.Context(), recordsStream(0)); err != nil {
		t.Fatal(err)
	}
	if err := (&reader{created: made, last: 2, stored: second.Time}).holds(t.Context(), s); err != nil {
		t.Errorf("what was trimmed: %v", err)
	}
}
