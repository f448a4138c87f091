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
	case s.unflushed() > s.opts.MaxUnflushed:
		return fmt.Errorf("%w: %d samples wait in memory", history.ErrNoRoom, s.unflushed())
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
	defer s.catch(&err)
	late, behind, refused, err := s.appendNew(ctx, refs, index, times, values)
	if err == nil && len(late)+len(behind) > 0 {
		refused, err = s.appendOld(ctx, refs, index, times, values, late, behind, refused)
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
// gives the positions of what is not (late), and of what is but belongs to a
// time that is written already (behind).
func (s *Store) appendNew(ctx context.Context, refs []history.Ref, index []uint32, times []record.Millis, values []float64) (late, behind []int, refused []history.Refusal, err error) {
	s.cells.RLock()
	defer s.cells.RUnlock()
	pages := *s.pages.Load()
	bound := s.tooOld()
	oldest, newest := int64(math.MaxInt64), int64(noTime)
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
		c.last, c.value = t, v
		newest = max(newest, t)
		if t < s.cut {
			behind = append(behind, i)
			continue
		}
		c.ref, err = app.Append(c.ref, c.series, t, v)
		if err != nil {
			return nil, nil, nil, errors.Join(err, app.Rollback())
		}
		oldest = min(oldest, t)
		stored++
	}
	if err := app.Commit(); err != nil {
		return nil, nil, nil, err
	}
	if stored > 0 {
		s.fresh.add(stored, oldest, newest)
	}
	if newest != noTime {
		s.raiseNewest(newest)
		s.recent.note(newest)
	}
	return late, behind, refused, nil
}

// appendOld stores what the TSDB does not take in order.
func (s *Store) appendOld(ctx context.Context, refs []history.Ref, index []uint32, times []record.Millis, values []float64, late, behind []int, refused []history.Refusal) ([]history.Refusal, error) {
	// The door first: nobody is to wait for the cells because of it.
	s.door.RLock()
	defer s.door.RUnlock()
	s.cells.RLock()
	defer s.cells.RUnlock()
	if broken := s.broken.Load(); broken != nil {
		return refused, *broken // its locks may be held for ever
	}
	if len(behind) > 0 {
		if err := s.appendBehind(ctx, refs, index, times, values, behind); err != nil {
			return refused, err
		}
	}
	if len(late) > 0 {
		return s.appendLate(ctx, refs, index, times, values, late, refused)
	}
	return refused, nil
}

// appendBehind stores samples that are new to their series but belong to a
// time that is written already.
func (s *Store) appendBehind(ctx context.Context, refs []history.Ref, index []uint32, times []record.Millis, values []float64, behind []int) (err error) {
	pages := *s.pages.Load()
	oldest, newest := int64(math.MaxInt64), int64(noTime)
	app := s.db.Appender(ctx)
	for _, i := range behind {
		k := i
		if len(index) > 0 {
			k = int(index[i])
		}
		c := &pages[refs[k]>>pageBits][refs[k]&(pageSize-1)]
		t := int64(times[i])
		if c.ref, err = app.Append(c.ref, c.series, t, values[i]); err != nil {
			return errors.Join(err, app.Rollback())
		}
		oldest, newest = min(oldest, t), max(newest, t)
	}
	if err := app.Commit(); err != nil {
		return err
	}
	s.late.add(uint64(len(behind)), oldest, newest)
	return nil
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
	bound, stored := s.tooOld(), uint64(0)
	oldest, newest := int64(math.MaxInt64), int64(noTime)
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
			oldest, newest = min(oldest, t), max(newest, t)
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
	if stored == 0 {
		return refused, nil
	}
	s.late.add(stored, oldest, newest)
	if newest >= s.cut {
		// Of a series that has nothing in memory the TSDB takes them in order.
		s.fresh.add(stored, max(oldest, s.cut), newest)
	}
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
