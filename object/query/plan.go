package query

import (
	"math"

	"github.com/wattwerk/wattwerk/object/graph"
)

// op is one thing to do for an answer so far; exactly one of the three is set.
type op struct {
	pattern  *pattern
	filter   expression
	optional []op
}

// plan puts what is in a group in order: patterns by how few triples fit, given
// what is bound before, and filters as early as all of their variables are.
func plan(gr Graph, g *group, before map[int]bool) []op {
	sure := make(map[int]bool, len(before))
	for s := range before {
		sure[s] = true
	}
	var ops []op
	filters := append([]expression(nil), g.filters...)
	push := func(last bool) {
		rest := filters[:0]
		for _, f := range filters {
			ready := true
			f.variables(func(s int) { ready = ready && sure[s] })
			if ready || last {
				ops = append(ops, op{filter: f})
			} else {
				rest = append(rest, f)
			}
		}
		filters = rest
	}
	for i := range g.parts {
		pt := &g.parts[i]
		if pt.optional != nil {
			ops = append(ops, op{optional: plan(gr, pt.optional, sure)})
			continue
		}
		todo := make([]*pattern, len(pt.patterns))
		for k := range pt.patterns {
			todo[k] = &pt.patterns[k]
		}
		for len(todo) > 0 {
			best, least := 0, math.Inf(1)
			for k, p := range todo {
				if c := cost(gr, p, sure); c < least {
					best, least = k, c
				}
			}
			p := todo[best]
			todo = append(todo[:best], todo[best+1:]...)
			ops = append(ops, op{pattern: p})
			p.slots(func(s int) { sure[s] = true })
			push(false)
		}
	}
	push(true)
	return ops
}

// cost guesses how many answers a pattern gives for each one before it.
func cost(gr Graph, p *pattern, sure map[int]bool) float64 {
	known := func(o operand) bool { return !o.variable() || sure[o.slot] }
	s, o := known(p.s), known(p.o)
	if p.repeat != once {
		switch {
		case s && o:
			return 1.5
		case s || o:
			return 8
		case p.repeat == star:
			return math.MaxFloat64
		}
		return 10 * float64(gr.Estimate(graph.Term{}, p.p.term, graph.Term{}))
	}
	n := float64(gr.Estimate(p.s.term, p.p.term, p.o.term))
	switch {
	case s && o:
		return min(n, 1)
	case s && p.s.variable():
		if known(p.p) {
			return min(n, 2)
		}
		return min(n, 20)
	case o && p.o.variable():
		return max(3, n/20)
	}
	return n
}
