package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// all decodes everything a generator makes at a time.
func all(t *testing.T, g *Generator, at record.Millis) map[record.SensorID]float64 {
	t.Helper()
	out := map[record.SensorID]float64{}
	for p := range g.Options().Partitions {
		err := g.Lane(p).Fill(at, func(data []byte, n int) error {
			var b record.Batch
			if err := b.Decode(data); err != nil {
				return err
			}
			b.Names()
			if b.Len() != n {
				return fmt.Errorf("%d records, said %d", b.Len(), n)
			}
			for i := range n {
				r := b.At(i)
				if err := r.Validate(); err != nil {
					return err
				}
				if got := record.Partition(r.Sensor, g.Options().Partitions); got != p || r.Time != at {
					return fmt.Errorf("%v is in partition %d", r, p)
				}
				if _, twice := out[r.Sensor]; twice {
					return fmt.Errorf("%s comes twice", r.Sensor)
				}
				out[r.Sensor] = r.Value
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestGeneratorSaysWhatValueSays(t *testing.T) {
	for _, o := range []Options{
		{Sensors: 2500, Partitions: 3, BatchSize: 100, Seed: 1},
		{Sensors: 2500, Partitions: 1, Seed: 2, Outage: 0.3},
		{Sensors: 300, Partitions: 4, BatchSize: 7, Constant: 10, Outage: 0.5},
		{Sensors: 10, Constant: 10, Outage: 1},
		{Sensors: 1, Partitions: 16},
	} {
		g, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []record.Millis{1_700_000_000_000, 1_700_000_001_000, 1_700_000_600_000, 1_700_300_000_000} {
			got := all(t, g, at)
			n := 0
			for i := range o.Sensors {
				want, there := g.Value(i, at)
				v, ok := got[g.Sensor(i)]
				if ok != there || v != want && there {
					t.Fatalf("%+v: sensor %d at %s: %v, %v, want %v, %v", o, i, at, v, ok, want, there)
				}
				if there {
					n++
					if v < 0 || v > 1000 || v*8 != float64(int(v*8)) {
						t.Fatalf("sensor %d draws %v W", i, v)
					}
				}
			}
			if n != len(got) {
				t.Errorf("%+v: %d records, want %d", o, len(got), n)
			}
		}
	}
}

func TestValuesHaveAShape(t *testing.T) {
	g, err := New(Options{Sensors: 400})
	if err != nil {
		t.Fatal(err)
	}
	sum := func(at time.Time) (out float64) {
		for i := range 400 {
			v, _ := g.Value(i, record.MillisOf(at))
			out += v
		}
		return out
	}
	day, night := sum(time.Date(2024, 6, 5, 14, 0, 0, 0, time.UTC)), sum(time.Date(2024, 6, 5, 2, 0, 0, 0, time.UTC))
	weekend := sum(time.Date(2024, 6, 8, 14, 0, 0, 0, time.UTC))
	if day < 1.1*night || day < 1.1*weekend {
		t.Errorf("day %.0f W, night %.0f W, weekend %.0f W", day, night, weekend)
	}
	a, _ := g.Value(1, 1_700_000_000_000)
	b, _ := g.Value(1, 1_700_000_001_000)
	if a == b {
		t.Error("no noise")
	}
}

func TestDocument(t *testing.T) {
	for _, c := range []struct {
		o      Options
		sensor int
		groups int
	}{
		{Options{Sensors: 100, Groups: 7}, 100, 8},
		{Options{Sensors: 1}, 1, 2},
		{Options{Depth: 1}, 4, 1},
		{Options{Depth: 3}, 64, 21},
		{Options{Depth: 2, Arity: 3}, 9, 4},
		{Options{Depth: 3, Arity: 1}, 1, 1},
	} {
		g, err := New(c.o)
		if err != nil {
			t.Fatal(err)
		}
		d := g.Document()
		if len(d.Sensors) != c.sensor || len(d.Groups) != c.groups {
			t.Errorf("%+v: %d sensors, %d groups, want %d, %d", c.o, len(d.Sensors), len(d.Groups), c.sensor, c.groups)
		}
		if _, err := model.New(d); err != nil {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	if _, err := model.New(PDUDocument(time.Second)); err != nil {
		t.Error(err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{}, {Sensors: -1}, {Depth: 20}, {Depth: -1}, {Sensors: 2, Groups: 3}, {Sensors: 1, Interval: time.Microsecond},
		{Sensors: 1, BatchSize: 1 << 20}, {Sensors: 1, Partitions: -1}, {Sensors: 1, Outage: 2},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	if _, err := NewPDUs(PDUOptions{URL: "nowhere"}); err == nil {
		t.Error("an address that is none is taken")
	}
}

func TestPDUsPushAndKeepWhatTheyCouldNot(t *testing.T) {
	var mu sync.Mutex
	rows := map[string][]float64{} // unit: timestamps
	entries, calls := 0, 0
	enough, done := make(chan struct{}), sync.Once{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls <= 3 {
			http.Error(w, "busy", http.StatusTooManyRequests)
			return
		}
		if r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("authorization %q", r.Header.Get("Authorization"))
		}
		var m struct {
			Sensors []struct {
				Device struct{ Label string }
				ID     string
			}
			Rows []struct {
				Timestamp float64
				Records   []struct{ AvgValue float64 }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		unit := r.URL.Query().Get("id")
		for _, row := range m.Rows {
			rows[unit] = append(rows[unit], row.Timestamp)
			if len(row.Records) != len(m.Sensors) || !strings.HasPrefix(m.Sensors[0].Device.Label, "server") {
				t.Errorf("%d entries for %v", len(row.Records), m.Sensors)
			}
			entries += len(row.Records)
		}
		if len(rows["pdu1"]) > 5 && len(rows["pdu2"]) > 5 && len(rows["pdu3"]) > 5 {
			done.Do(func() { close(enough) })
		}
	}))
	defer server.Close()
	p, err := NewPDUs(PDUOptions{URL: server.URL + "/api/v1/ingest/pdu", Token: "secret", Period: 20 * time.Millisecond, Step: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-enough:
	case <-ctx.Done():
		t.Error("not enough came in 30 s")
	}
	cancel()
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	for unit, times := range rows {
		for i := 1; i < len(times); i++ {
			if d := times[i] - times[i-1]; d < 0.0099 || d > 0.0101 {
				t.Errorf("%s: %v after %v", unit, times[i], times[i-1])
			}
		}
	}
}

func BenchmarkFill(b *testing.B) {
	for _, o := range []Options{{Sensors: 100_000, BatchSize: 1000}, {Sensors: 100_000, BatchSize: 1000, Constant: 10}, {Sensors: 100_000, BatchSize: 1000, Outage: 0.01}} {
		b.Run(fmt.Sprintf("constant=%v/outage=%v", o.Constant, o.Outage), func(b *testing.B) {
			g, err := New(o)
			if err != nil {
				b.Fatal(err)
			}
			l := g.Lane(0)
			at, n := record.Millis(1_700_000_000_000), 0
			b.ReportAllocs()
			for b.Loop() {
				at += 1000
				if err := l.Fill(at, func(_ []byte, k int) error { n += k; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
		})
	}
}
