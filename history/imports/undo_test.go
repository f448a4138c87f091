package imports_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history/imports"
)

func TestUndoIsExact(t *testing.T) {
	databases(t, site("UTC", power()), func(t *testing.T, w *world) {
		w.add("00:15", 2)
		w.add("00:35", 99)
		x := w.upload("a.csv", "time,a\n2026-01-01 00:00,1\n2026-01-01 00:15,2\n2026-01-01 00:30,3\n2026-01-01 00:45,4\n2026-01-01 01:00,5\n")
		w.run(x.ID, plan(imports.ImportColumn{Column: "a", Sensor: "a", As: "gauge"}), false)
		w.add("00:50", 98)
		if got := w.text("a"); got != "00:00=1 00:15=2 00:30=3 00:35=99 00:45=4 00:50=98 01:00=5" {
			t.Fatal(got)
		}
		undone, err := w.service.Undo(t.Context(), x.ID, "wrong")
		if err != nil {
			t.Fatal(err)
		}
		if got := w.text("a"); got != "00:15=2 00:35=99 00:50=98" || len(undone.Held) != 1 {
			t.Errorf("%s is left, by %d exclusions", got, len(undone.Held))
		}
		w.add("00:40", 97) // what comes later, between its readings, is not excluded
		w.add("00:31", 96)
		if got := w.text("a"); got != "00:15=2 00:31=96 00:35=99 00:40=97 00:50=98" {
			t.Error(got)
		}
		if _, err := w.service.Redo(t.Context(), x.ID, "it was right"); err != nil {
			t.Fatal(err)
		}
		if got := w.text("a"); got != "00:00=1 00:15=2 00:30=3 00:31=96 00:35=99 00:40=97 00:45=4 00:50=98 01:00=5" {
			t.Error(got)
		}
	})
}

// TestUndoIsExactOfWhatIsIrregular has more rows of readings than an exclusion
// can be about: it is of stretches then.
func TestUndoIsExactOfWhatIsIrregular(t *testing.T) {
	w := newWorld(t, "", site("UTC", power()))
	var file strings.Builder
	file.WriteString("time,a\n")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 12_000 {
		at = at.Add(time.Duration(1000+i%2*137+i*i%7919) * time.Millisecond)
		fmt.Fprintf(&file, "%s,%d\n", at.Format(time.RFC3339Nano), i)
	}
	w.add("00:30", 7)
	x := w.upload("a.csv", file.String())
	w.run(x.ID, plan(imports.ImportColumn{Column: "a", Sensor: "a", As: "gauge"}), false)
	if n := len(w.readings("a")); n != 12_001 {
		t.Fatal(n)
	}
	undone, err := w.service.Undo(t.Context(), x.ID, "wrong")
	if err != nil {
		t.Fatal(err)
	}
	if got := w.text("a"); got != "00:30=7" || len(undone.Held) != 2 {
		t.Errorf("%s is left, by %d exclusions", got, len(undone.Held))
	}
}

// TestMended imports a file with the wrong unit, takes it back, and imports it
// rightly: what is derived is as if it had been right at once.
func TestMended(t *testing.T) {
	databases(t, site("UTC", power()), func(t *testing.T, w *world) {
		const file = "time,a\n2026-01-01 00:00,1\n2026-01-01 00:15,0\n2026-01-01 00:30,3\n"
		w.add("00:20", 7000)
		wrong := w.upload("a.csv", file)
		w.run(wrong.ID, plan(imports.ImportColumn{Column: "a", Sensor: "a", Unit: "W", As: "gauge"}), false)
		if _, err := w.service.Undo(t.Context(), wrong.ID, "it is in kW"); err != nil {
			t.Fatal(err)
		}
		right := w.upload("a.csv", file+"2026-01-01 00:45,4\n")
		p := plan(imports.ImportColumn{Column: "a", Sensor: "a", Unit: "kW", As: "gauge"})
		done := w.run(right.ID, p, false)
		if got := w.text("a"); got != "00:00=1000 00:15=0 00:20=7000 00:30=3000 00:45=4000" {
			t.Errorf("%s; %+v", got, done.Report)
		}
		if o := done.Report.Sensors[0]; o.Replacing != 3 || o.New != 1 || o.Conflicts != 0 {
			t.Errorf("%+v", o)
		}
		if _, err := w.service.Undo(t.Context(), right.ID, "once more"); err != nil {
			t.Fatal(err)
		}
		if got := w.text("a"); got != "00:20=7000" {
			t.Error(got)
		}
		if _, err := w.service.Redo(t.Context(), right.ID, "it was right"); err != nil {
			t.Fatal(err)
		}
		if got := w.text("a"); got != "00:00=1000 00:15=0 00:20=7000 00:30=3000 00:45=4000" {
			t.Error(got)
		}
	})
}
