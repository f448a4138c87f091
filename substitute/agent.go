package substitute

import (
	"fmt"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Settings of an agent. Zero values are replaced by the defaults that are named.
type Settings struct {
	Need     Need          `json:"need"`
	Interval record.Millis `json:"interval"` // at which the object is expected to report; 1 minute
	Horizon  record.Millis `json:"horizon"`  // how long at most anything stands in; a day
	Hold     record.Millis `json:"hold"`     // least time between two changes; three intervals
	Good     int           `json:"good"`     // good readings in a row after which the object is believed again; 2
	Overrun  float64       `json:"overrun"`  // by which the error seen may exceed the expected one; 3
	Scored   int           `json:"scored"`   // values that have to be seen before it is judged; 6
	Better   float64       `json:"better"`   // part of the error that a change has to save; 0.2
}

func (s Settings) withDefaults() Settings {
	set := func(v *record.Millis, d record.Millis) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&s.Interval, 60_000)
	set(&s.Horizon, Day)
	set(&s.Hold, 3*s.Interval)
	if s.Good <= 0 {
		s.Good = 2
	}
	if s.Overrun <= 1 {
		s.Overrun = 3
	}
	if s.Scored <= 0 {
		s.Scored = 6
	}
	if s.Better <= 0 || s.Better >= 1 {
		s.Better = 0.2
	}
	return s
}

// Sample is a value of the object itself.
type Sample struct {
	Time  record.Millis
	Value float64
}

// Event is what an agent is told. Everything may be absent: then time passed.
type Event struct {
	State    object.State         // of the object by its own readings: live, late, stale, down; "": as before
	Read     *Sample              // a reading of the object that came in
	Doubtful bool                 // the object reports, and is not to be believed: it is stuck, or quarantined
	Cells    []Sample             // values of the object in cells of the grid, as they get known, also late: they are what substitutes are scored by
	Ranking  *Ranking             // what can stand in, fitted anew
	Usable   func(object.ID) bool // whether another object measures now, itself and not by a substitute; nil: none does
	Values   Lookup               // measured values, to score by; nil: nothing is scored
}

// Action is what an agent decides.
type Action string

// What an agent decides. Engage, Switch and Return are changes, and at least the
// hold time lies between two of them.
const (
	Rest   Action = "rest"   // the object measures, nothing stands in
	Engage Action = "engage" // from now on something stands in
	Keep   Action = "keep"   // it goes on to stand in
	Switch Action = "switch" // something else stands in from now on
	Return Action = "return" // the object is believed again
	Refuse Action = "refuse" // the object is away, and nothing is good enough
	Wait   Action = "wait"   // there is something to change, and the hold time is not over
	Refit  Action = "refit"  // what stood in was wrong by more than expected: it is not used until it is fitted anew
)

// Decision is what an agent decided, and why.
type Decision struct {
	Action     Action        `json:"action"`
	Object     object.ID     `json:"object"`
	Time       record.Millis `json:"time"`
	Provenance *Provenance   `json:"provenance,omitempty"` // what stands in after it
	Score      *Score        `json:"score,omitempty"`      // of Return, Switch and Refit: what was seen of what stood in
	Reason     string        `json:"reason,omitempty"`
	Refused    []Refusal     `json:"refused,omitempty"` // of Refuse: what was looked at
}

// Score says how wrong a substitute was where the object's own values got known,
// beside what was expected of it.
type Score struct {
	Cells    int     `json:"cells"`
	Seen     float64 `json:"seen"` // mean absolute difference
	Size     float64 `json:"size"` // mean size of what was measured
	Bias     float64 `json:"bias"` // mean of what was put in less what was measured
	Expected float64 `json:"expected"`
}

func (s *Score) add(put, was float64) {
	d := put - was
	s.Cells++
	s.Bias += (d - s.Bias) / float64(s.Cells)
	s.Size += (math.Abs(was) - s.Size) / float64(s.Cells)
	s.Seen += (math.Abs(d) - s.Seen) / float64(s.Cells)
}

// Spell is a substitution and what was seen of it.
type Spell struct {
	Provenance Provenance    `json:"provenance"`
	Score      Score         `json:"score"`
	Ended      record.Millis `json:"ended,omitempty"`  // 0: it stands in
	Judged     bool          `json:"judged,omitempty"` // its error has been found too large
}

