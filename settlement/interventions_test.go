package settlement

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// constant has a day of 60 W by p0 and a counter c0 that rises by 5 W·h every 5
// minutes, and is settled.
func constant(t *testing.T, open func(*testing.T) *ledger.Store) (w *world, begin time.Time) {
	begin = time.Date(2026, 5, 4, 22, 0, 0, 0, time.UTC) // midnight in Kiel
	w = newWorld(t, open, begin.Add(25*time.Hour))
	w.put(document())
	var all []record.Record
	for m := range 24 * 60 {
		at := record.MillisOf(begin.Add(time.Duration(m) * time.Minute))
		all = append(all, record.Record{Sensor: "p0", Time: at, Value: 60})
		if m%5 == 0 {
			all = append(all, record.Record{Sensor: "c0", Time: at, Value: 1000 + float64(m)})
		}
	}
	w.send(all...)
	w.settle()
	return w, begin
}

// day gives the day of a point.
func (w *world) day(p ledger.Point, begin time.Time) ledger.Row {
	w.t.Helper()
	rows, _, err := w.service.Windows(w.t.Context(), p, window.Day, record.MillisOf(begin), record.MillisOf(begin.Add(24*time.Hour)))
	if err != nil || len(rows) != 1 {
		w.t.Fatalf("%d days, %v", len(rows), err)
	}
	return rows[0]
}

// TestInterventions corrects readings, looks at what follows, and undoes it.
func TestInterventions(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) { testInterventions(t, open) })
	}
}

func testInterventions(t *testing.T, open func(*testing.T) *ledger.Store) {
	w, begin := constant(t, open)
	const wh = energy.PerUnit
	sensor, group, top := ledger.SensorPoint("p0"), ledger.GroupPoint("place", "hall1"), ledger.GroupPoint("place", "plant")
	want := func(when string, amount energy.Amount, completeness float64, q energy.Quality) {
		t.Helper()
		if r := w.day(sensor, begin); r.Amount != amount || r.Completeness() != completeness || r.Quality != q {
			t.Errorf("%s: the day of the sensor is %v W·h, complete to %v, %v; not %v, %v, %v", when, r.Amount, r.Completeness(), r.Quality, amount, completeness, q)
		}
		// hall1 has a meter that says nothing, and the plant counts it by that.
		if r := w.day(group, begin); r.Amount != amount || r.Metered {
			t.Errorf("%s: the day of the group is %v W·h, not %v", when, r.Amount, amount)
		}
		if r := w.day(top, begin); r.Known {
			t.Errorf("%s: the day of the plant is %v W·h, and nothing is known of it", when, r.Amount)
		}
	}
	want("at first", 1440*wh, 1, energy.Measured)

	noon, one := begin.Add(12*time.Hour), begin.Add(13*time.Hour)
	intervene := func(id record.SensorID, b ledger.InterventionBody) ledger.Intervention {
		t.Helper()
		b.Why = "the fuse was out"
		x, err := w.service.Intervene(t.Context(), id, b, "ada")
		if err != nil {
			t.Fatal(err)
		}
		w.settle()
		return x
	}
	// The last reading before the hour holds for its max age of 3 minutes.
	x := intervene("p0", ledger.InterventionBody{Kind: ledger.Exclude, From: noon, To: &one})
	want("an hour excluded", (1440-60+2)*wh, float64(23*60+2)/(24*60), energy.Measured)
	y := intervene("p0", ledger.InterventionBody{Kind: ledger.Replace, From: noon, To: &one, Value: new(120.0)})
	want("the hour replaced", (1440+60)*wh, 1, energy.Corrected)
	for _, id := range []string{y.ID, x.ID, x.ID} {
		if _, err := w.service.Undo(t.Context(), id, "it was not", "bob"); err != nil {
			t.Fatal(err)
		}
		w.settle()
	}
	want("both undone", 1440*wh, 1, energy.Measured)
	all, err := w.store.Interventions(t.Context(), "p0", true, 10)
	if err != nil || len(all) != 2 || all[0].Who != "ada" || all[0].UndoneWho != "bob" || all[0].UndoneAt == nil {
		t.Errorf("%v, the list is %+v", err, all)
	}
	if left, err := w.store.Interventions(t.Context(), "p0", false, 10); err != nil || len(left) != 0 {
		t.Errorf("%v, in force are %+v", err, left)
	}

	// A counter: somebody says by how much it rose.
	counter := ledger.SensorPoint("c0")
	if r := w.day(counter, begin); r.Amount != 1435*wh {
		t.Errorf("the counter rose by %v W·h", r.Amount)
	}
	intervene("c0", ledger.InterventionBody{Kind: ledger.Rise, From: noon, Value: new(105.0)})
	if r := w.day(counter, begin); r.Amount != (1435+100)*wh || r.Quality != energy.Corrected {
		t.Errorf("the counter rose by %v W·h, %v", r.Amount, r.Quality)
	}
	sn, _ := w.catalog.State().Model.Sensor("c0")
	_, notes, err := w.service.values(t.Context(), sn, []record.Millis{record.MillisOf(begin), record.MillisOf(begin.Add(24 * time.Hour))})
	if err != nil || len(notes) != 1 || !notes[0].ByOverride || notes[0].Rise != 105*wh {
		t.Errorf("%v, noted is %v", err, notes)
	}
}

func TestInterventionsThatMakeNoSense(t *testing.T) {
	w, begin := constant(t, sqlite)
	later := begin.Add(time.Hour)
	for _, x := range []struct {
		id   record.SensorID
		body ledger.InterventionBody
		says string
	}{
		{"p0", ledger.InterventionBody{Kind: ledger.Exclude, From: begin, To: &later}, "say why"},
		{"p0", ledger.InterventionBody{Kind: ledger.Exclude, From: later, To: &begin, Why: "x"}, "to must be after from"},
		{"p0", ledger.InterventionBody{Kind: ledger.Exclude, From: begin, Why: "x"}, "to must be after from"},
		{"p0", ledger.InterventionBody{Kind: ledger.Exclude, From: begin, To: &later, Value: new(1.0), Why: "x"}, "has no value"},
		{"p0", ledger.InterventionBody{Kind: ledger.Reset, From: begin, Why: "x"}, "about counters"},
		{"c0", ledger.InterventionBody{Kind: ledger.Reset, From: begin, To: &later, Why: "x"}, "about one reading"},
		{"c0", ledger.InterventionBody{Kind: ledger.Rise, From: begin, Why: "x"}, "by how much"},
		{"c0", ledger.InterventionBody{Kind: ledger.Replace, From: begin, To: &later, Value: new(1.0), Why: "x"}, "does not stand still"},
		{"p0", ledger.InterventionBody{Kind: ledger.Replace, From: begin, To: &later, Why: "x"}, "needs a value or points"},
		{"p0", ledger.InterventionBody{Kind: ledger.Replace, From: begin, To: &later, Why: "x", Points: []ledger.PointInTime{{Time: later, Value: 1}}}, "outside of the range"},
		{"p0", ledger.InterventionBody{Kind: ledger.Exclude, From: time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), To: &later, Why: "x"}, "between 1970 and 2100"},
		{"nobody", ledger.InterventionBody{Kind: ledger.Exclude, From: begin, To: &later, Why: "x"}, "no sensor"},
	} {
		if _, err := w.service.Intervene(t.Context(), x.id, x.body, "ada"); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s %+v: %v, not %q", x.id, x.body, err, x.says)
		}
	}
	if _, err := w.service.Undo(t.Context(), "i_nothing", "x", "ada"); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("undoing nothing: %v", err)
	}
}
