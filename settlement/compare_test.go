package settlement

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestCompareAfterwards has windows that a version settled which did not compare
// meters with members: what is unaccounted is not known at first, and is told as
// soon as they are settled again, which they are by themselves.
func TestCompareAfterwards(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) {
			w, begin := constant(t, open)
			for m := range 24 * 60 {
				at := record.MillisOf(begin.Add(time.Duration(m) * time.Minute))
				w.send(record.Record{Sensor: "p1", Time: at, Value: 20}, record.Record{Sensor: "p4", Time: at, Value: 100})
			}
			w.settle()
			hall := ledger.GroupPoint("place", "hall1")
			want := w.day(hall, begin)
			if rest, ok := want.Unaccounted(); !ok || rest.Float64() != 480 || want.Compared() != 1 {
				t.Fatalf("%v, %t are unaccounted", rest, ok)
			}
			ctx := t.Context()
			ids, err := w.store.IDs(ctx, []ledger.Point{hall}, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, table := range []ledger.Table{ledger.Quarters, ledger.Days} {
				rows, err := w.store.Rows(ctx, nil, table, ids[0], 0, record.MaxTime)
				if err != nil {
					t.Fatal(err)
				}
				var changes []ledger.Change
				for _, r := range rows {
					r.Rest = ledger.Rest{}
					changes = append(changes, ledger.Change{Point: ids[0], Row: r})
				}
				if err := w.store.Write(ctx, table, changes); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.store.SetProgress(ctx, comparing, 0); err != nil {
				t.Fatal(err)
			}
			if r := w.day(hall, begin); r.Rest.Time != 0 {
				t.Fatalf("%+v", r)
			}
			w.again()
			w.settle()
			if r := w.day(hall, begin); !ledger.Same(&r, &want) {
				t.Errorf("the day is %+v, not %+v", r, want)
			}
			rows, _, err := w.service.Windows(ctx, hall, window.Hour, record.MillisOf(begin), record.MillisOf(begin.Add(time.Hour)))
			if err != nil || rows[0].Rest.Amount.Float64() != 20 {
				t.Errorf("%+v, %v", rows, err)
			}
			// Once is enough.
			w.again()
			if n, err := w.store.CountMarks(ctx); n != 0 || err != nil {
				t.Errorf("%d marks, %v", n, err)
			}
		})
	}
}
