package query

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/object/vocabulary"
)

const rdfType = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"

// Parse understands a question. The error is an [*Error] with a place and a
// sentence.
func Parse(src string) (q *Query, err error) {
	if len(src) > MaxBytes {
		return nil, &Error{Text: "the question has " + strconv.Itoa(len(src)) + " bytes, at most " + strconv.Itoa(MaxBytes) + " are taken"}
	}
	if !utf8.ValidString(src) {
		return nil, &Error{Text: "the question is no valid UTF-8"}
	}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(fault)
			if !ok {
				panic(r)
			}
			e := &Error{Text: f.text}
			e.Line, e.Column = place(src, f.at)
			q, err = nil, e
		}
	}()
	p := &parser{lexer: lexer{src: src}, prefixes: make(map[string]string), q: &Query{src: src, slots: make(map[string]int), limit: -1}}
	for _, n := range vocabulary.Namespaces() {
		p.prefixes[n.Prefix] = n.IRI
	}
	p.advance()
	p.query()
	return p.q, nil
}

type parser struct {
	lexer
	token    token
	prefixes map[string]string
	q        *Query
	patterns int
	terms    int
}

func (p *parser) advance() { p.token = p.next() }

func (p *parser) is(m string) bool { return p.token.kind == mark && p.token.text == m }

func (p *parser) keyword(w string) bool {
	return p.token.kind == word && strings.EqualFold(p.token.text, w)
}

