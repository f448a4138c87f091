package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// TestAveragesBrokenOff: who asks may end at any moment, as the program does;
// that is an error and nothing else.
func TestAveragesBrokenOff(t *testing.T) {
	const n = 5000
	s, id := filled(t, "", n)
	from := record.Millis(900_000) * n / 2
	whole := time.Now()
	if all, err := s.Averages(t.Context(), id, from, 900_000*n); err != nil || len(all) != n/2 || all[0] != 100 || all[2] == all[2] {
		t.Fatal(len(all), err)
	}
	took := time.Since(whole)
	for i := range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), took*time.Duration(i)/200)
		if all, err := s.Averages(ctx, id, from, 900_000*n); err == nil && len(all) != n/2 {
			t.Errorf("%d: %d quarters", i, len(all))
		}
		cancel()
	}
}
