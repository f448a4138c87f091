package availability

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
)

// Bounds of simulations.
const (
	MaxDraws    = 10_000_000    // moments
	MaxWork     = 1_000_000_000 // moments times objects and places below the service
	MaxReplicas = 8
)

// Trial is a simulation: many moments in which objects fail independently.
type Trial struct {
	Service  int
	Outage   float64 // probability that one object is not there
	Draws    int     // how many moments
	Seed     uint64  // the same seed gives the same result
	Replicas int     // of each object, besides itself: it fails when all have failed
	Virtual  float64 // probability that a failed object is stood in for
}

// Estimate is a mean over the moments, and its standard error.
type Estimate struct{ Mean, Error float64 }

// Outcome is what a simulation comes to: of strict and mean the mean over the
// moments, of the others in which share of them it held.
type Outcome struct {
	Strict, Mean Estimate
	Series       Estimate // nothing has failed: the monolith is there
	Full         Estimate // everything can be carried out
	Runs         Estimate // as much as restriction and critical parts ask for
	Outage       float64  // as in the trial
	Draws        int
}

// Validate gives what cannot be.
func (t Trial) Validate(s *Structure) error {
	probability := func(p float64) bool { return p >= 0 && p <= 1 }
	switch {
	case t.Service < 0 || t.Service >= len(s.services):
		return errors.New("simulate: there is no such service")
	case !probability(t.Outage) || !probability(t.Virtual):
		return errors.New("simulate: a probability is between 0 and 1")
	case t.Replicas < 0 || t.Replicas > MaxReplicas:
		return fmt.Errorf("simulate: there are 0 to %d replicas", MaxReplicas)
	case t.Draws < 1 || t.Draws > MaxDraws:
		return fmt.Errorf("simulate: between 1 and %d moments are drawn", MaxDraws)
	case int64(t.Draws)*s.work(t.Service) > MaxWork:
		return fmt.Errorf("simulate: %d moments of so large a service are too many, at most %d", t.Draws, MaxWork/s.work(t.Service))
	}
	return nil
}

// work is how many steps one moment of a service takes.
func (s *Structure) work(service int) int64 {
	x := &s.services[service]
	n := int64(len(x.objects) + len(x.set.micros) + 1)
	for _, c := range s.under(service) {
		n += int64(len(s.composites[c].members))
	}
	return n
}

// under gives the composites below a service, members first.
func (s *Structure) under(service int) []int32 {
	in := make([]bool, len(s.composites))
	for _, m := range s.services[service].set.micros {
		for _, c := range s.micros[m].composites {
			in[c] = true
		}
	}
	var out []int32
	for k := len(s.order) - 1; k >= 0; k-- {
		c := s.order[k]
		if !in[c] {
			continue
		}
		out = append(out, c)
		for _, m := range s.composites[c].members {
			if m < 0 {
				in[^m] = true
			}
		}
	}
	for a, b := 0, len(out)-1; a < b; a, b = a+1, b-1 {
		out[a], out[b] = out[b], out[a]
	}
	return out
}

// lanes is how many moments are looked at side by side: one in each bit of a word.
const lanes = 64

// moments sums up what was drawn.
type moments struct{ sum, squares float64 }

func (m *moments) add(v float64) { m.sum += v; m.squares += v * v }

// hold adds moments in which something holds.
func (m *moments) hold(word uint64) {
	n := float64(bits.OnesCount64(word))
	m.sum += n
	m.squares += n
}

func (m *moments) estimate(n int) Estimate {
	mean := m.sum / float64(n)
	if n < 2 {
		return Estimate{Mean: mean, Error: math.Inf(1)}
	}
	variance := max(0, (m.squares-m.sum*mean)/float64(n-1))
	return Estimate{Mean: mean, Error: math.Sqrt(variance / float64(n))}
}

// chance gives a word each bit of which is set with a probability, to 2^-53: random
// numbers are compared with it from the first binary digit on, until all are decided.
func chance(random *rand.PCG, p float64) uint64 {
	if p >= 1 {
		return ^uint64(0)
	}
	digits := uint64(p * (1 << 53))
	set, open := uint64(0), ^uint64(0)
	for place := 52; place >= 0 && open != 0 && digits != 0; place-- {
		r := random.Uint64()
		if digits>>place&1 == 1 {
			set |= open &^ r
			open &= r
			digits &^= 1 << place
		} else {
			open &^= r
		}
	}
	return set
}

// counter counts in each lane; the first word holds the lowest digits.
type counter []uint64

func (c counter) add(word uint64) counter {
	for i := range c {
		c[i], word = c[i]^word, c[i]&word
		if word == 0 {
			return c
		}
	}
	if word != 0 {
		c = append(c, word)
	}
	return c
}

