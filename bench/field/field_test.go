package field

import (
	"testing"
	"time"
)

// TestRun runs for a second; the benchmark checks what is stored itself.
func TestRun(t *testing.T) {
	out, err := Run(t.Context(), Options{Devices: 5, Clients: 2, Time: time.Second, Dir: t.TempDir(), Say: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	batches, _ := out.Value("batches").(int)
	if hourly, _ := out.Value("devices_hourly_per_core").(int); batches < 1 || hourly <= 0 {
		t.Errorf("%d batches, %d devices", batches, hourly)
	}
}
