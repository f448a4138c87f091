package app

import (
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bench/home"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestServiceRevisions: what is settled again of an object that is followed is seen at
// once, by everybody who asks after it was written, and what is settled of others is not;
// when notes were removed before they were read, everything may have changed.
func TestServiceRevisions(t *testing.T) {
	ctx := t.Context()
	h, err := home.New(record.MillisOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	store, err := ledger.Open(ctx, ledger.Options{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r, err := settledRevisions(ctx, store, h.Model)
	if err != nil {
		t.Fatal(err)
	}
	write := func(id object.ID, n int) {
		t.Helper()
		ids, err := store.IDs(ctx, []ledger.Point{settledPoint(h.Model, id)}, true)
		if err != nil {
			t.Fatal(err)
		}
		at := record.Millis(1_767_571_200_000)
		for range n {
			v := energy.Value{Known: true, Quality: energy.Measured, Amount: energy.Amount(at)}
			c := []ledger.Change{{Point: ids[0], Row: ledger.Row{Start: at, End: at + record.Millis(window.QuarterLength), Value: v, Members: 1, Total: 1}}}
			if err := store.Write(ctx, ledger.Quarters, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	now := func() keep.Revision {
		t.Helper()
		x, err := r.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	const load, washer = object.ID("sensor/load"), object.ID("sensor/washer")
	first := now()
	if !r.Changed(load, first.Settled) {
		t.Error("what is not followed may have changed at any time")
	}
	for _, id := range []object.ID{load, washer, load} {
		if err := r.Follow(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	write("sensor/sun", 1)
	if now() != first || r.Changed(load, first.Settled) {
		t.Error("another object is settled")
	}
	write(load, 1)
	second := now()
	if second.Settled <= first.Settled || !r.Changed(load, first.Settled) || r.Changed(load, second.Settled) || r.Changed(washer, first.Settled) {
		t.Errorf("%+v, then %+v", first, second)
	}
	var g sync.WaitGroup
	write(washer, 1)
	for range 20 {
		g.Go(func() {
			if x, err := r.Now(ctx); err != nil || x.Settled <= second.Settled {
				t.Errorf("%+v, %v", x, err)
			}
		})
	}
	g.Wait()
	if !r.Changed(washer, second.Settled) || r.Changed(load, second.Settled) {
		t.Error("one of two is settled")
	}
	third := now()
	write(washer, 3)
	if err := store.DropNotes(ctx, third.Settled+2); err != nil {
		t.Fatal(err)
	}
	now()
	if !r.Changed(load, third.Settled) {
		t.Error("notes are gone that nobody has read")
	}
}
