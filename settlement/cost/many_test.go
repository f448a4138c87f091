package cost

import (
	"fmt"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// TestManySensors prices the open time of a group of more sensors than are computed
// for every question: it goes on as the last quarter of an hour that is settled,
// until what really was is settled.
func TestManySensors(t *testing.T) {
	zone := berlin(t)
	begin := time.Date(2026, 3, 5, 0, 0, 0, 0, zone)
	var ids []record.SensorID
	for i := range 210 {
		ids = append(ids, record.SensorID(fmt.Sprintf("p%03d", i)))
	}
	w := newWorld(t, "", begin.Add(6*time.Hour), meters("Europe/Berlin", 15*time.Minute, 0, ids...))
	w.must("PUT", "tariffs/home", yamlType, flat, nil)
	w.must("POST", "costs/assignments", "", `{"group":"all","tariff":"home","from":"2026-03-05"}`, nil)
	send := func(watts float64, from, to time.Time) { // of each
		var all []record.Record
		for at := from; at.Before(to); at = at.Add(15 * time.Minute) {
			for _, id := range ids {
				all = append(all, record.Record{Sensor: id, Time: record.MillisOf(at), Value: watts})
			}
		}
		w.send(all...)
	}
	now := func() (b CostNowBody) {
		t.Helper()
		w.must("GET", "costs/groups/all/now", "", "", &b)
		return b
	}
	send(10, begin, w.now)
	w.settled()
	// Seven minutes later they take twice as much, and that is not settled.
	send(20, w.now, w.now.Add(time.Minute))
	w.now = w.now.Add(7 * time.Minute)
	b := now()
	w.expect("today", b.Day.Total, "4.3535") // 2.1 kW for 6 h 7 min, and the day
	w.expect("flow", b.Flow, "2100")
	if open := 770.0 / 12_845; b.Day.EstimatedShare < open-1e-9 || b.Day.EstimatedShare > open+1e-9 {
		t.Errorf("%v of it is estimated, want %v", b.Day.EstimatedShare, open)
	}
	// Half an hour later it is: a quarter of an hour of 4.2 kW.
	send(10, begin.Add(6*time.Hour+15*time.Minute), begin.Add(6*time.Hour+16*time.Minute))
	w.now = begin.Add(6*time.Hour + 20*time.Minute)
	w.settled()
	b = now()
	w.expect("today", b.Day.Total, "4.70") // 12.6 kW·h, 1.05, and as much as that for 5 min: 0.35; by 0.30, and the day
	w.expect("flow", b.Flow, "4200")
}
