package processor

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor/expression"
	"github.com/wattwerk/wattwerk/record"
)

// lasts are the last items of each input, of one series.
type lasts struct {
	of    []past // by input
	due   bool   // something came at time, and nothing was given for it yet
	time  record.Millis
	next  record.Millis // of a grid: what is to be given next
	begun bool
}

// members keeps the last items of inputs.
type members struct {
	states[*lasts]
	table   *observation.Table
	inputs  int
	which   string // stands for the names of inputs, in their order
	longest record.Millis
}

func newMembers(inputs []string, longest int64) members {
	h := fnv.New64a()
	for _, name := range inputs {
		_, _ = fmt.Fprintf(h, "%q", name) // a hash takes everything
	}
	return members{inputs: max(len(inputs), 1), which: fmt.Sprintf("%d %x", len(inputs), h.Sum(nil)), longest: record.Millis(longest)}
}

func (m *members) of(i observation.Item, out *Out) *lasts {
	if (len(m.each)+1)*m.inputs > MaxWaiting && (int(i.Series) >= len(m.at) || m.at[i.Series] == 0) {
		out.Refuse(i, isTooManyKeys)
		return nil
	}
	s := m.states.of(i, out)
	if s == nil {
		return nil
	}
	if *s == nil {
		*s = &lasts{of: make([]past, m.inputs)}
	}
	return *s
}

// known tells whether an input has a value at a time.
func (m *members) known(p *past, t record.Millis) bool {
	return p.any && !p.null() && t-p.time <= m.longest
}

func (m *members) save(w *writer) {
	m.states.save(w, func(w *writer, s **lasts) {
		l := *s
		for n := range l.of {
			savePast(w, &l.of[n])
		}
		w.flag(l.due)
		w.millis(l.time)
		w.flag(l.begun)
		w.millis(l.next)
	})
}

func (m *members) load(r *reader) {
	m.states.load(r, m.table, func(r *reader, s **lasts) {
		if (len(m.each)+1)*m.inputs > MaxWaiting {
			r.Fail()
			return
		}
		l := &lasts{of: make([]past, m.inputs)}
		for n := range l.of {
			loadPast(r, &l.of[n])
		}
		l.due, l.time, l.begun, l.next = r.flag(), r.time(), r.flag(), r.millis()
		// What is far behind would give results without end.
		if l.begun && (l.next < l.time || l.next > record.MaxTime+4*longest) {
			r.Fail()
		}
		*s = l
	})
}

type join struct {
	members
	program *expression.Program
	names   [][]string // variables of each input
	uses    []bool
	missing string
}

func (f *join) item(input int, i observation.Item, out *Out) {
	l := f.of(i, out)
	if l == nil {
		return
	}
	if l.due && l.time < i.Time {
		f.give(l, i.Series, out)
	}
	l.of[input], l.time, l.due = pastOf(i), i.Time, true
}

func (f *join) give(l *lasts, n observation.Series, out *Out) {
	l.due = false
	r := observation.Item{Series: n, Time: l.time}
	for k := range l.of {
		p := &l.of[k]
		if !f.uses[k] {
			continue
		}
		v := p.value
		switch {
		case f.known(p, l.time):
			r.Marks |= p.marks & kept
		case f.missing == "zero":
			v = 0
			r.Marks |= observation.Estimated
		case f.missing == "skip":
			return
		default:
			r.Marks |= observation.Null
			out.give(r)
			return
		}
		for _, name := range f.names[k] {
			f.program.Number(name, v)
		}
	}
	if f.program.Uses("time") {
		f.program.Number("time", float64(l.time))
	}
	if f.program.Uses("key") {
		f.program.Text("key", f.table.Key(n))
	}
	v, ok, err := f.program.Run(l.time)
	if r.Value = v; err != nil {
		out.Refuse(r, isNoValue)
		return
	}
	if !ok {
		r.Marks |= observation.Null
	}
	out.give(r)
}

