package aggregate

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gathered is what metrics say.
func gathered(s *Service) <-chan prometheus.Metric {
	ch := make(chan prometheus.Metric)
	go func() {
		defer close(ch)
		collector{s}.Collect(ch)
	}()
	return ch
}

// stalled waits until so many partitions of a service wait for others, and gives
// how much the partial results take then.
func (c *crew) stalled(who, n int) uint64 {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
		waits := 0
		for _, p := range c.services[who].Status().Partitions {
			if p.Waits {
				waits++
			}
		}
		x, err := c.bus.PartialsExtent(c.t.Context())
		switch {
		case err != nil:
			c.t.Fatal(err)
		case waits == n:
			return x.Bytes
		case time.Now().After(deadline):
			c.t.Fatalf("%d partitions wait, not %d; partial results take %d bytes", waits, n, x.Bytes)
		}
	}
}

// TestPartitionsDriftApart has a partition begin when the others are far into a
// backlog, of which the partial results do not fit into their stream: the others
// wait in time, whoever owns them, and every tick is stored in the end.
func TestPartitionsDriftApart(t *testing.T) {
	const limit = 256 << 10
	c := newNarrowCrew(t, 2, 0, limit, nil)
	c.hands[0].set(combinersShare, true, 0, 1, 2, 3)
	c.send(200)
	for turn := range 4 {
		who := turn % 2
		c.hands[1-who].set(partitionsShare, false, 0, 1, 2)
		c.hands[who].set(partitionsShare, true, 0, 1, 2)
		if took := c.stalled(who, 3); took > limit*3/4 {
			t.Errorf("partial results take %d of %d bytes at turn %d", took, limit, turn)
		}
		for range gathered(c.services[who]) {
		}
	}
	c.hands[0].set(partitionsShare, true, 3)
	c.await()
	// Now another one is behind, and the combiner is another one's.
	c.hands[1].set(partitionsShare, false, 0)
	c.hands[0].set(combinersShare, false, 0, 1, 2, 3)
	c.hands[1].set(combinersShare, true, 0, 1, 2, 3)
	c.send(200)
	c.stalled(1, 2)
	c.stalled(0, 1)
	c.hands[0].set(partitionsShare, true, 0)
	c.await()
	c.check()
}

// TestTicksNobodyStores: they do not stay for ever.
func TestTicksNobodyStores(t *testing.T) {
	c := newNarrowCrew(t, 1, 0, 0, func(_ int, s *Service) { s.keepTicks = time.Nanosecond })
	c.give(0)
	for range 2 { // in two messages at least
		c.send(10)
		c.await()
	}
	for deadline := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
		x, err := c.bus.AggregatesExtent(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if x.Last > 1 && x.First == x.Last {
			return // the newest says how far the hierarchy is
		}
		if time.Now().After(deadline) {
			t.Fatalf("ticks %d to %d are kept", x.First, x.Last)
		}
	}
}
