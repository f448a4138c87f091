package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
)

const ttl = 500 * time.Millisecond

// fixture is one bus with a way in for others, and who works on what.
type fixture struct {
	t   *testing.T
	bus *bus.Bus

	mu    sync.Mutex
	works map[int][]string // piece → processes that work on it now
	stir  chan struct{}
}

func newFixture(t *testing.T) *fixture {
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return &fixture{t: t, bus: b, works: make(map[int][]string), stir: make(chan struct{})}
}

// process is a fleet with a connection of its own.
type process struct {
	fleet *Fleet
	bus   *bus.Bus
	stop  func() // politely
	done  chan error
}

func (x *fixture) start(name string, pieces int) *process {
	x.t.Helper()
	b, err := bus.Open(x.t.Context(), bus.Options{URL: "nats://" + x.bus.ListenAddr()})
	if err != nil {
		x.t.Fatal(err)
	}
	f, err := New(Options{Bus: b, Self: Member{Name: name, Modules: []string{"work"}}, TTL: ttl})
	if err != nil {
		x.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	sharing, end := context.WithCancel(ctx)
	p := &process{fleet: f, bus: b, done: make(chan error, 2)}
	go func() { p.done <- f.Run(ctx) }()
	shared := make(chan error, 1)
	go func() { shared <- f.Share(sharing, "s", pieces, x.work(name)) }()
	var once sync.Once
	p.stop = func() {
		once.Do(func() {
			end()
			if err := <-shared; err != nil {
				x.t.Error(err)
			}
			cancel()
			if err := <-p.done; err != nil {
				x.t.Error(err)
			}
			b.Close()
		})
	}
	x.t.Cleanup(p.stop)
	return p
}

// cut takes a process's connection away: to the others it is as if killed.
func (p *process) cut() { p.bus.Conn().Close() }

func (x *fixture) work(name string) run.Work {
	return func(ctx context.Context, piece int) error {
		x.set(func() { x.works[piece] = append(x.works[piece], name) })
		<-ctx.Done()
		x.set(func() {
			x.works[piece] = slices.DeleteFunc(x.works[piece], func(n string) bool { return n == name })
		})
		return nil
	}
}

func (x *fixture) set(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
	close(x.stir)
	x.stir = make(chan struct{})
}

// await waits until only the named work, on even shares of all pieces.
func (x *fixture) await(pieces int, names ...string) {
	x.t.Helper()
	deadline := time.After(time.Minute)
	for {
		x.mu.Lock()
		count := make(map[string]int)
		wrong := ""
		for p := range pieces {
			var who []string
			for _, n := range x.works[p] {
				if slices.Contains(names, n) {
					who = append(who, n)
				}
			}
			if len(who) != 1 {
				wrong = fmt.Sprintf("on piece %d work %v", p, who)
				continue
			}
			count[who[0]]++
		}
		for _, n := range names {
			if q := pieces / len(names); count[n] < q || count[n] > q+1 {
				wrong = fmt.Sprintf("shares of %d pieces are %v", pieces, count)
			}
		}
		stir := x.stir
		x.mu.Unlock()
		if wrong == "" {
			return
		}
		select {
		case <-stir:
		case <-deadline:
			x.t.Fatal(wrong)
		}
	}
}

func TestShares(t *testing.T) {
	x := newFixture(t)
	const pieces = 7
	a := x.start("a", pieces)
	x.await(pieces, "a")
	b := x.start("b", pieces)
	x.await(pieces, "a", "b")
	c := x.start("c", pieces)
	x.await(pieces, "a", "b", "c")
	if n := len(a.fleet.With("work")); n != 3 || len(a.fleet.With("other")) != 0 {
		t.Errorf("a knows %v", a.fleet.Members())
	}
	a.stop()
	x.await(pieces, "b", "c")
	b.cut()
	x.await(pieces, "c")
	if m := c.fleet.Members(); len(m) != 1 || m[0].Name != "c" {
		t.Errorf("c knows %v", m)
	}
}

// TestTheBusForgets takes the bucket away under load: holders go on, and what
// is claimed is claimed again.
func TestTheBusForgets(t *testing.T) {
	x := newFixture(t)
	const pieces = 5
	x.start("a", pieces)
	x.start("b", pieces)
	x.await(pieces, "a", "b")
	if err := x.bus.JetStream().DeleteKeyValue(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	x.start("c", pieces)
	x.await(pieces, "a", "b", "c")
}

// TestForcedOut: who finds its piece claimed by another stops working on it.
func TestForcedOut(t *testing.T) {
	x := newFixture(t)
	p := x.start("a", 1)
	x.await(1, "a")
	kv, err := x.bus.JetStream().KeyValue(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody who lives but takes no part holds it now.
	other, err := New(Options{Bus: x.bus, Self: Member{ID: "other"}, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- other.Run(ctx) }()
	for len(p.fleet.Members()) < 2 {
		<-p.fleet.Changed()
	}
	if _, err := kv.Put(t.Context(), claimKey("s", 0), []byte(`{"holder":"other"}`)); err != nil {
		t.Fatal(err)
	}
	for {
		x.mu.Lock()
		n, stir := len(x.works[0]), x.stir
		x.mu.Unlock()
		if n == 0 {
			break
		}
		<-stir
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	x.await(1, "a") // the other said goodbye
}

func TestWorkThatFailsEndsTheShare(t *testing.T) {
	x := newFixture(t)
	f, err := New(Options{Bus: x.bus, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	broken := errors.New("broken")
	err = f.Share(ctx, "s", 3, func(ctx context.Context, piece int) error {
		if piece == 1 {
			return broken
		}
		<-ctx.Done()
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("share ended with %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAlone(t *testing.T) {
	f, err := New(Options{Alone: true, Self: Member{Name: "a", Modules: []string{"work"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Add(4)
	ended := make(chan error, 1)
	go func() {
		ended <- f.Share(ctx, "s", 4, func(ctx context.Context, _ int) error { all.Done(); <-ctx.Done(); return nil })
	}()
	all.Wait()
	if m := f.With("work"); len(m) != 1 || m[0].Name != "a" {
		t.Errorf("members are %v", m)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