// Bounds of what an agent remembers.
const (
	maxSpells  = 4
	maxDropped = 16
)

// Dropped is an option that was wrong by more than was expected of it.
type Dropped struct {
	Method Method        `json:"method"`
	From   []object.ID   `json:"from,omitempty"`
	Fitted record.Millis `json:"fitted"`
}

// Memory is what an agent knows, but for the ranking and settings: it can be
// stored, and another agent goes on from it.
type Memory struct {
	Object  object.ID     `json:"object"`
	State   object.State  `json:"state"`
	Known   record.Millis `json:"known"`   // last good reading
	Good    int           `json:"good"`    // good readings in a row
	Changed record.Millis `json:"changed"` // last change; 0: never
	Stepped record.Millis `json:"stepped"` // last step
	Spells  []Spell       `json:"spells,omitempty"`
	Dropped []Dropped     `json:"dropped,omitempty"`
	Refused string        `json:"refused,omitempty"` // why nothing stands in
}

// Agent decides for one object what stands in for it, and when. It remembers a
// bounded amount and is for one goroutine at a time.
type Agent struct {
	Settings
	m       Memory
	ranking *Ranking
}

// NewAgent makes the agent of an object that nothing is known of.
func NewAgent(id object.ID, s Settings) *Agent { return Resume(Memory{Object: id}, s) }

// Resume makes an agent that goes on from what another knew.
func Resume(m Memory, s Settings) *Agent {
	m.Spells, m.Dropped = slices.Clone(m.Spells), slices.Clone(m.Dropped)
	return &Agent{Settings: s.withDefaults(), m: m}
}

// Memory gives what the agent knows, to be stored.
func (a *Agent) Memory() Memory {
	m := a.m
	m.Spells, m.Dropped = slices.Clone(m.Spells), slices.Clone(m.Dropped)
	return m
}

// InForce gives what stands in, if anything does.
func (a *Agent) InForce() (*Provenance, bool) {
	if s := a.spell(); s != nil {
		return &s.Provenance, true
	}
	return nil, false
}

// Spells lists the latest substitutions with what was seen of them, the last of
// which may be in force.
func (a *Agent) Spells() []Spell { return slices.Clone(a.m.Spells) }

// State is how the object is for those who use it.
func (a *Agent) State() object.State {
	if p, ok := a.InForce(); ok {
		return p.State()
	}
	return a.m.State
}

func (a *Agent) spell() *Spell {
	if n := len(a.m.Spells); n > 0 && a.m.Spells[n-1].Ended == 0 {
		return &a.m.Spells[n-1]
	}
	return nil
}

// Step takes what happened and gives what follows from it at the time now: what
// is to be told of scores first, then exactly one of Rest, Engage, Keep, Switch,
// Return, Refuse and Wait. It must not be told of times that go back.
func (a *Agent) Step(e Event, now record.Millis) []Decision {
	if e.Ranking != nil {
		a.ranking = e.Ranking
		a.m.Dropped = slices.DeleteFunc(a.m.Dropped, func(d Dropped) bool { return d.Fitted < e.Ranking.Until })
	}
	out := a.score(e, now)
	a.hear(e, now)
	switch s := a.spell(); {
	case s != nil:
		return append(out, a.standing(s, e, now))
	case !e.Doubtful && (a.m.State.Own() || a.m.State == ""):
		a.m.Refused = ""
		return append(out, Decision{Action: Rest, Object: a.m.Object, Time: now})
	}
	if a.held(now) {
		return append(out, a.wait(now, "the object is away"))
	}
	return append(out, a.engage(Engage, e, now))
}

// hear counts good readings.
func (a *Agent) hear(e Event, now record.Millis) {
	since := now - a.m.Stepped // what came between two steps is not seen, but for the last of it
	a.m.Stepped = now
	if e.State != "" {
		a.m.State = e.State
	}
	if e.Doubtful || !a.m.State.Own() {
		a.m.Good = 0
	}
	if e.Read == nil || e.Doubtful || !finite(e.Read.Value) || e.Read.Time <= a.m.Known {
		return // a reading that comes late is no sign of life
	}
	if e.State == "" {
		a.m.State = object.Live
	}
	if e.Read.Time-a.m.Known > 2*a.Interval+since {
		a.m.Good = 0
	}
	a.m.Known = e.Read.Time
	a.m.Good = min(a.m.Good+1, a.Settings.Good)
}