// least gives the lanes in which the count is n at least.
func (c counter) least(n int) uint64 {
	if n>>len(c) != 0 {
		return 0
	}
	more, same := uint64(0), ^uint64(0)
	for i := len(c) - 1; i >= 0; i-- {
		if n>>i&1 == 1 {
			same &= c[i]
		} else {
			more |= same & c[i]
			same &^= c[i]
		}
	}
	return more | same
}

// Simulate draws the moments of a trial: in each, every object is there or not,
// independently of the others.
func (s *Structure) Simulate(t Trial) (Outcome, error) {
	if err := t.Validate(s); err != nil {
		return Outcome{}, err
	}
	d := &draw{s: s, x: &s.services[t.Service], under: s.under(t.Service), objects: make([]uint64, len(s.objects)), usable: make([]uint64, len(s.composites))}
	gone := math.Pow(t.Outage, float64(1+t.Replicas)) * (1 - t.Virtual)
	random := rand.NewPCG(t.Seed, t.Seed^0x9e3779b97f4a7c15)
	var strict, mean, series, full, runs moments
	for left := t.Draws; left > 0; left -= lanes {
		now := ^uint64(0)
		if left < lanes {
			now = 1<<left - 1
		}
		d.next(random, gone)
		series.hold(d.series & now)
		full.hold(d.full & now)
		runs.hold(d.runs & now)
		for i := range min(left, lanes) {
			strict.add(1 - d.notFull[i]/float64(len(d.x.set.micros)))
			mean.add(max(0, 1-d.missing[i]/d.x.set.weight))
		}
	}
	n := t.Draws
	return Outcome{
		Strict: strict.estimate(n), Mean: mean.estimate(n), Series: series.estimate(n), Full: full.estimate(n), Runs: runs.estimate(n),
		Outage: t.Outage, Draws: n,
	}, nil
}

// draw is what is looked at, in all lanes.
type draw struct {
	s       *Structure
	x       *service
	under   []int32
	objects []uint64
	usable  []uint64
	count   counter
	all     counter

	series, full, runs uint64
	notFull, missing   [lanes]float64 // microservices that are not full; weighted shares that are missing
}

// next draws the next moments.
func (d *draw) next(random *rand.PCG, gone float64) {
	d.series, d.full, d.runs = ^uint64(0), ^uint64(0), ^uint64(0)
	clear(d.notFull[:])
	clear(d.missing[:])
	for _, i := range d.x.objects {
		d.objects[i] = ^chance(random, gone)
		d.series &= d.objects[i]
	}
	for _, i := range d.under {
		d.usable[i] = d.composite(&d.s.composites[i])
	}
	d.all = d.all[:0]
	k := 0
	for p, m := range d.x.set.micros {
		usable := d.micro(&d.s.micros[m], d.x.set.weightOf(p))
		d.all = d.all.add(usable)
		if k < len(d.x.critical) && int(d.x.critical[k]) == p {
			k++
			d.runs &= usable
		}
	}
	d.runs &= d.all.least(d.x.set.need)
}

func (d *draw) micro(y *micro, weight float64) uint64 {
	d.count = d.count[:0]
	usable, full, j := ^uint64(0), ^uint64(0), 0
	for q, c := range y.composites {
		word := d.usable[c]
		d.count = d.count.add(word)
		full &= word
		if j < len(y.critical) && int(y.critical[j]) == q {
			j++
			usable &= word
		}
		each(^word, &d.missing, weight/float64(len(y.composites)))
	}
	d.full &= full
	each(^full, &d.notFull, 1)
	return usable & d.count.least(y.need)
}

// each adds something in every lane of a word.
func each(word uint64, to *[lanes]float64, v float64) {
	for ; word != 0; word &= word - 1 {
		to[bits.TrailingZeros64(word)] += v
	}
}

func (d *draw) composite(x *composite) uint64 {
	d.count = d.count[:0]
	there, all, k := ^uint64(0), ^uint64(0), 0
	for p, m := range x.members {
		word := uint64(0)
		if m >= 0 {
			word = d.objects[m]
		} else {
			word = d.usable[^m]
		}
		all &= word
		if x.need < len(x.members) {
			d.count = d.count.add(word)
		}
		if k < len(x.critical) && int(x.critical[k]) == p {
			k++
			there &= word
		}
	}
	if x.need == len(x.members) {
		return all
	}
	return there & d.count.least(x.need)
}

// Curve is [Structure.Simulate] for several probabilities of an outage, each with
// the same seed.
func (s *Structure) Curve(t Trial, outages []float64) ([]Outcome, error) {
	if len(outages) > 100 || int64(len(outages))*int64(t.Draws)*s.work(max(0, min(t.Service, len(s.services)-1))) > MaxWork {
		return nil, fmt.Errorf("simulate: %d probabilities with %d moments each are too many", len(outages), t.Draws)
	}
	out := make([]Outcome, 0, len(outages))
	for _, p := range outages {
		t.Outage = p
		o, err := s.Simulate(t)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}
