package remote

import (
	"context"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// backfillHold is how many samples are held before they are written.
const backfillHold = 200_000

type backfill struct {
	store  *Store
	ctx    context.Context
	held   map[history.Series][]sample
	number int
	result history.BackfillResult
	told   func(history.Series, history.Sample, history.Refusal)
	done   bool
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
	if err := b.store.flush(b.ctx); err != nil {
		return b.result, fmt.Errorf("backfill history: %w", err)
	}
	b.done = true
	return b.result, nil
}

func (b *backfill) Abort() { b.held, b.number, b.done = nil, 0, true }

// write takes what is held, as Append does, but of any age.
func (b *backfill) write() error {
	if b.number == 0 {
		return nil
	}
	s := b.store
	s.mu.Lock()
	full := s.held+uint64(b.number) > s.opts.MaxPending/2
	s.mu.Unlock()
	if full {
		if err := s.flush(b.ctx); err != nil {
			return fmt.Errorf("backfill history: %w", err)
		}
	}
	if err := b.sift(); err != nil {
		return fmt.Errorf("backfill history: %w", err)
	}
	b.held, b.number = make(map[history.Series][]sample), 0
	return nil
}

// sift takes those of the samples that are not stored yet.
func (b *backfill) sift() error {
	s := b.store
	s.gate.RLock()
	defer s.gate.RUnlock()
	var runs []*run
	s.mu.Lock()
	for k, xs := range b.held {
		// Of equal times the first that was offered stays.
		slices.SortStableFunc(xs, byTime)
		runs = append(runs, cut(s.cell(k), xs)...)
	}
	s.mu.Unlock()
	if err := s.lookUp(b.ctx, runs); err != nil {
		return away(err)
	}
	type refusal struct {
		series history.Series
		sample sample
		history.Refusal
	}
	var refused []refusal
	s.mu.Lock()
	err := s.room()
	expired := s.expired()
	for _, x := range runs {
		if err != nil {
			break
		}
		c, have, at := s.know(x.cell), x.stored(), 0
		there := sample{t: noTime}
		for _, w := range x.want {
			for at < len(have) && have[at].t < w.t {
				at++
			}
			if at < len(have) && have[at].t == w.t {
				there = have[at]
			}
			switch {
			case there.t == w.t && same(there.v, w.v):
				b.result.Duplicates++
				s.claim(c, w.t, there.v, false) // an import that is repeated is much, and mostly old
			case there.t == w.t:
				refused = append(refused, refusal{c.series, w, history.Refusal{Index: -1, Reason: history.ErrContradiction, Stored: there.v}})
			case w.t <= expired:
				refused = append(refused, refusal{c.series, w, history.Refusal{Index: -1, Reason: history.ErrExpired}})
			default:
				s.take(c, w.t, w.v)
				b.result.Stored++
				there = w
				if w.t > c.last && w.t <= c.horizon {
					c.last, c.value, c.filled, c.ours = w.t, w.v, true, true
				}
			}
		}
	}
	s.mu.Unlock()
	for _, r := range refused {
		b.result.Refused++
		if b.told != nil {
			b.told(r.series, history.Sample{Time: record.Millis(r.sample.t), Value: r.sample.v}, r.Refusal)
		}
	}
	return err
}