func (a *Agent) held(now record.Millis) bool { return a.m.Changed > 0 && now-a.m.Changed < a.Hold }

func (a *Agent) wait(now record.Millis, why string) Decision {
	d := Decision{Action: Wait, Object: a.m.Object, Time: now, Reason: fmt.Sprintf("%s; the last change was less than %s ago", why, span(a.Hold))}
	if s := a.spell(); s != nil {
		d.Provenance = &s.Provenance
	}
	return d
}

// standing decides while something stands in.
func (a *Agent) standing(s *Spell, e Event, now record.Millis) Decision {
	p := &s.Provenance
	if !e.Doubtful && a.m.State.Own() && a.m.Good >= a.Settings.Good {
		if a.held(now) {
			return a.wait(now, "the object reports again")
		}
		s.Ended, a.m.Changed, a.m.Refused = now, now, ""
		score := s.Score
		return Decision{Action: Return, Object: a.m.Object, Time: now, Score: &score, Reason: fmt.Sprintf("%d good readings in a row", a.m.Good)}
	}
	why := ""
	for _, id := range p.From {
		if e.Usable == nil || !e.Usable(id) {
			why = fmt.Sprintf("%s does not measure itself any more", id)
		}
	}
	switch {
	case now >= p.Until:
		why = fmt.Sprintf("it holds for no longer than %s", span(p.Until-p.Known))
	case a.ranking != nil && p.UpTo > 0 && now-now%p.Mapping.Step-p.Known > p.UpTo:
		why = fmt.Sprintf("its error is known for %s only", span(p.UpTo))
	case a.isDropped(p.Method, p.From):
		why = "it was wrong by more than was expected"
	}
	if why != "" {
		if a.held(now) {
			return a.wait(now, why)
		}
		d := a.engage(Switch, e, now)
		d.Reason = why + ": " + d.Reason
		return d
	}
	if c, ok := a.better(p, e, now); ok && !a.held(now) {
		return a.put(Switch, c, now, fmt.Sprintf("%s saves at least %.0f %% of the error", c.Option.Method, 100*a.Better))
	}
	return Decision{Action: Keep, Object: a.m.Object, Time: now, Provenance: p}
}

// better looks for something that is worth a change.
func (a *Agent) better(p *Provenance, e Event, now record.Millis) (Choice, bool) {
	if a.ranking == nil {
		return Choice{}, false
	}
	c := a.ranking.choose(a.age(now), a.Need, usable(e), a.isDropped, nil)
	if c.Fit == nil || c.Option.Method == p.Method && slices.Equal(c.Fit.Mapping.From(), p.From) {
		return c, false
	}
	return c, c.Fit.Error.Mean < (1-a.Better)*p.Expected.Mean
}

func usable(e Event) func(object.ID) bool {
	if e.Usable == nil {
		return func(object.ID) bool { return false }
	}
	return e.Usable
}

// age is how old what is known may get before the next change is allowed.
func (a *Agent) age(now record.Millis) record.Millis {
	then := now + a.Hold
	return min(then-then%a.ranking.Step-a.cell(), a.Horizon)
}

// cell is the last cell of the grid that the object filled before it went away.
func (a *Agent) cell() record.Millis {
	step := a.ranking.Step
	return a.m.Known - a.m.Known%step - step
}

