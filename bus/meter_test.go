package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/wattwerk/wattwerk/record"
)

// value gives a sample of a gathered metric by the values of its labels.
func value(t *testing.T, reg *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetValue())
			}
			if fmt.Sprint(have) != fmt.Sprint(labels) {
				continue
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				return m.GetCounter().GetValue()
			case dto.MetricType_HISTOGRAM:
				return float64(m.GetHistogram().GetSampleCount())
			default:
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

func TestLagOfAReader(t *testing.T) {
	reg := prometheus.NewRegistry()
	b, err := Open(t.Context(), Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := b.NewWriter()
	write := func() {
		t.Helper()
		if err := w.Write(t.Context(), []record.Record{{Sensor: "kettle", Time: 1, Value: 2}}); err != nil {
			t.Fatal(err)
		}
	}
	write()
	write()
	if got := b.Lags(t.Context()); len(got) != 0 {
		t.Errorf("nobody reads, and the lags are %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	handling, goOn, ended := make(chan uint64), make(chan bool), make(chan error, 1)
	go func() {
		ended <- b.FollowRecords(ctx, "history", 0, 1, func(m Message) error {
			handling <- m.Seq
			if !<-goOn {
				return errors.New("it fails")
			}
			return nil
		})
	}()
	<-handling
	got := b.Lags(t.Context())
	if len(got) != 1 || got[0].Reader != "history" || got[0].Messages != 2 || got[0].Age <= 0 {
		t.Errorf("while the first is handled: %+v", got)
	}
	if v := value(t, reg, "wattwerk_reader_lag_messages", "0", "history"); v != 2 {
		t.Errorf("the metric is %v", v)
	}
	goOn <- true
	<-handling
	if got := b.Lags(t.Context()); len(got) != 1 || got[0].Messages != 1 {
		t.Errorf("while the second is handled: %+v", got)
	}
	goOn <- true
	// The end of the handling is noted after handle has returned.
	for b.Lags(t.Context())[0].Messages != 0 {
	}
	if got := b.Lags(t.Context())[0]; got.Age != 0 {
		t.Errorf("it has all: %+v", got)
	}
	write()
	<-handling
	goOn <- false
	if err := <-ended; err == nil {
		t.Error("the reader did not fail")
	}
	cancel()
	if got := b.Lags(t.Context()); len(got) != 0 {
		t.Errorf("it reads no more, and the lags are %v", got)
	}
}

func TestLagIsCountedFromWhatIsThere(t *testing.T) {
	at := time.UnixMilli(1_000_000)
	x := Extent{First: 11, Last: 20, FirstStored: at.Add(-time.Minute), LastStored: at, At: at}
	f := &following{done: 0}
	if n, age := f.lag(x); n != 10 || age != time.Minute {
		t.Errorf("begun behind what was trimmed: %d, %v", n, age)
	}
	f = &following{done: 20}
	if n, age := f.lag(x); n != 0 || age != 0 {
		t.Errorf("all handled: %d, %v", n, age)
	}
	// A message that comes after a long silence is as old as it is, not as the silence.
	x.Last, x.At = 21, at.Add(5*time.Second)
	if n, age := f.lag(x); n != 1 || age != 5*time.Second {
		t.Errorf("one more: %d, %v", n, age)
	}
}

func TestWritesAreCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	b, err := Open(t.Context(), Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := b.NewWriter()
	if err := w.Write(t.Context(), []record.Record{{Sensor: "a", Time: 1, Value: 2}, {Sensor: "b", Time: 1, Value: 2}}); err != nil {
		t.Fatal(err)
	}
	for i := range maxSources + 3 {
		if err := b.Bury(t.Context(), DeadLetter{Source: "mapping-" + strings.Repeat("x", i), Reason: "because"}); err != nil {
			t.Fatal(err)
		}
	}
	b.opts.MinFree = 1 << 60
	b.measure()
	if err := w.Write(t.Context(), []record.Record{{Sensor: "a", Time: 2, Value: 2}}); !errors.Is(err, ErrFull) {
		t.Errorf("a full disk: %v", err)
	}
	for _, want := range []struct {
		name   string
		labels []string
		v      float64
	}{
		{"wattwerk_bus_written_records_total", nil, 2},
		{"wattwerk_bus_written_messages_total", nil, 1},
		{"wattwerk_bus_refused_writes_total", []string{"full"}, 1},
		{"wattwerk_bus_refused_writes_total", []string{"busy"}, 0},
		{"wattwerk_bus_write_duration_seconds", []string{"ok"}, maxSources + 4},
		{"wattwerk_dead_letters_total", []string{"mapping-"}, 1},
		{"wattwerk_bus_connected", nil, 1},
		{"wattwerk_bus_full", nil, 1},
		{"wattwerk_bus_partitions", nil, 1},
	} {
		if got := value(t, reg, want.name, want.labels...); got != want.v {
			t.Errorf("%s%v is %v, want %v", want.name, want.labels, got, want.v)
		}
	}
	// Names are cut at 40 characters, so fewer sources than letters; all are counted, few have a name.
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == "wattwerk_dead_letters_total" && len(f.GetMetric()) > maxSources+1 {
			t.Errorf("%d sources", len(f.GetMetric()))
		}
	}
}
