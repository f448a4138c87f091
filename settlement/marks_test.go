package settlement

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
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
	if err := w.marks.Save(t.Context(), nil); err != nil {
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

// TestMarkedAgainAndAgain is about late readings of hours, which are marked every
// few seconds: all marks of the sensors that are taken go at once, and those of
// others stay for the next time.
func TestMarkedAgainAndAgain(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgresql": postgres} {
		t.Run(name, func(t *testing.T) {
			w, begin := constant(t, open)
			w.settle()
			mark := func(id string, hour, n int) {
				marks := make([]ledger.Mark, n)
				for i := range marks {
					at := record.MillisOf(begin.Add(time.Duration(hour) * time.Hour))
					marks[i] = ledger.Mark{Kind: ledger.SensorKind, Name: id, Begin: at, End: at + record.Millis(1+i%4)*quarter}
				}
				if err := w.store.AddMarks(t.Context(), marks); err != nil {
					t.Fatal(err)
				}
			}
			left := func(want int) {
				t.Helper()
				if _, err := w.service.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n, err := w.store.CountMarks(t.Context()); err != nil || n != want {
					t.Errorf("%d marks are left (%v), not %d", n, err, want)
				}
			}
			mark("p0", 3, marksAtOnce) // all that are taken at first
			mark("p1", 3, 10)
			mark("p0", 5, 700)
			left(10)
			left(0)
			// Windows are bounded still: what adds none goes along, the rest waits.
			w.service.atOnce = 4
			mark("p0", 3, 8)
			mark("p1", 3, 8)
			mark("p0", 3, 2)
			left(8)
			left(0)
			w.same(record.MillisOf(begin), record.Millis(w.service.at.frontier.Load()))
		})
	}
}

// TestMarkedWhenFlushed is about a history that another process reads: nothing is
// marked before it can be read there, what comes meanwhile is marked anew, and what
// came in time and can be read only after its quarter was settled is marked, too.
func TestMarkedWhenFlushed(t *testing.T) {
	begin := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	w := newWorld(t, sqlite, begin)
	w.marks.Apart = true
	send := func(id record.SensorID, minute int) {
		w.send(record.Record{Sensor: id, Time: record.MillisOf(begin.Add(time.Duration(minute) * time.Minute)), Value: 1})
	}
	marked := func(want ...ledger.Mark) {
		t.Helper()
		all, err := w.store.Marks(t.Context(), 100)
		if err != nil || len(all) != len(want) {
			t.Fatalf("%d marks (%v): %v", len(all), err, all)
		}
		got := make(map[ledger.Mark]bool)
		for _, m := range all {
			got[ledger.Mark{Name: m.Name, Begin: m.Begin, End: m.End}] = true
		}
		for _, m := range want {
			if !got[m] {
				t.Errorf("%+v is not among %+v", m, all)
			}
		}
		if err := w.store.DropMarks(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	quarters := func(id string, first, n int) ledger.Mark {
		at := record.MillisOf(begin) + record.Millis(first)*quarter
		return ledger.Mark{Name: id, Begin: at, End: at + record.Millis(n)*quarter}
	}
	save := func(flush func()) error {
		t.Helper()
		return w.marks.Save(t.Context(), func(context.Context) error {
			if flush == nil {
				return errors.New("the database is away")
			}
			flush()
			return nil
		})
	}
	saved := func(flush func()) {
		t.Helper()
		if err := save(flush); err != nil {
			t.Fatal(err)
		}
	}
	w.now = begin.Add(time.Hour)
	send("a", 1)
	if save(nil) == nil {
		t.Fatal("saved, and not flushed")
	}
	marked()
	send("b", 2)
	saved(func() {
		marked() // it could not be read yet
		send("a", 3)
	})
	marked(quarters("a", 0, 1), quarters("b", 0, 1))
	saved(func() {})
	marked(quarters("a", 0, 1)) // it came during the flush
	saved(func() {})
	marked()

	// In time, and flushed in time.
	send("a", 60)
	saved(func() {})
	marked()
	// In time, and not flushed for 40 minutes: of both, as they share a partition.
	send("a", 61)
	w.now = begin.Add(76 * time.Minute)
	send("a", 76)
	w.now = begin.Add(100 * time.Minute)
	send("a", 100)
	if save(nil) == nil {
		t.Fatal("saved, and not flushed")
	}
	saved(func() {})
	marked(quarters("a", 4, 2), quarters("b", 4, 2))
	saved(func() {})
	marked()
}
