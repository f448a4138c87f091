package tsdb

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// TestPartitionsThatLagBehind appends several partitions at the same time, some
// of them seconds, minutes, hours or days behind in event time, while blocks
// are written again and again. At the end every sample is there exactly once.
func TestPartitionsThatLagBehind(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, lag := range []time.Duration{20 * time.Second, 3 * time.Minute, 40 * time.Hour} {
		t.Run(lag.String(), func(t *testing.T) { lagBehind(t, rand.New(rand.NewPCG(seed, uint64(lag))), lag) })
	}
}

func lagBehind(t *testing.T, rnd *rand.Rand, lag time.Duration) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var partitions []*lagging
	var appending sync.WaitGroup
	var working atomic.Int32
	for n, lag := range []time.Duration{0, lag / 7, lag} {
		p := &lagging{number: n, lag: lag, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 0))}
		partitions = append(partitions, p)
		working.Add(1)
		appending.Go(func() {
			defer working.Add(-1)
			p.run(t, s)
		})
	}
	flushes := 0
	for working.Load() > 0 {
		if s.Stats().Unflushed == 0 {
			runtime.Gosched()
			continue
		}
		var err error
		if flushes++; rnd.IntN(3) == 0 {
			err = s.Flush(t.Context())
		} else {
			_, err = s.FlushSettled(t.Context())
		}
		if err != nil {
			t.Fatalf("flush %d: %v", flushes, err)
		}
	}
	appending.Wait()
	t.Logf("%d flushes", flushes)
	for _, p := range partitions {
		p.check(t, s, "before the last flush")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(Options{Dir: dir, MinFree: 1}); err != nil {
		t.Fatal(err)
	}
	for _, p := range partitions {
		p.check(t, s, "opened again")
	}
}

// lagging is a partition that is behind the others by lag.
type lagging struct {
	number int
	lag    time.Duration
	rnd    *rand.Rand
	rounds int // so far, with a sample of every sensor in each
}

const (
	lagSensors = 30
	lagRounds  = 3000
)

func (p *lagging) series(k int) history.Series {
	return history.RecordsOf(record.SensorID(fmt.Sprintf("p%d-s%02d", p.number, k)))
}

func (p *lagging) at(i int) record.Millis {
	return t0 + record.Millis(i)*1000 - record.Millis(p.lag.Milliseconds())
}

func (p *lagging) value(k, i int) float64 { return float64(i*lagSensors + k) }

// late tells whether a sample comes after its time: at the end.
func late(k, i int) bool { return (i+k)%101 == 0 }

// run appends all rounds, and at the end what is late.
func (p *lagging) run(t *testing.T, s *Store) {
	names := make([]history.Series, lagSensors)
	for k := range names {
		names[k] = p.series(k)
	}
	refs := s.Refs(nil, names)
	var index []uint32
	var times []record.Millis
	var values []float64
	add := func(k, i int) {
		index, times, values = append(index, uint32(k)), append(times, p.at(i)), append(values, p.value(k, i))
	}
	put := func() {
		if refused, err := s.Append(t.Context(), refs, index, times, values); err != nil || len(refused) > 0 {
			t.Errorf("partition %d: %v, %d refused", p.number, err, len(refused))
		}
		index, times, values = index[:0], times[:0], values[:0]
	}
	for p.rounds < lagRounds && !t.Failed() {
		for n := 1 + p.rnd.IntN(4); n > 0; n-- {
			for k := range lagSensors {
				if !late(k, p.rounds) {
					add(k, p.rounds)
				}
			}
			p.rounds++
		}
		if p.rnd.IntN(1000) == 0 {
			for i := max(0, p.rounds-40); i < p.rounds-20; i++ { // some come for the second time
				for k := range lagSensors {
					add(k, i)
				}
			}
		}
		put()
	}
	for i := range p.rounds {
		for k := range lagSensors {
			if late(k, i) {
				add(k, i)
			}
		}
		if len(times) > 500 {
			put()
		}
	}
	put()
}

// check looks for all samples.
func (p *lagging) check(t *testing.T, s *Store, when string) {
	t.Helper()
	missing, wrong := 0, 0
	for k := range lagSensors {
		i := 0
		if err := s.Scan(t.Context(), p.series(k), record.MinTime, record.MaxTime, func(ts []int64, vs []float64) error {
			for n := range ts {
				for i < p.rounds && int64(p.at(i)) < ts[n] {
					missing++
					i++
				}
				if i == p.rounds || int64(p.at(i)) != ts[n] || vs[n] != p.value(k, i) {
					wrong++
					continue
				}
				i++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		missing += p.rounds - i
	}
	if missing > 0 || wrong > 0 {
		t.Errorf("%s: of %d samples of partition %d %d are missing, %d are too many or wrong",
			when, p.rounds*lagSensors, p.number, missing, wrong)
	}
}
