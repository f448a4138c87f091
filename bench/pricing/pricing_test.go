package pricing

import (
	"testing"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/reading"
)

// nothing are no readings: windows are written as settled.
type nothing struct{ reading.Source }

func (nothing) Extent() (oldest, newest record.Millis) { return 0, 0 }

// TestRun prices a little, and checks that the figures are there; the benchmark checks
// the bill itself.
func TestRun(t *testing.T) {
	out, err := Run(t.Context(), Options{
		Sensors: 3, Days: 2, Dir: t.TempDir(), Say: t.Logf,
		Readings: func(history.Store) reading.Source { return nothing{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	// A day on which the clock changes has 92 or 100 quarters.
	rows, _ := out.Value("rows").(int)
	if rate, _ := out.Value("rows_per_second").(float64); rows < 3*(96+92) || rows > 3*(96+100) || rate <= 0 {
		t.Errorf("%d windows, %v a second", rows, rate)
	}
}
