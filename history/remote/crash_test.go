package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/internal/vmtest"
	"github.com/wattwerk/wattwerk/record"
)

const (
	t0      = record.Millis(1_700_000_000_000)
	sensors = 40
)

// valueAt is what the sensors measure at a step, so that a reader can tell
// right from wrong.
func valueAt(sensor, step int) float64 { return float64(step*sensors+sensor) / 8 }

// timeAt is in order but for every seventh step, which is half an hour late.
func timeAt(step int) record.Millis {
	t := t0 + record.Millis(step)*1000
	if step%7 == 3 {
		t -= 30*60*1000 + 500
	}
	return t
}

func names() (out []history.Series) {
	for i := range sensors {
		out = append(out, history.RecordsOf(record.SensorID(fmt.Sprint("s", i))))
	}
	return out
}

// plant appends steps and flushes at the same time, as the service does.
type plant struct {
	t       *testing.T
	o       Options
	store   *Store
	step    atomic.Int64 // the next that is appended
	durable atomic.Int64 // all before are flushed: the position on the bus
}

func (p *plant) open() {
	p.t.Helper()
	s, err := Open(p.t.Context(), p.o)
	if err != nil {
		p.t.Fatal(err)
	}
	p.store = s
}

// run appends until step end and flushes all the while; between calls at, at
// the steps given, which are in order.
func (p *plant) run(end int, at []int, between func(int)) {
	ctx, cancel := context.WithCancel(p.t.Context())
	var flusher sync.WaitGroup
	flusher.Go(func() {
		for ctx.Err() == nil {
			p.flush(ctx)
		}
	})
	refs := p.store.Refs(nil, names())
	times, values := make([]record.Millis, sensors), make([]float64, sensors)
	for step := int(p.step.Load()); step < end; step++ {
		if len(at) > 0 && step >= at[0] {
			between(step)
			at = at[1:]
		}
		for i := range times {
			times[i], values[i] = timeAt(step), valueAt(i, step)
		}
		for {
			refused, err := p.store.Append(p.t.Context(), refs, nil, times, values)
			if len(refused) > 0 {
				p.t.Errorf("step %d: refused %v", step, refused)
			}
			if err == nil {
				break
			}
			if !errors.Is(err, history.ErrAway) {
				p.t.Fatal(err)
			}
			p.flush(p.t.Context()) // waits for room
		}
		p.step.Store(int64(step + 1))
	}
	cancel()
	flusher.Wait()
}

func (p *plant) flush(ctx context.Context) {
	step := p.step.Load()
	err := p.store.Flush(ctx)
	switch {
	case err == nil:
		for old := p.durable.Load(); step > old && !p.durable.CompareAndSwap(old, step); old = p.durable.Load() {
		}
	case ctx.Err() == nil && !errors.Is(err, history.ErrAway):
		p.t.Error(err)
	}
}

// abandon ends the store as a kill does: without a flush.
func (p *plant) abandon() {
	p.store.closed.Store(true)
	p.store.stop()
	p.store.workers.Wait()
	p.step.Store(p.durable.Load())
}

// check wants every sample once.
func (p *plant) check(s *Store, end int) {
	p.t.Helper()
	for i, k := range names() {
		seen := make(map[record.Millis]int)
		if err := s.Scan(p.t.Context(), k, record.MinTime, record.MaxTime, func(ts []int64, vs []float64) error {
			for n, t := range ts {
				seen[record.Millis(t)]++
				if step := int(vs[n]*8-float64(i)) / sensors; valueAt(i, step) != vs[n] || timeAt(step) != record.Millis(t) {
					return fmt.Errorf("%v at %v", vs[n], t)
				}
			}
			return nil
		}); err != nil {
			p.t.Fatal(err)
		}
		for step := range end {
			if n := seen[timeAt(step)]; n != 1 {
				p.t.Fatalf("%s has step %d %d times", k.Name, step, n)
			}
		}
		if len(seen) != end {
			p.t.Fatalf("%s has %d samples, want %d", k.Name, len(seen), end)
		}
	}
}

