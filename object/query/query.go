package query

import (
	"github.com/wattwerk/wattwerk/object/graph"
)

// Query is a question that was understood.
type Query struct {
	src      string
	names    []string       // of variables by slot; those of paths begin with a dot
	slots    map[string]int // by name
	distinct bool
	columns  []column
	counts   bool // there is a COUNT, or a GROUP BY
	groupBy  []int
	where    *group
	orderBy  []order
	limit    int // -1: none
	offset   int
}

// column is something that is asked for.
type column struct {
	slot     int // the variable, or that of the count
	count    bool
	of       int // what is counted: a slot, or -1 for all
	distinct bool
	at       int
}

type order struct {
	slot int
	down bool
	at   int
}

// group is what stands between { and }.
type group struct {
	parts   []part
	filters []expression
	at      int
}

// part is a run of patterns, or an OPTIONAL.
type part struct {
	patterns []pattern
	optional *group
}

// end of a pattern: a term, or a variable.
type operand struct {
	term graph.Term // None: a variable
	slot int
}

func (o operand) variable() bool { return o.term.Kind == graph.None }

type repeat uint8

const (
	once repeat = iota
	star        // any number of times, also none
	plus        // at least once
)

// pattern is a triple pattern, or the repetition of a predicate.
type pattern struct {
	s, p, o operand
	repeat  repeat
	at      int
}

func (p *pattern) slots(yield func(int)) {
	for _, o := range []operand{p.s, p.p, p.o} {
		if o.variable() {
			yield(o.slot)
		}
	}
}

// Vars lists what is asked for, in order.
func (q *Query) Vars() []string {
	out := make([]string, len(q.columns))
	for i, c := range q.columns {
		out[i] = q.names[c.slot]
	}
	return out
}
