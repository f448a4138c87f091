package availability

import (
	"cmp"
	"slices"
)

// Exec says how much of a service, or of a group, can be carried out.
type Exec string

// How much can be carried out.
const (
	Full    Exec = "full"    // everything
	Partial Exec = "partial" // not everything; what the restriction asks for
	Nothing Exec = "none"
)

// Figures are the availability of a service or of a group.
type Figures struct {
	Strict  float64 // share of microservices that are full
	Mean    float64 // mean share of usable composites
	Quality float64 // mean of the microservices' quality
	Coupled float64 // share of the places of objects that are in microservices without a failure
	Series  float64 // 1 if nothing has failed, else 0
	Exec    Exec
	Usable  int // microservices
	Full    int // microservices
	Of      int // microservices
}

// CompositeResult is a composite at one moment.
type CompositeResult struct {
	Usable  bool
	Whole   bool    // nothing below it has failed
	Present int     // members with a value
	Of      int     // members
	Quality float64 // product of the members that are needed: the critical ones, and the best of the others
}

// Fraction is the share of members with a value.
func (r CompositeResult) Fraction() float64 { return float64(r.Present) / float64(r.Of) }

// MicroserviceResult is a microservice at one moment.
type MicroserviceResult struct {
	Up      bool // it has an instance that works
	Usable  bool
	Full    bool // every composite is usable
	Whole   bool // nothing below it has failed
	Present int  // usable composites it can reach; none while it is down
	Of      int
	Quality float64 // product of the qualities of its composites
}

// Fraction is the share of usable composites.
func (r MicroserviceResult) Fraction() float64 { return float64(r.Present) / float64(r.Of) }

// ServiceResult is a service at one moment.
type ServiceResult struct {
	Figures
	Groups []Figures // in the order of the service's groups
}

// Result is what a condition comes to, by the indexes of the structure.
type Result struct {
	Composites    []CompositeResult
	Microservices []MicroserviceResult
	Services      []ServiceResult
}

// Evaluate gives what a condition comes to. The condition has a value for every
// object of the structure.
func (s *Structure) Evaluate(c *Condition) *Result {
	r := new(Result)
	s.EvaluateInto(c, r)
	return r
}

// EvaluateInto is [Structure.Evaluate] into a result that is used again.
func (s *Structure) EvaluateInto(c *Condition, r *Result) {
	r.Composites = resize(r.Composites, len(s.composites))
	r.Microservices = resize(r.Microservices, len(s.micros))
	r.Services = resize(r.Services, len(s.services))
	var best []float64
	for _, i := range s.order {
		best = s.evaluateComposite(int(i), c, r, best)
	}
	for i := range s.micros {
		r.Microservices[i] = s.evaluateMicro(i, c, r.Composites, nil)
	}
	for i := range s.services {
		x := &s.services[i]
		to := &r.Services[i]
		to.Figures = x.set.figures(s, r.Microservices)
		for _, p := range x.critical {
			if !r.Microservices[x.set.micros[p]].Usable {
				to.Exec = Nothing
			}
		}
		to.Groups = resize(to.Groups, len(x.sets))
		for g := range x.sets {
			to.Groups[g] = x.sets[g].figures(s, r.Microservices)
		}
	}
}

func resize[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n)
	}
	return x[:n]
}

// share gives what a member is worth to the composite at a link, and whether
// nothing below it has failed.
func (s *Structure) share(l Link, m int32, c *Condition, of []CompositeResult) (float64, bool) {
	if len(c.Links) > 0 {
		if v, ok := c.Links[l]; ok {
			return v.Share, v.Share > 0
		}
	}
	if m >= 0 {
		v := c.Objects[m].Share
		return v, v > 0
	}
	x := &of[^m]
	if !x.Usable {
		return 0, false
	}
	return x.Quality, x.Whole
}

func (s *Structure) evaluateComposite(i int, c *Condition, r *Result, best []float64) []float64 {
	x := &s.composites[i]
	to := CompositeResult{Usable: true, Whole: true, Of: len(x.members), Quality: 1}
	best = best[:0]
	k, one := 0, true // one: every value is 1 or 0
	for p, m := range x.members {
		v, whole := s.share(Link{i, p}, m, c, r.Composites)
		to.Whole = to.Whole && whole
		if v > 0 {
			to.Present++
			one = one && v == 1
		}
		if k < len(x.critical) && int(x.critical[k]) == p {
			k++
			to.Quality *= v
			to.Usable = to.Usable && v > 0
			continue
		}
		best = append(best, v)
	}
	to.Usable = to.Usable && to.Present >= x.need
	switch more := x.need - len(x.critical); {
	case !to.Usable:
		to.Quality = 0
	case one:
	case more >= len(best):
		for _, v := range best {
			to.Quality *= v
		}
	case more == 1:
		to.Quality *= slices.Max(best)
	case more > 0:
		slices.SortFunc(best, func(a, b float64) int { return cmp.Compare(b, a) })
		for _, v := range best[:more] {
			to.Quality *= v
		}
	}
	r.Composites[i] = to
	return best
}

// evaluateMicro takes composites from changed where they are there, else from of.
func (s *Structure) evaluateMicro(i int, c *Condition, of []CompositeResult, changed map[int32]CompositeResult) MicroserviceResult {
	x := &s.micros[i]
	to := MicroserviceResult{Up: true, Usable: true, Whole: true, Of: len(x.composites), Quality: 1}
	if len(c.Down) > 0 {
		if _, down := c.Down[i]; down {
			return MicroserviceResult{Of: to.Of}
		}
	}
	k := 0
	for p, j := range x.composites {
		y := of[j]
		if len(changed) > 0 {
			if z, ok := changed[j]; ok {
				y = z
			}
		}
		if len(c.Cut) > 0 {
			if _, cut := c.Cut[Use{i, p}]; cut {
				y = CompositeResult{}
			}
		}
		to.Whole = to.Whole && y.Whole
		to.Quality *= y.Quality
		if y.Usable {
			to.Present++
		}
		if k < len(x.critical) && int(x.critical[k]) == p {
			k++
			to.Usable = to.Usable && y.Usable
		}
	}
	to.Full = to.Present == to.Of
	to.Usable = to.Usable && to.Present >= x.need
	return to
}

// figures puts microservices together. What is critical is not looked at here.
func (x *set) figures(s *Structure, of []MicroserviceResult) Figures {
	f := Figures{Of: len(x.micros), Series: 1}
	whole := 0
	for p, m := range x.micros {
		y := &of[m]
		f.Mean += x.weightOf(p) * y.Fraction()
		f.Quality += y.Quality
		if y.Usable {
			f.Usable++
		}
		if y.Full {
			f.Full++
		}
		if y.Whole {
			whole += s.micros[m].slots
		} else {
			f.Series = 0
		}
	}
	n := float64(f.Of)
	f.Strict = float64(f.Full) / n
	f.Mean /= x.weight
	f.Quality /= n
	f.Coupled = float64(whole) / float64(x.slots)
	switch {
	case f.Full == f.Of:
		f.Exec = Full
	case f.Usable >= x.need:
		f.Exec = Partial
	default:
		f.Exec = Nothing
	}
	return f
}

func (x *set) weightOf(p int) float64 {
	if x.weights == nil {
		return 1
	}
	return x.weights[p]
}
