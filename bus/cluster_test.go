package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/natstest"
)

// pen writes numbered messages into a partition, one after the other.
type pen struct {
	number int
	bus    *Bus
	stored atomic.Int64   // so many were acknowledged
	twice  map[int64]bool // of which an error said that they may be stored: offered again
}

func (w *pen) message(n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{byte(w.number)}, uint64(n))
}

func (w *pen) write(t *testing.T, stop <-chan struct{}) {
	for n := int64(1); ; {
		_, err := w.bus.PublishRecords(t.Context(), 0, w.message(n))
		switch {
		case err == nil:
			w.stored.Store(n)
			n++
		case t.Context().Err() != nil:
			return
		case !errors.Is(err, ErrAway):
			t.Errorf("writer %d: %v", w.number, err)
			return
		default:
			t.Logf("writer %d, message %d: %v", w.number, n, err)
			w.twice[n] = true
			continue // what was offered is offered again, as senders do
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// TestNodesDieUnderLoad takes nodes away while several write and read: what
// was acknowledged is there once, and in the order of each writer.
func TestNodesDieUnderLoad(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := natstest.Start(t, natstest.Options{Nodes: 3})
	connect := func() *Bus {
		return open(t, Options{URL: c.URL(), Replicas: 3})
	}
	var pens []*pen
	for i := range 4 {
		pens = append(pens, &pen{number: i, bus: connect(), twice: make(map[int64]bool)})
	}
	var read [2]atomic.Uint64 // how far the readers are
	got := make([][][]int64, len(read))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var readers, writers sync.WaitGroup
	for i := range read {
		b := connect()
		got[i] = make([][]int64, len(pens))
		readers.Go(func() {
			if err := b.ReadRecords(ctx, 0, 0, func(m Message) error {
				if m.Seq != read[i].Load()+1 {
					return fmt.Errorf("%d comes after %d", m.Seq, read[i].Load())
				}
				w := m.Data[0]
				got[i][w] = append(got[i][w], int64(binary.BigEndian.Uint64(m.Data[1:])))
				read[i].Store(m.Seq)
				return nil
			}); err != nil {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	stop := make(chan struct{})
	for _, w := range pens {
		writers.Go(func() { w.write(t, stop) })
	}
	// on returns when everybody has come further.
	on := func(when string) {
		t.Helper()
		var from []int64
		for _, w := range pens {
			from = append(from, w.stored.Load())
		}
		at := [2]uint64{read[0].Load(), read[1].Load()}
		if err := c.Wait(ctx, func() error {
			for i, w := range pens {
				if n := w.stored.Load(); n < from[i]+20 {
					return fmt.Errorf("writer %d stored %d, then %d", i, from[i], n)
				}
			}
			for i := range read {
				if n := read[i].Load(); n < at[i]+20 {
					return fmt.Errorf("reader %d read %d, then %d", i, at[i], n)
				}
			}
			return nil
		}); err != nil {
			t.Fatalf("%s: nobody comes any further: %v", when, err)
		}
	}
	on("at the beginning")
	for round, fault := range []string{"kill", "freeze", "kill", "stop"} {
		n := c.Nodes[random.IntN(len(c.Nodes))]
		if round%2 == 0 {
			n = c.MustLeader(recordsStream(0))
		}
		t.Logf("%s %s", fault, n.Name)
		switch fault {
		case "kill":
			n.Kill()
		case "stop":
			n.Stop()
		case "freeze":
			n.Pause()
		}
		on("without " + n.Name)
		n.Resume()
		n.Start()
		c.Ready()
		on("with " + n.Name + " again")
	}
	close(stop)
	writers.Wait()
	x := extent(t, connect(), recordsStream(0))
	if err := c.Wait(ctx, func() error {
		for i := range read {
			if n := read[i].Load(); n < x.Last {
				return fmt.Errorf("reader %d is at %d of %d", i, n, x.Last)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	cancel()
	readers.Wait()
	for i := range read {
		for _, w := range pens {
			want := int64(1)
			for _, n := range got[i][w.number] {
				if n == want-1 && w.twice[n] {
					continue
				}
				if n != want {
					t.Fatalf("reader %d: of writer %d, message %d comes where %d was expected", i, w.number, n, want)
				}
				want++
			}
			if want != w.stored.Load()+1 {
				t.Errorf("reader %d: of writer %d there are %d messages, %d were acknowledged", i, w.number, want-1, w.stored.Load())
			}
		}
	}
	t.Logf("%d messages", x.Last)
}
