package availability

import (
	"cmp"
	"slices"
)

// Importance says how much of a service hangs on one object: its availability
// with the object there, less that without it (Birnbaum). Of a chain it is the
// product of everything else, the paper's "derivative".
type Importance struct {
	Object                int
	Strict, Mean, Quality float64
}

// Importance gives the importance of every object below a service in a
// condition, the largest mean first, then by strict, quality and index. What
// stands on an object falls with it. Only what is above an object is worked out again.
func (s *Structure) Importance(c *Condition, service int) []Importance {
	x := &s.services[service]
	f := &flips{
		s: s, c: c, base: s.Evaluate(c), of: &x.set,
		place:   make(map[int32]int, len(x.set.micros)),
		ranks:   make(map[int32]*ranking),
		members: make(map[int32][]change),
		changed: make(map[int32]CompositeResult),
		micros:  make(map[int32]bool),
	}
	for p, m := range x.set.micros {
		f.place[m] = p
	}
	f.findStanding()
	out := make([]Importance, 0, len(x.objects))
	for _, i := range x.objects {
		with, without := f.flip(i, 1), f.flip(i, 0)
		n := float64(len(x.set.micros))
		out = append(out, Importance{
			Object: int(i), Strict: (with.full - without.full) / n,
			Mean: (with.mean - without.mean) / x.set.weight, Quality: (with.quality - without.quality) / n,
		})
	}
	slices.SortStableFunc(out, func(a, b Importance) int {
		return cmp.Or(cmp.Compare(near(b.Mean), near(a.Mean)), cmp.Compare(near(b.Strict), near(a.Strict)), cmp.Compare(near(b.Quality), near(a.Quality)))
	})
	return out
}

// near leaves out the last digits, which sums in another order have.
func near(v float64) float64 { return float64(int64(v*1e12 + 0.5)) }

// gain is what an object changes, summed over microservices.
type gain struct{ full, mean, quality float64 }

// change is a member with another value.
type change struct {
	position int32
	value    float64
}

// ranking is a composite's members by value, for leaving one out.
type ranking struct {
	sorted  []float64 // the largest first
	product []float64 // of the n largest
}

type flips struct {
	s    *Structure
	c    *Condition
	base *Result
	of   *set

	place          map[int32]int // of the service's microservices
	standing       map[int32][]int32
	standingLinks  map[int32][]Link
	ranks          map[int32]*ranking
	members        map[int32][]change // of composites that wait
	wait           []int32            // their ranks in the order
	changed        map[int32]CompositeResult
	micros         map[int32]bool
	values, others []float64
}

// findStanding finds which values stand on which object.
func (f *flips) findStanding() {
	f.standing, f.standingLinks = make(map[int32][]int32), make(map[int32][]Link)
	for i := range f.c.Objects {
		if v := &f.c.Objects[i]; v.By != "" && v.Share > 0 {
			if by, ok := f.s.objectAt[string(v.By)]; ok && int(by) != i {
				f.standing[by] = append(f.standing[by], int32(i))
			}
		}
	}
	for l, v := range f.c.Links {
		if v.By != "" && v.Share > 0 {
			if by, ok := f.s.objectAt[string(v.By)]; ok {
				f.standingLinks[by] = append(f.standingLinks[by], l)
			}
		}
	}
}

