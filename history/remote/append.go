package remote

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// Append stores samples as columns; see [history.Store].
func (s *Store) Append(ctx context.Context, refs []history.Ref, index []uint32, times []record.Millis, values []float64) ([]history.Refusal, error) {
	if len(values) == 0 {
		return nil, nil
	}
	late, refused, err := s.appendNew(refs, index, times, values)
	if err == nil && len(late) > 0 {
		refused, err = s.appendLate(ctx, late, times, values, refused)
	}
	if err != nil {
		return refused, fmt.Errorf("append to history: %w", err)
	}
	return refused, nil
}

// room says why nothing can be taken now, or nil. mu must be held.
func (s *Store) room() error {
	if s.closed.Load() {
		return errClosed
	}
	if s.held < s.opts.MaxPending {
		return nil
	}
	for _, r := range s.replicas {
		if r.fails != nil {
			return fmt.Errorf("%w: %d samples wait for it: %w", history.ErrAway, s.held, r.fails)
		}
	}
	return fmt.Errorf("%w: %d samples wait for a flush", history.ErrAway, s.held)
}

// lateEntry is a sample about which something has to be looked up.
type lateEntry struct {
	cell *cell
	i    int // its position in the columns
}

// appendNew takes what nothing can be stored for yet, and gives the others.
func (s *Store) appendNew(refs []history.Ref, index []uint32, times []record.Millis, values []float64) (late []lateEntry, refused []history.Refusal, err error) {
	now := time.Now().Unix()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.room(); err != nil {
		return nil, nil, err
	}
	bound := s.bound()
	for i, v := range values {
		k := i
		if len(index) > 0 {
			k = int(index[i])
		}
		c, t := s.know(s.cells[refs[k]]), int64(times[i])
		switch {
		case t > c.last && t <= c.horizon && t >= bound:
			c.last, c.value, c.filled, c.ours, c.touched = t, v, true, true, now
			s.take(c, t, v)
		case t == c.last && c.ours && c.horizon != noTime:
			if !same(v, c.value) {
				refused = append(refused, history.Refusal{Index: i, Reason: history.ErrContradiction, Stored: c.value})
			}
		default:
			late = append(late, lateEntry{c, i})
		}
	}
	return late, refused, nil
}

// bound is the time before which nothing new is taken. mu must be held.
func (s *Store) bound() int64 {
	if s.newest == noTime {
		return noTime
	}
	return s.newest - (s.opts.Window + slack).Milliseconds()
}

// expired is the time up to which the database keeps nothing. mu must be held.
func (s *Store) expired() int64 {
	if s.newest == noTime || s.opts.Retention == 0 {
		return noTime
	}
	return s.newest - s.opts.Retention.Milliseconds()
}

// ahead is how far beyond what was asked for a look-up goes, so that the next
// samples need none.
const ahead = 2 * time.Hour

// appendLate looks up what is stored where the samples are, and takes those
// that are new.
func (s *Store) appendLate(ctx context.Context, late []lateEntry, times []record.Millis, values []float64, refused []history.Refusal) ([]history.Refusal, error) {
	// By series, then time, then arrival: of equal times the first one stays.
	slices.SortStableFunc(late, func(a, b lateEntry) int {
		return cmp.Or(cmp.Compare(a.cell.id, b.cell.id), cmp.Compare(times[a.i], times[b.i]))
	})
	s.gate.RLock()
	defer s.gate.RUnlock()
	var runs []*run
	s.mu.Lock()
	era, recent := s.era, int64(noTime)
	if s.newest != noTime {
		recent = min(time.Now().UnixMilli(), s.newest) - ahead.Milliseconds()
	}
	for at := 0; at < len(late); {
		c, end := s.know(late[at].cell), at
		for end < len(late) && late[end].cell == c {
			end++
		}
		x := &run{cell: c, from: int64(times[late[at].i]), to: int64(times[late[end-1].i]), late: late[at:end]}
		if c.horizon == noTime || x.to > c.horizon {
			x.learns = true
			if x.to = max(x.to, x.from+ahead.Milliseconds()); x.from >= recent {
				x.to = endless
			}
		}
		runs = append(runs, x)
		at = end
	}
	s.mu.Unlock()
	if err := s.lookUp(ctx, runs); err != nil {
		return refused, away(err)
	}
	now := time.Now().Unix()
	s.mu.Lock()
	defer s.mu.Unlock()
	bound, expired := s.bound(), s.expired()
	for _, x := range runs {
		c := s.know(x.cell)
		have := x.stored()
		at, mine := 0, int64(noTime)
		for _, l := range x.late {
			t, v := int64(times[l.i]), values[l.i]
			for at < len(have) && have[at].t < t {
				at++
			}
			switch {
			case at < len(have) && have[at].t == t:
				if same(v, have[at].v) {
					s.claim(c, t, have[at].v, true)
					mine = t
				} else {
					refused = append(refused, history.Refusal{Index: l.i, Reason: history.ErrContradiction, Stored: have[at].v})
				}
				continue
			case t < bound:
				refused = append(refused, history.Refusal{Index: l.i, Reason: history.ErrTooOld})
				continue
			case t <= expired:
				refused = append(refused, history.Refusal{Index: l.i, Reason: history.ErrExpired})
				continue
			}
			s.take(c, t, v)
			c.touched, mine = now, t
			have = slices.Insert(have, at, sample{t, v})
		}
		if x.learns && era == s.era {
			// Between the last one there and the end of what was asked for
			// nothing is stored.
			c.last, c.horizon, c.filled, c.ours = x.from-1, x.to, false, false
		}
		if n := len(have); n > 0 && c.horizon != noTime && have[n-1].t >= c.last && have[n-1].t <= c.horizon {
			c.ours = c.ours && have[n-1].t == c.last || have[n-1].t == mine
			c.last, c.value, c.filled = have[n-1].t, have[n-1].v, true
		}
	}
	return refused, nil
}

// same tells whether two values are one: what the database makes of a value,
// and the value.
func same(a, b float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b))
}

// run is what is asked about a series: what is stored from from to to, both
// inclusive.
type run struct {
	cell     *cell
	from, to int64
	got      []sample // what is stored in the database, by time; a time may come twice

	late   []lateEntry // of Append
	learns bool        // to will be the horizon of the cell
	want   []sample    // of Flush, by time
}

// stored gives what is stored of a run: in the database, or on the way there.
// mu must be held.
func (x *run) stored() []sample { return merge(x.got, x.cell.pending, x.from, x.to) }

// merge merges what is in the database, by time, with what is on its way; of
// equal times the latter stays, which is exact.
func merge(got, pending []sample, from, to int64) []sample {
	out := make([]sample, 0, len(got)+len(pending))
	for _, p := range pending {
		if p.t >= from && p.t <= to {
			out = append(out, p)
		}
	}
	out = append(out, got...)
	slices.SortStableFunc(out, byTime)
	return slices.CompactFunc(out, func(a, b sample) bool { return a.t == b.t })
}
