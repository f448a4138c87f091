package aggregate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// hands gives out pieces as a test wants: any number of owners of any piece.
type hands struct {
	mu    sync.Mutex
	owned map[string]map[int]bool // what is to be worked on, by share
	stir  chan struct{}
}

func newHands() *hands {
	return &hands{owned: map[string]map[int]bool{partitionsShare: {}, combinersShare: {}}, stir: make(chan struct{})}
}

func (h *hands) set(share string, owned bool, pieces ...int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range pieces {
		h.owned[share][p] = owned
	}
	close(h.stir)
	h.stir = make(chan struct{})
}

func (h *hands) share(ctx context.Context, name string, pieces int, work run.Work) error {
	var all sync.WaitGroup
	defer all.Wait()
	working := make(map[int]context.CancelFunc)
	ended := make(map[int]chan struct{})
	for {
		h.mu.Lock()
		stir := h.stir
		want := make(map[int]bool)
		for p, owned := range h.owned[name] {
			want[p] = owned
		}
		h.mu.Unlock()
		for p := range pieces {
			switch stop := working[p]; {
			case want[p] && stop == nil:
				if before := ended[p]; before != nil {
					<-before
				}
				own, cancel := context.WithCancel(ctx)
				working[p], ended[p] = cancel, make(chan struct{})
				done := ended[p]
				all.Go(func() {
					defer close(done)
					if err := work(own, p); err != nil {
						panic(err)
					}
				})
			case !want[p] && stop != nil:
				stop()
				delete(working, p)
			}
		}
		select {
		case <-stir:
		case <-ctx.Done():
			return nil
		}
	}
}

// crew is some services on one bus, each with hands of its own.
type crew struct {
	t        *testing.T
	bus      *bus.Bus
	catalog  *catalog.Catalog
	hands    []*hands
	services []*Service
	doc      model.Document
	start    record.Millis
	value    []float64
	sent     int
}

const crewPartitions = 4

func newCrew(t *testing.T, n int) *crew {
	t.Helper()
	return newWideCrew(t, n, 0, nil)
}

// newWideCrew has its services tell ticks in messages of so many groups, and
// hands each to prepare before it runs.
func newWideCrew(t *testing.T, n, widest int, prepare func(who int, s *Service)) *crew {
	t.Helper()
	return newNarrowCrew(t, n, widest, 0, prepare)
}

