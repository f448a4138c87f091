package imports_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/imports"
	"github.com/wattwerk/wattwerk/record"
)

// held is a store whose readings nobody gets before it is let go.
type held struct {
	history.Store
	asked chan struct{} // is closed when somebody asks
	once  bool
}

func (h *held) Scan(ctx context.Context, s history.Series, from, to record.Millis, f func([]int64, []float64) error) error {
	if h.once {
		return h.Store.Scan(ctx, s, from, to, f)
	}
	h.once = true
	close(h.asked)
	<-ctx.Done()
	return ctx.Err()
}

// TestTwoProcesses brings a file to one of two processes of one bus, and asks the
// other one for everything else.
func TestTwoProcesses(t *testing.T) {
	databases(t, site("UTC", power()), func(t *testing.T, w *world) {
		// Both have the same catalog, of one bus, and the same history.
		process := func(name string, store history.Store) *imports.Service {
			s, err := imports.New(t.Context(), imports.Options{
				Dir: filepath.Join(w.dir, name), DB: w.db, Store: store, Catalog: w.catalog, Corrections: w.decisions, Every: 20 * time.Millisecond,
				Filled: func(context.Context, record.SensorID, record.Millis, record.Millis) error { return nil },
				Actor:  func(context.Context) string { return name }, Now: func() time.Time { return w.now },
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			t.Cleanup(func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
			return s
		}
		slow := &held{Store: w.store, asked: make(chan struct{})}
		one, other := process("one", slow), process("other", w.store)
		w.service = one
		x := w.upload("a.csv", "time,a\n2026-01-01 00:00,1\n2026-01-01 00:15,2\n")
		w.service = other // from here on it is asked

		list, err := other.List(t.Context(), 10, 0)
		if err != nil || len(list) != 1 || list[0].ID != x.ID || !list[0].Here || list[0].Who != "one" {
			t.Fatalf("the other lists %+v, %v", list, err)
		}
		p := plan(imports.ImportColumn{Column: "a", Sensor: "a", As: "gauge"})
		// Who has the file looks at it for the other.
		far, err := other.Preview(t.Context(), x.ID, p)
		if near, nearErr := one.Preview(t.Context(), x.ID, p); err != nil || nearErr != nil || near.Series[0].Count != 2 || cmp.Diff(near, far) != "" {
			t.Errorf("a preview of a file that is elsewhere: %v, %v, %s", err, nearErr, cmp.Diff(near, far))
		}
		if _, err := other.Preview(t.Context(), x.ID, plan(imports.ImportColumn{Column: "b", Sensor: "a", As: "gauge"})); !errors.Is(err, imports.ErrPlan) {
			t.Errorf("by a plan that the file does not fit: %v", err)
		}
		if _, err := other.Preview(t.Context(), x.ID, plan()); !errors.Is(err, imports.ErrPlan) {
			t.Errorf("by no plan: %v", err)
		}
		if n, err := w.db.NewSelect().Table("imports_looks").Count(t.Context()); n != 0 || err != nil {
			t.Errorf("%d questions are left, %v", n, err)
		}
		broken, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := other.Preview(broken, x.ID, p); !errors.Is(err, context.Canceled) {
			t.Errorf("left: %v", err)
		}
		// What the one reads, the other leaves.
		if _, err := other.Start(t.Context(), x.ID, p, false); err != nil {
			t.Fatal(err)
		}
		<-slow.asked
		if now, err := other.Get(t.Context(), x.ID); err != nil || now.State != imports.Reading || now.Progress == nil {
			t.Errorf("while it is read: %+v, %v", now, err)
		}
		if _, err := other.Start(t.Context(), x.ID, p, false); !errors.Is(err, imports.ErrState) {
			t.Errorf("started twice: %v", err)
		}
		if _, err := other.Cancel(t.Context(), x.ID); err != nil {
			t.Fatal(err)
		}
		left := w.wait(x.ID)
		if e := left.Events[len(left.Events)-1]; left.State != imports.Uploaded || e.What != "cancel" || e.Who != "other" || w.text("a") != "" {
			t.Errorf("left: %+v", left)
		}
		// Tried, imported, taken back and done again by whoever is asked.
		if tried := w.run(x.ID, p, true); tried.State != imports.Uploaded || tried.Report == nil || tried.Report.Sensors[0].New != 2 {
			t.Errorf("tried: %+v", tried)
		}
		if done := w.run(x.ID, p, false); done.State != imports.Stored || w.text("a") != "00:00=1 00:15=2" {
			t.Fatalf("imported: %+v, %s", done, w.text("a"))
		}
		if undone, err := other.Undo(t.Context(), x.ID, "wrong"); err != nil || undone.State != imports.Undone || w.text("a") != "" {
			t.Errorf("taken back: %v, %s", err, w.text("a"))
		}
		if _, err := one.Undo(t.Context(), x.ID, "wrong"); !errors.Is(err, imports.ErrState) {
			t.Errorf("taken back twice: %v", err)
		}
		if redone, err := one.Redo(t.Context(), x.ID, "right"); err != nil || redone.State != imports.Stored || w.text("a") != "00:00=1 00:15=2" {
			t.Errorf("done again: %v, %s", err, w.text("a"))
		}
		if now, err := other.Get(t.Context(), x.ID); err != nil || now.State != imports.Stored || len(now.Events) != 8 {
			t.Errorf("in the end: %+v, %v", now, err)
		}
	})
}
