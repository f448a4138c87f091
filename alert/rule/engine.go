package rule

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/forecast"
	"github.com/wattwerk/wattwerk/record"
)

// Status says where an alert stands.
type Status string

// The statuses there are.
const (
	Quiescent Status = ""        // nothing is the matter
	Waiting   Status = "pending" // the hold time runs
	Firing    Status = "firing"
	Hushed    Status = "hushed" // an alert of a group above says it
)

// state is what an engine remembers of an alert. It is what a checkpoint holds.
type state struct {
	Status   Status            `json:"status,omitempty"`
	Kind     Kind              `json:"kind"`
	At       record.Millis     `json:"at,omitempty"`       // the newest event
	Since    record.Millis     `json:"since,omitempty"`    // the condition holds since
	Clear    record.Millis     `json:"clear,omitempty"`    // firing: it is over since; 0: it is not
	Unknown  record.Millis     `json:"unknown,omitempty"`  // raised: since when it is not known whether it lasts; 0: it is known
	Hold     record.Millis     `json:"hold,omitempty"`     // the hold time runs since
	Incident string            `json:"incident,omitempty"` // from fired or suppressed to resolved
	Opened   record.Millis     `json:"opened,omitempty"`   // when the newest incident began, also one that is over
	Nth      int               `json:"nth,omitempty"`      // how many began at that time before it
	Messages int               `json:"messages,omitempty"` // about this incident
	Told     record.Millis     `json:"told,omitempty"`     // when the last one was due
	Value    *float64          `json:"value,omitempty"`
	Begun    record.Millis     `json:"begun,omitempty"`  // watched since
	Grace    record.Millis     `json:"grace,omitempty"`  // missing: silence counts from here, as a group above was silent until then
	Said     *bool             `json:"said,omitempty"`   // what the outside says
	Text     string            `json:"text,omitempty"`   // and its words
	Figures  Figures           `json:"figures,omitzero"` // beside the value
	Unit     string            `json:"unit,omitempty"`   // of the value, if not the quantity's
	Demand   *forecast.Running `json:"demand,omitempty"`
	Window   record.Millis     `json:"window,omitempty"`  // demand of a group: begin of the newest window that was going to be above the limit
	Members  uint32            `json:"members,omitempty"` // and how many members said so
	Stored   record.Millis     `json:"stored,omitempty"`  // of a group: when the newest tick of it was stored
	By       string            `json:"by,omitempty"`      // deviation: what the rule says
	First    record.Millis     `json:"first,omitempty"`   // and the first quarter judged by that
	Episodes []episode         `json:"episodes,omitempty"`
}

// reading is the newest of a sensor that has a value.
type reading struct {
	Time  record.Millis `json:"t"`
	Value float64       `json:"v"`
	Gone  record.Millis `json:"gone,omitempty"` // from then on there is none, however young it is; 0: it holds
}

// Engine steps through events. Every step gives its transitions to the
// function that [NewEngine] was given, before it returns.
type Engine struct {
	emit   func(Transition)
	plan   *Plan
	states map[key]*state
	last   map[record.SensorID]reading
	now    record.Millis // the newest clock
	told   record.Millis // all ticks that were stored until then were taken

	suspects map[*instance]bool // within one clock step
}

// NewEngine makes an engine without rules.
func NewEngine(emit func(Transition)) *Engine {
	return &Engine{
		emit: emit, plan: new(Plan), states: make(map[key]*state), last: make(map[record.SensorID]reading),
	}
}

