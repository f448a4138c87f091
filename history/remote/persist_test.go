package remote

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/vmtest"
	"github.com/wattwerk/wattwerk/record"
)

// TestFlushWaitsForTheDisk has the database show what it does not write to its
// disk with a snapshot, as it does with what it is merging in memory at that
// moment, and then kills it: a flush takes nothing for durable by that.
func TestFlushWaitsForTheDisk(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{Args: []string{"-inmemoryDataFlushInterval=1h"}})
	for began := time.Now().Unix(); time.Now().Unix() == began; { // when it was started it tells in seconds
		if err := wait(t.Context(), 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	f := before(t, vm, "")
	var made atomic.Int32
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/snapshot/delete" {
			return made.Load() <= 2
		}
		if r.URL.Path != "/snapshot/create" {
			return false
		}
		n := made.Add(1)
		if n > 2 {
			return false
		}
		if n == 2 { // by now the flush has seen everything
			vm.Again()
		}
		_, _ = w.Write([]byte(`{"status":"ok","snapshot":"none"}`))
		return true
	})
	s := mustOpen(t, Options{Replicas: []Replica{f.replica()}})
	for n := range 3 {
		put(t, s, t0+record.Millis(n), float64(n))
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	(&plant{store: s}).abandon()
	vm.Again()
	s = mustOpen(t, Options{Replicas: []Replica{on(vm)}})
	defer s.Close()
	if got := values(t, s); !slices.Equal(got, []float64{0, 1, 2}) {
		t.Errorf("got %v", got)
	}
	if n := made.Load(); n < 3 {
		t.Errorf("%d snapshots were made", n)
	}
}
