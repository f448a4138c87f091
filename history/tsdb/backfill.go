package tsdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/prometheus/prometheus/storage"
	prom "github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// backfillHold is how many samples are held before blocks are written.
const backfillHold = 4_000_000

type backfill struct {
	store  *Store
	ctx    context.Context
	held   map[history.Series][]sample
	number int
	result history.BackfillResult
	told   func(history.Series, history.Sample, history.Refusal)
	done   bool
}

type sample struct {
	t int64
	v float64
}

// Backfill begins to store old samples, of any age.
func (s *Store) Backfill(ctx context.Context) (history.Backfill, error) {
	if s.closed.Load() {
		return nil, fmt.Errorf("backfill history: %w", errClosed)
	}
	return &backfill{store: s, ctx: ctx, held: make(map[history.Series][]sample)}, nil
}

func (b *backfill) OnRefused(f func(history.Series, history.Sample, history.Refusal)) { b.told = f }

func (b *backfill) Add(k history.Series, times []record.Millis, values []float64) error {
	held := b.held[k]
	for i, t := range times {
		held = append(held, sample{int64(t), values[i]})
	}
	b.held[k] = held
	if b.number += len(times); b.number < backfillHold {
		return nil
	}
	return b.write()
}

func (b *backfill) Commit() (history.BackfillResult, error) {
	if b.done {
		return b.result, nil
	}
	if err := b.write(); err != nil {
		return b.result, err
	}
	b.done = true
	b.store.requestCompaction()
	return b.result, nil
}

func (b *backfill) Abort() { b.held, b.number, b.done = nil, 0, true }

func (b *backfill) refuse(k history.Series, x sample, r history.Refusal) {
	b.result.Refused++
	if b.told != nil {
		r.Index = -1
		b.told(k, history.Sample{Time: record.Millis(x.t), Value: x.v}, r)
	}
}

// write stores what is held as blocks. Nobody appends meanwhile: what is
// looked up must still be true when the blocks are in place.
func (b *backfill) write() error {
	if b.number == 0 {
		return nil
	}
	if err := b.writeLocked(); err != nil {
		return fmt.Errorf("backfill history: %w", err)
	}
	b.held, b.number = make(map[history.Series][]sample), 0
	return nil
}

func (b *backfill) writeLocked() (err error) {
	s := b.store
	s.writing.Lock()
	defer s.writing.Unlock()
	s.gate.Lock()
	defer s.gate.Unlock()
	defer s.catch(&err)
	if err := s.usable(); err != nil {
		return err
	}
	from, to := int64(math.MaxInt64), int64(noTime)
	keys := make([]history.Series, 0, len(b.held))
	for k, xs := range b.held {
		slices.SortStableFunc(xs, func(a, b sample) int { return cmp.Compare(a.t, b.t) })
		from, to = min(from, xs[0].t), max(to, xs[len(xs)-1].t)
		keys = append(keys, k)
	}
	fresh := make(map[history.Series][]sample, len(b.held))
	if err := s.stored(b.ctx, keys, from, to, func(k history.Series, it chunkenc.Iterator) error {
		if xs := b.held[k]; len(xs) > 0 {
			out, err := b.sift(k, xs, it)
			fresh[k] = out
			return err
		}
		return nil
	}); err != nil {
		return err
	}
	for k, xs := range b.held {
		if _, ok := fresh[k]; !ok {
			fresh[k], _ = b.sift(k, xs, chunkenc.NewNopIterator())
		}
	}
	if err := b.writeBlocks(fresh, from, to); err != nil {
		return err
	}
	b.tellCells(fresh)
	return nil
}

// sift gives those of the samples that are not stored yet. The samples are in
// order of time and, where times are equal, of arrival.
func (b *backfill) sift(k history.Series, xs []sample, it chunkenc.Iterator) ([]sample, error) {
	expired := int64(noTime)
	if n := b.store.newest.Load(); b.store.opts.Retention > 0 && n != noTime {
		expired = n - b.store.opts.Retention.Milliseconds()
	}
	out := make([]sample, 0, len(xs))
	have := it.Seek(xs[0].t) == chunkenc.ValFloat
	for i, x := range xs {
		for have && it.AtT() < x.t {
			have = it.Next() == chunkenc.ValFloat
		}
		there := sample{t: noTime}
		if have && it.AtT() == x.t {
			there.t, there.v = it.At()
		} else if i > 0 && len(out) > 0 && out[len(out)-1].t == x.t {
			there = out[len(out)-1]
		}
		switch {
		case there.t == x.t && math.Float64bits(there.v) == math.Float64bits(x.v):
			b.result.Duplicates++
		case there.t == x.t:
			b.refuse(k, x, history.Refusal{Reason: history.ErrContradiction, Stored: there.v})
		case x.t <= expired:
			b.refuse(k, x, history.Refusal{Reason: history.ErrExpired})
		default:
			out = append(out, x)
		}
	}
	return out, it.Err()
}

// writeBlocks writes one block for each slice of the span and loads them.
func (b *backfill) writeBlocks(fresh map[history.Series][]sample, from, to int64) error {
	s := b.store
	for _, span := range slicing(from, to+1) {
		if err := b.writeBlock(fresh, span[0], span[1]); err != nil {
			return err
		}
	}
	// It loads the blocks, which nothing else that is exported does.
	if _, err := s.writeLate(b.ctx); err != nil {
		return err
	}
	for _, xs := range fresh {
		b.result.Stored += uint64(len(xs))
	}
	for _, m := range s.db.BlockMetas() {
		s.raiseFloor(m.MaxTime - 1)
	}
	return nil
}

func (b *backfill) writeBlock(fresh map[history.Series][]sample, from, to int64) (err error) {
	var w *prom.BlockWriter
	defer func() {
		if w != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	for k, xs := range fresh {
		lo, _ := slices.BinarySearchFunc(xs, from, func(x sample, t int64) int { return cmp.Compare(x.t, t) })
		hi, _ := slices.BinarySearchFunc(xs, to, func(x sample, t int64) int { return cmp.Compare(x.t, t) })
		if lo == hi {
			continue
		}
		if w == nil {
			// Twice the span: the writer's head takes only what is less than
			// half its range behind the newest, of all series.
			if w, err = prom.NewBlockWriter(b.store.log, b.store.opts.Dir, 2*(to-from)+2); err != nil {
				return err
			}
		}
		app := w.Appender(b.ctx)
		var ref storage.SeriesRef
		ls := k.Labels()
		for _, x := range xs[lo:hi] {
			if ref, err = app.Append(ref, ls, x.t, x.v); err != nil {
				return errors.Join(err, app.Rollback())
			}
		}
		if err := app.Commit(); err != nil {
			return err
		}
	}
	if w == nil {
		return nil
	}
	_, err = w.Flush(b.ctx)
	return err
}

// tellCells keeps the cells true: nothing newer than last is stored.
func (b *backfill) tellCells(fresh map[history.Series][]sample) {
	s := b.store
	s.names.RLock()
	defer s.names.RUnlock()
	pages := *s.pages.Load()
	for k, xs := range fresh {
		if len(xs) == 0 {
			continue
		}
		last := xs[len(xs)-1]
		s.raiseNewest(last.t)
		r, ok := s.find(k)
		if !ok {
			continue
		}
		s.cells.Lock()
		if c := &pages[r>>pageBits][r&(pageSize-1)]; last.t > c.last {
			if isUnknown(c.value) {
				c.last = max(c.last, s.floor.Load())
			} else {
				c.last, c.value = last.t, last.v
			}
		}
		s.cells.Unlock()
	}
}
