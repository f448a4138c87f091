package charging

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/window"
)

// stretch is a time during which the power does not change.
type stretch struct {
	window.Span
	watts   float64
	quality energy.Quality // None: not known
}

// slice is a stretch within a session, and what was taken in it.
type slice struct {
	stretch
	amount energy.Amount
}

// session is a session on its way.
type session struct {
	window.Span
	slices  []slice
	before  record.Millis // when the session before it ended
	begun   record.Millis // when it charged first
	last    record.Millis // when it charged last
	ended   record.Millis // when it was known to have ended
	charged int64
	top     float64
	plugged bool // the plug is known
	running bool
	amount  energy.Amount
	quality energy.Quality
	notes   []string
}

// point is a charger on its way.
type point struct {
	*ChargingCharger
	threshold    float64
	hold, maxAge int64
	stretches    []stretch
	sessions     []*session
	rise         energy.Amount
	outside      energy.Amount
	notes        []string
}

func newPoint(c *ChargingCharger, to record.Millis) (*point, error) {
	p := &point{ChargingCharger: c, threshold: c.Threshold, hold: c.Hold, maxAge: c.MaxAge, notes: []string{}}
	if p.threshold == 0 {
		p.threshold = DefaultThreshold
	}
	if p.hold == 0 {
		p.hold = DefaultHold
	}
	if p.maxAge == 0 {
		p.maxAge = DefaultMaxAge
	}
	p.cut(to)
	p.find(to)
	if len(p.sessions) > MaxSessions {
		return nil, fmt.Errorf("charging: %s has more than %d sessions; is its threshold of %g W right?", c.ID, MaxSessions, p.threshold)
	}
	for i, s := range p.sessions[min(1, len(p.sessions)):] {
		s.before = p.sessions[i].To
	}
	if err := p.measure(); err != nil {
		return nil, err
	}
	return p, nil
}

// cut makes stretches of samples of the power.
func (p *point) cut(to record.Millis) {
	for i, s := range p.Power {
		if s.At >= to {
			break
		}
		end := to
		if i+1 < len(p.Power) {
			end = min(to, p.Power[i+1].At)
		}
		known := min(end, s.At+record.Millis(p.maxAge))
		x := stretch{Span: window.Span{From: s.At, To: known}, watts: max(s.Value, 0), quality: s.Quality}
		if s.Quality == energy.None {
			x.watts, x.To = 0, end
			known = end
		}
		p.add(x)
		if known < end {
			p.add(stretch{Span: window.Span{From: known, To: end}})
		}
	}
}

// add adds a stretch, to the one before it if the power is the same.
func (p *point) add(x stretch) {
	if n := len(p.stretches); n > 0 {
		if last := &p.stretches[n-1]; last.To == x.From && last.watts == x.watts && last.quality == x.quality {
			last.To = x.To
			return
		}
	}
	p.stretches = append(p.stretches, x)
}

// find finds the sessions.
func (p *point) find(to record.Millis) {
	if len(p.Plug) > 0 {
		p.byPlug(to)
		return
	}
	var now *session
	for i := range p.stretches {
		x := &p.stretches[i]
		if x.quality == energy.None || x.watts < p.threshold {
			continue
		}
		if now == nil || int64(x.From-now.To) > p.hold {
			now = &session{Span: window.Span{From: x.From}}
			p.sessions = append(p.sessions, now)
		}
		now.To, now.last = x.To, x.To
	}
	for _, s := range p.sessions {
		s.ended = s.To + record.Millis(p.hold)
		s.running = s.ended >= to
		p.slice(s)
	}
}

// byPlug finds the sessions where the plug is told. What is not known of it changes
// nothing.
func (p *point) byPlug(to record.Millis) {
	var now *session
	end := func(at record.Millis, running bool) {
		if now == nil {
			return
		}
		now.To, now.ended, now.running = at, at, running
		p.slice(now)
		if now.charged > 0 {
			p.sessions = append(p.sessions, now)
		}
		now = nil
	}
	for _, s := range p.Plug {
		switch {
		case s.At >= to:
		case s.Quality == energy.None:
			if now != nil {
				now.note("the plug was not known for some time")
			}
		case s.Value >= 0.5 && now == nil:
			now = &session{Span: window.Span{From: s.At}, plugged: true}
		case s.Value < 0.5:
			end(s.At, false)
		}
	}
	end(to, true)
}

