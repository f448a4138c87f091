package remote

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/internal/vmtest"
	"github.com/wattwerk/wattwerk/record"
)

// BenchmarkAppend appends to 20,000 series, one sample a second each, in
// columns of 5,000, and flushes after every ten seconds of them, as the service
// does. One operation is ten samples of every series. WATTWERK_SERIES sets the
// number of series.
func BenchmarkAppend(b *testing.B) {
	series := 20_000
	if v, err := strconv.Atoi(os.Getenv("WATTWERK_SERIES")); err == nil {
		series = v
	}
	const column, seconds = 5000, 10
	for _, zstd := range []bool{false, true} {
		b.Run(fmt.Sprintf("series=%d/zstd=%t", series, zstd), func(b *testing.B) {
			vm := vmtest.Start(b, vmtest.Options{})
			s, err := Open(b.Context(), Options{Replicas: []Replica{on(vm)}, Zstd: zstd, MaxPending: uint64(series * seconds * 2)})
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
			times, values := make([]record.Millis, column), make([]float64, column)
			round := func(n int) {
				for tick := n * seconds; tick < (n+1)*seconds; tick++ {
					for c := range columns {
						for i := range times {
							times[i] = t0 + record.Millis(tick*1000)
							values[i] = math.Round(1000*(200+100*math.Sin(float64(tick)/60+float64(c*i)))) / 8
						}
						if _, err := s.Append(b.Context(), columns[c], nil, times, values); err != nil {
							b.Fatal(err)
						}
					}
				}
				if err := s.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			round(0) // the server makes its series
			b.ResetTimer()
			ours, theirs := cpuTime(b), cpuOf(b, vm.PID())
			for n := 0; n < b.N; n++ {
				round(n + 1)
			}
			b.StopTimer()
			samples := float64(b.N * series * seconds)
			b.ReportMetric(float64(cpuTime(b)-ours)/samples, "our-cpu-ns/sample")
			b.ReportMetric(float64(cpuOf(b, vm.PID())-theirs)/samples, "its-cpu-ns/sample")
			b.ReportMetric(samples/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cpuOf gives the processor time of a process; it is counted in hundredths of
// a second (proc(5)).
func cpuOf(b *testing.B, pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	sum := time.Duration(0)
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(n) * 10 * time.Millisecond
	}
	return sum
}
