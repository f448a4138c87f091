package bus

import (
	"errors"
	"testing"
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
