package uplink

import (
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/record"
)

// grace is how far, in ms, readings of one sensor may be out of order.
const grace = 2000

// sample is a value at a time.
type sample struct {
	T int64
	V float64
}

// series is one sensor on its way to the centre. What is sent as it is passes
// through; for intervals, its values are settled in
// the order of their times, each once a reading that is grace newer is there.
type series struct {
	Rule   fact
	Next   *fact    // the rule to come, when the interval under way is over
	Recent []sample // in order of time; not settled
	Last   sample   // the newest settled reading
	Has    bool     // there is one
	Done   int64    // up to where its holding is counted already; at least Last.T
	Closed int64    // readings before this time are late: their interval is over
	Sent   int64    // time of the last reading of a counter that was sent
	Heard  int64    // when its last message was stored

	Open  bool // an interval is under way
	Begin int64
	Sum   float64 // unit times ms, high and low part
	Rest  float64
	Known int64 // ms
}

// tally counts what is not sent.
type tally struct {
	late       uint64 // readings of intervals that are over, or said twice
	incomplete uint64 // intervals of which too little is known
	nameless   uint64 // sums under a name that no sensor can have
}

// emit is given what is sent.
type emit func(name record.SensorID, t int64, v float64)

func newSeries(rule fact) *series {
	return &series{Rule: rule, Closed: math.MinInt64, Sent: math.MinInt64}
}

// named gives the series, or an empty one when it is of a name that no sensor
// can have: nothing of it can be sent.
func (s *series) named() *series {
	if s.Next != nil {
		next := named(*s.Next)
		s.Next = &next
	}
	if rule := named(s.Rule); rule != s.Rule {
		return newSeries(rule)
	}
	return s
}

// adopt changes the rule, now or when the interval under way is over.
func (s *series) adopt(rule fact) {
	if rule == s.Rule {
		s.Next = nil
		return
	}
	s.Next = &rule
	s.turn()
}

func (s *series) turn() {
	if s.Next != nil && !s.Open && len(s.Recent) == 0 {
		s.Rule, s.Next = *s.Next, nil
	}
}

// gathers tells whether the rule makes intervals.
func (s *series) gathers() bool { return s.Rule.Way == mean || s.Rule.Way == last }

// add takes a reading that was stored at a time.
func (s *series) add(x sample, storedAt int64, out emit, n *tally) {
	s.Heard = max(s.Heard, storedAt)
	if s.turn(); !s.gathers() {
		s.settle(math.MaxInt64, out, n)
		s.take(x, out, n)
		return
	}
	if x.T < s.Closed || s.Has && x.T <= s.Last.T {
		n.late++
		return
	}
	at, twice := slices.BinarySearchFunc(s.Recent, x.T, func(a sample, t int64) int {
		switch {
		case a.T < t:
			return -1
		case a.T > t:
			return 1
		}
		return 0
	})
	if twice { // the first stays
		n.late++
		return
	}
	s.Recent = slices.Insert(s.Recent, at, x)
	s.settle(s.Recent[len(s.Recent)-1].T-grace, out, n)
}

// settle takes in all readings up to a time.
func (s *series) settle(upTo int64, out emit, n *tally) {
	k := 0
	for ; k < len(s.Recent) && s.Recent[k].T <= upTo; k++ {
		s.take(s.Recent[k], out, n)
	}
	s.Recent = slices.Delete(s.Recent, 0, k)
}

func (s *series) take(x sample, out emit, n *tally) {
	s.through(x.T, out, n)
	if s.Next != nil && !s.Open {
		s.Rule, s.Next = *s.Next, nil
	}
	switch s.Rule.Way {
	case nothing:
		return
	case asIs:
		out(s.Rule.Name, x.T, x.V)
		return
	case last:
		// A counter that begins anew: both sides of the step are sent, or what it
		// rose by before and since could not be told apart.
		if s.Has && x.V < s.Last.V {
			s.send(s.Last, out)
			s.send(x, out)
		}
		if !s.Open {
			s.Open, s.Begin = true, floor(x.T, s.Rule.Interval)
		}
	}
	s.Last, s.Has, s.Done = x, true, x.T
}

// send sends a reading of a counter, once.
func (s *series) send(x sample, out emit) {
	if x.T > s.Sent {
		out(s.Rule.Name, x.T, x.V)
		s.Sent = x.T
	}
}

