package processor

import (
	"cmp"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor/digest"
	"github.com/wattwerk/wattwerk/record"
)

// maxSliding is how many items a sliding window of one series has at most.
const maxSliding = 10_000

// isFull is why an item is refused by a sliding window.
const isFull = "sliding window of its series is full: 10,000 items"

// point is an item of a sliding window. One that is null has NaN.
type point struct {
	Time  record.Millis
	Value float64
	Marks observation.Marks
}

// slide is the sliding window of one series.
type slide struct {
	points []point
	from   int           // of points; those before have left
	spread digest.Spread // of those that are not null
	sorted []float64     // or these, where extremes or percentiles are asked for
	marked [2]int        // points that are estimated, and suspect
}

// slides are sliding windows: at every item the one that ends with it, over a
// time or a number of items.
type slides struct {
	*frame
	asked   asked
	clock   *clock
	slots   slots
	each    []slide
	waiting int // points of all
}

func (s *slides) sorts() bool {
	return s.asked.what == digest.Minimum || s.asked.what == digest.Maximum || s.asked.what == 0
}

func (s *slides) item(_ int, i observation.Item, out *Out) {
	at, ok := s.slots.find(i.Series)
	if !ok {
		out.Refuse(i, isTooManyKeys)
		return
	}
	if at == len(s.each) {
		s.each = append(s.each, slide{})
	}
	w := &s.each[at]
	for w.from < len(w.points) && s.leaves(w, i.Time) {
		s.leave(w)
	}
	switch {
	case len(w.points)-w.from >= maxSliding:
		out.Refuse(i, isFull)
		return
	case s.waiting >= MaxWaiting:
		out.Refuse(i, isTooMany)
		return
	}
	s.enter(w, point{i.Time, i.Value + 0, i.Marks & (kept | observation.Null)}) // + 0: of -0 comes 0
	r := observation.Item{Series: i.Series, Time: i.Time}
	for m, mark := range slideMarks {
		if w.marked[m] > 0 {
			r.Marks |= mark
		}
	}
	v, ok := s.tell(w)
	if r.Value = v; !ok {
		r.Marks |= observation.Null
	}
	if s.items > 0 && len(w.points)-w.from < s.items || s.items == 0 && i.Time-record.Millis(s.size) < s.clock.since-1 {
		r.Marks |= observation.Partial
	}
	out.give(r)
}

// leaves tells whether the first point leaves the window when an item of the
// time comes.
func (s *slides) leaves(w *slide, t record.Millis) bool {
	if s.items > 0 {
		return len(w.points)-w.from >= s.items
	}
	return w.points[w.from].Time <= t-record.Millis(s.size)
}

var slideMarks = [2]observation.Marks{observation.Estimated, observation.Suspect}

func (w *slide) mark(p point, by int) {
	for m, mark := range slideMarks {
		if p.Marks&mark != 0 {
			w.marked[m] += by
		}
	}
}

func (s *slides) enter(w *slide, p point) {
	w.points = append(w.points, p)
	s.waiting++
	w.mark(p, 1)
	if p.Marks&observation.Null != 0 {
		return
	}
	if s.sorts() {
		at, _ := slices.BinarySearch(w.sorted, p.Value)
		w.sorted = slices.Insert(w.sorted, at, p.Value)
		return
	}
	w.spread.Add(p.Time, p.Value)
}

func (s *slides) leave(w *slide) {
	p := w.points[w.from]
	s.waiting--
	if w.from++; w.from >= 32 && w.from*2 >= len(w.points) {
		w.points = slices.Delete(w.points, 0, w.from)
		w.from = 0
	}
	w.mark(p, -1)
	if p.Marks&observation.Null != 0 {
		return
	}
	if s.sorts() {
		at, _ := slices.BinarySearch(w.sorted, p.Value)
		w.sorted = slices.Delete(w.sorted, at, at+1)
		return
	}
	w.spread.Remove(p.Value)
}

func (s *slides) tell(w *slide) (float64, bool) {
	if s.sorts() {
		n := len(w.sorted)
		switch {
		case n == 0:
			return 0, false
		case s.asked.what == digest.Minimum:
			return w.sorted[0], true
		case s.asked.what == digest.Maximum:
			return w.sorted[n-1], true
		}
		return w.sorted[digest.Rank(s.asked.percentile, uint64(n))], true
	}
	switch s.asked.what {
	case digest.First:
		for _, p := range w.points[w.from:] {
			if p.Marks&observation.Null == 0 {
				return p.Value, true
			}
		}
		return 0, false
	case digest.Last:
		for i := len(w.points) - 1; i >= w.from; i-- {
			if p := w.points[i]; p.Marks&observation.Null == 0 {
				return p.Value, true
			}
		}
		return 0, false
	}
	return w.spread.Tell(s.asked.what)
}

