package tariff

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// BenchmarkYear prices a year of quarters of an hour; ns/quarter is what one
// costs.
func BenchmarkYear(b *testing.B) {
	for _, name := range []string{"flat", "day-night", "ausgrid-time-of-use", "dynamic", "industry", "feed-in", "gas"} {
		b.Run(name, func(b *testing.B) {
			p := load(b, "testdata/"+name+".yaml")
			from := window.QuarterOf(recordAt(p, 2026))
			end := window.QuarterOf(recordAt(p, 2027))
			var quotes []Quote
			for q := from; q < end; q++ {
				quotes = append(quotes, Quote{Span: window.QuarterSpan(q), Known: true, Price: Price(int64(q%200) * 1e9)})
			}
			period := window.Span{From: window.QuarterSpan(from).From, To: window.QuarterSpan(end).From}
			b.ResetTimer()
			for b.Loop() {
				r, err := p.Price(period, map[string][]Quote{"day-ahead-de": quotes})
				if err != nil {
					b.Fatal(err)
				}
				for q := from; q < end; q++ {
					if _, err := r.Add(Window{Span: window.QuarterSpan(q), Known: true, Amount: energy.Amount(q%1000) * 1e6}); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := r.Bill(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(end-from), "ns/quarter")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkNew checks and compiles a tariff.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		load(b, "testdata/industry.yaml")
	}
}

func recordAt(p *Plan, year int) record.Millis {
	return record.Millis(time.Date(year, 1, 1, 0, 0, 0, 0, p.Calendar().Zone()).UnixMilli())
}
