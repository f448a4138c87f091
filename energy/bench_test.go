package energy

import (
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

// day is a day of readings every minute, and the edges of its quarters.
func day(value func(i int) float64) ([]Reading, []record.Millis) {
	readings := minutes(0, 1440, value)
	var edges []record.Millis
	for at := record.Millis(0); at <= 86_400_000; at += 900_000 {
		edges = append(edges, at)
	}
	return readings, edges
}

func benchmark(b *testing.B, rules Rules, value func(i int) float64) {
	readings, edges := day(value)
	var s Settler
	values := make([]Value, 0, len(edges))
	b.ReportAllocs()
	for b.Loop() {
		values, _ = s.Settle(values[:0], nil, readings, edges, rules, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(readings)), "ns/reading")
}

func BenchmarkGauge(b *testing.B) {
	benchmark(b, gaugeRules, func(i int) float64 { return 1000.1 + float64(i%17)*3.7 })
}

func BenchmarkCounter(b *testing.B) {
	benchmark(b, Rules{Counter: true, MaxAge: 180_000, Tolerance: 100, MaxRate: 50_000}, func(i int) float64 { return 812_400.3 + float64(i)*16.7 })
}

// BenchmarkCounterWithTrouble has a glitch every 20 minutes.
func BenchmarkCounterWithTrouble(b *testing.B) {
	benchmark(b, Rules{Counter: true, MaxAge: 180_000, Tolerance: 100, MaxRate: 50_000}, func(i int) float64 {
		if i%20 == 7 {
			return 0
		}
		return 812_400.3 + float64(i)*16.7
	})
}
