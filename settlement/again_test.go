package settlement

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// TestCancelSettling asks for a span to be settled again and cancels it: what
// late readings need stays, and is settled.
func TestCancelSettling(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) {
			w, begin := constant(t, open)
			counts := func(when string, marks, asked int) {
				t.Helper()
				st, err := w.service.Status(t.Context())
				if err != nil || st.Marks != marks || st.Asked != asked {
					t.Errorf("%s: %d marks, %d asked for, %v; want %d and %d", when, st.Marks, st.Asked, err, marks, asked)
				}
			}
			cancel := func(want int) {
				t.Helper()
				if n, err := w.service.Cancel(t.Context(), "grace"); err != nil || n != want {
					t.Errorf("cancelled %d, %v; want %d", n, err, want)
				}
			}
			counts("settled", 0, 0)
			cancel(0)
			from, to := record.MillisOf(begin), record.MillisOf(begin.Add(24*time.Hour))
			some, err := w.service.Again(t.Context(), []record.SensorID{"p0", "c0"}, from, to)
			if err != nil || some != 2 {
				t.Fatalf("%d marks, %v", some, err)
			}
			if err := w.store.AddMarks(t.Context(), []ledger.Mark{{Kind: ledger.SensorKind, Name: "p0", Begin: from, End: to}}); err != nil {
				t.Fatal(err)
			}
			counts("asked for", 3, 2)
			cancel(2)
			counts("cancelled", 1, 0)
			if st, err := w.service.Status(t.Context()); err != nil || st.Cancelled.Number != 1 || st.Cancelled.Who != "grace" || st.Cancelled.Marks != 2 || st.Cancelled.At.Time() != w.now {
				t.Errorf("%+v, %v", st.Cancelled, err)
			}
			cancel(0) // which is not noted
			before := w.day(ledger.SensorPoint("p0"), begin)
			w.settle()
			counts("settled again", 0, 0)
			if after := w.day(ledger.SensorPoint("p0"), begin); after.Amount != before.Amount || after.Quality != before.Quality {
				t.Errorf("the day was %v, %v, and is %v, %v", before.Amount, before.Quality, after.Amount, after.Quality)
			}
			// What nobody cancels is settled.
			if _, err := w.service.Again(t.Context(), nil, from, to); err != nil {
				t.Fatal(err)
			}
			w.settle()
			counts("all of it settled again", 0, 0)
			cancel(0)
			if st, err := w.service.Status(t.Context()); err != nil || st.Cancelled.Number != 1 {
				t.Errorf("%+v, %v", st.Cancelled, err)
			}
		})
	}
}