// SetPlan goes on with other rules. Alerts whose rule is gone, or asks
// something else now, end at the time of the newest clock; all others go on.
func (e *Engine) SetPlan(p *Plan) {
	was := e.plan
	e.plan = p
	keys := slices.SortedFunc(maps.Keys(e.states), func(a, b key) int {
		return cmp.Or(strings.Compare(a.rule, b.rule), strings.Compare(a.subject.String(), b.subject.String()))
	})
	for _, k := range keys {
		st := e.states[k]
		if now := p.at[k]; now != nil && now.rule.Condition.Kind == st.Kind {
			continue
		}
		if st.Incident != "" {
			in := was.at[k]
			if in == nil { // it went while nobody was looking
				in = &instance{key: k, rule: &Rule{ID: k.rule, Severity: Warning, Condition: Condition{Kind: st.Kind}}, zone: time.UTC}
			}
			e.resolve(in, st, max(e.now, st.At), RuleChanged)
		}
		delete(e.states, k)
		if in := p.at[k]; in != nil { // what it asks begins now; its incidents are told apart from those before
			next := e.state(in)
			next.Opened, next.Nth = st.Opened, st.Nth
		}
	}
	for _, in := range p.instances {
		st := e.state(in)
		c := in.rule.Condition
		if c.Kind == Demand && (st.Demand == nil || st.Demand.Size != milli(c.Window) || st.Demand.Trend != milli(c.Trend)) {
			st.Demand = &forecast.Running{Size: milli(c.Window), Trend: milli(c.Trend), MaxAge: in.maxAge}
		}
	}
	for id := range e.last {
		if !p.watched[id] {
			delete(e.last, id)
		}
	}
}

func (e *Engine) state(in *instance) *state {
	st := e.states[in.key]
	if st == nil {
		st = &state{Kind: in.rule.Condition.Kind, Begun: e.now}
		e.states[in.key] = st
	}
	return st
}

// Reading takes what a sensor measured, or NaN where a virtual one has no value
// any more. One that is not newer than the last is passed over.
func (e *Engine) Reading(sensor record.SensorID, t record.Millis, v float64) {
	if !e.plan.watched[sensor] {
		return
	}
	old, ok := e.last[sensor]
	switch {
	case ok && t <= max(old.Time, old.Gone), math.IsNaN(v) && (!ok || old.Gone > 0):
		return
	case math.IsNaN(v):
		old.Gone = t
		e.last[sensor] = old
	default:
		e.last[sensor] = reading{Time: t, Value: v}
	}
	for _, in := range e.plan.sensors[sensor] {
		if in.maxAge >= 0 && t+record.Millis(in.maxAge) < e.now {
			continue // late: it is not what is the case now
		}
		e.judge(in, max(t, e.now), t)
	}
}

// Tick takes one tick of the groups of a hierarchy, and when it was stored. What
// is not newer than what is known of a group is passed over.
func (e *Engine) Tick(groups []string, k *record.Tick, stored record.Millis) {
	for i, g := range groups {
		for _, in := range e.plan.groups[g] {
			st := e.state(in)
			st.Stored = max(st.Stored, stored)
			if k.Time <= st.At {
				continue
			}
			e.step(in, st, k.Time, k.Time, e.certain(in, st, k, i, e.measure(in, st, k, i)))
		}
	}
}

// measure takes a group's value from a tick.
func (e *Engine) measure(in *instance, st *state, k *record.Tick, i int) float64 {
	c := in.rule.Condition
	if c.Kind == Coverage {
		if k.Total[i] == 0 {
			return math.NaN()
		}
		return float64(k.Count[i]) / float64(k.Total[i])
	}
	v := k.Sum[i]
	switch c.Of {
	case Magnitude:
		v = math.Abs(v)
	case Meter:
		v = k.Meter[i]
	case Unaccounted:
		v = k.Unaccounted[i]
	}
	if c.Kind == Demand {
		st.Demand.Add(k.Time, v)
		return st.Demand.Forecast()
	}
	return v
}

// certain gives the forecast of a group, or null: what fewer members than there
// were when it was too high say of the same window does not make it lower.
func (e *Engine) certain(in *instance, st *state, k *record.Tick, i int, v float64) float64 {
	if c := in.rule.Condition; c.Kind != Demand || c.Of == Meter {
		return v
	}
	switch in.verdict(v) {
	case bad:
		st.Window, st.Members = st.Demand.From, k.Count[i]
	case good, between:
		if st.Window == st.Demand.From && k.Count[i] < st.Members {
			return math.NaN()
		}
	}
	return v
}

