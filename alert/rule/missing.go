package rule

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/record"
)

// silence looks at the clock: has there been no reading for too long?
func (e *Engine) silence(in *instance, st *state) {
	if len(in.leaves) == 0 {
		return
	}
	e.unhush(in, st, e.now)
	heard := record.Millis(math.MinInt64)
	what := bad
	for _, f := range in.leaves {
		at, due := e.due(f, st, in.rule.Condition.Intervals)
		heard = max(heard, at)
		if e.now >= due {
			continue
		}
		if what = good; at < st.Grace && due-st.Grace <= e.now-at {
			what = between // silent still, and given its time anew
		}
		break
	}
	quiet, since := float64(e.now-heard)/1000, e.now
	if what == bad {
		st.Value, since = &quiet, heard
	}
	e.move(in, st, e.now, since, what)
}

// due gives when a sensor was heard last, or is waited for since, and from when
// on it counts as silent.
func (e *Engine) due(f leaf, st *state, intervals float64) (heard, due record.Millis) {
	heard = st.Begun
	if r, ok := e.last[f.sensor]; ok {
		heard = r.Time
	}
	return heard, max(heard, st.Grace) + record.Millis(intervals*float64(f.interval))
}

// Told says that all ticks that were stored before t were taken, so that a group
// of which there was none for long is not known any more when the clock comes.
// Without it the last tick holds.
func (e *Engine) Told(t record.Millis) { e.told = max(e.told, t) }

// stalled takes it that nothing is known of a group when nobody has told of it
// for its max age. A group whose members are silent has a tick that says so; this
// is for when no ticks come at all. Those that come later, of the time between,
// are judged as ever.
func (e *Engine) stalled(in *instance, st *state, now record.Millis) {
	if st.Stored == 0 || e.told-st.Stored <= record.Millis(in.tickAge) {
		return
	}
	at := st.At
	st.Value = nil
	e.move(in, st, max(now, at), now, null)
	st.At = at
}

// over gives an alert of a group above that is raised and says the same.
func (e *Engine) over(in *instance) *instance {
	k := in.rule.Condition.Kind
	if k != Missing && k != Coverage {
		return nil
	}
	for _, g := range in.above {
		for _, up := range e.plan.missing[g] {
			if up == in || k == Missing && up.subject == in.subject {
				continue
			}
			if st := e.states[up.key]; st != nil && (st.Status == Firing || st.Status == Hushed) {
				return up
			}
		}
	}
	return nil
}

// suspected tells whether a group above may be about to be found silent: each
// of its sensors has missed a reading. Then nobody below speaks before it is
// known, so that the first ones to be overdue do not give an alert each.
func (e *Engine) suspected(in *instance) bool {
	for _, g := range in.above {
		for _, up := range e.plan.missing[g] {
			if up == in || up.subject == in.subject {
				continue
			}
			found, known := e.suspects[up]
			if !known {
				found = e.suspect(up)
				if e.suspects != nil {
					e.suspects[up] = found
				}
			}
			if found {
				return true
			}
		}
	}
	return false
}

// missed is after how many intervals a sensor has missed a reading.
const missed = 1.5

func (e *Engine) suspect(up *instance) bool {
	st := e.state(up)
	for _, f := range up.leaves {
		if _, due := e.due(f, st, missed); e.now < due {
			return false
		}
	}
	return len(up.leaves) > 1
}

// Active is an alert that is not at rest.
type Active struct {
	Rule     string        `json:"rule"`
	Subject  Ref           `json:"subject"`
	Status   Status        `json:"status"`
	Severity Severity      `json:"severity"`
	Incident string        `json:"incident,omitempty"`
	Since    record.Millis `json:"since"`
	Unknown  record.Millis `json:"unknown,omitempty"` // since when it is not known whether it lasts; 0: it is known
	Value    *float64      `json:"value"`
	Sentence string        `json:"sentence"`
}

// Active gives all alerts that are not at rest, those of groups first.
func (e *Engine) Active() []Active {
	var out []Active
	for _, in := range e.plan.instances {
		st := e.states[in.key]
		if st == nil || st.Status == Quiescent {
			continue
		}
		t := e.transition(in, st, Fired, max(e.now, st.At))
		out = append(out, Active{
			Rule: in.key.rule, Subject: in.subject, Status: st.Status, Severity: in.rule.Severity, Incident: st.Incident,
			Since: st.Since, Unknown: st.Unknown, Value: st.Value, Sentence: english{Case: t.Case(in.zone), code: t.Code()}.what(),
		})
	}
	return out
}

// checkpoint is what a restart needs.
type checkpoint struct {
	Now    record.Millis               `json:"now"`
	Last   map[record.SensorID]reading `json:"last,omitempty"`
	Alerts []kept                      `json:"alerts,omitempty"`
}

type kept struct {
	Rule    string `json:"rule"`
	Subject Ref    `json:"subject"`
	state
}

// Checkpoint writes down everything the engine remembers, as JSON; equal
// engines give equal bytes.
func (e *Engine) Checkpoint() ([]byte, error) {
	c := checkpoint{Now: e.now, Last: e.last}
	for k, st := range e.states {
		c.Alerts = append(c.Alerts, kept{k.rule, k.subject, *st})
	}
	slices.SortFunc(c.Alerts, func(a, b kept) int {
		if n := strings.Compare(a.Rule, b.Rule); n != 0 {
			return n
		}
		return strings.Compare(a.Subject.String(), b.Subject.String())
	})
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write checkpoint of alerts: %w", err)
	}
	return data, nil
}

// Restore goes on from a checkpoint. It is called before [Engine.SetPlan] and
// before any event. Alerts in it whose rule the next plan does not have end
// there without a word: nobody knows any more what they were about.
func (e *Engine) Restore(data []byte) error {
	var c checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("read checkpoint of alerts: %w", err)
	}
	e.now = c.Now
	if c.Last != nil {
		e.last = c.Last
	}
	for i := range c.Alerts {
		k := c.Alerts[i]
		st := k.state
		e.states[key{k.Rule, k.Subject}] = &st
	}
	return nil
}
