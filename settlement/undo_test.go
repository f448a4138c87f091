package settlement

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestEveryDecisionCanBeUndone has a counter roll over, be wrong once, begin
// anew, step back and jump. Whatever a person decides of it, of each kind there
// is, changes its windows and those of its group; undone, they are what they
// were, and readings never were other ones.
func TestEveryDecisionCanBeUndone(t *testing.T) {
	begin := time.Date(2026, 5, 4, 22, 0, 0, 0, time.UTC) // midnight in Kiel
	at := func(hours float64) time.Time { return begin.Add(time.Duration(hours * float64(time.Hour))) }
	w := newWorld(t, sqlite, at(25))
	w.put(model.Document{
		Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
		Sensors: []model.Sensor{{
			ID: "c", Site: "kiel", Quantity: record.Energy, Interval: model.Duration(5 * time.Minute),
			Register: &model.Register{Width: new(100_000.), Tolerance: new(50.), MaxRate: new(40_000.)},
		}},
		Groups:      []model.Group{{ID: "all", Members: []model.Member{{Sensor: "c"}}}},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "all", Site: "kiel"}},
	})
	v := 98_000.
	for m := 0; m < 24*60; m += 5 {
		shown := v
		switch m {
		case 5 * 60:
			shown = 0 // and on as before
		case 7 * 60:
			v, shown = 0, 0
		case 9 * 60:
			v -= 80
			shown = v
		case 11 * 60:
			v += 50_000
			shown = v
		}
		w.send(record.Record{Sensor: "c", Time: record.MillisOf(at(float64(m) / 60)), Value: shown})
		if v += 50; v >= 100_000 {
			v -= 100_000
		}
	}
	w.settle()
	raw := slices.Clone(w.memory.all["c"])
	points := []ledger.Point{ledger.SensorPoint("c"), ledger.GroupPoint("place", "all")}
	rows := func() (all []ledger.Row) {
		t.Helper()
		for _, p := range points {
			for _, size := range []window.Size{window.Quarter, window.Day} {
				some, _, err := w.service.Windows(t.Context(), p, size, record.MillisOf(begin), record.MillisOf(at(24)))
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, some...)
			}
		}
		return all
	}
	same := func(a, b []ledger.Row) bool {
		return slices.EqualFunc(a, b, func(x, y ledger.Row) bool { return x.Start == y.Start && ledger.Same(&x, &y) })
	}
	seen := func() (kinds []string) {
		t.Helper()
		notes, err := w.service.Annotations(t.Context(), "c", record.MillisOf(begin), record.MillisOf(at(24)))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range notes {
			kinds = append(kinds, n.Kind.String())
		}
		return kinds
	}
	if got, want := seen(), []string{"rollover", "glitch", "reset", "backstep", "jump"}; !slices.Equal(got, want) {
		t.Fatalf("seen is %v, not %v", got, want)
	}
	decide := func(b ledger.InterventionBody) ledger.Intervention {
		t.Helper()
		b.Why = "the log says so"
		x, err := w.service.Intervene(t.Context(), "c", b, "ada")
		if err != nil {
			t.Fatalf("%s: %v", b.Kind, err)
		}
		w.settle()
		return x
	}
	undo := func(x ledger.Intervention) {
		t.Helper()
		if _, err := w.service.Undo(t.Context(), x.ID, "it did not", "bob"); err != nil {
			t.Fatalf("%s: %v", x.Kind, err)
		}
		w.settle()
	}
	first := rows()
	over := at(3 + 20/60.) // the reading after the roll-over
	for _, x := range []struct {
		ledger.InterventionBody
		quality energy.Quality // of the day
	}{
		{ledger.InterventionBody{Kind: ledger.Reset, From: over}, energy.Corrected},
		{ledger.InterventionBody{Kind: ledger.Accept, From: at(5)}, energy.Corrected},
		{ledger.InterventionBody{Kind: ledger.Rise, From: at(7), Value: new(20.)}, energy.Corrected},
		{ledger.InterventionBody{Kind: ledger.Rollover, From: at(7)}, energy.Corrected},
		{ledger.InterventionBody{Kind: ledger.Rise, From: at(9), Value: new(50.)}, energy.Corrected},
		{ledger.InterventionBody{Kind: ledger.Accept, From: at(11)}, energy.Corrected},
		{ledger.InterventionBody{Kind: ledger.Ignore, From: at(13)}, energy.Measured},
		{ledger.InterventionBody{Kind: ledger.Exclude, From: at(13), To: new(at(14))}, energy.Estimated},
		{ledger.InterventionBody{Kind: ledger.Exclude, From: at(13), To: new(at(14)), Only: []ledger.Readings{{First: at(13), Last: at(13.75), Step: 300_000}}}, energy.Estimated},
		{ledger.InterventionBody{Kind: ledger.Interpolate, From: at(13), To: new(at(14))}, energy.Estimated},
		{ledger.InterventionBody{Kind: ledger.Replace, From: at(13), To: new(at(13.1)), Points: []ledger.PointInTime{{Time: at(13), Value: 53_500}}}, energy.Corrected},
		{ledger.InterventionBody{Kind: ledger.Figure, From: at(15), To: new(at(16)), Value: new(999.)}, energy.Corrected},
		{ledger.InterventionBody{Kind: ledger.Reading, From: at(17.02), Value: new(56_010.)}, energy.Corrected},
	} {
		decided := decide(x.InterventionBody)
		now := rows()
		if same(now, first) {
			t.Errorf("%s at %v changes nothing", x.Kind, x.From)
		}
		for _, p := range points {
			if r := w.day(p, begin); r.Quality != x.quality {
				t.Errorf("%s at %v: the day of %v is %v, not %v", x.Kind, x.From, p, r.Quality, x.quality)
			}
		}
		// Decided otherwise on top, and that undone, it is the first decision again.
		if x.Kind == ledger.Rise {
			other := decide(ledger.InterventionBody{Kind: ledger.Rise, From: x.From, Value: new(33.)})
			if same(rows(), now) {
				t.Errorf("another %s at %v changes nothing", x.Kind, x.From)
			}
			undo(other)
			if !same(rows(), now) {
				t.Errorf("another %s at %v is undone, and something is left of it", x.Kind, x.From)
			}
		}
		undo(decided)
		if !same(rows(), first) {
			t.Errorf("%s at %v is undone, and something is left of it", x.Kind, x.From)
		}
	}
	if !slices.Equal(w.memory.all["c"], raw) {
		t.Error("readings are other ones")
	}
}

