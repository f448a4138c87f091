package query

import (
	"cmp"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/object/graph"
)

// expression is a part of a filter. eval is false when there is no value: an
// error in SPARQL's words.
type expression interface {
	eval(row []graph.Term) (graph.Term, bool)
	variables(yield func(int))
}

type (
	constant struct{ term graph.Term }
	ofSlot   struct{ slot int }
	bound    struct{ slot int }
	str      struct{ x expression }
	not      struct{ x expression }
	and      struct{ a, b expression }
	or       struct{ a, b expression }
	compare  struct {
		op   string
		a, b expression
	}
	in struct {
		x    expression
		list []expression
		not  bool
	}
	regex struct {
		x  expression
		re *regexp.Regexp
	}
)

func (e constant) eval([]graph.Term) (graph.Term, bool) { return e.term, true }
func (e constant) variables(func(int))                  {}

func (e ofSlot) eval(row []graph.Term) (graph.Term, bool) {
	return row[e.slot], row[e.slot].Kind != graph.None
}
func (e ofSlot) variables(yield func(int)) { yield(e.slot) }

func (e bound) eval(row []graph.Term) (graph.Term, bool) {
	return graph.Bool(row[e.slot].Kind != graph.None), true
}
func (e bound) variables(yield func(int)) { yield(e.slot) }

func (e str) eval(row []graph.Term) (graph.Term, bool) {
	t, ok := e.x.eval(row)
	return graph.Text(t.Value), ok
}
func (e str) variables(yield func(int)) { e.x.variables(yield) }

// truth is the effective boolean value.
func truth(e expression, row []graph.Term) (value, ok bool) {
	t, ok := e.eval(row)
	if !ok || t.Kind != graph.Literal {
		return false, false
	}
	switch {
	case t.Type == "":
		return t.Value != "", true
	case t.Type == graph.Boolean:
		return t.Value == "true" || t.Value == "1", true
	case numeric(t):
		v, ok := numberOf(t)
		return ok && v != 0 && v == v, true
	}
	return false, false
}

func (e not) eval(row []graph.Term) (graph.Term, bool) {
	v, ok := truth(e.x, row)
	return graph.Bool(!v), ok
}
func (e not) variables(yield func(int)) { e.x.variables(yield) }

func (e and) eval(row []graph.Term) (graph.Term, bool) {
	a, okA := truth(e.a, row)
	if okA && !a {
		return graph.Bool(false), true
	}
	b, okB := truth(e.b, row)
	if okB && !b {
		return graph.Bool(false), true
	}
	return graph.Bool(true), okA && okB
}
func (e and) variables(yield func(int)) { e.a.variables(yield); e.b.variables(yield) }

func (e or) eval(row []graph.Term) (graph.Term, bool) {
	a, okA := truth(e.a, row)
	if okA && a {
		return graph.Bool(true), true
	}
	b, okB := truth(e.b, row)
	if okB && b {
		return graph.Bool(true), true
	}
	return graph.Bool(false), okA && okB
}
func (e or) variables(yield func(int)) { e.a.variables(yield); e.b.variables(yield) }

func (e compare) eval(row []graph.Term) (graph.Term, bool) {
	a, ok := e.a.eval(row)
	if !ok {
		return graph.Term{}, false
	}
	b, ok := e.b.eval(row)
	if !ok {
		return graph.Term{}, false
	}
	if e.op == "=" || e.op == "!=" {
		same, ok := equal(a, b)
		return graph.Bool(same == (e.op == "=")), ok
	}
	c, ok := ordered(a, b)
	if !ok {
		return graph.Term{}, false
	}
	v := false
	switch e.op {
	case "<":
		v = c == -1
	case "<=":
		v = c == -1 || c == 0
	case ">":
		v = c == 1
	case ">=":
		v = c == 1 || c == 0
	}
	return graph.Bool(v), true
}
func (e compare) variables(yield func(int)) { e.a.variables(yield); e.b.variables(yield) }

