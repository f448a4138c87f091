package bus

import (
	"testing"
	"time"
)

// TestAHoldInAnotherProcess: while one process copies the bus, no other removes
// anything from it; one that was killed holds nothing for long.
func TestAHoldInAnotherProcess(t *testing.T) {
	b := open(t, Options{Listen: "127.0.0.1:0"})
	other, err := Open(t.Context(), Options{URL: "nats://" + b.ListenAddr()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	after := uint64(0)
	for range 5 {
		if _, err := b.PublishRecords(t.Context(), 0, []byte("batch")); err != nil {
			t.Fatal(err)
		}
		if after, err = b.PublishAggregates(t.Context(), "site", []byte("ticks"), after); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.SavePosition(t.Context(), "history", 0, 4); err != nil {
		t.Fatal(err)
	}
	trim := func(want uint64) {
		t.Helper()
		if err := b.TrimRecords(t.Context(), "history"); err != nil {
			t.Fatal(err)
		}
		if err := b.TrimAggregates(t.Context(), "site", 4); err != nil {
			t.Fatal(err)
		}
		records, err := b.RecordsExtent(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		ticks, err := b.AggregatesExtent(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if records.First != want || ticks.First != want {
			t.Errorf("records begin at %d and ticks at %d, not at %d", records.First, ticks.First, want)
		}
	}
	release, err := other.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := other.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trim(1)
	release()
	trim(1) // the other one holds still
	again()
	// What is left of a process that was killed.
	if err := other.WriteNote(t.Context(), "hold.killed", &Note{Behind: map[int]uint64{0: 0}, Lease: time.Nanosecond}); err != nil {
		t.Fatal(err)
	}
	trim(5)
}
