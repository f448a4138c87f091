package uplink

import (
	"cmp"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/record"
)

// engine makes of what is stored at the edge what is sent. It has no clock and
// reads nothing else: the same steps give the same records, to the bit. Not
// safe for concurrent use.
type engine struct {
	state state
	look  *facts
	given given
	tally tally
	grew  bool // facts were looked up that are stored nowhere
	plain bool // nothing is kept: every record is sent as it is, or not
	pass  map[record.SensorID]bool

	nameless func(hierarchy, group string, name record.SensorID) // told of each tick that has no name to be sent under; may be nil
}

// state is what an engine keeps, exported for gob.
type state struct {
	Sensors []map[record.SensorID]*series // per partition
	Groups  map[string]*sums              // per hierarchy
}

// sums are the sums of one hierarchy.
type sums struct{ Groups map[string]*sum }

type sum struct {
	At            int64 // the newest tick
	Sum, Coverage *series
}

func newEngine(partitions int, look *facts) *engine {
	e := &engine{look: look, plain: look.choice.plain(), pass: make(map[record.SensorID]bool)}
	e.state.Groups = make(map[string]*sums)
	for range partitions {
		e.state.Sensors = append(e.state.Sensors, make(map[record.SensorID]*series))
	}
	return e
}

// records takes in a batch of a partition, of which the names are read.
func (e *engine) records(p int, stored int64, b *record.Batch, out emit) {
	for i := range b.Len() {
		r := b.At(i)
		if e.plain {
			ok, known := e.pass[r.Sensor]
			if !known {
				ok = e.look.sensor(r.Sensor).Way != nothing
				e.pass[r.Sensor] = ok
			}
			if ok {
				out(r.Sensor, int64(r.Time), r.Value)
			}
			continue
		}
		s := e.state.Sensors[p][r.Sensor]
		if s == nil {
			s = newSeries(e.given.sensor(e.look, r.Sensor))
			e.state.Sensors[p][r.Sensor] = s
			e.grew = true
		}
		s.add(sample{int64(r.Time), r.Value}, stored, out, &e.tally)
	}
}

// ticks takes in ticks of a hierarchy.
func (e *engine) ticks(stored int64, t *record.Ticks, out emit) {
	if len(e.look.choice.Sums) == 0 && e.state.Groups[t.Hierarchy] == nil {
		return
	}
	h := e.state.Groups[t.Hierarchy]
	if h == nil {
		h = &sums{Groups: make(map[string]*sum)}
		e.state.Groups[t.Hierarchy] = h
	}
	for i := range t.Ticks {
		k := &t.Ticks[i]
		for g, name := range t.Groups {
			x := h.Groups[name]
			if x == nil {
				rule, coverage := e.given.sum(e.look, t.Hierarchy, name)
				x = &sum{At: math.MinInt64, Sum: newSeries(rule), Coverage: newSeries(coverage)}
				h.Groups[name] = x
				e.grew = true
			}
			// A tick that is told again says nothing new.
			if int64(k.Time) <= x.At {
				continue
			}
			x.At = int64(k.Time)
			if k.Sum[g] != k.Sum[g] || k.Total[g] == 0 {
				continue
			}
			share := float64(k.Count[g]) / float64(k.Total[g])
			if share < x.Sum.Rule.Least {
				continue
			}
			e.count(t.Hierarchy, name, x)
			x.Sum.add(sample{int64(k.Time), k.Sum[g]}, stored, out, &e.tally)
			x.Coverage.add(sample{int64(k.Time), share}, stored, out, &e.tally)
		}
	}
}

// count counts what a tick of a group does not send because of its name.
func (e *engine) count(hierarchy, group string, x *sum) {
	for _, s := range []*series{x.Sum, x.Coverage} {
		if !s.Rule.nameless() {
			continue
		}
		e.tally.nameless++
		if e.nameless != nil {
			e.nameless(hierarchy, group, s.Rule.Name)
		}
	}
}

// atOneGo is how many sensors the clock goes through in one step.
const atOneGo = 5000

// clock closes what was silent for long at the time now, a part of it when it
// is much.
func (e *engine) clock(now int64, out emit) {
	due := e.dueAt(now)
	slices.SortFunc(due, func(a, b *series) int { return cmp.Compare(a.Rule.Name, b.Rule.Name) })
	for _, s := range due[:min(len(due), atOneGo)] {
		s.idle(now, out, &e.tally)
	}
}

// dueAt gives what the clock would close at the time now.
func (e *engine) dueAt(now int64) []*series {
	var due []*series
	e.each(func(s *series, _ func() fact) {
		if s.due(now) {
			due = append(due, s)
		}
	})
	return due
}

// each visits every series; rule gives what the facts say of it now.
func (e *engine) each(f func(s *series, rule func() fact)) {
	for _, m := range e.state.Sensors {
		for id, s := range m {
			f(s, func() fact { return e.look.sensor(id) })
		}
	}
	for h, x := range e.state.Groups {
		for g, s := range x.Groups {
			f(s.Sum, func() fact { rule, _ := e.look.sum(h, g); return rule })
			f(s.Coverage, func() fact { _, rule := e.look.sum(h, g); return rule })
		}
	}
}

// restore takes a state that was stored. What is empty is not stored as such.
func (e *engine) restore(st *state) {
	e.plain = false
	for p, m := range st.Sensors {
		if m != nil && p < len(e.state.Sensors) {
			e.state.Sensors[p] = m
		}
	}
	for h, x := range st.Groups {
		if x.Groups == nil {
			x.Groups = make(map[string]*sum)
		}
		for _, s := range x.Groups {
			s.Sum, s.Coverage = s.Sum.named(), s.Coverage.named()
		}
		e.state.Groups[h] = x
	}
}

// change takes another choice.
func (e *engine) change(look *facts) {
	e.pass = make(map[record.SensorID]bool)
	e.given = nil
	e.plain = e.plain && look.choice.plain()
	e.adopt(look)
	if !look.choice.plain() {
		return
	}
	under := false
	e.each(func(s *series, _ func() fact) { under = under || s.Next != nil })
	e.plain = !under // then there is nothing left to keep
}

// adopt takes other facts; a series takes them when its interval is over. The
// state must be stored before anything is sent that was made by them.
func (e *engine) adopt(look *facts) {
	e.look = look
	e.each(func(s *series, rule func() fact) { s.adopt(rule()) })
}

// given are facts that are fixed already, though no state holds them.
type given map[string]fact

func (g given) sensor(look *facts, id record.SensorID) fact {
	if f, ok := g["s"+string(id)]; ok {
		return f
	}
	return look.sensor(id)
}

func (g given) sum(look *facts, hierarchy, group string) (sum, coverage fact) {
	key := hierarchy + "\x00" + group
	if f, ok := g["g"+key]; ok {
		return named(f), named(g["c"+key])
	}
	return look.sum(hierarchy, group)
}

// fix gives the facts of everything in the state, for [given].
func (e *engine) fix() given {
	out := make(given)
	for _, m := range e.state.Sensors {
		for id, s := range m {
			out["s"+string(id)] = s.Rule
		}
	}
	for h, x := range e.state.Groups {
		for g, s := range x.Groups {
			out["g"+h+"\x00"+g], out["c"+h+"\x00"+g] = s.Sum.Rule, s.Coverage.Rule
		}
	}
	return out
}
