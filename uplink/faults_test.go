package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// collector reads everything the centre stores, as the history does, and lets
// it be removed from the bus at once.
type collector struct {
	t    *testing.T
	mu   sync.Mutex
	got  map[record.SensorID][]sample
	next []uint64
	stop func()
}

// follow begins to read a bus of the centre, which is opened again.
func (c *collector) follow(b *bus.Bus) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for p := range b.Partitions() {
		wg.Go(func() {
			c.mu.Lock()
			from := c.next[p]
			c.mu.Unlock()
			err := b.ReadRecords(ctx, p, from, func(m bus.Message) error {
				var x record.Batch
				if err := x.Decode(m.Data); err != nil {
					return err
				}
				x.Names()
				c.mu.Lock()
				for i := range x.Len() {
					r := x.At(i)
					c.got[r.Sensor] = append(c.got[r.Sensor], sample{int64(r.Time), r.Value})
				}
				c.next[p] = m.Seq + 1
				c.mu.Unlock()
				return b.SavePosition(ctx, "collector", p, m.Seq)
			})
			if err != nil && ctx.Err() == nil {
				c.t.Error(err)
			}
		})
	}
	wg.Go(func() { trimAgainAndAgain(ctx, c.t, b, "collector") })
	c.stop = func() { cancel(); wg.Wait() }
}

func trimAgainAndAgain(ctx context.Context, t *testing.T, b *bus.Bus, reader string) {
	for run.Pause(ctx, 5*time.Millisecond) {
		if err := b.TrimRecords(ctx, reader); err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
	}
}

func (c *collector) agrees(want map[record.SensorID][]sample) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return compare(c.got, want)
}

// has tells whether the first sensor is there up to a round.
func (c *collector) has(written map[record.SensorID][]record.Record, rounds int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, rs := range written {
		if n := len(c.got[id]); len(rs) == rounds && n < rounds {
			return fmt.Errorf("%s: %d of %d records are at the centre", id, n, rounds)
		}
	}
	return nil
}

var errFault = errors.New("a fault of the test")

// faults gives an error now and then.
type faults struct {
	mu     sync.Mutex
	random *rand.Rand
	share  float64
	seen   map[string]int
}

func (f *faults) at(step string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.random.Float64() < f.share {
		f.seen[step]++
		return errFault
	}
	return nil
}

func (f *faults) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.share = 0
}

// forgetful lets the server of the centre forget at once which ids it has
// stored: hours may lie between a batch and its repetition.
func forgetful(t *testing.T, b *bus.Bus) {
	t.Helper()
	for p := range b.Partitions() {
		s, err := b.JetStream().Stream(t.Context(), fmt.Sprintf("RECORDS-%04d", p))
		if err != nil {
			t.Fatal(err)
		}
		c := s.CachedInfo().Config
		c.Duplicates = 100 * time.Millisecond
		if _, err := b.JetStream().UpdateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// journeys runs a pair through faults of every kind, at random, while records
// come in, and gives what was written and what the centre has seen.
func journeys(t *testing.T, p *pair, random *rand.Rand, events int, write func(k int) []record.Record) (map[record.SensorID][]record.Record, *collector) {
	t.Helper()
	at := func(share float64) *faults {
		return &faults{random: rand.New(rand.NewPCG(random.Uint64(), 0)), share: share, seen: make(map[string]int)}
	}
	edge, centre := at(0.12), at(0.12)
	p.edgeFault, p.centreFault = edge.at, centre.at
	p.killEdge()
	p.killCentre()
	c := &collector{t: t, got: make(map[record.SensorID][]sample), next: slices.Repeat([]uint64{1}, centreParts)}
	startCentre := func() {
		p.startCentre()
		forgetful(t, p.centre)
		c.follow(p.centre)
	}
	startCentre()
	p.startEdge()
	var stopTrim func()
	trim := func() {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { trimAgainAndAgain(ctx, t, p.edge, Reader) })
		stopTrim = func() { cancel(); wg.Wait() }
	}
	trim()
	t.Cleanup(func() { stopTrim(); c.stop() })
	written := make(map[record.SensorID][]record.Record)
	w := p.edge.NewWriter()
	k := 0
	more := func(n int) {
		for range n {
			rs := write(k)
			p.write(w, rs)
			for _, r := range rs {
				written[r.Sensor] = append(written[r.Sensor], r)
			}
			k++
		}
	}
	did := make(map[string]int)
	for i := range events {
		if i%5 == 4 {
			// Through the faults of the services, and none of the link.
			p.link.Heal()
			for range 6 {
				more(1)
				run.Pause(t.Context(), time.Duration(random.IntN(50))*time.Millisecond)
			}
			so := k
			eventually(t, func() error { return c.has(written, so) })
		}
		more(random.IntN(8))
		switch what := random.IntN(12); what {
		case 0, 1:
			did["cut"]++
			p.link.Cut()
		case 2:
			did["stall"]++
			p.link.Stall()
		case 3, 4, 5, 6:
			did["heal"]++
			p.link.Heal()
		case 7, 8:
			did["centre"]++
			c.stop()
			p.killCentre()
			more(random.IntN(10))
			startCentre()
		case 9, 10:
			did["edge"]++
			stopTrim()
			p.killEdge()
			p.startEdge()
			w = p.edge.NewWriter()
			trim()
		}
		run.Pause(t.Context(), time.Duration(random.IntN(150))*time.Millisecond)
	}
	edge.end()
	centre.end()
	p.link.Heal()
	more(3)
	t.Logf("%d rounds were written; %v; the edge failed at %v, the centre at %v", k, did, edge.seen, centre.seen)
	return written, c
}

// TestNothingIsLostOrDoubled cuts and stalls the link, restarts both sides,
// and fails between any two steps of either.
func TestNothingIsLostOrDoubled(t *testing.T) {
	random := chance(t)
	p := newPair(t, All())
	written, c := journeys(t, p, random, 40, func(k int) []record.Record {
		n := 9
		if k == 150 {
			n = 21_000 // more than a batch
		}
		return round(n, k)
	})
	want := make(map[record.SensorID][]sample)
	for id, rs := range written {
		for _, r := range rs {
			want[id] = append(want[id], sample{int64(r.Time), r.Value})
		}
	}
	eventually(t, func() error { return c.agrees(want) })
	// And what the edge does not need any more can go.
	eventually(t, func() error {
		for part := range edgeParts {
			x, err := p.edge.RecordsExtent(t.Context(), part)
			if err != nil {
				return err
			}
			if x.First <= x.Last {
				return fmt.Errorf("partition %d keeps %d to %d", part, x.First, x.Last)
			}
		}
		return nil
	})
}

// TestSensorsArePlacedAndThenRead: readings that come right after the model
// has changed are sent by it.
func TestSensorsArePlacedAndThenRead(t *testing.T) {
	p := newPair(t, minutes())
	w := p.edge.NewWriter()
	want := make(map[record.SensorID][]sample)
	for n := range 5 {
		id := record.SensorID(fmt.Sprint("press ", n))
		p.put(model.Document{Sensors: []model.Sensor{{ID: id, Quantity: record.ActivePower, Interval: model.Duration(time.Second)}}})
		for k := range int64(200) {
			p.write(w, []record.Record{{Sensor: id, Time: record.Millis(k * 1000), Value: float64(k / 60)}})
		}
		want[id] = []sample{{0, 0}, {60_000, 1}, {120_000, 2}}
		eventually(t, func() error { return agrees(t, p.centre, want) })
	}
}
