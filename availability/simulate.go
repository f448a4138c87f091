package availability

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Bounds of simulations.
const (
	MaxDraws    = 10_000_000  // moments
	MaxWork     = 200_000_000 // moments times objects and places below the service
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

// moments sums up what was drawn.
type moments struct{ sum, squares float64 }

func (m *moments) add(v float64) { m.sum += v; m.squares += v * v }

func (m *moments) estimate(n int) Estimate {
	mean := m.sum / float64(n)
	if n < 2 {
		return Estimate{Mean: mean, Error: math.Inf(1)}
	}
	variance := max(0, (m.squares-m.sum*mean)/float64(n-1))
	return Estimate{Mean: mean, Error: math.Sqrt(variance / float64(n))}
}

// Simulate draws the moments of a trial: in each, every object is there or not,
// independently of the others.
func (s *Structure) Simulate(t Trial) (Outcome, error) {
	if err := t.Validate(s); err != nil {
		return Outcome{}, err
	}
	x := &s.services[t.Service]
	gone := math.Pow(t.Outage, float64(1+t.Replicas)) * (1 - t.Virtual)
	random := rand.New(rand.NewPCG(t.Seed, t.Seed^0x9e3779b97f4a7c15))
	objects, usable := make([]bool, len(s.objects)), make([]bool, len(s.composites))
	under := s.under(t.Service)
	var strict, mean, series, full, runs moments
	for range t.Draws {
		all := true
		for _, i := range x.objects {
			objects[i] = random.Float64() >= gone
			all = all && objects[i]
		}
		for _, i := range under {
			usable[i] = s.composites[i].there(objects, usable)
		}
		fulls, means, enough := s.draw(x, usable)
		n := float64(len(x.set.micros))
		strict.add(float64(fulls) / n)
		mean.add(means / x.set.weight)
		series.add(b2f(all))
		full.add(b2f(fulls == len(x.set.micros)))
		runs.add(b2f(enough))
	}
	n := t.Draws
	return Outcome{
		Strict: strict.estimate(n), Mean: mean.estimate(n), Series: series.estimate(n), Full: full.estimate(n), Runs: runs.estimate(n),
		Outage: t.Outage, Draws: n,
	}, nil
}

// draw looks at the microservices of a service in one moment.
func (s *Structure) draw(x *service, usable []bool) (full int, mean float64, runs bool) {
	n, k, critical := 0, 0, true
	for p, m := range x.set.micros {
		y := &s.micros[m]
		present, ok, j := 0, true, 0
		for q, c := range y.composites {
			if usable[c] {
				present++
			}
			if j < len(y.critical) && int(y.critical[j]) == q {
				j++
				ok = ok && usable[c]
			}
		}
		ok = ok && present >= y.need
		if ok {
			n++
		}
		if present == len(y.composites) {
			full++
		}
		if k < len(x.critical) && int(x.critical[k]) == p {
			k++
			critical = critical && ok
		}
		mean += x.set.weightOf(p) * float64(present) / float64(len(y.composites))
	}
	return full, mean, critical && n >= x.set.need
}

func (x *composite) there(objects, usable []bool) bool {
	n, k := 0, 0
	for p, m := range x.members {
		v := false
		if m >= 0 {
			v = objects[m]
		} else {
			v = usable[^m]
		}
		if v {
			n++
		}
		if k < len(x.critical) && int(x.critical[k]) == p {
			k++
			if !v {
				return false
			}
		}
	}
	return n >= x.need
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
