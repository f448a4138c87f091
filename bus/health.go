package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Health is how the bus is, as this process sees it.
type Health struct {
	Connected  bool
	External   bool // it is not embedded here
	Reconnects uint64
	Servers    int           // of the cluster, as far as the connection was told; 1: alone
	Ahead      time.Duration // of our clock before that of the bus
	Streams    []StreamHealth
}

// StreamHealth is where a stream is kept.
type StreamHealth struct {
	Name      string
	Clustered bool
	Leader    string // empty: none, or no cluster
	Followers []FollowerHealth
}

// FollowerHealth is a copy of a stream.
type FollowerHealth struct {
	Name             string
	Offline, Current bool
	Behind           uint64 // operations
}

// Health asks how the streams are. When the bus does not answer, what is known
// of the connection is given with the error.
func (b *Bus) Health(ctx context.Context) (Health, error) {
	h := Health{
		Connected: b.conn.IsConnected(), External: b.server == nil, Reconnects: b.conn.Stats().Reconnects,
		Servers: max(1, len(b.conn.Servers())),
	}
	if !h.Connected {
		return h, nil
	}
	asked := time.Now()
	x, err := b.RecordsExtent(ctx, 0)
	if err != nil {
		return h, fmt.Errorf("ask for the health of the bus: %w", err)
	}
	// The answer was made somewhere in between.
	h.Ahead = asked.Add(time.Since(asked) / 2).Sub(x.At)
	l := b.js.ListStreams(ctx)
	for info := range l.Info() {
		s := StreamHealth{Name: info.Config.Name}
		if c := info.Cluster; c != nil && info.Config.Replicas > 1 {
			s.Clustered, s.Leader = true, c.Leader
			for _, r := range c.Replicas {
				s.Followers = append(s.Followers, FollowerHealth{Name: r.Name, Offline: r.Offline, Current: r.Current, Behind: r.Lag})
			}
		}
		h.Streams = append(h.Streams, s)
	}
	if err := l.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return h, fmt.Errorf("ask for the health of the bus: %w", err)
	}
	return h, nil
}

// Behind tells how many messages of partition p are stored behind a position,
// and when the first of them was.
func (b *Bus) Behind(ctx context.Context, p int, seq uint64) (messages uint64, oldest time.Time, err error) {
	x, err := b.RecordsExtent(ctx, p)
	if err != nil {
		return 0, time.Time{}, err
	}
	seq = max(seq+1, x.First)
	if seq > x.Last {
		return 0, time.Time{}, nil
	}
	if seq == x.First {
		return x.Last - seq + 1, x.FirstStored, nil
	}
	s, err := b.js.Stream(ctx, recordsStream(p))
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("ask %s: %w", recordsStream(p), err)
	}
	m, err := s.GetMsg(ctx, seq)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("ask %s: %w", recordsStream(p), err)
	}
	return x.Last - seq + 1, m.Time, nil
}
