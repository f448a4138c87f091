package remote

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/internal/daemon"
	"github.com/wattwerk/wattwerk/internal/vmtest"
	"github.com/wattwerk/wattwerk/record"
)

// TestFirstOfASeries has the database remember that a series is not there, and
// show it, to others, before it forgets that: the flush sees it all the same, and
// so does who reads after it, in this store and in one that is opened then.
func TestFirstOfASeries(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{})
	f := before(t, vm, "")
	var writes atomic.Int32
	f.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/api/v1/write" {
			writes.Add(1)
		}
		return false
	})
	o := Options{Replicas: []Replica{f.replica()}}
	s := mustOpen(t, o)
	var latest []history.Sample
	look := func(s *Store) []float64 {
		t.Helper()
		var err error
		if latest, err = s.Latest(t.Context(), latest[:0], []history.Series{history.RecordsOf("a")}); err != nil {
			t.Fatal(err)
		}
		return values(t, s)
	}
	// The second time it is another day of a series that it has.
	for n := range 2 {
		at, want := t0+record.Millis(n*int(day.Milliseconds())), []float64{0, 1}[:n+1]
		put(t, s, at, float64(n))
		s.mu.Lock()
		s.mark()
		s.post()
		s.mu.Unlock()
		for try := 0; ; try++ {
			if got := look(s); !slices.Equal(got, want) {
				t.Fatalf("%d: before the flush: got %v", n, got)
			}
			all, ok := daemon.Get(t.Context(), vm.URL()+"/api/v1/export?match[]="+url.QueryEscape(fmt.Sprintf(`{sensor="a",nobodys!="%d-%d"}`, n, try)))
			if ok && strings.Contains(all, fmt.Sprint(int64(at))) {
				break
			}
			if err := wait(t.Context(), showsAfter); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		other := mustOpen(t, o)
		for _, s := range []*Store{s, other} {
			if got := look(s); !slices.Equal(got, want) || latest[0].Time != at {
				t.Errorf("%d: after the flush: got %v and %v", n, got, latest)
			}
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := writes.Load(); n != 2 {
		t.Errorf("%d writes, want 2", n)
	}
}