// Clock says that it is t now, and that what was measured before has been
// told, but for what is late. A clock that goes back changes nothing.
func (e *Engine) Clock(t record.Millis) {
	if t <= e.now {
		return
	}
	first := e.now == 0
	e.now, e.suspects = t, make(map[*instance]bool)
	for _, in := range e.plan.instances {
		st := e.state(in)
		if first && st.Begun == 0 {
			st.Begun = t
		}
		switch k := in.rule.Condition.Kind; {
		case k == Missing:
			e.silence(in, st)
		case in.subject.Group != "" && !k.asked() && k != External:
			e.unhush(in, st, t)
			e.stalled(in, st, t)
			if by := e.over(in); by != nil && st.Status == Firing {
				e.hush(in, st, max(t, st.At), by)
			}
			e.remind(in, st, max(t, st.At))
		case k.asked():
			e.remind(in, st, t)
		default:
			e.judge(in, t, 0)
		}
	}
}

// judge looks at the newest readings of a sensor, or at what the outside says.
func (e *Engine) judge(in *instance, now, since record.Millis) {
	st, c := e.state(in), in.rule.Condition
	if c.Kind == External {
		if st.Said != nil {
			v := 0.0
			if *st.Said {
				v = 1
			}
			e.step(in, st, now, now, v)
		}
		return
	}
	v := e.current(in.subject.Sensor, in, now)
	if since == 0 {
		since = now
	}
	switch c.Kind {
	case PowerFactor:
		if c.With != "" {
			v = factor(v, e.current(c.With, in, now), in.apparent)
		}
		v = math.Abs(v)
	case Demand:
		if l, ok := e.last[in.subject.Sensor]; ok {
			d := l.Value
			if c.Of == Magnitude {
				d = math.Abs(d)
			}
			st.Demand.Add(l.Time, d)
			if l.Gone > 0 {
				st.Demand.Add(l.Gone, math.NaN())
			}
		}
		if math.IsNaN(v) {
			break
		}
		v = st.Demand.Forecast()
	}
	if c.Of == Magnitude && c.Kind != Demand {
		v = math.Abs(v)
	}
	e.step(in, st, now, since, v)
}

// current gives a sensor's value, if it counts still.
func (e *Engine) current(id record.SensorID, in *instance, now record.Millis) float64 {
	r, ok := e.last[id]
	if !ok || r.Gone > 0 || in.maxAge >= 0 && r.Time+record.Millis(in.maxAge) < now {
		return math.NaN()
	}
	return r.Value
}

// factor is the power factor of an active power with a reactive or apparent one.
func factor(p, with float64, apparent bool) float64 {
	s := with
	if !apparent {
		s = math.Hypot(p, with)
	}
	if s == 0 {
		return math.NaN()
	}
	return p / math.Abs(s)
}

// Say takes what another program says of a rule from outside. ErrNotExternal
// when it is not one.
func (e *Engine) Say(id string, firing bool, text string, found *Oddity, t record.Millis) error {
	for _, in := range e.plan.instances {
		if in.key.rule == id && in.rule.Condition.Kind == External {
			st := e.state(in)
			if st.Said == nil || *st.Said != firing {
				st.Said = &firing
			}
			st.Text, st.Figures = text, Figures{Found: found}
			e.judge(in, max(t, e.now, st.At), 0)
			return nil
		}
	}
	return fmt.Errorf("%w: %q", ErrNotExternal, id)
}

// ErrNotExternal says that a rule is not one that is raised from outside.
var ErrNotExternal = errors.New("it is not a rule that is raised from outside")

// Answer is what is found in settled windows for a [Question].
type Answer struct {
	Time    record.Millis // until when it is about
	Value   float64       // what was used, or how many times the usual spread a deviation is; NaN: not known
	Unit    string        // of the value, if it is not the quantity's
	Figures Figures       // beside it
}

// Answer takes an answer. It may be given again, and is then nothing new.
func (e *Engine) Answer(id string, subject Ref, a Answer) {
	if in := e.plan.at[key{id, subject}]; in != nil && in.rule.Condition.Kind.asked() {
		st := e.state(in)
		st.Text, st.Figures, st.Unit = "", a.Figures, a.Unit
		e.step(in, st, max(a.Time, st.At), a.Time, a.Value)
	}
}

// verdict is what a value says of a condition.
type verdict int8

