package ledger

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// columnsLimit bounds the memory for remembered sensor columns, in bytes per
// partition.
const columnsLimit = 16 << 20

// Margin is how much before a window is settled a reading already counts as
// late. It covers clocks of other machines that differ, and the time until a
// stored reading can be read.
const Margin = time.Minute

// mostPending is how many marks are in memory before they are written, so that
// an import of years does not fill it.
const mostPending = 100_000

// Marks notes which windows have to be settled again because readings of them
// came late. What is in time needs no mark: every window is settled when it
// has passed.
//
// Stored may be called by one goroutine for each partition, Save by any.
type Marks struct {
	Now func() time.Time // the clock

	// Apart: who settles may be in another process, which can read only what was
	// flushed. So nothing is marked before, lest it be settled too soon; and what
	// came in time, and was flushed late, is marked, too. Run is not to be called.
	Apart bool

	store *Store
	delay time.Duration
	parts []*marked

	mu      sync.Mutex
	pending map[record.SensorID][]int32 // Quarters, unsorted
	count   int
	epoch   uint32 // counts what was taken out of pending
}

// marked is what one partition has been told.
type marked struct {
	mu      sync.Mutex // guards what is below
	cells   map[record.SensorID]*cell
	columns *record.Columns[*cell]
	look    func() []*cell
	batch   *record.Batch
	inTime  quarters // of readings in time, since the last flush
}

// quarters are all from the first to the last; none when that is before the first.
type quarters struct{ first, last int32 }

var noQuarters = quarters{math.MaxInt32, math.MinInt32}

func (q quarters) with(x quarters) quarters {
	return quarters{min(q.first, x.first), max(q.last, x.last)}
}

// cell remembers the last quarter of a sensor, so that a reading of it costs a
// comparison.
type cell struct {
	quarter int32
	epoch   uint32
	until   int64 // ms by the clock: from then on the quarter counts as late
}

// inTime marks a cell whose quarter was not late.
const inTime = math.MaxUint32

// NewMarks makes marks that are kept in the store. Windows are settled delay
// after they have passed.
func NewMarks(store *Store, partitions int, delay time.Duration) *Marks {
	m := &Marks{store: store, delay: delay, Now: time.Now, pending: make(map[record.SensorID][]int32)}
	for range partitions {
		p := &marked{cells: make(map[record.SensorID]*cell), columns: record.NewColumns[*cell](columnsLimit), inTime: noQuarters}
		p.look = func() []*cell {
			names := p.batch.Names()
			out := make([]*cell, len(names))
			for i, id := range names {
				c := p.cells[id]
				if c == nil {
					c = &cell{quarter: -1}
					p.cells[id] = c
				}
				out[i] = c
			}
			return out
		}
		m.parts = append(m.parts, p)
	}
	return m
}

// Stored is told of a batch that can be read from the history now, by this process.
func (m *Marks) Stored(partition int, b *record.Batch) {
	p := m.parts[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batch = b
	cells := p.columns.Get(b.SensorColumn(), p.look)
	now := m.Now().UnixMilli()
	m.mu.Lock()
	epoch := m.epoch
	m.mu.Unlock()
	for i, t := range b.Times {
		at := i
		if len(b.Index) > 0 {
			at = int(b.Index[i])
		}
		c, q := cells[at], window.QuarterOf(t)
		if c.quarter == q && c.epoch == epoch {
			continue
		}
		if c.quarter != q || c.epoch != inTime || now >= c.until {
			c.quarter, c.epoch, c.until = q, inTime, m.lateFrom(q)
			if now >= c.until {
				c.epoch = m.mark(b.Names()[at], q)
				continue
			}
		}
		if m.Apart {
			p.inTime = p.inTime.with(quarters{q, q})
		}
	}
}

// lateFrom is from when on a reading of a quarter counts as late, in ms.
func (m *Marks) lateFrom(quarter int32) int64 {
	return int64(window.QuarterSpan(quarter).To) + (m.delay - Margin).Milliseconds()
}

// mark notes a quarter and gives the epoch in which that was.
func (m *Marks) mark(id record.SensorID, quarter int32) uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending[id] = append(m.pending[id], quarter)
	m.count++
	return m.epoch
}

// Pending tells how many marks are not yet stored.
func (m *Marks) Pending() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// Save stores what was marked, when it has called flush, which may be nil. After
// an error it is marked still.
func (m *Marks) Save(ctx context.Context, flush func(context.Context) error) error {
	m.mu.Lock()
	taken, n := m.pending, m.count
	m.pending, m.count = make(map[record.SensorID][]int32), 0
	if m.epoch++; m.epoch == inTime {
		m.epoch = 0
	}
	m.mu.Unlock()
	came := make([]quarters, len(m.parts))
	for i, p := range m.parts {
		p.mu.Lock()
		came[i], p.inTime = p.inTime, noQuarters
		p.mu.Unlock()
	}
	err := m.save(ctx, flush, taken, came)
	if err != nil {
		for i, p := range m.parts {
			p.mu.Lock()
			p.inTime = p.inTime.with(came[i])
			p.mu.Unlock()
		}
		m.mu.Lock()
		for id, qs := range taken {
			m.pending[id] = append(m.pending[id], qs...)
		}
		m.count += n
		m.mu.Unlock()
	}
	return err
}

func (m *Marks) save(ctx context.Context, flush func(context.Context) error, taken map[record.SensorID][]int32, came []quarters) error {
	if flush != nil {
		if err := flush(ctx); err != nil {
			return err
		}
	}
	var marks []Mark
	for id, qs := range taken {
		slices.Sort(qs)
		for i, q := range qs {
			span := window.QuarterSpan(q)
			if i > 0 && q <= qs[i-1]+1 {
				marks[len(marks)-1].End = span.To
				continue
			}
			marks = append(marks, Mark{Kind: SensorKind, Name: string(id), Begin: span.From, End: span.To})
		}
	}
	if m.Apart {
		marks = append(marks, m.flushedLate(came)...)
	}
	return m.store.AddMarks(ctx, marks)
}

// flushedLate marks what may have been settled before it could be read, though it
// came in time: of each partition the quarters that are over by now, of all its
// sensors.
func (m *Marks) flushedLate(came []quarters) (marks []Mark) {
	now := m.Now().UnixMilli()
	for i, p := range m.parts {
		at := came[i]
		for at.last >= at.first && now < m.lateFrom(at.last) {
			at.last--
		}
		if at.last < at.first {
			continue
		}
		p.mu.Lock()
		for id := range p.cells {
			marks = append(marks, Mark{Kind: SensorKind, Name: string(id), Begin: window.QuarterSpan(at.first).From, End: window.QuarterSpan(at.last).To})
		}
		p.mu.Unlock()
	}
	return marks
}

// Run saves every few seconds, and more often when much is marked, until ctx
// ends. failed is told of errors; it is tried again.
func (m *Marks) Run(ctx context.Context, failed func(error)) {
	const every = time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n%5 != 0 && m.Pending() < mostPending {
			continue
		}
		if err := m.Save(ctx, nil); err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}

// Filled marks what was stored in bulk: a span of a sensor, both ends included.
func (m *Marks) Filled(ctx context.Context, id record.SensorID, from, to record.Millis) error {
	return m.store.Mark(ctx, id, from, to)
}
