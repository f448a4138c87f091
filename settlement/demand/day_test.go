package demand

import (
	"net/http"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// TestDay asks for the energy of the running day of the site: of settled windows
// and live readings, with what of the day is missing said, whenever the program
// was started.
func TestDay(t *testing.T) {
	everywhere(t, func(t *testing.T, store *ledger.Store) {
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 3, 29, 14, 7, 0, 0, zone) // thirteen hours and seven minutes of a day whose clock was put forward
		midnight := time.Date(2026, 3, 29, 0, 0, 0, 0, zone)
		w := newWorld(t, store, document(t), now)
		silent, again := midnight.Add(3*time.Hour), midnight.Add(4*time.Hour)
		for at := midnight.Add(-time.Hour); at.Before(now); at = at.Add(time.Minute) {
			w.memory.add(ledger.SensorPoint("panels"), record.MillisOf(at), 600)
			w.memory.add(ledger.SensorPoint("halls"), record.MillisOf(at), 1000)
			if at.Before(silent) || !at.Before(again) {
				w.memory.add(ledger.SensorPoint("b"), record.MillisOf(at), 500)
			}
		}
		// Ticks there are since the program was started, five minutes ago.
		settled := time.Date(2026, 3, 29, 14, 0, 0, 0, zone)
		for at := settled.Add(2 * time.Minute); at.Before(now); at = at.Add(time.Second) {
			w.memory.add(ledger.GroupPoint("place", "hall"), record.MillisOf(at), 500)
		}
		w.settle()
		const hours = 13 + 7/60.
		var day DayBody
		w.get("sensors/panels/day", &day)
		if day.Zone != "Europe/Berlin" || day.AmountUnit != "Wh" || day.Start != midnight.UnixMilli() || day.At != now.UnixMilli() || day.Settled != settled.UnixMilli() || day.Meter != nil {
			t.Errorf("got %+v", day)
		}
		near(t, "energy of the panels", day.Amount, 600*hours)
		near(t, "their completeness", &day.Completeness, 1)
		near(t, "what of it is not settled", &day.Estimated, 600*7/60.)
		day = DayBody{}
		w.get("groups/hall/day", &day)
		// 60 minutes of the day were silent, but for what the value before held,
		// and of the last seven minutes two are before the first tick.
		const held = 3 // intervals, in minutes
		known := hours - (60-held+1+2)/60.
		near(t, "energy of the hall", day.Amount, 500*known)
		near(t, "its completeness", &day.Completeness, known/hours)
		if day.Meter == nil {
			t.Fatalf("got %+v", day)
		}
		near(t, "energy of its meter", day.Meter.Amount, 1000*hours)
		near(t, "its meter's completeness", &day.Meter.Completeness, 1)
		// Up to a time, as long as it has been.
		day = DayBody{}
		w.get("sensors/b/day?at=2026-03-29T03:00", &day) // two hours after midnight
		near(t, "energy of two hours", day.Amount, 1000)
		near(t, "completeness of two hours", &day.Completeness, 1)
		day = DayBody{}
		w.get("sensors/b/day?at=2026-03-29T00:05", &day) // a third of a quarter
		near(t, "energy of five minutes", day.Amount, 500*5/60.)
		near(t, "completeness of five minutes", &day.Completeness, 1)
		day = DayBody{}
		w.get("sensors/b/day?at=2026-03-29T04:05", &day) // where it is silent
		near(t, "energy until in a quarter", day.Amount, 1500+500*2/60.)
		near(t, "completeness until in a quarter", &day.Completeness, 182/185.)
		// Null is not zero.
		day = DayBody{}
		w.get("sensors/a/day", &day)
		if day.Amount != nil || day.Completeness != 0 {
			t.Errorf("of who never said anything: %+v", day)
		}
		for path, want := range map[string]int{
			"sensors/b/day?at=2026-03-29T15:00": http.StatusUnprocessableEntity, "sensors/b/day?at=noon": http.StatusUnprocessableEntity,
			"sensors/none/day": http.StatusNotFound, "groups/none/day": http.StatusNotFound, "sensors/volts/day": http.StatusUnprocessableEntity,
		} {
			if code, said := w.ask(path); code != want {
				t.Errorf("%s answers %d %s", path, code, said)
			}
		}
	})
}