const (
	null    verdict = iota
	good            // it is over
	between         // beyond the clear threshold and within the limit: all stays as it is
	bad
)

func (in *instance) verdict(v float64) verdict {
	c := in.rule.Condition
	if math.IsNaN(v) {
		return null
	}
	if c.Kind == External || c.Kind == Missing {
		if v > 0 {
			return bad
		}
		return good
	}
	limit, clear := c.Limit, c.Limit
	if c.Clear != nil {
		clear = *c.Clear
	}
	if c.Kind == Below || c.Kind == Coverage || c.Kind == PowerFactor {
		v, limit, clear = -v, -limit, -clear
	}
	switch {
	case v > limit:
		return bad
	case v <= clear:
		return good
	}
	return between
}

// step moves an alert on by a value that holds at now, since an event at since.
func (e *Engine) step(in *instance, st *state, now, since record.Millis, v float64) {
	if now < st.At {
		return
	}
	what := in.verdict(v)
	if st.Value = nil; !math.IsNaN(v) {
		st.Value = &v
	}
	e.move(in, st, now, since, what)
}

// move is the life of an alert.
func (e *Engine) move(in *instance, st *state, now, since record.Millis, what verdict) {
	st.At = max(st.At, now)
	e.unhush(in, st, now)
	lost, found := what == null && st.Incident != "" && st.Unknown == 0, what != null && st.Unknown != 0
	unknown := st.Unknown
	if found {
		st.Unknown = 0
	}
	r := in.rule
	switch st.Status {
	case Quiescent:
		if what != bad {
			break
		}
		st.Since, st.Hold, st.Status = since, since, Waiting
		if r.Condition.Kind == Missing {
			st.Hold = now // silence is noticed at once, and began long ago
		}
		if now-st.Hold < record.Millis(milli(r.For)) {
			e.tell(in, st, Pending, now)
			break
		}
		e.fire(in, st, now, false)
	case Waiting:
		switch {
		case what == bad:
			if now-st.Hold >= record.Millis(milli(r.For)) {
				e.fire(in, st, now, true)
			}
		case what == null && (r.KeepHold || st.Incident != ""), what == between && st.Incident != "":
		case st.Incident != "":
			e.resolve(in, st, now, "")
		default:
			e.tell(in, st, Passed, now)
			st.Status, st.Since, st.Hold = Quiescent, 0, 0
		}
	case Firing, Hushed:
		switch {
		case what == good:
			if st.Clear == 0 {
				st.Clear = since
			}
			if now-st.Clear >= record.Millis(milli(r.ClearFor)) {
				e.resolve(in, st, now, "")
			}
		case what == null && r.KeepHold:
		default:
			st.Clear = 0
		}
		if st.Status == Firing && st.Clear == 0 {
			if by := e.over(in); by != nil {
				e.hush(in, st, now, by)
			}
		}
	}
	switch {
	case lost:
		st.Unknown = now
		e.tell(in, st, Unknown, now)
	case found && st.Incident != "":
		e.tell(in, st, Known, max(now, unknown))
	}
	e.remind(in, st, now)
}

// fire raises an alert, unless one above says it or may be about to.
func (e *Engine) fire(in *instance, st *state, now record.Millis, waited bool) {
	if by := e.over(in); by != nil {
		e.hush(in, st, now, by)
		return
	}
	if in.rule.Condition.Kind == Missing && e.suspected(in) {
		if !waited {
			e.tell(in, st, Pending, now)
		}
		return // it stays pending until more is known
	}
	e.open(in, st, now)
	st.Status, st.Clear = Firing, 0
	e.tell(in, st, Fired, now)
}

func (e *Engine) hush(in *instance, st *state, now record.Millis, by *instance) {
	e.open(in, st, now)
	st.Status, st.Clear = Hushed, 0
	t := e.transition(in, st, Suppressed, now)
	t.By = by.subject
	e.say(st, t)
}

// unhush lets an alert speak for itself when those above have ended. Silence
// counts anew then, so that those who come back one by one have their time.
func (e *Engine) unhush(in *instance, st *state, now record.Millis) {
	if st.Status == Hushed && e.over(in) == nil {
		st.Status, st.Hold, st.Grace = Waiting, now, now
	}
}

