package tsdb

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// BenchmarkAppend appends columns of 5,000 sensors each from two goroutines,
// as the partitions of the bus do, at one time after the other. WATTWERK_SERIES
// sets the number of series.
func BenchmarkAppend(b *testing.B) {
	series := 100_000
	if v, err := strconv.Atoi(os.Getenv("WATTWERK_SERIES")); err == nil {
		series = v
	}
	const column = 5000
	b.Run(fmt.Sprintf("series=%d", series), func(b *testing.B) {
		s, err := Open(Options{Dir: b.TempDir(), MinFree: 1, Series: series})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		columns := make([][]history.Ref, series/column)
		for c := range columns {
			names := make([]history.Series, column)
			for i := range names {
				names[i] = history.RecordsOf(record.SensorID(fmt.Sprintf("sensor-%07d", c*column+i)))
			}
			columns[c] = s.Refs(nil, names)
		}
		round := func(tick int) {
			done := make(chan error, 2)
			for w := range 2 {
				go func() {
					times, values := make([]record.Millis, column), make([]float64, column)
					for c := w; c < len(columns); c += 2 {
						for i := range times {
							times[i] = record.Millis(1_700_000_000_000 + int64(tick)*1000)
							values[i] = math.Round(1000*(200+100*math.Sin(float64(tick)/60+float64(c*i)))) / 8
						}
						if _, err := s.Append(b.Context(), columns[c], nil, times, values); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range 2 {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		}
		begin := time.Now()
		round(0)
		b.Logf("first round %v", time.Since(begin))
		b.ResetTimer()
		cpu := cpuTime()
		for n := 0; n < b.N; n++ {
			round(n + 1)
		}
		b.StopTimer()
		b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N*series), "cpu-ns/record")
		b.ReportMetric(float64(b.N*series)/b.Elapsed().Seconds(), "records/s")
		runtime.GC()
		b.ReportMetric(float64(rss())/1e6, "MB-rss")
		begin = time.Now()
		if err := s.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(begin).Seconds(), "flush-s")
		b.ReportMetric(float64(s.Stats().Bytes)/float64((b.N+1)*series), "B/record")
		begin = time.Now()
		round(b.N + 1)
		b.ReportMetric(time.Since(begin).Seconds(), "after-flush-s")
		b.ReportMetric(float64(rss())/1e6, "MB-rss-end")
	})
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func rss() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	return n * int64(os.Getpagesize())
}
