package vigil

import (
	"context"
	"math"

	"github.com/wattwerk/wattwerk/forecast/anomaly"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
)

// Windows are settled anew when readings come late, are imported or corrected, and older
// time is settled while the watch goes on already. So everything that was looked at is
// read again in turn, and learnt again where it is not what it was.
const (
	// inTurn is how many quarters of an hour are read again in a step, and atTurns how
	// many as long as others are found to be settled anew.
	inTurn  = 6_000
	atTurns = 60_000
	// perRead is what a read costs besides, in quarters.
	perRead = 100
)

// sums tell of each day (UTC) what was known of it, without keeping it.
type sums map[record.Millis]uint64

// add adds hours that were not added before.
func (s *sums) add(x *hours) {
	if *s == nil {
		*s = make(sums)
	}
	note := func(of int, values []float64) {
		for i, v := range values {
			if v == v {
				at := x.at(i)
				(*s)[at-at%day] += mixed(uint64(at)+uint64(of), math.Float64bits(v))
			}
		}
	}
	note(0, x.whole)
	for i, part := range x.parts {
		note(i+1, part)
	}
}

// mixed makes one number of two, so that others make another (splitmix64).
func mixed(a, b uint64) uint64 {
	for range 2 {
		a += 0x9e3779b97f4a7c15
		a = (a ^ a>>30) * 0xbf58476d1ce4e5b9
		a = (a ^ a>>27) * 0x94d049bb133111eb
		a = a ^ a>>31 ^ b
	}
	return a
}

// drop forgets days that are over at a time.
func (s sums) drop(at record.Millis) {
	for d := range s {
		if d+day <= at {
			delete(s, d)
		}
	}
}

// differ gives the first of the days from a time to another that is not the same; to when
// all are.
func (s sums) differ(o sums, from, to record.Millis) record.Millis {
	for d := from; d < to; d += day {
		if s[d] != o[d] {
			return d
		}
	}
	return to
}

// again looks at some objects again, one after the other.
func (r *Round) again(ctx context.Context) error {
	m := r.o.Model()
	most := inTurn
	if r.calm < len(r.order) {
		most = atTurns
	}
	r.credit = min(r.credit+most, most)
	var found, gone []book.Anomaly
	for n := 0; n < len(r.order) && r.credit > 0 && ctx.Err() == nil; n++ {
		r.next++
		k := r.order[r.next%len(r.order)]
		s := r.series[k]
		if s.looked == 0 {
			continue
		}
		f, g, cost, err := r.anew(ctx, m, k, s)
		if err != nil {
			return err
		}
		r.credit -= cost
		found, gone = append(found, f...), append(gone, g...)
	}
	return r.store(ctx, found, gone, nil)
}

// anew looks at an object again, and judges it anew if it is not what it was.
func (r *Round) anew(ctx context.Context, m *model.Model, k key, s *series) (found, gone []book.Anomaly, cost int, err error) {
	from := s.looked - learnt
	if k.parts {
		from = s.looked - back
	}
	from += (day - from%day) % day // what is older of the first day may be forgotten
	x, err := r.read(ctx, m, k, from, s.looked)
	if err != nil {
		return nil, nil, 0, err
	}
	cost = perRead + 4*x.known
	var seen sums
	seen.add(&x)
	changed := seen.differ(s.seen, from, s.looked)
	if changed >= s.looked {
		r.calm++
		return nil, nil, cost, nil
	}
	r.calm = 0
	var events []anomaly.Event
	if k.parts {
		events = parts(nil, &x)
	} else {
		if s.detector, err = r.detector(m, k.object); err != nil {
			return nil, nil, cost, err
		}
		events = judge(s, nil, &x)
	}
	s.seen = seen
	open, shown := s.open, s.shown
	s.told, s.open, s.shown = max(changed, s.looked-back), nil, ""
	rows, err := r.o.Store.Anomalies(ctx, book.AnomalyQuery{Object: string(k.object), From: s.told, To: s.looked, Limit: mostLasting})
	if err != nil {
		return nil, nil, cost, err
	}
	type name struct {
		kind  anomaly.Kind
		began record.Millis
	}
	was := make(map[name]*book.Anomaly)
	for i := range rows {
		kind := anomaly.Kind(rows[i].Kind)
		if kind != anomaly.Backwards && (kind == anomaly.PartsExceed) == k.parts {
			was[name{kind, rows[i].Began}] = &rows[i]
		}
	}
	for i := range events {
		e := &events[i]
		lasts := i == len(events)-1 && s.looked-e.To < goesOn
		if lasts {
			s.open = e
			if open != nil && e.Kind == shown && e.From == open.From {
				s.shown = shown
			}
		}
		if e.To <= s.told { // what ended before the change stays as it was told
			continue
		}
		if n := (name{e.Kind, e.From}); was[n] != nil {
			delete(was, n)
		} else {
			r.meter.found.WithLabelValues(string(e.Kind)).Inc()
		}
		found = append(found, r.row(s, *e, lasts))
		if lasts {
			s.shown = e.Kind
		}
	}
	for _, a := range was {
		if a.Began >= s.told { // it is not so
			gone = append(gone, *a)
		} else if a.Lasts != 0 {
			a.Lasts = 0
			found = append(found, *a)
		}
	}
	return found, gone, cost, nil
}