// engage puts something in, or says why nothing can be.
func (a *Agent) engage(how Action, e Event, now record.Millis) Decision {
	refuse := func(why string, refused []Refusal) Decision {
		if s := a.spell(); s != nil {
			s.Ended, a.m.Changed = now, now
		}
		a.m.Refused = why
		return Decision{Action: Refuse, Object: a.m.Object, Time: now, Reason: why, Refused: refused}
	}
	switch {
	case a.ranking == nil || len(a.ranking.Options) == 0:
		why := "nothing is known that could stand in"
		if a.ranking != nil {
			for _, r := range a.ranking.Refused {
				if r.Object == a.m.Object {
					why += ": " + r.Reason
				}
			}
			return refuse(why, a.ranking.Refused)
		}
		return refuse(why, nil)
	case a.m.Known == 0:
		return refuse("the object never measured anything", nil)
	case now >= a.cell()+a.Horizon:
		return refuse(fmt.Sprintf("the object has been away for longer than %s", span(a.Horizon)), nil)
	}
	c, refused := a.ranking.Choose(a.age(now), a.Need, usable(e), a.isDropped)
	if c.Fit == nil {
		why := "nothing is good enough"
		if len(refused) > 0 {
			// Options are in the order of their errors: the first says how far it is.
			why = fmt.Sprintf("%s: %s is %s", why, refused[0].Method, refused[0].Reason)
		}
		return refuse(why, refused)
	}
	return a.put(how, c, now, fmt.Sprintf("%s is expected to be wrong by %.4g %s, less than anything else", c.Option.Method, c.Fit.Error.Mean, a.ranking.Unit))
}

// put lets an option stand in.
func (a *Agent) put(how Action, c Choice, now record.Millis, why string) Decision {
	var score *Score
	if s := a.spell(); s != nil {
		s.Ended = now
		was := s.Score
		score = &was
	} else {
		how = Engage
	}
	p := Provenance{
		Object: a.m.Object, Method: c.Option.Method, From: c.Fit.Mapping.From(), Place: c.Option.Place, Unit: a.ranking.Unit,
		Mapping: c.Fit.Mapping, Expected: c.Fit.Error, UpTo: c.Fit.UpTo, Needed: a.Need,
		Fitted: a.ranking.Until, Known: a.cell(), Since: now, Until: a.cell() + a.Horizon,
	}
	if len(a.m.Spells) == maxSpells {
		a.m.Spells = append(a.m.Spells[:0:0], a.m.Spells[1:]...)
	}
	a.m.Spells = append(a.m.Spells, Spell{Provenance: p, Score: Score{Expected: p.Expected.Mean}})
	a.m.Changed, a.m.Refused = now, ""
	return Decision{Action: how, Object: a.m.Object, Time: now, Provenance: &a.spell().Provenance, Score: score, Reason: why}
}

// score compares what stood in with what the object itself measured.
func (a *Agent) score(e Event, now record.Millis) []Decision {
	if e.Values == nil || e.Doubtful {
		return nil
	}
	var out []Decision
	for _, c := range e.Cells {
		for i := len(a.m.Spells) - 1; i >= 0; i-- {
			s := &a.m.Spells[i]
			p := &s.Provenance
			if !p.covers(c.Time) || p.UpTo > 0 && c.Time-p.Known > p.UpTo {
				continue
			}
			if c.Time+p.Mapping.Step <= p.Since && i > 0 && a.m.Spells[i-1].Provenance.covers(c.Time) {
				continue // something else stood in then
			}
			if v, ok := p.Value(c.Time, e.Values); ok && finite(c.Value) {
				s.Score.add(v, c.Value)
			}
			break
		}
	}
	for i := range a.m.Spells {
		s := &a.m.Spells[i]
		p := &s.Provenance
		if s.Judged || s.Score.Cells < a.Scored || s.Score.Seen <= a.Overrun*s.Score.Expected+1e-6*s.Score.Size {
			continue
		}
		s.Judged = true
		if a.ranking != nil && a.ranking.Until > p.Fitted {
			continue // it has been fitted anew since
		}
		if len(a.m.Dropped) == maxDropped {
			a.m.Dropped = append(a.m.Dropped[:0:0], a.m.Dropped[1:]...)
		}
		a.m.Dropped = append(a.m.Dropped, Dropped{Method: p.Method, From: p.From, Fitted: p.Fitted})
		score := s.Score
		out = append(out, Decision{Action: Refit, Object: a.m.Object, Time: now, Score: &score, Reason: fmt.Sprintf(
			"%s was wrong by %.4g %s in %d values, %.4g %s were expected", p.Method, score.Seen, p.Unit, score.Cells, score.Expected, p.Unit)})
	}
	return out
}

func (a *Agent) isDropped(m Method, from []object.ID) bool {
	return slices.ContainsFunc(a.m.Dropped, func(d Dropped) bool { return d.Method == m && slices.Equal(d.From, from) })
}