// slice gives a session the stretches within it.
func (p *point) slice(s *session) {
	i := sort.Search(len(p.stretches), func(i int) bool { return p.stretches[i].To > s.From })
	s.last = s.From
	at := s.From
	for ; i < len(p.stretches) && p.stretches[i].From < s.To; i++ {
		x := p.stretches[i]
		x.From, x.To = max(x.From, s.From), min(x.To, s.To)
		if x.From >= x.To {
			continue
		}
		if x.From > at {
			s.slices = append(s.slices, slice{stretch: stretch{Span: window.Span{From: at, To: x.From}}})
		}
		at = x.To
		s.slices = append(s.slices, slice{stretch: x})
		s.quality = max(s.quality, x.quality)
		if x.quality != energy.None && x.watts >= p.threshold {
			if s.charged == 0 {
				s.begun = x.From
			}
			s.last, s.charged, s.top = x.To, s.charged+x.Length(), max(s.top, x.watts)
		}
	}
	if at < s.To {
		s.slices = append(s.slices, slice{stretch: stretch{Span: window.Span{From: at, To: s.To}}})
	}
}

// measure gives sessions their energy.
func (p *point) measure() error {
	var readings []energy.Reading
	var edges []record.Millis
	for _, r := range p.Register {
		if r.Quality == energy.None {
			continue
		}
		readings = append(readings, energy.Reading{Time: r.At, Value: r.Value, Quality: r.Quality})
		edges = append(edges, r.At)
	}
	if len(edges) < 2 {
		if len(p.sessions) > 0 {
			p.notes = append(p.notes, "it has no register: energy is power over time, and estimated")
		}
		for _, s := range p.sessions {
			if err := p.integrate(s, s.Span); err != nil {
				return err
			}
		}
		return nil
	}
	values, notes := energy.Settle(readings, edges, energy.Rules{Counter: true, MaxAge: -1, Width: p.Width}, nil)
	for _, n := range notes {
		p.notes = append(p.notes, "register, "+n.String())
	}
	for i, v := range values {
		if err := p.give(window.Span{From: edges[i], To: edges[i+1]}, v); err != nil {
			return err
		}
	}
	// What is before the first reading and after the last one.
	for _, s := range p.sessions {
		for _, at := range []window.Span{{From: s.From, To: min(s.To, edges[0])}, {From: max(s.From, edges[len(edges)-1]), To: s.To}} {
			if at.From >= at.To {
				continue
			}
			before := s.amount
			if err := p.integrate(s, at); err != nil {
				return err
			}
			if s.amount != before {
				s.note("the register has no reading at its end or beginning: that part is power over time")
			}
		}
	}
	return nil
}

// within gives the indices of the slices that lie in a span, cutting those that
// reach over its edge.
func (s *session) within(at window.Span) (first, end int) {
	s.split(at.From)
	s.split(at.To)
	first = sort.Search(len(s.slices), func(i int) bool { return s.slices[i].From >= at.From })
	end = sort.Search(len(s.slices), func(i int) bool { return s.slices[i].From >= at.To })
	return first, end
}

// split cuts the slice in which t lies. No slice that was given an amount is cut:
// spans are asked for in the order of time, and next to one another.
func (s *session) split(t record.Millis) {
	i := sort.Search(len(s.slices), func(i int) bool { return s.slices[i].To > t })
	if i == len(s.slices) || s.slices[i].From >= t {
		return
	}
	second := s.slices[i]
	s.slices[i].To, second.From = t, t
	s.slices = slices.Insert(s.slices, i+1, second)
}

// integrate gives a session power × time.
func (p *point) integrate(s *session, at window.Span) error {
	first, end := s.within(at)
	for i := first; i < end; i++ {
		x := &s.slices[i]
		a, ok := series.Amount(x.watts, x.Length())
		if !ok || a > series.MaxAmount {
			return fmt.Errorf("charging: %s shows %g W at %v", p.ID, x.watts, x.From)
		}
		if a != 0 || x.quality == energy.None {
			x.quality = energy.Estimated
		}
		x.amount = a
		sum, err := s.amount.Add(a)
		if err != nil || sum > series.MaxTotal/MaxChargers {
			return fmt.Errorf("charging: a session at %s took more than can be added up", p.ID)
		}
		s.amount = sum
		if a != 0 {
			s.quality = energy.Estimated
		}
	}
	return nil
}

