package energy

import (
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/record"
)

// largest is the magnitude up to which counters are understood, 2.3e12 units in
// millionths: so any difference fits.
const largest = 1 << 61

// A point is a reading of a counter.
type point struct {
	t       int64
	m       int64 // millionths
	reading int32 // its index
	over    int32 // index of the override, -1: none
	quality Quality
	state   state
}

// state tells what is done with a point.
type state uint8

const (
	counts state = iota
	glitch
	ignored
	tooLarge
)

// detail is what belongs to the value of a window and is not in it.
type detail struct {
	covered int64 // amount within the time that is covered
	over    bool  // the amount does not fit
}

// counting is what the rules of a counter are in integers.
type counting struct {
	*Settler
	tolerance, width int64
	window           int // the first that has not ended before the pair begins
}

// count settles a counter.
func (s *Settler) count() {
	c := counting{Settler: s, tolerance: limited(s.rules.Tolerance), width: limited(s.rules.Width)}
	s.swaps = append(s.swaps[:0], s.rules.Swaps...)
	slices.SortStableFunc(s.swaps, func(a, b Swap) int { return int(min(max(a.At-b.At, -1), 1)) })
	s.details = slices.Grow(s.details[:0], len(s.values))[:len(s.values)]
	clear(s.details)
	if c.collect() {
		c.setAside()
	}
	c.pairs()
	for i := range s.values {
		c.finish(i)
	}
	s.swaps = s.swaps[:0]
}

// limited converts a limit to millionths; what makes no sense is no limit.
func limited(v float64) int64 {
	m, ok := millionths(v)
	if !ok || m < 0 {
		return 0
	}
	return min(m, largest)
}

// collect makes points of the readings that have a value, and tells whether one of
// them falls.
func (c *counting) collect() (falls bool) {
	points := slices.Grow(c.points[:0], len(c.readings))[:len(c.readings)]
	c.marks = c.marks[:0]
	n := 0
	over := overriding{list: c.overrides}
	last := int64(math.MinInt64)
	for i := range c.readings {
		r := &c.readings[i]
		if isNaN(r.Value) {
			if r.Quality > Measured {
				c.marks = append(c.marks, *r)
			}
			continue
		}
		p := &points[n]
		n++
		p.t, p.reading, p.over = int64(r.Time), int32(i), -1
		p.quality, p.state = r.Quality, counts
		if len(over.list) > 0 {
			p.over = int32(over.of(r.Time))
		}
		m, ok := millionths(r.Value)
		p.m = m
		switch {
		case p.over >= 0 && over.list[p.over].Kind == Ignore:
			p.state = ignored
		case !ok || m > largest || m < -largest:
			p.state = tooLarge
		default:
			falls = falls || m < last
			last = m
		}
	}
	c.points = points[:n]
	return falls
}

// remaining lists the points that count.
func (c *counting) remaining() {
	c.left = c.left[:0]
	for i := range c.points {
		if c.points[i].state == counts {
			c.left = append(c.left, int32(i))
		}
	}
}

// longest is the number of readings that are a glitch at most.
const longest = 3

// setAside finds glitches: at first readings that are too low, then, among those
// that are left, ones that are too high. Both looks at the neighbours as they are
// before it, so that it is no matter where the series begins.
func (c *counting) setAside() {
	c.remaining()
	n := len(c.left)
	for i := 1; i < n; i++ {
		a := c.at(i - 1)
		for j := i; j < i+longest && j+1 < n; j++ {
			r := c.at(j)
			if r.m >= a.m-c.tolerance || r.over >= 0 {
				break
			}
			b := c.at(j + 1)
			if b.over >= 0 || c.swapped(a.t, b.t) > 0 {
				break
			}
			if b.m >= a.m-c.tolerance {
				if !c.began(i, j+1) {
					c.mark(i, j)
				}
				break
			}
		}
	}
	c.remaining()
	n = len(c.left)
	for p := 2; p < n; p++ {
		b := c.at(p)
		if b.over >= 0 {
			continue
		}
		for i := p - 1; i >= 1 && i >= p-longest; i-- {
			r := c.at(i)
			if r.m <= b.m+c.tolerance || r.over >= 0 {
				break
			}
			a := c.at(i - 1)
			if c.swapped(a.t, b.t) > 0 {
				break
			}
			if a.m <= b.m+c.tolerance {
				if c.possible(b.m-a.m, b.t-a.t) && !c.ended(i, p) {
					c.mark(i, p-1)
				}
				break
			}
		}
	}
}

func (c *counting) at(i int) *point { return &c.points[c.left[i]] }

func (c *counting) mark(from, to int) {
	for k := from; k <= to; k++ {
		c.at(k).state = glitch
	}
}

