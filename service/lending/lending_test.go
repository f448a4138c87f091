package lending

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/watch"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const valve = object.ID("sensor/valve")

// hall is two processes over one database, with a clock of their own and one actuator.
type hall struct {
	t          *testing.T
	now        atomic.Int64
	one, other *Desk
}

func onBoth(t *testing.T, f func(h *hall)) {
	t.Run("SQLite", func(t *testing.T) {
		f(open(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}))
	})
	t.Run("PostgreSQL", func(t *testing.T) { f(open(t, sqldb.Options{URL: pgtest.Database(t)})) })
}

func open(t *testing.T, where sqldb.Options) *hall {
	t.Helper()
	store, err := book.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := model.New(model.Document{Sites: []model.Site{{ID: "kiel"}}, Sensors: []model.Sensor{
		{ID: "valve", Site: "kiel", Quantity: record.Ratio}, {ID: "power", Site: "kiel", Quantity: record.ActivePower},
	}})
	if err != nil {
		t.Fatal(err)
	}
	world, faults := object.NewWorld(m, nil, []object.Enrichment{{Object: valve, Class: "brick:On_Off_Command", Actuator: true}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	board := watch.NewBoard(watch.New())
	board.Set(world, 1000)
	h := &hall{t: t}
	h.now.Store(1_000_000)
	clock := func() record.Millis { return record.Millis(h.now.Load()) }
	h.one, h.other = New(store, board.Now, clock), New(store, board.Now, clock)
	return h
}

func want(sid string, priority int) lease.Request {
	return lease.Request{SID: sid, Object: valve, Priority: priority, For: 60_000}
}

func (h *hall) gets(d *Desk, sid string, priority int) book.Lease {
	h.t.Helper()
	l, err := d.Acquire(h.t.Context(), want(sid, priority))
	if err != nil {
		h.t.Fatalf("%s: %v", sid, err)
	}
	return l
}

// refused has somebody not get it, and gives why.
// refuses is refused for those who need no more of it.
func (h *hall) refuses(d *Desk, sid string, priority int) {
	h.t.Helper()
	_ = h.refused(d, sid, priority)
}

func (h *hall) refused(d *Desk, sid string, priority int) *lease.Conflict {
	h.t.Helper()
	l, err := d.Acquire(h.t.Context(), want(sid, priority))
	var c *lease.Conflict
	if !errors.As(err, &c) {
		h.t.Fatalf("%s: %+v, %v", sid, l, err)
	}
	return c
}

func (h *hall) valid(d *Desk, token int64) bool {
	h.t.Helper()
	ok, err := d.Valid(h.t.Context(), valve, token)
	if err != nil {
		h.t.Fatal(err)
	}
	return ok
}

// TestOneHolder: one holder at a time over all processes; an equal priority takes nothing
// away and a strictly higher one does at once; tokens rise, and one that is not the newest is
// refused everywhere.
func TestOneHolder(t *testing.T) {
	onBoth(t, func(h *hall) {
		cold := h.gets(h.one, "thermostat", 10)
		if c := h.refused(h.other, "blind", 10); c.Holder != "thermostat" || c.Priority != 10 || c.Until != cold.Expires || c.Waits {
			h.t.Errorf("%+v", c)
		}
		h.refuses(h.other, "lower", 9)
		if !h.valid(h.other, cold.Token) || h.valid(h.one, cold.Token+1) || h.valid(h.one, 0) {
			h.t.Error("the token of who holds it is not the one that is leave to write")
		}
		fire := h.gets(h.other, "fire", 11)
		if fire.Token <= cold.Token || h.valid(h.one, cold.Token) || !h.valid(h.one, fire.Token) {
			h.t.Errorf("the token of before is good still: %+v after %+v", fire, cold)
		}
		if err := h.one.Release(h.t.Context(), cold.ID); !errors.Is(err, lease.ErrOld) && !errors.Is(err, book.ErrNotFound) {
			h.t.Errorf("who was put out gives it back: %v", err)
		}
		if !h.valid(h.one, fire.Token) {
			h.t.Error("who was put out took it from who holds it")
		}
		// Who holds it may have it longer, by a new token.
		again := h.gets(h.one, "fire", 11)
		if again.Token <= fire.Token || h.valid(h.other, fire.Token) {
			h.t.Errorf("%+v after %+v", again, fire)
		}
		if err := h.one.Release(h.t.Context(), again.ID); err != nil {
			h.t.Fatal(err)
		}
		if h.valid(h.other, again.Token) {
			h.t.Error("what was given back is leave to write")
		}
		if err := h.one.Release(h.t.Context(), again.ID); !errors.Is(err, lease.ErrOld) {
			h.t.Errorf("given back twice: %v", err)
		}
		if err := h.one.Release(h.t.Context(), "nothing"); !errors.Is(err, book.ErrNotFound) {
			h.t.Errorf("nobody's lease: %v", err)
		}
		// A lease ends by itself, and tokens go on rising.
		h.now.Add(31_000) // nobody waits any more
		last := h.gets(h.one, "thermostat", 10)
		h.now.Store(int64(last.Expires))
		if h.valid(h.one, last.Token) {
			h.t.Error("a lease that is over is leave to write")
		}
		if next := h.gets(h.other, "anybody", 0); next.Token <= last.Token {
			h.t.Errorf("%+v after %+v", next, last)
		}
	})
}

// TestHeld: what is held is known for plans, in each process once it has read it.
func TestHeld(t *testing.T) {
	h := open(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true})
	if n := len(h.one.Held()); n != 0 {
		t.Errorf("%d are held", n)
	}
	l := h.gets(h.one, "fire", 100)
	if got := h.one.Held()[valve]; got != l {
		t.Errorf("%+v, not %+v", got, l)
	}
	if len(h.other.Held()) != 0 {
		t.Error("the other one has not read it yet")
	}
	if err := h.other.Read(t.Context()); err != nil || h.other.Held()[valve].Holder != "fire" {
		t.Errorf("%+v, %v", h.other.Held(), err)
	}
	h.now.Store(int64(l.Expires))
	if err := h.other.Read(t.Context()); err != nil || len(h.other.Held()) != 0 {
		t.Errorf("%+v, %v", h.other.Held(), err)
	}
}

// TestScenarioP5: who was refused often enough comes before others of its level, and before
// one that is a level above; an emergency is first all the same. That is known for as long
// as it asks again.
func TestScenarioP5(t *testing.T) {
	h := open(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true})
	held := h.gets(h.one, "holder", 20)
	for range lease.DefaultAging + 1 {
		h.refuses(h.one, "low", 10)
		h.now.Add(1000)
	}
	if err := h.one.Release(t.Context(), held.ID); err != nil {
		t.Fatal(err)
	}
	if c := h.refused(h.one, "late", 10); c.Holder != "low" || !c.Waits {
		t.Errorf("%+v", c)
	}
	if c := h.refused(h.one, "above", 11); c.Holder != "low" || !c.Waits { // five refusals are a level
		t.Errorf("%+v", c)
	}
	fire := h.gets(h.one, "fire", microservice.Emergency)
	if err := h.one.Release(t.Context(), fire.ID); err != nil {
		t.Fatal(err)
	}
	low := h.gets(h.one, "low", 10)
	if err := h.one.Release(t.Context(), low.ID); err != nil {
		t.Fatal(err)
	}
	// Those that wait still and do not ask any more are forgotten.
	h.refuses(h.one, "newest", 0)
	h.now.Add(int64(waitedFor) + 1)
	h.gets(h.one, "newest", 0)
}

