package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

// killer ends services in the middle of the ticks of a wide hierarchy: the one
// whose turn it is hangs before a part is stored, or behind it, until it is given
// up, as if it had been killed there.
type killer struct {
	at     atomic.Int64 // 1 + number of the part; 0: nothing is to happen
	stored bool         // the part is stored, and its answer lost
	hangs  chan int     // who
}

func (k *killer) arm(part int, stored bool) {
	k.stored = stored
	k.at.Store(int64(part) + 1)
}

func (k *killer) prepare(who int, s *Service) {
	keep := s.keep
	s.keep = func(ctx context.Context, hierarchy string, data []byte, after uint64) (uint64, error) {
		var t record.Ticks
		if err := t.Decode(data); err != nil {
			return 0, err
		}
		if !k.at.CompareAndSwap(int64(t.Part)+1, 0) {
			return keep(ctx, hierarchy, data, after)
		}
		if k.stored {
			if _, err := keep(ctx, hierarchy, data, after); err != nil {
				return 0, err
			}
		}
		k.hangs <- who
		<-ctx.Done()
		return 0, ctx.Err()
	}
}

// told reads what is stored, and fails unless every part of every tick is there
// once, in order, and as wide as it may be.
func (c *crew) told(widest int) {
	c.t.Helper()
	x, err := c.bus.AggregatesExtent(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	tick, part, groups := 0, 0, map[string]bool{}
	stop := errors.New("stop")
	err = c.bus.ReadAggregates(c.t.Context(), 0, func(m bus.Message) error {
		var t record.Ticks
		if err := t.Decode(m.Data); err != nil {
			return err
		}
		if len(t.Ticks) != 1 || len(t.Groups) > widest {
			return fmt.Errorf("a message tells of %d ticks and %d groups", len(t.Ticks), len(t.Groups))
		}
		if at := int(t.Ticks[0].Time-c.start) / 1000; at != tick || int(t.Part) != part {
			return fmt.Errorf("part %d of tick %d is stored where part %d of tick %d must be", t.Part, at, part, tick)
		}
		for i, g := range t.Groups {
			if groups[g] {
				return fmt.Errorf("group %s is told twice at tick %d", g, tick)
			}
			groups[g] = true
			if t.Ticks[0].Count[i] != t.Ticks[0].Total[i] {
				return fmt.Errorf("group %s at tick %d has %d of %d", g, tick, t.Ticks[0].Count[i], t.Ticks[0].Total[i])
			}
		}
		if part++; part == int(t.Parts) {
			if len(groups) != len(c.doc.Groups) {
				return fmt.Errorf("tick %d tells of %d groups, want %d", tick, len(groups), len(c.doc.Groups))
			}
			tick, part, groups = tick+1, 0, map[string]bool{}
		}
		if m.Seq == x.Last {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		c.t.Fatal(err)
	}
	if part != 0 || tick < c.sent-2 {
		c.t.Errorf("%d ticks are stored and %d parts, %d can be", tick, part, c.sent-2)
	}
}

// TestKilledBetweenParts gives a combiner up before and behind every part of a
// tick. Its successor tells the parts that are missing, and those alone.
func TestKilledBetweenParts(t *testing.T) {
	const widest, parts = 4, 4 // of 13 groups
	k := &killer{hangs: make(chan int, 1)}
	c := newWideCrew(t, 3, widest, k.prepare)
	c.hands[0].set(partitionsShare, true, 0, 1, 2, 3)
	who := 0
	c.hands[who].set(combinersShare, true, 0, 1, 2, 3)
	c.send(10)
	c.awaitTold()
	for _, stored := range []bool{false, true} {
		for part := range parts {
			k.arm(part, stored)
			c.send(5)
			select {
			case hung := <-k.hangs:
				if hung != who {
					t.Fatalf("service %d told a part, and not %d", hung, who)
				}
			case <-time.After(time.Minute):
				t.Fatalf("part %d is not told", part)
			}
			// The next one begins while this one hangs, or when it is gone.
			next := (who + 1) % 3
			if part%2 == 0 {
				c.hands[who].set(combinersShare, false, 0, 1, 2, 3)
				c.hands[next].set(combinersShare, true, 0, 1, 2, 3)
			} else {
				c.hands[next].set(combinersShare, true, 0, 1, 2, 3)
				c.awaitTold()
				c.hands[who].set(combinersShare, false, 0, 1, 2, 3)
			}
			who = next
			c.awaitTold()
		}
	}
	c.send(5)
	c.awaitTold()
	c.told(widest)
}

// TestTwoTellInParts has two services, then three, tell the same wide hierarchy
// at the same time: between them every part is stored once.
func TestTwoTellInParts(t *testing.T) {
	const widest = 3
	c := newWideCrew(t, 3, widest, nil)
	for i := range c.hands {
		c.hands[i].set(partitionsShare, true, 0, 1, 2, 3)
		c.hands[i].set(combinersShare, true, 0, 1, 2, 3)
		for range 5 {
			c.send(10)
		}
		c.awaitTold()
	}
	c.told(widest)
}

// awaitTold waits until every tick that can be closed is stored with its last
// part.
func (c *crew) awaitTold() {
	c.t.Helper()
	want := c.start + record.Millis(c.sent-3)*1000
	for deadline := time.Now().Add(time.Minute); ; {
		data, _, err := c.bus.LastAggregates(c.t.Context(), "h")
		if err != nil {
			c.t.Fatal(err)
		}
		var t record.Ticks
		if data != nil {
			if err := t.Decode(data); err != nil {
				c.t.Fatal(err)
			}
			if t.Told() >= want {
				return
			}
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("ticks are not told up to %v; the newest is part %d of %d of %v", want, t.Part, t.Parts, t.Ticks)
		}
		select {
		case <-c.t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestPartsCutOtherwise: parts of another width than before are all told again.
func TestPartsCutOtherwise(t *testing.T) {
	cut := func(widest int) []*record.Ticks {
		n := 10
		k := record.Tick{
			Time: 5000, Sum: make([]float64, n), Min: make([]float64, n), Max: make([]float64, n), Count: make([]uint32, n),
			Total: make([]uint32, n), Meter: make([]float64, n), Unaccounted: make([]float64, n),
		}
		x := &record.Ticks{Hierarchy: "h", Ticks: []record.Tick{k}}
		for i := range n {
			x.Groups = append(x.Groups, fmt.Sprint("g", i))
		}
		return split(x, widest)
	}
	missing := func(m mark, at record.Millis, parts []*record.Ticks) (out []int) {
		for i := range parts {
			if !m.has(at, parts, i) {
				out = append(out, i)
			}
		}
		return out
	}
	parts := cut(3)
	for _, c := range []struct {
		name  string
		m     mark
		at    record.Millis
		parts []*record.Ticks
		want  []int
	}{
		{"nothing is stored", mark{told: unstored}, 5000, parts, []int{0, 1, 2, 3}},
		{"two parts are", markOf(parts[1], 7), 5000, parts, []int{2, 3}},
		{"all are", markOf(parts[3], 7), 5000, parts, nil},
		{"an older tick is", markOf(parts[1], 7), 4000, parts, nil},
		{"a newer tick is not", markOf(parts[1], 7), 6000, parts, []int{0, 1, 2, 3}},
		{"they were cut in five", markOf(cut(2)[1], 7), 5000, parts, []int{0, 1, 2, 3}},
		{"by one that cut nothing", markOf(cut(10)[0], 7), 5000, parts, nil},
	} {
		if got := missing(c.m, c.at, c.parts); !slices.Equal(got, c.want) {
			t.Errorf("%s: parts %v are missing, want %v", c.name, got, c.want)
		}
	}
	other := cut(3)
	other[1].Groups = []string{"a", "b", "c"}
	if got := missing(markOf(other[1], 7), 5000, parts); len(got) != 4 {
		t.Errorf("of other groups: parts %v are missing, want all", got)
	}
}
