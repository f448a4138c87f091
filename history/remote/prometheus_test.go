package remote

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/historytest"
	"github.com/wattwerk/wattwerk/internal/promtest"
	"github.com/wattwerk/wattwerk/record"
)

// onPrometheus names the server as the one replica. What Prometheus has taken
// is in its log, and outlives it.
func onPrometheus(s *promtest.Server) Options {
	// On a busy machine it takes its time to answer.
	return Options{Settle: -1, Timeout: 3 * time.Minute, Replicas: []Replica{{Write: s.URL() + "/api/v1/write", Query: s.URL(), Read: s.URL() + "/api/v1/read"}}}
}

// TestConformanceOnPrometheus runs the suite of all stores over remote write
// and remote read, with a Prometheus for each of its directories.
func TestConformanceOnPrometheus(t *testing.T) {
	var mu sync.Mutex
	servers := make(map[string]*promtest.Server)
	historytest.Run(t, func(t testing.TB, dir string) history.Store {
		mu.Lock()
		defer mu.Unlock()
		if servers[dir] == nil {
			servers[dir] = promtest.Start(t, promtest.Options{Dir: dir})
		}
		s, err := Open(t.Context(), onPrometheus(servers[dir]))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// TestPrometheusIsKilled kills it six times while samples are appended and
// flushed; the store lives on.
func TestPrometheusIsKilled(t *testing.T) {
	db := promtest.Start(t, promtest.Options{})
	p := &plant{t: t, o: onPrometheus(db)}
	p.o.MaxPending = sensors * 400
	p.open()
	const end = 3000
	p.run(end, []int{170, 611, 1003, 1444, 1902, 2533}, func(int) { db.Again() })
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	db.Again()
	p.open()
	defer p.store.Close()
	p.check(p.store, end)
}

// TestTwoStoresContradict has two stores write different values at one time,
// beside others, and the extent too. Prometheus refuses a request for one such
// sample, as a whole; the other samples must get in, and one of the two values
// stays.
func TestTwoStoresContradict(t *testing.T) {
	contradict(t, onPrometheus(promtest.Start(t, promtest.Options{})))
}

func contradict(t *testing.T, o Options) {
	a, b := mustOpen(t, o), mustOpen(t, o)
	defer a.Close()
	defer b.Close()
	for n := range 20 {
		at := t0 + record.Millis(n)*10
		for i, s := range []*Store{a, b} {
			ref := s.Refs(nil, []history.Series{history.RecordsOf("a"), history.RecordsOf(record.SensorID("ab"[i : i+1])), history.RecordsOf("late")})
			if _, err := s.Append(t.Context(), ref, []uint32{0, 1, 0}, []record.Millis{at, at + 1 + record.Millis(i), at + 5},
				[]float64{float64(i + 1), 7, 3}); err != nil {
				t.Fatal(err)
			}
		}
		// What each has learnt of the series is no longer true, and the times of
		// the extent are the same.
		a.mu.Lock()
		b.mu.Lock()
		a.markedAt = max(a.markedAt, b.markedAt) + 1_000
		b.markedAt = a.markedAt
		b.newest += int64(n)
		b.mu.Unlock()
		a.mu.Unlock()
		for _, s := range []*Store{a, b} {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := values(t, a)
	if len(got) != 60 {
		t.Errorf("%d values, want 60: %v", len(got), got)
	}
	if other := values(t, b); !slices.Equal(got, other) {
		t.Errorf("got %v and %v", got, other)
	}
}

// TestOutsideOfTheWindow has a Prometheus that takes an hour of the past: a
// flush says what it says, and what was taken stays in hand until it takes it.
func TestOutsideOfTheWindow(t *testing.T) {
	dir := t.TempDir()
	db := promtest.Start(t, promtest.Options{Dir: dir, Settings: "storage: {tsdb: {out_of_order_time_window: 1h}}\n"})
	s := mustOpen(t, onPrometheus(db))
	put(t, s, t0, 1)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, s, t0-record.Millis(3*day.Milliseconds()), 2)
	s.mu.Lock()
	s.post()
	s.mu.Unlock()
	s.failing(t.Context(), s.replicas[0])
	s.mu.Lock()
	err := s.replicas[0].fails
	s.mu.Unlock()
	var status *statusError
	if !errors.As(err, &status) || status.status != 400 || !strings.Contains(status.text, "too old sample") {
		t.Error(err)
	}
	db.Stop()
	promtest.Write(t, dir, promtest.Settings)
	db.Again()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, onPrometheus(db))
	defer s.Close()
	if got := values(t, s); !slices.Equal(got, []float64{2, 1}) {
		t.Errorf("got %v", got)
	}
}