// share is a part of a rise that a session gets.
type share struct {
	*session
	first, end int
	weights    []int64
	guessed    []bool
	weight     int64
}

// give divides a rise of the register among the sessions in its time.
func (p *point) give(at window.Span, v energy.Value) error {
	i := sort.Search(len(p.sessions), func(i int) bool { return p.sessions[i].To > at.From })
	var shares []share
	for ; i < len(p.sessions) && p.sessions[i].From < at.To; i++ {
		if !v.Known {
			s := p.sessions[i]
			if err := p.integrate(s, window.Span{From: max(s.From, at.From), To: min(s.To, at.To)}); err != nil {
				return err
			}
			s.note(fmt.Sprintf("what the register did from %v on is not known: that part is power over time", at.From))
			continue
		}
		x := share{session: p.sessions[i]}
		x.first, x.end = x.within(at)
		x.weigh()
		shares = append(shares, x)
	}
	if !v.Known {
		return nil
	}
	if v.Amount > series.MaxAmount || v.Amount < -series.MaxAmount {
		return fmt.Errorf("charging: the register of %s rises by %s Wh from %v to %v", p.ID, v.Amount, at.From, at.To)
	}
	sum, err := p.rise.Add(v.Amount)
	if err != nil || max(sum, -sum) > series.MaxTotal/MaxChargers {
		return fmt.Errorf("charging: the register of %s rises by more than can be added up", p.ID)
	}
	p.rise = sum
	total := int64(0)
	for _, x := range shares {
		total += x.weight
	}
	if len(shares) == 0 || total == 0 && v.Amount == 0 {
		p.outside += v.Amount
		return nil
	}
	unit := int64(1)
	if v.Amount%energy.PerUnit == 0 {
		unit = energy.PerUnit // whole Wh
	}
	weights := make([]int64, len(shares))
	for k := range shares {
		weights[k] = shares[k].weight
		if total == 0 { // it charged, and no power tells when
			weights[k] = min(shares[k].To, at.To).Time().Sub(max(shares[k].From, at.From).Time()).Milliseconds()
		}
	}
	parts, ok := bill.Split(int64(v.Amount)/unit, weights)
	if !ok {
		return fmt.Errorf("charging: the power of %s is too large at %v", p.ID, at.From)
	}
	for k := range shares {
		shares[k].take(energy.Amount(parts[k]*unit), v.Quality, at.Length() > p.maxAge)
	}
	return nil
}

// weigh weighs slices by their energy; one of which no power is known by the
// average of those around it.
func (x *share) weigh() {
	var known, length float64
	for _, s := range x.slices[x.first:x.end] {
		if s.quality != energy.None {
			known += s.watts * float64(s.Length())
			length += float64(s.Length())
		}
	}
	mean := 0.0
	if length > 0 {
		mean = known / length
	}
	for _, s := range x.slices[x.first:x.end] {
		watts := s.watts
		if s.quality == energy.None {
			watts = mean
		}
		w := int64(min(math.Round(watts*float64(s.Length())/1000), 1e13)) // Ws; those of MaxSamples fit
		x.weights = append(x.weights, w)
		x.guessed = append(x.guessed, s.quality == energy.None)
		x.weight += w
	}
}

// take divides an amount among the slices. Where there was no power it is spread
// evenly, which is an estimate if the time is long.
func (x *share) take(a energy.Amount, q energy.Quality, long bool) {
	quality := max(q, energy.Measured)
	if x.weight == 0 {
		for i := x.first; i < x.end; i++ {
			x.weights[i-x.first] = x.slices[i].Length()
		}
		if a != 0 && long {
			quality = energy.Estimated
			x.note("the register rose while no power was measured: that part is spread over the time, and estimated")
		}
	}
	parts, ok := bill.Split(int64(a), x.weights)
	if !ok { // no time at all
		return
	}
	for i, part := range parts {
		s := &x.slices[x.first+i]
		s.amount = energy.Amount(part)
		s.quality = max(quality, s.quality)
		if x.guessed[i] {
			s.quality = energy.Estimated
		}
		if part != 0 {
			x.session.quality = max(x.session.quality, s.quality)
		}
	}
	x.amount += a
}

// note notes something once.
func (s *session) note(text string) {
	if !slices.Contains(s.notes, text) && len(s.notes) < maxNotes {
		s.notes = append(s.notes, text)
	}
}

// maxNotes is how many notes a session has.
const maxNotes = 20