// through counts how long the last reading held up to t, and closes the
// intervals that are over then.
func (s *series) through(t int64, out emit, n *tally) {
	if s.Has && s.Rule.Way == mean {
		until := min(t, s.Last.T+s.Rule.Age)
		for s.Done < until {
			begin := floor(s.Done, s.Rule.Interval)
			if s.Open && s.Begin != begin {
				s.close(out, n)
			}
			if !s.Open {
				s.Open, s.Begin = true, begin
			}
			end := min(until, begin+s.Rule.Interval)
			s.count(s.Last.V, end-s.Done)
			s.Done = end
		}
	}
	if s.Open && s.Begin+s.Rule.Interval <= t {
		s.close(out, n)
	}
}

// count adds a value times its duration with the error of each step kept, so
// that the sum is as good as its terms.
func (s *series) count(v float64, ms int64) {
	p := v * float64(ms)
	e := math.FMA(v, float64(ms), -p)
	t := s.Sum + p
	if math.Abs(s.Sum) >= math.Abs(p) {
		e += (s.Sum - t) + p
	} else {
		e += (p - t) + s.Sum
	}
	s.Sum = t
	s.Rest += e
	s.Known += ms
}

// close sends the interval under way.
func (s *series) close(out emit, n *tally) {
	switch {
	case s.Rule.Way == last:
		s.send(s.Last, out)
	case !s.Rule.enough(s.Known):
		n.incomplete++
	default:
		// Intervals of another length may have been sent up to the middle of this one.
		out(s.Rule.Name, max(s.Begin, s.Closed), s.mean())
	}
	s.Closed = s.Begin + s.Rule.Interval
	s.Open, s.Sum, s.Rest, s.Known = false, 0, 0, 0
}

// mean is what was added by its duration, rounded once.
func (s *series) mean() float64 {
	q := (s.Sum + s.Rest) / float64(s.Known)
	return q + (math.FMA(-q, float64(s.Known), s.Sum)+s.Rest)/float64(s.Known)
}

// enough tells whether so much of an interval is known that its mean is sent.
func (f *fact) enough(ms int64) bool {
	return ms > 0 && float64(ms) >= f.Known*float64(f.Interval)
}

// patience is how long, in ms, a sensor must have been silent for the clock to
// take its intervals for over: as long as its values hold.
func (f *fact) patience() int64 { return max(f.Interval, f.Age, 60_000) }

// silent tells whether the sensor has been silent for long at the time now.
func (s *series) silent(now int64) bool {
	newest := s.Heard
	if k := len(s.Recent); k > 0 {
		newest = max(newest, s.Recent[k-1].T)
	} else if s.Has {
		newest = max(newest, s.Last.T)
	}
	return newest+s.Rule.patience() <= now
}

// over gives the end of the last interval that is over by the clock and of which
// enough is known to be sent. What is behind may still take readings, however late
// they come.
func (s *series) over(now int64) (end int64, ok bool) {
	if !s.Has || !s.gathers() {
		return 0, false
	}
	begin, ms, at, held := s.Begin, s.Known, s.Done, s.Last.T+s.Rule.Age
	if s.Rule.Way == last {
		return begin + s.Rule.Interval, s.Open && begin+s.Rule.Interval <= now
	}
	if !s.Open {
		begin, ms = floor(at, s.Rule.Interval), 0
	}
	for ; begin+s.Rule.Interval <= now && (at < held || ms > 0); begin, ms = begin+s.Rule.Interval, 0 {
		until := max(at, min(begin+s.Rule.Interval, held))
		if ms += until - at; s.Rule.enough(ms) {
			end, ok = begin+s.Rule.Interval, true
		}
		at = until
	}
	return end, ok
}

// due tells whether the clock has something to do at the time now.
func (s *series) due(now int64) bool {
	if !s.silent(now) {
		return false
	}
	_, ok := s.over(now)
	return ok || len(s.Recent) > 0
}

// idle sends what no reading will close any more, when the sensor is silent.
func (s *series) idle(now int64, out emit, n *tally) {
	s.settle(math.MaxInt64, out, n)
	if end, ok := s.over(now); ok {
		s.through(end, out, n)
	}
}

func floor(t, interval int64) int64 {
	f := t / interval * interval
	if f > t {
		f -= interval
	}
	return f
}