func (p *parser) take(m string) bool {
	if p.is(m) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) takeWord(w string) bool {
	if p.keyword(w) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(m string) {
	if !p.take(m) {
		p.refuse()
		fail(p.token.at, "here stands %s, where %q is expected", p.token, m)
	}
}

// refused are words of SPARQL that are not in the subset.
var refused = map[string]string{
	"base": "", "ask": "", "construct": "", "describe": "", "from": "", "union": "", "minus": "", "graph": "", "service": "", "bind": "", "values": "", "having": "",
	"exists": "", "not": "", "reduced": "", "insert": "", "delete": "", "load": "", "clear": "", "create": "", "drop": "", "copy": "", "move": "", "add": "", "with": "",
	"sum": "COUNT is the only aggregate", "avg": "COUNT is the only aggregate", "min": "COUNT is the only aggregate", "max": "COUNT is the only aggregate", "sample": "COUNT is the only aggregate", "group_concat": "COUNT is the only aggregate",
}

// refuse says that the present token is SPARQL, and not in the subset.
func (p *parser) refuse() {
	switch {
	case p.token.kind == word:
		if why, ok := refused[strings.ToLower(p.token.text)]; ok {
			if why == "" {
				why = "questions are SELECT … WHERE with patterns, FILTER and OPTIONAL"
			}
			fail(p.token.at, "%s is not taken; %s", strings.ToUpper(p.token.text), why)
		}
	case p.is("^") || p.is("|") || p.is("?") || p.is("!"):
		fail(p.token.at, "%q is not taken in a path; paths have / between predicates and * or + behind one", p.token.text)
	case p.is("[") || p.is("]"):
		fail(p.token.at, "nodes without a name are not taken; use a variable")
	case p.is("@"):
		fail(p.token.at, "texts in a language are not taken; the graph has none")
	}
}

func (p *parser) slot(name string) int {
	if i, ok := p.q.slots[name]; ok {
		return i
	}
	p.q.slots[name] = len(p.q.names)
	p.q.names = append(p.q.names, name)
	return len(p.q.names) - 1
}

func (p *parser) query() {
	q := p.q
	for p.takeWord("prefix") {
		if p.token.kind != pname || !strings.HasSuffix(p.token.text, ":") || strings.Count(p.token.text, ":") != 1 {
			fail(p.token.at, "here stands %s, where a prefix like brick: is expected", p.token)
		}
		name := strings.TrimSuffix(p.token.text, ":")
		p.advance()
		if p.token.kind != iriRef {
			fail(p.token.at, "here stands %s, where the <…> of the prefix is expected", p.token)
		}
		p.prefixes[name] = p.iri()
	}
	if !p.takeWord("select") {
		p.refuse()
		fail(p.token.at, "here stands %s, where SELECT is expected", p.token)
	}
	q.distinct = p.takeWord("distinct")
	all := p.token
	star := p.take("*")
	if !star {
		p.projection()
	}
	p.takeWord("where")
	q.where = p.group(0)
	p.solution()
	if p.token.kind != end {
		p.refuse()
		fail(p.token.at, "here stands %s, where the question should end", p.token)
	}
	if star {
		if q.counts {
			fail(all.at, "with GROUP BY the variables are named")
		}
		for i, name := range q.names {
			if name[0] != '.' {
				q.columns = append(q.columns, column{slot: i, at: all.at})
			}
		}
	}
	p.checkScopes()
}

func (p *parser) projection() {
	q := p.q
	for {
		switch {
		case p.token.kind == variable:
			q.columns = append(q.columns, column{slot: p.slot(p.token.text), at: p.token.at})
			p.advance()
		case p.is("("):
			p.advance()
			c := column{count: true, of: -1, at: p.token.at}
			if !p.takeWord("count") {
				p.refuse()
				fail(p.token.at, "here stands %s, where COUNT is expected", p.token)
			}
			p.expect("(")
			c.distinct = p.takeWord("distinct")
			if !p.take("*") {
				c.of = p.variable()
			}
			p.expect(")")
			if !p.takeWord("as") {
				fail(p.token.at, "here stands %s, where AS is expected", p.token)
			}
			if p.token.kind == variable && slices.ContainsFunc(q.columns, func(c column) bool { return q.names[c.slot] == p.token.text }) {
				fail(p.token.at, "?%s is asked for already", p.token.text)
			}
			c.slot = p.variable()
			p.expect(")")
			q.columns = append(q.columns, c)
			q.counts = true
		default:
			if len(q.columns) == 0 {
				p.refuse()
				fail(p.token.at, "here stands %s, where a variable or * is expected", p.token)
			}
			return
		}
		if len(q.columns) > MaxPatterns {
			fail(p.token.at, "more than %d things are asked for", MaxPatterns)
		}
	}
}

func (p *parser) variable() int {
	if p.token.kind != variable {
		fail(p.token.at, "here stands %s, where a variable is expected", p.token)
	}
	i := p.slot(p.token.text)
	p.advance()
	return i
}

// solution takes what stands behind the patterns.
func (p *parser) solution() {
	q := p.q
	if p.takeWord("group") {
		if !p.takeWord("by") {
			fail(p.token.at, "here stands %s, where BY is expected", p.token)
		}
		q.counts = true
		for q.groupBy = append(q.groupBy, p.variable()); p.token.kind == variable && len(q.groupBy) < MaxPatterns; {
			q.groupBy = append(q.groupBy, p.variable())
		}
		if p.is("(") {
			fail(p.token.at, "GROUP BY takes variables alone")
		}
	}
	if p.takeWord("order") {
		if !p.takeWord("by") {
			fail(p.token.at, "here stands %s, where BY is expected", p.token)
		}
		for p.order() {
		}
		if len(q.orderBy) == 0 {
			fail(p.token.at, "here stands %s, where a variable, ASC(…) or DESC(…) is expected", p.token)
		}
	}
	for limit, offset := false, false; ; {
		switch {
		case !limit && p.takeWord("limit"):
			q.limit, limit = p.natural(), true
		case !offset && p.takeWord("offset"):
			q.offset, offset = p.natural(), true
		default:
			return
		}
	}
}

func (p *parser) order() bool {
	at := p.token.at
	if p.token.kind == variable {
		p.q.orderBy = append(p.q.orderBy, order{slot: p.variable(), at: at})
		return len(p.q.orderBy) < MaxPatterns
	}
	down := p.keyword("desc")
	if !down && !p.keyword("asc") {
		return false
	}
	p.advance()
	p.expect("(")
	p.q.orderBy = append(p.q.orderBy, order{slot: p.variable(), down: down, at: at})
	p.expect(")")
	return len(p.q.orderBy) < MaxPatterns
}

func (p *parser) natural() int {
	n, err := strconv.ParseInt(p.token.text, 10, 32)
	if p.token.kind != number || err != nil || n < 0 || n > 1_000_000_000 {
		fail(p.token.at, "here stands %s, where a whole number up to 1000000000 is expected", p.token)
	}
	p.advance()
	return int(n)
}

// iri takes the present token, which is an IRI or has a prefix.
func (p *parser) iri() string {
	t := p.token
	p.advance()
	if t.kind == iriRef {
		scheme, _, ok := strings.Cut(t.text, ":")
		if !ok || strings.ContainsAny(scheme, "/?#") || scheme == "" {
			fail(t.at, "<%.60s> is not absolute; it begins with a scheme, as urn:", t.text)
		}
		return t.text
	}
	prefix, local, _ := strings.Cut(t.text, ":")
	iri, ok := p.prefixes[prefix]
	if !ok {
		fail(t.at, "the prefix %s: is not declared", prefix)
	}
	return iri + local
}

// literal takes a text, number or truth value, if the present token is one.
func (p *parser) literal() (graph.Term, bool) {
	t := p.token
	switch {
	case t.kind == text:
		p.advance()
		if p.is("@") {
			p.refuse()
		}
		if !p.take("^^") {
			return graph.Text(t.text), true
		}
		if p.token.kind != iriRef && p.token.kind != pname {
			fail(p.token.at, "here stands %s, where a datatype is expected", p.token)
		}
		kind := p.iri()
		if kind == graph.String {
			kind = ""
		}
		return graph.Term{Kind: graph.Literal, Value: t.text, Type: kind}, true
	case t.kind == number:
		p.advance()
		kind := graph.Integer
		if strings.ContainsAny(t.text, "eE") {
			kind = graph.Double
		} else if strings.Contains(t.text, ".") {
			kind = graph.Decimal
		}
		return graph.Term{Kind: graph.Literal, Value: strings.TrimPrefix(t.text, "+"), Type: kind}, true
	case p.keyword("true") || p.keyword("false"):
		p.advance()
		return graph.Bool(strings.EqualFold(t.text, "true")), true
	}
	return graph.Term{}, false
}