// TestWaitingIsBounded: of each object so many are remembered as waiting, and none for
// longer than it is worth.
func TestWaitingIsBounded(t *testing.T) {
	h := open(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true})
	l := h.gets(h.one, "holder", 50)
	for i := range mostWaiting + 20 {
		h.refuses(h.one, fmt.Sprint("w", i), 1)
	}
	if n := len(h.one.waiting[valve]); n != mostWaiting {
		t.Errorf("%d wait", n)
	}
	h.now.Store(int64(l.Expires) + int64(waitedFor))
	h.gets(h.one, "holder", 50)
	if n := len(h.one.waiting); n != 0 {
		t.Errorf("%d objects are waited for", n)
	}
}

// TestAtOnce: of many that ask at the same time in two processes one has it, and no token
// is given twice.
func TestAtOnce(t *testing.T) {
	onBoth(t, func(h *hall) {
		var (
			all    sync.WaitGroup
			mu     sync.Mutex
			tokens = make(map[int64]string)
		)
		for i := range 8 {
			d := []*Desk{h.one, h.other}[i%2]
			all.Go(func() {
				for k := range 2 {
					sid := fmt.Sprint("s", i)
					l, err := d.Acquire(h.t.Context(), want(sid, i*2+k))
					var c *lease.Conflict
					if errors.As(err, &c) {
						continue
					}
					if err != nil {
						h.t.Error(err)
						return
					}
					mu.Lock()
					if was, ok := tokens[l.Token]; ok {
						h.t.Errorf("%s and %s have the token %d", was, sid, l.Token)
					}
					tokens[l.Token] = sid
					mu.Unlock()
				}
			})
		}
		all.Wait()
		good := 0
		for token := range tokens {
			if h.valid(h.one, token) {
				good++
			}
		}
		if good != 1 {
			h.t.Errorf("%d of %d tokens are leave to write", good, len(tokens))
		}
	})
}

