package bus

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestADiskThatIsSlow stores something that nobody answers, on a bus in the same
// process: it is not said that this one is away.
func TestADiskThatIsSlow(t *testing.T) {
	b := open(t, Options{NoSync: true})
	if _, err := b.conn.Subscribe("slow", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := b.Publish(ctx, "slow", []byte("x"))
	if !errors.Is(err, ErrSlow) || !errors.Is(err, ErrAway) || strings.Contains(err.Error(), ErrAway.Error()) {
		t.Errorf("%v", err)
	}
}

// TestASnapshotThatStops waits for a piece of a snapshot that was lost.
func TestASnapshotThatStops(t *testing.T) {
	b := open(t, Options{NoSync: true})
	sub, err := b.conn.SubscribeSync("pieces")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nextPiece(t.Context(), sub, 10*time.Millisecond); err == nil || !strings.Contains(err.Error(), "nothing more") {
		t.Errorf("%v", err)
	}
	if err := b.conn.Publish("pieces", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if m, err := nextPiece(t.Context(), sub, time.Minute); err != nil || string(m.Data) != "x" {
		t.Errorf("%v, %v", m, err)
	}
}