func (s *slides) until(t record.Millis, _ *Out) record.Millis { return t }

func (s *slides) many() int { return 0 } // until costs nothing

func (s *slides) shape() string { return s.frame.shape(s.asked) }

func (s *slides) save(w *writer) {
	s.slots.save(w)
	for at := range s.each {
		points := s.each[at].points[s.each[at].from:]
		w.uint(uint64(len(points)))
		for _, p := range points {
			w.millis(p.Time)
			w.uint(uint64(p.Marks))
			w.float(p.Value)
		}
	}
}

func (s *slides) load(r *reader) {
	s.slots.load(r, s.table)
	for range s.slots.series {
		var w slide
		for range r.count(maxSliding) {
			p := point{Time: r.time(), Marks: observation.Marks(r.UpTo(uint64(kept | observation.Null))), Value: r.float()}
			if n := len(w.points); r.Failed() || n > 0 && p.Time < w.points[n-1].Time || s.waiting >= MaxWaiting {
				r.Fail()
				return
			}
			s.enter(&w, p)
		}
		s.each = append(s.each, w)
	}
}

// run is an open window of one series: a session, or one of a number of items.
type run[C any] struct {
	cell[C]
	from, last record.Millis
	n          int
}

// runs are windows of each series by itself: sessions, and those of a number of
// items.
type runs[C any, P summary[C]] struct {
	*frame
	asked asked
	tell  func(*C) (float64, bool)
	clock *clock
	slots slots
	each  []run[C]
}

func (s *runs[C, P]) item(_ int, i observation.Item, out *Out) {
	at, ok := s.slots.find(i.Series)
	if !ok {
		out.Refuse(i, isTooManyKeys)
		return
	}
	if at == len(s.each) {
		s.each = append(s.each, run[C]{})
	}
	w := &s.each[at]
	if w.n > 0 && s.kind == session && (i.Time-w.last > record.Millis(s.gap) || i.Time-w.from >= record.Millis(s.longest)) {
		s.close(at, out)
	}
	if w.n == 0 {
		w.from = i.Time
	}
	w.n++
	w.last = i.Time
	add[C, P](&w.cell, i)
	if s.kind == tumbling && w.n >= s.items {
		s.close(at, out)
	}
}

func (s *runs[C, P]) close(at int, out *Out) {
	w := &s.each[at]
	// What began less than a gap after everything was seen may have begun before.
	partial := s.kind == session && w.from-s.clock.since <= record.Millis(s.gap)
	out.give(told(&w.cell, s.tell, s.slots.series[at], w.from, partial))
	*w = run[C]{}
}

func (s *runs[C, P]) until(t record.Millis, out *Out) record.Millis {
	if s.kind == session {
		var done []int
		for at := range s.each {
			if w := &s.each[at]; w.n > 0 && t > w.last+record.Millis(s.gap) {
				done = append(done, at)
			}
		}
		slices.SortFunc(done, func(a, b int) int {
			return cmp.Or(cmp.Compare(s.each[a].from, s.each[b].from), cmp.Compare(s.slots.series[a], s.slots.series[b]))
		})
		for _, at := range done {
			s.close(at, out)
		}
	}
	first := t
	for at := range s.each {
		if w := &s.each[at]; w.n > 0 {
			first = min(first, w.from)
		}
	}
	return first
}

func (s *runs[C, P]) many() int { return s.slots.many() }

func (s *runs[C, P]) shape() string { return s.frame.shape(s.asked) }

func (s *runs[C, P]) save(w *writer) {
	s.slots.save(w)
	for at := range s.each {
		e := &s.each[at]
		if w.uint(uint64(e.n)); e.n == 0 {
			continue
		}
		w.millis(e.from)
		w.millis(e.last)
		w.uint(uint64(e.marks))
		w.b = P(&e.sum).Append(w.b)
	}
}

func (s *runs[C, P]) load(r *reader) {
	s.slots.load(r, s.table)
	for range s.slots.series {
		e := run[C]{n: int(r.UpTo(math.MaxInt32))}
		if e.n > 0 {
			e.seen, e.from, e.last = true, r.time(), r.time()
			e.marks = observation.Marks(r.UpTo(uint64(kept | observation.Null)))
			r.part(P(&e.sum).Load)
			if e.last < e.from {
				r.Fail()
			}
		}
		s.each = append(s.each, e)
	}
}
