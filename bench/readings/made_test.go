package readings

import (
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/sim"
	"github.com/wattwerk/wattwerk/window"
)

var _ reading.Source = (*Late)(nil)

// TestMadeReadings asks for readings in parts and at once: they are the same, one
// a minute, within their bounds; those that are late come when they do.
func TestMadeReadings(t *testing.T) {
	gen, err := sim.New(sim.Options{Sensors: 3, Interval: time.Minute, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	from := record.MillisOf(time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC))
	to := from + 9*24*60*minute
	m := Make(gen, 3, from, to)
	scan := func(s reading.Source, i int, from, to record.Millis) (times []int64, values []float64) {
		t.Helper()
		err := s.Scan(t.Context(), gen.Sensor(i), from, to, func(ts []int64, vs []float64) error {
			times, values = append(times, ts...), append(values, vs...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return times, values
	}
	times, values := scan(m, 1, 0, record.MaxTime)
	if oldest, newest := m.Extent(); len(times) != 9*24*60 || times[0] != int64(oldest) || times[len(times)-1] != int64(newest) || slices.Min(values) == slices.Max(values) {
		t.Errorf("%d readings from %d", len(times), times[0])
	}
	var parts []float64
	for at := from - 7*minute; at < to; at += 777 * minute {
		_, some := scan(m, 1, at, at+777*minute-1)
		parts = append(parts, some...)
	}
	if !slices.Equal(parts, values) {
		t.Errorf("%d readings in parts, not the same %d", len(parts), len(values))
	}
	if _, other := scan(m, 2, 0, record.MaxTime); slices.Equal(other, values) {
		t.Error("two sensors show the same")
	}
	if n := m.count.Load(); n != 3*9*24*60 {
		t.Errorf("%d were counted", n)
	}
	l := &Late{Source: m, Sensor: gen.Sensor(1), At: window.Span{From: from + 24*60*minute, To: from + 2*24*60*minute}}
	if some, _ := scan(l, 1, 0, record.MaxTime); len(some) != 8*24*60 {
		t.Errorf("%d have come", len(some))
	}
	l.Come()
	if all, _ := scan(l, 1, 0, record.MaxTime); len(all) != 9*24*60 {
		t.Errorf("%d have come at last", len(all))
	}
}

// TestWrite writes two days, and reads what is written.
func TestWrite(t *testing.T) {
	gen, err := sim.New(sim.Options{Sensors: 2, Interval: time.Minute, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	from := record.MillisOf(time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC))
	dir := t.TempDir()
	n, _, err := Write(t.Context(), dir, gen, 2, from, from+2*24*60*minute)
	if err != nil {
		t.Fatal(err)
	}
	store, err := tsdb.Open(tsdb.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	found := 0
	for i := range 2 {
		err := store.Scan(t.Context(), history.RecordsOf(gen.Sensor(i)), 0, record.MaxTime, func(times []int64, _ []float64) error {
			found += len(times)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 2*(2*24*60-2) || n > 2*2*24*60 || found != n {
		t.Errorf("%d readings were written, and %d are there", n, found)
	}
}
