package settling

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/reading"
)

// stored are the readings of a history.
type stored struct{ history.Store }

func (s stored) Scan(ctx context.Context, id record.SensorID, from, to record.Millis, f func([]int64, []float64) error) error {
	return s.Store.Scan(ctx, history.RecordsOf(id), from, to, f)
}

func (s stored) Extent() (oldest, newest record.Millis) {
	stats := s.Stats()
	return stats.Oldest, stats.Newest
}

// TestRun measures a little, with readings that are made and with such as
// are written first.
func TestRun(t *testing.T) {
	for _, written := range []bool{false, true} {
		figures, err := Run(t.Context(), Options{
			Sensors: 20, Groups: 2, Days: 2, Written: written, Dir: t.TempDir(), Say: t.Logf,
			Readings: func(h history.Store) reading.Source { return stored{h} },
		})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := figures.Print(&out, true); err != nil {
			t.Fatal(err)
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
