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
		t.Run(x.zone+" "+x.day, func(t *testing.T) {
			zone, err := time.LoadLocation(x.zone)
			if err != nil {
				t.Fatal(err)
			}
			begin, err := time.ParseInLocation("2006-01-02", x.day, zone)
			if err != nil {
				t.Fatal(err)
			}
			end := begin.AddDate(0, 0, 1)
			w := newWorld(t, sqlite, end.AddDate(0, 0, 1).Add(time.Hour))
			w.put(meters(x.zone, time.Minute, "m"))
			var all []record.Record
			for at := begin.AddDate(0, 0, -1); at.Before(end.AddDate(0, 0, 1)); at = at.Add(time.Minute) {
				all = append(all, record.Record{Sensor: "m", Time: record.MillisOf(at), Value: 4000})
			}
			w.send(all...)
			w.settle()
			for _, p := range []ledger.Point{ledger.SensorPoint("m"), ledger.GroupPoint("site", "all")} {
				for size, want := range map[window.Size]int{window.Quarter: x.quarters, window.Hour: x.hours, window.Day: 1} {
					rows, _, err := w.service.Windows(t.Context(), p, size, record.MillisOf(begin), record.MillisOf(end))
					if err != nil {
						t.Fatal(err)
					}
					var sum energy.Amount
					for i, r := range rows {
						sum += r.Amount
						if wh := energy.Amount(r.End-r.Start) * 4000 * energy.PerUnit / 3_600_000; r.Amount != wh || r.Completeness() != 1 {
							t.Errorf("%v: window %d of %v is %v W·h, complete to %v", p, i, size, r.Amount, r.Completeness())
						}
					}
					if len(rows) != want || sum != energy.Amount(x.quarters)*1000*energy.PerUnit {
						t.Errorf("%v: the day has %d windows of %v with %v W·h, not %d with %d", p, len(rows), size, sum, want, x.quarters*1000)
					}
				}
			}
		})
	}
}
