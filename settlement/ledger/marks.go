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
	cells   map[record.SensorID]*cell
	columns *record.Columns[*cell]
	look    func() []*cell
	batch   *record.Batch
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
		p := &marked{cells: make(map[record.SensorID]*cell), columns: record.NewColumns[*cell](columnsLimit)}
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

// Stored is told of a batch that can be read from the history now.
func (m *Marks) Stored(partition int, b *record.Batch) {
	p := m.parts[partition]
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
		if c.quarter == q && (c.epoch == epoch || c.epoch == inTime && now < c.until) {
			continue
		}
		late := window.QuarterSpan(q).To + record.Millis((m.delay - Margin).Milliseconds())
		c.quarter, c.epoch, c.until = q, inTime, int64(late)
		if now >= int64(late) {
			c.epoch = m.mark(b.Names()[at], q)
		}
	}
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

// Save stores what was marked. After an error it is marked still.
func (m *Marks) Save(ctx context.Context) error {
	m.mu.Lock()
	taken, n := m.pending, m.count
	if n == 0 {
		m.mu.Unlock()
		return nil
	}
	m.pending, m.count = make(map[record.SensorID][]int32), 0
	if m.epoch++; m.epoch == inTime {
		m.epoch = 0
	}
	m.mu.Unlock()
	var marks []Mark
	for id, quarters := range taken {
		slices.Sort(quarters)
		for i, q := range quarters {
			span := window.QuarterSpan(q)
			if i > 0 && q <= quarters[i-1]+1 {
				marks[len(marks)-1].End = span.To
				continue
			}
			marks = append(marks, Mark{Kind: SensorKind, Name: string(id), Begin: span.From, End: span.To})
		}
	}
	if err := m.store.AddMarks(ctx, marks); err != nil {
		m.mu.Lock()
		for id, quarters := range taken {
			m.pending[id] = append(m.pending[id], quarters...)
		}
		m.count += n
		m.mu.Unlock()
		return err
	}
	return nil
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
		if err := m.Save(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}

// Filled marks what was stored in bulk: a span of a sensor, both ends included.
func (m *Marks) Filled(ctx context.Context, id record.SensorID, from, to record.Millis) error {
	return m.store.Mark(ctx, id, from, to)
}
