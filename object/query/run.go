package query

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/object/graph"
)

// Graph is what is asked.
type Graph interface {
	// Each calls for every triple that fits, none twice, until that says false; a
	// zero Term fits all.
	Each(s, p, o graph.Term, yield func(graph.Triple) bool)
	// Estimate tells about how many fit. It is 0 only when there are none.
	Estimate(s, p, o graph.Term) int
}

// Budget bounds what a question may cost; 0 is the default.
type Budget struct {
	Steps int // triples looked at; default 2,000,000
	Rows  int // rows of the answer; default 10,000
	Kept  int // rows, groups and counted values held until the answer is whole; default 200,000
}

func (b Budget) filled() Budget {
	for _, f := range []struct {
		v *int
		d int
	}{{&b.Steps, 2_000_000}, {&b.Rows, 10_000}, {&b.Kept, 200_000}} {
		if *f.v <= 0 {
			*f.v = f.d
		}
	}
	return b
}

// Result is an answer: a row each, in the order of the variables, with the zero
// Term for what has no value.
type Result struct {
	Vars []string
	Rows [][]graph.Term
}

type run struct {
	q      *Query
	g      Graph
	ctx    context.Context
	budget Budget
	steps  int
	look   int // steps at which to look at the context
	err    error
	row    []graph.Term

	rows   [][]graph.Term // projected, and what they are ordered by behind that
	seen   map[string]struct{}
	groups map[string]*tally
	order  []*tally
	kept   int
	enough int // rows after which to stop; -1: all are needed
}

// tally is a group of rows.
type tally struct {
	key      []graph.Term
	counts   []int64
	distinct []map[string]struct{}
}

