package settlement

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// TestWhatIsMarked is about which readings need a mark: those that come when
// their quarter may be settled already, each once until marks are stored.
func TestWhatIsMarked(t *testing.T) {
	begin := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	w := newWorld(t, sqlite, begin)
	at := func(minute int) record.Record {
		return record.Record{Sensor: "a", Time: record.MillisOf(begin.Add(time.Duration(minute) * time.Minute)), Value: 1}
	}
	for _, step := range []struct {
		now     int // minutes
		reading int
		pending int
	}{
		{3, 3, 0}, {4, 4, 0}, // in time
		{15, 14, 0}, // just after its quarter: that is settled after two minutes, and this comes a minute sooner
		{16, 14, 1}, // now it may be late
		{16, 13, 1}, // the same quarter again
		{16, 16, 1}, // in time
		{17, 2, 2},  // late again, after another quarter
		{32, 16, 3}, {32, -20, 4}, {32, -500, 5},
	} {
		w.now = begin.Add(time.Duration(step.now) * time.Minute)
		w.send(at(step.reading))
		if n := w.marks.Pending(); n != step.pending {
			t.Errorf("a reading of minute %d in minute %d: %d marks, not %d", step.reading, step.now, n, step.pending)
		}
	}
	if err := w.marks.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Neighbours are one range.
	marks, err := w.store.Marks(t.Context(), 100)
	if err != nil || len(marks) != 3 {
		t.Fatalf("%v, %v", marks, err)
	}
	// What was stored may be settled already: the next one is marked again.
	w.send(at(-500))
	if n := w.marks.Pending(); n != 1 {
		t.Errorf("%d marks, not 1", n)
	}
}
