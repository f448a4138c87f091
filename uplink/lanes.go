package uplink

import (
	"bytes"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
)

// input is one stored message of the edge.
type input struct {
	seq    uint64
	stored time.Time
	data   []byte
}

// lane is one stream that is read: a partition of the records, or the ticks.
type lane struct {
	read func(ctx context.Context, from uint64, handle func(bus.Message) error) error
	ask  func(ctx context.Context) (bus.Extent, error)
	ch   chan input
	at   uint64 // position of the last message taken
	head *input // the next one, when it is there
	ends uint64 // positions behind are not for this batch
}

// ahead is how many messages of a lane wait in memory, beside what the
// client of the bus has under way.
const ahead = 16

// lanes are all streams of an edge, read in the order in which messages were
// stored. The last lane is that of the ticks, when they are read.
type lanes struct {
	all    []*lane
	ticks  bool
	group  *errgroup.Group
	cancel context.CancelFunc
	woken  chan struct{} // something was read
	failed func(error)   // reading is tried again
}

func (s *Service) openLanes(ctx context.Context, from cursor, ticks bool) *lanes {
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	ls := &lanes{ticks: ticks, group: g, cancel: cancel, woken: make(chan struct{}, 1), failed: func(err error) {
		s.log.Warn("uplink reads again", "error", err)
	}}
	b := s.opts.Bus
	for p := range b.Partitions() {
		ls.add(ctx, &lane{
			read: func(ctx context.Context, from uint64, h func(bus.Message) error) error {
				return b.ReadRecords(ctx, p, from, h)
			},
			ask: func(ctx context.Context) (bus.Extent, error) { return b.RecordsExtent(ctx, p) },
			at:  from.At[p],
		})
	}
	if ticks {
		ls.add(ctx, &lane{read: b.ReadAggregates, ask: b.AggregatesExtent, at: from.Ticks})
	}
	return ls
}

func (ls *lanes) add(ctx context.Context, l *lane) {
	l.ch = make(chan input, ahead)
	ls.all = append(ls.all, l)
	next := l.at + 1
	ls.group.Go(func() error {
		for {
			err := l.read(ctx, next, func(m bus.Message) error {
				select {
				case l.ch <- input{m.Seq, m.Stored, bytes.Clone(m.Data)}:
				case <-ctx.Done():
					return ctx.Err()
				}
				next = m.Seq + 1
				select {
				case ls.woken <- struct{}{}:
				default:
				}
				return nil
			})
			if ctx.Err() != nil {
				return nil
			}
			ls.failed(err)
			if !run.Pause(ctx, 500*time.Millisecond) {
				return nil
			}
		}
	})
}

func (ls *lanes) close() {
	ls.cancel()
	_ = ls.group.Wait() // readers end without an error
}

// cursor is behind what was taken.
func (ls *lanes) cursor() cursor {
	c := cursor{}
	for i, l := range ls.all {
		if ls.ticks && i == len(ls.all)-1 {
			c.Ticks = l.at
		} else {
			c.At = append(c.At, l.at)
		}
	}
	return c
}

// limit lets the next batch go as far as what is stored now, and gives the
// server's time at the first of the questions.
func (ls *lanes) limit(ctx context.Context) (oldest time.Time, err error) {
	for i, l := range ls.all {
		x, err := l.ask(ctx)
		if err != nil {
			return oldest, err
		}
		l.ends = x.Last
		if i == 0 {
			oldest = x.At
		}
	}
	return oldest, nil
}

// limitTo lets the next batch go to a cursor and no further.
func (ls *lanes) limitTo(c cursor) {
	for i, l := range ls.all {
		if ls.ticks && i == len(ls.all)-1 {
			l.ends = c.Ticks
		} else {
			l.ends = c.At[i]
		}
	}
}

// next gives the message that was stored first of all within the limit, and
// its lane; nil when there is none.
func (ls *lanes) next(ctx context.Context) (*input, int, error) {
	first := -1
	for i, l := range ls.all {
		if l.at >= l.ends {
			continue
		}
		if l.head == nil {
			select {
			case m := <-l.ch:
				l.head = &m
			case <-ctx.Done():
				return nil, 0, ctx.Err()
			}
		}
		if l.head.seq > l.ends { // what was in between is removed
			l.at = l.ends
			continue
		}
		if first < 0 || l.head.stored.Before(ls.all[first].head.stored) {
			first = i
		}
	}
	if first < 0 {
		return nil, 0, nil
	}
	l := ls.all[first]
	m := l.head
	l.at, l.head = m.seq, nil
	return m, first, nil
}

func (c *cursor) equal(o *cursor) bool {
	return o != nil && slices.Equal(c.At, o.At) && c.Ticks == o.Ticks && c.Clock == o.Clock
}