func (f *join) until(t record.Millis, out *Out) record.Millis {
	for n, l := range f.each {
		if l.due && l.time < t {
			f.give(l, f.series[n], out)
		}
	}
	return t
}

func (f *join) shape() string { return "join " + f.which }

// identifier is a name with what cannot stand in an expression replaced.
func identifier(s string) string {
	var b strings.Builder
	for n, r := range s {
		switch {
		case r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' && n > 0:
			b.WriteRune(r)
		case r >= '0' && r <= '9':
			b.WriteString("_" + string(r))
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

// inputNames are the variables that stand for inputs: x1, x2, … and their names,
// where these are not alike.
func inputNames(inputs []string) (names [][]string, all []string) {
	taken := map[string]int{"time": 2, "key": 2, "true": 2, "false": 2, "nil": 2, "not": 2, "and": 2, "or": 2, "in": 2, "let": 2, "if": 2, "else": 2, "matches": 2, "contains": 2, "startsWith": 2, "endsWith": 2, "": 2, "_": 2}
	for _, f := range expression.Functions() {
		for _, part := range strings.Split(f.Name, "), ") {
			name, _, _ := strings.Cut(part, "(")
			taken[name] = 2
		}
	}
	for n, name := range inputs {
		taken[fmt.Sprint("x", n+1)] = 2
		taken[identifier(name)]++
	}
	for n, name := range inputs {
		own := []string{fmt.Sprint("x", n+1)}
		if id := identifier(name); taken[id] == 1 {
			own = append(own, id)
		}
		names, all = append(names, own), append(all, own...)
	}
	return names, all
}

func joinGroup() manifest.Parameter {
	return choices("group", byKey, "What is put together: key – items of the same key of all inputs; all – the last items of inputs, whatever their key.", byKey, byNone)
}

var joinEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "join", Role: manifest.Analytics, MinInputs: 1,
		Summary: "Computes one value of the values of several inputs at the same time.",
		Result:  "What the expression gives, at each time at which an input has an item.",
		Details: "Of each input the last item counts that is not older than tolerance. In the expression inputs are x1, x2, … in their order, and by their names where these are not alike: a name's spaces and signs are written _ there. There are time (ms since 1970) and key, too. " + aboutExpressions() + " Items are put in the order of their times first, and wait for the watermark, and lateness, to pass them.",
		Parameters: []manifest.Parameter{
			parameter("expression", manifest.Expression, nil, "What is computed."),
			parameter("tolerance", manifest.Duration, "1m", "How old the last item of an input may be."),
			choices("missing", "skip", "What comes of a time at which an input that the expression names has no value: skip – nothing; null – an item without a value; zero – it counts as 0, and the result is marked Estimated.", "skip", "null", "zero"),
			parameter("lateness", manifest.Duration, "5s", "How much older than the newest item others may be. What comes later is refused."),
			joinGroup(),
		},
		Example: "name: power factor\ntype: join\nparameters: {expression: real_power / apparent_power, tolerance: 30s}\nfrom: [real power, apparent power]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := join{missing: g.choice("missing", "skip", "null", "zero"), members: newMembers(s.Inputs, g.duration("tolerance", 0))}
		names, all := inputNames(s.Inputs)
		f.names = names
		f.program = g.expression("expression", expression.Number, expression.Scope{Numbers: append(all, "time"), Texts: []string{"key"}})
		if g.err == nil && f.program == nil {
			g.fail("expression", "it must be given")
		}
		if g.err != nil {
			return nil, g.err
		}
		for _, own := range names {
			uses := false
			for _, name := range own {
				uses = uses || f.program.Uses(name)
			}
			f.uses = append(f.uses, uses)
		}
		return g.inOrder(s, func(_ *clock, by *grouping) step { n := f; n.table = by.table; return &n })
	},
}

type sumOfInputs struct {
	members
	every   record.Millis
	missing string
	gives   string
}

func (f *sumOfInputs) item(input int, i observation.Item, out *Out) {
	l := f.of(i, out)
	if l == nil {
		return
	}
	f.giveTo(l, i.Series, i.Time, out)
	l.of[input], l.time = pastOf(i), i.Time
}

// giveTo gives results for all times of the grid before t.
func (f *sumOfInputs) giveTo(l *lasts, n observation.Series, t record.Millis, out *Out) {
	grid := floor(t+f.every-1, int64(f.every))
	if !l.begun {
		l.begun, l.next = true, grid
	}
	for l.next < t && l.next-l.time <= f.longest {
		f.give(l, n, out)
		l.next += f.every
	}
	// Nothing of it is known any more.
	l.next = max(l.next, grid)
}

func (f *sumOfInputs) give(l *lasts, n observation.Series, out *Out) {
	var sum exact.Sum
	known := 0
	r := observation.Item{Series: n, Time: l.next}
	for k := range l.of {
		if p := &l.of[k]; f.known(p, l.next) {
			known++
			sum.Add(p.value)
			r.Marks |= p.marks & kept
		}
	}
	switch {
	case f.gives == "coverage":
		r.Value = float64(known) / float64(len(l.of))
		r.Marks = 0
		out.give(r)
		return
	case known == 0, known < len(l.of) && f.missing == "null":
		r.Marks |= observation.Null
	case known < len(l.of):
		r.Marks |= observation.Partial
	}
	if r.Value = sum.Float64(); f.gives == "average" && known > 0 {
		r.Value /= float64(known)
	}
	out.give(r)
}

func (f *sumOfInputs) until(t record.Millis, out *Out) record.Millis {
	for n, l := range f.each {
		f.giveTo(l, f.series[n], t, out)
	}
	return t
}

func (f *sumOfInputs) shape() string {
	return fmt.Sprint("sum-of-inputs ", f.which, " ", int64(f.every))
}

var sumOfInputsEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "sum-of-inputs", Role: manifest.Analytics, MinInputs: 1,
		Summary: "Adds up the values that inputs have at the times of a grid: across sources and gateways.",
		Result:  "The sum at each time of the grid, in the unit of the items; their mean; or which share of inputs is known (0 to 1).",
		Details: fmt.Sprintf("Each input counts with its last item that is not older than longest. Where one is missing the result is null, as a sum without it would be another: unless missing says that it may be left out, and then the result is marked Partial. From when all are missing for longest nothing is given. Sums are exact before they are rounded once. longest is at most %d times every. Items are put in the order of their times first, and wait for the watermark, and lateness, to pass them.", maxMade),
		Parameters: []manifest.Parameter{
			parameter("every", manifest.Duration, "1m", "How far times of the grid are apart; it is counted from 1970 in UTC."),
			parameter("longest", manifest.Duration, "5m", "For how long an item holds."),
			choices("missing", "null", "What comes of it where an input has no value: null, or the sum of the others.", "null", "others"),
			choices("gives", "sum", "What is given: sum, average or coverage.", "sum", "average", "coverage"),
			parameter("lateness", manifest.Duration, "5s", "How much older than the newest item others may be. What comes later is refused."),
			joinGroup(),
		},
		Example: "name: all boxes\ntype: sum-of-inputs\nparameters: {every: 1m, longest: 5m, group: all}\nfrom: [PhoenixIB power, BilbaoIB power]\nto: total power\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := sumOfInputs{
			every: record.Millis(g.duration("every", 1)), missing: g.choice("missing", "null", "others"), gives: g.choice("gives", "sum", "average", "coverage"),
			members: newMembers(s.Inputs, g.duration("longest", 0)),
		}
		if g.err == nil && f.longest/f.every > maxMade {
			g.fail("longest", "after an item there would be %d results, at most %d are given", f.longest/f.every, maxMade)
		}
		return g.inOrder(s, func(_ *clock, by *grouping) step { n := f; n.table = by.table; return &n })
	},
}