func (e in) eval(row []graph.Term) (graph.Term, bool) {
	x, ok := e.x.eval(row)
	if !ok {
		return graph.Term{}, false
	}
	sure := true
	for _, l := range e.list {
		y, ok := l.eval(row)
		if !ok {
			sure = false
			continue
		}
		same, ok := equal(x, y)
		if same && ok {
			return graph.Bool(!e.not), true
		}
		sure = sure && ok
	}
	return graph.Bool(e.not), sure
}
func (e in) variables(yield func(int)) {
	e.x.variables(yield)
	for _, l := range e.list {
		l.variables(yield)
	}
}

func (e regex) eval(row []graph.Term) (graph.Term, bool) {
	t, ok := e.x.eval(row)
	if !ok || t.Kind != graph.Literal || t.Type != "" {
		return graph.Term{}, false
	}
	return graph.Bool(e.re.MatchString(t.Value)), true
}
func (e regex) variables(yield func(int)) { e.x.variables(yield) }

func numeric(t graph.Term) bool {
	return t.Kind == graph.Literal && (t.Type == graph.Integer || t.Type == graph.Decimal || t.Type == graph.Double)
}

func numberOf(t graph.Term) (float64, bool) {
	s := t.Value
	if t.Type == graph.Double {
		switch s {
		case "INF":
			s = "+Inf"
		case "-INF":
			s = "-Inf"
		}
	} else if strings.ContainsAny(s, "eExXpPnNiI_") {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// equal tells whether two terms are the same; false for ok says that there is no
// answer, as for literals of unknown datatypes. As in SPARQL 1.2 and most
// engines, values of different known datatypes are not the same; SPARQL 1.1 has
// no answer there.
func equal(a, b graph.Term) (same, ok bool) {
	if a == b {
		return !(numeric(a) && a.Value == "NaN"), true
	}
	if a.Kind != graph.Literal || b.Kind != graph.Literal {
		return false, true
	}
	if c, ok := ordered(a, b); ok {
		return c == 0, true
	}
	// Values of two kinds that are known, as a text and a number, differ.
	return false, known(a) && known(b)
}

// known tells whether the literal has a datatype that is understood, and a value
// of it.
func known(t graph.Term) bool {
	if t.Type == "" {
		return true
	}
	_, ok := ordered(t, t)
	return ok
}

// incomparable is what ordered gives for NaN.
const incomparable = 2

// ordered compares two literals of a kind: -1, 0, 1.
func ordered(a, b graph.Term) (int, bool) {
	if a.Kind != graph.Literal || b.Kind != graph.Literal {
		return 0, false
	}
	switch {
	case numeric(a) && numeric(b):
		if a.Type == graph.Integer && b.Type == graph.Integer {
			x, errX := strconv.ParseInt(a.Value, 10, 64)
			y, errY := strconv.ParseInt(b.Value, 10, 64)
			if errX == nil && errY == nil {
				return cmp.Compare(x, y), true
			}
		}
		x, okX := numberOf(a)
		y, okY := numberOf(b)
		if x != x || y != y {
			return incomparable, okX && okY
		}
		return cmp.Compare(x, y), okX && okY
	case a.Type != b.Type:
		return 0, false
	case a.Type == "":
		return strings.Compare(a.Value, b.Value), true
	case a.Type == graph.Boolean:
		x, errX := strconv.ParseBool(a.Value)
		y, errY := strconv.ParseBool(b.Value)
		if errX != nil || errY != nil {
			return 0, false
		}
		return boolean(x) - boolean(y), true
	case a.Type == graph.DateTime:
		x, errX := time.Parse(time.RFC3339Nano, a.Value)
		y, errY := time.Parse(time.RFC3339Nano, b.Value)
		return x.Compare(y), errX == nil && errY == nil
	}
	return 0, false
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// constraint takes what stands behind FILTER.
func (p *parser) constraint() expression {
	switch {
	case p.is("("):
		p.advance()
		e := p.or(0)
		p.expect(")")
		return e
	case p.token.kind == word:
		return p.call(0)
	}
	fail(p.token.at, "here stands %s, where the condition of FILTER is expected, in parentheses", p.token)
	return nil
}

func (p *parser) or(depth int) expression {
	if depth > MaxDepth {
		fail(p.token.at, "the condition is nested more than %d deep", MaxDepth)
	}
	e := p.and(depth)
	for p.take("||") {
		e = or{e, p.and(depth)}
	}
	return e
}

func (p *parser) and(depth int) expression {
	e := p.relation(depth)
	for p.take("&&") {
		e = and{e, p.relation(depth)}
	}
	return e
}

func (p *parser) relation(depth int) expression {
	a := p.unary(depth)
	if p.token.kind == mark {
		switch op := p.token.text; op {
		case "=", "!=", "<", "<=", ">", ">=":
			p.advance()
			return compare{op, a, p.unary(depth)}
		case "+", "-", "*", "/":
			fail(p.token.at, "computing with %s is not taken", op)
		}
	}
	negated := p.takeWord("not")
	if !p.takeWord("in") {
		if negated {
			fail(p.token.at, "here stands %s, where IN is expected", p.token)
		}
		return a
	}
	e := in{x: a, not: negated}
	p.expect("(")
	for !p.take(")") {
		if len(e.list) > 0 {
			p.expect(",")
		}
		e.list = append(e.list, p.or(depth+1))
	}
	return e
}

func (p *parser) unary(depth int) expression {
	if depth > MaxDepth {
		fail(p.token.at, "the condition is nested more than %d deep", MaxDepth)
	}
	if p.terms++; p.terms > MaxTerms {
		fail(p.token.at, "the conditions have more than %d parts", MaxTerms)
	}
	at := p.token.at
	switch {
	case p.take("!"):
		return not{p.unary(depth + 1)}
	case p.take("("):
		e := p.or(depth + 1)
		p.expect(")")
		return e
	case p.token.kind == variable:
		return ofSlot{p.variable()}
	case p.token.kind == iriRef || p.token.kind == pname:
		iri := p.iri()
		if p.is("(") {
			fail(at, "functions that have an IRI are not taken")
		}
		return constant{graph.Resource(iri)}
	}
	if t, ok := p.literal(); ok {
		return constant{t}
	}
	if p.token.kind == word {
		return p.call(depth)
	}
	fail(at, "here stands %s, where a variable or a value is expected", p.token)
	return nil
}

func (p *parser) call(depth int) expression {
	if p.terms++; p.terms > MaxTerms {
		fail(p.token.at, "the conditions have more than %d parts", MaxTerms)
	}
	name := p.token
	switch strings.ToLower(name.text) {
	case "bound":
		p.advance()
		p.expect("(")
		e := bound{p.variable()}
		p.expect(")")
		return e
	case "str":
		p.advance()
		p.expect("(")
		e := str{p.or(depth + 1)}
		p.expect(")")
		return e
	case "regex":
		p.advance()
		return p.regex(depth)
	}
	p.refuse()
	fail(name.at, "the function %.40q is not taken; there are BOUND, REGEX and STR", name.text)
	return nil
}

func (p *parser) regex(depth int) expression {
	p.expect("(")
	x := p.or(depth + 1)
	p.expect(",")
	t := p.token
	if t.kind != text {
		fail(t.at, "here stands %s, where the regular expression is expected, as a text", t)
	}
	p.advance()
	flags := ""
	if p.take(",") {
		if p.token.kind != text || strings.Trim(p.token.text, "ims") != "" {
			fail(p.token.at, `here stands %s, where flags among "i", "m" and "s" are expected`, p.token)
		}
		flags = p.token.text
		p.advance()
	}
	p.expect(")")
	if len(t.text) > MaxPattern {
		fail(t.at, "the regular expression has %d bytes, at most %d are taken", len(t.text), MaxPattern)
	}
	source := t.text
	if flags != "" {
		source = "(?" + flags + ")" + source
	}
	if re, err := syntax.Parse(source, syntax.Perl); err != nil || len(re.String()) > 64*MaxPattern {
		fail(t.at, "the regular expression is none of RE2")
	}
	re, err := regexp.Compile(source)
	if err != nil {
		fail(t.at, "the regular expression is none of RE2")
	}
	return regex{x, re}
}