// began tells whether the several low readings from i to before end count on
// as those of a counter that began anew before the first of them.
func (c *counting) began(i, end int) bool {
	first, before := c.at(i), c.at(i-1)
	return end-i > 1 && c.rules.MaxRate > 0 && first.m >= 0 && c.possible(first.m, first.t-before.t) && c.rises(i, end)
}

// ended tells whether the several high readings from i to before end count
// on from the one before, and the one at end is that of a counter that began anew.
func (c *counting) ended(i, end int) bool {
	last, after := c.at(end-1), c.at(end)
	return end-i > 1 && c.rules.MaxRate > 0 && after.m >= 0 && c.possible(after.m, after.t-last.t) && c.rises(i-1, end-1)
}

// rises tells whether each of the readings is above the one before by what is possible.
func (c *counting) rises(from, to int) bool {
	for k := from + 1; k <= to; k++ {
		a, b := c.at(k-1), c.at(k)
		if b.m <= a.m || !c.possible(b.m-a.m, b.t-a.t) {
			return false
		}
	}
	return true
}

// possible tells whether a counter can rise by so much in a time.
func (c *counting) possible(rise, ms int64) bool {
	if !(c.rules.MaxRate > 0) {
		return true
	}
	most := c.rules.MaxRate * (PerUnit / msPerHour) * float64(ms)
	return float64(rise-c.tolerance) <= most
}

const msPerHour = 3_600_000.0

// swapped counts the swaps after from until to, and leaves the index of the
// first in c.
func (c *counting) swapped(from, to int64) int {
	if len(c.swaps) == 0 {
		return 0
	}
	i, j := c.swapsIn(from, to)
	return j - i
}

func (c *counting) swapsIn(from, to int64) (i, j int) {
	after := func(t int64) int {
		n, _ := slices.BinarySearchFunc(c.swaps, record.Millis(t+1), func(w Swap, t record.Millis) int {
			if w.At < t {
				return -1
			}
			return 1
		})
		return n
	}
	return after(from), after(to)
}

// A pair is what lies between two readings that count.
type pair struct {
	kind      Kind
	rise      int64
	known     bool
	estimated bool
	by        bool // an override
}

// shown is the value of the reading.
func (c *counting) shown(p *point) float64 { return c.readings[p.reading].Value }

// pairs goes from one reading that counts to the next, and gives each window its
// share.
func (c *counting) pairs() {
	var a *point
	mark := 0
	window := 0
	for i := range c.points {
		b := &c.points[i]
		if b.state != counts {
			kind := Glitch
			if b.state == tooLarge {
				kind = TooLarge
			}
			before := math.NaN()
			if a != nil {
				before = c.shown(a)
			}
			c.note(Annotation{Time: record.Millis(b.t), Kind: kind, Before: before, After: c.shown(b), ByOverride: b.state == ignored})
			continue
		}
		if b.t >= c.begin && b.t < c.end {
			for b.t >= c.edges[window+1] {
				window++
			}
			c.values[window].Count++
		}
		quality := Measured
		for mark < len(c.marks) && int64(c.marks[mark].Time) < b.t {
			quality = worse(quality, c.marks[mark].Quality)
			mark++
		}
		if a != nil && b.t >= c.begin {
			if a.t >= c.end {
				break
			}
			quality = worse(quality, worse(a.quality, b.quality))
			rise := b.m - a.m
			if rise >= 0 && b.over < 0 && len(c.swaps) == 0 && c.possible(rise, b.t-a.t) {
				// As nearly all are.
				c.spread(a.t, b.t, rise, false, quality)
				a = b
				continue
			}
			p := c.interpret(a, b)
			if p.kind != Normal || p.by {
				c.note(Annotation{record.Millis(b.t), p.kind, c.shown(a), c.shown(b), Amount(p.rise), p.known, p.by})
			}
			if p.by {
				quality = worse(quality, Corrected) // a person said so
			}
			if p.known {
				c.spread(a.t, b.t, p.rise, p.estimated, quality)
			}
		}
		a = b
	}
}

// interpret says what lies between two readings.
func (c *counting) interpret(a, b *point) pair {
	if b.over >= 0 {
		return c.overridden(a, b)
	}
	if len(c.swaps) > 0 {
		if i, j := c.swapsIn(a.t, b.t); i < j {
			return c.swap(a, b, c.swaps[i:j])
		}
	}
	rise, ms := b.m-a.m, b.t-a.t
	switch {
	case rise >= 0 && c.possible(rise, ms):
		return pair{rise: rise, known: true}
	case rise >= 0:
		return pair{kind: Jump}
	case rise >= -c.tolerance:
		return pair{kind: Backstep, rise: rise, known: true}
	}
	if c.width > 0 && a.m < c.width && b.m >= 0 {
		over := c.width - a.m + b.m
		if c.rules.MaxRate > 0 && c.possible(over, ms) || !(c.rules.MaxRate > 0) && over <= c.width/10 {
			return pair{kind: Rollover, rise: over, known: true}
		}
	}
	if b.m >= 0 && (c.rules.MaxRate > 0 && c.possible(b.m, ms) || !(c.rules.MaxRate > 0) && b.m <= a.m/2) {
		return pair{kind: Reset, rise: b.m, known: true}
	}
	return pair{kind: Jump}
}

