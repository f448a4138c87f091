package query

import (
	"strconv"

	"github.com/wattwerk/wattwerk/object/graph"
)

func (p *parser) group(depth int) *group {
	g := &group{at: p.token.at}
	if depth > MaxDepth {
		fail(p.token.at, "groups are nested more than %d deep", MaxDepth)
	}
	p.expect("{")
	for {
		switch {
		case p.take("}"):
			return g
		case p.takeWord("optional"):
			g.parts = append(g.parts, part{optional: p.group(depth + 1)})
			p.take(".")
		case p.takeWord("filter"):
			g.filters = append(g.filters, p.constraint())
			p.take(".")
		case p.is("{"):
			fail(p.token.at, "a group within a group is OPTIONAL; UNION and questions within questions are not taken")
		default:
			if n := len(g.parts); n == 0 || g.parts[n-1].optional != nil {
				g.parts = append(g.parts, part{})
			}
			p.triples(&g.parts[len(g.parts)-1])
			if !p.take(".") && !p.is("}") && !p.keyword("optional") && !p.keyword("filter") {
				p.refuse()
				fail(p.token.at, "here stands %s, where . or } is expected", p.token)
			}
		}
	}
}

// triples takes a subject with its predicates and objects.
func (p *parser) triples(to *part) {
	s, ok := p.operand(false)
	if !ok {
		p.refuse()
		fail(p.token.at, "here stands %s, where a variable, an IRI or } is expected", p.token)
	}
	for {
		p.predicate(to, s)
		more := false
		for p.take(";") {
			more = true
		}
		if !more || p.is(".") || p.is("}") {
			return
		}
	}
}

// step is a predicate of a path.
type step struct {
	p      operand
	repeat repeat
	at     int
}

func (p *parser) predicate(to *part, s operand) {
	var path []step
	for {
		path = append(path, p.step())
		if !p.take("/") {
			break
		}
		if path[len(path)-1].p.variable() {
			fail(p.token.at, "a variable is no part of a path")
		}
		if len(path) > MaxPatterns {
			fail(p.token.at, "the path has more than %d steps", MaxPatterns)
		}
	}
	if last := path[len(path)-1]; len(path) > 1 && last.p.variable() {
		fail(last.at, "a variable is no part of a path")
	}
	for {
		o, ok := p.operand(true)
		if !ok {
			p.refuse()
			fail(p.token.at, "here stands %s, where a variable, an IRI, a text or a number is expected", p.token)
		}
		from := s
		for i, st := range path {
			into := o
			if i < len(path)-1 {
				into = operand{slot: p.slot("." + strconv.Itoa(len(p.q.names)))}
			}
			if p.patterns++; p.patterns > MaxPatterns {
				fail(st.at, "there are more than %d patterns", MaxPatterns)
			}
			to.patterns = append(to.patterns, pattern{s: from, p: st.p, o: into, repeat: st.repeat, at: st.at})
			from = into
		}
		if !p.take(",") {
			return
		}
	}
}

func (p *parser) step() step {
	st := step{at: p.token.at}
	switch {
	case p.token.kind == word && p.token.text == "a":
		p.advance()
		st.p = operand{term: graph.Resource(rdfType)}
	case p.token.kind == variable:
		st.p = operand{slot: p.variable()}
		return st
	case p.token.kind == iriRef || p.token.kind == pname:
		st.p = operand{term: graph.Resource(p.iri())}
	case p.is("("):
		fail(p.token.at, "parts of a path in parentheses are not taken")
	default:
		p.refuse()
		fail(p.token.at, "here stands %s, where a predicate is expected", p.token)
	}
	switch {
	case p.take("*"):
		st.repeat = star
	case p.take("+"):
		st.repeat = plus
	case p.is("?") || p.is("|") || p.is("^"):
		p.refuse()
	}
	return st
}

func (p *parser) operand(literals bool) (operand, bool) {
	switch p.token.kind {
	case variable:
		return operand{slot: p.variable()}, true
	case iriRef, pname:
		if p.token.kind == pname && p.token.text[0] == '_' && len(p.token.text) > 1 && p.token.text[1] == ':' {
			fail(p.token.at, "nodes without a name are not taken; use a variable")
		}
		return operand{term: graph.Resource(p.iri())}, true
	}
	if literals {
		if t, ok := p.literal(); ok {
			return operand{term: t}, true
		}
	}
	return operand{}, false
}

// used tells which variables stand in a group, and which of them every answer
// of it has.
func (g *group) used(all, sure map[int]bool) {
	for _, pt := range g.parts {
		for i := range pt.patterns {
			pt.patterns[i].slots(func(s int) { all[s] = true; sure[s] = true })
		}
		if pt.optional != nil {
			pt.optional.used(all, make(map[int]bool))
		}
	}
	for _, f := range g.filters {
		f.variables(func(s int) { all[s] = true })
	}
}

// checkScopes refuses what means something else than it seems to.
func (p *parser) checkScopes() {
	q := p.q
	all, sure := make(map[int]bool), make(map[int]bool)
	q.where.used(all, sure)
	p.checkNested(q.where, nil, true)
	if !q.counts {
		return
	}
	grouped := make(map[int]bool)
	for _, s := range q.groupBy {
		grouped[s] = true
	}
	for i, c := range q.columns {
		switch {
		case !c.count && !grouped[c.slot]:
			fail(c.at, "?%s is neither counted nor in GROUP BY", q.names[c.slot])
		case c.count && all[c.slot]:
			fail(c.at, "?%s stands in the patterns already", q.names[c.slot])
		case c.count:
			for k, o := range q.columns {
				if k != i && o.slot == c.slot {
					fail(c.at, "?%s is asked for twice", q.names[c.slot])
				}
			}
			grouped[c.slot] = true
		}
	}
	for _, o := range q.orderBy {
		if !grouped[o.slot] {
			fail(o.at, "?%s is neither counted nor in GROUP BY", q.names[o.slot])
		}
	}
}

// checkNested holds OPTIONALs within OPTIONALs to variables of the part around
// them: those from further out would not be seen there.
func (p *parser) checkNested(g *group, outside map[int]bool, top bool) {
	mine, sure := make(map[int]bool), make(map[int]bool)
	for _, pt := range g.parts {
		for i := range pt.patterns {
			pt.patterns[i].slots(func(s int) { mine[s] = true; sure[s] = true })
		}
	}
	for _, pt := range g.parts {
		if pt.optional == nil {
			continue
		}
		if !top {
			all := make(map[int]bool)
			pt.optional.used(all, make(map[int]bool))
			for s := range all {
				if outside[s] && !mine[s] {
					fail(pt.optional.at, "?%s comes from further out than the OPTIONAL around this one; say it there, too", p.q.names[s])
				}
			}
		}
		seen := make(map[int]bool)
		for s := range outside {
			seen[s] = true
		}
		// What stands beside the OPTIONAL, before or behind, is outside of it.
		for _, other := range g.parts {
			if other.optional != pt.optional && other.optional != nil {
				other.optional.used(seen, make(map[int]bool))
			}
		}
		for s := range mine {
			seen[s] = true
		}
		p.checkNested(pt.optional, seen, false)
	}
}