// open begins an incident. Its name follows from what is measured and when, so
// that whoever goes on from a checkpoint gives the same. Readings that come
// together can open several at one time, which are counted; a deviation is found
// again by its time.
func (e *Engine) open(in *instance, st *state, now record.Millis) {
	if st.Incident != "" {
		return
	}
	if st.Nth++; st.Opened != now || st.Kind == Deviation {
		st.Opened, st.Nth = now, 0
	}
	name := fmt.Appendf(nil, "%q %q %d", in.key.rule, in.subject.String(), now)
	if st.Nth > 0 {
		name = fmt.Appendf(name, " %d", st.Nth)
	}
	sum := sha256.Sum256(name)
	st.Incident = hex.EncodeToString(sum[:8])
	st.Messages, st.Told = 0, 0
}

func (e *Engine) resolve(in *instance, st *state, now record.Millis, why Why) {
	t := e.transition(in, st, Resolved, now)
	t.Why = why
	// Who was told that it began is told that it ended, when it is not quiet.
	if t.Tell = st.Messages > 0; t.Tell {
		t.Count++
		if after := e.quietUntil(in, now); after > now {
			t.After = after
		}
	} else if why == "" {
		t.Why = Untold
	}
	e.say(st, t)
	st.rest()
}

// rest makes it as if nothing had been the matter.
func (st *state) rest() {
	st.Status, st.Since, st.Hold, st.Clear, st.Unknown, st.Incident, st.Messages, st.Told = Quiescent, 0, 0, 0, 0, "", 0, 0
}

// remind tells again, or at last, of an alert that lasts: not of one that is
// about to end, and not where it is not known whether it lasts, as silence has
// rules of its own.
func (e *Engine) remind(in *instance, st *state, now record.Millis) {
	if st.Status != Firing || st.Clear != 0 || st.Unknown != 0 || e.quietUntil(in, now) > now {
		return
	}
	if st.Messages > 0 {
		repeat := record.Millis(milli(in.rule.Repeat))
		if repeat == 0 || now-st.Told < repeat || now < e.plan.acks[st.Incident] {
			return
		}
	}
	e.tell(in, st, Repeated, now)
}

// tell emits a transition, and decides whether anybody is told.
func (e *Engine) tell(in *instance, st *state, c Change, now record.Millis) {
	t := e.transition(in, st, c, now)
	if c == Fired || c == Repeated {
		if e.quietUntil(in, now) > now {
			t.Why = Silenced
		} else {
			st.Messages++
			st.Told = now
			t.Tell, t.Count = true, st.Messages
		}
	}
	e.say(st, t)
}

func (e *Engine) transition(in *instance, st *state, c Change, now record.Millis) Transition {
	r := in.rule
	t := Transition{
		Change: c, Rule: r.ID, Name: r.Name, Severity: r.Severity, Kind: r.Condition.Kind, Of: r.Condition.Of, Subject: in.subject, Incident: st.Incident,
		Time: now, Since: st.Since, Unknown: st.Unknown, Value: st.Value, Limit: r.Condition.Limit, Quantity: in.quantity, Unit: st.Unit, Count: st.Messages, Text: r.Text, To: r.To,
	}
	t.Figures = st.Figures
	if st.Text != "" {
		t.Figures.Text = st.Text
	}
	if d := st.Demand; d != nil {
		v := d.Last()
		t.Figures = Figures{WindowEnd: v.To, Mean: record.Finite(v.Mean), Left: record.Finite(v.Left(r.Condition.Limit))}
	}
	return t
}

// quietUntil gives when something may be told of an alert.
func (e *Engine) quietUntil(in *instance, now record.Millis) record.Millis {
	at := quietUntil(in.rule.Quiet, now, in.zone)
	for _, s := range e.plan.silences {
		if (s.Rule == "" || s.Rule == in.key.rule) && (s.Subject == (Ref{}) || s.Subject == in.subject) {
			at = max(at, s.Until)
		}
	}
	return at
}

func milli[D ~int64](d D) int64 { return int64(d) / 1e6 }
