package uc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

// Load is Theodolite's: keys s_0, s_1, … each fire once a period, from a phase
// of their own. It is a function of its fields: what was sent can be computed.
// Values are 40 to 552 W, multiples of 1/8 W, and unrelated from reading to
// reading. Safe for concurrent use.
type Load struct {
	Sensors    int
	Period     record.Millis // between two readings of a sensor
	Start, End record.Millis // readings have times Start <= t < End
	Seed       uint64
	Partitions int
}

// Validate says what cannot work.
func (l *Load) Validate() error {
	switch {
	case l.Sensors < 1 || l.Sensors > 10_000_000:
		return fmt.Errorf("%d sensors; between 1 and 10 million are possible", l.Sensors)
	case l.Period < 1:
		return errors.New("the period is at least 1ms")
	case l.Start < 0 || l.End < l.Start+l.Period:
		return errors.New("the load must last one period at least")
	case l.Partitions < 1:
		return errors.New("there is at least one partition")
	}
	return nil
}

// Sensor is the identifier of sensor i.
func (l *Load) Sensor(i int) record.SensorID { return record.SensorID("s_" + strconv.Itoa(i)) }

// mix turns a number into an unrelated one (SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// phase is when sensor i fires first, after Start.
func (l *Load) phase(i int) record.Millis {
	return record.Millis(mix(l.Seed^uint64(i)*0x9e3779b97f4a7c15) % uint64(l.Period))
}

// eighths is reading k of sensor i, in units of 1/8 W.
func (l *Load) eighths(i int, k int64) int64 {
	return 320 + int64(mix(l.Seed+uint64(i)<<32+uint64(k))>>52)
}

// readings is how many readings sensor i has before a time.
func (l *Load) readings(i int, before record.Millis) int64 {
	first := l.Start + l.phase(i)
	if before = min(before, l.End); before <= first {
		return 0
	}
	return int64((before-first-1)/l.Period) + 1
}

// Records is how many records there are.
func (l *Load) Records() (n int64) {
	for i := range l.Sensors {
		n += l.readings(i, l.End)
	}
	return n
}

// lanes gives the partitions' readings in order of time.
func (l *Load) lanes() []*lane {
	out := make([]*lane, l.Partitions)
	for p := range out {
		out[p] = &lane{load: l}
	}
	for i := range l.Sensors {
		x := out[record.Partition(l.Sensor(i), l.Partitions)]
		x.turn = append(x.turn, turn{l.phase(i), int32(i)})
	}
	for _, x := range out {
		slices.SortFunc(x.turn, func(a, b turn) int { return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(a.sensor, b.sensor)) })
		x.at = append(x.at, 0)
		for _, t := range x.turn {
			x.names = protowire.AppendTag(x.names, 1, protowire.BytesType)
			x.names = protowire.AppendString(x.names, string(l.Sensor(int(t.sensor))))
			x.at = append(x.at, len(x.names))
		}
	}
	return out
}

// lane is a partition's part of a load. One goroutine uses it.
type lane struct {
	load  *Load
	turn  []turn // in the order in which they fire within a period
	names []byte // encoded, in this order
	at    []int  // where a name begins in names, and the end

	period int64 // what comes next
	next   int

	index  []uint32
	times  []record.Millis
	values []float64
	buf    []byte
}

type turn struct {
	phase  record.Millis
	sensor int32
}

// fill hands over encoded batches of at most size records with all readings
// before a time that were not handed over yet. The bytes are valid until the
// next one.
func (x *lane) fill(before record.Millis, size int, publish func(batch []byte, records int) error) error {
	before = min(before, x.load.End)
	n := len(x.turn)
	for n > 0 {
		first := x.next
		x.index, x.times, x.values = x.index[:0], x.times[:0], x.values[:0]
		for len(x.times) < size {
			t := x.load.Start + x.turn[x.next].phase + record.Millis(x.period)*x.load.Period
			if t >= before {
				break
			}
			x.index = append(x.index, uint32(len(x.times)%n))
			x.times = append(x.times, t)
			x.values = append(x.values, float64(x.load.eighths(int(x.turn[x.next].sensor), x.period))/8)
			if x.next++; x.next == n {
				x.next, x.period = 0, x.period+1
			}
		}
		if len(x.times) == 0 {
			return nil
		}
		// The names from the first one on, and again from the beginning.
		named := min(len(x.times), n)
		if first+named <= n {
			x.buf = append(x.buf[:0], x.names[x.at[first]:x.at[first+named]]...)
		} else {
			x.buf = append(x.buf[:0], x.names[x.at[first]:]...)
			x.buf = append(x.buf, x.names[:x.at[first+named-n]]...)
		}
		x.buf = record.EncodeColumns(x.buf, x.index, x.times, x.values)
		if err := publish(x.buf, len(x.times)); err != nil {
			return err
		}
	}
	return nil
}

// Fill sends the whole load at once, in messages of size records.
func (l *Load) Fill(ctx context.Context, b *bus.Bus, size int) error {
	g, ctx := errgroup.WithContext(ctx)
	for p, x := range l.lanes() {
		g.Go(func() error {
			return x.fill(l.End, size, func(batch []byte, _ int) error {
				_, err := b.PublishRecords(ctx, p, batch)
				return err
			})
		})
	}
	return g.Wait()
}

// Send sends every reading when its time has come, and returns after the last
// one. linger is how long a reading may wait for others of its partition to be
// sent with. sent counts records while they are stored.
func (l *Load) Send(ctx context.Context, b *bus.Bus, linger time.Duration, sent *atomic.Int64) error {
	const most = 5000
	g, ctx := errgroup.WithContext(ctx)
	for p, x := range l.lanes() {
		g.Go(func() error {
			tick := time.NewTicker(linger)
			defer tick.Stop()
			for {
				now := record.MillisOf(time.Now())
				if err := x.fill(now+1, most, func(batch []byte, records int) error {
					_, err := b.PublishRecords(ctx, p, batch)
					sent.Add(int64(records))
					return err
				}); err != nil {
					return err
				}
				if now >= l.End {
					return nil
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-tick.C:
				}
			}
		})
	}
	return g.Wait()
}
