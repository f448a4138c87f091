package settlement

import (
	"errors"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestFigures enters amounts of times and readings of counters by hand: what is
// settled is what they say, exactly, and what it was before when they are undone.
func TestFigures(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) {
			w, begin := constant(t, open)
			const wh = energy.PerUnit
			enter := func(id record.SensorID, kind string, from, to time.Time, v float64) ledger.Intervention {
				t.Helper()
				b := ledger.InterventionBody{Kind: kind, From: from, Value: &v, Why: "shift log"}
				if !to.IsZero() {
					b.To = &to
				}
				x, err := w.service.Intervene(t.Context(), id, b, "ada")
				if err != nil {
					t.Fatal(err)
				}
				w.settle()
				return x
			}
			at := func(hours float64) time.Time { return begin.Add(time.Duration(hours * float64(time.Hour))) }
			p, c, hall := ledger.SensorPoint("p0"), ledger.SensorPoint("c0"), ledger.GroupPoint("place", "hall1")

			// 1,000 W·h in seven hours cannot be divided by 28; together they are it.
			x := enter("p0", ledger.Figure, at(5), at(12), 1000)
			want := energy.Amount((1440 - 7*60 + 1000) * wh)
			if r := w.day(p, begin); r.Amount != want || r.Quality != energy.Corrected || r.Completeness() != 1 {
				t.Errorf("the day is %v, %v, complete to %v; want %v", r.Amount, r.Quality, r.Completeness(), want)
			}
			if r := w.day(hall, begin); r.Amount != want {
				t.Errorf("the group is %v, want %v", r.Amount, want)
			}
			for _, size := range []window.Size{window.FiveMinutes, window.Quarter} {
				rows, _, err := w.service.Windows(t.Context(), p, size, record.MillisOf(at(5)), record.MillisOf(at(12)))
				if err != nil {
					t.Fatal(err)
				}
				sum := energy.Amount(0)
				for _, r := range rows {
					sum += r.Amount
				}
				if sum != 1000*wh {
					t.Errorf("windows of %v sum up to %v", size, sum)
				}
			}
			// A day of which nothing was measured.
			later := enter("c0", ledger.Figure, at(24), at(24.5), 7)
			rows, _, err := w.service.Windows(t.Context(), c, window.Quarter, record.MillisOf(at(24)), record.MillisOf(at(24.5)))
			if err != nil || len(rows) != 2 || rows[0].Amount+rows[1].Amount != 7*wh || rows[0].Amount != rows[1].Amount {
				t.Errorf("%+v %v", rows, err)
			}
			// A later one in its time counts.
			y := enter("p0", ledger.Figure, at(6), at(7), 0)
			if r := w.day(p, begin); r.Amount >= want || r.Completeness() != 1 {
				t.Errorf("the day is %v", r.Amount)
			}
			for _, id := range []string{x.ID, y.ID, later.ID} {
				if _, err := w.service.Undo(t.Context(), id, "it was another day", "ada"); err != nil {
					t.Fatal(err)
				}
			}
			w.settle()
			if r := w.day(p, begin); r.Amount != 1440*wh || r.Quality != energy.Measured {
				t.Errorf("undone, the day is %v, %v", r.Amount, r.Quality)
			}
			// A counter: what is entered is a reading like others.
			was := w.day(c, begin)
			z := enter("c0", ledger.Reading, at(24), time.Time{}, 1000+24*60+55)
			r := w.day(c, begin)
			if r.Amount <= was.Amount || r.Quality != energy.Corrected && r.Quality != energy.Estimated {
				t.Errorf("with a reading at its end the day is %v, %v; it was %v", r.Amount, r.Quality, was.Amount)
			}
			if want := energy.Amount(24*60+55) * wh; r.Amount != want {
				t.Errorf("the day is %v, want %v", r.Amount, want)
			}
			if _, err := w.service.Undo(t.Context(), z.ID, "misread", "ada"); err != nil {
				t.Fatal(err)
			}
			w.settle()
			if r := w.day(c, begin); r.Amount != was.Amount {
				t.Errorf("undone, the day is %v, not %v", r.Amount, was.Amount)
			}
			// A counter of which everything is entered, in another order.
			d := document()
			d.Sensors = append(d.Sensors, model.Sensor{ID: "hand", Site: d.Sensors[0].Site, Quantity: record.Mass, Kind: model.Counter})
			w.put(d)
			w.settle()
			var entered []ledger.Intervention
			for _, r := range []struct{ hours, value float64 }{{2, 100}, {20, 190}, {10, 108}} {
				entered = append(entered, enter("hand", ledger.Reading, at(r.hours), time.Time{}, r.value))
			}
			hours := func(from, to float64) (sum energy.Amount) {
				t.Helper()
				rows, _, err := w.service.Windows(t.Context(), ledger.SensorPoint("hand"), window.Quarter, record.MillisOf(at(from)), record.MillisOf(at(to)))
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range rows {
					sum += r.Amount
				}
				return sum
			}
			if a, b := hours(2, 10), hours(10, 20); a != 8*wh || b != 82*wh {
				t.Errorf("between readings by hand: %v and %v", a, b)
			}
			if _, err := w.service.Undo(t.Context(), entered[2].ID, "misread", "ada"); err != nil {
				t.Fatal(err)
			}
			w.settle()
			if a, b := hours(2, 10), hours(2, 20); a != 40*wh || b != 90*wh {
				t.Errorf("without the one between: %v of %v", a, b)
			}
			for what, b := range map[string]ledger.InterventionBody{
				"no amount":             {Kind: ledger.Figure, From: at(1), To: new(at(2)), Why: "x"},
				"no quarter":            {Kind: ledger.Figure, From: at(1).Add(time.Minute), To: new(at(2)), Value: new(1.0), Why: "x"},
				"no end":                {Kind: ledger.Figure, From: at(1), Value: new(1.0), Why: "x"},
				"only of a replacement": {Kind: ledger.Replace, From: at(1), To: new(at(2)), Value: new(1.0), Only: []ledger.Readings{{First: at(1), Last: at(1), Step: 1}}, Why: "x"},
				"only beyond":           {Kind: ledger.Exclude, From: at(1), To: new(at(2)), Only: []ledger.Readings{{First: at(1), Last: at(2), Step: 1}}, Why: "x"},
				"only without a step":   {Kind: ledger.Exclude, From: at(1), To: new(at(2)), Only: []ledger.Readings{{First: at(1), Last: at(1)}}, Why: "x"},
				"only out of order":     {Kind: ledger.Exclude, From: at(1), To: new(at(2)), Only: []ledger.Readings{{First: at(1.5), Last: at(1.6), Step: 1}, {First: at(1), Last: at(1), Step: 1}}, Why: "x"},
				"no counter":            {Kind: ledger.Reading, From: at(1), Value: new(1.0), Why: "x"},
				"too much":              {Kind: ledger.Figure, From: at(1), To: new(at(2)), Value: new(1e14), Why: "x"},
			} {
				if _, err := w.service.Intervene(t.Context(), "p0", b, "ada"); !errors.Is(err, errBad) {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}