// flip gives what another value of an object changes.
func (f *flips) flip(i int32, value float64) gain {
	clear(f.members)
	clear(f.changed)
	clear(f.micros)
	f.wait = f.wait[:0]
	if f.c.Objects[i].Share != value {
		f.object(i, value)
	}
	if value == 0 {
		for _, j := range f.standing[i] {
			f.object(j, 0)
		}
		for _, l := range f.standingLinks[i] {
			f.member(l, 0)
		}
	}
	for len(f.wait) > 0 {
		k := f.s.order[f.wait[0]]
		f.wait = f.wait[1:]
		now, was := f.composite(k, f.members[k]), f.base.Composites[k]
		if now.Usable == was.Usable && now.Quality == was.Quality {
			continue
		}
		f.changed[k] = now
		for _, u := range f.s.microsOf[k] {
			f.micros[int32(u.Microservice)] = true
		}
		for _, l := range f.s.usesOfComposite[k] {
			if _, own := f.c.Links[l]; !own {
				f.member(l, now.Quality)
			}
		}
	}
	var g gain
	for m := range f.micros {
		p, ours := f.place[m]
		if !ours {
			continue
		}
		now, was := f.s.evaluateMicro(int(m), f.c, f.base.Composites, f.changed), &f.base.Microservices[m]
		if now.Full != was.Full {
			g.full += 1 - 2*b2f(was.Full)
		}
		g.mean += f.of.weightOf(p) * (now.Fraction() - was.Fraction())
		g.quality += now.Quality - was.Quality
	}
	return g
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (f *flips) object(i int32, value float64) {
	for _, l := range f.s.usesOfObject[i] {
		if _, own := f.c.Links[l]; !own {
			f.member(l, value)
		}
	}
}

func (f *flips) member(l Link, value float64) {
	k := int32(l.Composite)
	if f.members[k] == nil {
		at, _ := slices.BinarySearch(f.wait, f.s.rank[k])
		f.wait = slices.Insert(f.wait, at, f.s.rank[k])
	}
	f.members[k] = append(f.members[k], change{int32(l.Position), value})
}

// composite works a composite out again. Whether it is whole is left out.
func (f *flips) composite(k int32, changes []change) CompositeResult {
	x := &f.s.composites[k]
	if len(x.critical) > 0 {
		return f.again(k, changes)
	}
	to := f.base.Composites[k]
	f.values, f.others = f.values[:0], f.others[:0] // what was, and what is
	for _, c := range changes {
		was := f.value(k, c.position)
		if was > 0 {
			to.Present--
		}
		if c.value > 0 {
			to.Present++
		}
		f.values, f.others = append(f.values, was), append(f.others, c.value)
	}
	if to.Usable = to.Present >= x.need; !to.Usable {
		to.Quality = 0
		return to
	}
	// As all values are between 0 and 1, the best of them are those with the largest
	// product: some of the new ones, and else the best of those that stay.
	slices.SortFunc(f.values, largest)
	slices.SortFunc(f.others, largest)
	r := f.ranking(k)
	to.Quality = 0
	product := 1.0
	for n := 0; n <= min(len(f.others), x.need); n++ {
		if n > 0 {
			product *= f.others[n-1]
		}
		if x.need-n <= len(r.sorted)-len(f.values) {
			to.Quality = max(to.Quality, product*r.without(f.values, x.need-n))
		}
	}
	return to
}

func largest(a, b float64) int { return cmp.Compare(b, a) }

// without gives the product of the n largest members but for those that are gone,
// whose values are given, the largest first.
func (r *ranking) without(gone []float64, n int) float64 {
	by, at := 1.0, -1
	for _, v := range gone {
		if v == 0 {
			break // the others that are gone are 0, too, and stand at the end
		}
		first, _ := slices.BinarySearchFunc(r.sorted, v, largest)
		if at = max(first, at+1); at >= n {
			break
		}
		by *= v
		n++
	}
	if by == 0 {
		return 0 // too small to be told from 0
	}
	return r.product[n] / by
}

func (f *flips) value(k, position int32) float64 {
	v, _ := f.s.share(Link{int(k), int(position)}, f.s.composites[k].members[position], f.c, f.base.Composites)
	return v
}

func (f *flips) ranking(k int32) *ranking {
	if r := f.ranks[k]; r != nil {
		return r
	}
	n := len(f.s.composites[k].members)
	r := &ranking{sorted: make([]float64, n), product: make([]float64, n+1)}
	for p := range r.sorted {
		r.sorted[p] = f.value(k, int32(p))
	}
	slices.SortFunc(r.sorted, largest)
	r.product[0] = 1
	for p, v := range r.sorted {
		r.product[p+1] = r.product[p] * v
	}
	f.ranks[k] = r
	return r
}

// again looks at every member, where some are critical.
func (f *flips) again(k int32, changes []change) CompositeResult {
	x := &f.s.composites[k]
	f.values = f.values[:0]
	for p := range x.members {
		f.values = append(f.values, f.value(k, int32(p)))
	}
	for _, c := range changes {
		f.values[c.position] = c.value
	}
	to := CompositeResult{Usable: true, Of: len(x.members), Quality: 1}
	f.others = f.others[:0]
	i := 0
	for p, v := range f.values {
		if v > 0 {
			to.Present++
		}
		if i < len(x.critical) && int(x.critical[i]) == p {
			i++
			to.Usable = to.Usable && v > 0
			to.Quality *= v
			continue
		}
		f.others = append(f.others, v)
	}
	if to.Usable = to.Usable && to.Present >= x.need; !to.Usable {
		to.Quality = 0
		return to
	}
	slices.SortFunc(f.others, largest)
	for _, v := range f.others[:max(0, x.need-len(x.critical))] {
		to.Quality *= v
	}
	return to
}
