package app

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/sim"
	"github.com/wattwerk/wattwerk/window"
)

var _ reading.Source = (*late)(nil)

// TestMadeReadings asks for readings in parts and at once: they are the same, one
// a minute, within their bounds; those that are late come when they do.
func TestMadeReadings(t *testing.T) {
	gen, err := sim.New(sim.Options{Sensors: 3, Interval: time.Minute, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	from := record.MillisOf(time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC))
	to := from + 9*24*60*minute
	m := newMade(gen, 3, from, to)
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
	l := &late{Source: m, sensor: gen.Sensor(1), at: window.Span{From: from + 24*60*minute, To: from + 2*24*60*minute}}
	if some, _ := scan(l, 1, 0, record.MaxTime); len(some) != 8*24*60 {
		t.Errorf("%d have come", len(some))
	}
	l.come.Store(true)
	if all, _ := scan(l, 1, 0, record.MaxTime); len(all) != 9*24*60 {
		t.Errorf("%d have come at last", len(all))
	}
}

// TestBenchSettle measures a little, with readings that are made and with such as
// are written first.
func TestBenchSettle(t *testing.T) {
	for _, written := range []bool{false, true} {
		var out, errs bytes.Buffer
		c := BenchSettleCmd{Sensors: 20, Groups: 2, Days: 2, Written: written}
		c.JSON, c.Dir = true, t.TempDir()
		if err := c.Run(t.Context(), IO{Out: &out, Err: &errs}); err != nil {
			t.Fatal(err, errs.String())
		}
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err, out.String())
		}
		// 20 sensors, 2 lines, 2 of 10 halls that have some, and the plant, without the
		// day that comes late; the last reading holds a little longer.
		rows, _ := got["rows"].(float64)
		if rows < 2*96*25-96 || rows > 2*96*25 {
			t.Errorf("%v rows: %s", rows, out.String())
		}
		for _, name := range []string{"rows_per_second", "cpu_us_per_row", "year_hours", "year_gigabytes", "correction_ms", "late_day_ms"} {
			if v, ok := got[name].(float64); !ok || v <= 0 {
				t.Errorf("%s is %v: %s", name, got[name], out.String())
			}
		}
	}
}
