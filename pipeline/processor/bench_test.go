package processor

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// benchmark gives an operator batches of 1,000 items of so many series, a second
// apart.
func benchmark(b *testing.B, series int, o Operator) {
	b.Helper()
	const n = 1000
	items := make([]observation.Item, n)
	out := new(Out)
	t, at := record.Millis(1_700_000_000_000), 0
	b.ReportAllocs()
	for b.Loop() {
		for k := range items {
			items[k] = observation.Item{Series: observation.Series(at), Time: t, Value: float64(k%64) + 0.25}
			if at++; at == series {
				at, t = 0, t+1000
			}
		}
		out.Reset()
		o.Take(0, items, out)
		o.Advance(t, out)
		if len(out.Dead) > 0 {
			b.Fatal(out.Dead[0])
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "M/s")
}

func BenchmarkProcessors(b *testing.B) {
	for _, c := range []struct {
		name   string
		values map[string]any
	}{
		{"filter", map[string]any{"operator": "GE", "threshold": 32}},
		{"expression", map[string]any{"where": "value > 32"}},
		{"expression", map[string]any{"map": "value * 1.5 + 3"}},
		{"convert", map[string]any{"from": "W", "to": "kW"}},
		{"average", map[string]any{}},
		{"minimum", map[string]any{}},
		{"last", map[string]any{}},
		{"standard-deviation", map[string]any{}},
		{"percentile", map[string]any{}},
		{"average", map[string]any{"window": "hopping", "size": "1h", "hop": "5m"}},
		{"average", map[string]any{"window": "calendar", "size": "1d", "zone": "Europe/Berlin"}},
		{"average", map[string]any{"window": "sliding", "items": 100}},
		{"average", map[string]any{"window": "session"}},
		{"deduplicate", map[string]any{}},
		{"energy", map[string]any{}},
		{"threshold", map[string]any{"limit": 60}},
		{"z-score", map[string]any{"items": 100}},
		{"sum-of-inputs", map[string]any{"every": "10s"}},
	} {
		for _, series := range []int{100, 10_000} {
			b.Run(fmt.Sprint(c.name, c.values, "/", series), func(b *testing.B) { benchmark(b, series, made(b, c.name, c.values)) })
		}
	}
}

// BenchmarkMessages has every item come by itself, as over MQTT, of 10,000 series.
func BenchmarkMessages(b *testing.B) {
	for _, name := range []string{"average", "energy", "threshold", "sum-of-inputs", "gap-fill"} {
		b.Run(name, func(b *testing.B) {
			o := made(b, name, map[string]map[string]any{"threshold": {"limit": 60}, "gap-fill": {"interval": "1s"}}[name])
			out := new(Out)
			n := 0
			for b.Loop() {
				t := record.Millis(1_700_000_000_000 + int64(n)/10)
				out.Reset()
				o.Take(0, []observation.Item{{Series: observation.Series(n % 10_000), Time: t, Value: float64(n % 64)}}, out)
				o.Advance(t, out)
				n++
			}
		})
	}
}

// TestStateIsSmall measures what a series costs an hourly average: 40 bytes its
// window, and 12 its number.
func TestStateIsSmall(t *testing.T) {
	for name, most := range map[string]int{"average": 80, "maximum": 80, "last": 96, "standard-deviation": 140} {
		const series = MaxSeries
		o := made(t, name, nil)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		out := new(Out)
		for n := range series {
			o.Take(0, []observation.Item{{Series: observation.Series(n), Time: 1_700_000_000_000, Value: 1}}, out)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := int(math.Round(float64(after.HeapAlloc-before.HeapAlloc) / series))
		saved := len(o.Save(nil)) / series
		t.Logf("%s: %d bytes a series, %d saved", name, each, saved)
		if each > most || len(out.Dead) > 0 {
			t.Errorf("%s: %d bytes a series, at most %d are wanted; refused %d", name, each, most, len(out.Dead))
		}
		o.Take(0, []observation.Item{{Series: series, Time: 1_700_000_000_000, Value: 1}}, out)
		if len(out.Dead) != 1 || out.Dead[0].Reason != isTooManyKeys {
			t.Errorf("%s: one more than there may be is taken", name)
		}
		runtime.KeepAlive(o)
	}
}
