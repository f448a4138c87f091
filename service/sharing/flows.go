package sharing

import (
	"fmt"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/window"
)

// Flow is what a member took and gave in one interval, in µWh.
type Flow struct {
	OwnUse                                       energy.Amount
	FromCommunity, FromGrid, ToCommunity, ToGrid energy.Amount
	// Own is the worst of its own series, None when it is not known: then all
	// amounts are zero and mean nothing. Rests is the worst of what its amounts
	// rest on, others included.
	Own, Rests energy.Quality
}

// Flows are the flows of a time, by interval and member.
type Flows struct {
	Start   record.Millis
	Step    int64
	Members int
	Of      []Flow // interval × members + member
}

// At is the span of an interval.
func (f *Flows) At(i int) window.Span {
	from := f.Start + record.Millis(int64(i)*f.Step)
	return window.Span{From: from, To: from + record.Millis(f.Step)}
}

// Len is the number of intervals.
func (f *Flows) Len() int { return len(f.Of) / max(f.Members, 1) }

// allocator nets interval after interval; it keeps its slices.
type allocator struct {
	key                      string
	shares                   []int64
	imports, exports         []int64
	taken, given, open, need []int64
}

// Net computes the flows of a time, whose bounds are multiples of the step. The
// input is one that [Check] has nothing against.
func Net(in *SharingInput, at window.Span) (*Flows, error) {
	step, n := in.Members[0].Load.Step, len(in.Members)
	length := at.Length() / step
	if length*int64(n) > MaxCells {
		return nil, fmt.Errorf("sharing: %d intervals of %d members are more than %d; take a shorter period", length, n, MaxCells)
	}
	f := &Flows{Start: at.From, Step: step, Members: n, Of: make([]Flow, int(length)*n)}
	a := allocator{key: in.Key, shares: make([]int64, n), imports: make([]int64, n), exports: make([]int64, n), taken: make([]int64, n), given: make([]int64, n), open: make([]int64, n), need: make([]int64, n)}
	for i, m := range in.Members {
		a.shares[i] = m.Share
	}
	for i := range int(length) {
		if err := a.interval(in, f.At(i).From, f.Of[i*n:(i+1)*n]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// interval nets one interval.
func (a *allocator) interval(in *SharingInput, t record.Millis, flows []Flow) error {
	var supply, demand int64
	producers, loads := energy.Measured, energy.Measured // what E and D rest on
	for i := range in.Members {
		m, f := &in.Members[i], &flows[i]
		load := m.Load.Of(t)
		a.imports[i], a.exports[i] = 0, 0
		made := int64(0)
		f.Own = load.Quality
		if m.Generation != nil {
			g := m.Generation.Of(t)
			made = int64(g.Amount)
			if !g.Known() || !load.Known() {
				f.Own = energy.None
			} else {
				f.Own = max(f.Own, g.Quality)
			}
		}
		rests := f.Own
		if rests == energy.None {
			rests = energy.Estimated // others are told something that is not known
		}
		loads = max(loads, rests)
		if m.Generation != nil {
			producers = max(producers, rests)
		}
		if f.Own == energy.None {
			continue
		}
		used := int64(load.Amount)
		if !m.Registers {
			own := min(used, made)
			f.OwnUse = energy.Amount(own)
			used, made = used-own, made-own
		}
		a.imports[i], a.exports[i] = used, made
		demand, supply = demand+used, supply+made
	}
	if err := a.allocate(supply, demand); err != nil {
		return err
	}
	for i := range flows {
		f := &flows[i]
		if f.Own == energy.None {
			continue
		}
		f.FromCommunity, f.ToCommunity = energy.Amount(a.taken[i]), energy.Amount(a.given[i])
		f.FromGrid, f.ToGrid = energy.Amount(a.imports[i]-a.taken[i]), energy.Amount(a.exports[i]-a.given[i])
		f.Rests = max(f.Own, a.rests(i, supply, producers, loads))
	}
	return nil
}

// rests is what the share of a member rests on, besides its own series.
func (a *allocator) rests(i int, supply int64, producers, loads energy.Quality) energy.Quality {
	switch {
	case a.imports[i] == 0 && a.exports[i] == 0:
		return energy.None // nothing to share, whatever others do
	case len(a.imports) == 1:
		return energy.None
	case a.exports[i] > 0, supply > 0 && a.key != Static:
		return max(producers, loads)
	}
	return producers // there is nothing to be had, or loads do not matter
}

// allocate divides what is shared.
func (a *allocator) allocate(supply, demand int64) error {
	shared := min(supply, demand)
	clear(a.taken)
	clear(a.given)
	if shared == 0 || len(a.imports) == 1 {
		return nil
	}
	switch a.key {
	case Consumption:
		parts, ok := bill.Split(shared, a.imports)
		if !ok {
			return fmt.Errorf("sharing: the loads of an interval are too large to be added up")
		}
		copy(a.taken, parts)
	case Static:
		offers, ok := bill.Split(supply, a.shares)
		if !ok {
			return fmt.Errorf("sharing: all shares are zero")
		}
		shared = 0
		for i, o := range offers {
			a.taken[i] = min(o, a.imports[i])
			shared += a.taken[i]
		}
	case Dynamic:
		a.offer(shared)
	}
	parts, ok := bill.Split(shared, a.exports)
	if !ok {
		return fmt.Errorf("sharing: the generation of an interval is too large to be added up")
	}
	copy(a.given, parts)
	return nil
}

// offer gives what is shared by shares to those who need some, again and again.
// Each round fills at least one of them, or is the last.
func (a *allocator) offer(left int64) {
	copy(a.need, a.imports)
	for left > 0 {
		sum := int64(0)
		for i, n := range a.need {
			a.open[i] = 0
			if n > 0 {
				a.open[i] = a.shares[i]
			}
			sum += a.open[i]
		}
		if sum == 0 { // those who are left have no share: they get the same
			for i, n := range a.need {
				if n > 0 {
					a.open[i] = 1
				}
			}
		}
		offers, ok := bill.Split(left, a.open)
		if !ok {
			return
		}
		for i, o := range offers {
			part := min(o, a.need[i])
			a.taken[i], a.need[i], left = a.taken[i]+part, a.need[i]-part, left-part
		}
	}
}
