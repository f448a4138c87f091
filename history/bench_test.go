package history_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// BenchmarkRange asks for a year of minutes of one sensor in 1,000 points, and
// reports the 99th percentile.
func BenchmarkRange(b *testing.B) {
	p := start(b)
	fill, err := p.store.Backfill(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	const year = 365 * 24 * 60
	times, values := make([]record.Millis, year), make([]float64, year)
	for i := range times {
		times[i], values[i] = p.at(i-year), math.Round(1000+500*math.Sin(float64(i)/200)+float64(i*7919%100))
	}
	if err := fill.Add(history.RecordsOf("s1"), times, values); err != nil {
		b.Fatal(err)
	}
	if _, err := fill.Commit(); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		w := httptest.NewRecorder()
		p.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/sensors/s1/range?from=now-366d&points=1000", nil))
		if took = append(took, time.Since(began)); w.Code != http.StatusOK || w.Body.Len() < 10_000 {
			b.Fatal(w.Code, w.Body)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
	b.ReportMetric(float64(p.store.Stats().Bytes)/year, "B/record")
}
