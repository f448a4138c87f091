package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/cir/item"
)

// Who keeps identifiers asks who runs manifests, over the bus, and has all or
// nothing.
func TestThingsElsewhere(t *testing.T) {
	b, err := bus.Open(t.Context(), bus.Options{Dir: filepath.Join(t.TempDir(), "nats"), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var want []item.Thing
	for i := range 2*thingsOfOne + 1 {
		want = append(want, item.Thing{
			Category: item.SourceCategory, ID: fmt.Sprint(i), Name: "source",
			Properties: []item.PropertyItem{{ID: item.ParentEntityID, Values: []item.PropertyValue{{Key: item.GatewayCategory, Value: "g"}}}},
		})
	}
	if _, err := askForThings(t.Context(), b, time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody is there, and %v", err)
	}
	var runs, broken atomic.Bool
	runs.Store(true)
	list := func(context.Context) ([]item.Thing, error) {
		if broken.Load() {
			return nil, errors.New("broken")
		}
		return want, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- tellOfThings(ctx, b, runs.Load, list, slog.New(slog.DiscardHandler)) }()
	go func() { // another one stands by
		ended <- tellOfThings(ctx, b, func() bool { return false }, nil, slog.New(slog.DiscardHandler))
	}()
	ask := func() (got []item.Thing) {
		t.Helper()
		for { // until it listens
			got, err := askForThings(t.Context(), b, 5*time.Second)
			if err == nil {
				return got
			}
			if t.Context().Err() != nil {
				t.Fatal(err)
			}
		}
	}
	if d := cmp.Diff(want, ask()); d != "" {
		t.Error(d)
	}
	want = nil
	if got := ask(); got != nil {
		t.Errorf("%d things", len(got))
	}
	b.Show(askThings, []byte("*")) // no token
	broken.Store(true)
	if _, err := askForThings(t.Context(), b, 20*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is broken, and %v", err)
	}
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