// TestAnnotationsAreJSON tells of what has no reading before, or none at all.
func TestAnnotationsAreJSON(t *testing.T) {
	for _, c := range []struct {
		n    energy.Annotation
		want string
	}{
		{energy.Annotation{Kind: energy.Glitch, Before: math.NaN(), After: 5}, `"before":null,"after":5,"rise":null`},
		{energy.Annotation{Kind: energy.TooLarge, Before: math.NaN(), After: math.NaN()}, `"before":null,"after":null,"rise":null`},
		{energy.Annotation{Kind: energy.Reset, Before: 0, After: 5, Rise: 5 * energy.PerUnit, Known: true}, `"before":0,"after":5,"rise":5`},
	} {
		if got, err := json.Marshal(annotation(c.n)); err != nil || !strings.Contains(string(got), c.want) {
			t.Errorf("%s, %v; not %s", got, err, c.want)
		}
	}
}

// TestExcludedReadingsComeFirst takes readings away after somebody has put another
// in the place of one of them: that stays, and so does one that is put in later.
func TestExcludedReadingsComeFirst(t *testing.T) {
	begin := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	at := func(minute int) time.Time { return begin.Add(time.Duration(minute) * time.Minute) }
	w := newWorld(t, sqlite, at(120))
	w.put(model.Document{Sensors: []model.Sensor{{ID: "p", Quantity: record.ActivePower, Interval: model.Duration(time.Minute), MaxAge: new(model.Duration(2 * time.Minute))}}})
	for m := range 60 {
		w.send(record.Record{Sensor: "p", Time: record.MillisOf(at(m)), Value: 600})
	}
	w.settle()
	decide := func(b ledger.InterventionBody) {
		t.Helper()
		b.Why = "the log says so"
		if _, err := w.service.Intervene(t.Context(), "p", b, "ada"); err != nil {
			t.Fatal(err)
		}
	}
	replace := func(m int) {
		t.Helper()
		decide(ledger.InterventionBody{Kind: ledger.Replace, From: at(m), To: new(at(m + 1)), Points: []ledger.PointInTime{{Time: at(m), Value: 1200}}})
	}
	replace(4)
	decide(ledger.InterventionBody{Kind: ledger.Exclude, From: at(0), To: new(at(60)), Only: []ledger.Readings{{First: at(0), Last: at(59), Step: 60_000}}})
	replace(10)
	w.settle()
	rows, _, err := w.service.Windows(t.Context(), ledger.SensorPoint("p"), window.Quarter, record.MillisOf(begin), record.MillisOf(at(15)))
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	// Two readings of 1,200 W, which hold for two minutes each.
	if r := rows[0]; r.Amount.Float64() != 80 || r.Covered != 4*60_000 {
		t.Errorf("%+v", r)
	}
}