// Run answers the question. The error is that of the context, or an [*Error] that
// says which bound was met.
func (q *Query) Run(ctx context.Context, g Graph, b Budget) (*Result, error) {
	r := &run{q: q, g: g, ctx: ctx, budget: b.filled(), row: make([]graph.Term, len(q.names)), enough: -1}
	if q.limit >= 0 && !q.counts && len(q.orderBy) == 0 {
		r.enough = q.offset + q.limit
	}
	if q.distinct {
		r.seen = make(map[string]struct{})
	}
	if q.counts {
		r.groups = make(map[string]*tally)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.enough != 0 {
		r.chain(plan(g, q.where, nil), r.answer)()
	}
	if r.err != nil {
		return nil, r.err
	}
	if q.counts {
		if r.fold(); r.err != nil {
			return nil, r.err
		}
	}
	r.sort()
	rows := r.rows[min(q.offset, len(r.rows)):]
	if q.limit >= 0 {
		rows = rows[:min(q.limit, len(rows))]
	}
	if len(rows) > r.budget.Rows {
		return nil, r.tooMany()
	}
	for i := range rows {
		rows[i] = rows[i][:len(q.columns):len(q.columns)]
	}
	return &Result{Vars: q.Vars(), Rows: rows}, nil
}

func (r *run) tooMany() error {
	return &Error{Text: fmt.Sprintf("the answer has more than %d rows; ask with LIMIT, or for less", r.budget.Rows)}
}

// step counts work, and is false when there may be no more.
func (r *run) step(n int) bool {
	r.steps += n
	if r.steps > r.budget.Steps {
		r.err = &Error{Text: fmt.Sprintf("the question needs more than %d steps; say more of what is asked for", r.budget.Steps)}
		return false
	}
	if r.steps >= r.look {
		r.look = r.steps + 1000
		if err := r.ctx.Err(); err != nil {
			r.err = err
			return false
		}
	}
	return true
}

func (r *run) keep() bool {
	if r.kept++; r.kept > r.budget.Kept {
		r.err = &Error{Text: fmt.Sprintf("the question holds more than %d rows at once; say more of what is asked for", r.budget.Kept)}
		return false
	}
	return true
}

// chain gives what does the ops for the row so far, and then what follows, once
// for each row that comes through; false ends everything. It is made once: an op is
// never begun again before it has ended.
func (r *run) chain(ops []op, then func() bool) func() bool {
	for i := len(ops) - 1; i >= 0; i-- {
		o, next := ops[i], then
		switch {
		case o.pattern != nil && o.pattern.repeat != once:
			then = func() bool { return r.path(o.pattern, next) }
		case o.pattern != nil:
			m := &matching{run: r, pattern: o.pattern, next: next}
			m.take = m.triple
			then = m.match
		case o.filter != nil:
			then = func() bool {
				if v, ok := truth(o.filter, r.row); !v || !ok {
					return r.step(1)
				}
				return next()
			}
		default:
			found := false
			inner := r.chain(o.optional, func() bool {
				found = true
				return next()
			})
			then = func() bool {
				found = false
				return inner() && (found || next())
			}
		}
	}
	return then
}

func (r *run) value(o operand) graph.Term {
	if o.variable() {
		return r.row[o.slot]
	}
	return o.term
}

// matching is a triple pattern at work.
type matching struct {
	*run
	*pattern
	next    func() bool
	take    func(graph.Triple) bool // triple, made once
	s, p, o graph.Term              // what is known of the row
	over    bool
}

func (m *matching) match() bool {
	m.s, m.p, m.o, m.over = m.value(m.pattern.s), m.value(m.pattern.p), m.value(m.pattern.o), false
	if m.s.Kind == graph.None {
		// A walk costs even where nothing fits.
		if !m.step(m.g.Estimate(m.s, m.p, m.o) / 8) {
			return false
		}
	}
	m.g.Each(m.s, m.p, m.o, m.take)
	return !m.over && m.step(1)
}

// triple binds the variables, goes on, and takes them back.
func (m *matching) triple(t graph.Triple) bool {
	ok := m.step(1)
	if ok && m.bind(&m.pattern.s, &t.S) && m.bind(&m.pattern.p, &t.P) && m.bind(&m.pattern.o, &t.O) {
		ok = m.next()
	}
	m.free(&m.pattern.s, &m.s)
	m.free(&m.pattern.p, &m.p)
	m.free(&m.pattern.o, &m.o)
	m.over = !ok
	return ok
}

// bind gives a variable its value; false when it has another one.
func (m *matching) bind(o *operand, t *graph.Term) bool {
	if !o.variable() {
		return true
	}
	if have := &m.row[o.slot]; have.Kind != graph.None {
		return *have == *t
	}
	m.row[o.slot] = *t
	return true
}

func (m *matching) free(o *operand, was *graph.Term) {
	if o.variable() {
		m.row[o.slot] = *was
	}
}

// path follows a predicate that is repeated. Each end is found once.
func (r *run) path(p *pattern, next func() bool) bool {
	s, o := r.value(p.s), r.value(p.o)
	switch {
	case s.Kind != graph.None:
		return r.follow(s, p, p.o, true, next)
	case o.Kind != graph.None:
		return r.follow(o, p, p.s, false, next)
	case p.repeat == star:
		e := &Error{Text: "a path with * needs one of its ends known"}
		e.Line, e.Column = place(r.q.src, p.at)
		r.err = e
		return false
	}
	seen := make(map[graph.Term]bool)
	more := true
	r.g.Each(graph.Term{}, p.p.term, graph.Term{}, func(t graph.Triple) bool {
		if more = r.step(1); !more || seen[t.S] {
			return more
		}
		seen[t.S] = true
		r.row[p.s.slot] = t.S
		more = r.follow(t.S, p, p.o, true, next)
		r.row[p.s.slot] = graph.Term{}
		return more
	})
	return more
}

func (r *run) follow(from graph.Term, p *pattern, to operand, forward bool, next func() bool) bool {
	want := r.value(to)
	seen := make(map[graph.Term]bool)
	var todo, ends []graph.Term
	reach := func(t graph.Term) {
		if !seen[t] {
			seen[t] = true
			ends = append(ends, t)
			todo = append(todo, t)
		}
	}
	if p.repeat == star {
		reach(from)
	} else {
		todo = append(todo, from)
	}
	for len(todo) > 0 && !seen[want] {
		at := todo[0]
		todo = todo[1:]
		s, o := at, graph.Term{}
		if !forward {
			s, o = o, s
		}
		more := true
		r.g.Each(s, p.p.term, o, func(t graph.Triple) bool {
			if forward {
				reach(t.O)
			} else {
				reach(t.S)
			}
			more = r.step(1)
			return more
		})
		if !more || !r.step(1) {
			return false
		}
	}
	if want.Kind != graph.None {
		return !seen[want] || next()
	}
	for _, t := range ends {
		r.row[to.slot] = t
		more := next()
		r.row[to.slot] = graph.Term{}
		if !more {
			return false
		}
	}
	return true
}

// answer takes a row that came through everything.
func (r *run) answer() bool {
	if r.q.counts {
		return r.count()
	}
	row := make([]graph.Term, 0, len(r.q.columns)+len(r.q.orderBy))
	for _, c := range r.q.columns {
		row = append(row, r.row[c.slot])
	}
	for _, o := range r.q.orderBy {
		row = append(row, r.row[o.slot])
	}
	return r.add(row)
}

func (r *run) add(row []graph.Term) bool {
	if r.seen != nil {
		k := key(row[:len(r.q.columns)])
		if _, ok := r.seen[k]; ok {
			return true
		}
		if !r.keep() {
			return false
		}
		r.seen[k] = struct{}{}
	}
	if !r.keep() {
		return false
	}
	r.rows = append(r.rows, row)
	if r.enough >= 0 && len(r.rows) >= r.enough {
		return false
	}
	if len(r.q.orderBy) == 0 && !r.q.counts && len(r.rows)-r.q.offset > r.budget.Rows {
		r.err = r.tooMany()
		return false
	}
	return true
}

func (r *run) count() bool {
	group := make([]graph.Term, len(r.q.groupBy))
	for i, s := range r.q.groupBy {
		group[i] = r.row[s]
	}
	k := key(group)
	t, ok := r.groups[k]
	if !ok {
		if !r.keep() {
			return false
		}
		t = r.tally(group)
		r.groups[k] = t
	}
	for i, c := range r.q.columns {
		if !c.count || c.of >= 0 && r.row[c.of].Kind == graph.None {
			continue
		}
		if c.distinct {
			what := r.row
			if c.of >= 0 {
				what = r.row[c.of : c.of+1]
			}
			k := r.visible(what, c.of)
			if t.distinct[i] == nil {
				t.distinct[i] = make(map[string]struct{})
			}
			if _, ok := t.distinct[i][k]; ok {
				continue
			}
			if !r.keep() {
				return false
			}
			t.distinct[i][k] = struct{}{}
		}
		t.counts[i]++
	}
	return true
}

// visible is the key of a value, or of a whole row without the variables of
// paths.
func (r *run) visible(what []graph.Term, of int) string {
	if of >= 0 {
		return key(what)
	}
	var row []graph.Term
	for i, t := range what {
		if r.q.names[i][0] != '.' {
			row = append(row, t)
		}
	}
	return key(row)
}

func (r *run) tally(group []graph.Term) *tally {
	t := &tally{key: group, counts: make([]int64, len(r.q.columns)), distinct: make([]map[string]struct{}, len(r.q.columns))}
	r.order = append(r.order, t)
	return t
}

// fold makes the rows of the groups. Without GROUP BY there is one, even of
// nothing.
func (r *run) fold() {
	if len(r.q.groupBy) == 0 && len(r.order) == 0 {
		r.tally(nil)
	}
	for _, t := range r.order {
		of := func(slot int) graph.Term {
			for i, c := range r.q.columns {
				if c.count && c.slot == slot {
					return graph.Int(t.counts[i])
				}
			}
			for i, s := range r.q.groupBy {
				if s == slot {
					return t.key[i]
				}
			}
			return graph.Term{}
		}
		row := make([]graph.Term, 0, len(r.q.columns)+len(r.q.orderBy))
		for _, c := range r.q.columns {
			row = append(row, of(c.slot))
		}
		for _, o := range r.q.orderBy {
			row = append(row, of(o.slot))
		}
		if !r.add(row) {
			return
		}
	}
}

func (r *run) sort() {
	n := len(r.q.columns)
	if len(r.q.orderBy) == 0 {
		return
	}
	slices.SortStableFunc(r.rows, func(a, b []graph.Term) int {
		for i, o := range r.q.orderBy {
			c := sortOrder(a[n+i], b[n+i])
			if o.down {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}

// sortOrder is a total order: nothing, IRIs, numbers, other literals by their type.
func sortOrder(a, b graph.Term) int {
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	if numeric(a) != numeric(b) {
		return boolean(numeric(b)) - boolean(numeric(a))
	}
	if numeric(a) || a.Type == b.Type {
		if c, ok := ordered(a, b); ok && c != incomparable {
			return c
		}
	}
	if c := strings.Compare(a.Type, b.Type); c != 0 {
		return c
	}
	return strings.Compare(a.Value, b.Value)
}

// key tells rows apart.
func key(row []graph.Term) string {
	n := 0
	for _, t := range row {
		n += len(t.Value) + len(t.Type) + 9
	}
	b := make([]byte, 0, n)
	for _, t := range row {
		b = append(b, byte(t.Kind))
		b = binary.AppendUvarint(b, uint64(len(t.Value)))
		b = append(b, t.Value...)
		b = binary.AppendUvarint(b, uint64(len(t.Type)))
		b = append(b, t.Type...)
	}
	return string(b)
}