// swap adds up what each of the devices counted between two readings.
func (c *counting) swap(a, b *point, swaps []Swap) pair {
	p := pair{kind: Swapped, known: true}
	p.estimated = c.device(&p, &a.m, swaps[0].End)
	for i := range swaps {
		start, ok := stated(swaps[i].Start)
		from := &start
		if !ok {
			from = nil
		}
		var guessed bool
		if i+1 < len(swaps) {
			guessed = c.device(&p, from, swaps[i+1].End)
		} else {
			end := c.shown(b)
			guessed = c.device(&p, from, &end)
		}
		p.estimated = p.estimated || guessed
	}
	if p.rise < -c.tolerance || !c.possible(p.rise, b.t-a.t) {
		p.known = false
	}
	if !p.known {
		p.rise = 0
	}
	return p
}

// device adds what one device counted, and tells whether that is not known.
func (c *counting) device(p *pair, from *int64, to *float64) (guessed bool) {
	end, ok := stated(to)
	if from == nil || !ok {
		return true
	}
	part := end - *from
	if part < -c.tolerance {
		p.known = false // what was stated is wrong
	}
	if p.rise, ok = add(p.rise, part); !ok {
		p.known = false
	}
	return false
}

// stated is a value that a person gave, in millionths.
func stated(v *float64) (int64, bool) {
	if v == nil {
		return 0, false
	}
	m, ok := millionths(*v)
	return m, ok && m >= -largest && m <= largest
}

// overridden is what a person wants to lie between two readings.
func (c *counting) overridden(a, b *point) pair {
	o := c.overrides[b.over]
	p := pair{by: true, known: true}
	given, ok := stated(o.Value)
	switch o.Kind {
	case ToReset:
		p.kind, p.rise = Reset, b.m-given
		p.known = ok || o.Value == nil
	case ToRollover:
		if o.Value == nil {
			given, ok = c.width, c.width > 0
		}
		p.kind, p.known = Rollover, ok
		var fits bool
		p.rise, fits = add(b.m-a.m, given)
		p.known = p.known && fits
	case Rise:
		p.kind, p.rise, p.known = Stated, given, ok
	default:
		p.rise = b.m - a.m
	}
	if !p.known {
		p.rise = 0
	}
	return p
}

// spread gives each window the share of a pair that lies in it.
func (c *counting) spread(from, to, rise int64, estimated bool, quality Quality) {
	for c.window < len(c.values) && c.edges[c.window+1] <= from {
		c.window++
	}
	long := c.rules.MaxAge >= 0 && to-from > c.rules.MaxAge
	if long || estimated {
		quality = Estimated
	}
	rate := float64(rise) * (msPerHour / PerUnit) / float64(to-from)
	for k := c.window; k < len(c.values) && c.edges[k] < to; k++ {
		begin, end := max(from, c.edges[k]), min(to, c.edges[k+1])
		if begin >= end {
			continue
		}
		part := rise
		if begin > from || end < to {
			part = share(rise, end-from, to-from) - share(rise, begin-from, to-from)
		}
		v, d := &c.values[k], &c.details[k]
		sum, fits := add(int64(v.Amount), part)
		v.Known, v.Amount, d.over = true, Amount(sum), d.over || !fits
		v.Quality = worse(v.Quality, quality)
		if quality >= Substituted {
			sum, fits = add(int64(v.Estimated), part)
			v.Estimated, d.over = Amount(sum), d.over || !fits
		}
		if long {
			continue
		}
		v.Covered += end - begin
		sum, fits = add(d.covered, part)
		d.covered, d.over = sum, d.over || !fits
		if !(v.Min <= rate) {
			v.Min = rate
		}
		if !(v.Max >= rate) {
			v.Max = rate
		}
	}
}

// finish makes the value of a window.
func (c *counting) finish(i int) {
	v, d := &c.values[i], &c.details[i]
	if d.over {
		c.note(Annotation{Time: record.Millis(c.edges[i]), Kind: TooLarge, Before: math.NaN(), After: math.NaN()})
		v.Known, v.Amount, v.Estimated = false, 0, 0
		return
	}
	if v.Covered > 0 {
		v.Average = float64(d.covered) * (msPerHour / PerUnit) / float64(v.Covered)
	}
}
