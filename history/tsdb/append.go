package tsdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

var errClosed = errors.New("the history is closed")

// usable says why nothing can be taken now, or nil.
func (s *Store) usable() error {
	switch {
	case s.closed.Load():
		return errClosed
	case s.broken.Load() != nil:
		return *s.broken.Load()
	case s.room.scarce():
		return history.ErrNoRoom
	case s.unflushed.Load() > s.opts.MaxUnflushed:
		return fmt.Errorf("%w: %d samples wait in memory", history.ErrNoRoom, s.unflushed.Load())
	}
	return nil
}

// Append stores samples as columns; see [history.Store].
func (s *Store) Append(ctx context.Context, refs []history.Ref, index []uint32, times []record.Millis, values []float64) (refused []history.Refusal, err error) {
	if len(values) == 0 {
		return nil, nil
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	if err := s.usable(); err != nil {
		return nil, fmt.Errorf("append to history: %w", err)
	}
	s.cells.RLock()
	defer s.cells.RUnlock()
	defer s.catch(&err)
	late, refused, err := s.appendNew(ctx, refs, index, times, values)
	if err == nil && len(late) > 0 {
		refused, err = s.appendLate(ctx, refs, index, times, values, late, refused)
	}
	if err != nil {
		return refused, fmt.Errorf("append to history: %w", err)
	}
	return refused, nil
}

// catch turns a panic of the TSDB into an error. It panics when it cannot
// write its chunk files, and its locks are then held for ever: nothing more
// can be done with it in this process.
func (s *Store) catch(err *error) {
	if p := recover(); p != nil {
		broken := fmt.Errorf("%w: %v", history.ErrBroken, p)
		s.broken.Store(&broken)
		*err = broken
	}
}

// appendNew stores what is newer than everything known of its series, and
// gives the positions of what is not.
func (s *Store) appendNew(ctx context.Context, refs []history.Ref, index []uint32, times []record.Millis, values []float64) (late []int, refused []history.Refusal, err error) {
	pages := *s.pages.Load()
	bound := s.tooOld()
	newest := int64(noTime)
	stored := uint64(0)
	app := s.db.Appender(ctx)
	for i, v := range values {
		k := i
		if len(index) > 0 {
			k = int(index[i])
		}
		r := refs[k]
		c := &pages[r>>pageBits][r&(pageSize-1)]
		t := int64(times[i])
		if t <= c.last || t < bound {
			if t == c.last && !isUnknown(c.value) {
				if math.Float64bits(v) != math.Float64bits(c.value) {
					refused = append(refused, history.Refusal{Index: i, Reason: history.ErrContradiction, Stored: c.value})
				}
				continue
			}
			late = append(late, i)
			continue
		}
		c.ref, err = app.Append(c.ref, c.series, t, v)
		if err != nil {
			return nil, nil, errors.Join(err, app.Rollback())
		}
		c.last, c.value = t, v
		newest = max(newest, t)
		stored++
	}
	if err := app.Commit(); err != nil {
		return nil, nil, err
	}
	s.unflushed.Add(stored)
	if stored > 0 {
		s.raiseNewest(newest)
		s.recent.note(newest)
	}
	return late, refused, nil
}

func (s *Store) tooOld() int64 {
	n := s.newest.Load()
	if n == noTime {
		return noTime
	}
	return n - (s.opts.Window + slack).Milliseconds()
}

// appendLate looks up what is stored at and after the late samples and stores
// those that are new.
func (s *Store) appendLate(ctx context.Context, refs []history.Ref, index []uint32, times []record.Millis, values []float64, late []int, refused []history.Refusal) ([]history.Refusal, error) {
	of := func(i int) history.Ref {
		if len(index) > 0 {
			return refs[index[i]]
		}
		return refs[i]
	}
	// By series, then time, then arrival: of equal times the first one stays.
	slices.SortStableFunc(late, func(a, b int) int {
		return cmp.Or(cmp.Compare(of(a), of(b)), cmp.Compare(times[a], times[b]))
	})
	pages := *s.pages.Load()
	var runs []*run
	for at := 0; at < len(late); {
		r, end := of(late[at]), at
		for end < len(late) && of(late[end]) == r {
			end++
		}
		c := &pages[r>>pageBits][r&(pageSize-1)]
		x := &run{cell: c, late: late[at:end], from: int64(times[late[at]]), to: int64(times[late[end-1]])}
		if isUnknown(c.value) {
			x.to = max(x.to, c.last) // to learn what the newest one is
		}
		runs = append(runs, x)
		at = end
	}
	if err := s.lookUp(ctx, runs); err != nil {
		return refused, err
	}
	bound, newest, stored := s.tooOld(), int64(noTime), uint64(0)
	app := s.db.Appender(ctx)
	for _, x := range runs {
		c := x.cell
		have, lastT, lastV := 0, int64(noTime), unknown
		for _, i := range x.late {
			t, v := int64(times[i]), values[i]
			if t != lastT {
				for have < len(x.times) && x.times[have] < t {
					have++
				}
				if have < len(x.times) && x.times[have] == t {
					lastT, lastV = t, x.values[have]
				}
			}
			switch {
			case t == lastT:
				if math.Float64bits(v) != math.Float64bits(lastV) {
					refused = append(refused, history.Refusal{Index: i, Reason: history.ErrContradiction, Stored: lastV})
				}
				continue
			case t < bound:
				refused = append(refused, history.Refusal{Index: i, Reason: history.ErrTooOld})
				continue
			}
			ref, err := app.Append(c.ref, c.series, t, v)
			if err != nil {
				return refused, errors.Join(err, app.Rollback())
			}
			c.ref, lastT, lastV = ref, t, v
			stored++
			newest = max(newest, t)
		}
		if n := len(x.times); n > 0 && x.times[n-1] > lastT {
			lastT, lastV = x.times[n-1], x.values[n-1]
		}
		if lastT > noTime && isUnknown(c.value) || lastT > c.last {
			c.last, c.value = lastT, lastV
		}
	}
	if err := app.Commit(); err != nil {
		return refused, err
	}
	s.unflushed.Add(stored)
	s.raiseNewest(newest)
	return refused, nil
}

// run is the late samples of one series, and what is stored around them.
type run struct {
	cell     *cell
	late     []int
	from, to int64
	times    []int64
	values   []float64
}