// newNarrowCrew has so many bytes of partial sums kept at most.
func newNarrowCrew(t *testing.T, n, widest int, partials int64, prepare func(who int, s *Service)) *crew {
	t.Helper()
	// Others can be on this bus, so partial sums are kept on the disk.
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: crewPartitions, Partials: partials, MinFree: 1, NoSync: true, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	c := &crew{t: t, bus: b, catalog: catalog.New(b, nil), doc: tree(3, 3)}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		all.Wait()
		b.Close()
	})
	all.Go(func() {
		if err := c.catalog.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	<-c.catalog.Ready()
	m, err := model.New(model.Document{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.catalog.Commit(t.Context(), catalog.Change{Patch: model.Diff(m.Document(), c.doc), Who: "test"}); err != nil {
		t.Fatal(err)
	}
	for who := range n {
		h := newHands()
		s, err := New(Options{Bus: b, Catalog: c.catalog, Share: h.share, Checkpoint: 20 * time.Millisecond, Widest: widest})
		if err != nil {
			t.Fatal(err)
		}
		if prepare != nil {
			prepare(who, s)
		}
		c.hands, c.services = append(c.hands, h), append(c.services, s)
		all.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	c.start = record.MillisOf(time.Now().Add(-20 * time.Minute).Truncate(time.Second))
	r := rand.New(rand.NewPCG(7, 8))
	for range c.doc.Sensors {
		c.value = append(c.value, math.Round(r.Float64()*1e6)/1000)
	}
	return c
}

// give makes one service the only owner of everything.
func (c *crew) give(who int) {
	for i, h := range c.hands {
		h.set(partitionsShare, i == who, 0, 1, 2, 3)
		h.set(combinersShare, i == who, 0, 1, 2, 3)
	}
}

// send stores some seconds of readings of all sensors.
func (c *crew) send(n int) {
	c.t.Helper()
	for range n {
		batches := make([]record.Batch, crewPartitions)
		for i, s := range c.doc.Sensors {
			batches[record.Partition(s.ID, crewPartitions)].Append(record.Record{Sensor: s.ID, Time: c.start + record.Millis(c.sent)*1000, Value: c.value[i] * float64(c.sent%7)})
		}
		for p := range batches {
			if _, err := c.bus.PublishRecords(c.t.Context(), p, batches[p].Encode(nil)); err != nil {
				c.t.Fatal(err)
			}
		}
		c.sent++
	}
}

// await waits until every tick that can be closed is stored.
func (c *crew) await() { awaitTick(c.t, c.bus, c.start+record.Millis(c.sent-3)*1000) }

// check reads all ticks: each is there once, in order, and right to the bit.
func (c *crew) check() {
	c.t.Helper()
	x, err := c.bus.AggregatesExtent(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	next := 0
	stop := errors.New("stop")
	err = c.bus.ReadAggregates(c.t.Context(), 0, func(m bus.Message) error {
		var ticks record.Ticks
		if err := ticks.Decode(m.Data); err != nil {
			return err
		}
		for i := range ticks.Ticks {
			k := &ticks.Ticks[i]
			if at := int(k.Time-c.start) / 1000; at != next {
				return fmt.Errorf("tick %d is stored after tick %d", at, next-1)
			}
			for g, id := range ticks.Groups {
				var want exact.Sum
				n := uint32(0)
				for j, s := range c.doc.Sensors {
					if id == "g" || len(s.ID) > len(id) && string(s.ID[1:len(id)]) == id[1:] && s.ID[len(id)] == '.' {
						want.Add(c.value[j] * float64(next%7))
						n++
					}
				}
				if k.Sum[g] != want.Float64() || k.Count[g] != n {
					return fmt.Errorf("group %s at tick %d: %v of %d, want %v of %d", id, next, k.Sum[g], k.Count[g], want.Float64(), n)
				}
			}
			next++
		}
		if m.Seq == x.Last {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		c.t.Fatal(err)
	}
	if next < c.sent-2 {
		c.t.Errorf("%d ticks are stored, %d can be", next, c.sent-2)
	}
}

// TestPartitionsMove gives partitions and combiners from one service to the
// next, in the middle of a backlog.
func TestPartitionsMove(t *testing.T) {
	c := newCrew(t, 3)
	for turn := range 10 {
		c.give(turn % 3)
		c.send(5)
		if turn%2 == 0 {
			c.await()
		}
	}
	c.send(10)
	c.await()
	c.check()
}

// closed waits until a service has told all partial results that it can.
func (c *crew) closed(who int) {
	c.t.Helper()
	want := c.start + record.Millis(c.sent-3)*1000
	for deadline := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
		least, parts := want, c.services[who].ownedParts()
		for _, p := range parts {
			least = min(least, p.look().closed)
		}
		if len(parts) == crewPartitions && least >= want {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("partitions are told up to %v, and can be up to %v", least, want)
		}
	}
}

// TestLeftOut has what a combiner reads through leave out, as a consumer that NATS
// made anew, all that the partitions told at some moments: the combiner reads it
// once more, and no tick is told as if nobody had a value.
func TestLeftOut(t *testing.T) {
	var omitted atomic.Int64
	c := newWideCrew(t, 2, 0, func(who int, s *Service) {
		hear, again, r := s.hear, false, rand.New(rand.NewPCG(9, uint64(who)))
		s.hear = func(ctx context.Context, combiner int, from uint64, handle func(bus.Message) error) error {
			left, whole := 0, again // what is read once more is whole
			again = !again
			return hear(ctx, combiner, from, func(m bus.Message) error {
				if left == 0 && !whole && r.IntN(10) == 0 { // not the last ones: a reader asks for them
					left = min(1+r.IntN(2*crewPartitions), int(m.Pending)/2)
				}
				if left > 0 {
					left--
					omitted.Add(1)
					return nil
				}
				return handle(m)
			})
		}
	})
	c.hands[0].set(partitionsShare, true, 0, 1, 2, 3)
	for turn := range 4 {
		c.send(40)
		c.closed(0) // so that much is there to be left out
		c.hands[turn%2].set(combinersShare, true, tick.CombinerOf("h"))
		c.await()
		c.hands[turn%2].set(combinersShare, false, tick.CombinerOf("h"))
	}
	c.check()
	if omitted.Load() == 0 {
		t.Error("nothing was left out")
	}
}

// TestCombinersMove moves combiners alone, while partitions stay and ticks are
// half combined: parts of a tick that is not stored yet must not be trimmed.
func TestCombinersMove(t *testing.T) {
	c := newCrew(t, 3)
	c.hands[0].set(partitionsShare, true, 0, 1, 2) // one partition is missing in every tick
	who := 0
	c.hands[who].set(combinersShare, true, 0, 1, 2, 3)
	for range 4 {
		c.send(20)
		c.combined(who)
		c.hands[who].set(combinersShare, false, 0, 1, 2, 3)
		who = (who + 1) % 3
		c.hands[who].set(combinersShare, true, 0, 1, 2, 3)
		c.combined(who)
		c.hands[0].set(partitionsShare, true, 3)
		c.await()
		c.hands[0].set(partitionsShare, false, 3)
	}
	c.hands[0].set(partitionsShare, true, 3)
	c.send(5)
	c.await()
	c.check()
}

// combined waits until a service's combiner has taken all that partitions told,
// and some reports of theirs that nothing more came.
func (c *crew) combined(who int) {
	c.t.Helper()
	x, err := c.bus.Extent(c.t.Context(), "PARTIALS")
	if err != nil {
		c.t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		for _, st := range c.services[who].ownedStages() {
			st.mu.Lock()
			seq := st.seq
			st.mu.Unlock()
			if st.number == tick.CombinerOf("h") && seq >= x.Last+4 {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
	c.t.Fatal("partial results are not combined")
}

// TestTwoOwners has two services, then three, own everything at the same time:
// what they do twice must count once.
func TestTwoOwners(t *testing.T) {
	c := newCrew(t, 3)
	for i := range c.hands {
		c.hands[i].set(partitionsShare, true, 0, 1, 2, 3)
		c.hands[i].set(combinersShare, true, 0, 1, 2, 3)
		for range 10 {
			c.send(10)
		}
		c.await()
	}
	// They end one by one, and what they saved last must not take the rest back.
	for i := range 2 {
		c.hands[i].set(partitionsShare, false, 0, 1, 2, 3)
		c.hands[i].set(combinersShare, false, 0, 1, 2, 3)
		c.send(20)
		c.await()
	}
	c.check()
	var positions []uint64
	for p := range crewPartitions {
		at, err := c.bus.Position(t.Context(), Reader, p)
		if err != nil {
			t.Fatal(err)
		}
		positions = append(positions, at)
	}
	if slices.Min(positions) == 0 {
		t.Errorf("checkpoints were stored up to %v", positions)
	}
}