// TestDatabaseIsKilled kills the database six times while samples are appended
// and flushed; the store lives on.
func TestDatabaseIsKilled(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{})
	p := &plant{t: t, o: Options{Replicas: []Replica{on(vm)}, MaxPending: sensors * 400}}
	p.open()
	const end = 3000
	kills := 0
	p.run(end, []int{170, 611, 1003, 1444, 1902, 2533}, func(int) {
		vm.Again()
		kills++
	})
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	vm.Again()
	p.open()
	defer p.store.Close()
	p.check(p.store, end)
	if kills != 6 {
		t.Errorf("%d kills", kills)
	}
}

// TestBothAreKilled kills the database, and the store with all it held. What
// was not flushed is appended again, as the service does from the bus.
func TestBothAreKilled(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{})
	p := &plant{t: t, o: Options{Replicas: []Replica{on(vm)}, MaxPending: sensors * 400}}
	end := 0
	for round := range 6 {
		p.open()
		end += 200 + 37*round
		p.run(end, nil, nil)
		p.abandon()
		if round%2 == 0 {
			vm.Again()
		}
	}
	p.open()
	p.run(end, nil, nil)
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	vm.Again()
	p.open()
	defer p.store.Close()
	p.check(p.store, end)
}

// TestReplicasAreKilled kills one of two replicas after the other. At the end
// each of them has everything.
func TestReplicasAreKilled(t *testing.T) {
	vms := []*vmtest.Server{vmtest.Start(t, vmtest.Options{}), vmtest.Start(t, vmtest.Options{})}
	p := &plant{t: t, o: Options{Replicas: []Replica{on(vms[0]), on(vms[1])}, MaxPending: sensors * 400}}
	p.open()
	const end = 2000
	n := 0
	p.run(end, []int{150, 400, 777, 1111, 1500, 1777}, func(int) {
		vms[n%2].Kill()
		// The other one answers meanwhile.
		if _, err := p.store.Latest(t.Context(), nil, []history.Series{history.RecordsOf("nobody")}); err != nil {
			t.Error(err)
		}
		vms[n%2].Again()
		n++
	})
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, vm := range vms {
		vm.Again()
		q := &plant{t: t, o: Options{Replicas: []Replica{on(vm)}}}
		q.open()
		q.check(q.store, end)
		if err := q.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatADeadStoreWrote has a store find what another one wrote and never
// flushed, in the memory of the database, which then is killed: once the new
// one has flushed, it must be there.
func TestWhatADeadStoreWrote(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Options{Args: []string{"-inmemoryDataFlushInterval=1h"}})
	f := before(t, vm, "")
	o := Options{Replicas: []Replica{f.replica()}}
	s := mustOpen(t, o)
	f.set(func(w http.ResponseWriter, r *http.Request) bool { // it dies before this
		if strings.HasPrefix(r.URL.Path, "/snapshot") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	for n := range 3 {
		put(t, s, t0+record.Millis(n), float64(n))
	}
	if err := s.Flush(t.Context()); err == nil {
		t.Error("flushed")
	}
	f.set(nil)
	(&plant{store: s}).abandon()
	res, err := http.Get(vm.URL() + "/internal/force_flush")
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	ref := s.Refs(nil, []history.Series{history.RecordsOf("a")})
	for _, n := range []int{0, 1, 2} {
		if rs, err := s.Append(t.Context(), ref, nil, []record.Millis{t0 + record.Millis(n)}, []float64{float64(n)}); err != nil || len(rs) > 0 {
			t.Fatal(rs, err)
		}
	}
	if n := s.Stats().Unflushed; n != 3 {
		t.Errorf("%d samples will be looked for, want 3", n)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	vm.Again()
	if got := values(t, s); !slices.Equal(got, []float64{0, 1, 2}) {
		t.Errorf("got %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
