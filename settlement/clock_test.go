package settlement

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// TestClockChanges settles the days on which the clock changes, and those
// beside them: 4 kW all the time are a W·h for each second of the day and 11 %.
func TestClockChanges(t *testing.T) {
	for _, x := range []struct {
		zone     string
		day      string // of local time
		quarters int
		hours    int
	}{
		{"Europe/Berlin", "2026-03-29", 92, 23},
		{"Europe/Berlin", "2026-10-25", 100, 25},
		{"America/New_York", "2026-03-08", 92, 23},
		{"America/New_York", "2026-11-01", 100, 25},
		{"Australia/Lord_Howe", "2026-04-05", 98, 25}, // half an hour more
		{"Australia/Lord_Howe", "2026-10-04", 94, 24},
		{"Asia/Kathmandu", "2026-03-29", 96, 24}, // 5:45 ahead, and never changes
		{"Asia/Kathmandu", "2026-10-25", 96, 24},
	} {
		for name, open := range map[string]func(*testing.T) *ledger.Store{"sqlite": sqlite, "postgres": postgres} {
			t.Run(x.zone+" "+x.day+" "+name, func(t *testing.T) { clockChanges(t, open, x.zone, x.day, x.quarters, x.hours) })
		}
	}
}

// clockChanges settles the month of a day, and a week on both sides, and looks at the windows of the day, and at the week and the month that hold it.
func clockChanges(t *testing.T, open func(*testing.T) *ledger.Store, in, day string, quarters, hours int) {
	zone, err := time.LoadLocation(in)
	if err != nil {
		t.Fatal(err)
	}
	begin, err := time.ParseInLocation(time.DateOnly, day, zone)
	if err != nil {
		t.Fatal(err)
	}
	end := begin.AddDate(0, 0, 1)
	month := begin.AddDate(0, 0, 1-begin.Day())
	first, last := month.AddDate(0, 0, -7), month.AddDate(0, 1, 7)
	w := newWorld(t, open, last.Add(time.Hour))
	w.put(meters(in, 15*time.Minute, "m"))
	var all []record.Record
	for at := first; at.Before(last); at = at.Add(15 * time.Minute) {
		all = append(all, record.Record{Sensor: "m", Time: record.MillisOf(at), Value: 4800})
	}
	w.send(all...)
	w.settle()
	for _, p := range []ledger.Point{ledger.SensorPoint("m"), ledger.GroupPoint("site", "all")} {
		for size, want := range map[window.Size]int{window.FiveMinutes: 3 * quarters, window.Quarter: quarters, window.HalfHour: quarters / 2, window.Hour: hours, window.Day: 1} {
			rows, _, err := w.service.Windows(t.Context(), p, size, record.MillisOf(begin), record.MillisOf(end))
			if err != nil {
				t.Fatal(err)
			}
			var sum energy.Amount
			for i, r := range rows {
				sum += r.Amount
				if wh := energy.Amount(r.End-r.Start) * 4800 * energy.PerUnit / 3_600_000; r.Amount != wh || r.Completeness() != 1 {
					t.Errorf("%v: window %d of %v is %v W·h, complete to %v", p, i, size, r.Amount, r.Completeness())
				}
			}
			if len(rows) != want || sum != energy.Amount(quarters)*1200*energy.PerUnit {
				t.Errorf("%v: the day has %d windows of %v with %v W·h, not %d with %d", p, len(rows), size, sum, want, quarters*1200)
			}
		}
		days := int(month.AddDate(0, 1, 0).Sub(month).Round(24*time.Hour).Hours()) / 24
		for size, want := range map[window.Size]int{window.Week: 7, window.Month: days} {
			rows, _, err := w.service.Windows(t.Context(), p, size, record.MillisOf(begin), record.MillisOf(end))
			if err != nil {
				t.Fatal(err)
			}
			if want = want*96 + quarters - 96; len(rows) != 1 || rows[0].Amount != energy.Amount(want)*1200*energy.PerUnit || rows[0].Completeness() != 1 {
				t.Errorf("%v: the %v is %+v, not %d quarters", p, size, rows, want)
			}
		}
	}
}
