package settlement

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// TestNewHierarchyInPieces makes a hierarchy that holds for a past of many days:
// not all of it is settled in one go, and it comes out as if it were.
func TestNewHierarchyInPieces(t *testing.T) {
	w, begin := constant(t, sqlite)
	for m := 24 * 60; m < 6*24*60; m++ {
		w.send(record.Record{Sensor: "p0", Time: record.MillisOf(begin.Add(time.Duration(m) * time.Minute)), Value: 60})
	}
	w.now = begin.Add(6*24*time.Hour + time.Hour)
	w.settle()
	w.service.atOnce = 2 * 96 // a day of two groups
	d := document()
	d.Groups = append(d.Groups,
		model.Group{ID: "all", Members: []model.Member{{Group: "some"}, {Sensor: "p1"}}},
		model.Group{ID: "some", Members: []model.Member{{Sensor: "p0"}}})
	d.Hierarchies = append(d.Hierarchies, model.Hierarchy{ID: "new", Root: "all", Site: "kiel"})
	w.put(d)
	known := func() (n int) {
		for day := range 6 {
			at := record.MillisOf(begin.AddDate(0, 0, day))
			ids, err := w.store.IDs(t.Context(), []ledger.Point{ledger.GroupPoint("new", "all")}, false)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := w.store.Rows(t.Context(), nil, ledger.Days, ids[0], at, at+1)
			if err != nil {
				t.Fatal(err)
			}
			n += len(rows)
		}
		return n
	}
	if known() != 0 {
		t.Fatal("it is known before anything was settled")
	}
	var steps []int
	for more := true; more; {
		var err error
		if more, err = w.service.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := known(); len(steps) == 0 && n > 0 || len(steps) > 0 && n > steps[len(steps)-1] {
			steps = append(steps, n)
		}
	}
	if len(steps) < 3 || steps[len(steps)-1] != 6 {
		t.Errorf("days were known step by step: %v", steps)
	}
	w.same(record.MillisOf(begin), record.Millis(w.service.at.frontier.Load()))
}
