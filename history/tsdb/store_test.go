package tsdb

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/historytest"
	"github.com/wattwerk/wattwerk/record"
)

func TestConformance(t *testing.T) {
	historytest.Run(t, func(t testing.TB, dir string) history.Store {
		s, err := Open(Options{Dir: dir, MinFree: 1})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

const t0 = record.Millis(1_700_000_000_000)

func put(t *testing.T, s *Store, at record.Millis, v float64) []history.Refusal {
	t.Helper()
	rs, err := s.Append(t.Context(), s.Refs(nil, []history.Series{history.RecordsOf("a")}), nil, []record.Millis{at}, []float64{v})
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func times(t *testing.T, s *Store) (out []int64) {
	t.Helper()
	if err := s.Scan(t.Context(), history.RecordsOf("a"), record.MinTime, record.MaxTime, func(ts []int64, _ []float64) error {
		out = append(out, ts...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRetention(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), MinFree: 1, Retention: 10 * day})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 30 {
		put(t, s, t0+record.Millis(i)*record.Millis(day.Milliseconds()), 1)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(times(t, s)); n < 10 || n > 12 {
		t.Errorf("%d of 30 days are kept, want 10 and a bit", n)
	}
	fill, err := s.Backfill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := fill.Add(history.RecordsOf("a"), []record.Millis{t0}, []float64{1}); err != nil {
		t.Fatal(err)
	}
	fill.OnRefused(func(_ history.Series, _ history.Sample, r history.Refusal) {
		if !errors.Is(r.Reason, history.ErrExpired) {
			t.Error(r.Reason)
		}
	})
	if r, err := fill.Commit(); err != nil || r.Refused != 1 || r.Stored != 0 {
		t.Error(r, err)
	}
}

// TestOpenOnce refuses a directory that is open.
func TestOpenOnce(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir, MinFree: 1}); err == nil {
		t.Fatal("opened twice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err == nil {
		t.Error("flushed after it was closed")
	}
}

// TestLeftovers opens a store that died while it wrote a block.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, t0, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"01HF6PZ7QHJ7Z3M5Y2N8Q4W1XK.tmp-for-creation", "chunks_head"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, d, "000001"), []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s, err = Open(Options{Dir: dir, MinFree: 1}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := times(t, s); !slices.Equal(got, []int64{int64(t0)}) {
		t.Errorf("got %v", got)
	}
}

// TestBlocksAreMerged writes many small blocks and waits until they are few.
func TestBlocksAreMerged(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 100
	for i := range n {
		put(t, s, t0+record.Millis(i)*60_000, float64(i))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for s.Stats().Blocks > 30 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d blocks", s.Stats().Blocks)
		}
	}
	if got := times(t, s); len(got) != n {
		t.Errorf("%d of %d are there", len(got), n)
	}
}

func TestSlicing(t *testing.T) {
	d := day.Milliseconds()
	for _, c := range []struct {
		from, to int64
		want     int
	}{{0, 1, 1}, {5, d + 5, 2}, {d, 2 * d, 1}, {1, 30 * d, 30}, {-d, d, 2}, {3, 365 * d, 14}, {0, 36500 * d, 17}} {
		got := slicing(c.from, c.to)
		if len(got) != c.want && !(c.want > 10 && len(got) <= mostSlices+1) || got[0][0] != c.from || got[len(got)-1][1] != c.to {
			t.Errorf("%d to %d: %d slices, %v", c.from, c.to, len(got), got[0])
		}
		for i := 1; i < len(got); i++ {
			if got[i][0] != got[i-1][1] || got[i][0]%d != 0 {
				t.Errorf("%v then %v", got[i-1], got[i])
			}
		}
	}
}
