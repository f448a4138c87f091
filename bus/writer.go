package bus

import (
	"context"
	"fmt"
	"sync"

	"github.com/wattwerk/wattwerk/record"
)

// Limits of a [Writer], per partition.
const (
	writerBatch   = 5000    // records in one message
	writerPending = 200_000 // records waiting; more are refused with ErrBusy
)

// Writer stores records from many callers: each call waits until its records
// are stored, and calls that come while a write is under way share the next
// one (group commit). There are no timers: an idle writer writes at once.
type Writer struct {
	bus   *Bus
	lanes []lane
}

type lane struct {
	mu      sync.Mutex
	open    *group // collects records; nil when nothing waits
	pending int
	writing bool
}

type group struct {
	batches []*record.Batch
	done    chan struct{}
	err     error
	trace   context.Context // of the first who joined
}

// NewWriter makes a writer. It has no goroutines while nothing waits.
func (b *Bus) NewWriter() *Writer {
	return &Writer{bus: b, lanes: make([]lane, b.partitions)}
}

// Write stores the records and returns when all of them are stored; an error
// means that some may be not, and the caller should offer all again (storing
// a record twice is harmless). The records must be valid. When ctx ends first
// the records may still be stored.
//
// Errors: [ErrBusy], [ErrFull], [ErrAway], or what NATS says.
func (w *Writer) Write(ctx context.Context, records []record.Record) error {
	if len(records) == 0 {
		return nil
	}
	err := w.write(ctx, records)
	w.bus.meter.refusal(err)
	return err
}

func (w *Writer) write(ctx context.Context, records []record.Record) error {
	if w.bus.Full() {
		return ErrFull
	}
	parts := make(map[int][]record.Record)
	if n := len(w.lanes); n > 1 {
		for _, r := range records {
			p := record.Partition(r.Sensor, n)
			parts[p] = append(parts[p], r)
		}
	} else {
		parts[0] = records
	}
	groups := make([]*group, 0, len(parts))
	for p, rs := range parts {
		g, err := w.join(ctx, p, rs)
		if err != nil {
			return err
		}
		groups = append(groups, g)
	}
	var first error
	for _, g := range groups {
		select {
		case <-g.done:
			if g.err != nil && first == nil {
				first = g.err
			}
		case <-ctx.Done():
			return fmt.Errorf("store records: %w", ctx.Err())
		}
	}
	return first
}

func (w *Writer) join(ctx context.Context, p int, rs []record.Record) (*group, error) {
	l := &w.lanes[p]
	l.mu.Lock()
	defer l.mu.Unlock()
	// A single call larger than the limit is taken when nothing else waits.
	if l.pending > 0 && l.pending+len(rs) > writerPending {
		return nil, ErrBusy
	}
	l.pending += len(rs)
	if l.open == nil {
		l.open = &group{done: make(chan struct{}), trace: w.bus.Tracer().Detach(ctx)}
	}
	g := l.open
	for _, r := range rs {
		n := len(g.batches)
		if n == 0 || g.batches[n-1].Len() == writerBatch {
			g.batches = append(g.batches, new(record.Batch))
			n++
		}
		g.batches[n-1].Append(r)
	}
	if !l.writing {
		l.writing = true
		go w.drain(p)
	}
	return g, nil
}

// drain writes until nothing waits in the lane.
func (w *Writer) drain(p int) {
	l := &w.lanes[p]
	var buf []byte
	for {
		l.mu.Lock()
		g := l.open
		l.open = nil
		if g == nil {
			l.writing = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		n := 0
		ctx, span := w.bus.Tracer().Start(g.trace, "bus write")
		for _, b := range g.batches {
			n += b.Len()
			if g.err == nil {
				buf = b.Encode(buf[:0])
				if _, g.err = w.bus.PublishRecords(ctx, p, buf); g.err == nil {
					w.bus.meter.stored(b.Len(), len(buf))
				}
			}
		}
		span.Int("records", n)
		span.End(g.err)
		l.mu.Lock()
		l.pending -= n
		l.mu.Unlock()
		close(g.done)
	}
}
