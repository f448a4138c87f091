package bus

import (
	"testing"
	"time"
)

// TestKeptForATime: records that every reader has are removed when they are old
// enough, however young the newest of them are.
func TestKeptForATime(t *testing.T) {
	b := open(t, Options{Partitions: 1, MaxAge: time.Hour})
	publish := func(n int) {
		t.Helper()
		for range n {
			if _, err := b.PublishRecords(t.Context(), 0, []byte("batch")); err != nil {
				t.Fatal(err)
			}
		}
	}
	trim := func(now time.Time, read, first uint64) {
		t.Helper()
		if err := b.SavePosition(t.Context(), "history", 0, read); err != nil {
			t.Fatal(err)
		}
		if err := b.trimRecords(t.Context(), now, []string{"history"}); err != nil {
			t.Fatal(err)
		}
		x, err := b.RecordsExtent(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if x.First != first {
			t.Errorf("read to %d: the stream begins at %d, not at %d", read, x.First, first)
		}
	}
	publish(11)
	trim(time.Now(), 11, 1)
	eleventh, err := b.RecordsExtent(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	publish(2)
	// All but the last two are as old as that.
	x, err := b.RecordsExtent(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.js.Stream(t.Context(), recordsStream(0))
	if err != nil {
		t.Fatal(err)
	}
	for to := uint64(1); to <= 13; to++ {
		got, err := storedBefore(t.Context(), s, x.First, to, eleventh.LastStored.Add(time.Nanosecond))
		if want := min(to, 11); err != nil || got != want {
			t.Errorf("of 1 to %d those to %d are old, not to %d, %v", to, got, want, err)
		}
	}
	if got, err := storedBefore(t.Context(), s, x.First, 13, x.FirstStored); err != nil || got != 0 {
		t.Errorf("older than the first are those to %d, %v", got, err)
	}
	trim(eleventh.LastStored.Add(time.Hour+time.Nanosecond), 13, 12)
}
