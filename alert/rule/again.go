package rule

import (
	"fmt"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Again is how far back deviations are judged again, as readings come late and
// are corrected.
const Again = 7 * 24 * time.Hour

// mostLate is of how many alerts that were over when they were found people are
// told at once; the others are in the history.
const mostLate = 5

// episode is an alert about a deviation that was raised.
type episode struct {
	Incident  string        `json:"incident"`
	Since     record.Millis `json:"since"`
	Over      record.Millis `json:"over,omitempty"` // 0: it lasts
	Messages  int           `json:"messages,omitempty"`
	Withdrawn bool          `json:"withdrawn,omitempty"`
}

// meets tells whether two have some time in common.
func (x *episode) meets(y *episode) bool {
	return (x.Over == 0 || y.Since < x.Over) && (y.Over == 0 || x.Since < y.Over)
}

// say tells a transition, and keeps what becomes of deviations.
func (e *Engine) say(st *state, t Transition) {
	if st.Kind == Deviation && t.Incident != "" {
		st.chronicle(&t)
	}
	e.emit(t)
}

func (st *state) chronicle(t *Transition) {
	x := st.episode(t.Incident)
	if x == nil {
		st.Episodes = append(st.Episodes, episode{Incident: t.Incident, Since: t.Since})
		x = &st.Episodes[len(st.Episodes)-1]
	}
	x.Messages, x.Over, x.Withdrawn = t.Count, 0, t.Change == Withdrawn
	if t.Change == Resolved || t.Change == Withdrawn {
		x.Over = t.Time
	}
}

func (st *state) episode(incident string) *episode {
	for i := range st.Episodes {
		if st.Episodes[i].Incident == incident {
			return &st.Episodes[i]
		}
	}
	return nil
}

// Judge takes what settled windows say now of a rule about deviations: quarters
// of an hour in order of time, without a hole, the newest one last. Those of
// the last seven days since the rule says what it says are judged again: an
// alert that would have been raised is raised, and one that would not have been
// is withdrawn, with a note. What began before stays as it is. To be given the
// same again is nothing new.
func (e *Engine) Judge(id string, subject Ref, quarters []Answer) {
	in := e.plan.at[key{id, subject}]
	if in == nil || in.rule.Condition.Kind != Deviation || len(quarters) == 0 {
		return
	}
	st, newest := e.state(in), quarters[len(quarters)-1]
	r := in.rule
	if by := fmt.Sprint(r.Condition.Limit, clearOf(r), r.Condition.Weeks, r.Condition.Least, r.For, r.ClearFor, r.KeepHold); st.By != by {
		st.By, st.First = by, newest.Time
	}
	from := max(st.First, quarters[0].Time, newest.Time-record.Millis(Again.Milliseconds()))
	old := quarters
	if newest.Time > st.At {
		old = quarters[:len(quarters)-1]
	}
	j := judgement{Engine: e, in: in, st: st, now: newest.Time, from: from}
	j.replay(old)
	j.withdraw()
	j.raise()
	e.Answer(id, subject, newest)
	kept := st.Episodes[:0]
	for _, x := range st.Episodes {
		if x.Over == 0 || x.Over >= from {
			kept = append(kept, x)
		}
	}
	st.Episodes = kept
}

func clearOf(r *Rule) float64 {
	if c := r.Condition.Clear; c != nil {
		return *c
	}
	return math.NaN()
}

// judgement compares what was raised with what would have been.
type judgement struct {
	*Engine
	in        *instance
	st        *state
	now, from record.Millis
	shadow    *state                // what the state would be
	fired     map[string]Transition // what would have been told, by incident
	over      map[string]Transition
}

// replay lives through the quarters with a state of its own.
func (j *judgement) replay(quarters []Answer) {
	j.shadow, j.fired, j.over = &state{Kind: Deviation}, make(map[string]Transition), make(map[string]Transition)
	emit := j.emit
	defer func() { j.emit = emit }()
	j.emit = func(t Transition) {
		switch t.Change {
		case Fired:
			j.fired[t.Incident] = t
		case Resolved:
			j.over[t.Incident] = t
		}
	}
	for _, a := range quarters {
		if a.Time >= j.from {
			j.shadow.Figures, j.shadow.Unit = a.Figures, a.Unit
			j.step(j.in, j.shadow, a.Time, a.Time, a.Value)
		}
	}
}

// within tells whether all of what began then is known.
func (j *judgement) within(since record.Millis) bool {
	return since > j.from || since == j.from && j.from == j.st.First
}

// withdraw ends what should not have been raised.
func (j *judgement) withdraw() {
	for i := range j.st.Episodes {
		x := j.st.Episodes[i]
		if x.Withdrawn || !j.within(x.Since) || meetsAny(&x, j.shadow.Episodes) {
			continue
		}
		st, current := &state{Kind: Deviation, Incident: x.Incident, Since: x.Since, Messages: x.Messages}, false
		if x.Incident == j.st.Incident {
			st, current = j.st, true
		}
		t := j.transition(j.in, st, Withdrawn, j.now)
		t.Value, t.Figures, t.Why = nil, Figures{}, SettledAgain
		if t.Tell = x.Messages > 0; t.Tell {
			t.Count++
			if after := j.quietUntil(j.in, j.now); after > j.now {
				t.After = after
			}
		}
		j.say(j.st, t)
		if current {
			j.st.rest()
		}
	}
	if st, s := j.st, j.shadow; st.Incident == "" && s.Incident == "" && (st.Since == 0 || j.within(st.Since)) && (s.Since == 0 || j.within(s.Since)) {
		st.Status, st.Since, st.Hold = s.Status, s.Since, s.Hold // the hold time runs as if all had been known
	}
}

func meetsAny(x *episode, all []episode) bool {
	for i := range all {
		if !all[i].Withdrawn && all[i].meets(x) {
			return true
		}
	}
	return false
}

// raise tells what should have been raised.
func (j *judgement) raise() {
	told := 0
	for _, x := range j.shadow.Episodes {
		if !j.within(x.Since) || meetsAny(&x, j.st.Episodes) {
			continue
		}
		was := 0
		if y := j.st.episode(x.Incident); y != nil {
			was = y.Messages // it was withdrawn
		}
		t := j.fired[x.Incident]
		t.Figures.Again = true
		t.Tell, t.Count, t.Why = true, was+1, ""
		switch {
		case j.quietUntil(j.in, j.now) > j.now:
			t.Tell, t.Count, t.Why = false, was, Silenced
		case x.Over > 0 && told == mostLate:
			t.Tell, t.Count, t.Why = false, was, FoundMany
		case x.Over > 0:
			told++
		}
		if x.Over == 0 {
			s, mine := *j.shadow, j.st
			mine.Status, mine.Since, mine.Hold, mine.Clear, mine.Unknown, mine.Incident = s.Status, s.Since, s.Hold, s.Clear, s.Unknown, s.Incident
			if mine.Messages, mine.Told = t.Count, 0; t.Tell {
				mine.Told = j.now
			}
		}
		j.say(j.st, t)
		if x.Over > 0 {
			over := j.over[x.Incident]
			over.Tell, over.After, over.Count, over.Why = false, 0, t.Count, FoundOver
			j.say(j.st, over)
		}
	}
}