func TestRefusals(t *testing.T) {
	h := open(t, sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true})
	for _, c := range []struct {
		name string
		r    lease.Request
		err  error
	}{
		{"an unknown object", lease.Request{SID: "x", Object: "sensor/nothing", For: 60_000}, book.ErrNotFound},
		{"a sensor", lease.Request{SID: "x", Object: "sensor/power", For: 60_000}, ErrActuator},
		{"nobody", lease.Request{Object: valve, For: 60_000}, lease.ErrInvalid},
		{"below every priority", lease.Request{SID: "x", Object: valve, Priority: -1, For: 60_000}, lease.ErrInvalid},
		{"above every priority", lease.Request{SID: "x", Object: valve, Priority: microservice.MaxPriority + 1, For: 60_000}, lease.ErrInvalid},
		{"too short", lease.Request{SID: "x", Object: valve, For: LeastLease.Milliseconds() - 1}, lease.ErrInvalid},
		{"too long", lease.Request{SID: "x", Object: valve, For: MostLease.Milliseconds() + 1}, lease.ErrInvalid},
	} {
		if _, err := h.one.Acquire(t.Context(), c.r); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if n := len(h.one.waiting); n != 0 {
		t.Errorf("%d wait", n)
	}
	none := New(nil, func() *watch.Moment { return nil }, func() record.Millis { return 1 })
	_, err := none.Acquire(t.Context(), want("x", 1))
	_, asked := none.Valid(t.Context(), valve, 1)
	if !errors.Is(err, ErrNoStore) || !errors.Is(asked, ErrNoStore) || !errors.Is(none.Release(t.Context(), "x"), ErrNoStore) {
		t.Errorf("without a store: %v, %v", err, asked)
	}
	early := New(h.one.store, func() *watch.Moment { return nil }, func() record.Millis { return 1 })
	if _, err := early.Acquire(t.Context(), want("x", 1)); !errors.Is(err, ErrNotReady) {
		t.Errorf("before the objects are known: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cancel()
	if _, err := h.one.Acquire(ctx, want("x", 1)); err == nil {
		t.Error("who went away has it")
	}
}
